//! The closed set of writes.
//!
//! A step serialises to JSON with its kind under `step`; stores may hand that JSON to their engine as it is.

use super::record::{Note, RecordKind};
use super::row::{Author, Door, SecretBox, Standing, StateBox, Token};
use super::sealed::SealedPlace;
use super::service::ServiceKind;
use crate::admit::Policy;
use crate::connector::{Cursor, DeliveryClass, Receipt, Revision, Verb};
use crate::event::{Content, Event, EventBody, Media};
use crate::focus::Focus;
use crate::id::{
    AccountId, ChatId, ConnectionId, DeliveryId, ExternalId, Fence, MailboxId, Millis, Platform,
    Seq, SessionId, WorkerId,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One write: what to change, and what it was decided on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Takes an admitted event in.
    Accept(Box<Accept>),
    /// Moves a connection's cursor past an event that was refused.
    Skip(Skip),
    /// Takes lanes that are due.
    Claim(Claim),
    /// Keeps a lane.
    Renew(Renew),
    /// Ends a turn.
    Commit(Box<Commit>),
    /// Says something outside a turn.
    Emit(Box<Emit>),
    /// Decides about a delivery.
    Settle(Box<Settle>),
    /// Decides about a file.
    Media(MediaStep),
    /// Moves a reader's position forward.
    Ack(Ack),
    /// Moves a mailbox's focus.
    Switch(Switch),
    /// Changes who and what exists.
    Admin(Box<Admin>),
    /// Changes who and what exists, all of it or nothing: answered with how many things changed, or as the first one that
    /// could not be done.
    Together {
        /// In this order.
        all: Vec<Admin>,
    },
}

/// Takes an admitted event in: log row, chat, members, positions, lane or none by the mailbox's door, and cursor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Accept {
    /// Where it came from.
    pub connection: ConnectionId,
    /// The policy it was admitted under; another is `Stale`.
    pub policy_rev: Revision,
    /// Of a connection that one node at a time reads: under which fence it was read. Another is `Fenced`. The arrivals of
    /// one call were read under the same.
    pub fence: Option<Fence>,
    /// What happened.
    pub event: Event,
    /// Whether and when it starts a turn.
    pub wake: Wake,
    /// Where to resume afterwards.
    pub cursor: Option<Cursor>,
    /// Claims the turn lane it wakes, if that lane sleeps and is due.
    pub offer: Option<Offer>,
    /// A mailbox that is pushed is handed the row; with none it is not.
    pub hand: Option<Hand>,
}

/// How a mailbox that is pushed is handed a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hand {
    /// Within so many milliseconds.
    pub within_ms: i64,
    /// Claims the push lane it wakes, if that lane sleeps and is due, and the mailbox is not paused.
    pub offer: Option<Offer>,
}

/// Whether and when an event starts a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "wake", rename_all = "snake_case")]
pub enum Wake {
    /// It is context for later.
    Never,
    /// The lane becomes due after this many milliseconds.
    After {
        /// Milliseconds from the commit.
        ms: i64,
    },
}

impl Wake {
    /// At once.
    pub const NOW: Self = Self::After { ms: 0 };
}

/// Who would take a lane, and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Offer {
    /// The worker.
    pub worker: WorkerId,
    /// The lease in milliseconds.
    pub lease_ms: i64,
}

/// Moves a connection's cursor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Skip {
    /// Whose.
    pub connection: ConnectionId,
    /// Where to.
    pub cursor: Cursor,
    /// As of an accept.
    pub fence: Option<Fence>,
}

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

/// Ends a turn: the chat's pending rows are handed over, its replies appended and queued, the lane released.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Commit {
    /// Which lane.
    pub lane: LaneKey,
    /// The holder's fence; another is `Fenced` and nothing is written.
    pub fence: Fence,
    /// The turn's origin.
    pub chat: ChatId,
    /// The newest row the turn saw.
    pub upto: Seq,
    /// How it ended.
    pub end: TurnEnd,
    /// What it says, in order.
    pub emits: Vec<Emit>,
}

/// How a turn ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum TurnEnd {
    /// It did its work.
    Done {
        /// Tokens read and written, as far as the backend knows.
        tokens: u32,
    },
    /// The backend failed for good; a notice may be among the emits.
    Failed {
        /// Why.
        reason: String,
    },
    /// To be tried again after this many milliseconds: nothing is handed over, nothing said, the attempt counts.
    Again {
        /// Milliseconds from the commit.
        after_ms: i64,
        /// Why.
        reason: String,
    },
    /// Cut off by the house, not by what is pending: as `Again`, but the claim is no attempt.
    Released {
        /// Milliseconds from the commit.
        after_ms: i64,
        /// Why.
        reason: String,
    },
    /// Too many attempts: the oldest pending row alone becomes a dead letter.
    Poisoned {
        /// Why.
        reason: String,
    },
}

impl TurnEnd {
    /// When the lane is due again, if what is pending is left for another turn: milliseconds from the commit.
    pub fn puts_off(&self) -> Option<i64> {
        match self {
            Self::Again { after_ms, .. } | Self::Released { after_ms, .. } => Some(*after_ms),
            Self::Done { .. } | Self::Failed { .. } | Self::Poisoned { .. } => None,
        }
    }
}

/// Says something: one log row, and one outbox row per part where a platform must be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Emit {
    /// The mailbox in whose name.
    pub mailbox: MailboxId,
    /// Who says it.
    pub author: Author,
    /// Where.
    pub chat: ChatId,
    /// What: a message, edit, deletion or reaction.
    pub body: EventBody,
    /// The row it is about.
    pub target: Option<Seq>,
    /// The parts to send; none where the append is the delivery.
    pub parts: Vec<PlannedPart>,
    /// How certain a send is.
    pub class: DeliveryClass,
    /// Parts not sent within this many milliseconds expire.
    pub ttl_ms: i64,
    /// A key under which the same emit is recognised.
    pub idem: Option<String>,
    /// The turn that says it before it ends, if one does: where it does not run any more, `Fenced`. What a turn says by
    /// ending is under the fence of its [`Commit`], and this is not looked at.
    pub under: Option<Under>,
}

/// A turn, as what is done in its name before it ends says it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Under {
    /// Its lane.
    pub lane: LaneKey,
    /// Its fence.
    pub fence: Fence,
}

/// One part of what is said, ready for the adapter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlannedPart {
    /// What to do.
    pub verb: Verb,
}

/// Decides about one delivery under its lane's fence.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settle {
    /// The out lane.
    pub lane: LaneKey,
    /// The holder's fence; another is `Fenced` and nothing is written.
    pub fence: Fence,
    /// Which delivery; `None` only gives the lane back.
    pub delivery: Option<DeliveryId>,
    /// What became of it.
    pub to: Settled,
    /// Of a hand-out: its mailbox is paused if as many as this came to nothing in a row, this one included; 0 pauses it
    /// whatever became of this one.
    pub pause_after: Option<u32>,
    /// Nobody waits for it: it may be kept for a moment, to be committed with what somebody waits for.
    #[serde(default)]
    pub may_wait: bool,
}

/// What becomes of a delivery. Every one but `Custody` and `Retry` is final, except that `Retry` and `Release` also
/// give the lane back; the others keep it while rows wait in it, and give it back after the last.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Settled {
    /// About to be handed to the platform: from here on a crash leaves doubt.
    Custody,
    /// The platform has it.
    Delivered {
        /// What the platform calls it.
        receipt: Receipt,
    },
    /// Certainly not done; again later. Counts an attempt.
    Retry {
        /// Milliseconds from the commit.
        after_ms: i64,
        /// Why.
        reason: String,
    },
    /// It will never work.
    Failed {
        /// Why.
        reason: String,
    },
    /// Nobody knows.
    Unknown {
        /// Why.
        reason: String,
    },
    /// Too late.
    Expired,
    /// Nothing happened; the lane sleeps and becomes due again. Costs no attempt.
    Release {
        /// Milliseconds from the commit.
        after_ms: i64,
    },
}

/// Decides about one file of one row; once none is pending the chat's lane is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MediaStep {
    /// The row.
    pub seq: Seq,
    /// The file's place among the row's attachments.
    pub index: u32,
    /// Where it is now.
    pub media: Media,
    /// Its name as kept.
    pub name: Option<String>,
    /// Its type as found in the bytes.
    pub mime: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// What the lane goes on waiting for after the last file, in milliseconds: an album's other pictures.
    #[serde(default)]
    pub wait_ms: i64,
}

/// Moves a reader's position forward; back is done without effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ack {
    /// The chat.
    pub chat: ChatId,
    /// A mailbox id or a principal's name.
    pub reader: String,
    /// The newest row seen; beyond the chat's head is `Stale`.
    pub seen: Seq,
}

/// Moves a mailbox's focus and consumes what the new chat holds so far. `Stale` where the mailbox has no such chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Switch {
    /// Whose.
    pub mailbox: MailboxId,
    /// Where to, or nowhere.
    pub to: Option<ChatId>,
}

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
    /// [`super::Store::remembered`].
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

/// What became of a step.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Committed.
    Done(Done),
    /// It had been committed before; nothing was written.
    Duplicate {
        /// The row it became then, where there is one.
        seq: Option<Seq>,
    },
    /// The lane or connection has another holder; nothing was written.
    Fenced,
    /// Decided on old news; nothing was written. Read and decide again.
    Stale,
}

/// What a committed step made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    /// Nothing to tell.
    Nothing,
    /// An event became a row.
    Accepted(Accepted),
    /// Lanes were taken.
    Claimed {
        /// Which, oldest due first.
        lanes: Vec<Claimed>,
    },
    /// Rows were appended.
    Appended {
        /// One per emit.
        rows: Vec<Appended>,
        /// Whether the lane was given back with work left in it.
        more: bool,
    },
    /// A delivery was settled.
    Settled {
        /// Whether the lane is still ours with rows in it.
        more: bool,
        /// Whether the lane's mailbox, if it is a mailbox's, is paused.
        paused: bool,
    },
    /// A mailbox looks there from now on.
    Switched {
        /// Where it looks.
        focus: Focus,
        /// Whether it looked elsewhere before.
        moved: bool,
    },
    /// So many things were changed.
    Changed {
        /// How many.
        count: u64,
    },
}

/// An accepted event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Accepted {
    /// Its row.
    pub seq: Seq,
    /// The chat's newest row before this one, zero for none: a reader who has that one misses nothing.
    pub prev: Seq,
    /// Its chat.
    pub chat: ChatId,
    /// The chat's session.
    pub session: SessionId,
    /// The chat's title, as it is kept: the event need not tell it.
    pub name: Option<String>,
    /// When it was committed.
    pub at: Millis,
    /// Whether the chat was unknown before.
    pub new_chat: bool,
    /// The lane, if one was offered to and taken: a turn lane or a push lane, by the mailbox's door.
    pub claimed: Option<Claimed>,
    /// Whether a turn lane was taken for this row alone: nobody had anything to answer in it, and since what was handed
    /// over nothing else came into the chat. Who holds it need not look for what is pending.
    pub alone: bool,
    /// The row's hand-out, where its mailbox is pushed and wants to hear of the chat.
    pub handing: Option<Handing>,
}

/// A row's hand-out, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handing {
    /// Which.
    pub delivery: DeliveryId,
    /// Whether the mailbox looked at the chat when the row came in.
    pub focal: bool,
    /// The last one before it in its lane that is not decided yet: with none it is the next to be handed out.
    pub after: Option<DeliveryId>,
}

/// A lane taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Which.
    pub lane: LaneKey,
    /// The new fence.
    pub fence: Fence,
    /// How many attempts since its last success, this one included.
    pub attempts: u32,
}

/// A row appended by an emit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appended {
    /// Its place.
    pub seq: Seq,
    /// The chat's newest row before this one, zero for none: a reader who has that one misses nothing.
    pub prev: Seq,
    /// Its chat.
    pub chat: ChatId,
    /// When.
    pub at: Millis,
}

impl Step {
    /// Whether nobody waits for it. A store may keep it for as long as [`PATIENCE`], to commit it with what comes next.
    pub fn may_wait(&self) -> bool {
        matches!(self, Self::Settle(settle) if settle.may_wait)
    }
}

/// How long a store keeps what nobody waits for. Until then a crash undoes it, as it does a moment earlier in any case.
pub const PATIENCE: Duration = Duration::from_millis(2);

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

impl Emit {
    /// What is said, where it is a message or an edit.
    pub fn content(&self) -> Option<&Content> {
        self.body.content()
    }
}
