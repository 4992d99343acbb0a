//! What a platform took and whose answer was lost, five hundred times for each kind of platform: one that knows a repetition
//! and one that can be asked lose nothing and say nothing twice; one that can do neither says nothing twice and shows each as
//! unknown.
#![cfg(all(feature = "discord", feature = "slack", feature = "telegram"))]

use async_trait::async_trait;
use chatbox_core::connector::{
    AdapterContext, AdapterError, AdapterFactory, Egress, Manifest, Parts, Secrets, Settings,
};
use chatbox_core::event::Content;
use chatbox_core::id::ChatId;
use chatbox_core::markup::Dialect;
use chatbox_core::secret::Secret;
use chatbox_core::store::{Author, DeliveryFilter, DeliveryState, MemoryStore};
use chatbox_core::{Chatbox, Connect, Options, Say, Tuning};
use chatbox_fakes::telegram::Bot;
use chatbox_fakes::{discord, slack, telegram};
use chatbox_slack::{Config, Slack, SlackAdapter};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// People who are written to at once, and how often.
const PEOPLE: u64 = 50;
const WAVES: usize = 10;
const PATIENCE: Duration = Duration::from_secs(60);
const DISCORD: &str = "MTAwMDAwMDAwMDAw.TEST.token-TEST-token-TEST-token";
const TELEGRAM: &str = "7000001:TEST-token-TEST-token";

/// The platform's side: who is there, what goes wrong, and what people read.
trait Platform {
    /// This person says hello.
    fn greet(&self, person: u64);
    /// So many sends are taken and their answers lost.
    fn cut(&self, times: u32);
    /// What the bot said.
    fn read(&self) -> Vec<String>;
}

impl Platform for discord::Server {
    fn greet(&self, person: u64) {
        let dm = self.person(person, "somebody");
        self.say(dm, person, "hello");
    }

    fn cut(&self, times: u32) {
        self.faults(discord::On::Messages, discord::Fault::CutAfter, times);
    }

    fn read(&self) -> Vec<String> {
        self.said().into_iter().map(|it| it.content).collect()
    }
}

impl Platform for slack::Server {
    fn greet(&self, person: u64) {
        let id = format!("U{person}");
        let im = self.person(&id, "somebody");
        self.say(&im, &id, "hello");
    }

    fn cut(&self, times: u32) {
        self.faults(slack::On::Messages, slack::Fault::CutAfter, times);
    }

    fn read(&self) -> Vec<String> {
        self.said().into_iter().map(|it| it.text).collect()
    }
}

impl Platform for telegram::Server {
    fn greet(&self, person: u64) {
        let person = i64::try_from(person).expect("a small number");
        self.say(person, person, "hello");
    }

    fn cut(&self, times: u32) {
        (0..times).for_each(|_| self.fault("sendMessage", telegram::Fault::CutAfter));
    }

    fn read(&self) -> Vec<String> {
        self.messages().into_iter().map(|it| it.text).collect()
    }
}

/// Slack's adapter, which asks after a moment what became of a send.
#[derive(Debug)]
struct Asking(String);

#[async_trait]
impl AdapterFactory for Asking {
    fn manifest(&self) -> Manifest {
        Slack.manifest()
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Slack.dialect()
    }

    async fn build(
        &self,
        context: AdapterContext,
        _: Settings,
        secrets: Secrets,
    ) -> Result<Parts, AdapterError> {
        let (bot, app) = (secrets.require("bot_token")?, secrets.require("app_token")?);
        let mut config = Config::new(Some(&self.0), bot, app, Egress::Private)?;
        config.settle = Duration::from_millis(50);
        Ok(Arc::new(SlackAdapter::new(config, context.blobs)?).parts())
    }
}

fn secrets<const N: usize>(all: [(&str, &str); N]) -> Secrets {
    Secrets(
        all.map(|(name, it)| (name.to_owned(), Secret::new(it)))
            .into(),
    )
}

async fn house(connect: Connect) -> Chatbox {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tuning = Tuning {
        retry_first: Duration::from_millis(5),
        retry_most: Duration::from_millis(20),
        ..Tuning::default()
    };
    let chatbox = Chatbox::start(Options {
        tuning,
        ..Options::new(MemoryStore::new())
    });
    chatbox.mailbox("main", None).await.expect("a mailbox");
    let connect = Connect {
        egress: Egress::Private,
        ..connect
    };
    chatbox.connect(connect).await.expect("it is connected");
    chatbox
}

/// How many deliveries are in each state.
async fn states(chatbox: &Chatbox) -> BTreeMap<String, usize> {
    let filter = DeliveryFilter {
        limit: u32::MAX,
        ..DeliveryFilter::default()
    };
    let all = chatbox.store().deliveries(&filter).await.expect("a read");
    let mut states = BTreeMap::new();
    for delivery in all {
        *states.entry(format!("{:?}", delivery.state)).or_default() += 1;
    }
    states
}

/// Says five hundred things, with as many answers lost; the states they ended in.
async fn say_and_lose(chatbox: &Chatbox, platform: &impl Platform) -> BTreeMap<String, usize> {
    (1..=PEOPLE).for_each(|person| platform.greet(person));
    let began = Instant::now();
    let chats: Vec<ChatId> = loop {
        let chats = chatbox.store().chats(&"main".into(), u32::MAX).await;
        let chats: Vec<ChatId> = chats.expect("a read").iter().map(|it| it.id).collect();
        if chats.len() == usize::try_from(PEOPLE).expect("few") {
            break chats;
        }
        assert!(began.elapsed() < PATIENCE, "{} came in", chats.len());
        sleep(Duration::from_millis(10)).await;
    };
    let author = Author::Mailbox { id: "main".into() };
    for wave in 0..WAVES {
        platform.cut(u32::try_from(PEOPLE).expect("few"));
        for chat in &chats {
            let words = Say::Message(Content::text(format!("number {wave} for {chat}")));
            let said = chatbox.say(*chat, author.clone(), words).await;
            said.expect("it is kept");
        }
        let began = Instant::now();
        let open = [DeliveryState::Queued, DeliveryState::Custody];
        loop {
            let filter = DeliveryFilter {
                states: open.to_vec(),
                limit: 1,
                ..DeliveryFilter::default()
            };
            let left = chatbox.store().deliveries(&filter).await.expect("a read");
            if left.is_empty() {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{:?}", states(chatbox).await);
            sleep(Duration::from_millis(10)).await;
        }
    }
    states(chatbox).await
}

/// Everything was read, and nothing twice.
fn once(platform: &impl Platform) {
    let mut times = BTreeMap::<String, usize>::new();
    for text in platform.read() {
        *times.entry(text).or_default() += 1;
    }
    let all = usize::try_from(PEOPLE).expect("few") * WAVES;
    assert_eq!(times.len(), all, "some were lost");
    let twice: Vec<_> = times.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

fn all_are(state: &str) -> BTreeMap<String, usize> {
    [(
        state.to_owned(),
        usize::try_from(PEOPLE).expect("few") * WAVES,
    )]
    .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_knows_a_repetition_is_told_again_and_says_it_once() {
    let options = discord::Options {
        token: DISCORD.to_owned(),
        ..discord::Options::default()
    };
    let platform = discord::Server::start(options).await.expect("a port");
    let settings = Settings::new(&json!({"api_base": platform.base_url()}));
    let connect = Connect {
        settings: settings.expect("settings"),
        secrets: secrets([("token", DISCORD)]),
        ..Connect::new(chatbox_discord::Discord, "main")
    };
    let chatbox = house(connect).await;
    assert!(platform.until_online(PATIENCE).await, "it logs in");
    let states = say_and_lose(&chatbox, &platform).await;
    once(&platform);
    assert_eq!(states, all_are("Delivered"));
    let posts = platform.calls().into_iter();
    let posts = posts.filter(|it| it.method == "POST" && it.path.ends_with("/messages"));
    assert_eq!(posts.count(), 1000, "each was told twice");
    chatbox.drain(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_can_be_asked_is_asked_and_says_it_once() {
    let options = slack::Options::default();
    let (bot, app) = (options.token.clone(), options.app_token.clone());
    let platform = slack::Server::start(options).await.expect("a port");
    let connect = Connect {
        secrets: secrets([("bot_token", &bot), ("app_token", &app)]),
        ..Connect::new(Asking(platform.base_url()), "main")
    };
    let chatbox = house(connect).await;
    assert!(platform.until_connected(1, PATIENCE).await, "it connects");
    let states = say_and_lose(&chatbox, &platform).await;
    once(&platform);
    assert_eq!(states, all_are("Delivered"));
    let calls = platform.calls();
    let times = |method: &str| calls.iter().filter(|it| it.method == method).count();
    assert_eq!(times("chat.postMessage"), 500, "each was told once");
    assert!(times("conversations.history") >= 500, "and asked for");
    chatbox.drain(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_can_do_neither_is_told_once_and_each_loss_is_shown() {
    let options = telegram::Options {
        bots: vec![Bot::new(TELEGRAM, "test_bot")],
        ..telegram::Options::default()
    };
    let platform = telegram::Server::start(options).await.expect("a port");
    let settings = Settings::new(&json!({"api_base": platform.base_url()}));
    let connect = Connect {
        settings: settings.expect("settings"),
        secrets: secrets([("token", TELEGRAM)]),
        ..Connect::new(chatbox_telegram::Telegram, "main")
    };
    let chatbox = house(connect).await;
    let states = say_and_lose(&chatbox, &platform).await;
    once(&platform);
    assert_eq!(states, all_are("Unknown"));
    chatbox.drain(Duration::from_secs(1)).await;
}
