//! The connector's half: any adapter, served as a process of its own by [`crate::wire`].
//!
//! ```no_run
//! # use chatbox_connector_api::{AdapterFactory, Egress, Secrets, Settings, host, secret::Secret};
//! # use std::sync::Arc;
//! # async fn run(factory: Arc<dyn AdapterFactory>, settings: Settings, secrets: Secrets) -> Result<(), Box<dyn std::error::Error>> {
//! let host = host::Host::build(factory, host::Options {
//!     settings,
//!     secrets,
//!     egress: Egress::Public,
//!     token: Secret::new(std::env::var("CONNECTOR_TOKEN")?),
//! });
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
//! host.await?.serve(listener).await?;
//! # Ok(())
//! # }
//! ```

mod answer;
mod context;
mod doors;
mod spool;
mod streams;

use crate::markup::{Dialect, Markup, literal, plain};
use crate::secret::Secret;
use crate::wire::{About, Asked, Probed, Skill, Way};
use crate::{
    AdapterError, AdapterFactory, DeliveryClass, Egress, ErrorKind, Outbound, Parts, Receipt,
    Result, Secrets, Settings, Verb,
};
use axum::Router;
use spool::Spool;
use std::io;
use std::sync::Arc;
use streams::Streams;
use tokio::net::TcpListener;

/// Stands where a pairing code goes.
const CODE: &str = "0paircode0";

/// What a connector process is started with.
#[derive(Debug)]
pub struct Options {
    /// The adapter's settings.
    pub settings: Settings,
    /// The adapter's secrets: they stay in this process.
    pub secrets: Secrets,
    /// Where the adapter's requests may go.
    pub egress: Egress,
    /// What the server must show. At least 16 characters.
    pub token: Secret,
}

/// An adapter that is served. One server at a time listens to it: whoever opens last.
#[derive(Clone, Debug)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    about: About,
    parts: Parts,
    dialect: Arc<dyn Dialect>,
    token: Secret,
    spool: Arc<Spool>,
    streams: Streams,
}

impl Host {
    /// Builds the adapter. Its own small memory and files on their way are kept in this process and end with it.
    ///
    /// # Errors
    /// What the factory refuses, a native platform, or a token that can be guessed.
    pub async fn build(factory: Arc<dyn AdapterFactory>, options: Options) -> Result<Self> {
        let Options {
            settings,
            secrets,
            egress,
            token,
        } = options;
        if token.expose().len() < 16 {
            let text = "the connector's token must have at least 16 characters";
            return Err(AdapterError::new(ErrorKind::Invalid, text));
        }
        let spool = Arc::new(Spool::default());
        let context = context::context(egress, spool.clone());
        let parts = factory.build(context, settings, secrets).await?;
        let about = about(factory.as_ref(), &parts);
        if about.capabilities.delivery == DeliveryClass::Native {
            let text = "a native platform lives in the server and cannot be a connector";
            return Err(AdapterError::new(ErrorKind::Unsupported, text));
        }
        Ok(Self(Arc::new(Inner {
            about,
            parts,
            dialect: factory.dialect(),
            token,
            spool,
            streams: Streams::default(),
        })))
    }

    /// What a server asks of it, to be served beside other routes.
    pub fn router(&self) -> Router {
        doors::router(self.clone())
    }

    /// Serves it until the listener fails.
    ///
    /// # Errors
    /// The listener.
    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        axum::serve(listener, self.router()).await
    }

    async fn probe(&self) -> Result<Probed> {
        let identity = self.0.parts.adapter.probe().await?;
        let setup = self.0.parts.setup.as_ref();
        let link = setup.and_then(|setup| setup.pairing_link(&identity, CODE));
        Ok(Probed {
            pairing_link: link.map(|link| link.replace(CODE, "{code}")),
            identity,
        })
    }

    async fn perform(&self, asked: Asked) -> Result<Receipt> {
        let mut out = Outbound::from(asked);
        let lost = self.shorten(&mut out.verb);
        let done = self.0.parts.adapter.perform(&out).await;
        self.0.spool.forget(&out);
        let mut receipt = done?;
        if lost && receipt.degraded.is_none() {
            receipt.degraded = Some("the markup, which did not fit".to_owned());
        }
        Ok(receipt)
    }

    /// The server measured the text without its markup. Where the markup does not fit beside it, the text goes alone.
    fn shorten(&self, verb: &mut Verb) -> bool {
        let can = &self.0.about.capabilities;
        let (markup, most) = match verb {
            Verb::Send(message) | Verb::Edit { message, .. } => {
                let caption = can.caption.filter(|_| !message.attachments.is_empty());
                (&mut message.markup, caption.unwrap_or(can.text).max)
            }
            Verb::Draft { markup, .. } => (markup, can.text.max),
            _ => return false,
        };
        if self.0.dialect.measure(markup) <= most {
            return false;
        }
        let bare: Markup = literal(&plain(markup));
        *markup = bare;
        true
    }
}

fn about(factory: &dyn AdapterFactory, parts: &Parts) -> About {
    let skills = [
        (parts.media.is_some(), Skill::Media),
        (parts.reconcile.is_some(), Skill::LookUp),
        (parts.setup.is_some(), Skill::Pairing),
    ];
    let skills = skills.into_iter().filter(|(has, _)| *has);
    About {
        manifest: factory.manifest(),
        capabilities: parts.adapter.capabilities(),
        inbound: Way::Stream,
        skills: skills.map(|(_, skill)| skill).collect(),
    }
}
