//! Where mailboxes look, and what they have not seen.

use super::world::{Entry, World};
use crate::event::EventBody;
use crate::id::{ChatId, MailboxId, Millis, Seq};
use crate::store::{
    Attention, Done, LogRow, News, Outcome, Overview, ServiceEvent, ServiceKind, Span, Switch,
};
use std::cmp::Reverse;

impl World {
    pub(super) fn switch(&mut self, switch: &Switch, now: Millis) -> Outcome {
        let there = switch.to.map(|chat| self.in_mailbox(&switch.mailbox, chat));
        if !self.mailboxes.contains_key(&switch.mailbox) || there == Some(false) {
            return Outcome::Stale;
        }
        let (seen, head) = switch.to.map_or((Seq::ZERO, Seq::ZERO), |chat| {
            (self.seen(chat, &switch.mailbox), self.head_of(chat))
        });
        let mailbox = self.mailboxes.get_mut(&switch.mailbox);
        let mailbox = mailbox.expect("it was found above");
        let moved = mailbox.focus.switch(switch.to, seen, head);
        mailbox.focus = moved.unwrap_or(mailbox.focus);
        let focus = mailbox.focus;
        if let (Some(chat), true) = (switch.to, moved.is_some()) {
            self.see(chat, &switch.mailbox, head);
            self.supersede_notices(chat, &switch.mailbox, now);
        }
        if moved.is_some() {
            let event = ServiceEvent {
                chat: switch.to,
                ..ServiceEvent::new(ServiceKind::FocusChanged, switch.mailbox.clone())
            };
            self.happen(&event, Seq::ZERO, now);
        }
        Outcome::Done(Done::Switched {
            focus,
            moved: moved.is_some(),
        })
    }

    /// A row of the focal chat is consumed as it comes.
    pub(super) fn consume(&mut self, mailbox: &MailboxId, chat: ChatId, arrived: Seq) {
        let focus = self.mailboxes.get(mailbox).map(|it| it.focus);
        let seen = self.seen(chat, mailbox);
        if let Some(focus) = focus {
            self.see(chat, mailbox, focus.seen_after(chat, seen, arrived));
        }
    }

    pub(super) fn in_mailbox(&self, mailbox: &MailboxId, chat: ChatId) -> bool {
        self.chat(chat).is_some_and(|it| it.mailbox == *mailbox)
    }

    fn head_of(&self, chat: ChatId) -> Seq {
        self.chat(chat).map_or(Seq::ZERO, |it| it.head)
    }

    fn seen(&self, chat: ChatId, mailbox: &MailboxId) -> Seq {
        let member = self.members.get(&(chat, mailbox.as_str().to_owned()));
        member.map_or(Seq::ZERO, |it| it.seen)
    }

    fn see(&mut self, chat: ChatId, mailbox: &MailboxId, upto: Seq) {
        let reader = mailbox.as_str().to_owned();
        let member = self.members.entry((chat, reader)).or_default();
        member.seen = member.seen.max(upto);
    }

    pub(super) fn overview(&self, mailbox: &MailboxId, limit: u32) -> Vec<Overview> {
        let theirs = self.chats.iter().filter(|it| it.mailbox == *mailbox);
        let mut chats: Vec<_> = theirs.collect();
        chats.sort_by_key(|chat| Reverse(chat.head));
        chats.truncate(limit as usize);
        let of = |chat: &crate::store::Chat| {
            let reader = (chat.id, mailbox.as_str().to_owned());
            let seen = self.seen(chat.id, mailbox);
            let unread = self.messages(chat.id);
            let unread = unread.filter(|row| row.seq > seen && !row.out);
            let unread = unread.filter(|row| matches!(row.body, EventBody::Message(_)));
            Overview {
                chat: chat.clone(),
                unread: unread.count() as u64,
                muted: self.members.get(&reader).is_some_and(|it| it.muted),
                last: self.messages(chat.id).next_back(),
            }
        };
        chats.into_iter().map(of).collect()
    }

    pub(super) fn attention(&self, id: &MailboxId) -> Option<Attention> {
        let mailbox = self.mailboxes.get(id)?.clone();
        let focal = mailbox.focus.chat.and_then(|chat| self.chat(chat)).cloned();
        Some(Attention { mailbox, focal })
    }

    pub(super) fn news(&self, mailbox: &MailboxId, after: Seq, limit: u32) -> News {
        let theirs = self.chats.iter().filter(|it| it.mailbox == *mailbox);
        let head = theirs.map(|chat| chat.head).max().unwrap_or(Seq::ZERO);
        let is_muted = |chat: ChatId| {
            let reader = (chat, mailbox.as_str().to_owned());
            self.members.get(&reader).is_some_and(|it| it.muted)
        };
        let is_news = |entry: &&Entry| {
            let by_others = match entry.row.body {
                EventBody::Outcome { .. } => true,
                EventBody::Receipt { .. } => false,
                _ => !entry.row.out,
            };
            let theirs = self.in_mailbox(mailbox, entry.row.chat);
            entry.row.seq > after && by_others && theirs && !is_muted(entry.row.chat)
        };
        let rows = self.log.iter().filter(is_news).take(limit as usize);
        let rows = rows.filter_map(|entry| {
            let chat = self.chat(entry.row.chat)?;
            Some((self.view(entry), chat.clone()))
        });
        News {
            rows: rows.collect(),
            head,
            focal: self.mailboxes.get(mailbox).and_then(|it| it.focus.chat),
        }
    }

    /// The messages of a chat as readers see them.
    fn messages(&self, chat: ChatId) -> impl DoubleEndedIterator<Item = LogRow> + '_ {
        let said = move |row: &LogRow| {
            let entry = self.entry(row.seq);
            entry.is_some_and(|it| matches!(it.row.body, EventBody::Message(_)))
        };
        self.rows(Span::Chat(chat)).filter(said)
    }
}
