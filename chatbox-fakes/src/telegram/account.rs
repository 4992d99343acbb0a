//! A test's handle on one bot's world: plan faults, read the record, wait for something to happen.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::faults::{Fault, Planned};
use super::record::{BotMessage, Call, Counters, Draft, Reaction};
use super::state::World;
use super::types::{Bot, Person, Place};

/// One bot with everything around it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Account {
    pub(crate) world: Arc<World>,
}

impl Account {
    /// The bot this is about.
    #[must_use]
    pub fn bot(&self) -> &Bot {
        &self.world.bot
    }

    /// Makes a person known, or changes one.
    pub fn person(&self, person: Person) {
        self.world
            .change(|state| state.people.insert(person.id, person));
    }

    /// Makes a chat known, or changes one. Chats nobody described are implied by their id's range.
    pub fn chat(&self, place: Place) {
        self.world
            .change(|state| state.places.insert(place.id, place));
    }

    /// Plans one fault on the next call of `method` (`"*"` for any, `"download"` for files).
    pub fn fault(&self, method: &str, fault: Fault) {
        self.plan(Planned::new(method, fault));
    }

    /// Plans a fault in detail.
    pub fn plan(&self, planned: Planned) {
        self.world.change(|state| state.faults.plan(planned));
    }

    /// Forgets all faults not yet played.
    pub fn clear_faults(&self) {
        self.world.change(|state| state.faults.clear());
    }

    /// Faults not yet played.
    #[must_use]
    pub fn faults(&self) -> Vec<Planned> {
        self.world.look(|state| state.faults.list())
    }

    /// Everything the bot called, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.world.look(|state| state.calls.clone())
    }

    /// The calls of one method.
    #[must_use]
    pub fn calls_of(&self, method: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.method.eq_ignore_ascii_case(method));
        calls
    }

    /// What the bot sent, as it stands now, oldest first, deleted ones included.
    #[must_use]
    pub fn messages(&self) -> Vec<BotMessage> {
        self.world.look(super::state::State::bot_messages)
    }

    /// The bot's messages in one chat that are not deleted.
    #[must_use]
    pub fn messages_in(&self, chat: i64) -> Vec<BotMessage> {
        let mut messages = self.messages();
        messages.retain(|message| message.chat_id == chat && !message.deleted);
        messages
    }

    /// Drafts in the order shown.
    #[must_use]
    pub fn drafts(&self) -> Vec<Draft> {
        self.world.look(|state| state.drafts.clone())
    }

    /// Reactions the bot set, in order.
    #[must_use]
    pub fn reactions(&self) -> Vec<Reaction> {
        self.world.look(|state| state.reactions.clone())
    }

    /// (chat, action) in the order shown.
    #[must_use]
    pub fn actions(&self) -> Vec<(i64, String)> {
        self.world.look(|state| state.actions.clone())
    }

    /// (query id, shown text) of answered button presses.
    #[must_use]
    pub fn callback_answers(&self) -> Vec<(String, String)> {
        self.world.look(|state| state.answers.clone())
    }

    /// Updates not yet confirmed.
    #[must_use]
    pub fn pending_updates(&self) -> Vec<Value> {
        self.world.look(|state| state.updates.pending())
    }

    /// The commands the bot set.
    #[must_use]
    pub fn commands(&self) -> Value {
        self.world.look(|state| state.commands.clone())
    }

    /// Totals.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.world.look(|state| state.counters)
    }

    /// The bytes of a file.
    #[must_use]
    pub fn file(&self, file_id: &str) -> Option<Bytes> {
        self.world
            .look(|state| state.files.get(file_id).map(|file| file.bytes.clone()))
    }

    /// Asks `look` after every change until it returns something, at most for `within`.
    pub async fn until<T>(
        &self,
        within: Duration,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> Option<T> {
        let mut changes = self.world.changes();
        let deadline = tokio::time::Instant::now() + within;
        loop {
            changes.borrow_and_update();
            if let Some(found) = look(self) {
                return Some(found);
            }
            let changed = tokio::time::timeout_at(deadline, changes.changed()).await;
            if changed.is_err() {
                return None;
            }
        }
    }

    /// Waits until at least `count` messages stand in `chat`, deleted ones not counted.
    pub async fn until_messages(
        &self,
        chat: i64,
        count: usize,
        within: Duration,
    ) -> Option<Vec<BotMessage>> {
        self.until(within, |account| {
            Some(account.messages_in(chat)).filter(|messages| messages.len() >= count)
        })
        .await
    }
}
