//! What each method of the Web API does.

use std::sync::Arc;

use serde_json::{Value, json};

use super::shape;
use super::state::{File, Kind, Message, State, Upload, World};
use super::web::Asked;

/// The longest text; what is longer is cut off.
pub const MAX_TEXT: usize = 40_000;
/// The longest markdown of all blocks of a message.
pub const MAX_MARKDOWN: usize = 12_000;

/// A refusal: its word, and the scope that is missing.
pub(crate) struct Refusal(&'static str, Option<&'static str>);

impl Refusal {
    pub(crate) fn body(&self, provided: &str) -> Value {
        let mut body = json!({"ok": false, "error": self.0});
        if let Some(needed) = self.1 {
            body["needed"] = json!(needed);
            body["provided"] = json!(provided);
        }
        body
    }
}

type Done = Result<Value, Refusal>;

fn no<T>(word: &'static str) -> Result<T, Refusal> {
    Err(Refusal(word, None))
}

pub(crate) fn run(world: &Arc<World>, asked: &Asked) -> Done {
    let options = &world.options;
    if world.look(|state| state.revoked) {
        return no("invalid_auth");
    }
    if asked.method == "apps.connections.open" {
        return connect(world, asked);
    }
    if asked.token == options.app_token {
        return no("not_allowed_token_type");
    }
    if asked.token != options.token {
        return no(match asked.token.is_empty() {
            true => "not_authed",
            false => "invalid_auth",
        });
    }
    let scope = scope_of(&asked.method);
    if let Some(scope) = scope.filter(|scope| !options.scopes.iter().any(|it| it == scope)) {
        return Err(Refusal("missing_scope", Some(scope)));
    }
    world.change(|state| {
        let server = Server {
            world,
            asked,
            state,
        };
        match asked.method.as_str() {
            "auth.test" => Ok(server.auth()),
            "api.test" => Ok(json!({})),
            "users.info" => server.user(),
            "users.conversations" => Ok(server.conversations()),
            "conversations.info" => server.conversation(),
            "conversations.open" => server.open(),
            "conversations.history" => server.history(),
            "conversations.replies" => server.replies(),
            "chat.postMessage" => server.send(),
            "chat.update" => server.edit(),
            "chat.delete" => server.delete(),
            "reactions.get" => server.reactions(),
            "reactions.add" => server.react(true),
            "reactions.remove" => server.react(false),
            "files.getUploadURLExternal" => server.upload(),
            "files.completeUploadExternal" => server.complete(),
            _ => no("unknown_method"),
        }
    })
}

fn scope_of(method: &str) -> Option<&'static str> {
    Some(match method {
        "chat.postMessage" | "chat.update" | "chat.delete" => "chat:write",
        "reactions.add" | "reactions.remove" => "reactions:write",
        "reactions.get" => "reactions:read",
        "users.info" => "users:read",
        "users.conversations" | "conversations.info" => "channels:read",
        "conversations.history" | "conversations.replies" => "channels:history",
        "conversations.open" => "im:write",
        "files.getUploadURLExternal" | "files.completeUploadExternal" => "files:write",
        _ => return None,
    })
}

fn connect(world: &World, asked: &Asked) -> Done {
    let options = &world.options;
    if asked.token == options.token {
        return no("not_allowed_token_type");
    }
    if asked.token != options.app_token {
        return no("invalid_auth");
    }
    if !options.socket_mode {
        return no("forbidden_team");
    }
    let ticket = world.change(|state| {
        let ticket = format!("t{}", state.number());
        state.tickets.insert(ticket.clone());
        ticket
    });
    Ok(json!({"url": format!("ws://{}/link/?ticket={ticket}&app_id={}", asked.host, options.app)}))
}

/// Which page of a conversation comes first.
#[derive(Clone, Copy)]
enum Pages {
    NewestFirst,
    OldestFirst,
}

struct Server<'a> {
    world: &'a Arc<World>,
    asked: &'a Asked,
    state: &'a mut State,
}

impl Server<'_> {
    fn auth(&self) -> Value {
        let options = &self.world.options;
        json!({
            "url": "https://test.slack.com/", "team": "Test", "user": options.name, "team_id": options.team,
            "user_id": options.bot, "bot_id": options.bot_id, "is_enterprise_install": false,
        })
    }

    fn user(&self) -> Done {
        let id = self.asked.text("user");
        if id != self.world.options.bot && !self.state.names.contains_key(id) {
            return no("user_not_found");
        }
        Ok(json!({"user": shape::user(&self.world.options, self.state, id)}))
    }

    /// In pages, by number.
    fn conversations(&self) -> Value {
        let limit = self.asked.number("limit").unwrap_or(100).clamp(1, 999);
        let from: usize = self.asked.text("cursor").parse().unwrap_or(0);
        let types = self.asked.text("types").to_owned();
        let wanted = |kind: &Kind| match kind {
            Kind::Im(_) => types.contains("im"),
            Kind::Channel(_) => types.is_empty() || types.contains("public_channel"),
            Kind::Private(_) => types.contains("private_channel"),
        };
        let all = self.state.channels.iter().filter(|(_, kind)| wanted(kind));
        let all: Vec<Value> = all.map(|(id, kind)| shape::channel(id, kind)).collect();
        let page: Vec<Value> = all.iter().skip(from).take(limit).cloned().collect();
        let next = match from + limit < all.len() {
            true => (from + limit).to_string(),
            false => String::new(),
        };
        json!({"channels": page, "response_metadata": {"next_cursor": next}})
    }

    fn known(&self) -> Result<String, Refusal> {
        let id = self.asked.text("channel");
        match self.state.channels.contains_key(id) {
            true => Ok(id.to_owned()),
            false => no("channel_not_found"),
        }
    }

    fn conversation(&self) -> Done {
        let id = self.known()?;
        Ok(json!({"channel": shape::channel(&id, &self.state.channels[&id])}))
    }

    fn open(self) -> Done {
        let person = self.asked.text("users").to_owned();
        let id = super::im_of(&person);
        let kind = Kind::Im(person);
        self.state.channels.insert(id.clone(), kind);
        Ok(json!({"channel": {"id": id}}))
    }

    /// Newest first, without what is said in threads.
    fn history(&self) -> Done {
        let id = self.known()?;
        let all = self.state.messages.values();
        let here = all.filter(|it| it.channel == id && !it.deleted && it.thread.is_none());
        let mut page = self.page(here.collect(), Pages::NewestFirst);
        page["messages"].as_array_mut().expect("a list").reverse();
        Ok(page)
    }

    /// Oldest first, the thread's own message always among them.
    fn replies(&self) -> Done {
        let id = self.known()?;
        let ts = self.asked.text("ts");
        let Some(asked) = self.state.message(&id, ts) else {
            return no("thread_not_found");
        };
        let root = asked.thread.clone().unwrap_or_else(|| ts.to_owned());
        let all = self.state.messages.values();
        let here = all.filter(|it| {
            it.channel == id && !it.deleted && (it.ts == root || it.thread.as_ref() == Some(&root))
        });
        let mut page = self.page(here.collect(), Pages::OldestFirst);
        let list = page["messages"].as_array_mut().expect("a list");
        let listed = list.iter().any(|it| it["ts"] == json!(root));
        let first = self.state.message(&id, &root).filter(|_| !listed);
        if let Some(first) = first {
            list.insert(
                0,
                shape::message(&self.world.options, self.state, first, false),
            );
        }
        Ok(page)
    }

    /// A page of what is asked for, oldest first, and whether there is more.
    fn page(&self, all: Vec<&Message>, pages: Pages) -> Value {
        let asked = self.asked;
        let (oldest, latest) = (asked.text("oldest"), asked.text("latest"));
        let cursor = asked.text("cursor");
        let inclusive = asked.flag("inclusive") == Some(true);
        let fits = |it: &&&Message| {
            let ts = it.ts.as_str();
            let after = oldest.is_empty() || ts > oldest || (inclusive && ts == oldest);
            let until = latest.is_empty() || ts < latest || (inclusive && ts == latest);
            let further = match pages {
                Pages::NewestFirst => ts < cursor,
                Pages::OldestFirst => ts > cursor,
            };
            after && until && (cursor.is_empty() || further)
        };
        let fitting: Vec<&&Message> = all.iter().filter(fits).collect();
        let limit = asked.number("limit").unwrap_or(100).clamp(1, 999);
        let page = match pages {
            Pages::NewestFirst => &fitting[fitting.len().saturating_sub(limit)..],
            Pages::OldestFirst => &fitting[..limit.min(fitting.len())],
        };
        let more = page.len() < fitting.len();
        let hidden = asked.flag("include_all_metadata") == Some(true);
        let shown = page.iter().map(|it| {
            let mut shown = shape::message(&self.world.options, self.state, it, hidden);
            let name = (it.channel.clone(), it.ts.clone());
            let warped = self.state.warped.get(&name).and_then(Value::as_object);
            for (field, value) in warped.into_iter().flatten() {
                shown[field] = value.clone();
            }
            shown
        });
        let edge = match pages {
            Pages::NewestFirst => page.first(),
            Pages::OldestFirst => page.last(),
        };
        let next = edge
            .filter(|_| more)
            .map(|it| it.ts.clone())
            .unwrap_or_default();
        json!({
            "messages": shown.collect::<Vec<_>>(), "has_more": more, "pin_count": 0,
            "response_metadata": {"next_cursor": next},
        })
    }

    /// The words and blocks of a message, as far as Slack takes them.
    fn words(&self) -> Result<(String, Vec<Value>), Refusal> {
        let asked = self.asked;
        let text: String = asked.text("text").chars().take(MAX_TEXT).collect();
        let blocks = match asked.shape("blocks") {
            Value::Array(blocks) => blocks,
            _ => Vec::new(),
        };
        let mut markdown = 0;
        for block in &blocks {
            match block["type"].as_str() {
                Some("markdown") if self.world.options.markdown_blocks => {
                    let text = block["text"].as_str().unwrap_or_default();
                    markdown += text.encode_utf16().count();
                    if text.is_empty() {
                        return no("invalid_blocks");
                    }
                }
                Some("actions") if is_buttons(block) => {}
                Some("section" | "divider" | "header" | "context" | "rich_text") => {}
                _ => return no("invalid_blocks"),
            }
        }
        if markdown > MAX_MARKDOWN {
            return no("msg_blocks_too_long");
        }
        match text.trim().is_empty() && blocks.is_empty() {
            true => no("no_text"),
            false => Ok((text, blocks)),
        }
    }

    fn send(self) -> Done {
        let channel = self.known()?;
        let (text, blocks) = self.words()?;
        let options = &self.world.options;
        let ts = self.state.ts();
        let message = Message {
            channel: channel.clone(),
            ts: ts.clone(),
            user: options.bot.clone(),
            is_bot: true,
            text,
            blocks,
            thread: self.thread(&channel),
            unfurl: (
                self.asked.flag("unfurl_links"),
                self.asked.flag("unfurl_media"),
            ),
            metadata: Some(self.asked.shape("metadata")).filter(Value::is_object),
            ..Message::default()
        };
        let key = (channel.clone(), ts.clone());
        self.state.messages.insert(key, message);
        self.world.tell_of(self.state, &channel, &ts);
        let sent = self.state.message(&channel, &ts);
        let shown = sent.map(|it| shape::message(options, self.state, it, true));
        Ok(json!({"channel": channel, "ts": ts, "message": shown}))
    }

    /// A thread is known by its first message.
    fn thread(&self, channel: &str) -> Option<String> {
        let asked = self.asked.text("thread_ts");
        let first = self.state.message(channel, asked)?;
        first.thread.is_none().then(|| asked.to_owned())
    }

    fn own(&self, foreign: &'static str) -> Result<(String, String), Refusal> {
        let key = (self.known()?, self.asked.text("ts").to_owned());
        match self.state.message(&key.0, &key.1) {
            None => no("message_not_found"),
            Some(it) if it.user != self.world.options.bot => no(foreign),
            Some(_) => Ok(key),
        }
    }

    fn edit(self) -> Done {
        let key = self.own("cant_update_message")?;
        let (text, blocks) = self.words()?;
        // Blocks that are not spoken of stay.
        let keep = self.asked.body.get("blocks").is_none();
        let now = self.state.ts();
        let Some(before) = self.state.messages.get(&key).cloned() else {
            return no("message_not_found");
        };
        if let Some(message) = self.state.messages.get_mut(&key) {
            message.text.clone_from(&text);
            if !keep {
                message.blocks = blocks;
            }
            message.edits += 1;
            message.edited = Some(now);
        }
        self.world.tell_change(self.state, &before);
        Ok(json!({"channel": key.0, "ts": key.1, "text": text}))
    }

    fn delete(self) -> Done {
        let (channel, ts) = self.own("cant_delete_message")?;
        self.world.forget(self.state, &channel, &ts);
        Ok(json!({"channel": channel, "ts": ts}))
    }

    fn target(&self) -> Result<(String, String), Refusal> {
        let channel = self.known()?;
        let ts = self.asked.text("timestamp").to_owned();
        match self.state.message(&channel, &ts) {
            Some(_) => Ok((channel, ts)),
            None => no("message_not_found"),
        }
    }

    fn reactions(&self) -> Done {
        let (channel, ts) = self.target()?;
        let message = self.state.message(&channel, &ts);
        let shown = message.map(|it| shape::message(&self.world.options, self.state, it, false));
        Ok(json!({"type": "message", "channel": channel, "message": shown}))
    }

    fn react(self, add: bool) -> Done {
        let (channel, ts) = self.target()?;
        let name = self.asked.text("name");
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-+:".contains(c);
        if name.is_empty() || !name.chars().all(good) {
            return no("invalid_name");
        }
        let bot = &self.world.options.bot;
        let changed = self
            .world
            .react(self.state, (&channel, &ts), bot, name, add);
        match (changed, add) {
            (true, _) => Ok(json!({})),
            (false, true) => no("already_reacted"),
            (false, false) => no("no_reaction"),
        }
    }

    fn upload(self) -> Done {
        let name = self.asked.text("filename").to_owned();
        let length = self.asked.number("length").unwrap_or(0);
        if name.is_empty() || length == 0 {
            return no("invalid_arguments");
        }
        let id = format!("F{}", self.state.number());
        let upload = Upload {
            name,
            length,
            bytes: None,
        };
        self.state.uploads.insert(id.clone(), upload);
        let url = format!("{}/upload/{id}", self.state.public);
        Ok(json!({"upload_url": url, "file_id": id}))
    }

    fn complete(self) -> Done {
        let channel = self.asked.text("channel_id").to_owned();
        if !channel.is_empty() && !self.state.channels.contains_key(&channel) {
            return no("channel_not_found");
        }
        let asked = self.asked.shape("files");
        let mut files = Vec::new();
        for named in asked.as_array().into_iter().flatten() {
            let id = named["id"].as_str().unwrap_or_default();
            let upload = self.state.uploads.get(id);
            let Some((upload, bytes)) = upload.and_then(|it| Some((it, it.bytes.clone()?))) else {
                return no("file_not_found");
            };
            files.push(File {
                id: id.to_owned(),
                name: upload.name.clone(),
                mime: "application/octet-stream".to_owned(),
                bytes,
            });
        }
        if files.is_empty() {
            return no("invalid_arguments");
        }
        let options = &self.world.options;
        let shown: Vec<Value> = files
            .iter()
            .map(|it| shape::file(options, self.state, it))
            .collect();
        let ts = self.state.ts();
        let message = Message {
            channel: channel.clone(),
            ts: ts.clone(),
            user: options.bot.clone(),
            is_bot: true,
            text: self.asked.text("initial_comment").to_owned(),
            files,
            thread: self.thread(&channel),
            ..Message::default()
        };
        for id in shown.iter().filter_map(|it| it["id"].as_str()) {
            self.state.uploads.remove(id);
        }
        self.state
            .messages
            .insert((channel.clone(), ts.clone()), message);
        self.world.tell_of(self.state, &channel, &ts);
        Ok(json!({"files": shown}))
    }
}

/// Up to 25 buttons, each with a short label and a name of its own.
fn is_buttons(block: &Value) -> bool {
    let buttons = block["elements"].as_array().cloned().unwrap_or_default();
    let mut names = std::collections::HashSet::new();
    let sound = |button: &Value| {
        let label = button["text"]["text"].as_str().unwrap_or_default();
        let plain = button["type"] == "button" && button["text"]["type"] == "plain_text";
        plain
            && (1..=75).contains(&label.chars().count())
            && names.insert(button["action_id"].to_string())
    };
    (1..=25).contains(&buttons.len()) && buttons.iter().all(sound)
}
