//! The adapter, judged by the suite against a Bot API server that knows nothing of it.

mod common;

use async_trait::async_trait;
use chatbox_connector_api::conformance::{
    self, Did, Fault, File, Level, Pressed, Proxy, Room, Said, Sent, Shown, Vendor, Who, Wire,
};
use chatbox_connector_api::id::{ExternalId, Handle};
use chatbox_connector_api::markup::Dialect;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{
    AdapterContext, AdapterFactory, Manifest, Parts, Result, Secrets, Settings,
};
use chatbox_fakes::telegram::{self, BotMessage, FileKind, Planned, Server, Share};
use chatbox_telegram::{Telegram, TelegramAdapter};
use common::{SOON, TOKEN};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle as Runtime;
use tokio::task::block_in_place;

/// A token of the right shape that the server does not know.
const WRONG: &str = "7000003:AAwrongAAwrongAAwrongAAwrongAAwrongAAw";
/// Where people's numbers begin. Groups have the same below zero.
const FIRST: i64 = 1000;
/// Long enough for one refused attempt, shorter than the poll in flight.
const UNREACHABLE: Duration = Duration::from_millis(250);

/// What it has no claim to: the log is not Telegram's, a send in doubt cannot be looked up, bots neither mark what they
/// read nor are told of deletions, and where there are drafts nothing need grow otherwise.
const NOT_OFFERED: [&str; 6] = [
    "catches-up",
    "own-chat",
    "found-again",
    "mark-read",
    "delete-in",
    "grows",
];

/// Builds the adapter as [`Telegram`] does, with a test's patience.
#[derive(Debug)]
struct Impatient {
    base: String,
}

#[async_trait]
impl AdapterFactory for Impatient {
    fn manifest(&self) -> Manifest {
        Telegram.manifest()
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Telegram.dialect()
    }

    async fn build(&self, context: AdapterContext, _: Settings, secrets: Secrets) -> Result<Parts> {
        let config = common::config(&self.base, secrets.require("token")?.expose());
        Ok(Arc::new(TelegramAdapter::new(config, context.blobs)?).parts())
    }
}

/// The suite's view of the server.
struct TelegramVendor {
    server: Server,
    proxy: Proxy,
    /// What was said, by name and by the update that tells of it.
    said: Mutex<Vec<(String, i64)>>,
    /// What was pressed, by the query that tells of it.
    pressed: Mutex<Vec<(String, String)>>,
}

fn secrets(token: &str) -> Secrets {
    Secrets([("token".to_owned(), Secret::new(token))].into())
}

fn chat(room: Room) -> i64 {
    match room {
        Room::Dm(who) => number(who),
        Room::Group(group) => -FIRST - i64::from(group),
    }
}

fn number(who: Who) -> i64 {
    FIRST + i64::from(who.0)
}

fn room(chat: i64) -> Room {
    let number = |n: i64| u32::try_from(n - FIRST).expect("a number given by `chat`");
    match chat > 0 {
        true => Room::Dm(Who(number(chat))),
        false => Room::Group(number(-chat)),
    }
}

fn name(chat: i64, message: i64) -> String {
    format!("{chat}/{message}")
}

/// The chat and message of a name.
fn parts(name: &str) -> (i64, i64) {
    let (chat, message) = name.split_once('/').expect("a name");
    (
        chat.parse().expect("a chat"),
        message.parse().expect("a message"),
    )
}

impl TelegramVendor {
    /// A fresh server behind a fresh wire.
    fn start() -> Self {
        let server = block_in_place(|| Runtime::current().block_on(common::server()));
        let proxy = Proxy::to(server.addr());
        Self {
            server,
            proxy,
            said: Mutex::default(),
            pressed: Mutex::default(),
        }
    }

    fn remember(&self, chat: i64, said: telegram::Said) -> String {
        let name = name(chat, said.message_id);
        let update = said.update_id.expect("the bot is told of everything");
        let mut all = self.said.lock().expect("no panic");
        all.push((name.clone(), update));
        name
    }

    fn say_text(&self, said: &Said) -> telegram::Said {
        let chat = chat(said.room);
        let mut say = telegram::Say::new(chat, number(said.sender), &said.text);
        say.reply_to = said.reply_to.as_deref().map(|name| parts(name).1);
        if said.addressed && matches!(said.room, Room::Group(_)) && say.reply_to.is_none() {
            // In groups people address a bot by answering something it once said there.
            let earlier = json!({
                "message_id": 1, "date": 1, "chat": {"id": chat, "type": "group"}, "text": "Hello!",
                "from": {"id": self.server.bot().id(), "is_bot": true, "first_name": "Test bot"},
            });
            say.extra.insert("reply_to_message".to_owned(), earlier);
        }
        self.server.say_with(say)
    }

    fn share(&self, said: Said) -> telegram::Said {
        if said.files_gone {
            let description = "Bad Request: wrong file_id or the file is temporarily unavailable";
            let gone = telegram::Fault::Refuse {
                code: 400,
                description: description.to_owned(),
            };
            self.server.fault("getFile", gone);
        }
        let mut caption = Some(said.text);
        let shares = said.files.into_iter().map(|file| {
            let share = Share::new(FileKind::Document, &file.name, &file.mime, file.bytes);
            let share = match caption.take() {
                Some(caption) => share.with_caption(&caption),
                None => share,
            };
            match &said.album {
                Some(album) => share.in_group(album),
                None => share,
            }
        });
        let (chat, from) = (chat(said.room), number(said.sender));
        let shared = self.server.album(chat, from, shares.collect());
        shared.expect("files the platform takes")[0]
    }

    fn seen(&self, message: &BotMessage) -> Sent {
        let id = name(message.chat_id, message.message_id);
        let mut sent = Sent::new(id, room(message.chat_id), &message.text);
        sent.files = self.file(message).into_iter().collect();
        let keyboard = message.reply_markup.as_ref();
        let rows = keyboard.and_then(|it| it["inline_keyboard"].as_array());
        let buttons = rows.into_iter().flatten().filter_map(|row| row.as_array());
        let labels = buttons.flatten().filter_map(|it| it["text"].as_str());
        sent.buttons = labels.map(str::to_owned).collect();
        sent.reply_to = message.reply_to.map(|to| name(message.chat_id, to));
        sent.deleted = message.deleted;
        sent.edits = u32::try_from(message.earlier.len()).expect("few edits");
        // A caption never has a preview.
        sent.preview = Some(message.media.is_none() && !message.preview_off);
        sent
    }

    fn file(&self, message: &BotMessage) -> Option<File> {
        let media = &message.wire[message.media?.field()];
        let text = |field: &str| media[field].as_str().unwrap_or_default().to_owned();
        Some(File {
            name: text("file_name"),
            mime: text("mime_type"),
            bytes: self.server.file(message.file_id.as_deref()?)?,
        })
    }

    fn shown_where(&self, here: impl Fn(i64) -> bool) -> Shown {
        let drafts = self.server.drafts().into_iter();
        let actions = self.server.actions().into_iter();
        Shown {
            typing: actions.filter(|(chat, _)| here(*chat)).count(),
            drafts: drafts
                .filter(|it| here(it.chat_id))
                .map(|it| it.text)
                .collect(),
        }
    }

    /// Nobody can be reached by the next send, while the poll in flight goes on: the bot has to find out by itself.
    async fn hide(&self) {
        let polls = |server: &telegram::Account| (server.counters().polls_open > 0).then_some(());
        self.server.until(SOON, polls).await.expect("it polls");
        self.proxy.unreachable_for(UNREACHABLE).await;
    }
}

#[async_trait]
impl Vendor for TelegramVendor {
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
            Who::US => self.server.bot().id(),
            who => number(who),
        };
        ExternalId::new(number.to_string())
    }

    fn handle(&self, room: Room) -> Handle {
        Handle::new(chat(room).to_string())
    }

    async fn say(&self, said: Said) -> Option<String> {
        // A bot is never shown what it said itself.
        if said.sender == Who::US {
            return None;
        }
        let chat = chat(said.room);
        let told = match said.files.is_empty() {
            true => self.say_text(&said),
            false => self.share(said),
        };
        Some(self.remember(chat, told))
    }

    async fn sent(&self) -> Vec<Sent> {
        let all = self.server.messages();
        all.iter().map(|message| self.seen(message)).collect()
    }

    async fn confirmed(&self) -> Option<Vec<String>> {
        let pending = self.server.pending_updates();
        let pending: Vec<_> = pending
            .iter()
            .filter_map(|it| it["update_id"].as_i64())
            .collect();
        let said = self.said.lock().expect("no panic");
        let safe = said.iter().filter(|(_, update)| !pending.contains(update));
        Some(safe.map(|(name, _)| name.clone()).collect())
    }

    async fn redeliver(&self, message: &str) -> Did {
        let (chat, message) = parts(message);
        self.server.repeat(chat, message).expect("it was said");
        Did::Done
    }

    async fn say_garbage(&self, room: Room) -> Did {
        let chat = json!({"id": chat(room), "type": "private"});
        for update in [
            json!({"earthquake": {"strength": [7, "?"]}}),
            json!({"message": {"date": "yesterday", "chat": chat, "text": 7}}),
            json!({"message": {"message_id": 77, "date": 1, "chat": chat, "text": "from nobody"}}),
            json!({}),
        ] {
            self.server.raw_update(update);
        }
        Did::Done
    }

    async fn change(&self, message: &str, text: &str) -> Did {
        let (chat, message) = parts(message);
        self.server.edit(chat, message, text).expect("it was said");
        Did::Done
    }

    /// Bots are not told of deletions.
    async fn take_back(&self, _message: &str) -> Did {
        Did::NotOffered
    }

    async fn react(&self, who: Who, message: &str, emoji: &str) -> Did {
        let (chat, message) = parts(message);
        let told = self.server.react(chat, message, number(who), &[emoji]);
        told.update_id.expect("the bot asked for reactions");
        Did::Done
    }

    async fn reactions(&self, message: &str) -> Vec<String> {
        let set = self.server.reactions().into_iter().rev();
        let mut of = set.filter(|it| name(it.chat_id, it.message_id) == message);
        of.next().map_or_else(Vec::new, |reaction| reaction.emoji)
    }

    async fn press(&self, room: Room, who: Who, button: &str) -> Did {
        let chat = chat(room);
        let ours = self.server.messages_in(chat);
        // What was said long ago is shown by its place alone.
        let message = ours.last().map_or(1, |message| message.message_id);
        let (_, query) = self.server.press(chat, message, number(who), button);
        let mut pressed = self.pressed.lock().expect("no panic");
        pressed.push((query, button.to_owned()));
        Did::Done
    }

    async fn presses(&self) -> Vec<Pressed> {
        let answers = self.server.callback_answers();
        let of = |query: &str| {
            let all = answers.iter().filter(|(of, _)| of == query);
            all.map(|(_, text)| text.clone()).collect()
        };
        let pressed = self.pressed.lock().expect("no panic");
        let pressed = pressed.iter().map(|(query, button)| Pressed {
            button: button.clone(),
            answers: of(query),
        });
        pressed.collect()
    }

    async fn shown(&self) -> Shown {
        self.shown_where(|_| true)
    }

    async fn shown_in(&self, room: Room) -> Option<Shown> {
        Some(self.shown_where(|shown| shown == chat(room)))
    }

    async fn fail_next(&self, fault: Fault) -> Did {
        let fault = match fault {
            Fault::RateLimited(wait) => telegram::Fault::Flood {
                retry_after: wait.as_secs().max(1),
            },
            Fault::CutAfterAccept => telegram::Fault::CutAfter,
            Fault::Unreachable => {
                self.hide().await;
                return Did::Done;
            }
            Fault::ServerError => telegram::Fault::ServerError {
                status: 502,
                html: true,
            },
            Fault::Refused => telegram::Fault::Blocked,
            _ => return Did::NotSimulated,
        };
        self.server.fault("messages", fault);
        Did::Done
    }

    async fn fail_shows(&self) -> Did {
        for method in ["sendChatAction", "sendMessageDraft"] {
            let fault = telegram::Fault::ServerError {
                status: 500,
                html: false,
            };
            self.server
                .plan(Planned::new(method, fault).times(u32::MAX));
        }
        Did::Done
    }

    async fn wire(&self, wire: Wire) -> Did {
        self.proxy.set(wire);
        Did::Done
    }

    async fn revoke(&self, revoked: bool) -> Did {
        match revoked {
            true => {
                let fault = telegram::Fault::Unauthorized;
                self.server.plan(Planned::new("*", fault).times(u32::MAX));
            }
            false => self.server.clear_faults(),
        }
        Did::Done
    }

    async fn connections(&self) -> Option<usize> {
        usize::try_from(self.server.counters().polls_open).ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let report = conformance::run(|| Box::new(TelegramVendor::start())).await;
    // All that it offers bots is claimed, and nothing is left unproven.
    report.require_all_but(Level::Gold, &NOT_OFFERED);
}
