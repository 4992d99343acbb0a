//! The adapter, judged by the suite against a Discord that knows nothing of it.

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
use chatbox_discord::{Config, Discord, DiscordAdapter};
use chatbox_fakes::discord::{self, Kind, Message, On, Options, Say, Server, plain};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle as Runtime;
use tokio::task::block_in_place;

/// The bot's token, with a word that may turn up nowhere.
const TOKEN: &str = "MTcanary.canary.canary-canary_canary";
/// A token of the right shape that the server does not know.
const WRONG: &str = "MTwrongw.wrongw.wrongw-wrongw_wrongw";
/// Where people's numbers begin.
const FIRST: u64 = 1000;
/// Where groups' numbers begin.
const GROUPS: u64 = 500_000;
/// The guild of all groups.
const GUILD: u64 = 100;

/// What it has no claim to: the log is not Discord's, bots do not mark what they read and grow no drafts, and Discord
/// has no albums.
const NOT_OFFERED: [&str; 5] = ["catches-up", "own-chat", "mark-read", "drafts", "albums"];

/// Builds the adapter as [`Discord`] does, with a test's patience.
#[derive(Debug)]
struct Impatient {
    base: String,
}

#[async_trait]
impl AdapterFactory for Impatient {
    fn manifest(&self) -> Manifest {
        Discord.manifest()
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Discord.dialect()
    }

    async fn build(&self, context: AdapterContext, _: Settings, secrets: Secrets) -> Result<Parts> {
        let mut config = Config::new(Some(&self.base), secrets.require("token")?, Egress::Public)?;
        config.heartbeat = Duration::from_millis(400);
        config.request = Duration::from_millis(1500);
        config.identify_wait = Duration::from_millis(20);
        Ok(Arc::new(DiscordAdapter::new(config, context.blobs)?).parts())
    }
}

/// The suite's view of the server.
struct DiscordVendor {
    server: Server,
    proxy: Proxy,
}

fn secrets(token: &str) -> Secrets {
    Secrets([("token".to_owned(), Secret::new(token))].into())
}

fn number(who: Who) -> u64 {
    FIRST + u64::from(who.0)
}

fn room(channel: u64) -> Room {
    let small = |n: u64| u32::try_from(n).expect("a number given here");
    match (GROUPS..GROUPS + FIRST * FIRST).contains(&channel) {
        true => Room::Group(small(channel - GROUPS)),
        false => Room::Dm(Who(small(channel - 1_000_000_000 - FIRST))),
    }
}

fn seen(message: &Message) -> Sent {
    let mut sent = Sent::new(
        name(message),
        room(message.channel),
        plain(&message.content),
    );
    sent.files = message
        .files
        .iter()
        .map(|file| File {
            name: file.name.clone(),
            mime: file.mime.clone(),
            bytes: file.bytes.clone(),
        })
        .collect();
    let rows = message.components.iter();
    let buttons = rows.flat_map(|row| row["components"].as_array().into_iter().flatten());
    let labels = buttons.filter_map(|button| button["label"].as_str());
    sent.buttons = labels.map(str::to_owned).collect();
    sent.reply_to = message
        .reply_to
        .map(|to| format!("{}/{to}", message.channel));
    sent.deleted = message.deleted;
    sent.edits = message.edits;
    sent.preview = Some(message.flags & 4 == 0);
    sent
}

fn name(message: &Message) -> String {
    format!("{}/{}", message.channel, message.id)
}

/// The message of a name.
fn id(name: &str) -> u64 {
    let (_, message) = name.split_once('/').expect("a name");
    message.parse().expect("a message")
}

impl DiscordVendor {
    /// A fresh server behind a fresh wire.
    fn start() -> Self {
        let options = Options {
            token: TOKEN.to_owned(),
            heartbeat_ms: 200,
            ..Options::default()
        };
        let server = block_in_place(|| Runtime::current().block_on(Server::start(options)));
        let server = server.expect("a free port");
        // Groups are there before the bot looks.
        for group in 0..4 {
            server.channel(GROUPS + group, Kind::Text(GUILD));
        }
        let proxy = Proxy::to(server.addr());
        server.serve_files_at(&proxy.base_url());
        Self { server, proxy }
    }

    fn channel(&self, room: Room) -> u64 {
        match room {
            Room::Dm(who) => self
                .server
                .person(number(who), &format!("person {}", who.0)),
            Room::Group(group) => GROUPS + u64::from(group),
        }
    }

    fn shown_where(&self, here: impl Fn(u64) -> bool) -> Shown {
        let typing = self.server.typing().into_iter();
        Shown {
            typing: typing.filter(|channel| here(*channel)).count(),
            ..Shown::default()
        }
    }
}

#[async_trait]
impl Vendor for DiscordVendor {
    fn factory(&self) -> Arc<dyn AdapterFactory> {
        Arc::new(Impatient {
            base: self.proxy.base_url(),
        })
    }

    fn settings(&self) -> Settings {
        Settings::none()
    }

    fn secrets(&self) -> Secrets {
        secrets(TOKEN)
    }

    fn wrong_secrets(&self) -> Option<Secrets> {
        Some(secrets(WRONG))
    }

    fn person(&self, who: Who) -> ExternalId {
        let number = match who {
            Who::US => self.server.bot(),
            who => number(who),
        };
        ExternalId::new(number.to_string())
    }

    fn handle(&self, room: Room) -> Handle {
        Handle::new(self.channel(room).to_string())
    }

    async fn say(&self, said: Said) -> Option<String> {
        if said.album.is_some() {
            return None;
        }
        let channel = self.channel(said.room);
        let from = match said.sender {
            Who::US => self.server.bot(),
            who => number(who),
        };
        if said.files_gone {
            let gone = discord::Fault::Refuse {
                status: 404,
                code: 0,
                message: String::new(),
            };
            self.server.fault(On::Files, gone);
        }
        let meant = said.addressed && matches!(said.room, Room::Group(_));
        let files = said
            .files
            .into_iter()
            .map(|file| (file.name, file.mime, file.bytes));
        let say = Say {
            channel,
            from,
            text: said.text,
            mentions: meant.then(|| self.server.bot()).into_iter().collect(),
            reply_to: said.reply_to.as_deref().map(id),
            files: files.collect(),
            webhook: false,
        };
        let message = self.server.say_with(say);
        Some(format!("{channel}/{message}"))
    }

    async fn sent(&self) -> Vec<Sent> {
        // What is said on another device is ours, and not the adapter's.
        let all = self
            .server
            .said()
            .into_iter()
            .filter(|it| it.allowed_mentions.is_some());
        all.map(|message| seen(&message)).collect()
    }

    async fn confirmed(&self) -> Option<Vec<String>> {
        let safe = self.server.acknowledged();
        let all = self
            .server
            .messages()
            .into_iter()
            .filter(|it| safe.contains(&it.id));
        Some(all.map(|message| name(&message)).collect())
    }

    async fn redeliver(&self, message: &str) -> Did {
        self.server.repeat(id(message));
        Did::Done
    }

    async fn say_garbage(&self, room: Room) -> Did {
        let channel = self.channel(room).to_string();
        for (kind, data) in [
            ("EARTHQUAKE", json!({"strength": [7, "?"]})),
            (
                "MESSAGE_CREATE",
                json!({"channel_id": channel, "content": 7}),
            ),
            (
                "MESSAGE_CREATE",
                json!({"channel_id": channel, "id": "77", "content": "from nobody"}),
            ),
            ("MESSAGE_CREATE", json!(null)),
            ("MESSAGE_UPDATE", json!({})),
        ] {
            self.server.dispatch(kind, &data);
        }
        self.server.raw("this is not JSON");
        self.server.raw("{\"op\": 99}");
        Did::Done
    }

    async fn change(&self, message: &str, text: &str) -> Did {
        self.server.edit(id(message), text);
        Did::Done
    }

    async fn take_back(&self, message: &str) -> Did {
        self.server.delete(id(message));
        Did::Done
    }

    async fn react(&self, who: Who, message: &str, emoji: &str) -> Did {
        self.server.react(id(message), number(who), emoji, true);
        Did::Done
    }

    async fn reactions(&self, message: &str) -> Vec<String> {
        let all = self.server.messages().into_iter();
        let mut of = all.filter(|it| name(it) == message);
        let bot = self.server.bot();
        of.next().map_or_else(Vec::new, |message| {
            let ours = message
                .reactions
                .into_iter()
                .filter(|(_, people)| people.contains(&bot));
            ours.map(|(emoji, _)| emoji).collect()
        })
    }

    async fn press(&self, room: Room, who: Who, button: &str) -> Did {
        let channel = self.channel(room);
        let ours = self
            .server
            .said()
            .into_iter()
            .rev()
            .find(|it| it.channel == channel);
        let message = ours.map_or(1, |message| message.id);
        self.server.press(channel, number(who), message, button);
        Did::Done
    }

    async fn presses(&self) -> Vec<Pressed> {
        let text = |answer: &serde_json::Value| {
            answer["data"]["content"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let all = self.server.pressed().into_iter();
        all.map(|it| Pressed {
            button: it.button,
            answers: it.answers.iter().map(text).collect(),
        })
        .collect()
    }

    async fn shown(&self) -> Shown {
        self.shown_where(|_| true)
    }

    async fn shown_in(&self, room: Room) -> Option<Shown> {
        let here = self.channel(room);
        Some(self.shown_where(|shown| shown == here))
    }

    async fn fail_next(&self, fault: Fault) -> Did {
        let fault = match fault {
            Fault::RateLimited(wait) => {
                let ms = u64::try_from(wait.as_millis()).expect("a short wait");
                discord::Fault::RateLimited { ms, global: true }
            }
            Fault::CutAfterAccept => discord::Fault::CutAfter,
            Fault::Unreachable => discord::Fault::CutBefore,
            Fault::ServerError => discord::Fault::ServerError(502),
            Fault::Refused => discord::Fault::Refuse {
                status: 403,
                code: 50_007,
                message: "Cannot send messages to this user".to_owned(),
            },
            _ => return Did::NotSimulated,
        };
        self.server.fault(On::Messages, fault);
        Did::Done
    }

    async fn fail_shows(&self) -> Did {
        self.server
            .faults(On::Typing, discord::Fault::ServerError(500), u32::MAX);
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
    let report = conformance::run(|| Box::new(DiscordVendor::start())).await;
    // All that it offers bots is claimed, and nothing is left unproven.
    report.require_all_but(Level::Gold, &NOT_OFFERED);
}
