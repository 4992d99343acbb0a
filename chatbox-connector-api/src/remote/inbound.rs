//! What a connector says on an open stream, and what it is told of it.

use super::client::Client;
use super::lines::Lines;
use crate::event::{Attachment, Event, EventBody, Media};
use crate::wire::{Confirmed, Ending, Line, Told};
use crate::{AdapterError, Arrival, Confirm, ErrorKind, Inbound, Incoming, Result};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

/// How many fates are told at once at most.
const TOLD: usize = 256;

/// An open stream.
struct Reader {
    lines: Lines,
    /// Takes what became of events, to be told.
    fates: mpsc::UnboundedSender<Told>,
}

/// Reads an answer to `open` from its first line on.
pub(super) async fn inbound(client: Client, mut lines: Lines) -> Result<Inbound> {
    let Some(stream) = opened(&mut lines).await? else {
        let text = "the connector did not begin its stream with an `opened` line";
        return Err(AdapterError::new(ErrorKind::Unavailable, text));
    };
    let (fates, told) = mpsc::unbounded_channel();
    tokio::spawn(tell(client, stream, told));
    let reader = Reader { lines, fates };
    let items = stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        match reader.next().await {
            Ok(Some(incoming)) => Some((Ok(incoming), Some(reader))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(items.boxed())
}

async fn opened(lines: &mut Lines) -> Result<Option<String>> {
    let Some(first) = lines.next().await? else {
        return Ok(None);
    };
    let line: Option<Line> = serde_json::from_slice(&first).ok();
    let line = line.filter(|line| line.kind == "opened");
    Ok(line.and_then(|line| line.stream))
}

/// Tells the connector what became of its events, in order, for as long as anybody may still decide one. What was decided
/// after the stream ended is told as well.
async fn tell(client: Client, stream: String, mut fates: mpsc::UnboundedReceiver<Told>) {
    let mut batch = Vec::new();
    while fates.recv_many(&mut batch, TOLD).await > 0 {
        let confirmed = Confirmed {
            stream: stream.clone(),
            fates: std::mem::take(&mut batch),
        };
        if let Err(error) = client.tell("confirm", &confirmed).await {
            // The stream ends with this, and what was not told comes again in the next one.
            tracing::warn!(%error, "the connector cannot be told what became of its events");
            return;
        }
    }
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Incoming>> {
        loop {
            let line = tokio::select! {
                line = self.lines.next() => line?,
                () = self.fates.closed() => return Err(deaf()),
            };
            let Some(line) = line else {
                return Ok(None);
            };
            let said = match serde_json::from_slice(&line) {
                Ok(line) => self.incoming(line),
                Err(error) => {
                    tracing::warn!(%error, "a line of the connector cannot be read");
                    None
                }
            };
            if let Some(incoming) = said {
                return incoming.map(Some);
            }
        }
    }

    /// What a line says; nothing for one of a type that is not known here.
    fn incoming(&self, line: Line) -> Option<Result<Incoming>> {
        match line.kind.as_str() {
            "event" => self.arrival(line).map(|it| Ok(Incoming::Event(it))),
            "alive" => Some(Ok(Incoming::Alive)),
            "link" => Some(Ok(Incoming::Link(line.link?))),
            "gap" => Some(Ok(Incoming::Gap { since: line.since? })),
            "error" => Some(Err(line
                .error
                .map_or_else(no_reason, crate::wire::Flaw::into_error))),
            _ => None,
        }
    }

    /// An event with its confirmation. One that cannot be read is refused, with the reason for the connector's author.
    fn arrival(&self, line: Line) -> Option<Arrival> {
        let event = match line.event() {
            Ok(event) => event,
            Err(reason) => {
                tracing::warn!(reason, "an event of the connector cannot be read");
                if let Some(n) = line.n {
                    let fate = Ending::Refused { reason };
                    let _ = self.fates.send(Told { n, fate });
                }
                return None;
            }
        };
        let fates = self.fates.clone();
        let confirm = line.n.map(|n| {
            Confirm::new(move |fate| {
                let fate = fate.into();
                let _ = fates.send(Told { n, fate });
            })
        });
        Some(Arrival {
            cursor: line.cursor,
            confirm,
            may_wait: line.may_wait,
            ..Arrival::new(own(event))
        })
    }
}

fn deaf() -> AdapterError {
    let text = "the connector cannot be told what became of its events";
    AdapterError::new(ErrorKind::Unavailable, text)
}

fn no_reason() -> AdapterError {
    AdapterError::new(
        ErrorKind::Unavailable,
        "the connector gave up without a word",
    )
}

/// An event with nothing in it that only the house may say: a file that is here already, an outcome of a row.
fn own(mut event: Event) -> Event {
    match &mut event.body {
        EventBody::Message(content) | EventBody::Edit { content, .. } => {
            content.attachments.iter_mut().for_each(foreign);
        }
        EventBody::Outcome { .. } => {
            event.body = EventBody::Unsupported {
                what: "outcome".to_owned(),
            };
        }
        _ => {}
    }
    event
}

fn foreign(file: &mut Attachment) {
    if matches!(file.media, Media::Ready { .. }) {
        let reason = "the connector named a file of the server's".to_owned();
        file.media = Media::Failed { reason };
    }
}
