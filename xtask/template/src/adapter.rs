//! The adapter: what the engine calls. Translates by `inbound` and `outbound`, speaks through `client`, keeps no queue.

use crate::client::Client;
use crate::config::Config;
use crate::error::unsupported;
use crate::inbound::{self, Page};
use crate::outbound::{self, DIALECT};
use async_trait::async_trait;
use chatbox_connector_api::id::{EventId, ExternalId, Platform};
use chatbox_connector_api::markup::Dialect;
use chatbox_connector_api::{
    AdapterContext, AdapterFactory, Arrival, Capabilities, ChannelAdapter, Confirm, Cursor,
    Identity, Inbound, Incoming, Manifest, Outbound, Parts, Receipt, Result, SecretSpec, Secrets,
    SettingSpec, Settings, Verb,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Builds adapters of Template.
#[derive(Clone, Copy, Debug, Default)]
pub struct TemplateFactory;

#[async_trait]
impl AdapterFactory for TemplateFactory {
    fn manifest(&self) -> Manifest {
        let setting = |name: &str, title: &str, default: String| SettingSpec {
            name: name.to_owned(),
            title: title.to_owned(),
            default: Some(default),
        };
        let config = Config::default();
        Manifest {
            platform: "template".into(),
            title: "Template".to_owned(),
            secrets: vec![SecretSpec {
                name: "token".to_owned(),
                title: "The account's token".to_owned(),
                env: "CHATBOX_TEMPLATE_TOKEN".to_owned(),
                optional: false,
            }],
            settings: vec![
                setting(
                    "api_base",
                    "Where the service is",
                    config.api_base.to_string(),
                ),
                setting(
                    "poll_ms",
                    "How long a question for news is held",
                    config.poll_ms.to_string(),
                ),
                setting(
                    "timeout_ms",
                    "How long an answer may take",
                    config.timeout_ms.to_string(),
                ),
            ],
            guide: vec!["Make an account for the agent and copy its token.".to_owned()],
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(DIALECT)
    }

    async fn build(
        &self,
        context: AdapterContext,
        settings: Settings,
        secrets: Secrets,
    ) -> Result<Parts> {
        let config: Config = settings.parse()?;
        let token = secrets.require("token")?.clone();
        let client = Client::new(&config, token, context.egress)?;
        // A question for news is answered after `poll` at the latest, and that is the sign of life.
        let heartbeat = config.total();
        // A platform that posts to an address of ours has an `ingress` among its parts.
        Ok(Parts::new(Arc::new(Template { client, heartbeat })))
    }
}

#[derive(Debug)]
struct Template {
    client: Client,
    heartbeat: Duration,
}

#[async_trait]
impl ChannelAdapter for Template {
    fn platform(&self) -> Platform {
        "template".into()
    }

    fn capabilities(&self) -> Capabilities {
        outbound::capabilities(self.heartbeat)
    }

    async fn probe(&self) -> Result<Identity> {
        let me = self.client.me().await?;
        Ok(Identity {
            id: ExternalId::new(me.id),
            name: me.name,
            link: None,
            notes: Vec::new(),
        })
    }

    async fn open(&self, resume: Option<Cursor>) -> Result<Inbound> {
        let place = resume.and_then(|cursor| cursor.0.parse().ok());
        let listening = Listening::new(self.client.clone(), place.unwrap_or(0));
        let pages = stream::try_unfold(listening, |mut listening| async move {
            let items = listening.next().await?;
            Ok(Some((stream::iter(items.into_iter().map(Ok)), listening)))
        });
        Ok(pages.try_flatten().boxed())
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let room = out.chat.as_str();
        match &out.verb {
            Verb::Send(message) => {
                let post = outbound::post(out.id, message);
                let posted = self.client.post(room, &post).await?;
                Ok(Receipt {
                    message: Some(EventId::new(posted.id)),
                    degraded: None,
                })
            }
            Verb::Typing => {
                self.client.typing(room).await?;
                Ok(Receipt::default())
            }
            verb => Err(unsupported(verb)),
        }
    }
}

/// An open connection: one question for news after the other.
struct Listening {
    client: Client,
    /// Asked for next: what comes after this.
    after: u64,
    /// The newest event that was handed on.
    owed: u64,
    /// The newest event that is safe. To ask for what comes after an event tells the service to forget it.
    safe: watch::Sender<u64>,
}

impl Listening {
    fn new(client: Client, after: u64) -> Self {
        Self {
            client,
            after,
            owed: after,
            safe: watch::Sender::new(after),
        }
    }

    async fn next(&mut self) -> Result<Vec<Incoming>> {
        let owed = self.owed;
        // The sender is ours, so this ends with the event's commit, or with us when it fails.
        let _ = self.safe.subscribe().wait_for(|safe| *safe >= owed).await;
        let page = self.client.events(self.after).await?;
        Ok(self.translate(page))
    }

    fn translate(&mut self, page: Page) -> Vec<Incoming> {
        let mut items = vec![Incoming::Alive];
        for raw in page.events {
            match inbound::event(raw) {
                Ok((number, event)) => {
                    self.owed = number;
                    items.push(Incoming::Event(Arrival {
                        cursor: Some(Cursor(number.to_string())),
                        confirm: Some(self.confirm(number)),
                        ..Arrival::new(event)
                    }));
                }
                Err(error) => tracing::warn!(%error, "something was said that cannot be read"),
            }
        }
        self.after = page.upto;
        items
    }

    fn confirm(&self, number: u64) -> Confirm {
        let safe = self.safe.clone();
        Confirm::new(move |_| safe.send_modify(|newest| *newest = number.max(*newest)))
    }
}
