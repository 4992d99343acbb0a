//! Things that go wrong on demand, queued by what is asked.

use std::collections::VecDeque;

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 429 with a fraction of seconds in header and body.
    RateLimited {
        /// How long to wait, in milliseconds.
        ms: u64,
        /// Whether the whole bot is meant.
        global: bool,
    },
    /// A 5xx in a proxy's words. Nothing is done.
    ServerError(u16),
    /// The connection is reset and nothing is done.
    CutBefore,
    /// It is done, and the connection is reset before the answer.
    CutAfter,
    /// Read and never answered.
    Hang,
    /// Done, after a while.
    Slow {
        /// How long it takes, in milliseconds.
        ms: u64,
    },
    /// A refusal.
    Refuse {
        /// HTTP's status.
        status: u16,
        /// Discord's code.
        code: u32,
        /// Its words.
        message: String,
    },
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Sends, changes, deletes or reacts.
    Messages,
    /// "is typing".
    Typing,
    /// A file is fetched.
    Files,
    /// Where the gateway is.
    Gateway,
    /// A channel's past.
    History,
    /// Anything else.
    Other,
}

/// All faults waiting.
#[derive(Debug, Default)]
pub(crate) struct Faults(VecDeque<(On, Fault, u32)>);

impl Faults {
    pub(crate) fn plan(&mut self, on: On, fault: Fault, times: u32) {
        self.0.push_back((on, fault, times));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn take(&mut self, about: On) -> Option<Fault> {
        let nth = self.0.iter().position(|(on, ..)| *on == about)?;
        let (_, fault, left) = &mut self.0[nth];
        let fault = fault.clone();
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.0.remove(nth);
        }
        Some(fault)
    }
}
