//! Lanes: what each is for, taking them and keeping them.

use super::Offer;
use crate::id::{ChatId, ConnectionId, Fence, MailboxId, SessionId};
use serde::{Deserialize, Serialize};

/// What a lane is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneKind {
    /// Turns of a mailbox. Its owner is the mailbox.
    Turn,
    /// Sends to one chat of a connection. Its owner is the connection.
    Out,
    /// Hand-outs of one chat to a mailbox's endpoint, or of service events to a subscription's. Its owner is the mailbox
    /// or the subscription.
    Push,
    /// Reading a connection. Its owner is the connection, it is there for as long as the connection is, and it is always
    /// wanted: who holds it is the one who reads.
    Link,
}

impl LaneKind {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::Out => "out",
            Self::Push => "push",
            Self::Link => "link",
        }
    }
}

/// One lane.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct LaneKey {
    /// What for.
    pub kind: LaneKind,
    /// A mailbox's, connection's or subscription's id.
    pub owner: String,
    /// `chat/<id>`, `session/<id>`, `mailbox`, `events` or `link`.
    pub key: String,
}

impl LaneKey {
    /// The lane in which a mailbox answers this chat.
    pub fn turn(mailbox: &MailboxId, scope: LaneScope, chat: ChatId, session: SessionId) -> Self {
        let key = match scope {
            LaneScope::Mailbox => "mailbox".to_owned(),
            LaneScope::Session => format!("session/{session}"),
            LaneScope::Chat => format!("chat/{chat}"),
        };
        Self {
            kind: LaneKind::Turn,
            owner: mailbox.as_str().to_owned(),
            key,
        }
    }

    /// The lane in which a chat's rows are handed to its mailbox's endpoint.
    pub fn hand(mailbox: &MailboxId, chat: ChatId) -> Self {
        Self {
            kind: LaneKind::Push,
            owner: mailbox.as_str().to_owned(),
            key: format!("chat/{chat}"),
        }
    }

    /// The lane in which service events are handed to a subscription's endpoint.
    pub fn events(subscription: &str) -> Self {
        Self {
            kind: LaneKind::Push,
            owner: subscription.to_owned(),
            key: "events".to_owned(),
        }
    }

    /// The lane of whoever reads a connection.
    pub fn link(connection: &ConnectionId) -> Self {
        Self {
            kind: LaneKind::Link,
            owner: connection.as_str().to_owned(),
            key: "link".to_owned(),
        }
    }

    /// The lane in which a connection sends to this chat.
    pub fn out(connection: &ConnectionId, chat: ChatId) -> Self {
        Self {
            kind: LaneKind::Out,
            owner: connection.as_str().to_owned(),
            key: format!("chat/{chat}"),
        }
    }
}

/// How much of a mailbox waits while one turn runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneScope {
    /// The chat.
    Chat,
    /// The person's session over all their one-to-one chats; in a group, the chat.
    Session,
    /// Everything.
    Mailbox,
}

/// Takes up to `limit` lanes that are due, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claim {
    /// Which kind.
    pub kind: LaneKind,
    /// Whose, or anybody's.
    pub owner: Option<String>,
    /// But not theirs.
    pub except: Vec<String>,
    /// Who takes them.
    pub offer: Offer,
    /// At most so many.
    pub limit: u32,
}

/// Keeps a lane for another lease.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Renew {
    /// Which.
    pub lane: LaneKey,
    /// The holder's fence; another is `Fenced`.
    pub fence: Fence,
    /// The lease in milliseconds from now. A lane that is always wanted is given back by a lease that is over: see
    /// [`Renew::give_back`].
    pub lease_ms: i64,
}

impl Renew {
    /// Lets go of a lane that is always wanted: whoever comes next has it.
    pub fn give_back(lane: LaneKey, fence: Fence) -> Self {
        Self {
            lane,
            fence,
            lease_ms: -1,
        }
    }
}
