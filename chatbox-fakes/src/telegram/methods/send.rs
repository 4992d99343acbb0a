//! Sending words: messages, drafts and actions. Also the common part of every sending method.

use serde_json::{Map, Value, json};

use super::super::record::Draft;
use super::super::state::{Message, unix_now};
use super::super::types::Place;
use super::super::wire::Refusal;
use super::{Answer, Ctx, MAX_TEXT};

const ACTIONS: &[&str] = &[
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];
/// Most bytes of a button's data.
const MAX_BUTTON_DATA: usize = 64;

pub(super) fn message(ctx: &mut Ctx<'_>) -> Answer {
    if ctx.params.text("text").unwrap_or_default().is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    let place = ctx.open_place()?;
    let formatted = ctx.formatted("text", MAX_TEXT, "message is too long")?;
    if formatted.text.is_empty() {
        return Err(Refusal::bad("text must be non-empty"));
    }
    let mut body = ctx.envelope(&place)?;
    body.insert("text".to_owned(), formatted.text.into());
    if !formatted.entities.is_empty() {
        body.insert("entities".to_owned(), json!(formatted.entities));
    }
    if let Some(options) = ctx.params.get("link_preview_options") {
        body.insert("link_preview_options".to_owned(), options.clone());
    } else if ctx.params.get("disable_web_page_preview").is_some() {
        body.insert(
            "link_preview_options".to_owned(),
            json!({"is_disabled": true}),
        );
    }
    Ok(ctx.store(&place, body))
}

pub(super) fn draft(ctx: &mut Ctx<'_>) -> Answer {
    let place = ctx.open_place()?;
    if !place.is_private() {
        return Err(Refusal::bad("method is available only for private chats"));
    }
    let draft_id = ctx.params.int("draft_id").unwrap_or(0);
    if draft_id == 0 {
        return Err(Refusal::bad("draft_id must be non-zero"));
    }
    let formatted = ctx.formatted("text", MAX_TEXT, "message is too long")?;
    ctx.state.drafts.push(Draft {
        chat_id: place.id,
        draft_id,
        text: formatted.text,
        entities: formatted.entities,
        at_ms: ctx.now_ms,
    });
    Ok(true.into())
}

pub(super) fn action(ctx: &mut Ctx<'_>) -> Answer {
    let place = ctx.open_place()?;
    let action = ctx.params.text("action").unwrap_or_default();
    if !ACTIONS.contains(&action) {
        return Err(Refusal::bad("wrong parameter action in request"));
    }
    ctx.state.actions.push((place.id, action.to_owned()));
    Ok(true.into())
}

impl Ctx<'_> {
    /// The fields every sent message shares, without its id.
    pub(super) fn envelope(&mut self, place: &Place) -> Result<Map<String, Value>, Refusal> {
        let mut body = Map::new();
        body.insert("from".to_owned(), self.bot.user());
        body.insert("chat".to_owned(), place.wire());
        body.insert("date".to_owned(), unix_now().into());
        if let Some(thread) = self.params.get("message_thread_id") {
            body.insert("message_thread_id".to_owned(), thread.clone());
            if place.is_forum == Some(true) {
                body.insert("is_topic_message".to_owned(), true.into());
            }
        }
        if let Some(reply) = self.replied_to(place)? {
            body.insert("reply_to_message".to_owned(), reply);
        }
        if let Some(markup) = self.inline_markup()? {
            body.insert("reply_markup".to_owned(), markup);
        }
        Ok(body)
    }

    /// Gives the message its id and stores it.
    pub(super) fn store(&mut self, place: &Place, mut body: Map<String, Value>) -> Value {
        let id = self.state.next_message_id(place.id);
        body.insert("message_id".to_owned(), id.into());
        let message = Message {
            wire: body.clone(),
            by_bot: true,
            at_ms: self.now_ms,
            ..Message::default()
        };
        self.state.messages.insert((place.id, id), message);
        self.state.sent.push((place.id, id));
        body.into()
    }

    /// The message answered, without the one it answered in turn.
    fn replied_to(&self, place: &Place) -> Result<Option<Value>, Refusal> {
        let options = self.params.get("reply_parameters");
        let wanted = options
            .and_then(|options| options["message_id"].as_i64())
            .or_else(|| self.params.int("reply_to_message_id"))
            .filter(|id| *id != 0);
        let Some(wanted) = wanted else {
            return Ok(None);
        };
        let chat = options.and_then(|options| options["chat_id"].as_i64());
        let optional = options.is_some_and(|o| o["allow_sending_without_reply"] == true)
            || self.params.get("allow_sending_without_reply") == Some(&true.into());
        match self.state.message(chat.unwrap_or(place.id), wanted) {
            Some(message) => {
                let mut wire = message.wire.clone();
                wire.remove("reply_to_message");
                Ok(Some(wire.into()))
            }
            None if optional => Ok(None),
            None => Err(Refusal::bad("message to be replied not found")),
        }
    }

    /// The inline keyboard of the call; other markup is accepted and not part of a message.
    pub(super) fn inline_markup(&self) -> Result<Option<Value>, Refusal> {
        let Some(markup) = self.params.get("reply_markup") else {
            return Ok(None);
        };
        let Some(rows) = markup.get("inline_keyboard").and_then(Value::as_array) else {
            return Ok(None);
        };
        for button in rows.iter().filter_map(Value::as_array).flatten() {
            if button["text"].as_str().unwrap_or_default().is_empty() {
                return Err(Refusal::bad("BUTTON_TEXT_INVALID"));
            }
            let data = button["callback_data"].as_str().unwrap_or_default();
            if data.len() > MAX_BUTTON_DATA {
                return Err(Refusal::bad("BUTTON_DATA_INVALID"));
            }
        }
        Ok((!rows.is_empty()).then(|| markup.clone()))
    }
}
