//! What is known of one message, told from its rows. Pure: every store gathers the rows its own way and tells the
//! same story.

use super::row::{Author, Delivery, DeliveryState, LogRow, TraceStep};
use crate::id::{Fence, Millis};
use serde::{Deserialize, Serialize};

/// One claim of a turn lane and how it ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TurnRow {
    /// The fence it ran under.
    pub fence: Fence,
    /// 1 for the first try.
    pub attempt: u32,
    /// `claimed`, `done`, `failed`, `again`, `released`, `poisoned`, or `lost` when somebody else had to take the lane.
    pub state: String,
    /// When it was claimed.
    pub at: Millis,
    /// Why it ended so.
    pub reason: Option<String>,
}

/// A delivery and since when it stands where it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Sent {
    /// The delivery.
    pub delivery: Delivery,
    /// The time of its last change.
    pub since: Millis,
}

/// The rows about one message.
#[derive(Clone, PartialEq, Debug)]
pub struct Story {
    /// The message.
    pub row: LogRow,
    /// The turns that had it to answer, oldest first.
    pub turns: Vec<TurnRow>,
    /// What the turn that answered it said, oldest first. Empty for what went out itself.
    pub replies: Vec<LogRow>,
    /// The deliveries of the replies, or of the message itself if it went out; in order of their ids.
    pub deliveries: Vec<Sent>,
}

impl Story {
    /// The story as steps, in order.
    pub fn steps(&self) -> Vec<TraceStep> {
        let mut steps = vec![said(&self.row)];
        steps.extend(self.turns.iter().map(turn));
        steps.extend(self.sent(&self.row));
        for reply in &self.replies {
            steps.push(said(reply));
            steps.extend(self.sent(reply));
        }
        steps
    }

    fn sent<'a>(&'a self, row: &'a LogRow) -> impl Iterator<Item = TraceStep> + 'a {
        self.deliveries
            .iter()
            .filter(|sent| sent.delivery.seq == row.seq)
            .flat_map(delivery)
    }
}

fn said(row: &LogRow) -> TraceStep {
    let (step, by) = match &row.author {
        Author::Person { id, .. } => ("accepted", format!("by {id}")),
        Author::Mailbox { id } => ("reply", format!("by {id}")),
        Author::System => ("notice", "by the house".to_owned()),
    };
    TraceStep {
        step: step.to_owned(),
        at: Some(row.at),
        detail: format!("{} {} in chat {} {by}", row.body.kind(), row.seq, row.chat),
    }
}

fn turn(turn: &TurnRow) -> TraceStep {
    let mut detail = format!(
        "attempt {} under fence {}: {}",
        turn.attempt, turn.fence, turn.state
    );
    if let Some(reason) = &turn.reason {
        detail = format!("{detail}, {reason}");
    }
    TraceStep {
        step: "turn".to_owned(),
        at: Some(turn.at),
        detail,
    }
}

fn delivery(sent: &Sent) -> Vec<TraceStep> {
    let delivery = &sent.delivery;
    let what = format!("delivery {}, part {}", delivery.id, delivery.part);
    let mut steps = vec![TraceStep {
        step: DeliveryState::Queued.as_str().to_owned(),
        at: Some(delivery.at),
        detail: what.clone(),
    }];
    if delivery.state == DeliveryState::Queued && delivery.attempts == 0 {
        return steps;
    }
    let step = match delivery.state {
        DeliveryState::Queued => "retrying",
        state => state.as_str(),
    };
    let name = delivery.receipt.as_ref().and_then(|it| it.message.as_ref());
    let notes = [
        name.map(|name| format!("as {name}")),
        (delivery.attempts > 0).then(|| format!("after {} failed tries", delivery.attempts)),
        delivery.reason.clone(),
    ];
    steps.push(TraceStep {
        step: step.to_owned(),
        at: Some(sent.since),
        detail: notes
            .into_iter()
            .flatten()
            .fold(what, |all, note| format!("{all}, {note}")),
    });
    steps
}
