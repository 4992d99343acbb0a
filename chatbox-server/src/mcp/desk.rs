//! One mailbox as its agent works with it: the engine's words become the tools'.

mod files;
mod questions;
mod watched;

pub(super) use files::{Brought, Enclosed};
pub(super) use questions::now;
pub(super) use watched::MOST;

use super::names::{Name, invalid_cursor};
use super::refusal::Refusal;
use super::view::{self, RowView};
use crate::app::App;
use chatbox_core::Link;
use chatbox_core::connector::Revision;
#[cfg(feature = "connector-tools")]
use chatbox_core::id::ConnectionId;
use chatbox_core::id::{Address, ChatId, EventId, MailboxId, Seq};
use chatbox_core::store::{
    Admin, Attention, Author, Chat, Connection, LogRow, NewRecord, News, Outcome, Overview,
    RecordKind, Span, Store,
};
use chatbox_core::{Error, RunningTurn, Say, Switched};
use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A recap has at least so many tokens, where the chat has them.
const FLOOR: u32 = 2000;

/// How many chats are looked at, at first, for what is new.
const CHATS: u32 = 64;

/// A mailbox, and everything that may be done in its name.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    app: Arc<App>,
    mailbox: MailboxId,
    /// How the mailbox stood when it was asked: where it looked then is where it is answered.
    attention: Arc<Attention>,
    /// The turn in whose name it is done, where a turn's own process asks.
    turn: Option<RunningTurn>,
    /// When an answer that stays open must end.
    pub(super) end: CancellationToken,
}

/// What happened after a place in the log.
#[derive(Debug)]
pub(super) struct Heard {
    /// What others did, oldest first, and where the mailbox looks.
    pub(super) news: News,
    /// Where to go on.
    pub(super) cursor: Seq,
    /// Whether there is more already.
    pub(super) more: bool,
}

impl Desk {
    pub(super) fn new(
        app: Arc<App>,
        attention: Attention,
        turn: Option<RunningTurn>,
        end: CancellationToken,
    ) -> Self {
        Self {
            app,
            mailbox: attention.mailbox.id.clone(),
            attention: Arc::new(attention),
            turn,
            end,
        }
    }

    /// Whose desk it is.
    pub(super) fn mailbox(&self) -> &MailboxId {
        &self.mailbox
    }

    /// Whether a turn's own process asks. It has its chat, and what comes next is not its to wait for.
    pub(super) fn in_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// Whether whoever asks may go on.
    ///
    /// # Errors
    /// `turn_over` for the process of a turn that does not run any more.
    pub(super) async fn admits(&self) -> Result<(), Refusal> {
        match &self.turn {
            Some(turn) if !self.app.chatbox.runs(turn).await? => {
                Err(chatbox_core::Error::TurnOver.into())
            }
            _ => Ok(()),
        }
    }

    /// What rings when something happens.
    pub(super) fn bell(&self) -> Arc<Notify> {
        self.app.tidings.bell(&self.mailbox)
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.app.chatbox.store()
    }

    /// Writes a record of this mailbox, unless somebody else has since; says how often it was written then.
    async fn keep_record(
        &self,
        kind: RecordKind,
        id: String,
        rev: Revision,
        body: String,
    ) -> Result<Option<Revision>, Refusal> {
        let mailbox = self.store().mailbox(&self.mailbox).await?;
        let mailbox = mailbox.ok_or_else(|| Error::NotFound("mailbox".to_owned()))?;
        let record = NewRecord {
            kind,
            account: mailbox.account,
            name: id.clone(),
            id,
            rev: Some(rev),
            body,
            uses: Vec::new(),
        };
        let put = vec![Admin::PutRecord(record)];
        let done = self.app.chatbox.together(put).await?;
        Ok(matches!(done, Outcome::Done(_)).then_some(rev + 1))
    }

    /// The newest place in the log that this mailbox knows.
    pub(super) async fn head(&self) -> Result<Seq, Refusal> {
        let nothing = self.store().news(&self.mailbox, Seq(i64::MAX), 0).await?;
        Ok(nothing.head)
    }

    /// The chats, the one with the newest row first.
    pub(super) async fn overview(&self, limit: u32) -> Result<Vec<Overview>, Refusal> {
        Ok(self.app.chatbox.overview(&self.mailbox, limit).await?)
    }

    /// The chat this mailbox looks at.
    pub(super) async fn focal(&self) -> Result<Option<Chat>, Refusal> {
        if let Some(turn) = &self.turn {
            return Ok(self.store().chat(turn.chat).await?);
        }
        let attention = self.store().attention(&self.mailbox).await?;
        Ok(attention.and_then(|it| it.focal))
    }

    /// The chat this mailbox looked at when it was asked, where something is to be done in it.
    pub(super) async fn here(&self) -> Result<Chat, Refusal> {
        let here = match &self.turn {
            Some(turn) => self.store().chat(turn.chat).await?,
            None => self.attention.focal.clone(),
        };
        here.ok_or_else(|| {
            Refusal::new(
                "no_focal_chat",
                "you look at no chat, so there is nobody to say it to",
                "Call list_chats, then switch_chat with a chat_id.",
            )
        })
    }

    /// The same, where the agent may have said which chat it believes that to be.
    pub(super) async fn here_believed(&self, believed: Option<&Name>) -> Result<Chat, Refusal> {
        let chat = self.here().await?;
        match believed {
            Some(name) if name.address()?.to_string() != view::chat_id(&chat) => {
                let says = format!("you look at {:?}; nothing was sent", view::chat_id(&chat));
                let next = "Call switch_chat with the chat you mean, then send again.";
                Err(Refusal::new("chat_not_focal", says, next))
            }
            _ => Ok(chat),
        }
    }

    /// The connection of the chat this mailbox looks at, while it runs.
    pub(super) async fn link(&self) -> Result<Option<Arc<Link>>, Refusal> {
        let Some(chat) = self.focal().await? else {
            return Ok(None);
        };
        let links = self.app.chatbox.links();
        Ok(links.into_iter().find(|link| link.id == chat.connection))
    }

    /// The server.
    #[cfg(feature = "connector-tools")]
    pub(super) fn app(&self) -> &App {
        &self.app
    }

    /// A connection's row.
    #[cfg(feature = "connector-tools")]
    pub(super) async fn connection(
        &self,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, Refusal> {
        Ok(self.store().connection(id).await?)
    }

    /// Whether this mailbox has a connection to a platform.
    pub(super) async fn is_on(&self, platform: &str) -> Result<bool, Refusal> {
        let rows = self.store().connections().await?;
        let fits =
            |row: &Connection| row.mailbox == self.mailbox && row.platform.as_str() == platform;
        Ok(rows.iter().any(fits))
    }

    /// Whether this mailbox has a connector that lends tools under this platform's name.
    #[cfg(feature = "connector-tools")]
    pub(super) async fn lends(&self, platform: &str) -> Result<bool, Refusal> {
        for row in self.store().connections().await? {
            let own = row.mailbox == self.mailbox && row.platform.as_str() == platform;
            if own && self.app.lender(&row)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A chat of this mailbox.
    pub(super) async fn chat(&self, name: &Name) -> Result<Chat, Refusal> {
        let address = name.address()?;
        let here = self.attention.focal.as_ref();
        let here = here.filter(|it| it.address() == address);
        for link in self.app.chatbox.links() {
            if let Some(here) = here.filter(|it| it.connection == link.id) {
                return Ok(here.clone());
            }
            if link.mailbox == self.mailbox
                && link.platform == address.platform
                && let Some(chat) = self.store().chat_of(&link.id, &address.handle).await?
            {
                return Ok(chat);
            }
        }
        // One that does not run has its chats all the same. Only then are the rows of every mailbox read.
        for connection in self.store().connections().await? {
            if connection.mailbox != self.mailbox || connection.platform != address.platform {
                continue;
            }
            if let Some(chat) = self
                .store()
                .chat_of(&connection.id, &address.handle)
                .await?
            {
                return Ok(chat);
            }
        }
        let list = "Call list_chats to see the chats there are.";
        match self.is_archived(&address).await? {
            true => Err(Refusal::new(
                "chat_archived",
                "this chat's connection was removed; what was said there is kept",
                list,
            )),
            false => Err(Refusal::new(
                "chat_not_found",
                "there is no such chat in this mailbox",
                list,
            )),
        }
    }

    async fn is_archived(&self, address: &Address) -> Result<bool, Refusal> {
        let same = |chat: &Chat| chat.platform == address.platform && chat.handle == address.handle;
        let chats = self.store().chats(&self.mailbox, u32::MAX).await?;
        Ok(chats.iter().any(same))
    }

    /// Moves the attention.
    pub(super) async fn switch(&self, to: Option<&Chat>) -> Result<Switched, Refusal> {
        let to = to.map(|chat| chat.id);
        let from = &self.attention.mailbox;
        Ok(self.app.chatbox.switch_from(from, to, FLOOR).await?)
    }

    /// The agent has gone on: a repeated switch shows nothing again.
    pub(super) async fn settle(&self) -> Result<(), Refusal> {
        if self.in_turn() || self.attention.mailbox.focus.recap.is_none() {
            return Ok(());
        }
        Ok(self.app.chatbox.settle_focus(&self.mailbox).await?)
    }

    /// A message of this mailbox and its chat.
    pub(super) async fn message(&self, seq: Seq) -> Result<(LogRow, Chat), Refusal> {
        let missing = || {
            Refusal::new(
                "message_not_found",
                "there is no such message in this mailbox",
                "Call read_messages and copy a message_id from it.",
            )
        };
        let row = self.store().row(seq).await?.ok_or_else(missing)?;
        let chat = self.store().chat(row.chat).await?;
        let own = chat.filter(|chat| chat.mailbox == self.mailbox);
        Ok((row, own.ok_or_else(missing)?))
    }

    /// A message of the chat this mailbox looks at.
    pub(super) async fn message_here(&self, name: &Name) -> Result<(LogRow, Chat), Refusal> {
        let here = self.here().await?;
        let (row, chat) = self.message(name.message()?).await?;
        if chat.id == here.id {
            return Ok((row, chat));
        }
        Err(Refusal::new(
            "message_elsewhere",
            "that message is not in the chat you look at",
            format!("Call switch_chat with {:?} first.", view::chat_id(&chat)),
        ))
    }

    /// Whether this mailbox said it.
    pub(super) fn is_own(&self, row: &LogRow) -> bool {
        matches!(&row.author, Author::Mailbox { id } if *id == self.mailbox)
    }

    /// Does something in a chat, in the mailbox's name; the row it became.
    pub(super) async fn say(&self, chat: &Chat, say: Say) -> Result<Seq, Refusal> {
        Ok(self.emit(chat, say).await?)
    }

    async fn emit(&self, chat: &Chat, say: Say) -> Result<Seq, Error> {
        if let Some(turn) = &self.turn {
            return self.app.chatbox.say_in_turn(turn, say).await;
        }
        let author = Author::Mailbox {
            id: self.mailbox.clone(),
        };
        self.app.chatbox.say_in(chat, author, say).await
    }

    /// What a message is called on its platform.
    pub(super) async fn platform_name(&self, row: &LogRow) -> Result<EventId, Refusal> {
        let names = self.store().names_of(row.seq).await?;
        let first = names.into_iter().next();
        Ok(first.unwrap_or_else(|| row.seq.to_string().into()))
    }

    /// Rows of a chat, oldest first: those after a place, or the newest, or the newest before a place.
    pub(super) async fn rows(
        &self,
        chat: &Chat,
        after: Option<Seq>,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Vec<LogRow>, Refusal> {
        let store = self.store();
        Ok(match after {
            Some(after) => store.since(chat.id, after, limit).await?,
            None => store.history(Span::Chat(chat.id), before, limit).await?,
        })
    }

    /// Rows as they are read, each with the message it answers.
    pub(super) async fn views(
        &self,
        rows: &[LogRow],
        chat: &Chat,
    ) -> Result<Vec<RowView>, Refusal> {
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            let mut view = view::row(row, chat);
            let answers = row.body.content().and_then(|it| it.reply_to.as_ref());
            if let (None, Some(answers)) = (&view.about, answers) {
                let seq = self.store().seq_of(&chat.connection, answers).await?;
                view.about = seq.map(|seq| format!("msg_{seq}"));
            }
            views.push(view);
        }
        Ok(views)
    }

    /// Messages that hold every word, newest first, each with its chat.
    pub(super) async fn search(
        &self,
        words: &str,
        limit: u32,
    ) -> Result<Vec<(LogRow, Chat)>, Refusal> {
        let rows = self.store().search(&self.mailbox, words, limit).await?;
        let mut chats = HashMap::new();
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let chat = match chats.entry(row.chat) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.store().chat(row.chat).await?),
            };
            if let Some(chat) = chat.clone() {
                found.push((row, chat));
            }
        }
        Ok(found)
    }

    /// What others did after a place, at most so much of it.
    pub(super) async fn heard(&self, after: Seq, limit: u32) -> Result<Heard, Refusal> {
        let news = self.store().news(&self.mailbox, after, limit).await?;
        if after > news.head {
            return Err(invalid_cursor());
        }
        let cursor = match news.rows.last() {
            Some((last, _)) if news.rows.len() == limit as usize => last.seq,
            _ => news.head,
        };
        let more = cursor < news.head;
        Ok(Heard { news, cursor, more })
    }

    /// The chats with rows after a place.
    pub(super) async fn changed(&self, after: Seq) -> Result<Vec<Chat>, Refusal> {
        let mut limit = CHATS;
        loop {
            let mut chats = self.store().chats(&self.mailbox, limit).await?;
            let all = chats.len() < limit as usize;
            if all || chats.last().is_none_or(|oldest| oldest.head <= after) {
                chats.retain(|chat| chat.head > after);
                return Ok(chats);
            }
            limit = limit.saturating_mul(4);
        }
    }

    /// The chats this mailbox does not want to hear of, among those with the newest rows.
    pub(super) async fn muted(&self) -> Result<HashSet<ChatId>, Refusal> {
        let chats = self.overview(CHATS).await?;
        let muted = chats.into_iter().filter(|overview| overview.muted);
        Ok(muted.map(|overview| overview.chat.id).collect())
    }
}
