//! What a store answers: rows, as values.

use super::service::ServiceEvent;
use super::step::{LaneKey, LaneScope};
use crate::admit::Policy;
use crate::connector::{Cursor, DeliveryClass, Receipt, Revision, Verb};
use crate::event::{ChatKind, EventBody};
use crate::focus::Focus;
use crate::id::{
    AccountId, Address, ChatId, ConnectionId, DeliveryId, EventId, ExternalId, Handle, MailboxId,
    Millis, Platform, Seq, SessionId,
};
use serde::{Deserialize, Serialize};

/// How a mailbox is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// A backend runs turns.
    Run,
    /// Every message is handed to the mailbox's own endpoint.
    Push,
    /// Messages are stored; somebody comes for them.
    Pull,
}

/// Whether a mailbox is answered at present.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is.
    #[default]
    Active,
    /// What is to be handed to it waits: too much in a row came to nothing.
    Paused,
    /// It is answered no more; what was said stays.
    Archived,
}

/// How much is still to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Depth {
    /// To platforms.
    pub sends: u64,
    /// To mailboxes' own endpoints.
    pub hand_outs: u64,
}

impl Depth {
    /// Both together.
    pub fn all(self) -> u64 {
        self.sends + self.hand_outs
    }
}

/// What waits to be handed or sent for one mailbox, subscription or connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Backlog {
    /// How many rows are not settled.
    pub rows: u64,
    /// When the oldest of them was made.
    pub oldest: Option<Millis>,
}

/// One agent's attention surface.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mailbox {
    /// Its id.
    pub id: MailboxId,
    /// Its tenant.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// How it is answered.
    pub door: Door,
    /// How much of it waits while one turn runs.
    pub scope: LaneScope,
    /// Where it looks.
    pub focus: Focus,
    /// Whether it is answered at present.
    pub standing: Standing,
    /// How many hand-outs in a row came to nothing.
    pub fails: u32,
}

/// One configured account on a platform.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Its mailbox.
    pub mailbox: MailboxId,
    /// The network.
    pub platform: Platform,
    /// The platform's account id.
    pub ident: ExternalId,
    /// The adapter's settings as JSON.
    pub settings: String,
    /// The sealed secrets.
    pub secret: Option<SecretBox>,
    /// Who may talk.
    pub policy: Policy,
    /// How often the policy was written.
    pub policy_rev: Revision,
    /// Where to resume.
    pub cursor: Option<Cursor>,
}

/// One conversation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chat {
    /// Its id.
    pub id: ChatId,
    /// Its connection.
    pub connection: ConnectionId,
    /// Its mailbox.
    pub mailbox: MailboxId,
    /// The network.
    pub platform: Platform,
    /// Its name on the network.
    pub handle: Handle,
    /// Its kind.
    pub kind: ChatKind,
    /// Its title.
    pub name: Option<String>,
    /// The session it belongs to: its person's where two speak, its own elsewhere.
    pub session: SessionId,
    /// Its newest row.
    pub head: Seq,
}

impl Chat {
    /// What agents and people call it.
    pub fn address(&self) -> Address {
        Address {
            platform: self.platform.clone(),
            handle: self.handle.clone(),
        }
    }
}

/// A chat as its mailbox sees it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Overview {
    /// The chat.
    pub chat: Chat,
    /// How many messages of others came after what the mailbox has seen; those taken back do not count.
    pub unread: u64,
    /// Whether the mailbox does not want to hear of it.
    pub muted: bool,
    /// Its newest message, whoever said it.
    pub last: Option<LogRow>,
}

/// A mailbox and the chat it looks at.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Attention {
    /// The mailbox.
    pub mailbox: Mailbox,
    /// Where it looks.
    pub focal: Option<Chat>,
}

/// What others did in a mailbox's chats after a place in the log, and what became of what was sent.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct News {
    /// The rows, oldest first, each with its chat; none of a chat that the mailbox does not want to hear of.
    pub rows: Vec<(LogRow, Chat)>,
    /// The newest place in the log that the mailbox's chats have.
    pub head: Seq,
    /// Where it looks.
    pub focal: Option<ChatId>,
}

/// Who a row is by.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Author {
    /// Somebody on a platform.
    Person {
        /// As the platform names them.
        id: ExternalId,
        /// As they call themselves.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// An agent.
    Mailbox {
        /// Which.
        id: MailboxId,
    },
    /// The house: notices and outcomes.
    System,
}

/// One row of the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogRow {
    /// Its place.
    pub seq: Seq,
    /// Its chat.
    pub chat: ChatId,
    /// Who said it.
    pub author: Author,
    /// Whether it goes out to the chat rather than coming from it.
    pub out: bool,
    /// What it says. For a message, the newest version.
    pub body: EventBody,
    /// What its platform calls it, for rows that came in.
    pub event: Option<EventId>,
    /// The row it is about.
    pub target: Option<Seq>,
    /// Whether it came from history.
    pub late: bool,
    /// Whether it starts a turn.
    pub wakes: bool,
    /// When it was committed.
    pub at: Millis,
}

/// Which rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Span {
    /// Of one chat.
    Chat(ChatId),
    /// Of a person's session: all its chats.
    Session(SessionId),
}

/// What a turn is about.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// The origin.
    pub chat: Chat,
    /// The rows not yet handed over, oldest first; deleted messages are left out.
    pub rows: Vec<LogRow>,
    /// The newest of the chat.
    pub upto: Seq,
}

/// How far a reader is in a chat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Position {
    /// A mailbox id or a principal's name.
    pub reader: String,
    /// Given to the reader's door and committed there.
    pub handed: Seq,
    /// Read.
    pub seen: Seq,
}

/// Where a delivery stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits.
    Queued,
    /// With the platform, or lost on the way.
    Custody,
    /// The platform has it.
    Delivered,
    /// It never worked.
    Failed,
    /// Nobody knows.
    Unknown,
    /// It waited too long.
    Expired,
    /// Something newer took its place.
    Superseded,
}

impl DeliveryState {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Custody,
        Self::Delivered,
        Self::Failed,
        Self::Unknown,
        Self::Expired,
        Self::Superseded,
    ];
    /// The ends that nobody wanted: dead letters.
    pub const DEAD: [Self; 3] = [Self::Failed, Self::Unknown, Self::Expired];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Custody => "custody",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }
}

/// One outbox row.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The log row it is part of or about; zero for an event that is about none.
    pub seq: Seq,
    /// Which part, from 0.
    pub part: u32,
    /// Its lane.
    pub lane: LaneKey,
    /// Its chat; zero for an event that is about none.
    pub chat: ChatId,
    /// How certain the send is.
    pub class: DeliveryClass,
    /// What it brings.
    pub parcel: Parcel,
    /// Where it stands.
    pub state: DeliveryState,
    /// Tries that certainly failed.
    pub attempts: u32,
    /// When it expires.
    pub expires: Millis,
    /// What the platform calls it.
    pub receipt: Option<Receipt>,
    /// Why it is where it is.
    pub reason: Option<String>,
    /// When it was made.
    pub at: Millis,
}

/// What a delivery brings.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Parcel {
    /// Something to do on a platform.
    Perform(Verb),
    /// The row, to a mailbox's own endpoint.
    Hand {
        /// Whether the mailbox looked at the chat when the row came in.
        focal: bool,
    },
    /// A service event, to a subscription's endpoint.
    Event {
        /// What happened.
        event: ServiceEvent,
    },
}

impl Parcel {
    /// A short name for people: a verb's, `hand` or `event`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Perform(verb) => verb.name(),
            Self::Hand { .. } => "hand",
            Self::Event { .. } => "event",
        }
    }
}

/// Which deliveries.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// Of one account only.
    pub account: Option<AccountId>,
    /// Of one mailbox's endpoint, subscription or connection only.
    pub owner: Option<String>,
    /// In one of these states; all when empty.
    pub states: Vec<DeliveryState>,
    /// Older than this one.
    pub before: Option<DeliveryId>,
    /// At most so many.
    pub limit: u32,
}

/// One thing that is known of a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TraceStep {
    /// `accepted`, `turn`, `reply`, `queued`, `delivered` …
    pub step: String,
    /// When, where a row says so.
    pub at: Option<Millis>,
    /// For people.
    pub detail: String,
}

/// A file that is still with its platform.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PendingMedia {
    /// The row.
    pub seq: Seq,
    /// The file's place among the row's attachments.
    pub index: u32,
    /// What the adapter's media source understands.
    pub source: String,
    /// The name the sender gave.
    pub name: String,
    /// The type the sender claimed.
    pub mime: String,
}

/// Sealed secrets: ciphertext and the nonce and key it was made with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SecretBox {
    /// Which key.
    pub key: String,
    /// Base64 of nonce and ciphertext.
    pub sealed: String,
}

/// A sealed value of an adapter's memory.
pub type StateBox = SecretBox;

/// A stored credential: never the credential itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Token {
    /// The findable part.
    pub prefix: String,
    /// SHA-256 of the whole, in hexadecimal.
    pub hash: String,
    /// The tenant it belongs to.
    pub account: AccountId,
    /// Whose.
    pub principal: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// Until when, if ever.
    pub until: Option<Millis>,
}
