//! What each request does.

use serde_json::{Value, json};
use std::collections::HashSet;

use super::rest::{Asked, Refusal};
use super::shape;
use super::state::{Kind, Message, State, World};

/// The longest text of a message, in code points.
pub const MAX_CONTENT: usize = 2000;
/// The longest key that recognises repetitions.
const MAX_NONCE: usize = 25;

type Done = Result<Value, Refusal>;

const UNKNOWN_CHANNEL: Refusal = Refusal(404, 10003, "Unknown Channel");
const UNKNOWN_MESSAGE: Refusal = Refusal(404, 10008, "Unknown Message");
const NOT_OURS: Refusal = Refusal(403, 50005, "Cannot edit a message authored by another user");
const BAD_FORM: Refusal = Refusal(400, 50035, "Invalid Form Body");

pub(crate) fn run(world: &World, asked: &Asked) -> Done {
    let parts: Vec<&str> = asked.path.split('/').collect();
    world.change(|state| {
        let server = Server {
            world,
            asked,
            state,
        };
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["gateway"]) => Ok(json!({"url": format!("ws://{}", asked.host)})),
            ("GET", ["gateway", "bot"]) => Ok(server.gateway_bot()),
            ("GET", ["users", "@me"]) => Ok(server.user(world.options.bot)),
            ("GET", ["applications" | "oauth2", ..]) => Ok(server.application()),
            ("POST", ["users", "@me", "channels"]) => server.open_dm(),
            ("GET", ["channels", id]) => server.channel(id),
            ("POST", ["channels", id, "typing"]) => server.typing(id),
            ("GET", ["channels", id, "messages"]) => server.history(id),
            ("POST", ["channels", id, "messages"]) => server.send(id),
            ("GET", ["channels", id, "messages", message]) => server.message(id, message),
            ("PATCH", ["channels", id, "messages", message]) => server.edit(id, message),
            ("DELETE", ["channels", id, "messages", message]) => server.delete(id, message),
            (
                verb @ ("PUT" | "DELETE"),
                [
                    "channels",
                    id,
                    "messages",
                    message,
                    "reactions",
                    emoji,
                    "@me",
                ],
            ) => server.react(id, message, emoji, verb == "PUT"),
            ("POST", ["interactions", id, _token, "callback"]) => server.interaction(id),
            _ => Err(Refusal(404, 0, "404: Not Found")),
        }
    })
}

struct Server<'a> {
    world: &'a World,
    asked: &'a Asked,
    state: &'a mut State,
}

impl Server<'_> {
    fn user(&self, id: u64) -> Value {
        shape::user(&self.world.options, self.state, id)
    }

    fn gateway_bot(&self) -> Value {
        json!({
            "url": format!("ws://{}", self.asked.host), "shards": 1,
            "session_start_limit": {
                "total": 1000, "remaining": self.world.options.logins_left, "reset_after": 3_600_000, "max_concurrency": 1,
            },
        })
    }

    fn application(&self) -> Value {
        // Bit 19: the text of messages, for bots that are not verified.
        let flags = if self.world.options.message_content {
            1 << 19
        } else {
            0
        };
        let id = self.world.options.bot.to_string();
        json!({
            "id": id, "name": self.world.options.name, "icon": null, "description": "", "bot_public": true,
            "bot_require_code_grant": false, "verify_key": "00", "flags": flags, "team": null,
        })
    }

    fn known(&self, id: &str) -> Result<(u64, Kind), Refusal> {
        let id = id.parse().map_err(|_| BAD_FORM)?;
        let kind = self.state.channels.get(&id).copied();
        kind.map(|kind| (id, kind)).ok_or(UNKNOWN_CHANNEL)
    }

    fn found(&self, channel: &str, message: &str) -> Result<u64, Refusal> {
        let (channel, _) = self.known(channel)?;
        let id: u64 = message.parse().map_err(|_| BAD_FORM)?;
        let message = self.state.messages.get(&id);
        let there = message.is_some_and(|it| it.channel == channel && !it.deleted);
        there.then_some(id).ok_or(UNKNOWN_MESSAGE)
    }

    fn own(&self, channel: &str, message: &str) -> Result<u64, Refusal> {
        let id = self.found(channel, message)?;
        let ours = self.state.messages[&id].author == self.world.options.bot;
        ours.then_some(id).ok_or(NOT_OURS)
    }

    fn shown(&self, id: u64) -> Value {
        shape::message(&self.world.options, self.state, &self.state.messages[&id])
    }

    fn tell(&mut self, kind: &str, id: u64) {
        let told = shape::told(&self.world.options, self.state, &self.state.messages[&id]);
        self.state.dispatch(kind, &told);
    }

    fn open_dm(self) -> Done {
        let person = self.asked.body["recipient_id"]
            .as_str()
            .and_then(|id| id.parse().ok());
        let person: u64 = person.ok_or(BAD_FORM)?;
        let id = super::dm_of(person);
        self.state.channels.insert(id, Kind::Dm(person));
        Ok(shape::channel(
            &self.world.options,
            self.state,
            id,
            Kind::Dm(person),
        ))
    }

    fn channel(self, id: &str) -> Done {
        let (id, kind) = self.known(id)?;
        Ok(shape::channel(&self.world.options, self.state, id, kind))
    }

    fn typing(self, id: &str) -> Done {
        let (id, _) = self.known(id)?;
        self.state.typing.push(id);
        Ok(Value::Null)
    }

    /// Newest first, as Discord lists them, even after `after`.
    fn history(self, id: &str) -> Done {
        let (channel, _) = self.known(id)?;
        let limit = self.asked.number("limit").unwrap_or(50);
        let limit = usize::try_from(limit.clamp(1, 100)).unwrap_or(100);
        let all = self.state.messages.values();
        let here: Vec<u64> = all
            .filter(|it| it.channel == channel && !it.deleted)
            .map(|it| it.id)
            .collect();
        let mut page: Vec<u64> = match (self.asked.number("after"), self.asked.number("before")) {
            (Some(after), _) => here
                .into_iter()
                .filter(|id| *id > after)
                .take(limit)
                .collect(),
            (None, before) => {
                let before = before.unwrap_or(u64::MAX);
                let earlier: Vec<u64> = here.into_iter().filter(|id| *id < before).collect();
                earlier[earlier.len().saturating_sub(limit)..].to_vec()
            }
        };
        page.reverse();
        Ok(page.into_iter().map(|id| self.shown(id)).collect())
    }

    fn message(self, id: &str, message: &str) -> Done {
        let id = self.found(id, message)?;
        Ok(self.shown(id))
    }

    fn send(mut self, id: &str) -> Done {
        let (channel, _) = self.known(id)?;
        let body = &self.asked.body;
        let content = content(body)?;
        if content.trim().is_empty() && self.asked.files.is_empty() {
            return Err(Refusal(400, 50006, "Cannot send an empty message"));
        }
        let key = nonce(&body["nonce"])?;
        let enforced = body["enforce_nonce"].as_bool() == Some(true);
        if let Some(known) = key
            .as_ref()
            .filter(|_| enforced)
            .and_then(|key| self.state.nonces.get(&(channel, key.clone())))
        {
            return Ok(self.shown(*known));
        }
        let reply: Option<u64> = body["message_reference"]["message_id"]
            .as_str()
            .and_then(|id| id.parse().ok());
        let lenient = body["message_reference"]["fail_if_not_exists"].as_bool() == Some(false);
        let there = reply.filter(|id| {
            let answered = self.state.messages.get(id);
            answered.is_some_and(|it| it.channel == channel && !it.deleted)
        });
        if reply.is_some() && there.is_none() && !lenient {
            return Err(BAD_FORM);
        }
        let components = components(body)?;
        let id = self.state.number();
        if let Some(key) = key {
            self.state.nonces.insert((channel, key), id);
        }
        let message = Message {
            id,
            channel,
            author: self.world.options.bot,
            content: content.trim().to_owned(),
            files: self.asked.files.clone(),
            reply_to: there,
            mentions: Vec::new(),
            flags: body["flags"].as_u64().unwrap_or(0),
            components,
            nonce: body.get("nonce").filter(|it| !it.is_null()).cloned(),
            allowed_mentions: body.get("allowed_mentions").cloned(),
            edits: 0,
            deleted: false,
            reactions: std::collections::BTreeMap::new(),
            webhook: false,
        };
        self.state.messages.insert(id, message);
        self.tell("MESSAGE_CREATE", id);
        Ok(self.shown(id))
    }

    fn edit(mut self, id: &str, message: &str) -> Done {
        let id = self.own(id, message)?;
        let content = content(&self.asked.body)?;
        let it = self.state.messages.get_mut(&id).ok_or(UNKNOWN_MESSAGE)?;
        it.content = content.trim().to_owned();
        it.edits += 1;
        if let Some(flags) = self.asked.body["flags"].as_u64() {
            it.flags = flags;
        }
        self.tell("MESSAGE_UPDATE", id);
        Ok(self.shown(id))
    }

    fn delete(self, id: &str, message: &str) -> Done {
        let id = self.own(id, message)?;
        super::people::forget(self.state, id);
        Ok(Value::Null)
    }

    fn react(self, id: &str, message: &str, emoji: &str, add: bool) -> Done {
        let id = self.found(id, message)?;
        if emoji.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(Refusal(400, 10014, "Unknown Emoji"));
        }
        super::people::set_reaction(self.state, id, self.world.options.bot, emoji, add);
        Ok(Value::Null)
    }

    fn interaction(self, id: &str) -> Done {
        let id: u64 = id.parse().map_err(|_| BAD_FORM)?;
        let pressed = self.state.pressed.iter_mut().find(|it| it.id == id);
        let pressed = pressed.ok_or(Refusal(404, 10062, "Unknown interaction"))?;
        if !pressed.answers.is_empty() {
            return Err(Refusal(
                400,
                40060,
                "Interaction has already been acknowledged.",
            ));
        }
        pressed.answers.push(self.asked.body.clone());
        Ok(Value::Null)
    }
}

fn content(body: &Value) -> Result<String, Refusal> {
    let content = body["content"].as_str().unwrap_or_default();
    let fits = content.chars().count() <= MAX_CONTENT;
    fits.then(|| content.to_owned()).ok_or(BAD_FORM)
}

fn nonce(nonce: &Value) -> Result<Option<String>, Refusal> {
    match nonce {
        Value::Null => Ok(None),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::String(text) if text.chars().count() <= MAX_NONCE => Ok(Some(text.clone())),
        _ => Err(BAD_FORM),
    }
}

/// Rows of buttons: at most five, of at most five each, every button with a label and a name of its own.
fn components(body: &Value) -> Result<Vec<Value>, Refusal> {
    let rows = body["components"].as_array().cloned().unwrap_or_default();
    let mut names = HashSet::new();
    for row in &rows {
        let buttons = row["components"].as_array().ok_or(BAD_FORM)?;
        let fits = (1..=5).contains(&buttons.len()) && row["type"] == 1;
        let mut each = buttons.iter().map(|button| {
            let text = |field: &str| button[field].as_str().unwrap_or_default().to_owned();
            let short = |text: &str, most| (1..=most).contains(&text.chars().count());
            button["type"] == 2
                && short(&text("label"), 80)
                && short(&text("custom_id"), 100)
                && names.insert(text("custom_id"))
        });
        if !fits || !each.all(|it| it) {
            return Err(BAD_FORM);
        }
    }
    if rows.len() > 5 {
        return Err(BAD_FORM);
    }
    Ok(rows)
}
