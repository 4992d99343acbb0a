//! Every adapter at once in one program; and what one that fails costs another.
#![cfg(all(
    feature = "discord",
    feature = "signal",
    feature = "slack",
    feature = "telegram",
    feature = "webchat"
))]

mod program;

use async_trait::async_trait;
use chatbox_core::backend::Answer;
use chatbox_core::connector::{
    AdapterContext, AdapterError, AdapterFactory, Capabilities, ChannelAdapter, Cursor,
    DeliveryClass, Egress, ErrorKind, Identity, Inbound, Incoming, Manifest, Outbound, Parts,
    Receipt, Secrets, Settings, TextLimit,
};
use chatbox_core::id::Platform;
use chatbox_core::markup::{Dialect, PlainDialect, Unit};
use chatbox_core::secret::Secret;
use chatbox_core::store::MemoryStore;
use chatbox_core::{Chatbox, Connect, Options, Tuning};
use chatbox_fakes::telegram::Bot;
use chatbox_fakes::{discord, signal, slack, telegram};
use futures_util::{StreamExt, stream};
use program::{Running, beside};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

const SOON: Duration = Duration::from_secs(20);
const DISCORD: &str = "MTAwMDAwMDAwMDAw.TEST.token-TEST-token-TEST-token";
const TELEGRAM: &str = "7000001:TEST-token-TEST-token";
const SIGNAL: &str = "+4915100000000";
const ADA: u64 = 42;

/// The platforms, none of which knows of another.
struct World {
    discord: discord::Server,
    signal: signal::Server,
    slack: slack::Server,
    telegram: telegram::Server,
}

impl World {
    async fn start() -> Self {
        let discord = discord::Options {
            token: DISCORD.to_owned(),
            heartbeat_ms: 1000,
            ..discord::Options::default()
        };
        let telegram = telegram::Options {
            bots: vec![Bot::new(TELEGRAM, "test_bot")],
            ..telegram::Options::default()
        };
        Self {
            discord: discord::Server::start(discord).await.expect("a port"),
            signal: signal::Server::start(SIGNAL).await.expect("a port"),
            slack: slack::Server::start(slack::Options::default())
                .await
                .expect("a port"),
            telegram: telegram::Server::start(telegram).await.expect("a port"),
        }
    }

    fn config(&self) -> String {
        format!(
            "[backend]\nkind = \"echo\"\n[channels.discord]\napi_base = \"{}\"\n\
             [channels.signal]\napi_base = \"tcp://{}\"\n[channels.slack]\napi_base = \"{}\"\n\
             [channels.telegram]\napi_base = \"{}\"\n",
            self.discord.base_url(),
            self.signal.addr(),
            self.slack.base_url(),
            self.telegram.base_url()
        )
    }

    /// Ada says the same everywhere.
    fn say(&self, texts: [&str; 4]) {
        let ada = i64::try_from(ADA).expect("a small number");
        let dm = self.discord.person(ADA, "ada");
        self.discord.say(dm, ADA, texts[0]);
        self.signal.say(person(1, texts[1]));
        let im = self.slack.person("U0ADA", "ada");
        self.slack.say(&im, "U0ADA", texts[2]);
        self.telegram.say(ada, ada, texts[3]);
    }

    /// What the house said to Ada everywhere, once it has said so much.
    async fn heard(&self, count: usize) -> [String; 4] {
        let ada = i64::try_from(ADA).expect("a small number");
        let dm = self.discord.person(ADA, "ada");
        let discord = self
            .discord
            .until_said(dm, count, SOON)
            .await
            .expect("on discord");
        let telegram = self
            .telegram
            .until_messages(ada, count, SOON)
            .await
            .expect("on telegram");
        let signal = sent(&self.signal, count).await;
        let slack = told(&self.slack, count).await;
        let each = [discord.len(), signal.len(), slack.len(), telegram.len()];
        assert_eq!(each, [count; 4]);
        let last = count - 1;
        [
            discord[last].content.clone(),
            signal[last].text.clone(),
            slack[last].text.clone(),
            telegram[last].text.clone(),
        ]
    }
}

fn person(from: u32, text: &str) -> signal::Say {
    signal::Say {
        from,
        text: text.to_owned(),
        ..signal::Say::default()
    }
}

/// Waits until so many messages were sent.
async fn sent(daemon: &signal::Server, count: usize) -> Vec<signal::Sent> {
    let began = Instant::now();
    loop {
        let all = daemon.messages();
        if all.len() >= count {
            return all;
        }
        assert!(began.elapsed() < SOON, "{count} did not come: {all:?}");
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
}

/// Waits until so much was said on Slack.
async fn told(slack: &slack::Server, count: usize) -> Vec<slack::Message> {
    let began = Instant::now();
    loop {
        let all = slack.said();
        if all.len() >= count {
            return all;
        }
        assert!(began.elapsed() < SOON, "{count} did not come: {all:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Slack's two tokens.
fn tokens() -> [(&'static str, String); 2] {
    let known = slack::Options::default();
    [("bot_token", known.token), ("app_token", known.app_token)]
}

/// `channels add slack`, each token in a file of its own.
fn add_slack(running: &Running, folder: &Path) -> (Option<i32>, Value) {
    let files = tokens().map(|(name, token)| {
        let path = folder.join(name);
        std::fs::write(&path, token).expect("a file");
        format!("{name}={}", path.display())
    });
    let mut words = vec!["channels", "add", "slack"];
    for file in &files {
        words.extend(["--secret-file", file]);
    }
    beside(running, folder, &words, None)
}

/// `channels add`, as a person does it.
fn add(
    running: &Running,
    folder: &Path,
    platform: &str,
    secret: Option<&str>,
) -> (Option<i32>, Value) {
    let all = ["channels", "add", platform, "--token-file", "-"];
    let words = if secret.is_some() {
        &all[..]
    } else {
        &all[..3]
    };
    beside(running, folder, words, secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_adapter_starts_in_one_program_and_none_is_in_anothers_way() {
    let (world, folder) = (World::start().await, tempfile::tempdir().expect("a folder"));
    let log = folder.path().join("log");
    let file = std::fs::File::create(&log).expect("a file");
    let config = world.config();
    let running = Running::start_with(
        folder.path(),
        &config,
        std::process::Stdio::null(),
        file.into(),
    );
    let mut codes = Vec::new();
    for (platform, secret) in [
        ("discord", Some(DISCORD)),
        ("signal", None),
        ("slack", None),
        ("telegram", Some(TELEGRAM)),
    ] {
        let (status, said) = match platform {
            "slack" => add_slack(&running, folder.path()),
            _ => add(&running, folder.path(), platform, secret),
        };
        assert_eq!(status, Some(0), "{said}");
        codes.push(said["pairing_code"].as_str().expect("a code").to_owned());
    }
    for platform in ["discord", "signal", "slack", "telegram", "webchat"] {
        running.until_health(platform, |it| it["state"] == "connected");
    }
    world.say([&codes[0], &codes[1], &codes[2], &codes[3]]);
    world.heard(1).await;
    world.say(["to discord", "to signal", "to slack", "to telegram"]);
    let heard = world.heard(2).await;
    let whole = |(text, name): (&String, &str)| text.contains(&format!("to {name}"));
    let names = ["discord", "signal", "slack", "telegram"];
    assert!(heard.iter().zip(names).all(whole), "{heard:?}");

    // Each speaks TLS with the one provider there is, here to somebody who does not speak it at all.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("https://{}", nobody.local_addr().expect("an address"));
    std::thread::spawn(move || nobody.incoming().flatten().for_each(drop));
    for (platform, secret) in [
        ("discord", Some(DISCORD)),
        ("signal", None),
        ("slack", None),
        ("telegram", Some(TELEGRAM)),
    ] {
        let secrets: Value = match (platform, secret) {
            ("slack", _) => tokens()
                .into_iter()
                .map(|(name, it)| (name.to_owned(), Value::from(it)))
                .collect(),
            (_, Some(token)) => json!({"token": token}),
            _ => json!({}),
        };
        let settings = json!({"api_base": base});
        let asked = json!({"platform": platform, "secrets": secrets, "settings": settings});
        let token = running.operator();
        let answer = running.send("POST", "/v1/connections", &token, &[], &asked);
        let code = answer.json()["code"].clone();
        assert_eq!(
            code,
            "platform_unavailable",
            "{platform}: {}",
            answer.body()
        );
    }
    let found = running.findings("credential_refused");
    assert!(found.is_empty(), "{found:?}");
    let said = std::fs::read_to_string(&log).expect("a log");
    assert!(!said.contains("panicked"), "{said}");
}

/// Whoever hears nothing any more is noticed by what its own connection shows: every request but Telegram's own is answered as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_deaf_socket_is_degraded_within_two_heartbeats() {
    /// What the adapters say of themselves: how often a healthy connection shows life.
    const BEATS: [(&str, Duration, &str); 4] = [
        ("discord", Duration::from_secs(1), "heartbeat"),
        ("slack", Duration::from_secs(15), "nothing is heard"),
        (
            "signal",
            Duration::from_millis(22_500),
            "nothing was heard for 45s",
        ),
        ("telegram", Duration::from_secs(30), "answer was lost"),
    ];
    const LEEWAY: Duration = Duration::from_secs(3);
    let (world, folder) = (World::start().await, tempfile::tempdir().expect("a folder"));
    let running = Running::start(folder.path(), &world.config());
    for (platform, secret) in [
        ("discord", Some(DISCORD)),
        ("signal", None),
        ("slack", None),
        ("telegram", Some(TELEGRAM)),
    ] {
        let (status, said) = match platform {
            "slack" => add_slack(&running, folder.path()),
            _ => add(&running, folder.path(), platform, secret),
        };
        assert_eq!(status, Some(0), "{said}");
    }
    for (platform, ..) in BEATS {
        running.until_health(platform, |it| it["state"] == "connected");
    }
    let deaf = |it: &Value| it["state"] != "connected";
    let (platform, beat, word) = BEATS[0];
    world.discord.go_silent(true);
    let health = running.until_health_within(beat * 2 + LEEWAY, platform, deaf);
    assert_eq!(health["state"], "degraded", "{health}");
    assert!(health["reason"].to_string().contains(word), "{health}");
    // To open it anew does not help, though requests are answered; and the doctor finds it whenever somebody asks.
    let down = |it: &Value| it["state"] == "down";
    running.until_health_within(SOON, platform, down);
    let probe = ["channels", "status", "--probe"];
    let (_, said) = beside(&running, folder.path(), &probe, None);
    let rows = said["items"].as_array().into_iter().flatten();
    let discord = rows.into_iter().find(|it| it["platform"] == "discord");
    assert_eq!(discord.expect("its row")["probe"], "works", "{said}");
    for _ in 0..20 {
        let found = running.findings("connection_down");
        assert!(found.iter().any(|it| it.0.contains(word)), "{found:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.discord.go_silent(false);
    running.until_health(platform, |it| it["state"] == "connected");

    silence(&world, true);
    let running = &running;
    std::thread::scope(|scope| {
        for (platform, beat, word) in &BEATS[1..] {
            scope.spawn(move || {
                let health = running.until_health_within(*beat * 2 + LEEWAY, platform, deaf);
                assert_eq!(health["state"], "degraded", "{platform}: {health}");
                assert!(health["reason"].to_string().contains(word), "{health}");
                if *platform == "signal" {
                    let found = running.findings("connection_degraded");
                    assert!(found.iter().any(|it| it.0.contains(word)), "{found:?}");
                }
            });
        }
        // The doctor need not wait for it: it asks as well.
        let found = running.findings("platform_silent");
        assert!(found[0].0.contains("signal"), "{found:?}");
    });
    silence(&world, false);
    for (platform, ..) in BEATS {
        let up = |it: &Value| it["state"] == "connected";
        running.until_health_within(SOON * 3, platform, up);
    }
    assert!(running.findings("connection_degraded").is_empty());
}

/// Connections to all but Discord stay open, and nothing is said over them.
fn silence(world: &World, silent: bool) {
    world.signal.silence(silent);
    world.slack.go_silent(silent);
    match silent {
        true => world.telegram.plan(telegram::Planned {
            count: u32::MAX,
            ..telegram::Planned::new("getUpdates", telegram::Fault::Hang)
        }),
        false => world.telegram.clear_faults(),
    }
}

/// A platform whose adapter does well until it is told to crash, and crashes then whenever it is opened.
#[derive(Clone, Debug)]
struct Crashing {
    crash: watch::Receiver<bool>,
    crashes: Arc<AtomicUsize>,
}

#[async_trait]
impl AdapterFactory for Crashing {
    fn manifest(&self) -> Manifest {
        Manifest {
            platform: self.platform(),
            title: "Alpha".to_owned(),
            secrets: Vec::new(),
            settings: Vec::new(),
            guide: Vec::new(),
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(PlainDialect::new(Unit::Scalar))
    }

    async fn build(
        &self,
        _: AdapterContext,
        _: Settings,
        _: Secrets,
    ) -> Result<Parts, AdapterError> {
        Ok(Parts::new(Arc::new(self.clone())))
    }
}

#[async_trait]
impl ChannelAdapter for Crashing {
    fn platform(&self) -> Platform {
        "alpha".into()
    }

    fn capabilities(&self) -> Capabilities {
        let text = TextLimit {
            max: 100,
            unit: Unit::Scalar,
        };
        Capabilities::new(DeliveryClass::Ambiguous, text)
    }

    async fn probe(&self) -> Result<Identity, AdapterError> {
        Err(AdapterError::new(ErrorKind::Unavailable, "nobody"))
    }

    async fn open(&self, _: Option<Cursor>) -> Result<Inbound, AdapterError> {
        let (mut crash, crashes) = (self.crash.clone(), self.crashes.clone());
        let crashed = stream::once(async move {
            // Its keeper is still there: the test holds it.
            let _ = crash.wait_for(|crash| *crash).await;
            crashes.fetch_add(1, Ordering::Relaxed);
            crashed()
        });
        Ok(stream::once(async { Ok(Incoming::Alive) })
            .chain(crashed)
            .boxed())
    }

    async fn perform(&self, _: &Outbound) -> Result<Receipt, AdapterError> {
        crashed()
    }
}

/// A panic whose words nobody is told: to find out where it was takes longer than what is measured.
fn crashed<T>() -> T {
    std::panic::resume_unwind(Box::new("planted"))
}

/// The house with three platforms: one that is measured, one that can be blocked, one that can crash.
async fn house(world: &World, crashing: Crashing) -> Chatbox {
    let tuning = Tuning {
        // Twenty times as often as it is done.
        reopen_first: Duration::from_millis(50),
        reopen_most: Duration::from_millis(50),
        ..Tuning::default()
    };
    let chatbox = Chatbox::start(Options {
        tuning,
        ..Options::new(MemoryStore::new())
    });
    let echo = Answer(|said: &str| format!("You said: {said}"));
    chatbox
        .mailbox("main", Some(Arc::new(echo)))
        .await
        .expect("a mailbox");
    let settings = |base: String| Settings::new(&json!({"api_base": base})).expect("settings");
    let signal = Connect {
        settings: settings(format!("tcp://{}", world.signal.addr())),
        ..Connect::new(chatbox_signal::Signal, "main")
    };
    let discord = Connect {
        settings: settings(world.discord.base_url()),
        secrets: Secrets([("token".to_owned(), Secret::new(DISCORD))].into()),
        egress: Egress::Private,
        ..Connect::new(chatbox_discord::Discord, "main")
    };
    for connect in [signal, discord, Connect::new(crashing, "main")] {
        chatbox.connect(connect).await.expect("it is connected");
    }
    chatbox
}

/// How long people on Signal wait for an answer: the second longest of a hundred. Each is somebody else, for whoever says
/// much is made to wait.
async fn p99(daemon: &signal::Server, people: &mut u32) -> Duration {
    let mut waited = Vec::new();
    for _ in 0..100 {
        *people += 1;
        let before = daemon.messages().len();
        let began = Instant::now();
        daemon.say(person(*people, "hello"));
        sent(daemon, before + 1).await;
        waited.push(began.elapsed());
    }
    waited.sort();
    waited[98]
}

/// The calmest of some rounds: other work on the machine makes one slower, and none faster.
async fn best(daemon: &signal::Server, people: &mut u32) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        best = best.min(p99(daemon, people).await);
    }
    best
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_blocked_and_one_that_crashes_delay_no_other() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let world = World::start().await;
    let (crash, told) = watch::channel(false);
    let crashes = Arc::new(AtomicUsize::new(0));
    let crashing = Crashing {
        crash: told,
        crashes: crashes.clone(),
    };
    let chatbox = house(&world, crashing).await;
    assert!(world.discord.until_online(SOON).await, "it logs in");
    let mut people = 0;
    best(&world.signal, &mut people).await;
    let calm = best(&world.signal, &mut people).await;

    // Answers to fifty people hang, in fifty chats; and another adapter falls over again and again.
    world
        .discord
        .faults(discord::On::Messages, discord::Fault::Hang, u32::MAX);
    for number in 1000..1050 {
        let dm = world.discord.person(number, "somebody");
        world.discord.say(dm, number, "are you there?");
    }
    crash.send(true).expect("it listens");
    let mut troubled = best(&world.signal, &mut people).await;
    let fell = crashes.load(Ordering::Relaxed);
    assert!(fell > 10, "it fell only {fell} times");
    assert!(
        world.discord.said().is_empty(),
        "nothing of what hangs was said"
    );
    // Whatever else this machine does makes a round slower, and none faster.
    let most = calm.mul_f64(1.2) + Duration::from_millis(2);
    for _ in 0..4 {
        if troubled > most {
            troubled = troubled.min(best(&world.signal, &mut people).await);
        }
    }
    println!("p99 {calm:?} in calm, {troubled:?} while one hangs and one fell {fell} times");
    assert!(troubled <= most, "{troubled:?} where {calm:?} was usual");
    chatbox.drain(Duration::from_secs(1)).await;
}
