//! Whose a chat is, and on which connection: that stays so, so what was once looked up is kept.

use crate::id::{ChatId, ConnectionId, MailboxId};
use crate::link::locked;
use crate::store::{Store, StoreError};
use std::collections::HashMap;
use std::sync::Mutex;

/// The most chats that are kept; after that it begins anew.
const MOST: usize = 10_000;

/// Where a chat belongs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) connection: ConnectionId,
    pub(crate) mailbox: MailboxId,
}

/// Chats whose place was asked for.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<ChatId, Place>>);

impl Places {
    pub(crate) async fn of(
        &self,
        store: &dyn Store,
        chat: ChatId,
    ) -> Result<Option<Place>, StoreError> {
        let known = locked(&self.0).get(&chat).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let Some(found) = store.chat(chat).await? else {
            return Ok(None);
        };
        let place = Place {
            connection: found.connection,
            mailbox: found.mailbox,
        };
        let mut places = locked(&self.0);
        if places.len() >= MOST {
            places.clear();
        }
        places.insert(chat, place.clone());
        Ok(Some(place))
    }
}
