//! From what the house wants said to what Discord is asked. Pure: no socket, no clock, no memory.
//!
//! Nobody is called by what an agent says, and no link gets a preview: a preview is a visit to an address that an agent
//! wrote and nobody clicked.

mod place;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use place::{Target, channel, message_name};
pub(crate) use text::{DiscordDialect, MAX_TEXT};

use chatbox_connector_api::id::DeliveryId;
use chatbox_connector_api::{AdapterError, ErrorKind, OutMessage, Result};
use serde::Serialize;
use serde_json::{Map, Value};
use serenity::all::ButtonStyle;
use serenity::builder::{
    CreateActionRow, CreateAllowedMentions, CreateButton, CreateMessage, EditMessage,
};
use serenity::model::channel::{MessageFlags, MessageReference, MessageReferenceKind, Nonce};
use serenity::model::id::ChannelId;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The most files of a message.
pub(crate) const MAX_FILES: usize = 10;
/// The largest file a bot may send without a boosted guild, in bytes.
pub(crate) const MAX_UPLOAD: u64 = 10 * 1024 * 1024;
/// The most buttons below a message: five rows of five.
pub(crate) const MAX_BUTTONS: usize = 25;
/// The longest label of a button, in characters.
const MAX_LABEL: usize = 80;
/// The most reactions we set on one message; Discord has twenty different ones.
pub(crate) const MAX_REACTIONS: usize = 20;

/// A message as Discord takes it, and what is lost on the way.
pub(crate) fn send(
    id: Option<DeliveryId>,
    place: ChannelId,
    message: &OutMessage,
) -> Result<(CreateMessage, Option<String>)> {
    let content = text::render(&message.markup);
    check(&content, message.attachments.is_empty())?;
    let mut said = CreateMessage::new()
        .allowed_mentions(CreateAllowedMentions::new())
        .flags(MessageFlags::SUPPRESS_EMBEDS);
    if let Some(id) = id {
        said = said
            .nonce(Nonce::String(nonce(id, &content)))
            .enforce_nonce(true);
    }
    let mut lost = None;
    match message.reply_to.as_ref().map(Target::of) {
        Some(Ok(target)) if target.channel == place => {
            let reference = MessageReference::new(MessageReferenceKind::Default, place);
            said = said.reference_message(
                reference
                    .message_id(target.message)
                    .fail_if_not_exists(false),
            );
        }
        Some(_) => lost = Some("the message it answers is not in this channel".to_owned()),
        None => {}
    }
    if !message.choices.is_empty() {
        said = said.components(buttons(&message.choices));
    }
    Ok((said.content(content), lost))
}

/// A row holds five. A label that is too long is cut: the text says it whole.
fn buttons(choices: &[String]) -> Vec<CreateActionRow> {
    let button = |(choice, number): (&String, usize)| {
        let whole = choice.chars().count() <= MAX_LABEL;
        let cut = || choice.chars().take(MAX_LABEL - 1).chain(['…']).collect();
        let label = if whole { choice.clone() } else { cut() };
        CreateButton::new(number.to_string())
            .label(label)
            .style(ButtonStyle::Secondary)
    };
    let all: Vec<CreateButton> = choices.iter().zip(1..).map(button).collect();
    let rows = all
        .chunks(5)
        .map(|row| CreateActionRow::Buttons(row.to_vec()));
    rows.collect()
}

/// A change as Discord takes it, and what is lost on the way.
pub(crate) fn edit(message: &OutMessage) -> Result<(EditMessage, Option<String>)> {
    let content = text::render(&message.markup);
    check(&content, true)?;
    let said = EditMessage::new()
        .content(content)
        .allowed_mentions(CreateAllowedMentions::new())
        .flags(MessageFlags::SUPPRESS_EMBEDS);
    let files = !message.attachments.is_empty();
    Ok((
        said,
        files.then(|| "an edit changes the text, not the files".to_owned()),
    ))
}

/// The key by which Discord recognises a repetition: of the delivery, and of what it says, for a number may come again
/// after a backup was restored. At most 25 letters.
fn nonce(id: DeliveryId, content: &str) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("{:x}-{:08x}", id.0, hasher.finish() >> 32)
}

/// A builder's JSON. serenity always lists the files it carries itself, which are none: ours are beside it.
pub(crate) fn payload(said: &impl Serialize) -> Result<String> {
    let broken =
        |error: serde_json::Error| AdapterError::new(ErrorKind::Invalid, error.to_string());
    let mut fields: Map<String, Value> = serde_json::to_value(said)
        .and_then(serde_json::from_value)
        .map_err(broken)?;
    fields.remove("attachments");
    serde_json::to_string(&fields).map_err(broken)
}

/// Something of somebody's in the path of a request.
pub(crate) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte);
    let one = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

fn check(content: &str, needed: bool) -> Result<()> {
    let length = content.chars().count();
    let sentence = if needed && content.trim().is_empty() {
        "Discord takes no empty text".to_owned()
    } else if length > MAX_TEXT {
        format!("a text of {length} code points is longer than a message's {MAX_TEXT}")
    } else {
        return Ok(());
    };
    Err(AdapterError::new(ErrorKind::Invalid, sentence))
}
