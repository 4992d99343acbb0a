//! A platform inside this process: one person who talks and listens. For examples, tests, and programs that are their
//! own chat window.

use crate::connector::{
    AdapterContext, AdapterError, AdapterFactory, Arrival, Capabilities, ChannelAdapter, Cursor,
    DeliveryClass, ErrorKind, Identity, Inbound, Incoming, Manifest, Outbound, Parts, Receipt,
    Result, Secrets, Settings, TextLimit, Verb,
};
use crate::event::{ChatKind, Content, Event, EventBody, Place, Sender};
use crate::house::wall_clock;
use crate::id::{Platform, fresh};
use crate::link::locked;
use crate::markup::{self, Dialect, PlainDialect, Unit};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// The platform's side.
#[derive(Debug)]
pub struct Loopback {
    wire: Arc<Wire>,
}

/// The person's side.
#[derive(Debug)]
pub struct Person {
    says: mpsc::UnboundedSender<Event>,
    hears: mpsc::UnboundedReceiver<String>,
}

#[derive(Debug)]
struct Wire {
    platform: Platform,
    says: Mutex<Option<mpsc::UnboundedReceiver<Event>>>,
    hears: mpsc::UnboundedSender<String>,
}

impl Loopback {
    /// A platform of this name, and the one person on it. It can be connected once.
    pub fn new(platform: &str) -> (Self, Person) {
        let (says, said) = mpsc::unbounded_channel();
        let (tells, hears) = mpsc::unbounded_channel();
        let wire = Wire {
            platform: platform.into(),
            says: Mutex::new(Some(said)),
            hears: tells,
        };
        (
            Self {
                wire: Arc::new(wire),
            },
            Person { says, hears },
        )
    }
}

impl Person {
    /// Says something to the agent.
    pub fn say(&self, text: impl Into<String>) {
        let event = Event {
            id: fresh("said").into(),
            chat: Place {
                handle: "person".into(),
                kind: ChatKind::Dm,
                name: None,
            },
            sender: Sender {
                id: "person".into(),
                name: None,
                is_bot: false,
            },
            at: wall_clock(),
            body: EventBody::Message(Content::text(text)),
            addressed: true,
            late: false,
            group: None,
            raw: None,
        };
        // Nobody listens once the engine is gone; there is nobody to tell.
        let _ = self.says.send(event);
    }

    /// What the agent says next, as plain text; `None` once the engine is gone.
    pub async fn hear(&mut self) -> Option<String> {
        self.hears.recv().await
    }
}

#[async_trait]
impl AdapterFactory for Loopback {
    fn manifest(&self) -> Manifest {
        let platform = self.wire.platform.clone();
        Manifest {
            title: platform.to_string(),
            platform,
            secrets: vec![],
            settings: vec![],
            guide: vec![],
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(PlainDialect::new(Unit::Scalar))
    }

    async fn build(
        &self,
        _context: AdapterContext,
        _settings: Settings,
        _secrets: Secrets,
    ) -> Result<Parts> {
        Ok(Parts::new(Arc::new(Self {
            wire: self.wire.clone(),
        })))
    }
}

#[async_trait]
impl ChannelAdapter for Loopback {
    fn platform(&self) -> Platform {
        self.wire.platform.clone()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(
            DeliveryClass::Idempotent,
            TextLimit {
                max: usize::MAX,
                unit: Unit::Scalar,
            },
        )
    }

    async fn probe(&self) -> Result<Identity> {
        let name = self.wire.platform.to_string();
        Ok(Identity {
            id: name.as_str().into(),
            name,
            link: None,
            notes: vec![],
        })
    }

    async fn open(&self, _resume: Option<Cursor>) -> Result<Inbound> {
        let taken = || AdapterError::new(ErrorKind::Conflict, "this person is connected already");
        let says = locked(&self.wire.says).take().ok_or_else(taken)?;
        let said = stream::unfold(says, |mut says| async {
            says.recv().await.map(|event| (event, says))
        });
        let arrivals = said.map(|event| Ok(Incoming::Event(Arrival::new(event))));
        Ok(stream::once(async { Ok(Incoming::Alive) })
            .chain(arrivals)
            .boxed())
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let Verb::Send(message) = &out.verb else {
            return Err(AdapterError::new(
                ErrorKind::Unsupported,
                "a person here only hears",
            ));
        };
        let gone = |_| AdapterError::new(ErrorKind::NotFound, "the person is gone");
        self.wire
            .hears
            .send(markup::plain(&message.markup))
            .map_err(gone)?;
        Ok(Receipt::default())
    }
}
