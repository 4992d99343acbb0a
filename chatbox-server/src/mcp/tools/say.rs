//! Saying something.

use super::files::{self, File, Given};
use super::{Verb, adds};
use crate::mcp::desk::{Desk, Enclosed};
use crate::mcp::names::Name;
use crate::mcp::refusal::Refusal;
use crate::mcp::view;
use chatbox_core::event::Content;
use chatbox_core::store::Chat;
use rmcp::model::ToolAnnotations;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest text, in bytes.
const LONGEST: usize = 512 * 1024;

pub(super) struct SendMessage;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Takes {
    /// What to say, in CommonMark. What is longer than one message of the platform is sent as several. May be left out
    /// where there are files.
    #[serde(default)]
    text: String,
    /// Files to send along, at most 10, where the platform takes files. The whole call has at most 4 MiB.
    #[serde(default)]
    files: Vec<Given>,
    /// The message to answer, where the platform shows such a thing.
    #[serde(default)]
    reply_to: Option<Name>,
    /// The chat you believe to look at. Nothing is sent where you look at another one.
    #[serde(default)]
    chat_id: Option<Name>,
}

/// What was said or done.
#[derive(Serialize, JsonSchema)]
pub(super) struct Done {
    /// What to call it. It is on its way: should it not arrive, wait_for_events tells of an outcome.
    message_id: String,
    /// Where.
    chat_id: String,
}

impl Done {
    pub(super) fn new(seq: chatbox_core::id::Seq, chat: &chatbox_core::store::Chat) -> Self {
        Self {
            message_id: format!("msg_{seq}"),
            chat_id: view::chat_id(chat),
        }
    }
}

impl Verb for SendMessage {
    const NAME: &'static str = "send_message";
    const TITLE: &'static str = "Send a message";
    const SAYS: &'static str = "Says something in the chat you look at, and nowhere else, with files if you like. It is \
        stored before this returns and then sent; should it not arrive, wait_for_events tells you. To write elsewhere, \
        switch_chat first.";
    type Takes = Takes;
    type Gives = Done;

    fn hints() -> ToolAnnotations {
        adds()
    }

    async fn run(desk: &Desk, takes: Takes) -> Result<Done, Refusal> {
        let files = files::read(takes.files)?;
        if files.is_empty() || !takes.text.is_empty() {
            sayable(&takes.text)?;
        }
        let chat = desk.here_believed(takes.chat_id.as_ref()).await?;
        let reply_to = match &takes.reply_to {
            None => None,
            Some(name) => {
                let (row, of) = desk.message(name.message()?).await?;
                if of.id != chat.id {
                    let says = "the message to answer is in another chat";
                    let next = "Call read_messages and answer one of the chat you look at.";
                    return Err(Refusal::new("reply_target_invalid", says, next));
                }
                Some(desk.platform_name(&row).await?)
            }
        };
        let files = enclosed(desk, &chat, files).await?;
        let content = Content {
            text: takes.text,
            reply_to,
            ..Content::default()
        };
        let seq = desk.send(&chat, content, files).await?;
        Ok(Done::new(seq, &chat))
    }
}

/// The files as they go along, once it is certain that the chat's platform takes them all.
async fn enclosed(desk: &Desk, chat: &Chat, files: Vec<File>) -> Result<Vec<Enclosed>, Refusal> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let limits = desk.takes_files(chat)?;
    let mut enclosed = Vec::with_capacity(files.len());
    for file in files {
        let file = match file {
            File::Here(id) => Enclosed::Here(desk.file(&id).await?),
            File::Brought(brought) => Enclosed::Brought(brought),
        };
        let size = match &file {
            Enclosed::Here(file) => file.size.unwrap_or(0),
            Enclosed::Brought(brought) => brought.bytes.len() as u64,
        };
        files::fits(limits, size)?;
        enclosed.push(file);
    }
    Ok(enclosed)
}

/// Whether a text says anything, and can be stored.
pub(super) fn sayable(text: &str) -> Result<(), Refusal> {
    if !text.chars().any(is_seen) {
        let next = "Call again with something to say.";
        return Err(Refusal::new("empty_message", "the text says nothing", next));
    }
    if text.len() > LONGEST {
        let says = format!("the text is longer than {LONGEST} bytes");
        return Err(Refusal::new("text_too_long", says, "Send it in pieces."));
    }
    if text.contains('\0') {
        let says = "the text holds U+0000, which cannot be stored";
        let next = "Call again without that character.";
        return Err(Refusal::new("control_character", says, next));
    }
    Ok(())
}

/// Whether a character shows: white space, controls and characters without width do not.
fn is_seen(c: char) -> bool {
    let unseen = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    );
    !(unseen || c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::sayable;

    #[test]
    fn a_text_must_say_something() {
        for nothing in ["", " \n\t", "\u{200b}\u{feff}", "\u{2060}", "\u{1}"] {
            assert_eq!(
                sayable(nothing).expect_err("it says nothing").code,
                "empty_message"
            );
        }
        for something in ["0", " x ", "\u{200b}👍"] {
            assert_eq!(sayable(something), Ok(()), "{something:?}");
        }
        assert_eq!(sayable("a\0").expect_err("it").code, "control_character");
        let long = "x".repeat(super::LONGEST + 1);
        assert_eq!(sayable(&long).expect_err("it").code, "text_too_long");
    }
}
