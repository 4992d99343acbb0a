//! Requests to an address of ours, signed by a signer of another make.

mod house;

use async_trait::async_trait;
use chatbox_connector_api::Incoming;
use chatbox_connector_api::event::{Event, EventBody};
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{
    AdapterState, ChannelAdapter, Egress, ErrorKind, Heard, Ingress, LinkState, Posted, Refusal,
    StateError, Unread,
};
use chatbox_fakes::slack::{Kind, Options, Post, Say, Server, challenge, im_of, sign};
use chatbox_slack::{Config, SlackAdapter};
use futures_util::StreamExt;
use house::{ADA, ROOM, SOON, Shelf};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
/// So long nothing may come where nothing is to come.
const SHORT: Duration = Duration::from_millis(200);

/// A Slack without Socket Mode, and an app it posts to.
struct Posting {
    server: Server,
    adapter: Arc<SlackAdapter>,
    ingress: Arc<dyn Ingress>,
}

async fn posting() -> Posting {
    posting_with(Arc::default()).await
}

/// One with these notes, which it looks at all the time.
async fn posting_with(notes: Arc<Notes>) -> Posting {
    let options = Options {
        socket_mode: false,
        ..Options::default()
    };
    let bot = Secret::new(options.token.as_str());
    let server = Server::start(options).await.expect("a free port");
    server.channel(ROOM, Kind::Channel("room".to_owned()));
    server.person(ADA, "ada");
    let (base, signing) = (server.base_url(), Secret::new(SECRET));
    let config = Config::posted(Some(&base), &bot, &signing, Egress::Public);
    let mut config = config.expect("good");
    config.note = Duration::from_millis(10);
    let adapter = SlackAdapter::new(config, Arc::new(Shelf(b"bytes"))).expect("an adapter");
    let adapter = Arc::new(adapter.with_state(notes));
    let ingress = Arc::clone(&adapter)
        .parts()
        .ingress
        .expect("it takes posts");
    Posting {
        server,
        adapter,
        ingress,
    }
}

/// An adapter's own memory.
#[derive(Debug, Default)]
struct Notes(Mutex<HashMap<String, (i64, Vec<u8>)>>);

impl Notes {
    fn seconds(&self, key: &str) -> Option<i64> {
        let notes = self.0.lock().expect("whole");
        let text = String::from_utf8(notes.get(key)?.1.clone());
        text.ok()?.parse().ok()
    }

    fn set(&self, key: &str, seconds: i64) {
        let note = (1, seconds.to_string().into_bytes());
        let mut notes = self.0.lock().expect("whole");
        notes.insert(key.to_owned(), note);
    }
}

#[async_trait]
impl AdapterState for Notes {
    async fn load(&self, key: &str) -> Result<Option<(i64, Vec<u8>)>, StateError> {
        Ok(self.0.lock().expect("whole").get(key).cloned())
    }

    async fn save(&self, key: &str, revision: i64, value: &[u8]) -> Result<bool, StateError> {
        let mut notes = self.0.lock().expect("whole");
        let stands = notes.get(key).map_or(0, |(stands, _)| *stands);
        if stands == revision {
            notes.insert(key.to_owned(), (revision + 1, value.to_vec()));
        }
        Ok(stands == revision)
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("before the end")
}

fn posted(signatures: &[&str], timestamps: &[&str], body: &[u8]) -> Posted {
    let named = |name: &'static str| {
        move |value: &&str| (name.to_owned(), (*value).to_owned().into_bytes().into())
    };
    let signatures = signatures.iter().map(named("x-slack-signature"));
    let timestamps = timestamps.iter().map(named("x-slack-request-timestamp"));
    Posted::new(signatures.chain(timestamps).collect(), body.to_vec().into())
}

impl Posting {
    async fn read(&self, post: &Post) -> Result<Heard, Refusal> {
        let whole = posted(&[&post.signature], &[&post.timestamp], post.body.as_bytes());
        self.ingress.read(&whole).await
    }

    async fn refused(&self, post: &Post) -> Unread {
        let refusal = self.read(post).await.expect_err("it is refused");
        assert!(!refusal.detail.contains(SECRET), "{refusal}");
        refusal.reason
    }

    async fn events(&self, post: &Post) -> (Vec<Event>, bool) {
        match self.read(post).await {
            Ok(Heard::Events { events, shown }) => (events, shown),
            other => panic!("no events: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_address_is_confirmed_only_when_the_question_is_signed() {
    let here = posting().await;
    let asked = challenge("3eZbrw1aB").to_string();
    let heard = here.read(&sign(SECRET, now(), &asked)).await;
    assert!(matches!(heard, Ok(Heard::Challenge(word)) if word == "3eZbrw1aB"));
    assert!(
        here.server.calls().is_empty(),
        "nobody has to be asked for that"
    );
    let unsigned = here.ingress.read(&posted(&[], &[], asked.as_bytes())).await;
    assert_eq!(unsigned.expect_err("unsigned").reason, Unread::Unsigned);
    let long = challenge(&"x".repeat(2000)).to_string();
    assert_eq!(
        here.refused(&sign(SECRET, now(), &long)).await,
        Unread::Unreadable
    );
}

#[tokio::test]
async fn an_event_is_the_same_as_over_a_socket() {
    let here = posting().await;
    let (server, im) = (&here.server, im_of(ADA));
    let post = |channel: &str, ts: &str| {
        let post = server.post_of(SECRET, now(), channel, ts);
        post.expect("it was told")
    };
    let ts = server.say(&im, ADA, "hello");
    let (events, shown) = here.events(&post(&im, &ts)).await;
    let [event] = events.as_slice() else {
        panic!("one: {events:?}");
    };
    assert_eq!(event.id.as_str(), format!("{im}/{ts}"));
    assert_eq!(event.sender.name.as_deref(), Some("ada"));
    assert!(!shown);
    let ts = server.say(ROOM, ADA, "in the room");
    let (events, _) = here.events(&post(ROOM, &ts)).await;
    assert_eq!(events[0].chat.name.as_deref(), Some("room"));
    let ours = server.say(&im, "U0BOT", "ours");
    assert!(here.events(&post(&im, &ours)).await.0.is_empty(), "our own");
    let asked = |method: &str| {
        let calls = server.calls().into_iter();
        calls.filter(|it| it.method == method).count()
    };
    assert_eq!((asked("auth.test"), asked("users.info")), (1, 1));
}

#[tokio::test]
async fn another_workspaces_event_is_nothing_to_us() {
    let here = posting().await;
    let body = r#"{"type":"event_callback","team_id":"T0OTHER","event_id":"Ev1","event":{"type":"message","user":"U0EVE","ts":"1700000000.000001","channel":"D0EVE","text":"hi"}}"#;
    assert!(here.events(&sign(SECRET, now(), body)).await.0.is_empty());
}

#[tokio::test]
async fn buttons_and_commands_come_as_forms() {
    let here = posting().await;
    let (server, im) = (&here.server, im_of(ADA));
    let newest = || {
        let post = server.post_of_newest_action(SECRET, now());
        post.expect("it was told")
    };
    let ts = server.say(&im, "U0BOT", "yes or no?");
    server.press(&im, ADA, &ts, "yes & no");
    let (events, shown) = here.events(&newest()).await;
    let EventBody::Action(action) = &events[0].body else {
        panic!("no action: {events:?}");
    };
    assert_eq!(action.name, "yes & no");
    assert!(shown, "who pressed it sees whether it was taken");
    server.command(&im, ADA, "/status", "in full");
    let (events, shown) = here.events(&newest()).await;
    let EventBody::Action(action) = &events[0].body else {
        panic!("no action: {events:?}");
    };
    assert_eq!((&*action.name, &*action.argument), ("status", "in full"));
    assert!(!shown);
    let looks = sign(SECRET, now(), "ssl_check=1&token=verification");
    assert!(here.events(&looks).await.0.is_empty());
    for odd in [
        "payload=",
        "payload=%7B",
        "payload=7",
        "command=%2Fx",
        "a=b",
    ] {
        let post = sign(SECRET, now(), odd);
        assert_eq!(here.refused(&post).await, Unread::Unreadable, "{odd}");
    }
    let view = sign(
        SECRET,
        now(),
        "payload=%7B%22type%22%3A%22view_closed%22%2C%22user%22%3A%7B%22id%22%3A%22U%22%7D%7D",
    );
    assert!(
        here.events(&view).await.0.is_empty(),
        "nothing that is asked for"
    );
}

#[tokio::test]
async fn forged_altered_and_old_requests_are_refused_and_cost_slack_nothing() {
    let here = posting().await;
    let body = r#"{"type":"event_callback","team_id":"T0TEAM","event_id":"Ev1","event":{"type":"message"}}"#;
    let good = sign(SECRET, now(), body);
    let bad = |change: &dyn Fn(&mut Post)| {
        let mut post = good.clone();
        change(&mut post);
        post
    };
    for (post, reason) in [
        (sign("another apps secret", now(), body), Unread::Unsigned),
        (bad(&|post| post.signature.clear()), Unread::Unsigned),
        (
            bad(&|post| post.signature.make_ascii_uppercase()),
            Unread::Unsigned,
        ),
        (
            bad(&|post| post.signature = post.signature.replace("v0=", "v1=")),
            Unread::Unsigned,
        ),
        (bad(&|post| post.body.push(' ')), Unread::Unsigned),
        (
            bad(&|post| post.timestamp = (now() + 1).to_string()),
            Unread::Unsigned,
        ),
        (sign(SECRET, now() - 301, body), Unread::Stale),
        (sign(SECRET, now() + 302, body), Unread::Stale),
        (sign(SECRET, 0, body), Unread::Stale),
        (sign(SECRET, -5, body), Unread::Stale),
    ] {
        assert_eq!(here.refused(&post).await, reason, "{post:?}");
    }
    let signature = good.signature.as_str();
    let (two, at) = ([signature, signature], [good.timestamp.as_str()]);
    for (whole, reason) in [
        (posted(&two, &at, body.as_bytes()), Unread::Unsigned),
        (posted(&[signature], &at, &[0xFF, 0xFE]), Unread::Unsigned),
        (
            posted(&[signature], &at, &vec![b' '; 2 << 20]),
            Unread::TooLarge,
        ),
    ] {
        let refusal = here.ingress.read(&whole).await.expect_err("refused");
        assert_eq!(refusal.reason, reason);
    }
    assert!(
        here.server.calls().is_empty(),
        "what is not proven asks nobody"
    );
    for odd in [
        "",
        "no JSON",
        "[]",
        "{}",
        r#"{"type":"event_callback","event":7,"team_id":[]}"#,
    ] {
        let post = sign(SECRET, now(), odd);
        assert_eq!(here.refused(&post).await, Unread::Unreadable, "{odd}");
    }
    assert!(here.read(&good).await.is_ok());
}

#[tokio::test]
async fn before_slack_says_who_we_are_a_post_is_to_come_again() {
    let here = posting().await;
    here.server.revoke(true);
    let (server, im) = (&here.server, im_of(ADA));
    let ts = server.say(&im, ADA, "hello");
    let post = server.post_of(SECRET, now(), &im, &ts).expect("told");
    assert_eq!(here.refused(&post).await, Unread::Unavailable);
    here.server.revoke(false);
    assert_eq!(here.events(&post).await.0.len(), 1);
}

#[tokio::test]
async fn an_app_that_is_posted_to_stands_without_a_socket_and_without_a_heartbeat() {
    let here = posting().await;
    assert_eq!(here.adapter.capabilities().heartbeat, None);
    let identity = here.adapter.probe().await.expect("it is known");
    let next = identity.notes.iter().any(|it| it.contains("Request URL"));
    assert!(next, "{:?}", identity.notes);
    let mut stream = here.adapter.open(None).await.expect("it opens");
    let first = timeout(SOON, stream.next()).await.expect("soon");
    assert!(matches!(
        first,
        Some(Ok(Incoming::Link(LinkState::Connected)))
    ));
    let second = here.adapter.open(None).await.err().expect("one at a time");
    assert_eq!(*second.kind(), ErrorKind::Conflict);
    let more = timeout(Duration::from_millis(200), stream.next()).await;
    assert!(more.is_err(), "it neither says more nor ends: {more:?}");
    assert_eq!(here.server.sockets_so_far(), (0, 0));
    here.server.revoke(true);
    drop(stream);
    let refused = here.adapter.open(None).await.err().expect("revoked");
    assert_eq!(*refused.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn what_nobody_was_there_for_is_read_from_the_past_and_nothing_before_the_first_time() {
    let notes: Arc<Notes> = Arc::default();
    let here = posting_with(notes.clone()).await;
    let (server, im) = (&here.server, im_of(ADA));
    let texts = async |count: usize| {
        let mut stream = here.adapter.open(None).await.expect("it opens");
        let mut texts = Vec::new();
        // It says all it knows, and then neither more nor ends.
        loop {
            let wait = if texts.len() < count { SOON } else { SHORT };
            match timeout(wait, stream.next()).await {
                Ok(Some(Ok(Incoming::Event(arrival)))) => {
                    assert!(arrival.event.late);
                    assert_eq!(arrival.event.sender.name.as_deref(), Some("ada"));
                    texts.push(house::text(&arrival.event));
                }
                Ok(Some(Ok(_))) => {}
                Ok(other) => panic!("it ended: {other:?}"),
                Err(_) => break,
            }
        }
        assert_eq!(texts.len(), count, "{texts:?}");
        texts
    };
    server.say(&im, ADA, "long ago");
    assert!(texts(0).await.is_empty());
    let first = notes.seconds("safe").expect("it is noted");
    // A second later it is after what is safe.
    notes.set("safe", first - 1);
    let thread = server.say(ROOM, ADA, "in the room");
    let reply = Say {
        channel: ROOM.to_owned(),
        from: ADA.to_owned(),
        text: "in a thread".to_owned(),
        thread: Some(thread),
        ..Say::default()
    };
    server.say_with(reply);
    server.say(&im, ADA, "alone");
    server.say(&im, "U0BOT", "ours");
    let mut all = texts(4).await;
    all.sort();
    assert_eq!(all, ["alone", "in a thread", "in the room", "long ago"]);
    assert_eq!(notes.seconds("safe"), Some(first - 1), "nothing was heard");
}

#[tokio::test]
async fn where_a_socket_stopped_posts_go_on() {
    let socket = house::house(Options::default()).await;
    let (server, im) = (&socket.server, im_of(ADA));
    let mut ear = socket.listen(None).await;
    server.say(&im, ADA, "over the socket");
    assert_eq!(ear.texts(1).await, ["over the socket"]);
    let stopped = ear.cursor.clone();
    drop(ear);
    server.say(&im, ADA, "between");
    let bot = Secret::new(Options::default().token);
    let (base, signing) = (server.base_url(), Secret::new(SECRET));
    let config = Config::posted(Some(&base), &bot, &signing, Egress::Public).expect("good");
    let posting = SlackAdapter::new(config, Arc::new(Shelf(b"bytes"))).expect("an adapter");
    let posting = posting.with_state(Arc::<Notes>::default());
    let mut stream = posting.open(stopped).await.expect("it opens");
    let heard = timeout(SOON, async {
        loop {
            if let Some(Ok(Incoming::Event(arrival))) = stream.next().await {
                return house::text(&arrival.event);
            }
        }
    });
    assert_eq!(heard.await.expect("soon"), "between");
}

#[tokio::test]
async fn what_is_safe_follows_behind_what_was_heard() {
    let notes: Arc<Notes> = Arc::default();
    let here = posting_with(notes.clone()).await;
    let day = now() - 24 * 60 * 60;
    notes.set("safe", day);
    let stream = here.adapter.open(None).await.expect("it opens");
    let reading = tokio::spawn(stream.for_each(|_| std::future::ready(())));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(notes.seconds("safe"), Some(day), "nothing was heard yet");
    let (server, im) = (&here.server, im_of(ADA));
    let ts = server.say(&im, ADA, "hello");
    let post = server.post_of(SECRET, now(), &im, &ts).expect("told");
    let forged = sign("another apps secret", now(), &post.body);
    assert_eq!(here.refused(&forged).await, Unread::Unsigned);
    assert_eq!(notes.seconds("heard"), None, "what is forged is not heard");
    let began = now();
    here.events(&post).await;
    assert!(notes.seconds("heard").is_some_and(|it| it >= began));
    let safe = timeout(SOON, async {
        loop {
            let safe = notes.seconds("safe").filter(|it| *it != day);
            match safe {
                Some(safe) => return safe,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    });
    let safe = safe.await.expect("it moves");
    assert!((began - 600..=now() - 600).contains(&safe), "{safe}");
    reading.abort();
}

#[test]
fn what_is_no_signing_secret_is_named_and_none_is_shown() {
    let bot = Secret::new("xoxb-0000-0000-canarycanary");
    let config = |signing: &str| Config::posted(None, &bot, &Secret::new(signing), Egress::Public);
    for (signing, word) in [
        (" ", "does not look like"),
        ("short", "does not look like"),
        ("xoxb-0000-0000-canary", "a bot token"),
        ("xapp-1-canary", "an app-level token"),
        ("https://hooks.slack.com/canary", "a web address"),
    ] {
        let error = config(signing).expect_err(signing);
        assert_eq!(*error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.to_string().contains("Signing Secret"), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    let good = config(&format!(" {SECRET}\n")).expect("good");
    assert!(!format!("{good:?}").contains("8f74"), "{good:?}");
}
