//! The stream by which an agent of the older wire hears of what it watches: `GET`, answered with events for as long as both
//! sides stay. An event's id is a place in the log, so that a stream that broke off goes on where it was.

use super::desk::Desk;
use super::refusal::Refusal;
use super::streams::Place;
use super::watch::{Wanted, Watch};
use crate::http::Problem;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chatbox_core::id::Seq;
use futures_util::{Stream, stream};
use rmcp::model::{
    ProtocolVersion, ResourceUpdatedNotification, ResourceUpdatedNotificationParam,
    ServerJsonRpcMessage, ServerNotification,
};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

/// The header of a stream's place, and that of the protocol's version.
const LAST: &str = "last-event-id";
const VERSION: &str = "mcp-protocol-version";
/// Said so often where there is nothing to say, so that nobody on the way takes the stream for dead.
const ALIVE: Duration = Duration::from_secs(15);

/// Where a stream is to go on, if it was one before.
///
/// # Errors
/// A version that has no such stream or that is not spoken, or somebody who does not take events.
pub(super) fn asked(headers: &HeaderMap) -> Result<Option<Seq>, StatusCode> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let version = text(VERSION);
    if version.is_some_and(|it| it >= ProtocolVersion::V_2026_07_28.as_str()) {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let known = ProtocolVersion::KNOWN_VERSIONS;
    if version.is_some_and(|it| known.iter().all(|known| known.as_str() != it)) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let accepted = headers.get_all(header::ACCEPT).iter();
    let mut accepted = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|kind| kind.split(';').next());
    if !accepted.any(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream")) {
        return Err(StatusCode::NOT_ACCEPTABLE);
    }
    // A place that is none of ours is like none.
    Ok(text(LAST).and_then(|place| place.parse().ok()).map(Seq))
}

/// The stream itself. It ends when the place among the open answers does.
pub(super) async fn open(desk: Desk, place: Place, after: Option<Seq>) -> Response {
    let watch = match Watch::begin(&desk, Wanted::Watched, after).await {
        Ok(watch) => watch,
        Err(refusal) => return unanswered(&refusal).into_response(),
    };
    let hearing = Hearing {
        watch,
        place,
        waiting: VecDeque::new(),
    };
    let events = Sse::new(hearing.events()).keep_alive(KeepAlive::new().interval(ALIVE));
    let mut answer = events.into_response();
    // A proxy that gathers what it passes on would hold an event back.
    let unbuffered = HeaderValue::from_static("no");
    answer.headers_mut().insert("x-accel-buffering", unbuffered);
    answer
}

/// Somebody who hears.
struct Hearing {
    watch: Watch,
    place: Place,
    waiting: VecDeque<Event>,
}

impl Hearing {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, async |mut hearing| {
            let event = hearing.next().await?;
            Some((Ok(event), hearing))
        })
    }

    /// The next event; none when the stream ends. Where the store fails it does too: who comes again is told.
    async fn next(&mut self) -> Option<Event> {
        while self.waiting.is_empty() {
            let changes = tokio::select! {
                changes = self.watch.next() => changes.ok()?,
                () = self.place.end.cancelled() => return None,
            };
            let count = changes.uris.len();
            let told = changes.uris.into_iter().zip(1..);
            let told = told.map(|(uri, nth)| {
                let event = updated(uri);
                // Who has heard all of them goes on behind them.
                match nth == count {
                    true => event.id(changes.upto.to_string()),
                    false => event,
                }
            });
            self.waiting.extend(told);
        }
        self.waiting.pop_front()
    }
}

fn updated(uri: String) -> Event {
    let about = ResourceUpdatedNotificationParam::new(uri);
    let updated = ResourceUpdatedNotification::new(about);
    let updated = ServerNotification::ResourceUpdatedNotification(updated);
    let message = ServerJsonRpcMessage::notification(updated);
    let text = serde_json::to_string(&message).expect("a notification is JSON");
    Event::default().data(text)
}

fn unanswered(refusal: &Refusal) -> Problem {
    let (detail, hint) = (refusal.to_string(), "try again in a moment");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "try_later", detail, hint).retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(name, value)| {
            let name: header::HeaderName = name.parse().expect("a name");
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    #[test]
    fn who_may_hear_and_from_where() {
        let events = ("accept", "application/json, text/event-stream;q=0.9");
        let older = (VERSION, "2025-11-25");
        for (pairs, answer) in [
            (&[events][..], Ok(None)),
            (&[events, older], Ok(None)),
            (&[events, older, (LAST, "42")], Ok(Some(Seq(42)))),
            (&[events, older, (LAST, "soon")], Ok(None)),
            (&[older], Err(StatusCode::NOT_ACCEPTABLE)),
            (
                &[("accept", "text/html"), older],
                Err(StatusCode::NOT_ACCEPTABLE),
            ),
            (
                &[events, (VERSION, "2026-07-28")],
                Err(StatusCode::METHOD_NOT_ALLOWED),
            ),
            (
                &[events, (VERSION, "2024-01-01")],
                Err(StatusCode::BAD_REQUEST),
            ),
        ] {
            assert_eq!(asked(&headers(pairs)), answer, "{pairs:?}");
        }
    }
}
