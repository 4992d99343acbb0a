//! The adapter, judged by the suite against a Slack that knows nothing of it.

use async_trait::async_trait;
use chatbox_connector_api::conformance::{
    self, Did, Fault, File, Level, Pressed, Proxy, Room, Said, Sent, Shown, Vendor, Who, Wire,
};
use chatbox_connector_api::id::{ExternalId, Handle};
use chatbox_connector_api::markup::Dialect;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{
    AdapterContext, AdapterFactory, Egress, Manifest, Parts, Result, Secrets, Settings,
};
use chatbox_fakes::slack::{self, Kind, Message, On, Options, Say, Server, plain};
use chatbox_slack::{Config, Slack, SlackAdapter};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle as Runtime;
use tokio::task::block_in_place;

/// The tokens, with a word that may turn up nowhere.
const BOT: &str = "xoxb-1-1-canarycanarycanary";
const APP: &str = "xapp-1-A1-1-canarycanarycanary";
/// Tokens of the right shape that the server does not know.
const WRONG_BOT: &str = "xoxb-2-2-wrongwwrongwwrongw";
const WRONG_APP: &str = "xapp-1-A1-2-wrongwwrongwwrongw";

/// What it has no claim to: the log is not Slack's, bots do not mark what they read, show no typing and grow no drafts
/// outside of assistants' threads, and Slack has no albums.
const NOT_OFFERED: [&str; 7] = [
    "catches-up",
    "own-chat",
    "mark-read",
    "drafts",
    "shows-fail",
    "typing",
    "albums",
];

/// Builds the adapter as [`Slack`] does, with a test's patience.
#[derive(Debug)]
struct Impatient {
    base: String,
}

#[async_trait]
impl AdapterFactory for Impatient {
    fn manifest(&self) -> Manifest {
        Slack.manifest()
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Slack.dialect()
    }

    async fn build(&self, context: AdapterContext, _: Settings, secrets: Secrets) -> Result<Parts> {
        let (bot, app) = (secrets.require("bot_token")?, secrets.require("app_token")?);
        let mut config = Config::new(Some(&self.base), bot, app, Egress::Public)?;
        config.heartbeat = Duration::from_millis(600);
        config.request = Duration::from_millis(1500);
        config.settle = Duration::from_millis(50);
        Ok(Arc::new(SlackAdapter::new(config, context.blobs)?).parts())
    }
}

/// The suite's view of the server.
struct SlackVendor {
    server: Server,
    proxy: Proxy,
}

fn secrets(bot: &str, app: &str) -> Secrets {
    let secret = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
    Secrets([secret("bot_token", bot), secret("app_token", app)].into())
}

fn user(who: Who) -> String {
    format!("U{:04}", who.0)
}

fn room(channel: &str) -> Room {
    let number = |text: &str| text.parse().expect("a number given here");
    match channel.strip_prefix("DU") {
        Some(person) => Room::Dm(Who(number(person))),
        None => Room::Group(number(channel.trim_start_matches('C'))),
    }
}

fn name(message: &Message) -> String {
    format!("{}/{}", message.channel, message.ts)
}

fn seen(message: &Message) -> Sent {
    let text = plain(&message.text, &message.blocks);
    let mut sent = Sent::new(name(message), room(&message.channel), text);
    sent.files = message
        .files
        .iter()
        .map(|file| File {
            name: file.name.clone(),
            mime: file.mime.clone(),
            bytes: file.bytes.clone(),
        })
        .collect();
    let rows = message.blocks.iter().filter(|it| it["type"] == "actions");
    let buttons = rows.flat_map(|row| row["elements"].as_array().into_iter().flatten());
    let labels = buttons.filter_map(|button| button["text"]["text"].as_str());
    sent.buttons = labels.map(str::to_owned).collect();
    sent.reply_to = message
        .thread
        .as_ref()
        .map(|root| format!("{}/{root}", message.channel));
    sent.deleted = message.deleted;
    sent.edits = message.edits;
    sent.preview = Some(message.unfurl != (Some(false), Some(false)));
    sent
}

/// Where a message is, and which it is there.
fn parts(name: &str) -> (&str, &str) {
    name.split_once('/').expect("a name")
}

/// Slack's names of the emoji that the suite uses.
fn emoji(sign: &str) -> &'static str {
    match sign {
        "👍" => "+1",
        "🎉" => "tada",
        other => panic!("no name for {other}"),
    }
}

impl SlackVendor {
    /// A fresh server behind a fresh wire.
    fn start() -> Self {
        let options = Options {
            token: BOT.to_owned(),
            app_token: APP.to_owned(),
            ping_ms: 200,
            ..Options::default()
        };
        let server = block_in_place(|| Runtime::current().block_on(Server::start(options)));
        let server = server.expect("a free port");
        for group in 0..4 {
            let kind = Kind::Channel(format!("group-{group}"));
            server.channel(&format!("C{group:04}"), kind);
        }
        let proxy = Proxy::to(server.addr());
        server.serve_files_at(&proxy.base_url());
        Self { server, proxy }
    }

    fn channel(&self, room: Room) -> String {
        match room {
            Room::Dm(who) => self.server.person(&user(who), &format!("person {}", who.0)),
            Room::Group(group) => format!("C{group:04}"),
        }
    }
}

#[async_trait]
impl Vendor for SlackVendor {
    fn factory(&self) -> Arc<dyn AdapterFactory> {
        Arc::new(Impatient {
            base: self.proxy.base_url(),
        })
    }

    fn settings(&self) -> Settings {
        Settings::none()
    }

    fn secrets(&self) -> Secrets {
        secrets(BOT, APP)
    }

    fn wrong_secrets(&self) -> Option<Secrets> {
        Some(secrets(WRONG_BOT, WRONG_APP))
    }

    fn person(&self, who: Who) -> ExternalId {
        ExternalId::new(match who {
            Who::US => self.server.bot(),
            who => user(who),
        })
    }

    fn handle(&self, room: Room) -> Handle {
        Handle::new(self.channel(room))
    }

    async fn say(&self, said: Said) -> Option<String> {
        if said.album.is_some() {
            return None;
        }
        let channel = self.channel(said.room);
        if said.files_gone {
            let gone = slack::Fault::Refuse("file_not_found");
            self.server.fault(On::Files, gone);
        }
        // Who is not known yet is asked for by name.
        self.channel(Room::Dm(said.sender));
        let files = said
            .files
            .into_iter()
            .map(|file| (file.name, file.mime, file.bytes));
        let say = Say {
            channel: channel.clone(),
            from: self.person(said.sender).as_str().to_owned(),
            text: said.text,
            mention: said.addressed && matches!(said.room, Room::Group(_)),
            thread: said.reply_to.as_deref().map(|to| parts(to).1.to_owned()),
            files: files.collect(),
            ..Say::default()
        };
        let ts = self.server.say_with(say);
        Some(format!("{channel}/{ts}"))
    }

    async fn sent(&self) -> Vec<Sent> {
        // What is said on another device is ours, and not the adapter's.
        let all = self.server.said().into_iter();
        let ours = all.filter(|it| it.metadata.is_some() || !it.files.is_empty());
        ours.map(|message| seen(&message)).collect()
    }

    async fn confirmed(&self) -> Option<Vec<String>> {
        let safe = self.server.acknowledged().into_iter();
        Some(
            safe.map(|(channel, ts)| format!("{channel}/{ts}"))
                .collect(),
        )
    }

    async fn redeliver(&self, message: &str) -> Did {
        let (channel, ts) = parts(message);
        self.server.repeat(channel, ts);
        Did::Done
    }

    async fn say_garbage(&self, room: Room) -> Did {
        let channel = self.channel(room);
        for event in [
            json!({"type": "earthquake", "strength": [7, "?"]}),
            json!({"type": "message", "channel": channel, "text": 7}),
            json!({"type": "message", "channel": channel, "ts": "77", "text": "from nobody"}),
            json!({"type": "message"}),
            json!({"type": "reaction_added"}),
            json!(null),
        ] {
            self.server.event(&event);
        }
        self.server.envelope("earthquakes", json!({"strength": 7}));
        self.server.envelope("interactive", json!({"type": 7}));
        self.server.envelope("slash_commands", json!([]));
        self.server.raw("this is not JSON");
        self.server.raw("{\"type\": 99}");
        Did::Done
    }

    async fn change(&self, message: &str, text: &str) -> Did {
        let (channel, ts) = parts(message);
        self.server.edit(channel, ts, text);
        Did::Done
    }

    async fn take_back(&self, message: &str) -> Did {
        let (channel, ts) = parts(message);
        self.server.delete(channel, ts);
        Did::Done
    }

    async fn react(&self, who: Who, message: &str, sign: &str) -> Did {
        let (channel, ts) = parts(message);
        self.server
            .react(channel, ts, &user(who), emoji(sign), true);
        Did::Done
    }

    async fn reactions(&self, message: &str) -> Vec<String> {
        let bot = self.server.bot();
        let all = self.server.messages().into_iter();
        let mut of = all.filter(|it| name(it) == message);
        let ours = of.next().map(|it| it.reactions).unwrap_or_default();
        let ours = ours.into_iter().filter(|(_, people)| people.contains(&bot));
        ours.map(|(name, _)| match name.as_str() {
            "+1" | "thumbsup" => "👍".to_owned(),
            _ => name,
        })
        .collect()
    }

    async fn press(&self, room: Room, who: Who, button: &str) -> Did {
        let channel = self.channel(room);
        let ours = self.server.said().into_iter().rev();
        let ts = ours
            .into_iter()
            .find(|it| it.channel == channel)
            .map_or_else(|| "1700000000.000001".to_owned(), |it| it.ts);
        self.server.press(&channel, &user(who), &ts, button);
        Did::Done
    }

    async fn presses(&self) -> Vec<Pressed> {
        let text =
            |answer: &serde_json::Value| answer["text"].as_str().unwrap_or_default().to_owned();
        let all = self.server.pressed().into_iter();
        all.map(|it| Pressed {
            // A button stops to wait with the acknowledgement, which says nothing.
            answers: it
                .acked
                .then(String::new)
                .into_iter()
                .chain(it.answers.iter().map(text))
                .collect(),
            button: it.button,
        })
        .collect()
    }

    async fn shown(&self) -> Shown {
        Shown::default()
    }

    async fn fail_next(&self, fault: Fault) -> Did {
        let fault = match fault {
            Fault::RateLimited(wait) => slack::Fault::RateLimited {
                seconds: wait.as_millis().div_ceil(1000) as u64,
            },
            Fault::CutAfterAccept => slack::Fault::CutAfter,
            Fault::Unreachable => slack::Fault::Refuse("service_unavailable"),
            Fault::ServerError => slack::Fault::ServerError(502),
            Fault::Refused => slack::Fault::Refuse("restricted_action"),
            _ => return Did::NotSimulated,
        };
        self.server.fault(On::Messages, fault);
        Did::Done
    }

    async fn wire(&self, wire: Wire) -> Did {
        self.proxy.set(wire);
        Did::Done
    }

    async fn revoke(&self, revoked: bool) -> Did {
        self.server.revoke(revoked);
        Did::Done
    }

    async fn connections(&self) -> Option<usize> {
        Some(self.server.sockets())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let report = conformance::run(|| Box::new(SlackVendor::start())).await;
    // All that it offers bots is claimed, and nothing is left unproven.
    report.require_all_but(Level::Gold, &NOT_OFFERED);
}
