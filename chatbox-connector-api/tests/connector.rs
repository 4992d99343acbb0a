//! The wire between a server and a connector process, where one of the two is not what it should be.

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use chatbox_connector_api::event::{EventBody, Media};
use chatbox_connector_api::id::{DeliveryId, ExternalId, Handle, Seq};
use chatbox_connector_api::markup::parse;
use chatbox_connector_api::remote::RemoteFactory;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::wire::{About, Confirmed, Ending, SILENCE};
use chatbox_connector_api::{
    AdapterContext, AdapterError, AdapterFactory, AdapterState, Arrival, ChannelAdapter, Cursor,
    Egress, ErrorKind, Fate, Incoming, Line, News, OutMessage, Outbound, Parts, Positions,
    Revision, Secrets, Settings, StateError, Transcript, TranscriptError, Verb,
};
use chatbox_core::blobs::MemoryBlobs;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};
use tokio::time::timeout;

const TOKEN: &str = "a-token-of-some-length";

/// A process that says what a test wants it to say.
#[derive(Clone)]
struct Liar {
    about: Arc<Mutex<Value>>,
    lines: Arc<Mutex<Vec<String>>>,
    perform: Arc<Mutex<(StatusCode, String)>>,
    told: mpsc::UnboundedSender<Confirmed>,
    is_deaf: bool,
    opened_with: Arc<Mutex<Vec<Value>>>,
}

fn about() -> Value {
    json!({
        "manifest": {"platform": "alpha", "title": "Alpha"},
        "capabilities": {"delivery": "ambiguous", "text": {"max": 100, "unit": "scalar"}},
    })
}

fn event(id: &str, body: Value) -> Value {
    json!({
        "id": id,
        "chat": {"handle": "dm/1", "kind": "dm"},
        "sender": {"id": "u1"},
        "at": 1_700_000_000_000_i64,
        "body": body,
        "addressed": true,
    })
}

fn message(text: &str) -> Value {
    json!({"kind": "message", "text": text})
}

async fn open(State(liar): State<Liar>, Json(asked): Json<Value>) -> Body {
    liar.opened_with.lock().expect("whole").push(asked);
    let lines = liar.lines.lock().expect("whole").clone();
    let lines = stream::iter(lines).map(|line| Ok::<_, Infallible>(format!("{line}\n")));
    Body::from_stream(lines.chain(stream::pending()))
}

async fn confirm(State(liar): State<Liar>, Json(told): Json<Confirmed>) -> StatusCode {
    match liar.is_deaf {
        true => StatusCode::INTERNAL_SERVER_ERROR,
        false => {
            let _ = liar.told.send(told);
            StatusCode::NO_CONTENT
        }
    }
}

/// A liar on a port of this machine, the adapter that listens to it, and what it is told.
struct Scene {
    liar: Liar,
    url: String,
    told: mpsc::UnboundedReceiver<Confirmed>,
}

async fn scene(lines: &[Value]) -> Scene {
    begin(lines, false).await
}

async fn begin(lines: &[Value], is_deaf: bool) -> Scene {
    let (sender, told) = mpsc::unbounded_channel();
    let opened = json!({"type": "opened", "stream": "s1"}).to_string();
    let lines = lines.iter().map(ToString::to_string);
    let liar = Liar {
        about: Arc::new(Mutex::new(about())),
        lines: Arc::new(Mutex::new([opened].into_iter().chain(lines).collect())),
        perform: Arc::new(Mutex::new((StatusCode::OK, "{}".to_owned()))),
        told: sender,
        is_deaf,
        opened_with: Arc::default(),
    };
    let describe = |State(liar): State<Liar>| async move {
        let about = liar.about.lock().expect("whole").clone();
        Json(about)
    };
    let perform =
        |State(liar): State<Liar>| async move { liar.perform.lock().expect("whole").clone() };
    let router = Router::new()
        .route("/connector/v1", get(describe))
        .route("/connector/v1/open", post(open))
        .route("/connector/v1/confirm", post(confirm))
        .route("/connector/v1/perform", post(perform))
        .route(
            "/connector/v1/files/{id}",
            put(|| async { StatusCode::NO_CONTENT }),
        )
        .with_state(liar.clone());
    let url = serve(router).await;
    Scene { liar, url, told }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[derive(Debug)]
struct Nothing;

#[async_trait]
impl AdapterState for Nothing {
    async fn load(&self, _: &str) -> Result<Option<(Revision, Vec<u8>)>, StateError> {
        Ok(None)
    }

    async fn save(&self, _: &str, _: Revision, _: &[u8]) -> Result<bool, StateError> {
        Ok(false)
    }
}

#[async_trait]
impl Transcript for Nothing {
    async fn since(&self, _: &Handle, _: Seq, _: u32) -> Result<Vec<Line>, TranscriptError> {
        Ok(Vec::new())
    }

    async fn before(
        &self,
        _: &Handle,
        _: Option<Seq>,
        _: u32,
    ) -> Result<Vec<Line>, TranscriptError> {
        Ok(Vec::new())
    }

    async fn positions(&self, _: &Handle) -> Result<Positions, TranscriptError> {
        Ok(Positions::default())
    }

    async fn mark_seen(&self, _: &Handle, _: &ExternalId, _: Seq) -> Result<(), TranscriptError> {
        Ok(())
    }

    fn news(&self) -> broadcast::Receiver<News> {
        broadcast::Sender::new(1).subscribe()
    }
}

fn context() -> AdapterContext {
    AdapterContext {
        connection: "con".into(),
        egress: Egress::Private,
        state: Arc::new(Nothing),
        blobs: Arc::new(MemoryBlobs::default()),
        transcript: Arc::new(Nothing),
    }
}

impl Scene {
    async fn parts(&self) -> Parts {
        let token = Secret::new(TOKEN);
        let remote = RemoteFactory::discover(&self.url, &token, Egress::Private).await;
        let remote = remote.expect("it says what it is");
        let settings = Settings::new(&json!({"url": self.url})).expect("settings");
        let secrets = Secrets([("token".to_owned(), token)].into());
        let built = remote.build(context(), settings, secrets).await;
        built.expect("it is built")
    }

    async fn adapter(&self) -> Arc<dyn ChannelAdapter> {
        self.parts().await.adapter
    }

    /// Everything the stream yields before it is quiet.
    async fn yielded(&self) -> Vec<Result<Incoming, AdapterError>> {
        let adapter = self.adapter().await;
        let mut stream = adapter.open(None).await.expect("it opens");
        let mut all = Vec::new();
        while let Ok(Some(item)) = timeout(Duration::from_millis(300), stream.next()).await {
            all.push(item);
        }
        all
    }

    async fn arrivals(&self) -> Vec<Arrival> {
        let all = self.yielded().await.into_iter();
        let arrivals = all.filter_map(|item| match item {
            Ok(Incoming::Event(arrival)) => Some(arrival),
            _ => None,
        });
        arrivals.collect()
    }
}

fn send(text: &str) -> Outbound {
    Outbound {
        id: Some(DeliveryId(7)),
        chat: "dm/1".into(),
        verb: Verb::Send(OutMessage {
            markup: parse(text),
            ..OutMessage::default()
        }),
    }
}

async fn refused(about: Value) -> String {
    let scene = scene(&[]).await;
    *scene.liar.about.lock().expect("whole") = about;
    let token = Secret::new(TOKEN);
    let discovered = RemoteFactory::discover(&scene.url, &token, Egress::Private).await;
    discovered.expect_err("it cannot be so").to_string()
}

#[tokio::test]
async fn a_connector_that_cannot_be_what_it_says_is_refused() {
    for (at, value) in [
        ("/manifest/platform", json!("Not A Name")),
        ("/manifest/platform", json!("")),
        ("/capabilities/delivery", json!("native")),
        ("/capabilities/delivery", json!("reconcilable")),
        ("/capabilities/text/max", json!(0)),
        ("/capabilities/text/unit", json!("pixels")),
        ("/manifest", json!(null)),
    ] {
        let mut about = about();
        *about.pointer_mut(at).expect("it is there") = value.clone();
        let why = refused(about).await;
        assert!(why.contains("connector"), "{at} = {value}: {why}");
    }
    let mut hasty = about();
    hasty["capabilities"]["heartbeat_ms"] = json!(1);
    assert!(refused(hasty).await.contains("heartbeat"));
}

#[tokio::test]
async fn an_address_is_asked_only_where_that_is_allowed() {
    let scene = scene(&[]).await;
    let token = Secret::new(TOKEN);
    let public = RemoteFactory::discover(&scene.url, &token, Egress::Public).await;
    let refused = public.expect_err("this machine is not public");
    assert_eq!(*refused.kind(), ErrorKind::Invalid);
    for url in [
        "http://user:password@127.0.0.1/",
        "ftp://127.0.0.1/",
        "http://127.0.0.1/?a=b",
        "127.0.0.1:9000",
        "http://169.254.169.254/",
    ] {
        let asked = RemoteFactory::discover(url, &token, Egress::Private).await;
        let refused = asked.expect_err(url);
        assert_eq!(*refused.kind(), ErrorKind::Invalid, "{url}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_holds_up_nothing() {
    let mut scene = scene(&[
        json!("no line"),
        json!({"type": "event", "n": 1, "event": {"id": "a"}, "cursor": "1"}),
        json!({"type": "something new", "n": 2}),
        json!({"type": "event", "n": 3, "event": event("b", message("hello")), "cursor": "3"}),
        json!({"type": "link"}),
        json!({"type": "alive", "and": "more"}),
    ])
    .await;
    let mut all = scene.yielded().await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(matches!(all.pop(), Some(Ok(Incoming::Alive))));
    let Some(Ok(Incoming::Event(arrival))) = all.pop() else {
        panic!("the event that can be read comes");
    };
    assert_eq!(arrival.cursor, Some(Cursor("3".to_owned())));
    let told = scene.told.recv().await.expect("it is told");
    assert_eq!(told.stream, "s1");
    assert_eq!(told.fates[0].n, 1);
    let Ending::Refused { reason } = &told.fates[0].fate else {
        panic!("refused: {told:?}");
    };
    assert!(reason.contains("missing field"), "{reason}");
}

#[tokio::test]
async fn an_event_is_confirmed_after_its_fate_is_certain_even_when_the_stream_has_ended() {
    let lines = [1, 2].map(|n| {
        let event = event(&format!("e{n}"), message("hello"));
        json!({"type": "event", "n": n, "event": event})
    });
    let mut scene = scene(&lines).await;
    let arrivals = scene.arrivals().await;
    assert_eq!(arrivals.len(), 2);
    assert!(scene.told.try_recv().is_err(), "nothing is certain yet");
    let fates = [Fate::Stored(Seq(41)), Fate::Later(Duration::from_millis(9))];
    for (arrival, fate) in arrivals.into_iter().zip(fates) {
        arrival.confirm.expect("it has a number").confirm(fate);
    }
    let mut fates = Vec::new();
    while fates.len() < 2 {
        fates.extend(scene.told.recv().await.expect("it is told").fates);
    }
    assert_eq!((fates[0].n, fates[1].n), (1, 2));
    assert_eq!(fates[0].fate, Ending::Stored { seq: Seq(41) });
    assert_eq!(fates[1].fate, Ending::Later { after_ms: 9 });
}

#[tokio::test]
async fn a_connector_that_cannot_be_told_is_opened_again() {
    let line = json!({"type": "event", "n": 1, "event": event("e", message("hello"))});
    let scene = begin(&[line], true).await;
    let adapter = scene.adapter().await;
    let mut stream = adapter
        .open(Some(Cursor("7".to_owned())))
        .await
        .expect("open");
    let Some(Ok(Incoming::Event(arrival))) = stream.next().await else {
        panic!("an event comes");
    };
    let confirm = arrival.confirm.expect("it has a number");
    confirm.confirm(Fate::Stored(Seq(1)));
    let lost = timeout(Duration::from_secs(5), stream.next()).await;
    let lost = lost.expect("it ends").expect("with an error");
    assert_eq!(*lost.expect_err("lost").kind(), ErrorKind::Unavailable);
    assert!(stream.next().await.is_none());
    let asked = scene.liar.opened_with.lock().expect("whole").clone();
    assert_eq!(asked, [json!({"cursor": "7"})]);
}

#[tokio::test]
async fn only_the_house_says_what_the_house_says() {
    let file = json!({"name": "a", "mime": "b", "media": {"state": "ready", "id": "file_other"}});
    let body = json!({"kind": "message", "text": "x", "attachments": [file]});
    let outcome = json!({"kind": "outcome", "of": 1, "state": "failed", "reason": "no"});
    let lines = [("a", body), ("b", outcome)]
        .map(|(id, body)| json!({"type": "event", "event": event(id, body)}));
    let arrivals = scene(&lines).await.arrivals().await;
    let bodies: Vec<_> = arrivals.into_iter().map(|it| it.event.body).collect();
    let file = &bodies[0].content().expect("a message").attachments[0];
    assert!(matches!(file.media, Media::Failed { .. }), "{file:?}");
    let unsupported = EventBody::Unsupported {
        what: "outcome".to_owned(),
    };
    assert_eq!(bodies[1], unsupported);
}

#[tokio::test]
async fn a_line_without_an_end_and_a_stream_without_a_beginning_are_lost_connections() {
    let endless = json!({"type": "x".repeat(2 * 1024 * 1024)});
    let all = scene(&[endless]).await.yielded().await;
    assert!(matches!(&all[..], [Err(error)] if *error.kind() == ErrorKind::Unavailable));
    let scene = scene(&[]).await;
    scene.liar.lines.lock().expect("whole")[0] = json!({"type": "alive"}).to_string();
    let opened = scene.adapter().await.open(None).await;
    assert!(opened.is_err_and(|error| *error.kind() == ErrorKind::Unavailable));
}

#[tokio::test]
async fn a_silent_connector_is_lost() {
    let scene = scene(&[]).await;
    let adapter = scene.adapter().await;
    let mut stream = adapter.open(None).await.expect("it opens");
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let lost = stream.next().await.expect("an end").expect_err("an error");
    assert_eq!(*lost.kind(), ErrorKind::Unavailable);
    assert!(began.elapsed() >= SILENCE && began.elapsed() < SILENCE * 2);
}

#[tokio::test]
async fn a_connector_that_changed_says_so_before_anything_is_asked_of_it() {
    let scene = scene(&[]).await;
    let adapter = scene.adapter().await;
    scene.liar.about.lock().expect("whole")["capabilities"]["edit"] = json!({});
    let Err(changed) = adapter.open(None).await else {
        panic!("it is not what was added");
    };
    assert!(changed.to_string().contains("add it again"), "{changed}");
    assert!(scene.liar.opened_with.lock().expect("whole").is_empty());
}

#[tokio::test]
async fn what_became_of_a_send_is_what_the_connector_says_or_nobody_knows() {
    let scene = scene(&[]).await;
    let adapter = scene.adapter().await;
    let answer = async |status: u16, body: &str| {
        let status = StatusCode::from_u16(status).expect("a status");
        *scene.liar.perform.lock().expect("whole") = (status, body.to_owned());
        adapter.perform(&send("hello")).await
    };
    let receipt = answer(200, r#"{"message": "m1"}"#).await.expect("done");
    assert_eq!(receipt.message, Some("m1".into()));
    let wait = r#"{"error": {"kind": "rate_limited", "message": "slow", "retry_after_ms": 1500,
        "scope": "connection"}}"#;
    for (status, body, kind) in [
        (500, wait, ErrorKind::RateLimited),
        (500, "", ErrorKind::Ambiguous),
        (502, "<html>", ErrorKind::Ambiguous),
        (401, "", ErrorKind::Unauthorized),
        (404, "", ErrorKind::NotFound),
        (301, "", ErrorKind::Invalid),
        (200, "not a receipt", ErrorKind::Malformed),
        (
            409,
            r#"{"error": {"kind": "moved", "to": "dm/2", "message": "gone"}}"#,
            ErrorKind::Moved("dm/2".into()),
        ),
        (
            422,
            r#"{"error": {"kind": "a new one", "message": "?"}}"#,
            ErrorKind::Invalid,
        ),
    ] {
        let error = answer(status, body).await.expect_err(body);
        assert_eq!(*error.kind(), kind, "{status} {body}");
    }
    let slow = answer(429, wait).await.expect_err("slow");
    assert_eq!(slow.retry_after(), Some(Duration::from_millis(1500)));
    assert_eq!(slow.scope(), chatbox_connector_api::Scope::Connection);
}

#[tokio::test]
async fn a_process_that_is_not_there_is_unavailable_and_nothing_was_sent() {
    let scene = scene(&[]).await;
    let parts = scene.parts().await;
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let gone = free.local_addr().expect("an address");
    drop(free);
    let about: About = serde_json::from_value(about()).expect("about");
    let remote = RemoteFactory::known(about).expect("known");
    let settings = Settings::new(&json!({"url": format!("http://{gone}")})).expect("settings");
    let secrets = Secrets([("token".to_owned(), Secret::new(TOKEN))].into());
    let built = remote.build(context(), settings, secrets);
    let adapter = built.await.expect("built").adapter;
    let sent = adapter.perform(&send("hello")).await.expect_err("nobody");
    assert_eq!(*sent.kind(), ErrorKind::Unavailable);
    assert!(adapter.open(None).await.is_err());
    assert!(parts.media.is_none() && parts.reconcile.is_none());
}
