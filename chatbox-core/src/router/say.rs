//! The way out for what is said otherwise than by ending a turn.

use super::announce::announce_emitted;
use super::emit::{compose, emit};
use super::single;
use crate::connector::{self, Verb};
use crate::event::{ChatKind, Content, EventBody};
use crate::house::{Error, House};
use crate::id::{ChatId, EventId, MailboxId, Seq};
use crate::link::Link;
use crate::plan;
use crate::store::{Author, Chat, Done, Emit, Outcome, PlannedPart, Step, StoreError, Under};
use std::sync::Arc;

/// What an agent or a person above it can do to a chat outside a turn.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Say {
    /// Says something new.
    Message(Content),
    /// Changes an earlier message of the mailbox.
    Edit {
        /// The message's row.
        target: Seq,
        /// All it says now.
        content: Content,
    },
    /// Takes an earlier message of the mailbox back.
    Delete {
        /// The message's row.
        target: Seq,
    },
    /// Sets the mailbox's reactions to a message.
    React {
        /// The message's row.
        target: Seq,
        /// The emoji; none removes them.
        emoji: Vec<String>,
    },
}

/// What else holds of something that is said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// Only while this turn runs, and in its name.
    pub(crate) under: Option<Under>,
    /// Only once: what was said under this key before is not said again.
    pub(crate) key: Option<String>,
}

/// Says something before a turn ends: one log row, and its parts in the outbox. Answers with the row it became, or had
/// become before.
///
/// # Errors
/// What the platform does not offer, a chat or message that does not exist, a turn that is over, or the store.
pub(crate) async fn say(
    house: &House,
    chat: &Chat,
    author: Author,
    say: Say,
    terms: Terms,
) -> Result<Seq, Error> {
    let link = house.running(&chat.connection)?;
    let said = match say {
        Say::Message(content) => compose(house, &link, chat.id, author, content)?,
        other => about(house, &link, chat.id, author, other).await?,
    };
    let said = Emit {
        under: terms.under,
        idem: terms.key,
        ..said
    };
    match single(house, Step::Emit(Box::new(said.clone()))).await? {
        Outcome::Done(Done::Appended { rows, .. }) if !rows.is_empty() => {
            announce_emitted(&link, chat, vec![said], &rows);
            Ok(rows[0].seq)
        }
        Outcome::Duplicate { seq: Some(seq) } => Ok(seq),
        Outcome::Fenced => Err(Error::TurnOver),
        _ => Err(Error::NotFound(format!("chat {}", chat.id))),
    }
}

/// An emit about an earlier row, named as its platform names it.
async fn about(
    house: &House,
    link: &Arc<Link>,
    chat: ChatId,
    author: Author,
    say: Say,
) -> Result<Emit, Error> {
    let (target, names) = match &say {
        Say::Edit { target, .. } | Say::Delete { target } | Say::React { target, .. } => {
            (*target, house.store.names_of(*target).await?)
        }
        Say::Message(_) => (Seq::ZERO, Vec::new()),
    };
    let parts = match link.is_native() {
        true => Vec::new(),
        false => plan_about(link, target, &names, &say)?,
    };
    let own = names.into_iter().next();
    let own = own.unwrap_or_else(|| EventId::new(target.to_string()));
    let body = match say {
        Say::Message(content) => EventBody::Message(content),
        Say::Edit { content, .. } => EventBody::Edit {
            target: own,
            content,
        },
        Say::Delete { .. } => EventBody::Delete { target: own },
        Say::React { emoji, .. } => EventBody::Reaction { target: own, emoji },
    };
    Ok(emit(house, link, chat, author, body, Some(target), parts))
}

/// The parts by which a platform is told about an earlier row. What it does not offer is said first: a message it
/// never named makes no difference then.
fn plan_about(
    link: &Link,
    target: Seq,
    names: &[EventId],
    say: &Say,
) -> Result<Vec<PlannedPart>, Error> {
    let can = &link.capabilities;
    let verb = |target: &EventId| match say {
        Say::React { emoji, .. } => Verb::React {
            target: target.clone(),
            emoji: emoji.clone(),
        },
        Say::Edit { .. } => Verb::Edit {
            target: target.clone(),
            message: connector::OutMessage::default(),
        },
        Say::Delete { .. } | Say::Message(_) => Verb::Delete {
            target: target.clone(),
        },
    };
    connector::check(can, &verb(&EventId::new("")))?;
    let missing = || Error::NotFound(format!("message {target} on {}", link.platform));
    let first = names.first().ok_or_else(missing)?;
    match say {
        Say::Edit { content, .. } => Ok(plan::edit(first.clone(), content, can, &*link.dialect)?),
        Say::React { .. } => Ok(plan::verb(verb(first), can)?),
        Say::Delete { .. } | Say::Message(_) => {
            let each = names.iter().map(|name| plan::verb(verb(name), can));
            let parts = each.collect::<Result<Vec<_>, _>>()?;
            Ok(parts.into_iter().flatten().collect())
        }
    }
}

/// The chat a mailbox would use to reach its owner: the newest one-to-one chat of a connection.
pub(crate) async fn newest_dm(
    house: &House,
    mailbox: &MailboxId,
    link: &Link,
) -> Result<Option<Chat>, StoreError> {
    let chats = house.store.chats(mailbox, 200).await?;
    Ok(chats
        .into_iter()
        .find(|chat| chat.connection == link.id && chat.kind == ChatKind::Dm))
}
