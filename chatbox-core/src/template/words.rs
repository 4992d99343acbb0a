//! Events in a few words.

use super::show;
use crate::event::{ChatKind, EventBody};
use std::borrow::Cow;

/// Who says what nobody on a platform said.
pub(super) const HOUSE: &str = "chatbox";
/// How long a preview is, in characters.
const PREVIEW: usize = 60;
/// How many files are named.
const FILES: usize = 20;

/// What was said; where nothing was, what happened.
pub(super) fn text(body: &EventBody) -> Cow<'_, str> {
    match body {
        EventBody::Message(content) | EventBody::Edit { content, .. } => {
            if !content.text.is_empty() {
                return content.text.as_str().into();
            }
            match content.attachments.as_slice() {
                [] => "".into(),
                [file] => format!("sent {}", show::line(&file.name, show::NAME)).into(),
                files => format!("sent {} files", files.len()).into(),
            }
        }
        EventBody::Delete { .. } => "took a message back".into(),
        EventBody::Reaction { emoji: all, .. } if all.is_empty() => "took a reaction back".into(),
        EventBody::Reaction { emoji: all, .. } => format!("reacted {}", emoji(all)).into(),
        EventBody::Action(action) if action.argument.is_empty() => {
            format!("/{}", action.name).into()
        }
        EventBody::Action(action) => format!("/{} {}", action.name, action.argument).into(),
        EventBody::Receipt { .. } => "has read the chat".into(),
        EventBody::Member { who, present } => {
            let name = who.name.as_deref().unwrap_or(who.id.as_str());
            let did = if *present { "joined" } else { "left" };
            format!("{} {did}", show::line(name, show::NAME)).into()
        }
        EventBody::Moved { to } => format!("the chat goes on as {}", show::id(to.as_str())).into(),
        EventBody::Unsupported { what } => format!(
            "sent something unknown here ({})",
            show::line(what, show::NAME)
        )
        .into(),
        EventBody::Outcome { of, state, reason } => {
            format!("message {of}: {state}, {}", show::line(reason, 200)).into()
        }
    }
}

/// The beginning of what an event says, on one line: 60 characters and `…`.
pub fn preview(body: &EventBody) -> String {
    show::line(&text(body), PREVIEW)
}

/// Names, types and sizes.
pub(super) fn files(body: &EventBody) -> String {
    let files = body.content().map_or(&[][..], |it| &it.attachments);
    let named = files.iter().take(FILES).map(|file| {
        let name = show::line(&file.name, show::NAME);
        let mime = show::line(&file.mime, show::NAME);
        match file.size {
            Some(size) => format!("{name} ({mime}, {size} bytes)"),
            None => format!("{name} ({mime})"),
        }
    });
    let mut all: Vec<String> = named.collect();
    if files.len() > FILES {
        all.push(format!("and {} more", files.len() - FILES));
    }
    all.join(", ")
}

pub(super) fn emoji(all: &[String]) -> String {
    show::line(&all.join(" "), show::NAME)
}

pub(super) fn kind(kind: ChatKind) -> &'static str {
    match kind {
        ChatKind::Dm => "dm",
        ChatKind::Group => "group",
        ChatKind::Channel => "channel",
        ChatKind::Thread => "thread",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attachment, Content, Media};

    #[test]
    fn a_preview_is_a_line_of_sixty_characters() {
        let of = |text: &str| preview(&EventBody::Message(Content::text(text)));
        assert_eq!(of("hello\nthere"), "hello there");
        assert_eq!(of(&"x".repeat(60)), "x".repeat(60));
        assert_eq!(of(&"x".repeat(61)), format!("{}…", "x".repeat(60)));
        assert_eq!(of(&"日".repeat(1_000_000)), format!("{}…", "日".repeat(60)));
    }

    #[test]
    fn what_nobody_said_is_told_in_words() {
        let reaction = |emoji: &[&str]| EventBody::Reaction {
            target: "1".into(),
            emoji: emoji.iter().map(|&it| it.to_owned()).collect(),
        };
        assert_eq!(preview(&reaction(&["👍"])), "reacted 👍");
        assert_eq!(preview(&reaction(&[])), "took a reaction back");
        let file = Attachment {
            name: "a\nb.png".into(),
            mime: "image/png".into(),
            size: Some(7),
            media: Media::Pending { source: "x".into() },
        };
        let body = EventBody::Message(Content {
            attachments: vec![file; 25],
            ..Content::default()
        });
        assert_eq!(preview(&body), "sent 25 files");
        assert!(files(&body).starts_with("a b.png (image/png, 7 bytes), "));
        assert!(files(&body).ends_with(", and 5 more"));
    }
}
