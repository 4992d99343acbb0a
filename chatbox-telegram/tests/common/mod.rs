//! A bot on a test server, with a house around it that keeps files in memory.
#![allow(dead_code, reason = "each test file uses its part")]

use async_trait::async_trait;
use bytes::Bytes;
use chatbox_connector_api::event::{Attachment, Event, Media};
use chatbox_connector_api::id::{EventId, MediaId, Seq};
use chatbox_connector_api::markup::parse;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{
    Arrival, BlobError, Blobs, ByteStream, ChannelAdapter, Cursor, Egress, Fate, Inbound, Incoming,
    OutMessage, Outbound, Receipt, Result, Verb,
};
use chatbox_fakes::telegram::{Bot, Options, Place, Server};
use chatbox_telegram::{Config, TelegramAdapter};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The bot's token, with a word that may turn up nowhere.
pub(crate) const TOKEN: &str = "7000001:AAcanaryAAcanaryAAcanaryAAcanaryAAc";
/// Another bot's.
pub(crate) const OTHER: &str = "7000002:AAcanaryAAcanaryAAcanaryAAcanaryAAc";
/// Long enough for anything on loopback.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Files in memory, by name.
#[derive(Debug, Default)]
pub(crate) struct Files(Mutex<HashMap<String, Bytes>>);

impl Files {
    /// Keeps a file and names it.
    pub(crate) fn keep(&self, name: &str, mime: &str, bytes: impl Into<Bytes>) -> Attachment {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        self.0
            .lock()
            .expect("no panic")
            .insert(name.to_owned(), bytes);
        Attachment {
            name: name.to_owned(),
            mime: mime.to_owned(),
            size: Some(size),
            media: Media::Ready {
                id: MediaId::new(name),
            },
        }
    }
}

#[async_trait]
impl Blobs for Files {
    async fn put(
        &self,
        name: &str,
        mime: &str,
        _max: u64,
        bytes: ByteStream,
    ) -> std::result::Result<Attachment, BlobError> {
        let pieces: Vec<Bytes> = bytes.try_collect().await?;
        Ok(self.keep(name, mime, pieces.concat()))
    }

    async fn open(&self, id: &MediaId) -> std::result::Result<(u64, ByteStream), BlobError> {
        let found = self.0.lock().expect("no panic").get(id.as_str()).cloned();
        let bytes = found.ok_or_else(|| BlobError::NotFound(id.clone()))?;
        let size = bytes.len() as u64;
        if id.as_str() == "broken" {
            let pieces = vec![
                Ok(bytes.slice(..bytes.len() / 2)),
                Err(io::Error::other("the disk is gone")),
            ];
            return Ok((size, stream::iter(pieces).boxed()));
        }
        // In pieces, as a disk gives them.
        let pieces: Vec<io::Result<Bytes>> = bytes
            .chunks(60_000)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        Ok((size, stream::iter(pieces).boxed()))
    }

    async fn remove(&self, id: &MediaId) -> std::result::Result<(), BlobError> {
        self.0.lock().expect("no panic").remove(id.as_str());
        Ok(())
    }
}

/// A server with two bots.
pub(crate) async fn server() -> Server {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bots = vec![Bot::new(TOKEN, "test_bot"), Bot::new(OTHER, "other_bot")];
    let options = Options {
        bots,
        ..Options::default()
    };
    let server = Server::start(options).await.expect("a free port");
    // Bots cannot write first: these two are known already.
    server.chat(Place::guess(42));
    server.chat(Place::guess(-5));
    server
}

/// Settings for a server, impatient enough for tests.
pub(crate) fn config(base: &str, token: &str) -> Config {
    let mut config =
        Config::new(Some(base), &Secret::new(token), Egress::Public).expect("good settings");
    config.poll = Duration::from_secs(1);
    config.poll_grace = Duration::from_millis(500);
    config.request = Duration::from_millis(1500);
    config.conflict_wait = Duration::from_millis(300);
    config
}

/// A bot and the files of its house.
pub(crate) fn bot_with(config: Config) -> (TelegramAdapter, Arc<Files>) {
    let files = Arc::new(Files::default());
    let adapter = TelegramAdapter::new(config, Arc::clone(&files) as Arc<dyn Blobs>);
    (adapter.expect("an adapter"), files)
}

/// The server's first bot.
pub(crate) fn bot(server: &Server) -> TelegramAdapter {
    bot_with(config(&server.base_url(), TOKEN)).0
}

/// The next event, whatever signs of life come before it.
pub(crate) async fn next(inbound: &mut Inbound) -> Arrival {
    let wait = async {
        loop {
            match inbound
                .next()
                .await
                .expect("the stream goes on")
                .expect("no error")
            {
                Incoming::Event(arrival) => return arrival,
                Incoming::Alive | Incoming::Link(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("an event")
}

/// Confirms an arrival as stored; its event and cursor.
pub(crate) fn store(arrival: Arrival) -> (Event, Option<Cursor>) {
    arrival
        .confirm
        .expect("someone waits")
        .confirm(Fate::Stored(Seq(1)));
    (arrival.event, arrival.cursor)
}

/// The next event's text, confirmed.
pub(crate) async fn heard(inbound: &mut Inbound) -> String {
    let (event, _) = store(next(inbound).await);
    event.body.content().expect("something said").text.clone()
}

/// Something to do in a chat.
pub(crate) fn out(chat: &str, verb: Verb) -> Outbound {
    Outbound {
        id: None,
        chat: chat.into(),
        verb,
    }
}

/// A message of CommonMark.
pub(crate) fn message(text: &str) -> OutMessage {
    OutMessage {
        markup: parse(text),
        ..OutMessage::default()
    }
}

/// Says something in a chat.
pub(crate) async fn say(adapter: &TelegramAdapter, chat: &str, text: &str) -> Result<Receipt> {
    adapter.perform(&out(chat, Verb::Send(message(text)))).await
}

/// The name of what was sent.
pub(crate) fn name(receipt: &Receipt) -> EventId {
    receipt.message.clone().expect("a name")
}

/// A picture as far as a server looks, which is its head; the rest is bytes to compare.
pub(crate) fn picture() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend([0, 0, 2, 0, 0, 0, 1, 0, 8, 2, 0, 0, 0]);
    bytes.extend((0..200_000_u32).map(|n| (n % 251) as u8));
    bytes
}
