//! What a template with `{{ … }}` can name: every placeholder in lower case, and three things with structure.

use super::variable;
use crate::event::Attachment;
use crate::template::chat_list::ChatLine;
use crate::template::moment::Moment;
use crate::template::placeholder::Placeholder;
use crate::template::show;
use minijinja::Value;

const FOCAL: &str = "focal";
const FILES: &str = "files";
const CHATS: &str = "chats";

/// Every variable.
pub(super) fn names() -> impl Iterator<Item = String> {
    let placeholders = Placeholder::ALL.into_iter().map(variable);
    placeholders.chain([FOCAL, FILES, CHATS].map(str::to_owned))
}

/// The variable that has the same with structure.
pub(super) fn also(placeholder: Placeholder) -> Option<&'static str> {
    match placeholder {
        Placeholder::ChatList => Some(CHATS),
        Placeholder::Attachments => Some(FILES),
        Placeholder::FocalChatId => Some(FOCAL),
        _ => None,
    }
}

/// Every variable with its value.
pub(super) fn of(moment: &Moment<'_>) -> Value {
    let texts = Placeholder::ALL.into_iter().map(|placeholder| {
        let value = match placeholder {
            Placeholder::UnreadCount => Value::from(moment.unread),
            _ => Value::from(placeholder.value(moment)),
        };
        (variable(placeholder), value)
    });
    let content = moment.body.content();
    let files = content.map_or(&[][..], |it| &it.attachments);
    let structured = [
        (FOCAL, Value::from(moment.is_focal())),
        (FILES, files.iter().map(file).collect()),
        (CHATS, moment.chats.iter().map(chat).collect()),
    ];
    let structured = structured.map(|(name, value)| (name.to_owned(), value));
    Value::from_pairs(texts.chain(structured))
}

fn file(file: &Attachment) -> Value {
    Value::from_pairs([
        ("name", Value::from(show::line(&file.name, show::NAME))),
        ("mime", Value::from(show::line(&file.mime, show::NAME))),
        ("size", Value::from(file.size)),
    ])
}

fn chat(chat: &ChatLine) -> Value {
    let line = |text: &Option<String>| text.as_deref().map(|it| show::line(it, show::NAME));
    Value::from_pairs([
        ("id", Value::from(show::id(&chat.id))),
        ("name", Value::from(line(&chat.name))),
        ("focal", Value::from(chat.focal)),
        ("unread", Value::from(chat.unread)),
        ("muted", Value::from(chat.muted)),
        ("preview", Value::from(line(&chat.preview))),
    ])
}
