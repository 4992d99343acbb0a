//! Steps as the JSON that the batch text reads. What is only carried (bodies, authors, the platform's own words) goes as
//! text inside it, so that the database stores it to the letter and never parses it.

use chatbox_core::connector::{Receipt, Revision};
use chatbox_core::event::{ChatKind, EventBody, Media};
use chatbox_core::id::{ConnectionId, DeliveryId, EventId, Fence};
use chatbox_core::store::{
    Accept, Admin, Commit, Emit, LaneKind, MEDIA_WAIT_MS, Settle, Settled, Step, StoreError, Under,
    Wake,
};
use serde::Serialize;
use std::fmt;

/// One step as JSON.
#[derive(Debug)]
pub(super) enum Encoded {
    /// An accept or skip.
    Arrival {
        json: String,
        /// What a repetition of it has in common with it.
        same: Option<Same>,
    },
    /// A delivery that is decided about.
    Settle {
        json: String,
        /// Whose lane it is in.
        owner: String,
        /// A hand-out that was taken, where nothing else is to be said of it: all of a batch can be settled at once.
        taken: Option<DeliveryId>,
    },
    /// Any other step.
    Act(String),
    /// Administrative steps that are all made or none is.
    Together(Vec<String>),
}

/// An event under a policy. Two of them in one batch are one: both are stale, or the second is a repetition.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Same(ConnectionId, EventId, Revision, Option<Fence>);

impl Encoded {
    /// Whether it ends its transaction where it cannot be made.
    pub(super) fn may_end_all(&self) -> bool {
        matches!(self, Self::Together(_))
    }

    pub(super) fn of(step: &Step) -> Result<Self, StoreError> {
        Ok(match step {
            Step::Accept(accept) => Self::Arrival {
                json: json(&AcceptRow::of(accept)?)?,
                same: Some(Same(
                    accept.connection.clone(),
                    accept.event.id.clone(),
                    accept.policy_rev,
                    accept.fence,
                )),
            },
            Step::Skip(_) => Self::Arrival {
                json: json(step)?,
                same: None,
            },
            Step::Settle(settle) => Self::Settle {
                json: json(step)?,
                owner: settle.lane.owner.clone(),
                taken: taken(settle),
            },
            Step::Commit(commit) => Self::Act(json(&CommitRow::of(commit)?)?),
            Step::Emit(emit) => Self::Act(json(&EmitRow::of(emit)?)?),
            Step::Together { all } => {
                let all: Result<_, _> = all.iter().map(part).collect();
                Self::Together(all?)
            }
            other => Self::Act(json(other)?),
        })
    }
}

fn taken(settle: &Settle) -> Option<DeliveryId> {
    let is_taken = settle.lane.kind == LaneKind::Push
        && settle.pause_after.is_none()
        && matches!(&settle.to, Settled::Delivered { receipt } if *receipt == Receipt::default());
    settle.delivery.filter(|_| is_taken)
}

/// One of several that go together.
fn part(admin: &Admin) -> Result<String, StoreError> {
    #[derive(Serialize)]
    struct Part<'a> {
        together: bool,
        #[serde(flatten)]
        admin: &'a Admin,
    }
    json(&Part {
        together: true,
        admin,
    })
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(unwritable)
}

fn unwritable(error: impl fmt::Display) -> StoreError {
    StoreError::Failed(format!("a step cannot be written as JSON: {error}"))
}

#[derive(Serialize)]
struct AcceptRow<'a> {
    connection: &'a str,
    rev: Revision,
    #[serde(skip_serializing_if = "Option::is_none")]
    fence: Option<Fence>,
    event_id: &'a str,
    handle: &'a str,
    chat_kind: ChatKind,
    chat_name: Option<&'a str>,
    sender: &'a str,
    author: String,
    body_kind: &'static str,
    body: String,
    raw: Option<&'a str>,
    about: Option<&'a str>,
    late: bool,
    grp: Option<&'a str>,
    files: usize,
    wake_ms: Option<i64>,
    cursor: Option<&'a str>,
    worker: Option<&'a str>,
    lease: Option<i64>,
    hand: Option<i64>,
    hand_worker: Option<&'a str>,
    hand_lease: Option<i64>,
}

impl<'a> AcceptRow<'a> {
    fn of(accept: &'a Accept) -> Result<Self, StoreError> {
        let event = &accept.event;
        let files = awaited(&event.body);
        let wake_ms = match accept.wake {
            Wake::Never => None,
            Wake::After { ms } if files > 0 => Some(ms.max(MEDIA_WAIT_MS)),
            Wake::After { ms } => Some(ms),
        };
        let author = chatbox_core::store::Author::Person {
            id: event.sender.id.clone(),
            name: event.sender.name.clone(),
        };
        let hand = accept.hand.as_ref();
        let handing = hand.and_then(|hand| hand.offer.as_ref());
        Ok(Self {
            connection: accept.connection.as_str(),
            rev: accept.policy_rev,
            fence: accept.fence,
            event_id: event.id.as_str(),
            handle: event.chat.handle.as_str(),
            chat_kind: event.chat.kind,
            chat_name: event.chat.name.as_deref(),
            sender: event.sender.id.as_str(),
            author: json(&author)?,
            body_kind: event.body.kind(),
            body: json(&event.body)?,
            raw: event.raw.as_ref().map(|raw| raw.get()),
            about: event.body.target().map(EventId::as_str),
            late: event.late,
            grp: event.group.as_deref(),
            files,
            wake_ms,
            cursor: accept.cursor.as_ref().map(|cursor| cursor.0.as_str()),
            worker: accept.offer.as_ref().map(|offer| offer.worker.as_str()),
            lease: accept.offer.as_ref().map(|offer| offer.lease_ms),
            hand: hand.map(|hand| hand.within_ms),
            hand_worker: handing.map(|offer| offer.worker.as_str()),
            hand_lease: handing.map(|offer| offer.lease_ms),
        })
    }
}

#[derive(Serialize)]
struct EmitRow<'a> {
    step: &'static str,
    mailbox: &'a str,
    author: String,
    chat: i64,
    kind: &'static str,
    body: String,
    files: usize,
    target: Option<i64>,
    class: chatbox_core::connector::DeliveryClass,
    ttl_ms: i64,
    idem: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    under: Option<&'a Under>,
    parts: Vec<String>,
}

impl<'a> EmitRow<'a> {
    fn of(emit: &'a Emit) -> Result<Self, StoreError> {
        let parts: Result<_, _> = emit.parts.iter().map(|part| json(&part.verb)).collect();
        Ok(Self {
            step: "emit",
            mailbox: emit.mailbox.as_str(),
            author: json(&emit.author)?,
            chat: emit.chat.0,
            kind: emit.body.kind(),
            body: json(&emit.body)?,
            files: awaited(&emit.body),
            target: emit.target.map(|seq| seq.0),
            class: emit.class,
            ttl_ms: emit.ttl_ms,
            idem: emit.idem.as_deref(),
            under: emit.under.as_ref(),
            parts: parts?,
        })
    }
}

#[derive(Serialize)]
struct CommitRow<'a> {
    step: &'static str,
    lane: &'a chatbox_core::store::LaneKey,
    fence: i64,
    chat: i64,
    upto: i64,
    end: &'a chatbox_core::store::TurnEnd,
    emits: Vec<EmitRow<'a>>,
}

impl<'a> CommitRow<'a> {
    fn of(commit: &'a Commit) -> Result<Self, StoreError> {
        let emits: Result<_, _> = commit.emits.iter().map(EmitRow::of).collect();
        Ok(Self {
            step: "commit",
            lane: &commit.lane,
            fence: commit.fence.0,
            chat: commit.chat.0,
            upto: commit.upto.0,
            end: &commit.end,
            emits: emits?,
        })
    }
}

/// How many files of a body are still with their platform.
fn awaited(body: &EventBody) -> usize {
    let files = body.content().map(|content| content.attachments.as_slice());
    let files = files.unwrap_or_default().iter();
    files
        .filter(|file| matches!(file.media, Media::Pending { .. }))
        .count()
}
