//! Steps as the server's function reads them, and its answers as outcomes. The one place that knows both shapes.
//!
//! Bodies, payloads and other documents travel as text and are never looked into by the server. Text that the server
//! compares cannot hold the zero character, which it does not know: it becomes U+FFFD.

mod admin;
mod fields;
mod steps;

use chatbox_core::id::{DeliveryId, Fence, Millis, Seq};
use chatbox_core::store::{Accepted, Claimed, Done, Handing, LaneKey, LaneKind, Outcome, Step};
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::Value;

pub(super) use fields::clean;
pub(super) use steps::encode;

/// The function's answer.
#[derive(Deserialize)]
struct Answer {
    at: Millis,
    outcomes: Vec<Value>,
}

/// What became of an arrival: its state, seq, chat, session, whether the chat is new, the lane taken for it, the chat's row
/// before it, the chat's name, and its hand-out.
#[derive(Deserialize)]
struct Arrived(
    String,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<bool>,
    Option<Taken>,
    Option<i64>,
    Option<String>,
    Option<Handed>,
);

/// Kind, owner, key, fence and attempts of a lane, and whether it was taken for this arrival alone.
#[derive(Deserialize)]
struct Taken(LaneKind, String, String, i64, u32, bool);

/// A hand-out, whether the mailbox looked there, and the last one that waits before it.
#[derive(Deserialize)]
struct Handed(DeliveryId, bool, Option<DeliveryId>);

/// Whether a step is taken together with its neighbours of this sort.
fn is_arrival(step: &Step) -> bool {
    matches!(step, Step::Accept(_) | Step::Skip(_))
}

/// One outcome per step.
pub(super) fn decode(steps: &[&Step], answer: &str) -> serde_json::Result<Vec<Outcome>> {
    let answer: Answer = serde_json::from_str(answer)?;
    let mut outcomes = Vec::with_capacity(steps.len());
    let mut answers = answer.outcomes.into_iter();
    let neighbours = steps.chunk_by(|a, b| is_arrival(a) && is_arrival(b));
    for run in neighbours {
        let answered = answers.next().unwrap_or_default();
        if !is_arrival(run[0]) {
            outcomes.push(serde_json::from_value(answered)?);
            continue;
        }
        let arrived: Vec<Arrived> = serde_json::from_value(answered)?;
        for one in arrived {
            outcomes.push(outcome(one, answer.at)?);
        }
    }
    match outcomes.len() == steps.len() {
        true => Ok(outcomes),
        false => Err(serde_json::Error::custom("not one answer per step")),
    }
}

fn outcome(arrived: Arrived, at: Millis) -> serde_json::Result<Outcome> {
    let Arrived(state, seq, chat, session, fresh, taken, prev, name, handed) = arrived;
    Ok(match (state.as_str(), seq, chat, session) {
        ("stale", ..) => Outcome::Stale,
        ("fenced", ..) => Outcome::Fenced,
        ("skip", ..) => Outcome::Done(Done::Nothing),
        ("duplicate", seq, ..) => Outcome::Duplicate { seq: seq.map(Seq) },
        ("new", Some(seq), Some(chat), Some(session)) => Outcome::Done(Done::Accepted(Accepted {
            seq: Seq(seq),
            prev: Seq(prev.unwrap_or(0)),
            chat: chatbox_core::id::ChatId(chat),
            session: chatbox_core::id::SessionId(session),
            name,
            at,
            new_chat: fresh == Some(true),
            alone: taken.as_ref().is_some_and(|taken| taken.5),
            handing: handed.map(handing),
            claimed: taken.map(claimed),
        })),
        _ => return Err(serde_json::Error::custom("an arrival without a row")),
    })
}

fn handing(Handed(delivery, focal, after): Handed) -> Handing {
    Handing {
        delivery,
        focal,
        after,
    }
}

fn claimed(Taken(kind, owner, key, fence, attempts, _): Taken) -> Claimed {
    Claimed {
        lane: LaneKey { kind, owner, key },
        fence: Fence(fence),
        attempts,
    }
}
