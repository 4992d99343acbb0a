//! What a platform posts to an address of ours, against the whole program: a Slack without sockets, signed by a signer of
//! another make.
#![cfg(feature = "slack")]

mod program;

use chatbox_fakes::slack::{Message, Options, Post, Server, challenge, sign};
use program::{Answer, Running, beside};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const ADA: &str = "U0ADA";
const EVE: &str = "U0EVE";
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const SOON: Duration = Duration::from_secs(20);

/// A program with an app that Slack posts to.
struct House {
    slack: Server,
    folder: tempfile::TempDir,
    config: String,
    running: Running,
    /// The path of the door.
    hook: String,
    /// The conversation with Ada, who owns it.
    im: String,
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("before the end")
}

/// `channels add` with these secrets, each in a file of its own.
fn add(running: &Running, folder: &Path, secrets: &[(&str, &str)]) -> (Option<i32>, Value) {
    let mut words = vec!["channels".to_owned(), "add".to_owned(), "slack".to_owned()];
    for (name, secret) in secrets {
        let path = folder.join(name);
        std::fs::write(&path, secret).expect("a file");
        words.extend([
            "--secret-file".to_owned(),
            format!("{name}={}", path.display()),
        ]);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    beside(running, folder, &words, None)
}

impl House {
    /// One that Slack only posts to.
    async fn new() -> Self {
        let options = Options {
            socket_mode: false,
            ..Options::default()
        };
        let bot = options.token.clone();
        Self::with(options, &[("bot_token", &bot), ("signing_secret", SECRET)]).await
    }

    /// One with these secrets, whose owner is Ada.
    async fn with(options: Options, secrets: &[(&str, &str)]) -> Self {
        let slack = Server::start(options).await.expect("a free port");
        let folder = tempfile::tempdir().expect("a folder");
        let base = slack.base_url();
        let config =
            format!("[backend]\nkind = \"echo\"\n[channels.slack]\napi_base = \"{base}\"\n");
        let running = Running::start(folder.path(), &config);
        let (status, added) = add(&running, folder.path(), secrets);
        assert_eq!(status, Some(0), "{added}");
        let text = |field: &str| added[field].as_str().expect("a text").to_owned();
        let id = text("id");
        assert_eq!(
            text("hook_url"),
            format!("http://{}/hooks/{id}", running.address())
        );
        running.until_health("slack", |it| it["state"] == "connected");
        let im = slack.person(ADA, "ada");
        let house = Self {
            slack,
            folder,
            config,
            running,
            hook: format!("/hooks/{id}"),
            im,
        };
        assert_eq!(house.says(ADA, &text("pairing_code")).status(), 200);
        house.said(1).await;
        house
    }

    fn post(&self, post: &Post) -> Answer {
        Answer::new(self.running.exchange(&self.request(post, "")))
    }

    /// A whole request, with more headers.
    fn request(&self, post: &Post, more: &str) -> Vec<u8> {
        let (hook, host, kind) = (&self.hook, self.running.address(), post.kind);
        let (signature, at, body) = (&post.signature, &post.timestamp, &post.body);
        let request = format!(
            "POST {hook} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             X-Slack-Signature: {signature}\r\nX-Slack-Request-Timestamp: {at}\r\n{more}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        request.into_bytes()
    }

    /// Somebody says something to the bot, and Slack posts it.
    fn says(&self, who: &str, text: &str) -> Answer {
        let said = self.is_said(who, text);
        self.post(&said)
    }

    /// What Slack would post of it.
    fn is_said(&self, who: &str, text: &str) -> Post {
        let im = self.slack.person(who, &who.to_lowercase());
        let ts = self.slack.say(&im, who, text);
        let post = self.slack.post_of(SECRET, now(), &im, &ts);
        post.expect("it was told")
    }

    /// What the bot said to Ada, once it is so much.
    async fn said(&self, count: usize) -> Vec<Message> {
        let began = Instant::now();
        loop {
            let all = self.slack.said().into_iter();
            let here: Vec<Message> = all.filter(|it| it.channel == self.im).collect();
            if here.len() >= count {
                return here;
            }
            assert!(began.elapsed() < SOON, "{count} did not come: {here:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many rows the log has.
    async fn rows(&self) -> i64 {
        let mut database = self.database().await;
        let rows = sqlx::query_scalar("SELECT count(*) FROM log");
        rows.fetch_one(&mut database).await.expect("a number")
    }

    async fn database(&self) -> SqliteConnection {
        let path = self.running.data().join("chatbox.db");
        let url = format!("sqlite:{}", path.display());
        SqliteConnection::connect(&url).await.expect("it opens")
    }

    /// The program ends at once, and another begins on its data.
    fn killed(self) -> Self {
        self.running.killed();
        Self {
            running: Running::start(self.folder.path(), &self.config),
            ..self
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_posted_about_is_answered_and_told_again_it_is_the_same() {
    let house = House::new().await;
    let post = house.is_said(ADA, "are you there?");
    let answer = house.post(&post);
    assert_eq!((answer.status(), answer.body()), (200, ""));
    let reply = house.said(2).await.remove(1);
    assert!(reply.text.contains("are you there?"), "{reply:?}");
    let rows = house.rows().await;
    let more = "X-Slack-Retry-Num: 1\r\nX-Slack-Retry-Reason: http_timeout\r\n";
    let again = Answer::new(house.running.exchange(&house.request(&post, more)));
    assert_eq!(again.status(), 200);
    assert_eq!(house.says(ADA, "and now?").status(), 200);
    let all = house.said(3).await;
    assert!(all[2].text.contains("and now?"), "{all:?}");
    assert_eq!(house.rows().await, rows + 2, "a question and its answer");
    assert_eq!(house.slack.sockets_so_far(), (0, 0));
    let health = house
        .running
        .until_health("slack", |it| !it["message_at"].is_null());
    assert_eq!(health["state"], "connected");
    let counted = r#"chatbox_posts_total{platform="slack",outcome="taken"} 4"#;
    let page = house.running.get("/metrics");
    assert!(page.contains(counted), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_before_the_answer_was_lost_is_known_when_it_comes_again() {
    let house = House::new().await;
    let post = house.is_said(ADA, "are you there?");
    let mut stream = TcpStream::connect(house.running.address()).expect("it listens");
    let sent = stream.write_all(&house.request(&post, ""));
    sent.expect("it is sent");
    // That it is answered in the chat shows that it is on disk; the request's own answer nobody reads.
    house.said(2).await;
    let house = house.killed();
    drop(stream);
    let rows = house.rows().await;
    assert_eq!(house.post(&post).status(), 200);
    assert_eq!(house.rows().await, rows);
    assert_eq!(house.says(ADA, "and now?").status(), 200);
    let all = house.said(3).await;
    assert!(all[2].text.contains("and now?"), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_while_nobody_was_there_is_read_from_the_past_once() {
    let house = House::new().await;
    house.running.killed();
    house.slack.say(&house.im, ADA, "while you were away");
    let running = Running::start(house.folder.path(), &house.config);
    let house = House { running, ..house };
    let answer = house.said(2).await.remove(1);
    assert!(answer.text.contains("while you were away"), "{answer:?}");
    let rows = house.rows().await;
    // It is read again after the next start, and known.
    let house = house.killed();
    house
        .running
        .until_health("slack", |it| it["state"] == "connected");
    assert_eq!(house.says(ADA, "and now?").status(), 200);
    let all = house.said(3).await;
    assert!(all[2].text.contains("and now?"), "{all:?}");
    assert_eq!(house.rows().await, rows + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_stored_is_refused_and_taken_when_it_comes_again() {
    let house = House::new().await;
    let post = house.is_said(ADA, "are you there?");
    let mut database = house.database().await;
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'no'); END";
    let refusing = sqlx::raw_sql(refuse).execute(&mut database).await;
    refusing.expect("a trigger");
    let answer = house.post(&post);
    assert_eq!(answer.status(), 503, "{}", answer.body());
    assert_eq!(answer.json()["code"], "try_later");
    assert!(answer.header("retry-after").is_some());
    let taking = sqlx::raw_sql("DROP TRIGGER refuse").execute(&mut database);
    taking.await.expect("no trigger");
    assert_eq!(house.post(&post).status(), 200);
    let reply = house.said(2).await.remove(1);
    assert!(reply.text.contains("are you there?"), "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_confirmed_and_what_is_not_proven_stores_nothing() {
    let house = House::new().await;
    let asked = challenge("3eZbrw1aB").to_string();
    let confirmed = house.post(&sign(SECRET, now(), &asked));
    assert_eq!((confirmed.status(), confirmed.body()), (200, "3eZbrw1aB"));
    let kind = confirmed.header("content-type").expect("a kind");
    assert!(kind.starts_with("text/plain"), "{kind}");
    let rows = house.rows().await;
    let good = house.is_said(ADA, "never to be heard");
    let with = |change: &dyn Fn(&mut Post)| {
        let mut post = good.clone();
        change(&mut post);
        post
    };
    let body = &good.body;
    for (post, status, code) in [
        (with(&|it| it.signature.clear()), 401, "unsigned"),
        (with(&|it| it.body.push(' ')), 401, "unsigned"),
        (sign("another apps secret", now(), body), 401, "unsigned"),
        (sign("another apps secret", now(), &asked), 401, "unsigned"),
        (sign(SECRET, now() - 400, body), 401, "stale"),
        (sign(SECRET, now(), "no JSON"), 400, "unreadable"),
        (sign(SECRET, now(), "payload=7"), 400, "unreadable"),
        (
            sign(SECRET, now(), &" ".repeat((1 << 20) + 1)),
            413,
            "body_too_large",
        ),
    ] {
        let answer = house.post(&post);
        let said = answer.body();
        assert_eq!(
            (answer.status(), &answer.json()["code"]),
            (status, &code.into()),
            "{said}"
        );
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("application/problem+json"));
        assert!(!answer.json()["hint"].is_null(), "{said}");
        assert!(
            !said.contains(SECRET) && !said.contains("never to be heard"),
            "{said}"
        );
    }
    let signature = format!("X-Slack-Signature: {}\r\n", good.signature);
    let two = Answer::new(house.running.exchange(&house.request(&good, &signature)));
    assert_eq!(
        (two.status(), two.json()["code"].as_str()),
        (401, Some("unsigned"))
    );
    assert_eq!(house.rows().await, rows, "nothing was stored");
    assert_eq!(house.slack.said().len(), 1, "nobody was answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_where_nobody_is_posted_to_does_not_learn_why() {
    let house = House::new().await;
    let feed = house.running.add_feed("alpha");
    let good = house.is_said(ADA, "hello");
    let at = |hook: &str| {
        let request = String::from_utf8(house.request(&good, "")).expect("a text");
        let request = request.replacen(&house.hook, hook, 1);
        let answer = Answer::new(house.running.exchange(request.as_bytes()));
        (
            answer.status(),
            answer.json()["code"].clone(),
            answer.body().to_owned(),
        )
    };
    let nobody = at("/hooks/con_nobody");
    assert_eq!((nobody.0, &nobody.1), (404, &"not_found".into()));
    assert_eq!(at(&format!("/hooks/{}", feed.id)), nobody, "one without");
    assert_eq!(at("/hooks/%00"), nobody);
    let get = house.running.ask("GET", &house.hook, "x");
    assert_eq!(
        (get.status(), get.json()["code"].as_str()),
        (405, Some("method_not_allowed"))
    );
    let elsewhere = String::from_utf8(house.request(&good, "")).expect("a text");
    let own = format!("Host: {}", house.running.address());
    let elsewhere = elsewhere.replacen(&own, "Host: evil.test", 1);
    let answer = Answer::new(house.running.exchange(elsewhere.as_bytes()));
    assert_eq!(answer.json()["code"], "host_not_allowed");
    let (_, said) = beside(
        &house.running,
        house.folder.path(),
        &["channels", "remove", "slack", "--yes"],
        None,
    );
    assert!(said["removed"].is_string(), "{said}");
    assert_eq!(at(&house.hook), nobody, "one that was removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_counts_at_once_and_a_strangers_is_not_acknowledged() {
    let house = House::new().await;
    let ts = house.said(1).await.remove(0).ts;
    let newest = || {
        let post = house.slack.post_of_newest_action(SECRET, now());
        post.expect("it was told")
    };
    house.slack.command(&house.im, ADA, "/status", "");
    assert_eq!(house.post(&newest()).status(), 200);
    let status = house.said(2).await.remove(1);
    assert!(status.text.contains("Answered by"), "{status:?}");
    let rows = house.rows().await;
    house.slack.press(&house.im, ADA, &ts, "yes");
    let press = newest();
    let began = Instant::now();
    let answer = house.post(&press);
    assert_eq!((answer.status(), answer.body()), (200, ""));
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(house.post(&press).status(), 200, "told again");
    assert_eq!(house.rows().await, rows + 1, "one press");
    house.slack.person(EVE, "eve");
    house.slack.press(&house.im, EVE, &ts, "yes");
    let stranger = house.post(&newest());
    assert_eq!(
        (stranger.status(), stranger.json()["code"].as_str()),
        (403, Some("refused"))
    );
    assert_eq!(
        house.says(EVE, "may I?").status(),
        200,
        "it is not to come again"
    );
    assert_eq!(
        house.rows().await,
        rows + 1,
        "strangers' words are not kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_over_a_socket_and_by_post_is_stored_once() {
    let options = Options::default();
    let (bot, app) = (options.token.clone(), options.app_token.clone());
    let secrets = [
        ("bot_token", &*bot),
        ("app_token", &*app),
        ("signing_secret", SECRET),
    ];
    let house = House::with(options, &secrets).await;
    assert_eq!(house.slack.sockets(), 1);
    // Fewer than a person may say at once: what comes twice counts twice there.
    let words: Vec<String> = (0..4).map(|n| format!("number {n}.")).collect();
    for text in &words {
        // It goes over the socket when it is said.
        assert_eq!(house.says(ADA, text).status(), 200);
    }
    let began = Instant::now();
    let all_said = || {
        house
            .slack
            .said()
            .into_iter()
            .map(|it| it.text)
            .collect::<String>()
    };
    while house.slack.unacknowledged() > 0 || !words.iter().all(|it| all_said().contains(it)) {
        assert!(began.elapsed() < SOON, "not all is known: {}", all_said());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for text in &words {
        assert_eq!(all_said().matches(text).count(), 1, "{}", all_said());
    }
    // The first one opened the conversation, and the house greeted; what is answered is one row an answer.
    let (said, answers) = (words.len() + 1, house.slack.said().len());
    assert_eq!(
        house.rows().await,
        i64::try_from(said + answers).expect("few")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_said_with_the_way_out() {
    let house = House::new().await;
    let found = house.running.findings("no_public_url");
    let [(cause, fix)] = found.as_slice() else {
        panic!("one: {found:?}");
    };
    assert!(
        cause.contains(&house.hook) && fix.contains("public_url"),
        "{found:?}"
    );
    let (folder, bot) = (house.folder.path(), Options::default().token);
    let (status, said) = add(&house.running, folder, &[("bot_token", &bot)]);
    assert_eq!(status, Some(2), "{said}");
    let said = said.to_string();
    assert!(
        said.contains("app_token") && said.contains("signing_secret"),
        "{said}"
    );
    let wrong = [("bot_token", &*bot), ("signing_secret", &*bot)];
    let (status, said) = add(&house.running, folder, &wrong);
    assert_eq!(
        (status, &said["error"]["code"]),
        (Some(2), &"invalid_settings".into()),
        "{said}"
    );
    assert!(!said.to_string().contains(&bot), "{said}");

    let url = "https://chat.example.org";
    let public = tempfile::tempdir().expect("a folder");
    let config = format!("public_url = \"{url}\"\n{}", house.config);
    let running = Running::start(public.path(), &config);
    let secrets = [("bot_token", &*bot), ("signing_secret", SECRET)];
    let (_, added) = add(&running, public.path(), &secrets);
    let hook = added["hook_url"].as_str().expect("an address");
    assert!(
        hook.starts_with("https://chat.example.org/hooks/con"),
        "{added}"
    );
    assert!(
        added["notes"].to_string().contains("Request URL"),
        "{added}"
    );
    running.until_health("slack", |it| it["state"] == "connected");
    assert_eq!(running.findings("no_public_url"), []);
    let request = house.request(&sign(SECRET, now(), &challenge("x").to_string()), "");
    let request = String::from_utf8(request).expect("a text");
    let path = hook.strip_prefix(url).expect("it was so");
    let request = request.replacen(&house.hook, path, 1);
    let own = format!("Host: {}", house.running.address());
    let request = request.replacen(&own, "Host: chat.example.org", 1);
    let answer = Answer::new(running.exchange(request.as_bytes()));
    assert_eq!(
        (answer.status(), answer.body()),
        (200, "x"),
        "by its public name"
    );
}
