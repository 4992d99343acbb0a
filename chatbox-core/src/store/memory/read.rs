//! Reads that need more than a look-up.

use super::world::{Entry, World, awaits_media};
use crate::connector::Verb;
use crate::event::{EventBody, Media};
use crate::id::{ChatId, ConnectionId, EventId, MailboxId, Seq};
use crate::store::{
    Backlog, Delivery, DeliveryFilter, Depth, LaneKey, LogRow, Parcel, Pending, PendingMedia,
    Position, Sent, Story, TraceStep, TurnRow, holds_every_word,
};

impl World {
    pub(super) fn pending(&self, lane: &LaneKey) -> Option<Pending> {
        let chats = self.lane_chats(lane).into_iter();
        let waiting = chats.filter_map(|id| Some((self.oldest_waking(id, &lane.owner)?, id)));
        let (_, id) = waiting.min()?;
        let chat = self.chat(id)?.clone();
        let handed = self.handed(id, &lane.owner);
        let rows = self
            .log
            .iter()
            .filter(|entry| entry.row.chat == id && entry.row.seq > handed)
            .filter(|entry| !self.was_taken_back(entry))
            .map(|entry| self.view(entry))
            .collect();
        let upto = chat.head;
        Some(Pending { chat, rows, upto })
    }

    fn was_taken_back(&self, entry: &Entry) -> bool {
        entry.newest.is_some() && matches!(self.view(entry).body, EventBody::Delete { .. })
    }

    pub(super) fn names_of(&self, seq: Seq) -> Vec<EventId> {
        let event = self.entry(seq).and_then(|entry| entry.row.event.clone());
        if let Some(event) = event {
            return vec![event];
        }
        let newest = self.entry(seq).and_then(|entry| entry.newest);
        let named = |of: Seq| {
            let parts = self.outbox.values().map(|sent| &sent.delivery);
            let parts = parts.filter(move |part| part.seq == of);
            parts.filter_map(|part| Some((part, part.receipt.as_ref()?.message.clone()?)))
        };
        let mut names: Vec<EventId> = named(seq).map(|(_, name)| name).collect();
        let has_own = !names.is_empty();
        for (part, name) in newest.into_iter().flat_map(named) {
            if !has_own || matches!(part.parcel, Parcel::Perform(Verb::Send(_))) {
                names.push(name);
            }
        }
        names
    }

    pub(super) fn positions(&self, chat: ChatId) -> Vec<Position> {
        let members = self.members.iter().filter(|((id, _), _)| *id == chat);
        members
            .map(|((_, reader), member)| Position {
                reader: reader.clone(),
                handed: member.handed,
                seen: member.seen,
            })
            .collect()
    }

    pub(super) fn depth(&self) -> Depth {
        let handed = |sent: &&Sent| !matches!(sent.delivery.parcel, Parcel::Perform(_));
        let (hand_outs, sends): (Vec<_>, Vec<_>) = self.unsettled().partition(handed);
        Depth {
            sends: sends.len() as u64,
            hand_outs: hand_outs.len() as u64,
        }
    }

    pub(super) fn backlog(&self, owner: &str) -> Backlog {
        let theirs = self.unsettled().map(|sent| &sent.delivery);
        let mut theirs = theirs.filter(|delivery| delivery.lane.owner == owner);
        let oldest = theirs.next().map(|delivery| delivery.at);
        Backlog {
            rows: oldest.map_or(0, |_| 1 + theirs.count() as u64),
            oldest,
        }
    }

    pub(super) fn queued(&self, lane: &LaneKey, limit: u32) -> Vec<Delivery> {
        self.unsettled()
            .map(|sent| &sent.delivery)
            .filter(|delivery| delivery.lane == *lane)
            .take(limit as usize)
            .cloned()
            .collect()
    }

    pub(super) fn deliveries(&self, filter: &DeliveryFilter) -> Vec<Delivery> {
        let account = |it: &&Sent| match &filter.account {
            None => true,
            account => self.account_of(it) == account.as_ref(),
        };
        let all = self.outbox.values().rev().filter(account);
        all.map(|sent| &sent.delivery)
            .filter(|it| {
                filter
                    .owner
                    .as_ref()
                    .is_none_or(|one| it.lane.owner == *one)
            })
            .filter(|it| filter.before.is_none_or(|before| it.id < before))
            .filter(|it| filter.states.is_empty() || filter.states.contains(&it.state))
            .take(filter.limit as usize)
            .cloned()
            .collect()
    }

    pub(super) fn pending_media(&self, connection: &ConnectionId) -> Vec<PendingMedia> {
        let of_connection = |row: &LogRow| {
            self.chat(row.chat)
                .is_some_and(|chat| chat.connection == *connection)
        };
        self.log
            .iter()
            .map(|entry| self.view(entry))
            .filter(|row| matches!(row.body, EventBody::Message(_)))
            .filter(|row| awaits_media(&row.body) && of_connection(row))
            .flat_map(|row| files_to_fetch(&row))
            .collect()
    }

    pub(super) fn search(&self, mailbox: &MailboxId, words: &str, limit: u32) -> Vec<LogRow> {
        let theirs = |row: &LogRow| {
            self.chat(row.chat)
                .is_some_and(|chat| chat.mailbox == *mailbox)
        };
        let says = |row: &LogRow| match &row.body {
            EventBody::Message(content) => holds_every_word(&content.text, words),
            _ => false,
        };
        let rows = self.log.iter().rev().map(|entry| self.view(entry));
        rows.filter(|row| theirs(row) && says(row))
            .take(limit as usize)
            .collect()
    }

    pub(super) fn trace(&self, seq: Seq) -> Vec<TraceStep> {
        let Some(entry) = self.entry(seq) else {
            return Vec::new();
        };
        let answered = match entry.row.wakes {
            true => self.answering_turn(&entry.row),
            false => None,
        };
        let said = |entry: &&Entry| answered.is_some() && entry.turn == answered;
        let replies: Vec<LogRow> = self
            .log
            .iter()
            .filter(said)
            .map(|it| self.view(it))
            .collect();
        let about = |sent: &&Sent| {
            let of = sent.delivery.seq;
            of == seq || replies.iter().any(|reply| reply.seq == of)
        };
        let story = Story {
            row: self.view(entry),
            turns: self.turns_about(&entry.row, answered),
            deliveries: self.outbox.values().filter(about).cloned().collect(),
            replies,
        };
        story.steps()
    }

    /// The turn that handed the row over.
    fn answering_turn(&self, row: &LogRow) -> Option<usize> {
        self.turns.iter().position(|turn| {
            let ended = matches!(turn.turn.state.as_str(), "done" | "failed" | "poisoned");
            ended && turn.chat == Some(row.chat) && turn.upto >= Some(row.seq)
        })
    }

    /// The turns that had the row to answer: of the chat's lanes, claimed while it waited, up to the one that answered.
    fn turns_about(&self, row: &LogRow, answered: Option<usize>) -> Vec<TurnRow> {
        let may_concern = |lane: &LaneKey| self.lane_chats(lane).contains(&row.chat);
        let turns = self.turns.iter().enumerate();
        turns
            .filter(|_| row.wakes)
            .filter(|(place, turn)| {
                let waited = turn.head >= row.seq && answered.is_none_or(|it| *place <= it);
                let meant = turn.chat.is_none_or(|chat| chat == row.chat);
                (waited && meant && may_concern(&turn.lane)) || Some(*place) == answered
            })
            .map(|(_, turn)| turn.turn.clone())
            .collect()
    }
}

fn files_to_fetch(row: &LogRow) -> Vec<PendingMedia> {
    let files = row.body.content().map(|it| it.attachments.as_slice());
    let files = (0..).zip(files.unwrap_or_default());
    files
        .filter_map(|(index, file)| match &file.media {
            Media::Pending { source } => Some(PendingMedia {
                seq: row.seq,
                index,
                source: source.clone(),
                name: file.name.clone(),
                mime: file.mime.clone(),
            }),
            _ => None,
        })
        .collect()
}
