//! Things that go wrong on demand, queued per method and count.
//!
//! Owns the plan of faults, not their execution: `api` plays the ones of a call, `updates` those of a batch.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::params::Params;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// 409, as if another poller had started.
    Conflict,
    /// 429 with `parameters.retry_after`, in seconds.
    TooManyRequests {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// The same, and until then every call but reading ones is refused too and counted as early.
    Flood {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// A 5xx; as JSON, or as the HTML page of a proxy.
    ServerError {
        /// HTTP status.
        status: u16,
        /// Answer with HTML instead of JSON.
        #[serde(default)]
        html: bool,
    },
    /// Half-open: the request is read and never answered.
    Hang,
    /// The connection is reset and nothing happened.
    CutBefore,
    /// The effect took place, the connection is reset before the answer.
    CutAfter,
    /// The call works, but its answer is late.
    Delay {
        /// Milliseconds before anything happens.
        ms: u64,
    },
    /// The call works, but its answer is late; the effect is there at once.
    SlowAnswer {
        /// Milliseconds between effect and answer.
        ms: u64,
    },
    /// 400 with `parameters.migrate_to_chat_id`.
    Migrate {
        /// The supergroup's id.
        to: i64,
    },
    /// 403, the person blocked the bot.
    Blocked,
    /// 401 although the token is right (revoked).
    Unauthorized,
    /// Any refusal.
    Refuse {
        /// HTTP status and `error_code`.
        code: u16,
        /// `description`.
        description: String,
    },
    /// 200 with a body that is not the wire's JSON.
    Garbage,
    /// The next batch of updates has each update twice.
    Duplicate,
    /// The next batch of updates comes in reverse order.
    Reorder,
    /// The next batch starts with the last confirmed updates once more.
    Replay {
        /// How many of them.
        last: usize,
    },
}

impl Fault {
    fn concerns_batches(&self) -> bool {
        matches!(self, Self::Duplicate | Self::Reorder | Self::Replay { .. })
    }

    /// Name for the record.
    pub(crate) fn name(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value["fault"].as_str().unwrap_or("fault").to_owned()
    }
}

/// A fault waiting for its call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Planned {
    /// Only calls of this method (any case); `None` for every method, `messages` for those that send, change, delete
    /// or react to a message.
    #[serde(default)]
    pub method: Option<String>,
    /// Only calls for this chat.
    #[serde(default)]
    pub chat_id: Option<i64>,
    /// Matching calls to leave alone first.
    #[serde(default)]
    pub skip: u32,
    /// Matching calls to spoil.
    #[serde(default = "once")]
    pub count: u32,
    /// What happens to them.
    #[serde(flatten)]
    pub fault: Fault,
}

fn once() -> u32 {
    1
}

impl Planned {
    /// The fault, once, on the next call of `method` (`"*"` for any).
    #[must_use]
    pub fn new(method: &str, fault: Fault) -> Self {
        Self {
            method: (method != "*").then(|| method.to_owned()),
            chat_id: None,
            skip: 0,
            count: 1,
            fault,
        }
    }

    /// The same for `count` calls.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// The same after `skip` matching calls went well.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    fn matches(&self, method: &str, params: &Params) -> bool {
        let any = |name: &String| {
            name == "*"
                || name.eq_ignore_ascii_case(method)
                || name == "messages" && is_about_messages(method)
        };
        self.method.as_ref().is_none_or(any)
            && self
                .chat_id
                .is_none_or(|chat| params.int("chat_id") == Some(chat))
    }
}

/// Whether a method sends, changes, deletes or reacts to a message.
fn is_about_messages(method: &str) -> bool {
    let shows = ["sendChatAction", "sendMessageDraft"].contains(&method);
    let about = ["send", "editMessage", "deleteMessage", "setMessageReaction"];
    !shows && about.iter().any(|beginning| method.starts_with(beginning))
}

/// All faults waiting.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    calls: VecDeque<Planned>,
    batches: VecDeque<Planned>,
}

impl Faults {
    pub(crate) fn plan(&mut self, planned: Planned) {
        if planned.fault.concerns_batches() {
            self.batches.push_back(planned);
        } else {
            self.calls.push_back(planned);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.calls.clear();
        self.batches.clear();
    }

    pub(crate) fn list(&self) -> Vec<Planned> {
        self.calls.iter().chain(&self.batches).cloned().collect()
    }

    /// The fault for this call, if one waits for it; counts it as played.
    pub(crate) fn take(&mut self, method: &str, params: &Params) -> Option<Fault> {
        let index = self.calls.iter().position(|p| p.matches(method, params))?;
        next_of(&mut self.calls, index)
    }

    /// The fault for a batch about to be handed out.
    pub(crate) fn take_batch(&mut self) -> Option<Fault> {
        if self.batches.is_empty() {
            return None;
        }
        next_of(&mut self.batches, 0)
    }
}

fn next_of(queue: &mut VecDeque<Planned>, index: usize) -> Option<Fault> {
    let planned = &mut queue[index];
    if planned.skip > 0 {
        planned.skip -= 1;
        return None;
    }
    let fault = planned.fault.clone();
    planned.count = planned.count.saturating_sub(1);
    if planned.count == 0 {
        queue.remove(index);
    }
    Some(fault)
}
