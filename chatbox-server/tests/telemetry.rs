//! What a collector is told of a message, and what it is not.
#![cfg(all(feature = "otel", feature = "telegram"))]

mod program;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use chatbox_fakes::telegram::{self, Bot};
use program::{Program, Running};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TOKEN: &str = "7000001:TEST-token-TEST-token";
const ADA: i64 = 42;
const SOON: Duration = Duration::from_secs(20);

/// A collector that keeps what it is given.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<Value>>>);

impl Sink {
    async fn start() -> (Self, String) {
        let sink = Self::default();
        let take = async |State(sink): State<Sink>, Json(body): Json<Value>| {
            sink.0.lock().expect("a list").push(body);
            (StatusCode::OK, Json(json!({})))
        };
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(sink.clone());
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (sink, address)
    }

    fn whole(&self) -> String {
        json!(*self.0.lock().expect("a list")).to_string()
    }

    fn spans(&self) -> Vec<Value> {
        let given = self.0.lock().expect("a list").clone();
        let lists = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
        let resources = given.iter().flat_map(|it| lists(it, "resourceSpans"));
        let scopes = resources.flat_map(|it| lists(&it, "scopeSpans"));
        scopes.flat_map(|it| lists(&it, "spans")).collect()
    }

    /// The spans of this name about this message.
    fn about(&self, name: &str, message: &str) -> Vec<Value> {
        let spans = self.spans().into_iter().filter(|it| it["name"] == name);
        spans
            .filter(|it| value(it, "chatbox.message") == message)
            .collect()
    }

    async fn until(&self, name: &str, outcome: &str) -> Value {
        let began = Instant::now();
        loop {
            let spans = self.spans();
            let fits = |it: &&Value| it["name"] == name && value(it, "chatbox.outcome") == outcome;
            if let Some(span) = spans.iter().rev().find(fits) {
                return span.clone();
            }
            assert!(began.elapsed() < SOON, "no {name} {outcome}: {spans:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn value(span: &Value, key: &str) -> String {
    let attributes = span["attributes"].as_array().into_iter().flatten();
    let found = attributes
        .filter(|it| it["key"] == key)
        .map(|it| &it["value"]["stringValue"]);
    found.filter_map(Value::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_one_trace_from_its_arrival_to_its_answer_and_says_nothing_of_it() {
    let options = telegram::Options {
        bots: vec![Bot::new(TOKEN, "test_bot")],
        ..telegram::Options::default()
    };
    let platform = telegram::Server::start(options).await.expect("a free port");
    let (sink, collector) = Sink::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "[backend]\nkind = \"echo\"\n[telemetry]\notlp_endpoint = \"{collector}\"\n\
         [channels.telegram]\napi_base = \"{}\"\n",
        platform.base_url()
    );
    let running = Running::start(folder.path(), &config);
    let mut add = Program::new(folder.path()).command();
    add.arg("--data-dir").arg(running.data());
    add.args(["--json", "channels", "add", "telegram", "--token-file", "-"]);
    program::give(&mut add, folder.path(), Some(TOKEN));
    let said: Value = serde_json::from_slice(&program::run(&mut add).stdout).expect("JSON");
    let code = said["pairing_link"]
        .as_str()
        .and_then(|it| it.rsplit('=').next());
    let code = code.expect("a code").to_owned();
    platform.say(ADA, ADA, &format!("/start {code}"));
    let welcome = platform.until_messages(ADA, 1, SOON).await;
    welcome.expect("the owner is welcomed");
    platform.say(ADA, ADA, "hunter2 is the word");
    let answered = platform.until_messages(ADA, 2, SOON).await;
    answered.expect("an answer");

    let turn = sink.until("turn", "done").await;
    let message = value(&turn, "chatbox.message");
    let accepts = sink.about("accept", &message);
    let [accept] = &accepts[..] else {
        panic!("{accepts:#?}");
    };
    let trace = &accept["traceId"];
    assert_eq!(trace.as_str().map(str::len), Some(32), "{accept}");
    assert_eq!(turn["traceId"], *trace);
    assert_eq!(turn["parentSpanId"], accept["spanId"]);
    let began = Instant::now();
    let send = loop {
        let spans = sink.spans().into_iter();
        let mut sends = spans.filter(|it| it["name"] == "send" && it["traceId"] == *trace);
        if let Some(send) = sends.next() {
            break send;
        }
        assert!(began.elapsed() < SOON, "{:#?}", sink.spans());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(send["parentSpanId"], turn["spanId"]);
    assert_eq!(value(&send, "chatbox.outcome"), "delivered");
    for span in [accept, &turn, &send] {
        let time = |name: &str| span[name].as_str().and_then(|it| it.parse::<u64>().ok());
        let (start, end) = (time("startTimeUnixNano"), time("endTimeUnixNano"));
        assert!(start.is_some() && start <= end, "{span}");
    }
    let whole = sink.whole();
    assert!(whole.contains("\"service.name\""), "{whole}");
    for secret in ["hunter2", TOKEN, &code, &running.operator()] {
        assert!(!whole.contains(secret), "{secret} is told: {whole}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_last_is_told_before_the_end_and_a_missing_collector_stops_nothing() {
    let (sink, collector) = Sink::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = "url = \"http://127.0.0.1:9/\"\nallow_private = true\n";
    let config = format!("[webhook]\n{endpoint}[telemetry]\notlp_endpoint = \"{collector}\"\n");
    let mut running = Running::start(folder.path(), &config);
    let feed = running.add_feed("alarms");
    let body =
        json!({"event_id": "1", "chat": {"handle": "room"}, "sender": {"id": "p"}, "text": "hot"});
    let path = format!("/v1/connections/{}/messages", feed.id);
    let post = |running: &Running| {
        running.post(
            &path,
            &[&feed.token],
            "application/json",
            body.to_string().as_bytes(),
        )
    };
    assert_eq!(post(&running).status(), 200);
    let delivery = sink.until("delivery", "retry").await;
    let accept = sink.about("accept", "msg_1").remove(0);
    assert_eq!(delivery["traceId"], accept["traceId"]);
    assert_eq!(delivery["parentSpanId"], accept["spanId"]);
    let other = json!({"event_id": "2", "chat": {"handle": "room"}, "sender": {"id": "p"}, "text": "hotter"});
    running.post(
        &path,
        &[&feed.token],
        "application/json",
        other.to_string().as_bytes(),
    );
    let told = std::process::Command::new("kill")
        .arg(running.pid().to_string())
        .status();
    assert!(told.expect("kill").success());
    assert!(running.ended(SOON).expect("it ends").success());
    assert_eq!(
        sink.about("accept", "msg_2").len(),
        1,
        "told before the end"
    );

    let nobody = config.replace(&collector, "http://127.0.0.1:9");
    drop(running);
    let running = Running::start(folder.path(), &nobody);
    let answer = post(&running);
    assert!(
        answer.body().contains("\"duplicate\":true"),
        "{}",
        answer.body()
    );
}
