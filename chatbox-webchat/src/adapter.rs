//! The adapter: arrivals out of the sockets, ephemeral signs into them. What is said never passes here; the append to
//! the log is the delivery, and the sockets read the log.

use crate::config::Config;
use crate::hub::{House, Hub};
use crate::{PLATFORM, Webchat};
use async_trait::async_trait;
use chatbox_connector_api::id::Platform;
use chatbox_connector_api::markup::{Dialect, PlainDialect, Unit};
use chatbox_connector_api::{
    AdapterContext, AdapterError, AdapterFactory, Arrival, Capabilities, ChannelAdapter, Cursor,
    DeliveryClass, ErrorKind, Identity, Inbound, Incoming, Limits, LinkState, Manifest, Outbound,
    Parts, Receipt, Result, Secrets, SettingSpec, Settings, TextLimit, Verb,
};
use futures_util::{StreamExt, stream};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The longest text of one line, in bytes.
const TEXT_BYTES: usize = 1024 * 1024;
/// How often a draft may grow, per chat.
const DRAFT_PACE: Duration = Duration::from_millis(60);
/// How often typing may be shown, per chat.
const TYPING_PACE: Duration = Duration::from_secs(3);
/// What this adapter can do. All but typing and drafts is done by the append: a client shows the log as it is.
fn capabilities(config: &Config, files: usize) -> Capabilities {
    let paced = |pace| {
        Some(Limits {
            pace: Some(pace),
            ..Limits::default()
        })
    };
    let text = TextLimit {
        max: TEXT_BYTES,
        unit: Unit::Utf8,
    };
    let unlimited = Some(Limits::default());
    let mut capabilities = Capabilities::new(DeliveryClass::Native, text);
    capabilities.caption = Some(text);
    capabilities.reply = unlimited;
    capabilities.edit = unlimited;
    capabilities.delete = unlimited;
    capabilities.react = unlimited;
    capabilities.media = unlimited;
    capabilities.media_in = Some(Limits {
        max_bytes: Some(config.max_upload_bytes),
        max_count: Some(files),
        ..Limits::default()
    });
    capabilities.typing = paced(TYPING_PACE);
    capabilities.draft = paced(DRAFT_PACE);
    capabilities
}

#[async_trait]
impl AdapterFactory for Webchat {
    fn manifest(&self) -> Manifest {
        Manifest {
            platform: Platform::new(PLATFORM),
            title: "Web chat".to_owned(),
            secrets: Vec::new(),
            settings: vec![SettingSpec {
                name: "max_upload_bytes".to_owned(),
                title: "The largest file a visitor may send, in bytes".to_owned(),
                default: Some(Config::default().max_upload_bytes.to_string()),
            }],
            guide: vec![
                "Run `chatbox login-link` and open the link it prints.".to_owned(),
                "Write something: the answer comes into the same page.".to_owned(),
            ],
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(dialect())
    }

    async fn build(
        &self,
        context: AdapterContext,
        settings: Settings,
        _: Secrets,
    ) -> Result<Parts> {
        let config: Config = settings.parse()?;
        if config.max_upload_bytes == 0 {
            let text = "`max_upload_bytes` is at least 1";
            return Err(AdapterError::new(ErrorKind::Invalid, text));
        }
        let hub = self.hub.clone();
        let adapter = Adapter {
            hub,
            context,
            config,
        };
        Ok(Parts::new(Arc::new(adapter)))
    }
}

fn dialect() -> PlainDialect {
    PlainDialect { unit: Unit::Utf8 }
}

/// One web chat connection.
struct Adapter {
    hub: Arc<Hub>,
    context: AdapterContext,
    config: Config,
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = &self.context.connection;
        f.debug_struct("Webchat")
            .field("connection", connection)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ChannelAdapter for Adapter {
    fn platform(&self) -> Platform {
        Platform::new(PLATFORM)
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(&self.config, self.hub.limits.files_per_message)
    }

    async fn probe(&self) -> Result<Identity> {
        Ok(Identity {
            id: self.context.connection.as_str().into(),
            name: "Web chat".to_owned(),
            link: None,
            notes: Vec::new(),
        })
    }

    async fn open(&self, _: Option<Cursor>) -> Result<Inbound> {
        let (door, arrivals) = mpsc::channel(self.hub.limits.arrivals);
        let house = Arc::new(House {
            log: self.context.transcript.clone(),
            blobs: self.context.blobs.clone(),
            config: self.config.clone(),
            door,
            gone: CancellationToken::new(),
        });
        let (hub, news) = (self.hub.clone(), house.log.news());
        let news = tokio::spawn(async move { hub.pass_on(news).await });
        self.hub.settle_in(house.clone());
        let lodging = Lodging {
            hub: self.hub.clone(),
            house,
            _news: AbortOnDropHandle::new(news),
        };
        Ok(incoming(arrivals, lodging))
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        match &out.verb {
            Verb::Typing => self.hub.typing(&out.chat),
            Verb::Draft { id, markup } => self.hub.draft(&out.chat, *id, markup),
            other => {
                let text = format!(
                    "the web chat has no `{}`: its log is what is shown",
                    other.name()
                );
                return Err(AdapterError::new(ErrorKind::Unsupported, text));
            }
        }
        Ok(Receipt::default())
    }
}

/// Keeps the sockets served while the stream lives.
struct Lodging {
    hub: Arc<Hub>,
    house: Arc<House>,
    _news: AbortOnDropHandle<()>,
}

impl Drop for Lodging {
    fn drop(&mut self) {
        self.hub.move_out(&self.house);
    }
}

/// Connected at once, arrivals as they come; ends when a newer stream takes over. A page nobody looks at is silent, and
/// well: there is no peer whose silence would mean a loss.
fn incoming(arrivals: mpsc::Receiver<Arrival>, lodging: Lodging) -> Inbound {
    let connected = stream::once(async { Ok(Incoming::Link(LinkState::Connected)) });
    let arrivals = stream::unfold((arrivals, lodging), async |(mut arrivals, lodging)| {
        let arrival = tokio::select! {
            () = lodging.house.gone.cancelled() => return None,
            arrival = arrivals.recv() => arrival?,
        };
        Some((Ok(Incoming::Event(arrival)), (arrivals, lodging)))
    });
    connected.chain(arrivals).boxed()
}
