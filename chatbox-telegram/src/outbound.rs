//! From what the house wants said to requests of the Bot API. Pure: no socket, no clock, no memory.
//!
//! Each verb is exactly one request, so that one answer settles it. Link previews are off wherever a text can have one:
//! a preview is a visit to an address that an agent wrote and nobody clicked.

mod media;
mod place;
mod request;
mod table;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use media::{MAX_ALBUM, MAX_UPLOAD};
pub(crate) use request::Request;
pub(crate) use text::{MAX_CAPTION, MAX_TEXT, TelegramDialect};

use crate::error::{Effect, Refusal};
use chatbox_connector_api::id::EventId;
use chatbox_connector_api::markup::{Markup, split};
use chatbox_connector_api::{AdapterError, ErrorKind, OutMessage, Outbound, Result, Verb};
use place::{Place, Target};
use serde::Serialize;
use teloxide_core::payloads::{
    AnswerCallbackQuery, DeleteMessage, EditMessageText, SendChatAction, SendMessage,
    SetMessageReaction,
};
use teloxide_core::types::{
    CallbackQueryId, ChatAction, ChatId, InlineKeyboardButton, InlineKeyboardMarkup,
    LinkPreviewOptions, MessageEntity, ReactionType, ReplyMarkup, ReplyParameters, ThreadId,
};
use text::{Formatted, format};

/// The longest notice a button's answer shows, in characters.
const MAX_NOTICE: usize = 200;
/// The most buttons below a message.
pub(crate) const MAX_BUTTONS: usize = 100;
/// How a reaction that is no emoji is named, on the way in and out.
const CUSTOM_EMOJI: &str = "custom_emoji:";

/// The request that does it.
///
/// # Errors
/// `NotFound` for a chat or message that cannot be Telegram's, `Invalid` for what no request can say, `Unsupported`.
pub(crate) fn request(out: &Outbound) -> Result<Request> {
    let place = Place::of(&out.chat);
    match &out.verb {
        Verb::Send(message) => send(place?, message),
        Verb::Edit { target, message } => edit(Target::of(target)?, message),
        Verb::Delete { target } => {
            let target = Target::of(target)?;
            let payload = DeleteMessage::new(target.recipient(), target.message);
            Ok(Request::typed(&payload, Effect::Repeatable))
        }
        Verb::React { target, emoji } => Ok(react(Target::of(target)?, emoji)),
        Verb::Answer { token, text } => Ok(answer(token, text)),
        Verb::Typing => Ok(typing(place?)),
        Verb::Draft { id, markup } => Ok(draft(place?, *id, markup)),
        other => {
            let sentence = format!("Telegram has no `{}` for bots", other.name());
            Err(AdapterError::new(ErrorKind::Unsupported, sentence))
        }
    }
}

/// What to do after a refusal that another form of the same request avoids. The refused one had no effect.
pub(crate) fn second_try(request: &Request, refusal: &Refusal) -> Option<Request> {
    if refusal.wants_caption() {
        request.text_as_caption()
    } else if refusal.blames_entities() {
        request.without_entities()
    } else if refusal.blames_photo() {
        request.photo_as_document()
    } else {
        None
    }
}

/// A message's name: `<chat>/<message>`.
pub(crate) fn message_name(chat: i64, message: i64) -> EventId {
    EventId::new(format!("{chat}/{message}"))
}

fn send(place: Place, message: &OutMessage) -> Result<Request> {
    let formatted = format(&message.markup);
    let (reply, lost) = reply(place, message.reply_to.as_ref());
    let request = if message.attachments.is_empty() {
        check_text(&formatted)?;
        let mut payload = SendMessage::new(place.recipient(), formatted.text);
        payload.message_thread_id = place.thread;
        payload.entities = some(formatted.entities);
        payload.link_preview_options = Some(no_preview());
        payload.reply_parameters = reply;
        payload.reply_markup = keyboard(&message.choices);
        Request::typed(&payload, Effect::Once)
    } else {
        media::send(place, &message.attachments, &formatted, reply.as_ref())?
    };
    Ok(match lost {
        Some(what) => request.losing(what),
        None => request,
    })
}

/// A button a row, so that long ones can be read.
fn keyboard(choices: &[String]) -> Option<ReplyMarkup> {
    let button = |(choice, number): (&String, usize)| {
        [InlineKeyboardButton::callback(
            choice.clone(),
            number.to_string(),
        )]
    };
    let rows = choices.iter().zip(1..).map(button);
    (!choices.is_empty()).then(|| InlineKeyboardMarkup::new(rows).into())
}

fn edit(target: Target, message: &OutMessage) -> Result<Request> {
    let formatted = format(&message.markup);
    check_text(&formatted)?;
    let mut payload = EditMessageText::new(target.recipient(), target.message, formatted.text);
    payload.entities = some(formatted.entities);
    payload.link_preview_options = Some(no_preview());
    let request = Request::typed(&payload, Effect::Repeatable);
    if message.attachments.is_empty() {
        return Ok(request);
    }
    let caption = request.text_as_caption().unwrap_or(request);
    Ok(caption.losing("an edit changes the text, not the files"))
}

fn react(target: Target, emoji: &[String]) -> Request {
    let reaction = |name: &String| match name.strip_prefix(CUSTOM_EMOJI) {
        Some(id) => ReactionType::CustomEmoji {
            custom_emoji_id: teloxide_core::types::CustomEmojiId(id.to_owned()),
        },
        None => ReactionType::Emoji {
            emoji: name.clone(),
        },
    };
    let mut payload = SetMessageReaction::new(target.recipient(), target.message);
    payload.reaction = Some(emoji.iter().map(reaction).collect());
    Request::typed(&payload, Effect::Repeatable)
}

fn answer(token: &str, text: &str) -> Request {
    let mut payload = AnswerCallbackQuery::new(CallbackQueryId(token.to_owned()));
    let shown: String = text.chars().take(MAX_NOTICE).collect();
    let cut = shown.len() < text.len();
    payload.text = (!shown.is_empty()).then_some(shown);
    let request = Request::typed(&payload, Effect::Repeatable);
    if cut {
        return request.losing("the notice of a button holds 200 characters");
    }
    request
}

fn typing(place: Place) -> Request {
    let mut payload = SendChatAction::new(place.recipient(), ChatAction::Typing);
    payload.message_thread_id = place.thread;
    Request::typed(&payload, Effect::Repeatable)
}

/// The reply as it grows. Newer than teloxide's methods; only one-to-one chats have it, elsewhere we are seen typing.
fn draft(place: Place, id: i64, markup: &Markup) -> Request {
    #[derive(Serialize)]
    struct SendMessageDraft {
        chat_id: ChatId,
        #[serde(skip_serializing_if = "Option::is_none")]
        message_thread_id: Option<ThreadId>,
        draft_id: i64,
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        entities: Option<Vec<MessageEntity>>,
    }
    if !place.is_private() {
        return typing(place);
    }
    // A reply longer than a message will be sent in parts: the one being written is shown.
    let parts = split(markup, &TelegramDialect, MAX_TEXT);
    let formatted = parts.last().map(format).unwrap_or_default();
    let payload = SendMessageDraft {
        chat_id: place.chat,
        message_thread_id: place.thread,
        draft_id: id,
        text: formatted.text,
        entities: some(formatted.entities),
    };
    Request::new("sendMessageDraft", &payload, Effect::Repeatable)
}

/// The reply's parameters, and what is lost where there can be none.
fn reply(place: Place, to: Option<&EventId>) -> (Option<ReplyParameters>, Option<&'static str>) {
    let Some(to) = to else {
        return (None, None);
    };
    match Target::of(to) {
        Ok(target) if target.chat == place.chat => {
            let reply = ReplyParameters::new(target.message).allow_sending_without_reply();
            (Some(reply), None)
        }
        _ => (None, Some("the message it answers is not in this chat")),
    }
}

fn check_text(formatted: &Formatted) -> Result<()> {
    let sentence = if formatted.text.trim().is_empty() {
        "Telegram takes no empty text".to_owned()
    } else if formatted.units > MAX_TEXT {
        let units = formatted.units;
        format!("a text of {units} UTF-16 units is longer than a message's {MAX_TEXT}")
    } else {
        return Ok(());
    };
    Err(AdapterError::new(ErrorKind::Invalid, sentence))
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

fn some(entities: Vec<MessageEntity>) -> Option<Vec<MessageEntity>> {
    (!entities.is_empty()).then_some(entities)
}
