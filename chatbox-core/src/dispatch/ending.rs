//! What is said at the end of a turn.

use super::show::{Begun, Stage};
use crate::event::Content;
use crate::house::House;
use crate::id::{ChatId, Seq};
use crate::lease::Lease;
use crate::link::Link;
use crate::router;
use crate::store::{Author, Chat, Emit, Pending, StoreError};
use crate::turn::{self, Conclusion};

/// A reply that was begun is completed; where there is none, what was begun ends with the notice, or is taken back.
pub(super) fn emits(
    house: &House,
    link: &Link,
    chat: &Chat,
    conclusion: Conclusion,
    begun: Option<Begun>,
) -> Vec<Emit> {
    let author = Author::Mailbox {
        id: chat.mailbox.clone(),
    };
    let Conclusion {
        end,
        replies,
        notice,
    } = conclusion;
    let mut begun = begun.filter(|_| end.puts_off().is_none());
    let mut emits = Vec::new();
    for content in replies {
        let emit = match &begun {
            Some(it) => router::complete(house, link, chat.id, author.clone(), content, it.seq),
            None => router::compose(house, link, chat.id, author.clone(), content),
        };
        // What says nothing is not said.
        if let Ok(emit) = emit {
            emits.push(emit);
            begun = None;
        }
    }
    let told = notice.filter(|_| house.may_notify(chat.id, turn::NOTICE_MS));
    match begun {
        Some(begun) => {
            // Without a reason to break off, what it had begun is not what it says in the end.
            let kept = notice.map(|_| [begun.text.as_str(), told.unwrap_or_default()].join("\n\n"));
            let content = Content::text(kept.unwrap_or_default().trim());
            emits.push(broken_off(house, link, chat.id, author, content, begun.seq));
        }
        None => {
            let told = told.map(|text| router::notice(house, link, chat.id, text));
            emits.extend(told.into_iter().filter_map(Result::ok));
        }
    }
    emits
}

/// Takes back what attempts that did not end began to say.
pub(super) async fn left_over(
    house: &House,
    lease: &Lease,
    pending: &Pending,
) -> Result<Vec<Emit>, StoreError> {
    let chat = &pending.chat;
    let Some(link) = house.link(&chat.connection) else {
        return Ok(Vec::new());
    };
    let begun = Stage::new(house, &link, lease, pending).left_over().await?;
    let author = Author::Mailbox {
        id: chat.mailbox.clone(),
    };
    let taken = begun.map(|it| router::take_back(house, &link, chat.id, author, it.seq));
    Ok(taken.into_iter().collect())
}

/// A reply that was begun and is not coming: what is left of it, if anything is.
fn broken_off(
    house: &House,
    link: &Link,
    chat: ChatId,
    author: Author,
    left: Content,
    begun: Seq,
) -> Emit {
    let said = router::complete(house, link, chat, author.clone(), left, begun);
    said.unwrap_or_else(|_nothing| router::take_back(house, link, chat, author, begun))
}
