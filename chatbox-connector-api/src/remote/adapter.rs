//! The five methods and the skills, each one request.

use super::client::Client;
use super::inbound::inbound;
use super::lines::Lines;
use crate::event::Media;
use crate::id::{MediaId, Platform};
use crate::kit::status::Idempotent;
use crate::wire::{About, Asked, FILE, Fetch, Found, Open, Probed, SILENCE, Skill, Way};
use crate::{
    AdapterError, BlobError, Blobs, ByteStream, Capabilities, ChannelAdapter, Cursor, ErrorKind,
    Identity, Inbound, Incoming, MediaSource, Outbound, Receipt, Reconcile, Result, Setup, Verb,
};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::sleep;

/// An adapter that runs in another process.
pub(super) struct RemoteAdapter {
    client: Client,
    about: Arc<About>,
    blobs: Arc<dyn Blobs>,
    /// The link with `{code}` in it, as the last probe said it.
    pairing: Mutex<Option<String>>,
}

impl fmt::Debug for RemoteAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteAdapter")
            .field("platform", &self.about.manifest.platform)
            .finish_non_exhaustive()
    }
}

impl RemoteAdapter {
    pub(super) fn new(client: Client, about: Arc<About>, blobs: Arc<dyn Blobs>) -> Self {
        Self {
            client,
            about,
            blobs,
            pairing: Mutex::default(),
        }
    }

    /// The process is still what it said it was: what it can do is decided before it is asked.
    async fn unchanged(&self) -> Result<()> {
        if self.client.about().await? == *self.about {
            return Ok(());
        }
        let text = "the connector says other things of itself than when it was added; \
                    add it again with `chatbox channels add connector`";
        Err(AdapterError::new(ErrorKind::Invalid, text))
    }

    /// Brings the files of a message there, before the message that names them.
    async fn bring(&self, out: &Outbound) -> Result<()> {
        let (Verb::Send(message) | Verb::Edit { message, .. }) = &out.verb else {
            return Ok(());
        };
        for file in &message.attachments {
            if let Media::Ready { id } = &file.media {
                self.bring_one(id).await?;
            }
        }
        Ok(())
    }

    async fn bring_one(&self, id: &MediaId) -> Result<()> {
        let (size, bytes) = self.blobs.open(id).await.map_err(not_read)?;
        let body = reqwest::Body::wrap_stream(bytes);
        self.client.bring(id.as_str(), size, body, FILE).await
    }
}

fn not_read(error: BlobError) -> AdapterError {
    let kind = match error {
        BlobError::Io(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Invalid,
    };
    AdapterError::new(kind, error.to_string()).with_source(error)
}

#[async_trait]
impl ChannelAdapter for RemoteAdapter {
    fn platform(&self) -> Platform {
        self.about.manifest.platform.clone()
    }

    fn capabilities(&self) -> Capabilities {
        self.about.capabilities.clone()
    }

    async fn probe(&self) -> Result<Identity> {
        let probed: Probed = self.client.ask("probe", &(), Idempotent::Yes).await?;
        let mut pairing = self.pairing.lock().unwrap_or_else(PoisonError::into_inner);
        *pairing = probed.pairing_link;
        Ok(probed.identity)
    }

    async fn open(&self, resume: Option<Cursor>) -> Result<Inbound> {
        self.unchanged().await?;
        match self.about.inbound {
            Way::Stream => {
                let answer = self.client.open("open", &Open { cursor: resume }).await?;
                inbound(self.client.clone(), Lines::new(answer)).await
            }
            Way::Post => Ok(reachable(self.client.clone())),
        }
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        self.bring(out).await?;
        let asked = Asked::from(out);
        self.client.ask("perform", &asked, Idempotent::No).await
    }
}

/// What stands for a stream where events are posted: whether the process can be reached at all.
fn reachable(client: Client) -> Inbound {
    let first = stream::once(async { Ok(Incoming::Alive) });
    let later = stream::unfold(client, |client| async {
        sleep(SILENCE).await;
        let alive = client.about().await.map(|_| Incoming::Alive);
        Some((alive, client))
    });
    first.chain(later).boxed()
}

#[async_trait]
impl MediaSource for RemoteAdapter {
    async fn fetch(&self, source: &str) -> Result<ByteStream> {
        let fetch = Fetch {
            source: source.to_owned(),
        };
        let answer = self.client.open("media", &fetch).await?;
        let bytes = answer.bytes_stream();
        Ok(bytes
            .map_err(|error| io::Error::other(error.without_url()))
            .boxed())
    }
}

#[async_trait]
impl Reconcile for RemoteAdapter {
    async fn look_up(&self, out: &Outbound) -> Result<Option<Receipt>> {
        let asked = Asked::from(out);
        let found: Found = self.client.ask("look_up", &asked, Idempotent::Yes).await?;
        Ok(found.receipt)
    }
}

impl Setup for RemoteAdapter {
    fn pairing_link(&self, _identity: &Identity, code: &str) -> Option<String> {
        let offers = self.about.skills.contains(&Skill::Pairing);
        let pairing = self.pairing.lock().unwrap_or_else(PoisonError::into_inner);
        let link = pairing.as_ref().filter(|_| offers)?;
        Some(link.replace("{code}", code))
    }
}
