//! The shape of every step.

use super::admin::admin;
use super::fields::{By, Document, File, Place, Text, files};
use super::is_arrival;
use chatbox_core::connector::Verb;
use chatbox_core::event::{ChatKind, EventBody, Media};
use chatbox_core::id::{ChatId, Fence, Seq};
use chatbox_core::store::{
    Accept, Ack, Claim, Commit, Emit, LaneKey, LaneKind, MEDIA_WAIT_MS, MediaStep, NOT_IN_TIME,
    PlannedPart, Renew, Settle, Settled, Skip, Step, Switch, TurnEnd, Under, Wake,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashSet;

#[derive(Serialize)]
struct Batch<'a> {
    /// Whether anything may be appended, so that the head is locked first. A lone step that appends nothing locks
    /// its lane first instead, and never asks for the head.
    head: bool,
    steps: Vec<Wired<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Wired<'a> {
    Accept { all: Vec<Arrival<'a>> },
    Claim(Value),
    Renew(Value),
    Commit(Box<Ending<'a>>),
    Emit(Box<Saying<'a>>),
    Settle(Value),
    Media(Box<Settling<'a>>),
    Ack(Value),
    Switch(Value),
    Admin(Value),
    Together { all: Vec<Value> },
}

/// The batch as the function reads it.
pub(in crate::postgres) fn encode(steps: &[&Step]) -> serde_json::Result<String> {
    let runs = steps.chunk_by(|a, b| is_arrival(a) && is_arrival(b));
    serde_json::to_string(&Batch {
        head: steps.len() > 1 || steps.iter().any(|step| may_append(step)),
        steps: runs.map(wired).collect(),
    })
}

fn may_append(step: &Step) -> bool {
    match step {
        Step::Accept(_)
        | Step::Commit(_)
        | Step::Emit(_)
        | Step::Switch(_)
        | Step::Admin(_)
        | Step::Together { .. } => true,
        // It may pause, and who wants to know is told.
        Step::Settle(settle) if settle.pause_after.is_some() => true,
        Step::Settle(settle) => matches!(
            settle.to,
            Settled::Failed { .. } | Settled::Unknown { .. } | Settled::Expired
        ),
        Step::Skip(_) | Step::Claim(_) | Step::Renew(_) | Step::Media(_) | Step::Ack(_) => false,
    }
}

fn wired<'a>(run: &[&'a Step]) -> Wired<'a> {
    match run[0] {
        Step::Accept(_) | Step::Skip(_) => Wired::Accept { all: arrivals(run) },
        Step::Claim(step) => Wired::Claim(claim(step)),
        Step::Renew(step) => Wired::Renew(renew(step)),
        Step::Commit(step) => Wired::Commit(Box::new(ending(step))),
        Step::Emit(step) => Wired::Emit(Box::new(saying(step))),
        Step::Settle(step) => Wired::Settle(settle(step)),
        Step::Media(step) => Wired::Media(Box::new(settling(step))),
        Step::Ack(step) => Wired::Ack(ack(step)),
        Step::Switch(step) => Wired::Switch(switch(step)),
        Step::Admin(step) => Wired::Admin(admin(step)),
        Step::Together { all } => Wired::Together {
            all: all.iter().map(admin).collect(),
        },
    }
}

/// An event, or a cursor alone.
#[derive(Serialize, Default)]
#[serde(default)]
struct Arrival<'a> {
    skip: bool,
    conn: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<Text<'a>>,
    /// The same event under the same policy stands before it: both are stale, or this one is a repetition.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    again: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fence: Option<Fence>,
    #[serde(flatten)]
    news: Option<News<'a>>,
}

#[derive(Serialize)]
struct News<'a> {
    rev: i64,
    event: Text<'a>,
    handle: Text<'a>,
    chat_kind: ChatKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_name: Option<Text<'a>>,
    sender: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_name: Option<Text<'a>>,
    kind: &'static str,
    body: Document<'a, EventBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<File<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Text<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    grp: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hand: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hand_worker: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hand_lease: Option<i64>,
}

fn arrivals<'a>(run: &[&'a Step]) -> Vec<Arrival<'a>> {
    let mut seen = HashSet::new();
    let mut all = Vec::with_capacity(run.len());
    for step in run {
        let again = matches!(step, Step::Accept(accept) if !seen.insert((
            &accept.connection, &accept.event.id, accept.policy_rev, accept.fence,
        )));
        all.extend(arrival(step, again));
    }
    all
}

fn arrival(step: &Step, again: bool) -> Option<Arrival<'_>> {
    match step {
        Step::Accept(accept) => Some(Arrival {
            skip: false,
            again,
            conn: Some(Text(accept.connection.as_str())),
            cursor: accept.cursor.as_ref().map(|it| Text(&it.0)),
            fence: accept.fence,
            news: Some(news(accept)),
        }),
        Step::Skip(Skip {
            connection,
            cursor,
            fence,
        }) => Some(Arrival {
            skip: true,
            again,
            conn: Some(Text(connection.as_str())),
            cursor: Some(Text(&cursor.0)),
            fence: *fence,
            news: None,
        }),
        _ => None,
    }
}

fn news(accept: &Accept) -> News<'_> {
    let event = &accept.event;
    let hand = accept.hand.as_ref();
    let handing = hand.and_then(|hand| hand.offer.as_ref());
    News {
        rev: accept.policy_rev,
        event: Text(event.id.as_str()),
        handle: Text(event.chat.handle.as_str()),
        chat_kind: event.chat.kind,
        chat_name: event.chat.name.as_deref().map(Text),
        sender: Text(event.sender.id.as_str()),
        sender_name: event.sender.name.as_deref().map(Text),
        kind: event.body.kind(),
        body: Document(&event.body),
        raw: event.raw.as_ref().map(|raw| raw.get()),
        files: files(&event.body),
        target: event.body.target().map(|it| Text(it.as_str())),
        late: event.late,
        grp: event.group.as_deref().map(Text),
        wait: wait(accept),
        worker: accept.offer.as_ref().map(|it| Text(it.worker.as_str())),
        lease: accept.offer.as_ref().map(|it| it.lease_ms),
        hand: hand.map(|hand| hand.within_ms),
        hand_worker: handing.map(|offer| Text(offer.worker.as_str())),
        hand_lease: handing.map(|offer| offer.lease_ms),
    }
}

/// How long the lane waits for what belongs to the event.
fn wait(accept: &Accept) -> Option<i64> {
    let Wake::After { ms } = accept.wake else {
        return None;
    };
    let files = accept.event.body.content().map(|it| &it.attachments);
    let is_pending = |media: &Media| matches!(media, Media::Pending { .. });
    match files.is_some_and(|files| files.iter().any(|it| is_pending(&it.media))) {
        true => Some(ms.max(MEDIA_WAIT_MS)),
        false => Some(ms),
    }
}

fn claim(step: &Claim) -> Value {
    json!({
        "kind": step.kind,
        "owner": step.owner.as_deref().map(Text),
        "except": step.except.iter().map(|it| Text(it)).collect::<Vec<_>>(),
        "worker": Text(step.offer.worker.as_str()),
        "lease": step.offer.lease_ms,
        "limit": step.limit,
    })
}

fn renew(step: &Renew) -> Value {
    with_lane(
        &step.lane,
        json!({ "fence": step.fence, "lease": step.lease_ms }),
    )
}

/// A lane's columns beside what is said about it.
fn with_lane(lane: &LaneKey, mut value: Value) -> Value {
    value["kind"] = json!(lane.kind);
    value["owner"] = json!(Text(&lane.owner));
    value["key"] = json!(Text(&lane.key));
    value
}

/// A turn that ends.
#[derive(Serialize)]
struct Ending<'a> {
    kind: LaneKind,
    owner: Text<'a>,
    key: Text<'a>,
    fence: Fence,
    chat: ChatId,
    upto: Seq,
    end: &'static str,
    reason: Option<Text<'a>>,
    after: Option<i64>,
    tokens: Option<u32>,
    emits: Vec<Saying<'a>>,
}

fn ending(step: &Commit) -> Ending<'_> {
    let (end, reason, after, tokens) = match &step.end {
        TurnEnd::Done { tokens } => ("done", None, None, Some(*tokens)),
        TurnEnd::Failed { reason } => ("failed", Some(reason), None, None),
        TurnEnd::Again { after_ms, reason } => ("again", Some(reason), Some(*after_ms), None),
        TurnEnd::Released { after_ms, reason } => ("released", Some(reason), Some(*after_ms), None),
        TurnEnd::Poisoned { reason } => ("poisoned", Some(reason), None, None),
    };
    Ending {
        kind: step.lane.kind,
        owner: Text(&step.lane.owner),
        key: Text(&step.lane.key),
        fence: step.fence,
        chat: step.chat,
        upto: step.upto,
        end,
        reason: reason.map(|it| Text(it)),
        after,
        tokens,
        emits: step.emits.iter().map(saying).collect(),
    }
}

/// Something said.
#[derive(Serialize)]
struct Saying<'a> {
    mailbox: Text<'a>,
    #[serde(flatten)]
    by: By<'a>,
    chat: ChatId,
    kind: &'static str,
    body: Document<'a, EventBody>,
    files: Option<Vec<File<'a>>>,
    target: Option<Seq>,
    parts: Vec<(&'static str, Document<'a, Verb>)>,
    class: chatbox_core::connector::DeliveryClass,
    ttl: i64,
    idem: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    under: Option<Value>,
}

fn saying(emit: &Emit) -> Saying<'_> {
    let part = |it: &'_ PlannedPart| it.verb.name();
    Saying {
        mailbox: Text(emit.mailbox.as_str()),
        by: By::from(&emit.author),
        chat: emit.chat,
        kind: emit.body.kind(),
        body: Document(&emit.body),
        files: files(&emit.body),
        target: emit.target,
        parts: emit
            .parts
            .iter()
            .map(|it| (part(it), Document(&it.verb)))
            .collect(),
        class: emit.class,
        ttl: emit.ttl_ms,
        idem: emit.idem.as_deref().map(Text),
        under: emit.under.as_ref().map(under),
    }
}

fn under(turn: &Under) -> Value {
    with_lane(&turn.lane, json!({ "fence": turn.fence }))
}

fn settle(step: &Settle) -> Value {
    let (to, rest) = match &step.to {
        Settled::Custody => ("custody", json!({})),
        Settled::Delivered { receipt } => (
            "delivered",
            json!({
                "receipt": receipt.message.as_ref().map(|it| Text(it.as_str())),
                "degraded": receipt.degraded.as_deref().map(Text),
            }),
        ),
        Settled::Retry { after_ms, reason } => (
            "retry",
            json!({ "after": after_ms, "reason": Text(reason) }),
        ),
        Settled::Failed { reason } => ("failed", json!({ "reason": Text(reason) })),
        Settled::Unknown { reason } => ("unknown", json!({ "reason": Text(reason) })),
        Settled::Expired => ("expired", json!({ "reason": NOT_IN_TIME })),
        Settled::Release { after_ms } => ("release", json!({ "after": after_ms })),
    };
    let mut value = with_lane(&step.lane, rest);
    value["fence"] = json!(step.fence);
    value["delivery"] = json!(step.delivery);
    value["to"] = json!(to);
    value["pause_after"] = json!(step.pause_after);
    value
}

/// A file that is settled.
#[derive(Serialize)]
struct Settling<'a> {
    seq: Seq,
    index: u32,
    name: Option<Text<'a>>,
    mime: Option<Text<'a>>,
    size: Option<u64>,
    wait_ms: i64,
    #[serde(flatten)]
    place: Place<'a>,
}

fn settling(step: &MediaStep) -> Settling<'_> {
    Settling {
        seq: step.seq,
        index: step.index,
        name: step.name.as_deref().map(Text),
        mime: step.mime.as_deref().map(Text),
        size: step.size,
        wait_ms: step.wait_ms,
        place: Place::from(&step.media),
    }
}

fn ack(step: &Ack) -> Value {
    json!({ "chat": step.chat, "reader": Text(&step.reader), "seen": step.seen })
}

fn switch(step: &Switch) -> Value {
    json!({ "mailbox": Text(step.mailbox.as_str()), "to": step.to })
}
