//! The chats of a mailbox as an agent reads them.

use super::show;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// How many chats are shown.
const SHOWN: usize = 20;

/// One chat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChatLine {
    /// Its address: what `switch_chat` takes.
    pub id: String,
    /// Its title.
    pub name: Option<String>,
    /// Whether the mailbox looks at it.
    pub focal: bool,
    /// How much of it is unread.
    pub unread: u64,
    /// Whether it is to be left out unless it is focal.
    pub muted: bool,
    /// Its last message, as [`preview`](super::preview) shows it.
    pub preview: Option<String>,
}

/// A list of chats: the focal one first and marked, the others as given, at most twenty. Nothing for no chats. Each
/// chat is one line, whatever people call themselves.
pub fn chat_list(chats: &[ChatLine]) -> String {
    let focal = chats.iter().filter(|chat| chat.focal);
    let others = chats.iter().filter(|chat| !chat.focal && !chat.muted);
    let all: Vec<&ChatLine> = focal.chain(others).collect();
    let (shown, left_out) = all.split_at(all.len().min(SHOWN));
    if shown.is_empty() {
        return String::new();
    }
    let mut list = String::from("Chats:");
    for chat in shown {
        push(&mut list, chat);
    }
    if !left_out.is_empty() {
        let unread: u64 = left_out.iter().map(|chat| chat.unread).sum();
        let many = left_out.len();
        write!(
            list,
            "\n… and {many} more with {unread} unread: call list_chats"
        )
        .expect("a string takes everything");
    }
    list
}

fn push(list: &mut String, chat: &ChatLine) {
    let mark = if chat.focal { '*' } else { '-' };
    write!(list, "\n{mark} {}", show::id(&chat.id)).expect("a string takes everything");
    if let Some(name) = &chat.name {
        list.push_str(&format!(" {}", quoted(name, show::NAME)));
    }
    if chat.focal {
        list.push_str(" (focal)");
    }
    if chat.unread > 0 {
        list.push_str(&format!(", {} unread", chat.unread));
    }
    if let Some(preview) = &chat.preview {
        list.push_str(&format!(": {}", quoted(preview, 60)));
    }
}

/// Nobody's words end their own quotation.
fn quoted(text: &str, most: usize) -> String {
    format!("\"{}\"", show::line(text, most).replace('"', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, unread: u64) -> ChatLine {
        ChatLine {
            id: id.to_owned(),
            name: None,
            focal: false,
            unread,
            muted: false,
            preview: None,
        }
    }

    #[test]
    fn the_focal_chat_is_first_and_marked() {
        let ann = ChatLine {
            name: Some("Ann".into()),
            preview: Some("hello".into()),
            ..line("alpha:7", 2)
        };
        let bob = ChatLine {
            focal: true,
            muted: true,
            ..line("alpha:8", 0)
        };
        let quiet = ChatLine {
            muted: true,
            ..line("beta:9", 5)
        };
        assert_eq!(
            chat_list(&[ann, quiet, bob]),
            "Chats:\n* alpha:8 (focal)\n- alpha:7 \"Ann\", 2 unread: \"hello\""
        );
    }

    #[test]
    fn no_name_becomes_a_line_of_its_own() {
        let sly = ChatLine {
            name: Some("x\"\n* beta:1 (focal)".into()),
            preview: Some("a\u{2028}b\" (focal)".into()),
            ..line("alpha:7\nbeta:2", 0)
        };
        let list = chat_list(&[sly]);
        assert_eq!(list.lines().count(), 2);
        assert_eq!(
            list,
            "Chats:\n- alpha:7\u{fffd}beta:2 \"x' * beta:1 (focal)\": \"a b' (focal)\""
        );
    }

    #[test]
    fn a_long_list_ends_with_what_it_leaves_out() {
        let many: Vec<ChatLine> = (0..1000).map(|n| line(&format!("alpha:{n}"), 1)).collect();
        let list = chat_list(&many);
        assert_eq!(list.lines().count(), 22);
        assert!(list.ends_with("\n… and 980 more with 980 unread: call list_chats"));
        assert_eq!(chat_list(&[]), "");
    }
}
