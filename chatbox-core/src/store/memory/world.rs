//! The tables, and the few look-ups that several steps share. Decides nothing.

use super::lane::Lane;
use crate::admit::Policy;
use crate::connector::Revision;
use crate::event::{EventBody, Media};
use crate::id::{
    AccountId, ChatId, ConnectionId, DeliveryId, EventId, ExternalId, Handle, MailboxId, Millis,
    Platform, Seq, SessionId,
};
use crate::store::{
    Author, Chat, Connection, DeliveryState, LaneKey, LaneKind, LogRow, Mailbox, Noted, Record,
    RecordKind, Remembered, Sent, Span, StateBox, Subscription, Token, TurnRow,
};
use std::collections::BTreeMap;

/// Everything there is.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) mailboxes: BTreeMap<MailboxId, Mailbox>,
    pub(super) connections: BTreeMap<ConnectionId, Connected>,
    /// A chat's id is its place, from 1.
    pub(super) chats: Vec<Chat>,
    pub(super) sessions: BTreeMap<Talk, SessionId>,
    pub(super) persons: BTreeMap<Known, i64>,
    /// A row's seq is its place, from 1.
    pub(super) log: Vec<Entry>,
    pub(super) members: BTreeMap<(ChatId, String), Member>,
    pub(super) lanes: BTreeMap<LaneKey, Lane>,
    pub(super) turns: Vec<TurnEntry>,
    pub(super) outbox: BTreeMap<DeliveryId, Sent>,
    /// The newest delivery's id; ids are not used again when deliveries are purged.
    pub(super) delivered: i64,
    pub(super) idem: BTreeMap<String, Seq>,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) states: BTreeMap<(ConnectionId, String), (Revision, StateBox)>,
    pub(super) records: BTreeMap<(RecordKind, String), Record>,
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    pub(super) remembered: BTreeMap<String, (Remembered, Millis)>,
    pub(super) notes: Vec<Noted>,
}

/// A connection and whether it is still in use.
#[derive(Clone, Debug)]
pub(super) struct Connected {
    pub(super) connection: Connection,
    pub(super) active: bool,
}

/// Whose session.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Talk {
    WithPerson(MailboxId, i64),
    InChat(ChatId),
}

/// How a person is recognised: platform, our account there, their name there.
pub(super) type Known = (Platform, ExternalId, ExternalId);

/// A log row with what readers do not see.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// As it was written.
    pub(super) row: LogRow,
    /// The edit or deletion that holds its newest body.
    pub(super) newest: Option<Seq>,
    /// The turn that said it.
    pub(super) turn: Option<usize>,
}

/// How far a reader is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) handed: Seq,
    pub(super) seen: Seq,
    pub(super) muted: bool,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            handed: Seq::ZERO,
            seen: Seq::ZERO,
            muted: false,
        }
    }
}

/// A turn with what its story does not show.
#[derive(Clone, Debug)]
pub(super) struct TurnEntry {
    pub(super) lane: LaneKey,
    /// The log's head when it was claimed.
    pub(super) head: Seq,
    pub(super) chat: Option<ChatId>,
    /// The newest row it handed over or wanted to.
    pub(super) upto: Option<Seq>,
    pub(super) turn: TurnRow,
}

impl World {
    pub(super) fn active(&self, id: &ConnectionId) -> Option<&Connection> {
        self.connections
            .get(id)
            .filter(|it| it.active)
            .map(|it| &it.connection)
    }

    pub(super) fn chat(&self, id: ChatId) -> Option<&Chat> {
        let place = usize::try_from(id.0).ok()?.checked_sub(1)?;
        self.chats.get(place)
    }

    pub(super) fn chat_mut(&mut self, id: ChatId) -> &mut Chat {
        let place = usize::try_from(id.0 - 1).expect("a chat's id is its place");
        &mut self.chats[place]
    }

    pub(super) fn chat_of(&self, connection: &ConnectionId, handle: &Handle) -> Option<&Chat> {
        self.chats
            .iter()
            .find(|chat| chat.connection == *connection && chat.handle == *handle)
    }

    /// The chats in which a turn lane looks for work.
    pub(super) fn lane_chats(&self, lane: &LaneKey) -> Vec<ChatId> {
        let mine = |chat: &&Chat| chat.mailbox.as_str() == lane.owner;
        let of_lane = |chat: &&Chat| match lane.key.split_once('/') {
            Some(("chat", id)) => chat.id.to_string() == id,
            Some(("session", id)) => chat.session.to_string() == id,
            _ => lane.key == "mailbox",
        };
        if lane.kind != LaneKind::Turn {
            return Vec::new();
        }
        let chats = self.chats.iter().filter(mine).filter(of_lane);
        chats.map(|chat| chat.id).collect()
    }

    pub(super) fn entry(&self, seq: Seq) -> Option<&Entry> {
        let place = usize::try_from(seq.0).ok()?.checked_sub(1)?;
        self.log.get(place)
    }

    pub(super) fn entry_mut(&mut self, seq: Seq) -> Option<&mut Entry> {
        let place = usize::try_from(seq.0).ok()?.checked_sub(1)?;
        self.log.get_mut(place)
    }

    pub(super) fn head(&self) -> Seq {
        self.log.last().map_or(Seq::ZERO, |entry| entry.row.seq)
    }

    /// A row as readers see it: a message shows its newest version, or that it was taken back.
    pub(super) fn view(&self, entry: &Entry) -> LogRow {
        let mut row = entry.row.clone();
        if let Some(newest) = entry.newest.and_then(|seq| self.entry(seq)) {
            row.body = match &newest.row.body {
                EventBody::Edit { content, .. } => EventBody::Message(content.clone()),
                body => body.clone(),
            };
        }
        row
    }

    /// The rows of a chat or session as readers see them, oldest first.
    pub(super) fn rows(&self, of: Span) -> impl DoubleEndedIterator<Item = LogRow> + '_ {
        let belongs = move |entry: &&Entry| match of {
            Span::Chat(chat) => entry.row.chat == chat,
            Span::Session(session) => self
                .chat(entry.row.chat)
                .is_some_and(|chat| chat.session == session),
        };
        self.log
            .iter()
            .filter(belongs)
            .map(|entry| self.view(entry))
    }

    /// The row a connection's event became, or that a delivered send with this receipt came from.
    pub(super) fn seq_of(&self, connection: &ConnectionId, event: &EventId) -> Option<Seq> {
        let came_in = self.log.iter().find(|entry| {
            entry.row.event.as_ref() == Some(event)
                && self
                    .chat(entry.row.chat)
                    .is_some_and(|chat| chat.connection == *connection)
        });
        let went_out = || {
            self.outbox.values().map(|sent| &sent.delivery).find(|it| {
                it.lane.owner == connection.as_str()
                    && it
                        .receipt
                        .as_ref()
                        .is_some_and(|receipt| receipt.message.as_ref() == Some(event))
            })
        };
        came_in
            .map(|entry| entry.row.seq)
            .or_else(|| went_out().map(|delivery| delivery.seq))
    }

    pub(super) fn handed(&self, chat: ChatId, mailbox: &str) -> Seq {
        self.members
            .get(&(chat, mailbox.to_owned()))
            .map_or(Seq::ZERO, |member| member.handed)
    }

    /// The oldest row of a chat that starts a turn and is not handed over. That it was taken back since does not
    /// matter: the turn it asked for has to end all the same.
    pub(super) fn oldest_waking(&self, chat: ChatId, mailbox: &str) -> Option<Seq> {
        let handed = self.handed(chat, mailbox);
        let waits = |row: &&LogRow| row.chat == chat && row.wakes && row.seq > handed;
        let mut rows = self.log.iter().map(|entry| &entry.row);
        rows.find(waits).map(|row| row.seq)
    }

    /// Whether a row of a chat that is not handed over waits for a file.
    pub(super) fn awaits_media(&self, chat: ChatId, mailbox: &str) -> bool {
        let handed = self.handed(chat, mailbox);
        self.rows(Span::Chat(chat))
            .any(|row| row.seq > handed && awaits_media(&row.body))
    }

    /// Appends a row. It knows its place and time; its chat's head moves with it.
    pub(super) fn append(&mut self, row: NewRow, now: Millis) -> Seq {
        let seq = Seq(self.head().0 + 1);
        let revises = matches!(row.body, EventBody::Edit { .. } | EventBody::Delete { .. });
        self.chat_mut(row.chat).head = seq;
        self.log.push(Entry {
            row: LogRow {
                seq,
                chat: row.chat,
                author: row.author,
                out: row.out,
                body: row.body,
                event: row.event,
                target: row.target,
                late: row.late,
                wakes: row.wakes,
                at: now,
            },
            newest: None,
            turn: row.turn,
        });
        if let Some(target) = row.target.filter(|_| revises) {
            self.revise(target, seq);
        }
        seq
    }

    /// A message reads as `newest` says from now on, unless it was taken back before.
    fn revise(&mut self, target: Seq, newest: Seq) {
        let deleted = self
            .entry(target)
            .is_some_and(|it| matches!(self.view(it).body, EventBody::Delete { .. }));
        if let Some(entry) = self.entry_mut(target)
            && matches!(entry.row.body, EventBody::Message(_))
            && !deleted
        {
            entry.newest = Some(newest);
        }
    }

    /// Whether a delivery of this out lane is not settled.
    pub(super) fn has_unsettled(&self, lane: &LaneKey) -> bool {
        self.unsettled().any(|sent| sent.delivery.lane == *lane)
    }

    pub(super) fn unsettled(&self) -> impl Iterator<Item = &Sent> {
        self.outbox.values().filter(|sent| {
            matches!(
                sent.delivery.state,
                DeliveryState::Queued | DeliveryState::Custody
            )
        })
    }

    /// Whether another active connection uses this account of this platform.
    pub(super) fn in_use(
        &self,
        id: &ConnectionId,
        platform: &Platform,
        ident: &ExternalId,
    ) -> bool {
        self.connections.values().any(|it| {
            let other = &it.connection;
            it.active && other.id != *id && other.platform == *platform && other.ident == *ident
        })
    }

    pub(super) fn name_taken(&self, account: &AccountId, name: &str, id: &MailboxId) -> bool {
        self.mailboxes
            .values()
            .any(|it| it.account == *account && it.name == name && it.id != *id)
    }

    pub(super) fn policy_rev(&self, id: &ConnectionId) -> Option<Revision> {
        self.active(id).map(|connection| connection.policy_rev)
    }

    pub(super) fn set_policy(&mut self, id: &ConnectionId, policy: Policy) {
        if let Some(it) = self.connections.get_mut(id) {
            it.connection.policy = policy;
            it.connection.policy_rev += 1;
        }
    }
}

/// A row to be appended.
#[derive(Debug)]
pub(super) struct NewRow {
    pub(super) chat: ChatId,
    pub(super) author: Author,
    pub(super) out: bool,
    pub(super) body: EventBody,
    pub(super) event: Option<EventId>,
    pub(super) target: Option<Seq>,
    pub(super) late: bool,
    pub(super) wakes: bool,
    pub(super) turn: Option<usize>,
}

impl NewRow {
    /// A row by the house about what became of an earlier one.
    pub(super) fn outcome(chat: ChatId, of: Seq, state: &str, reason: &str) -> Self {
        Self {
            chat,
            author: Author::System,
            out: false,
            body: EventBody::Outcome {
                of,
                state: state.to_owned(),
                reason: reason.to_owned(),
            },
            event: None,
            target: Some(of),
            late: false,
            wakes: false,
            turn: None,
        }
    }
}

/// Whether a file of this body is still with its platform.
pub(super) fn awaits_media(body: &EventBody) -> bool {
    body.content().is_some_and(|content| {
        let mut files = content.attachments.iter();
        files.any(|file| matches!(file.media, Media::Pending { .. }))
    })
}
