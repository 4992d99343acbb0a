//! What belongs to whom: a door gives its caller what is in the caller's account, and knows nothing of the rest.

use super::Problem;
use super::deliveries::number;
use crate::app::App;
use crate::auth::{Caller, HOME};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use chatbox_core::id::{ChatId, ConnectionId, DeliveryId, MailboxId, Seq};
use chatbox_core::store::{
    Admin, Chat, Connection, Delivery, LogRow, Mailbox, Note, Parcel, Standing,
};
use std::collections::HashSet;

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::unauthorized("nobody may do this"))
    }
}

impl Caller {
    /// Only in the operator's own account: what concerns the whole server.
    pub(super) fn at_home(&self, what: &str) -> Result<(), Problem> {
        if self.account.as_str() == HOME {
            return Ok(());
        }
        let hint = "leave it away, or ask whoever runs this server";
        let status = StatusCode::FORBIDDEN;
        Err(Problem::new(status, "operators_only", what, hint))
    }

    /// One of the caller's mailboxes, archived ones included.
    pub(super) async fn any_mailbox(&self, app: &App, id: &str) -> Result<Mailbox, Problem> {
        let found = app.chatbox.store().mailbox(&MailboxId::from(id)).await?;
        let found = found.filter(|it| it.account == self.account);
        found.ok_or_else(|| Problem::not_found("mailbox"))
    }

    /// One of the caller's mailboxes that is in use.
    pub(super) async fn mailbox(&self, app: &App, id: &str) -> Result<Mailbox, Problem> {
        let mailbox = self.any_mailbox(app, id).await?;
        match mailbox.standing {
            Standing::Archived => Err(Problem::not_found("mailbox")),
            _ => Ok(mailbox),
        }
    }

    /// The caller's mailboxes.
    pub(super) async fn mailboxes(&self, app: &App) -> Result<Vec<Mailbox>, Problem> {
        let mut all = app.chatbox.store().mailboxes().await?;
        all.retain(|it| it.account == self.account);
        Ok(all)
    }

    /// The caller's connections.
    pub(super) async fn connections(&self, app: &App) -> Result<Vec<Connection>, Problem> {
        let mailboxes = self.mailboxes(app).await?.into_iter();
        let mailboxes: HashSet<MailboxId> = mailboxes.map(|it| it.id).collect();
        let mut all = app.chatbox.store().connections().await?;
        all.retain(|it| mailboxes.contains(&it.mailbox));
        Ok(all)
    }

    /// One of the caller's connections.
    pub(super) async fn connection(&self, app: &App, id: &str) -> Result<Connection, Problem> {
        let missing = || Problem::not_found("connection");
        let store = app.chatbox.store();
        let found = store.connection(&ConnectionId::from(id)).await?;
        let found = found.ok_or_else(missing)?;
        let mailbox = self.any_mailbox(app, found.mailbox.as_str()).await;
        mailbox.map(|_| found).map_err(|_| missing())
    }

    /// One of the caller's chats.
    pub(super) async fn chat(&self, app: &App, id: &str) -> Result<Chat, Problem> {
        let id = number(id, "cht_").ok_or_else(|| Problem::not_found("chat"))?;
        self.chat_of(app, ChatId(id), "chat").await
    }

    async fn chat_of(&self, app: &App, id: ChatId, what: &str) -> Result<Chat, Problem> {
        let missing = || Problem::not_found(what);
        let found = app.chatbox.store().chat(id).await?;
        let found = found.ok_or_else(missing)?;
        let mailbox = self.any_mailbox(app, found.mailbox.as_str()).await;
        mailbox.map(|_| found).map_err(|_| missing())
    }

    /// Something said in one of the caller's chats.
    pub(super) async fn message(&self, app: &App, id: &str) -> Result<LogRow, Problem> {
        let missing = || Problem::not_found("message");
        let seq = number(id, "msg_").ok_or_else(missing)?;
        let row = app.chatbox.store().row(Seq(seq)).await?;
        let row = row.ok_or_else(missing)?;
        let chat = self.chat_of(app, row.chat, "message").await;
        chat.map(|_| row)
    }

    /// One of the caller's deliveries.
    pub(super) async fn delivery(&self, app: &App, id: &str) -> Result<Delivery, Problem> {
        let missing = || Problem::not_found("delivery");
        let id = DeliveryId(number(id, "dlv_").ok_or_else(missing)?);
        let found = app.chatbox.store().delivery(id).await?;
        let found = found.ok_or_else(missing)?;
        let theirs = match found.parcel {
            Parcel::Event { .. } => {
                let store = app.chatbox.store();
                let subscriptions = store.subscriptions(Some(&self.account)).await?;
                subscriptions.iter().any(|it| it.id == found.lane.owner)
            }
            _ => self.chat_of(app, found.chat, "delivery").await.is_ok(),
        };
        theirs.then_some(found).ok_or_else(missing)
    }

    /// What is written down of something the caller does.
    pub(super) fn note(&self, action: &str, target: impl Into<String>) -> Admin {
        Admin::Note(Note {
            account: self.account.clone(),
            by: self.by(),
            action: action.to_owned(),
            target: target.into(),
        })
    }

    /// Who they are in what is written down: a name alone is chosen by whoever makes the token.
    pub(super) fn by(&self) -> String {
        match &self.token {
            Some(token) => format!("{} ({token})", self.name),
            None => self.name.clone(),
        }
    }

    /// Writes down something that was done elsewhere. That it cannot be undoes nothing.
    pub(super) async fn noted(&self, app: &App, action: &str, target: impl Into<String> + Send) {
        if let Err(error) = app.chatbox.admin(self.note(action, target)).await {
            tracing::error!(%error, action, "who did this could not be written down");
        }
    }
}
