//! An adapter written from nothing: the terminal as a chat platform. Type a line, read the answer.
//! `cargo run -p chatbox-examples --bin custom_adapter`
#![expect(
    clippy::print_stdout,
    reason = "printing is how this platform delivers"
)]

use async_trait::async_trait;
use chatbox_connector_api::event::{ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_connector_api::id::{Millis, Platform, fresh};
use chatbox_connector_api::markup::{Dialect, PlainDialect, Unit, plain};
use chatbox_connector_api::{
    AdapterContext, AdapterError, AdapterFactory, Arrival, Capabilities, ChannelAdapter, Cursor,
    DeliveryClass, ErrorKind, Identity, Inbound, Incoming, Manifest, Outbound, Parts, Receipt,
    Result, Secrets, Settings, TextLimit, Verb,
};
use chatbox_core::backend::Answer;
use chatbox_core::store::MemoryStore;
use chatbox_core::{Chatbox, Connect, Options};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_stream::wrappers::LinesStream;

/// One person at one keyboard.
#[derive(Debug, Clone, Copy)]
struct Terminal;

#[async_trait]
impl AdapterFactory for Terminal {
    fn manifest(&self) -> Manifest {
        Manifest {
            platform: self.platform(),
            title: "Terminal".to_owned(),
            secrets: vec![],
            settings: vec![],
            guide: vec!["Type a line and press Enter.".to_owned()],
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
        Ok(Parts::new(Arc::new(*self)))
    }
}

#[async_trait]
impl ChannelAdapter for Terminal {
    fn platform(&self) -> Platform {
        "terminal".into()
    }

    /// Plain text of any length. A line printed twice is a line read twice, so a lost answer stays in doubt.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(
            DeliveryClass::Ambiguous,
            TextLimit {
                max: usize::MAX,
                unit: Unit::Scalar,
            },
        )
    }

    async fn probe(&self) -> Result<Identity> {
        Ok(Identity {
            id: "terminal".into(),
            name: "Terminal".to_owned(),
            link: None,
            notes: vec![],
        })
    }

    /// Every line is a message. The stream ends with the input.
    async fn open(&self, _resume: Option<Cursor>) -> Result<Inbound> {
        let lines = LinesStream::new(BufReader::new(tokio::io::stdin()).lines());
        let events = lines.map(|line| match line {
            Ok(line) => Ok(Incoming::Event(Arrival::new(typed(line)))),
            Err(error) => Err(AdapterError::new(ErrorKind::Unavailable, error.to_string())),
        });
        let alive = futures_util::stream::once(async { Ok(Incoming::Alive) });
        Ok(alive
            .chain(events)
            .chain(futures_util::stream::pending())
            .boxed())
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let Verb::Send(message) = &out.verb else {
            return Err(AdapterError::new(
                ErrorKind::Unsupported,
                "a terminal only prints",
            ));
        };
        println!("agent: {}", plain(&message.markup));
        Ok(Receipt::default())
    }
}

fn typed(line: String) -> Event {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Event {
        id: fresh("line").into(),
        chat: Place {
            handle: "keyboard".into(),
            kind: ChatKind::Dm,
            name: None,
        },
        sender: Sender {
            id: "me".into(),
            name: None,
            is_bot: false,
        },
        at: Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        body: EventBody::Message(Content::text(line)),
        addressed: true,
        late: false,
        group: None,
        raw: None,
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let chatbox = Chatbox::start(Options::new(MemoryStore::new()));
    let backwards = Answer(|said: &str| said.chars().rev().collect::<String>());
    chatbox.mailbox("main", Some(Arc::new(backwards))).await?;
    chatbox.connect(Connect::new(Terminal, "main")).await?;
    tokio::signal::ctrl_c().await?;
    chatbox.drain(Duration::from_secs(5)).await;
    Ok(())
}
