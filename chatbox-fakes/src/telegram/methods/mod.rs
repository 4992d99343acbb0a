//! The methods of the Bot API, each a function of the state and its parameters.
//!
//! Owns the table of names and what the methods share: finding a chat, reading a formatted text.

mod chats;
mod edit;
mod media;
mod send;

use serde_json::Value;

use super::entities::{self, Formatted};
use super::html;
use super::params::Params;
use super::state::{Closed, State};
use super::types::{Bot, Place};
use super::wire::Refusal;

/// Longest text of a message, in UTF-16 units.
pub const MAX_TEXT: usize = 4096;
/// Longest caption, in UTF-16 units.
pub const MAX_CAPTION: usize = 1024;

type Answer = Result<Value, Refusal>;

/// Names in the spelling of the documentation.
const NAMES: &[&str] = &[
    "answerCallbackQuery",
    "deleteMessage",
    "deleteMessages",
    "deleteMyCommands",
    "deleteWebhook",
    "editMessageCaption",
    "editMessageReplyMarkup",
    "editMessageText",
    "getChat",
    "getChatMember",
    "getFile",
    "getMe",
    "getMyCommands",
    "getUpdates",
    "getWebhookInfo",
    "sendAudio",
    "sendChatAction",
    "sendDocument",
    "sendMediaGroup",
    "sendMessage",
    "sendMessageDraft",
    "sendPhoto",
    "sendVideo",
    "sendVoice",
    "setMessageReaction",
    "setMyCommands",
    "setWebhook",
];

/// The documented spelling of a method, whatever its case; an unknown one stays as it is.
pub(crate) fn canonical(method: &str) -> String {
    let known = NAMES.iter().find(|name| name.eq_ignore_ascii_case(method));
    known.map_or_else(|| method.to_owned(), |name| (*name).to_owned())
}

/// What every method gets to see.
pub(crate) struct Ctx<'a> {
    pub(crate) bot: &'a Bot,
    pub(crate) state: &'a mut State,
    pub(crate) params: &'a Params,
    pub(crate) now_ms: u64,
}

/// Runs any method but `getUpdates`.
///
/// # Errors
/// The platform's refusal.
pub(crate) fn run(
    bot: &Bot,
    state: &mut State,
    now_ms: u64,
    method: &str,
    params: &Params,
) -> Answer {
    let mut ctx = Ctx {
        bot,
        state,
        params,
        now_ms,
    };
    match method {
        "getMe" => Ok(bot.me()),
        "sendMessage" => send::message(&mut ctx),
        "sendMessageDraft" => send::draft(&mut ctx),
        "sendChatAction" => send::action(&mut ctx),
        "sendPhoto" | "sendDocument" | "sendAudio" | "sendVideo" | "sendVoice" => {
            media::single(&mut ctx, &method["send".len()..].to_ascii_lowercase())
        }
        "sendMediaGroup" => media::group(&mut ctx),
        "getFile" => media::file(&ctx),
        "editMessageText" => edit::text(&mut ctx),
        "editMessageCaption" => edit::caption(&mut ctx),
        "editMessageReplyMarkup" => edit::markup(&mut ctx),
        "deleteMessage" => edit::delete(&mut ctx),
        "deleteMessages" => edit::delete_many(&mut ctx),
        "setMessageReaction" => edit::react(&mut ctx),
        "answerCallbackQuery" => chats::answer_callback(&mut ctx),
        "getChat" => chats::get(&ctx),
        "getChatMember" => chats::member(&ctx),
        "setMyCommands" => chats::set_commands(&mut ctx),
        "deleteMyCommands" => chats::delete_commands(&mut ctx),
        "getMyCommands" => Ok(chats::commands(&ctx)),
        "setWebhook" => chats::set_webhook(&mut ctx),
        "deleteWebhook" => chats::delete_webhook(&mut ctx),
        "getWebhookInfo" => Ok(chats::webhook_info(&ctx)),
        _ => Err(Refusal::new(404, "Not Found: method not found")),
    }
}

impl Ctx<'_> {
    /// The chat the call names.
    fn place(&self) -> Result<Place, Refusal> {
        let named = self.params.get("chat_id");
        let place = match named {
            None => return Err(Refusal::bad("chat_id is empty")),
            Some(Value::String(text)) if text.is_empty() => {
                return Err(Refusal::bad("chat_id is empty"));
            }
            Some(Value::String(name)) => {
                let name = name.trim_start_matches('@');
                let is_named = |p: &&Place| !p.is_private() && p.username.as_deref() == Some(name);
                self.state.places.values().find(is_named)
            }
            Some(id) => id.as_i64().and_then(|id| self.state.places.get(&id)),
        };
        let place = place.ok_or_else(|| Refusal::bad("chat not found"))?;
        Ok(place.clone())
    }

    /// The chat the call names, if the bot may act there.
    fn open_place(&self) -> Result<Place, Refusal> {
        let place = self.place()?;
        if let Some(to) = self.state.migrated.get(&place.id) {
            return Err(Refusal::migrated(*to));
        }
        let reason = match (self.state.closed.get(&place.id), place.kind.as_str()) {
            (None, _) => return Ok(place),
            (Some(Closed::Blocked), _) => "bot was blocked by the user",
            (Some(Closed::Kicked), "supergroup") => "bot was kicked from the supergroup chat",
            (Some(Closed::Kicked), _) => "bot was kicked from the group chat",
        };
        Err(Refusal::new(403, format!("Forbidden: {reason}")))
    }

    /// Reads `text` + `entities` (or the caption pair) as the platform would store it.
    fn formatted(&self, field: &str, limit: usize, too_long: &str) -> Result<Formatted, Refusal> {
        formatted(&self.params.fields, field, limit, too_long)
    }
}

/// Reads a text with its entities from `fields`.
fn formatted(
    fields: &serde_json::Map<String, Value>,
    field: &str,
    limit: usize,
    too_long: &str,
) -> Result<Formatted, Refusal> {
    let text = match fields.get(field) {
        Some(Value::String(text)) => text.as_str(),
        None | Some(Value::Null) => "",
        Some(_) => {
            return Err(Refusal::bad(format_args!(
                "field \"{field}\" must be of type String"
            )));
        }
    };
    let mode = fields
        .get("parse_mode")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let entities_field = if field == "caption" {
        "caption_entities"
    } else {
        "entities"
    };
    let (text, entities) = match mode.to_ascii_lowercase().as_str() {
        "" | "none" => (
            text.to_owned(),
            entities::parse(fields.get(entities_field).filter(|v| !v.is_null()))?,
        ),
        "html" => html::parse(text)?,
        // Reading it as plain text would let a wrong bot pass.
        "markdown" | "markdownv2" => {
            return Err(Refusal::bad(
                "can't parse entities: this server reads HTML and entities, not Markdown",
            ));
        }
        _ => return Err(Refusal::bad("unsupported parse_mode")),
    };
    entities::normalise(&text, entities, limit, too_long)
}
