//! A second correct adapter, for a plainer account of the same platform: no place to resume at but acknowledgements,
//! a key by which repeated sends are recognised, text alone, and silence for as long as nothing happens.

use crate::platform::{Draft, Failure, Heard, LIMIT, Platform, Update, What};
use crate::vendor::{handle, person, room};
use async_trait::async_trait;
use chatbox_connector_api::conformance::{Room, Who};
use chatbox_connector_api::event::{ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_connector_api::id::{EventId, Millis};
use chatbox_connector_api::markup::{Dialect, PlainDialect, Unit, plain};
use chatbox_connector_api::{
    AdapterContext, AdapterError, AdapterFactory, Arrival, Capabilities, ChannelAdapter, Confirm,
    Cursor, DeliveryClass, ErrorKind, Identity, Inbound, Incoming, Manifest, Outbound, Parts,
    Receipt, Result, SecretSpec, Secrets, Settings, TextLimit, Verb,
};
use futures_util::{StreamExt, stream};
use std::fmt;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct BetaFactory {
    pub(crate) platform: Arc<Platform>,
}

#[async_trait]
impl AdapterFactory for BetaFactory {
    fn manifest(&self) -> Manifest {
        Manifest {
            platform: "beta".into(),
            title: "Beta".to_owned(),
            secrets: vec![SecretSpec {
                name: "token".to_owned(),
                title: "The account's token".to_owned(),
                env: "BETA_TOKEN".to_owned(),
                optional: false,
            }],
            settings: Vec::new(),
            guide: Vec::new(),
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(PlainDialect::new(Unit::Utf16))
    }

    async fn build(&self, _: AdapterContext, _: Settings, secrets: Secrets) -> Result<Parts> {
        Ok(Parts::new(Arc::new(Beta {
            platform: self.platform.clone(),
            token: secrets.require("token")?.expose().to_owned(),
        })))
    }
}

struct Beta {
    platform: Arc<Platform>,
    token: String,
}

impl fmt::Debug for Beta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beta").finish_non_exhaustive()
    }
}

pub(crate) fn error(failure: &Failure) -> AdapterError {
    let (kind, wait) = match failure {
        Failure::Unauthorized => (ErrorKind::Unauthorized, None),
        Failure::RateLimited(wait) => (ErrorKind::RateLimited, Some(*wait)),
        // Sends carry a key, so what is in doubt may simply be sent again.
        Failure::ServerError | Failure::Lost | Failure::Unreachable => {
            (ErrorKind::Unavailable, None)
        }
        Failure::Refused => (ErrorKind::Invalid, None),
        Failure::NotFound => (ErrorKind::NotFound, None),
    };
    let error = AdapterError::new(kind, format!("beta: {failure:?}"));
    match wait {
        Some(wait) => error.after(wait),
        None => error,
    }
}

#[async_trait]
impl ChannelAdapter for Beta {
    fn platform(&self) -> chatbox_connector_api::id::Platform {
        "beta".into()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(
            DeliveryClass::Idempotent,
            TextLimit {
                max: LIMIT / 8,
                unit: Unit::Utf16,
            },
        )
    }

    async fn probe(&self) -> Result<Identity> {
        let who = self.platform.who(&self.token).await;
        let who = who.map_err(|failure| error(&failure))?;
        Ok(Identity {
            id: person(who),
            name: "beta".to_owned(),
            link: None,
            notes: Vec::new(),
        })
    }

    async fn open(&self, _: Option<Cursor>) -> Result<Inbound> {
        let line = self.platform.listen(&self.token, None).await;
        let line = line.map_err(|failure| error(&failure))?;
        let platform = self.platform.clone();
        let items = stream::unfold((platform, line), |(platform, mut line)| async move {
            let item = match line.next().await {
                Ok(Heard::Beat) => Ok(Incoming::Alive),
                Ok(Heard::Update(update)) => Ok(Incoming::Event(arrival(&platform, *update))),
                Err(failure) => Err(error(&failure)),
            };
            Some((item, (platform, line)))
        });
        Ok(items.boxed())
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let Verb::Send(message) = &out.verb else {
            let text = format!("beta has no `{}`", out.verb.name());
            return Err(AdapterError::new(ErrorKind::Unsupported, text));
        };
        let room = room(&out.chat).ok_or_else(|| error(&Failure::NotFound))?;
        let draft = Draft {
            text: plain(&message.markup),
            key: out.id.map(|id| id.0),
            ..Draft::default()
        };
        let sent = self.platform.send(&self.token, room, draft).await;
        let name = sent.map_err(|failure| error(&failure))?;
        Ok(Receipt {
            message: Some(EventId::new(name)),
            degraded: None,
        })
    }
}

pub(crate) fn arrival(platform: &Arc<Platform>, update: Update) -> Arrival {
    let (platform, number) = (platform.clone(), update.number);
    let confirm = Confirm::new(move |_| platform.ack([number]));
    Arrival {
        confirm: Some(confirm),
        ..Arrival::new(event(update))
    }
}

fn event(update: Update) -> Event {
    let group = matches!(update.room, Room::Group(_));
    let (body, meant) = match update.what {
        What::Message(said) => {
            let content = Content {
                reply_to: said.reply_to.map(EventId::new),
                ..Content::text(said.text)
            };
            (EventBody::Message(content), said.addressed)
        }
        _ => {
            let what = "not a message".to_owned();
            (EventBody::Unsupported { what }, false)
        }
    };
    Event {
        id: EventId::new(update.key),
        chat: Place {
            handle: handle(update.room),
            kind: if group { ChatKind::Group } else { ChatKind::Dm },
            name: None,
        },
        sender: Sender {
            id: person(update.sender),
            name: None,
            is_bot: update.sender == Who::US,
        },
        at: Millis(update.at),
        body,
        addressed: !group || meant,
        late: false,
        group: None,
        raw: None,
    }
}
