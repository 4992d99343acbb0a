//! Taking events in, deciding about their files, and reading positions.

use super::lane::Lane;
use super::world::{NewRow, Talk, World, awaits_media};
use crate::event::{ChatKind, Event, EventBody};
use crate::id::{ChatId, ConnectionId, Fence, Millis, Seq, SessionId};
use crate::store::{
    Accept, Accepted, Ack, Author, Chat, Claimed, Connection, Done, Door, LaneKey, LogRow,
    MEDIA_WAIT_MS, MediaStep, Outcome, ServiceEvent, ServiceKind, Skip, Wake,
};

impl World {
    pub(super) fn skip(&mut self, skip: Skip) -> Outcome {
        if self.active(&skip.connection).is_none() {
            return Outcome::Stale;
        }
        if self.is_read_by_another(&skip.connection, skip.fence) {
            return Outcome::Fenced;
        }
        self.move_cursor(skip.connection, Some(skip.cursor));
        Outcome::Done(Done::Nothing)
    }

    pub(super) fn accept(&mut self, accept: Accept, now: Millis) -> Outcome {
        let Some(connection) = self.active(&accept.connection).cloned() else {
            return Outcome::Stale;
        };
        if self.is_read_by_another(&connection.id, accept.fence) {
            return Outcome::Fenced;
        }
        if connection.policy_rev != accept.policy_rev {
            return Outcome::Stale;
        }
        self.move_cursor(accept.connection.clone(), accept.cursor.clone());
        if let Some(seq) = self.event_row(&accept) {
            return Outcome::Duplicate { seq: Some(seq) };
        }
        let known = self
            .chat_of(&connection.id, &accept.event.chat.handle)
            .cloned();
        let new_chat = known.is_none();
        let chat = known.unwrap_or_else(|| self.new_chat(&connection, &accept.event));
        let target = accept.event.body.target();
        let target = target.and_then(|event| self.seq_of(&connection.id, event));
        let prev = chat.head;
        let seq = self.append(row_of(&accept, chat.id, target), now);
        self.consume(&chat.mailbox, chat.id, seq);
        if new_chat {
            let event = ServiceEvent {
                chat: Some(chat.id),
                connection: Some(chat.connection.clone()),
                ..ServiceEvent::new(ServiceKind::NewChat, chat.mailbox.clone())
            };
            self.happen(&event, seq, now);
        }
        let handed = self.hand_out(&accept, &chat, seq, now);
        let idle = self.is_all_answered(&chat, seq);
        let turn = self.wake_mailbox(&accept, &chat, seq, now);
        let alone = idle && turn.is_some();
        let (handing, hand) = handed.unzip();
        let claimed = turn.or(hand.flatten());
        Outcome::Done(Done::Accepted(Accepted {
            seq,
            prev,
            chat: chat.id,
            session: chat.session,
            name: chat.name,
            at: now,
            new_chat,
            claimed,
            alone,
            handing,
        }))
    }

    /// Whether somebody took the connection after whoever read under this fence.
    fn is_read_by_another(&self, connection: &ConnectionId, fence: Option<Fence>) -> bool {
        let lane = self.lanes.get(&LaneKey::link(connection));
        fence.is_some_and(|fence| lane.is_none_or(|lane| lane.fence != fence))
    }

    /// Whether the chat's lane has nothing to answer, and nothing came into the chat between what was handed over and
    /// this row.
    fn is_all_answered(&self, chat: &Chat, seq: Seq) -> bool {
        let Some(mailbox) = self.mailboxes.get(&chat.mailbox) else {
            return false;
        };
        let key = LaneKey::turn(&mailbox.id, mailbox.scope, chat.id, chat.session);
        let handed = self.handed(chat.id, chat.mailbox.as_str());
        let came =
            |row: &LogRow| row.chat == chat.id && !row.out && row.seq > handed && row.seq < seq;
        let owed = self.lanes.get(&key).is_some_and(Lane::wants);
        !owed && !self.log.iter().any(|entry| came(&entry.row))
    }

    fn move_cursor(&mut self, id: ConnectionId, cursor: Option<crate::connector::Cursor>) {
        if let (Some(it), Some(cursor)) = (self.connections.get_mut(&id), cursor) {
            it.connection.cursor = Some(cursor);
        }
    }

    /// The row this very event became before. What we sent ourselves does not count.
    fn event_row(&self, accept: &Accept) -> Option<Seq> {
        let seq = self.seq_of(&accept.connection, &accept.event.id)?;
        let row = &self.entry(seq)?.row;
        row.event.is_some().then_some(seq)
    }

    fn new_chat(&mut self, connection: &Connection, event: &Event) -> Chat {
        let id = ChatId(self.chats.len() as i64 + 1);
        let talk = match event.chat.kind {
            ChatKind::Dm => Talk::WithPerson(
                connection.mailbox.clone(),
                self.person_of(connection, event),
            ),
            _ => Talk::InChat(id),
        };
        let next = SessionId(self.sessions.len() as i64 + 1);
        let session = *self.sessions.entry(talk).or_insert(next);
        let chat = Chat {
            id,
            connection: connection.id.clone(),
            mailbox: connection.mailbox.clone(),
            platform: connection.platform.clone(),
            handle: event.chat.handle.clone(),
            kind: event.chat.kind,
            name: event.chat.name.clone(),
            session,
            head: Seq::ZERO,
        };
        self.chats.push(chat.clone());
        let reader = connection.mailbox.as_str().to_owned();
        self.members.entry((id, reader)).or_default();
        chat
    }

    fn person_of(&mut self, connection: &Connection, event: &Event) -> i64 {
        let known = (
            connection.platform.clone(),
            connection.ident.clone(),
            event.sender.id.clone(),
        );
        let next = self.persons.len() as i64 + 1;
        *self.persons.entry(known).or_insert(next)
    }

    /// Wakes the lane in which the mailbox answers, if a backend answers it, and hands it over if it is offered for.
    fn wake_mailbox(
        &mut self,
        accept: &Accept,
        chat: &Chat,
        seq: Seq,
        now: Millis,
    ) -> Option<Claimed> {
        let Wake::After { ms } = accept.wake else {
            return None;
        };
        let mailbox = self.mailboxes.get(&chat.mailbox)?;
        if mailbox.door != Door::Run {
            return None;
        }
        let key = LaneKey::turn(&mailbox.id, mailbox.scope, chat.id, chat.session);
        let wait = match awaits_media(&accept.event.body) {
            true => ms.max(MEDIA_WAIT_MS),
            false => ms,
        };
        let lane = self.lane_mut(&key);
        lane.wake(seq.0, Millis(now.0 + wait));
        let offer = accept.offer.as_ref()?;
        let free = lane.holder.is_none() && lane.due <= now;
        free.then(|| self.take(key, offer, now))
    }

    /// The file's new place is written into the row's newest body. After the last file of the chat's pending rows the
    /// lane need not wait for files any more.
    pub(super) fn media(&mut self, step: MediaStep, now: Millis) -> Outcome {
        let Some(entry) = self.entry(step.seq) else {
            return Outcome::Stale;
        };
        let (chat, row) = (entry.row.chat, entry.row.seq);
        let body = entry.newest.unwrap_or(row);
        let due = Millis(now.0 + step.wait_ms);
        if !self.place_media(body, step) {
            return Outcome::Stale;
        }
        let chat = self.chat(chat).expect("a row has a chat").clone();
        let mailbox = self.mailboxes.get(&chat.mailbox);
        let scope = mailbox.expect("a chat has a mailbox").scope;
        let key = LaneKey::turn(&chat.mailbox, scope, chat.id, chat.session);
        let handed = self.handed(chat.id, chat.mailbox.as_str());
        if row > handed
            && !self.awaits_media(chat.id, chat.mailbox.as_str())
            && let Some(lane) = self.lanes.get_mut(&key)
            && lane.wants()
        {
            lane.due = lane.due.min(due);
        }
        Outcome::Done(Done::Nothing)
    }

    fn place_media(&mut self, body: Seq, step: MediaStep) -> bool {
        let body = self.entry_mut(body).map(|entry| &mut entry.row.body);
        let Some(EventBody::Message(content) | EventBody::Edit { content, .. }) = body else {
            return false;
        };
        let Some(file) = content.attachments.get_mut(step.index as usize) else {
            return false;
        };
        file.media = step.media;
        file.name = step.name.unwrap_or_else(|| std::mem::take(&mut file.name));
        file.mime = step.mime.unwrap_or_else(|| std::mem::take(&mut file.mime));
        file.size = step.size.or(file.size);
        true
    }
}

fn row_of(accept: &Accept, chat: ChatId, target: Option<Seq>) -> NewRow {
    let event = &accept.event;
    NewRow {
        chat,
        author: Author::Person {
            id: event.sender.id.clone(),
            name: event.sender.name.clone(),
        },
        out: false,
        body: event.body.clone(),
        event: Some(event.id.clone()),
        target,
        late: event.late,
        wakes: accept.wake != Wake::Never,
        turn: None,
    }
}

impl World {
    pub(super) fn ack(&mut self, ack: Ack) -> Outcome {
        let chat = self.chat(ack.chat).filter(|chat| ack.seen <= chat.head);
        if chat.is_none() {
            return Outcome::Stale;
        }
        let member = self.members.entry((ack.chat, ack.reader)).or_default();
        member.seen = member.seen.max(ack.seen);
        Outcome::Done(Done::Nothing)
    }
}
