//! Facts for those who subscribed to them. One that happens is written in the step that makes it happen.

use super::row::Standing;
use crate::id::{AccountId, ChatId, ConnectionId, DeliveryId, MailboxId, Millis};
use serde::{Deserialize, Serialize};

/// So many events wait for a subscription at most; more are dropped, and counted.
pub const EVENTS_WAITING: u32 = 1000;
/// An event that could not be handed out for so long is not handed out any more, in milliseconds.
pub const EVENT_TTL_MS: i64 = 24 * 60 * 60 * 1000;

/// What can happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ServiceKind {
    /// A conversation that was not known before.
    NewChat,
    /// Something to be sent or handed out failed, expired, or nobody knows.
    DeliveryFailed,
    /// A mailbox is not handed anything until somebody goes on with it.
    MailboxPaused,
    /// Somebody went on with it.
    MailboxUnpaused,
    /// A connection hears its platform.
    ConnectionUp,
    /// It does not any more.
    ConnectionDown,
    /// A mailbox looks elsewhere.
    FocusChanged,
}

impl ServiceKind {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::NewChat,
        Self::DeliveryFailed,
        Self::MailboxPaused,
        Self::MailboxUnpaused,
        Self::ConnectionUp,
        Self::ConnectionDown,
        Self::FocusChanged,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewChat => "new_chat",
            Self::DeliveryFailed => "delivery_failed",
            Self::MailboxPaused => "mailbox_paused",
            Self::MailboxUnpaused => "mailbox_unpaused",
            Self::ConnectionUp => "connection_up",
            Self::ConnectionDown => "connection_down",
            Self::FocusChanged => "focus_changed",
        }
    }
}

/// One thing that happened: its kind, and what it is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServiceEvent {
    /// What.
    #[serde(rename = "type")]
    pub kind: ServiceKind,
    /// In which mailbox.
    pub mailbox: MailboxId,
    /// In which chat.
    #[serde(default)]
    pub chat: Option<ChatId>,
    /// On which connection.
    #[serde(default)]
    pub connection: Option<ConnectionId>,
    /// To which delivery.
    #[serde(default)]
    pub delivery: Option<DeliveryId>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

impl ServiceEvent {
    /// Something that happened in a mailbox.
    pub fn new(kind: ServiceKind, mailbox: MailboxId) -> Self {
        Self {
            kind,
            mailbox,
            chat: None,
            connection: None,
            delivery: None,
            reason: None,
        }
    }
}

/// Who is told what happens in an account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Whose events.
    pub account: AccountId,
    /// Which kinds.
    pub events: Vec<ServiceKind>,
    /// Whether it is told at present.
    pub standing: Standing,
    /// How many hand-outs in a row came to nothing.
    pub fails: u32,
    /// How many events were dropped since too many waited.
    pub dropped: u64,
    /// When it was made.
    pub at: Millis,
}
