//! The open stream: what the adapter yields as lines, and what it is told of them.

use crate::id::fresh;
use crate::wire::{BEAT, Confirmed, Line};
use crate::{Arrival, Confirm, Inbound, Incoming, Result};
use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tokio::time::{Interval, interval};

/// At most one open stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams(Arc<Mutex<Current>>);

#[derive(Debug, Default)]
struct Current {
    name: String,
    /// What is to be told, by the events' numbers. Kept when the stream ends: a fate may be decided after it.
    waiting: BTreeMap<u64, Confirm>,
    /// Ends the stream when it is replaced.
    _end: Option<oneshot::Sender<Infallible>>,
}

/// A stream as it is written.
struct Writer {
    all: Streams,
    name: String,
    inbound: Inbound,
    end: oneshot::Receiver<Infallible>,
    beat: Interval,
    last: u64,
}

impl Streams {
    /// Ends the stream that is open, so that the adapter is listened to once.
    pub(super) fn end(&self) {
        *self.current() = Current::default();
    }

    /// Begins a stream.
    pub(super) fn begin(&self, inbound: Inbound) -> Body {
        let name = fresh("stream");
        let (sender, end) = oneshot::channel();
        *self.current() = Current {
            name: name.clone(),
            waiting: BTreeMap::new(),
            _end: Some(sender),
        };
        let opened = written(&Line {
            stream: Some(name.clone()),
            ..Line::of("opened")
        });
        let writer = Writer {
            all: self.clone(),
            name,
            inbound,
            end,
            beat: interval(BEAT),
            last: 0,
        };
        let lines = stream::unfold(Some(writer), |writer| async {
            let mut writer = writer?;
            let (line, more) = writer.next().await?;
            Some((line, more.then_some(writer)))
        });
        let lines = stream::once(async { opened }).chain(lines);
        Body::from_stream(lines.map(Ok::<Bytes, Infallible>))
    }

    /// Tells the adapter what became of events. Those of a stream that was replaced come again in the new one.
    pub(super) fn confirm(&self, confirmed: Confirmed) {
        for told in confirmed.fates {
            if let Some(confirm) = self.take(&confirmed.stream, told.n) {
                confirm.confirm(told.fate.into());
            }
        }
    }

    fn take(&self, stream: &str, n: u64) -> Option<Confirm> {
        let mut current = self.current();
        match current.name == stream {
            true => current.waiting.remove(&n),
            false => None,
        }
    }

    /// What is to be told of an event, unless its stream was replaced meanwhile.
    fn wait(&self, stream: &str, n: u64, confirm: Confirm) {
        let mut current = self.current();
        if current.name == stream {
            current.waiting.insert(n, confirm);
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// The next line, and whether there may be more.
    async fn next(&mut self) -> Option<(Bytes, bool)> {
        tokio::select! {
            // Nothing is ever sent: this ends when the sender is gone.
            _ = &mut self.end => None,
            item = self.inbound.next() => {
                let item = item?;
                let more = item.is_ok();
                self.beat.reset();
                Some((self.line(item), more))
            }
            _ = self.beat.tick() => Some((Bytes::from_static(b"\n"), true)),
        }
    }

    fn line(&mut self, item: Result<Incoming>) -> Bytes {
        let line = match item {
            Ok(Incoming::Event(arrival)) => self.event(arrival),
            Ok(Incoming::Link(link)) => Line {
                link: Some(link),
                ..Line::of("link")
            },
            Ok(Incoming::Gap { since }) => Line {
                since: Some(since),
                ..Line::of("gap")
            },
            Ok(_) => Line::of("alive"),
            Err(error) => Line {
                error: Some((&error).into()),
                ..Line::of("error")
            },
        };
        written(&line)
    }

    fn event(&mut self, arrival: Arrival) -> Line {
        let n = arrival.confirm.map(|confirm| {
            self.last += 1;
            self.all.wait(&self.name, self.last, confirm);
            self.last
        });
        Line {
            n,
            event: serde_json::value::to_raw_value(&arrival.event).ok(),
            cursor: arrival.cursor,
            may_wait: arrival.may_wait,
            ..Line::of("event")
        }
    }
}

fn written(line: &Line) -> Bytes {
    let mut line = serde_json::to_vec(line).unwrap_or_default();
    line.push(b'\n');
    line.into()
}
