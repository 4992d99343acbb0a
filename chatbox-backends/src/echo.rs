//! The backend that says everything back. It needs no key, no network and no context, and is what the house's own speed
//! is measured with.

use async_trait::async_trait;
use chatbox_core::backend::{BackendError, CognitiveBackend, ReplySink, Turn, TurnOutcome};
use chatbox_core::event::{Attachment, Content, EventBody, Media};
use chatbox_core::id::MailboxId;
use chatbox_core::store::{Author, LaneScope, LogRow};

const PREFIX: &str = "You said: ";

/// Answers `You said: ` and what was said, word by word: several messages one a line, files by name, and the files
/// themselves where they are stored here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Echo;

#[async_trait]
impl CognitiveBackend for Echo {
    fn name(&self) -> String {
        "echo".to_owned()
    }

    fn lane(&self) -> LaneScope {
        LaneScope::Session
    }

    fn context_tokens(&self) -> u32 {
        0
    }

    async fn turn(&self, turn: Turn, reply: ReplySink) -> Result<TurnOutcome, BackendError> {
        if turn.cancelled.is_cancelled() {
            return Err(BackendError::Cancelled);
        }
        let Some(content) = echo(&turn.mailbox, &turn.new) else {
            return Ok(TurnOutcome::default());
        };
        for word in content.text.split_inclusive(char::is_whitespace) {
            reply.push(word);
        }
        Ok(TurnOutcome {
            replies: vec![content],
            tokens: 0,
        })
    }
}

fn echo(mailbox: &MailboxId, new: &[LogRow]) -> Option<Content> {
    let said = || new.iter().filter_map(|row| said(mailbox, row));
    let size: usize = said().map(|content| content.text.len() + 1).sum();
    let mut text = String::with_capacity(PREFIX.len() + size);
    let mut attachments = Vec::new();
    text.push_str(PREFIX);
    for content in said() {
        if !content.text.is_empty() {
            line(&mut text);
            text.push_str(&content.text);
        }
        for file in &content.attachments {
            line(&mut text);
            mention(&mut text, file);
            if matches!(file.media, Media::Ready { .. }) {
                attachments.push(file.clone());
            }
        }
    }
    (text.len() > PREFIX.len()).then_some(Content {
        text,
        attachments,
        reply_to: None,
        choices: Vec::new(),
    })
}

fn said<'a>(mailbox: &MailboxId, row: &'a LogRow) -> Option<&'a Content> {
    let by_others = match &row.author {
        Author::Person { .. } => true,
        Author::Mailbox { id } => id != mailbox,
        Author::System => false,
    };
    match &row.body {
        EventBody::Message(content) if by_others => Some(content),
        _ => None,
    }
}

fn line(text: &mut String) {
    if text.len() > PREFIX.len() {
        text.push('\n');
    }
}

fn mention(text: &mut String, file: &Attachment) {
    text.push_str("(file: ");
    text.push_str(&file.name);
    text.push(')');
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatbox_core::id::{ChatId, Millis, Seq};

    fn row(text: &str, files: Vec<Attachment>) -> LogRow {
        LogRow {
            seq: Seq(1),
            chat: ChatId(1),
            author: Author::Person {
                id: "7".into(),
                name: None,
            },
            out: false,
            body: EventBody::Message(Content {
                text: text.to_owned(),
                attachments: files,
                reply_to: None,
                choices: Vec::new(),
            }),
            event: None,
            target: None,
            late: false,
            wakes: true,
            at: Millis(1),
        }
    }

    fn file(name: &str, media: Media) -> Attachment {
        Attachment {
            name: name.to_owned(),
            mime: "image/png".to_owned(),
            size: None,
            media,
        }
    }

    fn echoed(new: &[LogRow]) -> Option<Content> {
        echo(&"agent".into(), new)
    }

    #[test]
    fn one_message_is_said_back_as_it_is() {
        assert_eq!(
            echoed(&[row("hi  *there*", vec![])]),
            Some(Content::text("You said: hi  *there*"))
        );
    }

    #[test]
    fn several_are_one_reply() {
        let new = [row("one", vec![]), row("two", vec![])];
        assert_eq!(echoed(&new), Some(Content::text("You said: one\ntwo")));
    }

    #[test]
    fn files_are_named_and_come_back_when_they_are_here() {
        let ready = file("cat.png", Media::Ready { id: "m1".into() });
        let pending = file(
            "dog.png",
            Media::Pending {
                source: "x".to_owned(),
            },
        );
        let said =
            echoed(&[row("look", vec![ready.clone(), pending])]).expect("something was said");
        assert_eq!(
            said.text,
            "You said: look\n(file: cat.png)\n(file: dog.png)"
        );
        assert_eq!(said.attachments, [ready]);
    }

    #[test]
    fn only_what_others_say_is_said_back() {
        let mut own = row("mine", vec![]);
        own.author = Author::Mailbox { id: "agent".into() };
        let mut notice = row("busy", vec![]);
        notice.author = Author::System;
        assert_eq!(echoed(&[own, notice]), None);
    }
}
