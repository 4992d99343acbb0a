//! Changing what stands: edits, deletions, reactions.

use serde_json::{Map, Value, json};

use super::super::record::Reaction;
use super::super::state::{Message, State, unix_now};
use super::super::wire::Refusal;
use super::media::CAPTION_TOO_LONG;
use super::{Answer, Ctx, MAX_CAPTION, MAX_TEXT};

const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";
/// What a bot may react with.
const REACTIONS: &[&str] = &[
    "❤",
    "👍",
    "👎",
    "🔥",
    "🥰",
    "👏",
    "😁",
    "🤔",
    "🤯",
    "😱",
    "🤬",
    "😢",
    "🎉",
    "🤩",
    "🤮",
    "💩",
    "🙏",
    "👌",
    "🕊",
    "🤡",
    "🥱",
    "🥴",
    "😍",
    "🐳",
    "❤‍🔥",
    "🌚",
    "🌭",
    "💯",
    "🤣",
    "⚡",
    "🍌",
    "🏆",
    "💔",
    "🤨",
    "😐",
    "🍓",
    "🍾",
    "💋",
    "🖕",
    "😈",
    "😴",
    "😭",
    "🤓",
    "👻",
    "👨‍💻",
    "👀",
    "🎃",
    "🙈",
    "😇",
    "😨",
    "🤝",
    "✍",
    "🤗",
    "🫡",
    "🎅",
    "🎄",
    "☃",
    "💅",
    "🤪",
    "🗿",
    "🆒",
    "💘",
    "🙉",
    "🦄",
    "😘",
    "💊",
    "🙊",
    "😎",
    "👾",
    "🤷‍♂",
    "🤷",
    "🤷‍♀",
    "😡",
];

pub(super) fn text(ctx: &mut Ctx<'_>) -> Answer {
    let key = ctx.editable()?;
    if ctx.params.text("text").unwrap_or_default().is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    if !ctx.state.messages[&key].wire.contains_key("text") {
        return Err(Refusal::bad("there is no text in the message to edit"));
    }
    let formatted = ctx.formatted("text", MAX_TEXT, "message is too long")?;
    if formatted.text.is_empty() {
        return Err(Refusal::bad("text must be non-empty"));
    }
    let mut next = ctx.state.messages[&key].wire.clone();
    put(&mut next, "text", Some(formatted.text.into()));
    put(&mut next, "entities", some_list(json!(formatted.entities)));
    if let Some(options) = ctx.params.get("link_preview_options") {
        put(&mut next, "link_preview_options", Some(options.clone()));
    }
    ctx.replace(key, next)
}

pub(super) fn caption(ctx: &mut Ctx<'_>) -> Answer {
    let key = ctx.editable()?;
    if ctx.state.messages[&key].media().is_none() {
        return Err(Refusal::bad("there is no caption in the message to edit"));
    }
    let formatted = ctx.formatted("caption", MAX_CAPTION, CAPTION_TOO_LONG)?;
    let mut next = ctx.state.messages[&key].wire.clone();
    let text = (!formatted.text.is_empty()).then(|| formatted.text.into());
    put(&mut next, "caption", text);
    put(
        &mut next,
        "caption_entities",
        some_list(json!(formatted.entities)),
    );
    ctx.replace(key, next)
}

pub(super) fn markup(ctx: &mut Ctx<'_>) -> Answer {
    let key = ctx.editable()?;
    let next = ctx.state.messages[&key].wire.clone();
    ctx.replace(key, next)
}

pub(super) fn delete(ctx: &mut Ctx<'_>) -> Answer {
    let place = ctx.open_place()?;
    let id = ctx.params.int("message_id").unwrap_or(0);
    let Some(message) = ctx.state.message(place.id, id) else {
        return Err(Refusal::bad("message to delete not found"));
    };
    // In a group only an administrator may delete what others wrote, and this bot is none.
    if !message.by_bot && !place.is_private() {
        return Err(Refusal::bad("message can't be deleted"));
    }
    mark_deleted(ctx.state, (place.id, id));
    Ok(true.into())
}

pub(super) fn delete_many(ctx: &mut Ctx<'_>) -> Answer {
    let place = ctx.open_place()?;
    let ids = ctx.params.get("message_ids").and_then(Value::as_array);
    let ids: Vec<i64> = ids
        .into_iter()
        .flatten()
        .filter_map(Value::as_i64)
        .collect();
    if ids.is_empty() || ids.len() > 100 {
        return Err(Refusal::bad("message identifiers are not specified"));
    }
    // Those not found are skipped, by contract.
    for id in ids {
        mark_deleted(ctx.state, (place.id, id));
    }
    Ok(true.into())
}

pub(super) fn react(ctx: &mut Ctx<'_>) -> Answer {
    let place = ctx.open_place()?;
    let message_id = ctx.params.int("message_id").unwrap_or(0);
    if ctx.state.message(place.id, message_id).is_none() {
        return Err(Refusal::bad("message to react not found"));
    }
    let wanted = ctx.params.get("reaction").and_then(Value::as_array);
    let wanted = wanted.cloned().unwrap_or_default();
    if wanted.len() > 1 {
        return Err(Refusal::bad("REACTIONS_TOO_MANY"));
    }
    let mut emoji = Vec::new();
    for reaction in &wanted {
        match reaction["emoji"].as_str() {
            Some(one) if REACTIONS.contains(&one) => emoji.push(one.to_owned()),
            _ => return Err(Refusal::bad("REACTION_INVALID")),
        }
    }
    ctx.state.reactions.push(Reaction {
        chat_id: place.id,
        message_id,
        emoji,
    });
    Ok(true.into())
}

fn mark_deleted(state: &mut State, key: (i64, i64)) {
    if let Some(message) = state.messages.get_mut(&key) {
        message.deleted = true;
    }
}

fn put(body: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            body.insert(field.to_owned(), value);
        }
        None => {
            body.remove(field);
        }
    }
}

fn some_list(list: Value) -> Option<Value> {
    list.as_array()
        .is_some_and(|l| !l.is_empty())
        .then_some(list)
}

impl Ctx<'_> {
    /// The bot's own message the call names.
    fn editable(&self) -> Result<(i64, i64), Refusal> {
        if self.params.get("inline_message_id").is_some() {
            return Err(Refusal::bad("MESSAGE_ID_INVALID"));
        }
        let place = self.open_place()?;
        let id = self.params.int("message_id").unwrap_or(0);
        match self.state.message(place.id, id) {
            None => Err(Refusal::bad("message to edit not found")),
            Some(message) if !message.by_bot => Err(Refusal::bad("message can't be edited")),
            Some(_) => Ok((place.id, id)),
        }
    }

    /// Puts `next` in place of the message, unless nothing would change.
    fn replace(&mut self, key: (i64, i64), mut next: Map<String, Value>) -> Answer {
        put(&mut next, "reply_markup", self.inline_markup()?);
        let message: &mut Message = self
            .state
            .messages
            .get_mut(&key)
            .expect("found by editable() under the same lock");
        let content = [
            "text",
            "entities",
            "caption",
            "caption_entities",
            "reply_markup",
        ];
        if content.iter().all(|f| next.get(*f) == message.wire.get(*f)) {
            return Err(Refusal::bad(NOT_MODIFIED));
        }
        next.insert("edit_date".to_owned(), unix_now().into());
        message.earlier.push(message.text().to_owned());
        message.wire = next.clone();
        Ok(next.into())
    }
}
