//! Waiting until something changes that somebody watches. What is told is a hint: who hears it looks again, so that one
//! too many does no harm and none is missed.

use super::desk::Desk;
use super::refusal::Refusal;
use super::tools::{LOOK, platform};
use super::uri::Resource;
use super::{lent, view};
use chatbox_core::id::{ChatId, Seq};
use rmcp::model::{SubscriptionFilter, Tool};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::Notify;

/// What somebody watches.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// What was asked for when the stream was opened.
    These {
        /// Whether the tools are meant.
        tools: bool,
        /// The addresses of resources.
        uris: Vec<String>,
    },
    /// Whatever resources the mailbox watches by now.
    Watched,
}

/// What changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Changes {
    /// Whether there are other tools.
    pub(super) tools: bool,
    /// The addresses of resources that read otherwise than before.
    pub(super) uris: Vec<String>,
    /// The place in the log up to which this tells of.
    pub(super) upto: Seq,
}

/// Somebody who watches.
#[derive(Debug)]
pub(super) struct Watch {
    desk: Desk,
    bell: Arc<Notify>,
    wanted: Wanted,
    upto: Seq,
    focal: Option<ChatId>,
    tools: Vec<Tool>,
}

impl From<&SubscriptionFilter> for Wanted {
    fn from(filter: &SubscriptionFilter) -> Self {
        Self::These {
            tools: filter.tools_list_changed == Some(true),
            uris: filter.resource_subscriptions.clone().unwrap_or_default(),
        }
    }
}

impl Watch {
    /// Begins after a place in the log. Without one, and where the log has no such place, every resource in which there is
    /// anything is told of once: it may have changed since whoever watches it looked.
    pub(super) async fn begin(
        desk: &Desk,
        wanted: Wanted,
        after: Option<Seq>,
    ) -> Result<Self, Refusal> {
        // Rung from here on, so that nothing falls between looking and listening.
        let bell = desk.bell();
        let tools = match wanted {
            Wanted::These { tools: true, .. } => offer(desk).await?,
            _ => Vec::new(),
        };
        let head = desk.head().await?;
        let focal = desk.focal().await?.map(|chat| chat.id);
        Ok(Self {
            desk: desk.clone(),
            bell,
            wanted,
            upto: after.filter(|after| *after <= head).unwrap_or(Seq::ZERO),
            focal,
            tools,
        })
    }

    /// The next changes.
    pub(super) async fn next(&mut self) -> Result<Changes, Refusal> {
        let bell = self.bell.clone();
        loop {
            let mut rung = std::pin::pin!(bell.notified());
            rung.as_mut().enable();
            let changes = self.look().await?;
            if changes.tools || !changes.uris.is_empty() {
                return Ok(changes);
            }
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<Changes, Refusal> {
        // Before what is wanted: who asks for more after this has read what happened up to here.
        let head = self.desk.head().await?;
        let (tools, uris) = match &self.wanted {
            Wanted::These { tools, uris } => (*tools, uris.clone()),
            Wanted::Watched => (false, self.desk.watched().await?),
        };
        let changes = Changes {
            tools: tools && self.has_other_tools().await?,
            uris: match uris.is_empty() {
                true => uris,
                false => self.changed(uris).await?,
            },
            upto: head,
        };
        self.upto = head;
        Ok(changes)
    }

    async fn has_other_tools(&mut self) -> Result<bool, Refusal> {
        let now = offer(&self.desk).await?;
        let others = now != self.tools;
        self.tools = now;
        Ok(others)
    }

    /// Those of the resources that read otherwise by now. A chat that is muted is in no list.
    async fn changed(&mut self, mut uris: Vec<String>) -> Result<Vec<String>, Refusal> {
        let chats = self.desk.changed(self.upto).await?;
        let focal = self.desk.focal().await?.map(|chat| chat.id);
        let moved = std::mem::replace(&mut self.focal, focal) != focal;
        let muted = match chats.is_empty() {
            true => HashSet::new(),
            false => self.desk.muted().await?,
        };
        let listed = moved || chats.iter().any(|chat| !muted.contains(&chat.id));
        let names: HashSet<String> = chats.iter().map(view::chat_id).collect();
        let mailbox = self.desk.mailbox();
        uris.retain(|uri| match Resource::parse(uri, mailbox) {
            Some(Resource::Chats) => listed,
            Some(Resource::Chat(chat)) => {
                let address = chat.address();
                address.is_ok_and(|it| names.contains(&it.to_string()))
            }
            None => false,
        });
        Ok(uris)
    }
}

/// The tools that change with the chat that is looked at, as far as they are known without asking anybody.
pub(super) async fn offer(desk: &Desk) -> Result<Vec<Tool>, Refusal> {
    let mut tools = platform::tools(desk).await?;
    tools.extend(lent::known(desk).await?);
    Ok(tools)
}
