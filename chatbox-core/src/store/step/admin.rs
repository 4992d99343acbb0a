//! Changing who and what exists.

use super::LaneScope;
use crate::admit::Policy;
use crate::connector::Revision;
use crate::id::{
    AccountId, ChatId, ConnectionId, DeliveryId, ExternalId, MailboxId, Millis, Platform,
};
use crate::store::record::{Note, RecordKind};
use crate::store::row::{Door, SecretBox, Standing, StateBox, Token};
use crate::store::sealed::SealedPlace;
use crate::store::service::ServiceKind;
use serde::{Deserialize, Serialize};

/// Changes who and what exists.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "admin", rename_all = "snake_case")]
pub enum Admin {
    /// Makes sure a mailbox exists and has this door and scope. Makes its account as well. `Stale` where it is
    /// archived, or another account's.
    PutMailbox(NewMailbox),
    /// Adds a connection; `Duplicate` when its mailbox has one on that platform or the platform's account is in use.
    AddConnection(Box<NewConnection>),
    /// Replaces an active connection's secret, settings and platform account.
    RenewConnection(Box<NewConnection>),
    /// Archives a connection: its history stays, its queued deliveries fail.
    RemoveConnection {
        /// Which.
        connection: ConnectionId,
    },
    /// Replaces a connection's policy, decided on revision `rev`; another is `Stale`.
    SetPolicy {
        /// Whose.
        connection: ConnectionId,
        /// The revision it was decided on.
        rev: Revision,
        /// The new policy.
        policy: Policy,
    },
    /// A mailbox wants to hear of one of its chats, or does not; `Stale` where it has no such chat.
    Mute {
        /// Whose.
        mailbox: MailboxId,
        /// Which.
        chat: ChatId,
        /// Whether it does not.
        muted: bool,
    },
    /// A mailbox or subscription is answered from now on, or what is to be handed to it waits. Its count of failures
    /// starts over. `Stale` where it is archived.
    SetStanding {
        /// Whose, a subscription's id included.
        mailbox: MailboxId,
        /// Whether it is answered.
        standing: Standing,
    },
    /// A mailbox is answered no more, and its connections are archived. Its history stays; its name is free.
    ArchiveMailbox {
        /// Which.
        mailbox: MailboxId,
    },
    /// Writes a record. `Stale` where it has another revision than it was decided on, or uses one that is not there;
    /// `Duplicate` where another of its kind in the account has its name.
    PutRecord(NewRecord),
    /// Forgets a record. `Stale` where there is none, `Duplicate` while another uses it.
    RemoveRecord {
        /// What it is.
        kind: RecordKind,
        /// Whose.
        account: AccountId,
        /// Which.
        id: String,
    },
    /// From now on service events of these kinds are handed to this subscription's endpoint.
    Subscribe {
        /// Whose events.
        account: AccountId,
        /// Which subscription.
        id: String,
        /// Which kinds.
        events: Vec<ServiceKind>,
    },
    /// A subscription hears nothing more; what waits for it is dropped.
    Unsubscribe {
        /// Whose events.
        account: AccountId,
        /// Which subscription.
        id: String,
    },
    /// A connection came up, or went down: a service event and nothing else.
    ReportLink {
        /// Which.
        connection: ConnectionId,
        /// Whether it is up.
        up: bool,
        /// Why it is not.
        reason: Option<String>,
    },
    /// Remembers a reply under a key; `Duplicate` where something is remembered under it, to be read by
    /// [`Store::remembered`](crate::store::Store::remembered).
    Once(Once),
    /// Writes down who did what.
    Note(Note),
    /// A repeated switch of this mailbox shows nothing again.
    SettleFocus {
        /// Whose.
        mailbox: MailboxId,
    },
    /// A chat goes on under another handle.
    MoveChat {
        /// Whose.
        connection: ConnectionId,
        /// The old handle.
        from: crate::id::Handle,
        /// The new handle.
        to: crate::id::Handle,
    },
    /// Sends a failed, unknown or expired delivery once more, as a person's decision.
    RetryDelivery {
        /// Which.
        delivery: DeliveryId,
        /// It expires after this many milliseconds.
        ttl_ms: i64,
    },
    /// Forgets deliveries that failed, expired or are unknown and were made before a time.
    PurgeDeliveries {
        /// Of one account only.
        account: Option<AccountId>,
        /// One only.
        delivery: Option<DeliveryId>,
        /// Made before.
        before: Millis,
    },
    /// Stores a credential's hash.
    PutToken(Token),
    /// Forgets a credential.
    RemoveToken {
        /// Its findable prefix.
        prefix: String,
    },
    /// Writes an adapter's memory if its revision is still `rev`, else `Stale`.
    PutState {
        /// Whose.
        connection: ConnectionId,
        /// Which value.
        key: String,
        /// The revision it was decided on, 0 for none.
        rev: Revision,
        /// The sealed value.
        value: StateBox,
    },
    /// Puts a sealed value in the place of the same value sealed with another key. `Stale` where something else stands there
    /// by now, which was sealed later and stays.
    Reseal {
        /// Where.
        place: SealedPlace,
        /// The text that stands there, to the letter.
        was: String,
        /// The text that is to stand there.
        becomes: String,
    },
    /// Ends every lease: only for a store that nobody else can have open.
    EndLeases,
}

/// A mailbox to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewMailbox {
    /// Its tenant.
    pub account: AccountId,
    /// Its id.
    pub id: MailboxId,
    /// Its name, unique within the account.
    pub name: String,
    /// How it is answered.
    pub door: Door,
    /// How much of it waits while one turn runs.
    pub scope: LaneScope,
}

/// A record to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewRecord {
    /// What it is.
    pub kind: RecordKind,
    /// Whose.
    pub account: AccountId,
    /// Its id.
    pub id: String,
    /// Its name, unique among the account's of its kind.
    pub name: String,
    /// The revision it was decided on: 0 where there must be none yet, `None` where it does not matter.
    pub rev: Option<Revision>,
    /// What it says, as its maker writes it.
    pub body: String,
    /// The credentials it names, which cannot go while it stays.
    pub uses: Vec<String>,
}

/// A reply to be remembered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Once {
    /// Under which key.
    pub key: String,
    /// What was asked, as a hash.
    pub asked: String,
    /// What was answered.
    pub reply: String,
    /// For so many milliseconds.
    pub ttl_ms: i64,
}

/// A connection to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewConnection {
    /// Its id.
    pub id: ConnectionId,
    /// Its mailbox.
    pub mailbox: MailboxId,
    /// The network.
    pub platform: Platform,
    /// The platform's account id, unique among active connections.
    pub ident: ExternalId,
    /// The adapter's settings as JSON.
    pub settings: String,
    /// The sealed secrets.
    pub secret: Option<SecretBox>,
    /// Who may talk.
    pub policy: Policy,
}
