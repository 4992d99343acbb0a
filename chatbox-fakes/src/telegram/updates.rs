//! The queue of updates and the long poll that empties it.
//!
//! Owns ids, offsets and who may poll. An update stays until a later offset confirms it.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::faults::Fault;
use super::params::Params;
use super::state::{State, World};
use super::wire::Refusal;

/// Longest wait the platform grants, in seconds.
const MAX_WAIT: i64 = 50;
/// Kinds a bot only gets when it asks for them by name.
const ONLY_IF_ASKED: &[&str] = &["chat_member", "message_reaction", "message_reaction_count"];
/// Real ids start anywhere; a first id of 1 would hide mistakes with zero.
const FIRST_ID: i64 = 845_000_000;
/// Confirmed updates remembered for a replay.
const REMEMBERED: usize = 1_000;

/// An update not yet confirmed.
#[derive(Debug, Clone)]
struct Pending {
    id: i64,
    /// As text, since a test may queue what no parser here would keep.
    json: Box<RawValue>,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    pending: VecDeque<Pending>,
    confirmed: VecDeque<Pending>,
    last_id: i64,
    allowed: Vec<String>,
    /// Counts polls; a poll that is no longer the latest ends with 409.
    poll: u64,
}

impl Updates {
    /// Queues `{kind: value}` and returns its id, unless the bot did not ask for this kind.
    pub(crate) fn push(&mut self, kind: &str, value: Value) -> Option<i64> {
        let wanted = if self.allowed.is_empty() {
            !ONLY_IF_ASKED.contains(&kind)
        } else {
            self.allowed.iter().any(|allowed| allowed == kind)
        };
        if !wanted {
            return None;
        }
        let id = self.next_id();
        self.queue(id, &json!({"update_id": id, kind: value}));
        Some(id)
    }

    /// Queues anything at all. An object without `update_id` gets one; what is not an object goes as it is.
    pub(crate) fn push_raw(&mut self, mut value: Value) -> i64 {
        let own = value.get("update_id").and_then(Value::as_i64);
        let id = own.unwrap_or_else(|| self.next_id());
        self.last_id = self.last_id.max(id);
        if let Some(fields) = value.as_object_mut() {
            fields.entry("update_id").or_insert_with(|| id.into());
        }
        self.queue(id, &value);
        id
    }

    /// Queues a JSON text as it is, with `$ID` replaced by the update's id: for texts that are well-formed and still
    /// hold what no value can (half a surrogate pair, a field twice).
    pub(crate) fn push_text(&mut self, text: &str) -> Result<i64, String> {
        let id = self.last_id.max(FIRST_ID) + 1;
        let text = text.replace("$ID", &id.to_string());
        let json = RawValue::from_string(text).map_err(|error| error.to_string())?;
        self.last_id = id;
        self.pending.push_back(Pending { id, json });
        Ok(id)
    }

    fn queue(&mut self, id: i64, value: &Value) {
        let json = to_raw_value(value).expect("a JSON value has a text");
        self.pending.push_back(Pending { id, json });
    }

    /// The next update gets at least this id.
    pub(crate) fn jump_to(&mut self, id: i64) {
        self.last_id = self.last_id.max(id - 1);
    }

    pub(crate) fn pending(&self) -> Vec<Value> {
        let read = |p: &Pending| -> Value {
            let text = p.json.get();
            serde_json::from_str(text).unwrap_or_else(|_| text.into())
        };
        self.pending.iter().map(read).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn allowed(&self) -> &[String] {
        &self.allowed
    }

    pub(crate) fn clear(&mut self) {
        self.pending.clear();
    }

    fn next_id(&mut self) -> i64 {
        self.last_id = self.last_id.max(FIRST_ID) + 1;
        self.last_id
    }

    /// Forgets what the offset confirms. A negative offset keeps only that many of the last.
    fn confirm(&mut self, offset: i64) {
        if offset < 0 {
            let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            let surplus = self.pending.len().saturating_sub(keep);
            self.confirmed.extend(self.pending.drain(..surplus));
        } else {
            let (done, left) = self.pending.drain(..).partition(|p| p.id < offset);
            self.pending = left;
            self.confirmed.extend::<VecDeque<_>>(done);
        }
        let surplus = self.confirmed.len().saturating_sub(REMEMBERED);
        self.confirmed.drain(..surplus);
    }

    fn batch(&self, limit: usize) -> Vec<Box<RawValue>> {
        let first = self.pending.iter().take(limit);
        first.map(|p| p.json.clone()).collect()
    }

    fn replayed(&self, last: usize) -> Vec<Box<RawValue>> {
        let surplus = self.confirmed.len().saturating_sub(last);
        let again = self.confirmed.iter().skip(surplus);
        again.map(|p| p.json.clone()).collect()
    }
}

/// Counts a poll as open while it lives, even when its client goes away.
struct Open<'a>(&'a World);

impl<'a> Open<'a> {
    fn begin(world: &'a World) -> Self {
        world.change(|state| {
            let counters = &mut state.counters;
            counters.polls_open += 1;
            counters.most_polls_open = counters.most_polls_open.max(counters.polls_open);
        });
        Self(world)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.counters.polls_open -= 1);
    }
}

/// `getUpdates`.
///
/// # Errors
/// 409 while a webhook is set or when a later poll takes over.
pub(crate) async fn poll(world: &World, params: &Params) -> Result<Box<RawValue>, Refusal> {
    let _open = Open::begin(world);
    let wait = params.int("timeout").unwrap_or(0).clamp(0, MAX_WAIT);
    let until = Instant::now() + Duration::from_secs(wait.unsigned_abs());
    let limit = params.int("limit").unwrap_or(100).clamp(1, 100);
    let limit = usize::try_from(limit).unwrap_or(100);
    let mut changes = world.changes();
    let mine = world.change(|state| begin(state, params))?;
    loop {
        changes.borrow_and_update();
        if world.look(|state| state.updates.poll) != mine {
            return Err(world.change(|state| {
                state.counters.conflicts += 1;
                Refusal::conflict()
            }));
        }
        if world.look(|state| state.updates.len()) > 0 {
            let batch = world.change(|state| hand_out(state, limit));
            return Ok(to_raw_value(&batch).expect("texts of JSON make a list"));
        }
        let changed = tokio::time::timeout_at(until, changes.changed()).await;
        if changed.is_err() {
            return Ok(to_raw_value(&Value::Array(Vec::new())).expect("an empty list"));
        }
    }
}

fn begin(state: &mut State, params: &Params) -> Result<u64, Refusal> {
    state.counters.get_updates += 1;
    if !state.webhook.is_empty() {
        state.counters.conflicts += 1;
        return Err(Refusal::new(
            409,
            "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
        ));
    }
    if let Some(kinds) = params.get("allowed_updates").and_then(Value::as_array) {
        let names = kinds.iter().filter_map(Value::as_str);
        state.updates.allowed = names.map(str::to_owned).collect();
    }
    state.updates.confirm(params.int("offset").unwrap_or(0));
    state.updates.poll += 1;
    Ok(state.updates.poll)
}

fn hand_out(state: &mut State, limit: usize) -> Vec<Box<RawValue>> {
    let mut batch = state.updates.batch(limit);
    match state.faults.take_batch() {
        Some(Fault::Duplicate) => {
            batch = batch.into_iter().flat_map(|u| [u.clone(), u]).collect();
        }
        Some(Fault::Reorder) => batch.reverse(),
        Some(Fault::Replay { last }) => {
            let mut again = state.updates.replayed(last);
            again.append(&mut batch);
            batch = again;
        }
        _ => {}
    }
    batch
}
