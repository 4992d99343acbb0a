//! From what the house wants said to what Slack is asked. Pure: no socket, no clock, no memory.
//!
//! Nobody is called by what an agent says, and no link gets a preview: a preview is a visit to an address that an agent wrote
//! and nobody clicked.

mod address;
mod markdown;
mod mrkdwn;
mod place;

#[cfg(test)]
mod tests;

pub(crate) use mrkdwn::escape;
pub(crate) use place::{Spot, Target, message_name};

use crate::inbound::Ts;
use chatbox_connector_api::id::DeliveryId;
use chatbox_connector_api::markup::{Dialect, Markup, Unit};
use chatbox_connector_api::{AdapterError, ErrorKind, Result};
use slack_morphism::api::{SlackApiChatPostMessageRequest, SlackApiChatUpdateRequest};
use slack_morphism::prelude::{
    SlackActionId, SlackActionsBlock, SlackBlock, SlackBlockButtonElement, SlackChannelId,
    SlackMarkdownBlock, SlackMessageContent, SlackMessageMetadata, SlackTs,
};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What the markdown of a message holds, in UTF-16 units: Slack counts characters, and the smaller unit is safe.
pub(crate) const MAX_TEXT: usize = 12_000;
/// Where Slack cuts off a text without a word.
const MAX_FALLBACK: usize = 40_000;
/// The most files of a message.
pub(crate) const MAX_FILES: usize = 10;
/// The largest file, in bytes.
pub(crate) const MAX_UPLOAD: u64 = 1_000_000_000;
/// The most buttons below a message.
pub(crate) const MAX_BUTTONS: usize = 25;
/// The longest label of a button, in characters.
const MAX_LABEL: usize = 75;
/// The most reactions of one person on a message.
pub(crate) const MAX_REACTIONS: usize = 23;
/// What our messages say of themselves, for us alone.
pub(crate) const MARK: &str = "chatbox_delivery";

/// Measures a piece as it will be sent: as markdown, and as the older markup beside it, whose limit is another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlackDialect;

impl Dialect for SlackDialect {
    fn measure(&self, piece: &Markup) -> usize {
        let markdown = Unit::Utf16.measure(&markdown::render(piece));
        let fallback = Unit::Utf16.measure(&mrkdwn::render(piece));
        // As a part of its limit, rounded up.
        markdown.max((fallback * MAX_TEXT).div_ceil(MAX_FALLBACK))
    }
}

/// Whether the newer markup is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Words {
    /// A markdown block, and the older markup for notifications.
    Markdown,
    /// The older markup alone.
    Mrkdwn,
}

/// What a message says.
fn content(markup: &Markup, words: Words) -> Result<SlackMessageContent> {
    let text = mrkdwn::render(markup);
    let size = SlackDialect.measure(markup);
    if text.trim().is_empty() {
        return Err(invalid("Slack takes no empty text".to_owned()));
    }
    if size > MAX_TEXT {
        return Err(invalid(format!(
            "a text of {size} characters is longer than a message's {MAX_TEXT}"
        )));
    }
    let said = SlackMessageContent::new().with_text(text);
    Ok(match words {
        Words::Mrkdwn => said,
        Words::Markdown => {
            let block = SlackMarkdownBlock::new(markdown::render(markup));
            said.with_blocks(vec![SlackBlock::Markdown(block)])
        }
    })
}

/// A message as Slack takes it.
pub(crate) fn send(
    spot: &Spot,
    markup: &Markup,
    words: Words,
    key: Option<&str>,
) -> Result<SlackApiChatPostMessageRequest> {
    let mut said = content(markup, words)?;
    if let Some(key) = key {
        let hidden = [("key".to_owned(), key.to_owned())].into();
        said = said
            .with_metadata(SlackMessageMetadata::new(MARK.to_owned()).with_event_payload(hidden));
    }
    let channel = SlackChannelId(spot.channel.clone());
    let mut request = SlackApiChatPostMessageRequest::new(channel, said)
        .with_parse("none".to_owned())
        .with_link_names(false)
        .with_unfurl_links(false)
        .with_unfurl_media(false);
    request.thread_ts = spot.thread.as_ref().map(slack_ts);
    Ok(request)
}

/// The same with buttons, where it has blocks: without them nothing but its words is shown. A label that is too long is cut:
/// the text says it whole.
pub(crate) fn with_buttons(
    mut request: SlackApiChatPostMessageRequest,
    choices: &[String],
) -> SlackApiChatPostMessageRequest {
    let button = |(choice, number): (&String, usize)| {
        let whole = choice.chars().count() <= MAX_LABEL;
        let cut = || choice.chars().take(MAX_LABEL - 1).chain(['…']).collect();
        let label: String = if whole { choice.clone() } else { cut() };
        SlackBlockButtonElement::new(label.into())
            .with_action_id(SlackActionId(format!("choice-{number}")))
            .with_value(number.to_string())
            .into()
    };
    if let (false, Some(blocks)) = (choices.is_empty(), &mut request.content.blocks) {
        let buttons = choices.iter().zip(1..).map(button).collect();
        blocks.push(SlackActionsBlock::new(buttons).into());
    }
    request
}

/// A change as Slack takes it.
pub(crate) fn edit(
    target: &Target,
    markup: &Markup,
    words: Words,
) -> Result<SlackApiChatUpdateRequest> {
    let mut said = content(markup, words)?;
    // Blocks that are not spoken of would stay, and say what was said before.
    said.blocks.get_or_insert_default();
    let channel = SlackChannelId(target.channel.clone());
    Ok(
        SlackApiChatUpdateRequest::new(channel, said, slack_ts(&target.ts))
            .with_parse("none".to_owned())
            .with_link_names(false),
    )
}

pub(crate) fn slack_ts(ts: &Ts) -> SlackTs {
    SlackTs(ts.0.clone())
}

/// The older markup alone, for where there is no block.
pub(crate) fn words_of(markup: &Markup) -> String {
    mrkdwn::render(markup)
}

/// The key by which a message of ours is found again: of the delivery, and of what it says, for a number may come again after a
/// backup was restored.
pub(crate) fn key(id: DeliveryId, markup: &Markup) -> String {
    let mut hasher = DefaultHasher::new();
    mrkdwn::render(markup).hash(&mut hasher);
    format!("{:x}-{:016x}", id.0, hasher.finish())
}

fn invalid(sentence: String) -> AdapterError {
    AdapterError::new(ErrorKind::Invalid, sentence)
}
