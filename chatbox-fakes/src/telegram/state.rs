//! Everything the server remembers of one bot's world.
//!
//! Owns the data and its lock. Methods, people and control change it through here; nothing here speaks HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tokio::sync::watch;

use super::faults::Faults;
use super::files::Files;
use super::record::{BotMessage, Call, Counters, Draft, Reaction};
use super::types::{Bot, Entity, FileKind, Person, Place};
use super::updates::Updates;
use super::wire::Refusal;

/// One bot with its chats, people and queue of updates.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) bot: Bot,
    started: Instant,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl World {
    pub(crate) fn new(bot: Bot) -> Self {
        Self {
            bot,
            started: Instant::now(),
            state: Mutex::default(),
            changed: watch::Sender::new(0),
        }
    }

    /// Looks without waking anybody.
    pub(crate) fn look<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock())
    }

    /// Changes something and wakes whoever waits for a change.
    pub(crate) fn change<T>(&self, write: impl FnOnce(&mut State) -> T) -> T {
        let result = write(&mut self.lock());
        self.changed.send_modify(|version| *version += 1);
        result
    }

    /// Resolves after the next change made behind this call.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in one test must not hide the record from the next look.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970, the wire's unit.
pub(crate) fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Why a chat refuses the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    Blocked,
    Kicked,
}

/// The data itself.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) updates: Updates,
    pub(crate) faults: Faults,
    pub(crate) files: Files,
    pub(crate) people: BTreeMap<i64, Person>,
    pub(crate) places: BTreeMap<i64, Place>,
    pub(crate) messages: BTreeMap<(i64, i64), Message>,
    /// Order in which the bot's messages came to be.
    pub(crate) sent: Vec<(i64, i64)>,
    pub(crate) reactions: Vec<Reaction>,
    /// Emoji of people on messages, by (chat, message, person).
    pub(crate) peoples_reactions: BTreeMap<(i64, i64, i64), Vec<String>>,
    pub(crate) drafts: Vec<Draft>,
    /// (chat, action) in the order shown.
    pub(crate) actions: Vec<(i64, String)>,
    pub(crate) callbacks: BTreeSet<String>,
    /// (query id, shown text) of answered button presses.
    pub(crate) answers: Vec<(String, String)>,
    pub(crate) commands: Value,
    pub(crate) webhook: String,
    pub(crate) closed: BTreeMap<i64, Closed>,
    pub(crate) migrated: BTreeMap<i64, i64>,
    pub(crate) calls: Vec<Call>,
    pub(crate) counters: Counters,
    /// Writing calls are refused until then.
    pub(crate) flooded_until_ms: u64,
    counted: BTreeMap<i64, i64>,
    next_group: u64,
    next_callback: u64,
}

/// A stored message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) wire: Map<String, Value>,
    pub(crate) by_bot: bool,
    pub(crate) deleted: bool,
    pub(crate) earlier: Vec<String>,
    pub(crate) at_ms: u64,
}

impl State {
    /// The chat of an id, known or implied.
    pub(crate) fn place(&mut self, id: i64) -> &Place {
        let first_name = self.people.get(&id).map(|person| person.first_name.clone());
        let username = self
            .people
            .get(&id)
            .and_then(|person| person.username.clone());
        self.places.entry(id).or_insert_with(|| Place {
            first_name,
            username,
            ..Place::guess(id)
        })
    }

    /// The person of an id, known or made up.
    pub(crate) fn person(&mut self, id: i64) -> &Person {
        self.people
            .entry(id)
            .or_insert_with(|| Person::new(id, &format!("User {id}")))
    }

    /// Refuses a writing call during a flood wait.
    pub(crate) fn check_flood(&mut self, now_ms: u64, method: &str) -> Result<(), Refusal> {
        let left_ms = self.flooded_until_ms.saturating_sub(now_ms);
        if left_ms == 0 || method.starts_with("get") {
            return Ok(());
        }
        self.counters.early_calls += 1;
        Err(Refusal::too_many(left_ms.div_ceil(1_000)))
    }

    pub(crate) fn next_message_id(&mut self, chat: i64) -> i64 {
        let own = self.place(chat).has_own_counter();
        let counter = self.counted.entry(if own { chat } else { 0 }).or_default();
        *counter += 1;
        *counter
    }

    pub(crate) fn next_media_group(&mut self) -> String {
        self.next_group += 1;
        format!("137{:014}", self.next_group)
    }

    pub(crate) fn next_callback_id(&mut self) -> String {
        self.next_callback += 1;
        format!("43682{:014}", self.next_callback)
    }

    /// A message that is there and not deleted.
    pub(crate) fn message(&self, chat: i64, id: i64) -> Option<&Message> {
        self.messages
            .get(&(chat, id))
            .filter(|message| !message.deleted)
    }

    /// What the bot sent, oldest first.
    pub(crate) fn bot_messages(&self) -> Vec<BotMessage> {
        let known = self
            .sent
            .iter()
            .filter_map(|key| self.messages.get_key_value(key));
        known.map(|(key, message)| message.view(*key)).collect()
    }
}

impl Message {
    /// The text or caption now standing.
    pub(crate) fn text(&self) -> &str {
        let text = self.wire.get("text").or_else(|| self.wire.get("caption"));
        text.and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn entities(&self) -> Vec<Entity> {
        let field = self
            .wire
            .get("entities")
            .or_else(|| self.wire.get("caption_entities"));
        let list = field
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        list.iter()
            .filter_map(|entity| serde_json::from_value(entity.clone()).ok())
            .collect()
    }

    pub(crate) fn media(&self) -> Option<FileKind> {
        self.wire
            .keys()
            .find_map(|field| FileKind::from_field(field))
    }

    fn file_id(&self) -> Option<String> {
        let media = self.wire.get(self.media()?.field())?;
        // Of a photo's sizes the last is the full one.
        let full = media.as_array().map_or(Some(media), |sizes| sizes.last())?;
        Some(full["file_id"].as_str()?.to_owned())
    }

    fn view(&self, (chat_id, message_id): (i64, i64)) -> BotMessage {
        let group = self.wire.get("media_group_id").and_then(Value::as_str);
        let preview = self.wire.get("link_preview_options");
        BotMessage {
            chat_id,
            message_id,
            text: self.text().to_owned(),
            entities: self.entities(),
            media: self.media(),
            file_id: self.file_id(),
            media_group_id: group.map(str::to_owned),
            reply_to: self
                .wire
                .get("reply_to_message")
                .and_then(|reply| reply["message_id"].as_i64()),
            thread: self.wire.get("message_thread_id").and_then(Value::as_i64),
            preview_off: preview.is_some_and(|options| options["is_disabled"] == true),
            reply_markup: self.wire.get("reply_markup").cloned(),
            earlier: self.earlier.clone(),
            deleted: self.deleted,
            at_ms: self.at_ms,
            wire: self.wire.clone(),
        }
    }
}
