//! A Discord, and a bot that listens to it.

use async_trait::async_trait;
use chatbox_connector_api::event::{Attachment, Event};
use chatbox_connector_api::id::{MediaId, Seq};
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{
    AdapterError, BlobError, Blobs, ByteStream, Cursor, Egress, Fate, Inbound, Incoming, LinkState,
};
use chatbox_discord::{Config, DiscordAdapter};
use chatbox_fakes::discord::{Kind, Options, Server};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

pub(crate) const TOKEN: &str = "MTAwMDAwMDAwMDAw.TEST.token-TEST-token-TEST-token";
pub(crate) const SOON: Duration = Duration::from_secs(10);
pub(crate) const ADA: u64 = 42;
/// A room of guild 100.
pub(crate) const ROOM: u64 = 200;

/// A store without files.
#[derive(Debug)]
struct NoFiles;

#[async_trait]
impl Blobs for NoFiles {
    async fn put(
        &self,
        _: &str,
        _: &str,
        max: u64,
        _: ByteStream,
    ) -> Result<Attachment, BlobError> {
        Err(BlobError::TooLarge(max))
    }

    async fn open(&self, id: &MediaId) -> Result<(u64, ByteStream), BlobError> {
        Err(BlobError::NotFound(id.clone()))
    }

    async fn remove(&self, _: &MediaId) -> Result<(), BlobError> {
        Ok(())
    }
}

/// A Discord with one room.
pub(crate) async fn discord(options: Options) -> Server {
    let server = Server::start(Options {
        token: TOKEN.to_owned(),
        ..options
    });
    let server = server.await.expect("a free port");
    server.channel(ROOM, Kind::Text(100));
    server
}

/// A bot that is not patient.
pub(crate) fn adapter(server: &Server) -> DiscordAdapter {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let token = Secret::new(TOKEN);
    let config = Config::new(Some(&server.base_url()), &token, Egress::Public);
    let mut config = config.expect("good settings");
    config.identify_wait = Duration::from_millis(20);
    config.request = Duration::from_secs(2);
    config.guild_wait = Duration::from_millis(300);
    DiscordAdapter::new(config, Arc::new(NoFiles)).expect("an adapter")
}

/// The next event, stored as soon as it is there; and the cursor that came with it.
pub(crate) async fn next(stream: &mut Inbound) -> Result<(Event, Option<Cursor>), AdapterError> {
    let event = async {
        loop {
            let item = stream.next().await.expect("the stream goes on")?;
            if let Incoming::Event(arrival) = item {
                if let Some(confirm) = arrival.confirm {
                    confirm.confirm(Fate::Stored(Seq(1)));
                }
                return Ok((arrival.event, arrival.cursor));
            }
        }
    };
    timeout(SOON, event).await.expect("soon")
}

/// Reads until it is connected.
pub(crate) async fn online(stream: &mut Inbound) {
    let connected = async {
        loop {
            let item = stream.next().await.expect("the stream goes on");
            if let Incoming::Link(LinkState::Connected) = item.expect("it is let in") {
                return;
            }
        }
    };
    timeout(SOON, connected).await.expect("soon");
}
