//! What people do: write, upload, edit, react, press buttons, block, move the group.
//!
//! Each act changes the chat as the platform would and queues the update the bot gets for it.

use serde_json::{Map, Value, json};

use super::account::Account;
use super::acts::{Say, Share};
use super::detect;
use super::files::NewFile;
use super::record::Said;
use super::state::{Closed, Message, State, unix_now};
use super::types::{Bot, Place};

impl Account {
    /// Someone writes `text`.
    pub fn say(&self, chat: i64, from: i64, text: &str) -> Said {
        self.say_with(Say::new(chat, from, text))
    }

    /// Someone writes, with everything that can go with it.
    pub fn say_with(&self, say: Say) -> Said {
        self.act(|bot, state, now| {
            let mut body = opening(state, say.chat, say.from, say.reply_to, say.age);
            let entities = say.entities.unwrap_or_else(|| detect::entities(&say.text));
            if !say.text.is_empty() {
                body.insert("text".to_owned(), say.text.into());
            }
            body.extend(say.extra);
            if !entities.is_empty() {
                body.insert("entities".to_owned(), json!(entities));
            }
            if let Some(thread) = say.thread {
                body.insert("message_thread_id".to_owned(), thread.into());
                body.insert("is_topic_message".to_owned(), true.into());
            }
            arrive(bot, state, now, say.chat, body)
        })
    }

    /// Someone sends a file.
    ///
    /// # Errors
    /// Says why the platform would not take it (an empty file, a photo that is no picture).
    pub fn upload(&self, chat: i64, from: i64, share: Share) -> Result<Said, String> {
        let said = self.album(chat, from, vec![share])?;
        Ok(said[0])
    }

    /// Someone sends several files at once; more than one share a `media_group_id`.
    ///
    /// # Errors
    /// Says why the platform would not take one of them; then none is sent.
    pub fn album(&self, chat: i64, from: i64, shares: Vec<Share>) -> Result<Vec<Said>, String> {
        if shares.is_empty() {
            return Err("an album needs a file".to_owned());
        }
        self.act(|bot, state, now| {
            let mut bodies = Vec::new();
            for share in shares {
                let mut body = opening(state, chat, from, None, 0);
                if let Some(group) = share.group {
                    body.insert("media_group_id".to_owned(), group.into());
                }
                let media = state.files.add(NewFile {
                    kind: share.kind,
                    name: share.name,
                    mime: share.mime,
                    bytes: share.data,
                    pretend_size: share.size,
                });
                let media = media.map_err(|refusal| refusal.description)?;
                body.insert(share.kind.field().to_owned(), media);
                if let Some(caption) = share.caption {
                    let entities = detect::entities(&caption);
                    body.insert("caption".to_owned(), caption.into());
                    if !entities.is_empty() {
                        body.insert("caption_entities".to_owned(), json!(entities));
                    }
                }
                bodies.push(body);
            }
            let group = (bodies.len() > 1).then(|| state.next_media_group());
            let arrivals = bodies.into_iter().map(|mut body| {
                if let Some(group) = &group {
                    body.insert("media_group_id".to_owned(), group.clone().into());
                }
                arrive(bot, state, now, chat, body)
            });
            Ok(arrivals.collect())
        })
    }

    /// The bot is told of a message once more, under a new number. `None` when there is no such message.
    pub fn repeat(&self, chat: i64, message: i64) -> Option<Said> {
        self.act(|_, state, _| {
            let wire = state.message(chat, message)?.wire.clone();
            Some(Said {
                update_id: state.updates.push("message", wire.into()),
                message_id: message,
            })
        })
    }

    /// Someone changes the words of their message. `None` when there is no such message.
    pub fn edit(&self, chat: i64, message: i64, text: &str) -> Option<Said> {
        self.act(|_, state, _| {
            let stored = state.messages.get_mut(&(chat, message))?;
            let is_media = stored.media().is_some();
            let (field, marks) = if is_media {
                ("caption", "caption_entities")
            } else {
                ("text", "entities")
            };
            stored.wire.insert(field.to_owned(), text.into());
            let entities = detect::entities(text);
            stored.wire.remove(marks);
            if !entities.is_empty() {
                stored.wire.insert(marks.to_owned(), json!(entities));
            }
            stored
                .wire
                .insert("edit_date".to_owned(), unix_now().into());
            let wire = stored.wire.clone().into();
            Some(Said {
                update_id: state.updates.push("edited_message", wire),
                message_id: message,
            })
        })
    }

    /// Someone sets their reactions on a message (an empty list takes them away).
    pub fn react(&self, chat: i64, message: i64, from: i64, emoji: &[&str]) -> Said {
        self.act(|_, state, _| {
            let new: Vec<String> = emoji.iter().map(|&e| e.to_owned()).collect();
            let key = (chat, message, from);
            let old = state.peoples_reactions.insert(key, new.clone());
            let list = |emoji: Vec<String>| -> Vec<Value> {
                let one = |e| json!({"type": "emoji", "emoji": e});
                emoji.into_iter().map(one).collect()
            };
            let update = json!({
                "chat": state.place(chat).wire(), "message_id": message, "user": state.person(from),
                "date": unix_now(), "old_reaction": list(old.unwrap_or_default()), "new_reaction": list(new),
            });
            Said {
                update_id: state.updates.push("message_reaction", update),
                message_id: message,
            }
        })
    }

    /// Someone presses a button of a message; returns the query's id too.
    pub fn press(&self, chat: i64, message: i64, from: i64, data: &str) -> (Said, String) {
        self.act(|_, state, _| {
            let id = state.next_callback_id();
            state.callbacks.insert(id.clone());
            let about = state.message(chat, message).map(|m| m.wire.clone());
            // A message no longer there is shown by its place alone, dated 0.
            let gone = json!({"chat": state.place(chat).wire(), "message_id": message, "date": 0});
            let update = json!({
                "id": id, "from": state.person(from), "message": about.map_or(gone, Value::Object),
                "chat_instance": format!("-{chat}"), "data": data,
            });
            let said = Said {
                update_id: state.updates.push("callback_query", update),
                message_id: message,
            };
            (said, id)
        })
    }

    /// Someone blocks the bot in their private chat, or lets it in again.
    pub fn block(&self, person: i64, blocked: bool) -> Option<i64> {
        let (old, new) = if blocked {
            ("member", "kicked")
        } else {
            ("kicked", "member")
        };
        self.membership(person, person, old, new)
    }

    /// The bot's standing in a chat changes: `member`, `administrator`, `left`, `kicked` …
    pub fn membership(&self, chat: i64, by: i64, old: &str, new: &str) -> Option<i64> {
        self.act(|bot, state, _| {
            match (new, chat > 0) {
                ("kicked", true) => drop(state.closed.insert(chat, Closed::Blocked)),
                ("kicked" | "left", false) => drop(state.closed.insert(chat, Closed::Kicked)),
                _ => drop(state.closed.remove(&chat)),
            }
            let standing = |status: &str| {
                let mut member = json!({"status": status, "user": bot.user()});
                if status == "kicked" {
                    member["until_date"] = 0.into();
                }
                member
            };
            let update = json!({
                "chat": state.place(chat).wire(), "from": state.person(by), "date": unix_now(),
                "old_chat_member": standing(old), "new_chat_member": standing(new),
            });
            state.updates.push("my_chat_member", update)
        })
    }

    /// A group becomes the supergroup `to`. Both service messages arrive; the old id answers with the new one.
    pub fn migrate(&self, from_chat: i64, to: i64, by: i64) -> [Said; 2] {
        self.act(|bot, state, now| {
            let title = state.place(from_chat).title.clone();
            let place = state.place(to).clone();
            state.places.insert(to, Place { title, ..place });
            let mut there = opening(state, from_chat, by, None, 0);
            there.insert("migrate_to_chat_id".to_owned(), to.into());
            let left = arrive(bot, state, now, from_chat, there);
            let mut here = opening(state, to, by, None, 0);
            here.insert("migrate_from_chat_id".to_owned(), from_chat.into());
            let joined = arrive(bot, state, now, to, here);
            state.migrated.insert(from_chat, to);
            [left, joined]
        })
    }

    /// Queues any JSON as an update; an object without `update_id` gets one. Returns the id.
    pub fn raw_update(&self, update: Value) -> i64 {
        self.act(|_, state, _| state.updates.push_raw(update))
    }

    /// Queues a JSON text as an update, exactly as it is but for `$ID`, which becomes the update's id: for what no
    /// parsed value can hold, such as half a surrogate pair.
    ///
    /// # Errors
    /// When the text is not well-formed.
    pub fn raw_text(&self, json: &str) -> Result<i64, String> {
        self.act(|_, state, _| state.updates.push_text(json))
    }

    /// The next update gets at least this id, as after a quiet week.
    pub fn jump_update_ids(&self, to: i64) {
        self.act(|_, state, _| state.updates.jump_to(to));
    }

    fn act<T>(&self, deed: impl FnOnce(&Bot, &mut State, u64) -> T) -> T {
        let now = self.world.now_ms();
        let bot = &self.world.bot;
        self.world.change(|state| deed(bot, state, now))
    }
}

/// The fields of every message of a person, without its id.
fn opening(
    state: &mut State,
    chat: i64,
    from: i64,
    reply_to: Option<i64>,
    age: u64,
) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("from".to_owned(), json!(state.person(from)));
    body.insert("chat".to_owned(), state.place(chat).wire());
    body.insert("date".to_owned(), unix_now().saturating_sub(age).into());
    if let Some(answered) = reply_to.and_then(|id| state.messages.get(&(chat, id))) {
        let mut answered = answered.wire.clone();
        answered.remove("reply_to_message");
        body.insert("reply_to_message".to_owned(), answered.into());
    }
    body
}

/// Stores a person's message and tells the bot, if it gets to know.
fn arrive(bot: &Bot, state: &mut State, now: u64, chat: i64, mut body: Map<String, Value>) -> Said {
    let id = state.next_message_id(chat);
    body.insert("message_id".to_owned(), id.into());
    let message = Message {
        wire: body.clone(),
        at_ms: now,
        ..Message::default()
    };
    let private = state.place(chat).is_private();
    let heard = private || bot.reads_all_group_messages || concerns(bot, &message);
    state.messages.insert((chat, id), message);
    let update_id = if heard {
        state.updates.push("message", body.into())
    } else {
        None
    };
    Said {
        update_id,
        message_id: id,
    }
}

/// Whether a bot in privacy mode gets to see a group's message.
fn concerns(bot: &Bot, message: &Message) -> bool {
    let wire = &message.wire;
    let service = ["migrate_to_chat_id", "migrate_from_chat_id"];
    if service.iter().any(|field| wire.contains_key(*field)) {
        return true;
    }
    let answers_bot = wire
        .get("reply_to_message")
        .is_some_and(|reply| reply["from"]["id"] == bot.id());
    let name = format!("@{}", bot.username.to_lowercase());
    let commands = message.entities().iter().any(|e| e.kind == "bot_command");
    answers_bot || commands || message.text().to_lowercase().contains(&name)
}
