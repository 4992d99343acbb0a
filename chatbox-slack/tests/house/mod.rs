//! An adapter beside a server, and what it hears, without the engine between.

#![allow(dead_code, reason = "each test uses its part")]

use async_trait::async_trait;
use chatbox_connector_api::event::{Attachment, Event, Media};
use chatbox_connector_api::id::{DeliveryId, MediaId, Seq};
use chatbox_connector_api::markup::parse;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{
    AdapterError, BlobError, Blobs, ByteStream, ChannelAdapter, Cursor, Egress, Fate, Inbound,
    Incoming, OutMessage, Outbound, Verb,
};
use chatbox_fakes::slack::{Kind, Options, Server};
use chatbox_slack::{Config, SlackAdapter};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

pub(crate) const ADA: &str = "U0ADA";
pub(crate) const ROOM: &str = "C0ROOM";
/// How long something that must happen may take.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// No files but one.
#[derive(Debug)]
pub(crate) struct Shelf(pub(crate) &'static [u8]);

#[async_trait]
impl Blobs for Shelf {
    async fn put(
        &self,
        _: &str,
        _: &str,
        most: u64,
        _: ByteStream,
    ) -> Result<Attachment, BlobError> {
        Err(BlobError::TooLarge(most))
    }

    async fn open(&self, _: &MediaId) -> Result<(u64, ByteStream), BlobError> {
        let bytes = self.0;
        let stream = futures_util::stream::once(async move { Ok(bytes.into()) });
        Ok((bytes.len() as u64, stream.boxed()))
    }

    async fn remove(&self, _: &MediaId) -> Result<(), BlobError> {
        Ok(())
    }
}

/// A server with one room and one person, and an adapter that knows it.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) adapter: Arc<SlackAdapter>,
}

pub(crate) async fn house(options: Options) -> House {
    house_with(options, |_| {}).await
}

pub(crate) async fn house_with(options: Options, change: impl Fn(&mut Config)) -> House {
    let (bot, app) = (options.token.clone(), options.app_token.clone());
    let server = Server::start(options).await.expect("a free port");
    server.channel(ROOM, Kind::Channel("room".to_owned()));
    server.person(ADA, "ada");
    let adapter = adapter(&server, &bot, &app, change);
    House { server, adapter }
}

pub(crate) fn adapter(
    server: &Server,
    bot: &str,
    app: &str,
    change: impl Fn(&mut Config),
) -> Arc<SlackAdapter> {
    let (bot, app) = (Secret::new(bot), Secret::new(app));
    let base = server.base_url();
    let mut config = Config::new(Some(&base), &bot, &app, Egress::Public).expect("good settings");
    config.request = Duration::from_secs(5);
    config.settle = Duration::from_millis(20);
    config.leave = Duration::from_millis(50);
    change(&mut config);
    Arc::new(SlackAdapter::new(config, Arc::new(Shelf(b"bytes"))).expect("an adapter"))
}

/// A stream that is read by hand.
pub(crate) struct Ear {
    stream: Inbound,
    /// Behind the last event that was kept.
    pub(crate) cursor: Option<Cursor>,
    /// Gaps that were told of.
    pub(crate) gaps: usize,
}

impl House {
    pub(crate) async fn listen(&self, resume: Option<Cursor>) -> Ear {
        let stream = self.adapter.open(resume).await.expect("it opens");
        Ear {
            stream,
            cursor: None,
            gaps: 0,
        }
    }

    pub(crate) async fn say(&self, chat: &str, text: &str) -> chatbox_connector_api::Receipt {
        let said = self.try_to_say(chat, text).await;
        said.expect("it is said")
    }

    pub(crate) async fn try_to_say(
        &self,
        chat: &str,
        text: &str,
    ) -> Result<chatbox_connector_api::Receipt, AdapterError> {
        self.adapter.perform(&send(chat, text)).await
    }
}

pub(crate) fn send(chat: &str, text: &str) -> Outbound {
    Outbound {
        id: Some(DeliveryId(7)),
        chat: chat.into(),
        verb: Verb::Send(OutMessage {
            markup: parse(text),
            ..OutMessage::default()
        }),
    }
}

pub(crate) fn file() -> Attachment {
    Attachment {
        name: "a.txt".to_owned(),
        mime: "text/plain".to_owned(),
        size: Some(5),
        media: Media::Ready {
            id: MediaId::new("1"),
        },
    }
}

impl Ear {
    /// The next event, undecided; `None` once the stream ended.
    pub(crate) async fn next(&mut self) -> Option<chatbox_connector_api::Arrival> {
        loop {
            match timeout(SOON, self.stream.next()).await.expect("soon") {
                Some(Ok(Incoming::Event(arrival))) => return Some(arrival),
                Some(Ok(Incoming::Gap { .. })) => self.gaps += 1,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Why the stream ends.
    pub(crate) async fn end(&mut self) -> AdapterError {
        loop {
            match timeout(SOON, self.stream.next()).await.expect("soon") {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error,
                None => panic!("it ended without a word"),
            }
        }
    }

    /// The next event, kept.
    pub(crate) async fn hear(&mut self) -> Event {
        let arrival = self.next().await.expect("an event");
        self.cursor = arrival.cursor;
        if let Some(confirm) = arrival.confirm {
            confirm.confirm(Fate::Stored(Seq::ZERO));
        }
        arrival.event
    }

    /// Goes on for a while, in which nothing may come in.
    pub(crate) async fn idle(&mut self, time: Duration) {
        let quiet = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Incoming::Event(arrival))) => panic!("{:?}", arrival.event),
                    Some(Ok(_)) => {}
                    other => panic!("it ended: {other:?}"),
                }
            }
        };
        let _ = timeout(time, quiet).await;
    }

    /// The texts of so many events, kept.
    pub(crate) async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < count {
            all.push(text(&self.hear().await));
        }
        all
    }
}

pub(crate) fn text(event: &Event) -> String {
    event
        .body
        .content()
        .map_or_else(String::new, |content| content.text.clone())
}
