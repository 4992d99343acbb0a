//! Waiting until something happens.

use super::{Verb, bounded, reads};
use crate::mcp::desk::{Desk, Heard};
use crate::mcp::names::Name;
use crate::mcp::refusal::Refusal;
use crate::mcp::view::{self, RowView};
use chatbox_core::id::Seq;
use rmcp::model::ToolAnnotations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The most that one answer holds.
const MOST: u32 = 200;
/// The longest wait: shorter than what proxies and clients put up with.
const LONGEST: u32 = 55;
/// The log is looked at at least so often: another process may have written to it.
pub(in crate::mcp) const LOOK: Duration = Duration::from_secs(5);

pub(super) struct WaitForEvents;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Takes {
    /// The last cursor you were given; without one, only what happens from now on is told.
    #[serde(default)]
    cursor: Option<Name>,
    /// How long to wait where nothing has happened yet, 1 to 55; 25 where it is left out.
    #[serde(default)]
    timeout_seconds: Option<u32>,
    /// At most so many events, 1 to 200; 50 where it is left out.
    #[serde(default)]
    limit: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Events {
    /// What others did and what became of what you sent, oldest first, in all chats you want to hear of. Of chats you do
    /// not look at only the beginning of a text is shown.
    events: Vec<RowView>,
    /// What to give to the next call.
    cursor: String,
    /// Whether the next call returns at once.
    more: bool,
}

impl Verb for WaitForEvents {
    const NAME: &'static str = "wait_for_events";
    const TITLE: &'static str = "Wait for events";
    const SAYS: &'static str = "Returns what has happened in any chat after a cursor, at once if something has, and \
        otherwise as soon as something does or the time is up; then with no events. The cursor stays good for ever. \
        Marks nothing as read. Next: switch_chat to the chat to answer in.";
    type Takes = Takes;
    type Gives = Events;

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(desk: &Desk, takes: Takes) -> Result<Events, Refusal> {
        let limit = bounded("limit", takes.limit, 50, MOST)?;
        let seconds = bounded("timeout_seconds", takes.timeout_seconds, 25, LONGEST)?;
        let until = Instant::now() + Duration::from_secs(seconds.into());
        let cursor = match &takes.cursor {
            Some(name) => name.cursor()?,
            None => desk.head().await?,
        };
        let heard = wait(desk, cursor, limit, until);
        tokio::select! {
            heard = heard => Ok(events(heard?)),
            () = desk.end.cancelled() => Err(ended()),
        }
    }
}

/// A wait that was cut off.
pub(in crate::mcp) fn ended() -> Refusal {
    Refusal::new(
        "ended",
        "this wait was ended: the token was replaced, the server stops, or nobody waits any more",
        "Call wait_for_events with the same cursor once you can reach the server again.",
    )
}

/// The first news after a place, or none when the time is up.
async fn wait(desk: &Desk, mut cursor: Seq, limit: u32, until: Instant) -> Result<Heard, Refusal> {
    let bell = desk.bell();
    loop {
        let mut rung = std::pin::pin!(bell.notified());
        // Heard from here on, so that nothing falls between looking and listening.
        rung.as_mut().enable();
        let heard = desk.heard(cursor, limit).await?;
        if !heard.news.rows.is_empty() || Instant::now() >= until {
            return Ok(heard);
        }
        cursor = heard.cursor;
        let look = sleep_until(until.min(Instant::now() + LOOK));
        tokio::select! {
            () = rung => {}
            () = look => {}
        }
    }
}

fn events(heard: Heard) -> Events {
    let focal = heard.news.focal;
    let shown = heard.news.rows.iter();
    let shown = shown.map(|(row, chat)| match focal == Some(chat.id) {
        true => view::row(row, chat),
        false => view::notice(row, chat),
    });
    Events {
        events: shown.collect(),
        cursor: heard.cursor.to_string(),
        more: heard.more,
    }
}
