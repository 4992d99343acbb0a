//! Where a mailbox looks: for agents that choose their chat themselves.

use super::Chatbox;
use crate::focus::Focus;
use crate::house::Error;
use crate::id::{ChatId, MailboxId, Seq};
use crate::store::{
    Admin, Done, Door, LogRow, Mailbox, Outcome, Overview, Span, Step, StoreError, Switch,
};
use crate::{meters, router, session};

/// How many unread rows are read at once for a recap: the longest of them together are no more than a store hands over as
/// one value.
const PAGE: u32 = 100;
/// How many older rows are read at once.
const OLDER_PAGE: u32 = 50;
/// How often, at most: a chat full of rows that are not told is not read to its beginning.
const OLDER_PAGES: u32 = 4;

/// Where a mailbox looks after a switch, and what it should read there.
#[derive(Clone, PartialEq, Debug)]
pub struct Switched {
    /// Where it looks.
    pub focus: Focus,
    /// Whether it looked elsewhere before.
    pub moved: bool,
    /// What it had not seen there, oldest first: everything, however much. A repeated switch shows the same again until
    /// [`Chatbox::settle_focus`].
    pub unread: Vec<LogRow>,
    /// What was said before that, oldest first, as much as there was room for.
    pub older: Vec<LogRow>,
}

impl Chatbox {
    /// Moves a mailbox's focus to one of its chats or to nowhere, and reads what it should know there. What the chat
    /// holds by then counts as seen. Unread rows come without limit, and older ones while all cost no more than `floor`
    /// tokens (as [`session`] counts them).
    ///
    /// # Errors
    /// `NotFound` for a mailbox or chat that does not exist, `Unfocused` where a backend answers the mailbox: its turns
    /// have the chat they are about. Nothing moves then.
    pub async fn switch(
        &self,
        mailbox: &MailboxId,
        to: Option<ChatId>,
        floor: u32,
    ) -> Result<Switched, Error> {
        let mailbox = self.mailbox_row(mailbox).await?;
        self.switch_from(&mailbox, to, floor).await
    }

    /// The same for a mailbox that was just read. Where it looks there already, nothing is written.
    ///
    /// # Errors
    /// As [`Chatbox::switch`].
    pub async fn switch_from(
        &self,
        mailbox: &Mailbox,
        to: Option<ChatId>,
        floor: u32,
    ) -> Result<Switched, Error> {
        if mailbox.door == Door::Run {
            return Err(Error::Unfocused(mailbox.id.clone()));
        }
        let (focus, moved) = match mailbox.focus.chat == to {
            true => (mailbox.focus, false),
            false => self.move_focus(&mailbox.id, to).await?,
        };
        let (unread, older) = self.recap(focus, floor).await?;
        Ok(Switched {
            focus,
            moved,
            unread,
            older,
        })
    }

    async fn move_focus(
        &self,
        mailbox: &MailboxId,
        to: Option<ChatId>,
    ) -> Result<(Focus, bool), Error> {
        let switch = Step::Switch(Switch {
            mailbox: mailbox.clone(),
            to,
        });
        let outcome = router::single(&self.house, switch).await?;
        let Outcome::Done(Done::Switched { focus, moved }) = outcome else {
            return Err(Error::NotFound("such chat in this mailbox".to_owned()));
        };
        if moved {
            meters::switched();
        }
        Ok((focus, moved))
    }

    /// The rows a switch consumed, and some before them. They are in the log, which does not change behind a reader.
    async fn recap(&self, focus: Focus, floor: u32) -> Result<(Vec<LogRow>, Vec<LogRow>), Error> {
        let (Some(chat), Some(recap)) = (focus.chat, focus.recap) else {
            return Ok((Vec::new(), Vec::new()));
        };
        let store = &self.house.store;
        let mut unread = Vec::new();
        let mut after = recap.after;
        while after < recap.upto {
            let rows = store.since(chat, after, PAGE).await?;
            let Some(last) = rows.last() else {
                break;
            };
            after = last.seq;
            unread.extend(rows.into_iter().filter(|row| row.seq <= recap.upto));
        }
        let room = floor.saturating_sub(session::total(&unread));
        let older = self.older(chat, Seq(recap.after.0 + 1), room).await?;
        Ok((unread, older))
    }

    /// The newest rows before a place that cost no more than so many tokens: no more pages are read than they fill.
    async fn older(
        &self,
        chat: ChatId,
        mut before: Seq,
        room: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let mut older: Vec<LogRow> = Vec::new();
        for _ in 0..OLDER_PAGES {
            if session::total(&older) >= room {
                break;
            }
            let span = Span::Chat(chat);
            let store = &self.house.store;
            let mut page = store.history(span, Some(before), OLDER_PAGE).await?;
            let Some(first) = page.first() else {
                break;
            };
            before = first.seq;
            page.append(&mut older);
            older = page;
        }
        Ok(session::fit(older, &[], room))
    }

    /// From now on a repeated switch shows nothing again: the agent has gone on to something else.
    ///
    /// # Errors
    /// The store.
    pub async fn settle_focus(&self, mailbox: &MailboxId) -> Result<(), Error> {
        let shown = self.mailbox_row(mailbox).await?.focus.recap.is_some();
        if shown {
            let mailbox = mailbox.clone();
            self.admin(Admin::SettleFocus { mailbox }).await?;
        }
        Ok(())
    }

    /// A mailbox's chats as it sees them, the one with the newest row first.
    ///
    /// # Errors
    /// The store.
    pub async fn overview(&self, mailbox: &MailboxId, limit: u32) -> Result<Vec<Overview>, Error> {
        Ok(self.house.store.overview(mailbox, limit).await?)
    }

    /// Whether the mailbox wants to hear of one of its chats. What is said in a muted chat is kept, and counts as unread.
    ///
    /// # Errors
    /// `NotFound` for a chat that is not the mailbox's.
    pub async fn mute(&self, mailbox: &MailboxId, chat: ChatId, muted: bool) -> Result<(), Error> {
        let mute = Admin::Mute {
            mailbox: mailbox.clone(),
            chat,
            muted,
        };
        match self.admin(mute).await? {
            Outcome::Done(_) => Ok(()),
            _ => Err(Error::NotFound("such chat in this mailbox".to_owned())),
        }
    }

    /// Whose a chat is; `None` where there is no such chat.
    ///
    /// # Errors
    /// The store.
    pub async fn mailbox_of(&self, chat: ChatId) -> Result<Option<MailboxId>, StoreError> {
        let place = self
            .house
            .places
            .of(self.house.store.as_ref(), chat)
            .await?;
        Ok(place.map(|place| place.mailbox))
    }

    async fn mailbox_row(&self, id: &MailboxId) -> Result<Mailbox, Error> {
        let found = self.house.store.mailbox(id).await?;
        found.ok_or_else(|| Error::NotFound(format!("mailbox {id}")))
    }
}
