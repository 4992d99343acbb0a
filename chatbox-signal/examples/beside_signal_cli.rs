//! The client and the fake beside a signal-cli that nobody here wrote.
//!
//! It has no account, for none can be made without a phone: what is compared is framing, refusals and subscriptions.
//!
//! ```text
//! signal-cli daemon --tcp 127.0.0.1:17583 --http 127.0.0.1:17584 --socket /tmp/signal.socket --receive-mode manual
//! CHATBOX_SIGNAL_CLI="tcp://127.0.0.1:17583 unix:///tmp/signal.socket http://127.0.0.1:17584" \
//!     cargo run -p chatbox-signal --example beside_signal_cli
//! ```

use async_trait::async_trait;
use chatbox_connector_api::event::Attachment;
use chatbox_connector_api::id::MediaId;
use chatbox_connector_api::{
    BlobError, Blobs, ByteStream, ChannelAdapter, Egress, ErrorKind, OutMessage, Outbound, Verb,
};
use chatbox_fakes::signal::Server;
use chatbox_signal::{Config, Link, SignalAdapter};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Nobody's number.
const NOBODY: &str = "+4915199999999";

#[tokio::main]
async fn main() {
    the_fake_answers_as_the_real_one().await;
    without_an_account_every_wire_says_what_to_do().await;
    println!(
        "the fake answers as the real one, and the client says the right thing over every wire"
    );
}

fn endpoints() -> Vec<String> {
    let all = std::env::var("CHATBOX_SIGNAL_CLI");
    let all = all.expect("CHATBOX_SIGNAL_CLI names where a real signal-cli listens");
    all.split_whitespace().map(str::to_owned).collect()
}

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

/// What is asked of both: a word for people, and a line.
fn questions() -> Vec<(&'static str, String)> {
    let ask = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string()
    };
    vec![
        ("version", ask("version", json!({}))),
        ("unknown method", ask("earthquake", json!({}))),
        ("no JSON", "earthquake".to_owned()),
        (
            "no version",
            json!({"id": 7, "method": "version"}).to_string(),
        ),
        ("subscribe", ask("subscribeReceive", json!({}))),
        (
            "unknown subscription",
            ask("unsubscribeReceive", json!({"subscription": 77})),
        ),
        ("no account", ask("send", json!({"message": "x"}))),
        (
            "unknown account",
            ask(
                "send",
                json!({"account": NOBODY, "message": "x", "recipient": [NOBODY]}),
            ),
        ),
        (
            "subscribe for nobody",
            ask("subscribeReceive", json!({"account": NOBODY})),
        ),
        (
            "type of nobody",
            ask(
                "sendTyping",
                json!({"account": NOBODY, "recipient": [NOBODY]}),
            ),
        ),
    ]
}

/// Its answers, one line each.
async fn answers(addr: &str) -> Vec<Value> {
    let stream = TcpStream::connect(addr).await.expect("a daemon");
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut all = Vec::new();
    for (_, question) in questions() {
        let line = format!("{question}\n");
        write.write_all(line.as_bytes()).await.expect("it listens");
        let line = lines
            .next_line()
            .await
            .expect("it speaks")
            .expect("an answer");
        all.push(serde_json::from_str(&line).expect("JSON"));
    }
    all
}

/// What must be the same: everything but a counter, and the words of a parser.
fn shape(mut answer: Value) -> Value {
    if answer["result"].is_number() {
        answer["result"] = json!("a number");
    }
    // A request that is not understood is answered without its id by both, or with it by both.
    if answer["error"]["code"] == -32700 {
        answer["error"]["message"] = json!("words");
    }
    answer
}

async fn the_fake_answers_as_the_real_one() {
    let tcp = endpoints().into_iter().find(|it| it.starts_with("tcp://"));
    let real = answers(tcp.expect("a tcp endpoint").trim_start_matches("tcp://")).await;
    let fake = Server::start("+4915100000000").await.expect("a free port");
    let fake = answers(&fake.addr().to_string()).await;
    let pairs = questions().into_iter().zip(real.into_iter().zip(fake));
    for ((what, _), (real, fake)) in pairs {
        assert_eq!(shape(fake), shape(real), "{what}");
    }
}

async fn without_an_account_every_wire_says_what_to_do() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for endpoint in endpoints() {
        let config = Config::new(Some(&endpoint), None, Egress::Public).expect("settings");
        let adapter = SignalAdapter::new(config, Arc::new(NoFiles)).expect("an adapter");
        let probed = adapter.probe().await.expect_err("nobody is linked");
        assert_eq!(
            probed.kind(),
            &ErrorKind::Unauthorized,
            "{endpoint}: {probed}"
        );
        assert!(
            probed.to_string().contains("Linked devices"),
            "{endpoint}: {probed}"
        );
        // Where it reaches Signal's servers it has a code to scan.
        let link = adapter.link();
        let expected = matches!(link, Link::Unlinked | Link::Linking { .. });
        assert!(expected, "{endpoint}: {link:?}");
        let opened = adapter
            .open(None)
            .await
            .err()
            .expect("nobody to listen for");
        assert_eq!(
            opened.kind(),
            &ErrorKind::Unauthorized,
            "{endpoint}: {opened}"
        );
        let out = Outbound {
            id: None,
            chat: NOBODY.into(),
            verb: Verb::Send(OutMessage {
                markup: chatbox_connector_api::markup::literal("hi"),
                ..OutMessage::default()
            }),
        };
        let sent = adapter
            .perform(&out)
            .await
            .expect_err("nobody to speak for");
        assert_eq!(sent.kind(), &ErrorKind::Unauthorized, "{endpoint}: {sent}");
    }
}
