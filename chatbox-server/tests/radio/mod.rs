//! A connector process, as far as a test can have one: a small network whose people are the tests.
#![allow(dead_code, reason = "each test file uses its part")]

use async_trait::async_trait;
use chatbox_connector_api::host::{Host, Options};
use chatbox_core::connector::{
    AdapterContext, AdapterFactory, Arrival, Capabilities, ChannelAdapter, Cursor, DeliveryClass,
    Egress, Identity, Inbound, Incoming, Limits, Manifest, Outbound, Parts, Receipt, Result,
    Secrets, Settings, TextLimit, Verb,
};
use chatbox_core::event::{ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_core::id::{Millis, Platform, fresh};
use chatbox_core::markup::{self, Dialect, PlainDialect, Unit};
use chatbox_core::secret::Secret;
use futures_util::{StreamExt, stream};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

pub(crate) const TOKEN: &str = "radio-connector-token";

/// Ada comes.
pub(crate) const COMES: &str = "(comes)";
/// Ada goes.
pub(crate) const GOES: &str = "(goes)";

/// The network: what was said on it, in order, and what was sent to it.
#[derive(Clone, Debug)]
pub(crate) struct Radio {
    platform: String,
    said: watch::Sender<Vec<String>>,
    sent: Arc<Mutex<Vec<String>>>,
}

/// The process while it runs. Dropping it ends it with all its connections, as the end of a process does.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Process {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Radio {
    pub(crate) fn new(platform: &str) -> Self {
        Self {
            platform: platform.to_owned(),
            said: watch::Sender::default(),
            sent: Arc::default(),
        }
    }

    /// Runs the connector, on this address or any.
    pub(crate) async fn run(&self, address: Option<SocketAddr>) -> Process {
        let options = Options {
            settings: Settings::none(),
            secrets: Secrets::default(),
            egress: Egress::Private,
            token: Secret::new(TOKEN),
        };
        let host = Host::build(Arc::new(self.clone()), options).await;
        let host = host.expect("it can be hosted");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let serving = runtime.spawn(async move {
            let listener = TcpListener::bind(address.unwrap_or(any)).await;
            let listener = listener.expect("a port");
            let address = listener.local_addr().expect("an address");
            tokio::spawn(async move { host.serve(listener).await });
            address
        });
        Process {
            address: serving.await.expect("it listens"),
            runtime: Some(runtime),
        }
    }

    /// Ada says something; [`COMES`] and [`GOES`] are not said but done.
    pub(crate) fn say(&self, text: &str) {
        self.said.send_modify(|said| said.push(text.to_owned()));
    }

    /// What was sent, once this is in it.
    pub(crate) async fn hears(&self, text: &str) -> Vec<String> {
        for _ in 0..1500 {
            let sent = self.sent.lock().expect("it is whole").clone();
            if sent.iter().any(|it| it.contains(text)) {
                return sent;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{text} was not sent: {:?}", self.sent);
    }

    fn arrival(nth: usize, text: &str) -> Arrival {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let millis = since.expect("it is later than 1970").as_millis();
        let ada = Sender {
            id: "ada".into(),
            name: Some("Ada".to_owned()),
            is_bot: false,
        };
        let body = match text {
            COMES | GOES => EventBody::Member {
                who: ada.clone(),
                present: text == COMES,
            },
            _ => EventBody::Message(Content::text(text)),
        };
        let event = Event {
            id: format!("r{nth}").into(),
            chat: Place {
                handle: "ada".into(),
                kind: ChatKind::Dm,
                name: None,
            },
            sender: ada,
            at: Millis(i64::try_from(millis).expect("it is not that late")),
            body,
            addressed: true,
            late: false,
            group: None,
            raw: None,
        };
        Arrival {
            cursor: Some(Cursor((nth + 1).to_string())),
            ..Arrival::new(event)
        }
    }
}

#[async_trait]
impl AdapterFactory for Radio {
    fn manifest(&self) -> Manifest {
        Manifest {
            platform: self.platform.as_str().into(),
            title: "Radio".to_owned(),
            secrets: Vec::new(),
            settings: Vec::new(),
            guide: Vec::new(),
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(PlainDialect::new(Unit::Scalar))
    }

    async fn build(&self, _: AdapterContext, _: Settings, _: Secrets) -> Result<Parts> {
        Ok(Parts::new(Arc::new(self.clone())))
    }
}

#[async_trait]
impl ChannelAdapter for Radio {
    fn platform(&self) -> Platform {
        self.platform.as_str().into()
    }

    fn capabilities(&self) -> Capabilities {
        let text = TextLimit {
            max: 1000,
            unit: Unit::Scalar,
        };
        let mut can = Capabilities::new(DeliveryClass::Idempotent, text);
        can.edit = Some(Limits::default());
        can
    }

    async fn probe(&self) -> Result<Identity> {
        Ok(Identity {
            id: "the-radio".into(),
            name: "The radio".to_owned(),
            link: None,
            notes: Vec::new(),
        })
    }

    async fn open(&self, resume: Option<Cursor>) -> Result<Inbound> {
        let next = resume.and_then(|cursor| cursor.0.parse().ok()).unwrap_or(0);
        let heard = self.said.subscribe();
        let said = stream::unfold((heard, next), |(mut heard, next): (_, usize)| async move {
            let text = heard.wait_for(|said| said.len() > next).await.ok()?[next].clone();
            let arrival = Self::arrival(next, &text);
            Some((Ok(Incoming::Event(arrival)), (heard, next + 1)))
        });
        let alive = stream::once(async { Ok(Incoming::Alive) });
        Ok(alive.chain(said).boxed())
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let (Verb::Send(message) | Verb::Edit { message, .. }) = &out.verb else {
            panic!("nobody asked for {:?}", out.verb);
        };
        let text = markup::plain(&message.markup);
        self.sent.lock().expect("it is whole").push(text);
        Ok(Receipt {
            message: Some(fresh("sent").into()),
            degraded: None,
        })
    }
}
