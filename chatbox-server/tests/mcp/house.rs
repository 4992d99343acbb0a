//! The whole server in this process, with platforms whose people are the tests.

use async_trait::async_trait;
use axum::Router;
use chatbox_core::connector::{
    AdapterContext, AdapterError, AdapterFactory, Capabilities, ChannelAdapter, Cursor,
    DeliveryClass, ErrorKind, Fate, Identity, Inbound, Incoming, Limits, Manifest, Outbound, Parts,
    Receipt, Result, Secrets, Settings, TextLimit, Verb,
};
use chatbox_core::event::{ChatKind, Content, Event, EventBody, Place, Sender};
use chatbox_core::id::{ConnectionId, Millis, Seq, fresh};
use chatbox_core::markup::{self, Dialect, PlainDialect, Unit};
use chatbox_core::store::MemoryStore;
use chatbox_core::{Chatbox, Connect};
use chatbox_server::app::App;
use chatbox_server::config::Config;
use chatbox_server::paths::DataDir;
use chatbox_server::serve::{Start, open};
use futures_util::{StreamExt, stream};
use rmcp::model::{CallToolRequestParams, CallToolResult, JsonObject};
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// Both generations of the protocol.
pub(crate) const OLDER: ClientLifecycleMode = ClientLifecycleMode::Initialize;

pub(crate) fn newer() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover {
        preferred_versions: vec![rmcp::model::ProtocolVersion::V_2026_07_28],
    }
}

/// A running server with the mailbox `main`, which nothing answers.
pub(crate) struct House {
    pub(crate) app: Arc<App>,
    address: SocketAddr,
    _data: tempfile::TempDir,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with("none").await
    }

    /// One whose mailbox is answered by this backend.
    pub(crate) async fn with(backend: &str) -> Self {
        // A second one in this process changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataDir::locate(Some(folder.path().join("data"))).expect("a folder");
        data.create().expect("a folder");
        let config = Config::parse(&format!("[backend]\nkind = \"{backend}\"\n"));
        let start = Start {
            data,
            config: config.expect("a configuration"),
            listen: None,
            database: None,
            store: Some(Arc::new(MemoryStore::new())),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let base = format!("http://{address}").parse().expect("an address");
        let opened = open(&start, true, base, false, true)
            .await
            .expect("it opens");
        let router: Router = opened.router;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            app: opened.app,
            address,
            _data: folder,
        }
    }

    pub(crate) fn chatbox(&self) -> &Chatbox {
        &self.app.chatbox
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A fresh token of a mailbox, from the operator's door.
    pub(crate) async fn token(&self, mailbox: &str) -> String {
        let answer = reqwest::Client::new()
            .post(self.url(&format!("/v1/mailboxes/{mailbox}/mcp-token")))
            .bearer_auth(self.operator())
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 201);
        let token: Value = answer.json().await.expect("JSON");
        let path = format!("/mcp/{mailbox}");
        assert_eq!(token["mcp_url"], self.url(&path));
        token["mcp_token"].as_str().expect("a token").to_owned()
    }

    fn operator(&self) -> String {
        let path = self._data.path().join("data/operator.token");
        std::fs::read_to_string(path).expect("a token")
    }

    /// A platform of the mailbox `main` that can do everything.
    pub(crate) async fn platform(&self, name: &str) -> Puppet {
        self.platform_of("main", name).await
    }

    pub(crate) async fn platform_of(&self, mailbox: &str, name: &str) -> Puppet {
        let stage = Stage {
            platform: name.to_owned(),
            ..Stage::default()
        };
        let (done, names) = (stage.done.clone(), stage.names.clone());
        let connect = Connect::new(stage, mailbox);
        let id = self.chatbox().connect(connect).await.expect("it connects");
        Puppet {
            chatbox: self.chatbox().clone(),
            id,
            done,
            names,
        }
    }

    /// An agent of the mailbox `main`.
    pub(crate) async fn agent(&self, wire: ClientLifecycleMode) -> Agent<()> {
        let token = self.token("main").await;
        self.enter("main", &token, wire, ()).await
    }

    pub(crate) async fn enter<H: ClientHandler>(
        &self,
        mailbox: &str,
        token: &str,
        wire: ClientLifecycleMode,
        handler: H,
    ) -> Agent<H> {
        let url = self.url(&format!("/mcp/{mailbox}"));
        let config = StreamableHttpClientTransportConfig::with_uri(url).auth_header(token);
        let transport = StreamableHttpClientTransport::from_config(config);
        let client = handler.serve_with_lifecycle(transport, wire).await;
        Agent(client.expect("it is let in"))
    }
}

/// An agent's client.
pub(crate) struct Agent<H: ClientHandler>(pub(crate) RunningService<RoleClient, H>);

impl<H: ClientHandler> Agent<H> {
    async fn result(&self, tool: &str, arguments: Value) -> CallToolResult {
        let arguments: JsonObject = serde_json::from_value(arguments).expect("an object");
        let call = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        self.0.call_tool(call).await.expect("a result")
    }

    /// What a tool gives.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let result = self.result(tool, arguments).await;
        assert_eq!(result.is_error, Some(false), "{tool}: {result:?}");
        result.structured_content.expect("it is structured")
    }

    /// Why a tool did nothing.
    pub(crate) async fn refused(&self, tool: &str, arguments: Value) -> String {
        let result = self.result(tool, arguments).await;
        assert_eq!(result.is_error, Some(true), "{tool}: {result:?}");
        result.content[0].as_text().expect("a text").text.clone()
    }

    /// Turns to a chat.
    pub(crate) async fn turn_to(&self, chat: &str) -> Value {
        self.call("switch_chat", json!({"chat_id": chat})).await
    }

    pub(crate) async fn tools(&self) -> Vec<String> {
        let tools = self.0.list_all_tools().await.expect("a list");
        tools
            .into_iter()
            .map(|tool| tool.name.into_owned())
            .collect()
    }
}

/// What Ada says in a chat.
fn said(chat: &str, text: &str) -> Event {
    said_in(chat, ChatKind::Group, Content::text(text))
}

fn said_in(chat: &str, kind: ChatKind, content: Content) -> Event {
    Event {
        id: fresh("event").into(),
        chat: Place {
            handle: chat.into(),
            kind,
            name: Some(format!("the {chat}")),
        },
        sender: Sender {
            id: "ada".into(),
            name: Some("Ada".to_owned()),
            is_bot: false,
        },
        at: now(),
        body: EventBody::Message(content),
        addressed: true,
        late: false,
        group: None,
        raw: None,
    }
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.expect("it is later than 1970").as_millis();
    Millis(i64::try_from(millis).expect("it is not that late"))
}

/// What was done on a platform: the verb's name, its target or none, its text.
pub(crate) type Deed = (String, Option<String>, String);

/// The people of one platform.
pub(crate) struct Puppet {
    chatbox: Chatbox,
    pub(crate) id: ConnectionId,
    done: Arc<Mutex<Vec<Deed>>>,
    names: Arc<Mutex<Vec<String>>>,
}

impl Puppet {
    /// Somebody says something in a chat; its row.
    pub(crate) async fn says(&self, chat: &str, text: &str) -> Seq {
        self.happens(said(chat, text)).await
    }

    /// The same in a chat where she is alone with the agent.
    pub(crate) async fn alone(&self, chat: &str, text: &str) -> Seq {
        let event = said_in(chat, ChatKind::Dm, Content::text(text));
        self.happens(event).await
    }

    /// She replies to a message, as the platform names it.
    pub(crate) async fn replies(&self, chat: &str, text: &str, to: &str, kind: ChatKind) -> Seq {
        let content = Content {
            reply_to: Some(to.into()),
            ..Content::text(text)
        };
        self.happens(said_in(chat, kind, content)).await
    }

    /// What the platform called what was sent, once the receipts are in.
    pub(crate) async fn names(&self) -> Vec<String> {
        let names = self.names.lock().expect("it is whole").clone();
        // The receipt is written down a moment after the platform gave it.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        names
    }

    async fn happens(&self, event: Event) -> Seq {
        let fate = self.chatbox.receive(&self.id, event).await;
        match fate.expect("it is taken in") {
            Fate::Stored(seq) => seq,
            other => panic!("{other:?}"),
        }
    }

    /// What was done there so far, once there is as much as this.
    pub(crate) async fn done(&self, count: usize) -> Vec<Deed> {
        for _ in 0..500 {
            let done = self.done.lock().expect("it is whole").clone();
            if done.len() >= count {
                return done;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{:?} is not {count} deeds", self.done);
    }
}

/// A platform that writes down what it is asked to do. A text that says `fail` cannot be sent.
#[derive(Clone, Debug, Default)]
struct Stage {
    platform: String,
    done: Arc<Mutex<Vec<Deed>>>,
    names: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl AdapterFactory for Stage {
    fn manifest(&self) -> Manifest {
        Manifest {
            platform: self.platform.as_str().into(),
            title: self.platform.clone(),
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
impl ChannelAdapter for Stage {
    fn platform(&self) -> chatbox_core::id::Platform {
        self.platform.as_str().into()
    }

    fn capabilities(&self) -> Capabilities {
        let text = TextLimit {
            max: 1000,
            unit: Unit::Scalar,
        };
        let mut can = Capabilities::new(DeliveryClass::Idempotent, text);
        if self.platform == "plain" {
            return can;
        }
        let any = Some(Limits::default());
        (can.reply, can.edit, can.delete, can.react) = (any, any, any, any);
        can.media = any;
        can
    }

    async fn probe(&self) -> Result<Identity> {
        Ok(Identity {
            id: self.platform.as_str().into(),
            name: self.platform.clone(),
            link: None,
            notes: Vec::new(),
        })
    }

    async fn open(&self, _: Option<Cursor>) -> Result<Inbound> {
        let alive = stream::once(async { Ok(Incoming::Alive) });
        Ok(alive.chain(stream::pending()).boxed())
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let text = |message: &chatbox_core::connector::OutMessage| markup::plain(&message.markup);
        let named = |id: &chatbox_core::id::EventId| Some(id.to_string());
        let (target, said) = match &out.verb {
            Verb::Send(message) => (message.reply_to.as_ref().and_then(named), text(message)),
            Verb::Edit { target, message } => (named(target), text(message)),
            Verb::React { target, emoji } => (named(target), emoji.concat()),
            Verb::Delete { target } => (named(target), String::new()),
            other => panic!("nobody asked for {other:?}"),
        };
        if said.contains("fail") {
            return Err(AdapterError::new(ErrorKind::Forbidden, "they left"));
        }
        let deed = (out.verb.name().to_owned(), target, said);
        self.done.lock().expect("it is whole").push(deed);
        let name = fresh("sent");
        self.names.lock().expect("it is whole").push(name.clone());
        Ok(Receipt {
            message: Some(name.into()),
            degraded: None,
        })
    }
}

impl Agent<()> {
    /// Whether there is a place to wait in.
    pub(crate) async fn try_wait(&self) -> bool {
        let arguments = json!({"timeout_seconds": 1});
        let arguments: JsonObject = serde_json::from_value(arguments).expect("an object");
        let call = CallToolRequestParams::new("wait_for_events").with_arguments(arguments);
        self.0.call_tool(call).await.is_ok()
    }
}
