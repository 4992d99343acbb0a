//! Things that go wrong on demand, queued by what is asked.

use std::collections::VecDeque;

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 429 with whole seconds in the header.
    RateLimited {
        /// How long to wait, in seconds.
        seconds: u64,
    },
    /// A 5xx in a proxy's words. Nothing is done.
    ServerError(u16),
    /// The connection is reset and nothing is done.
    CutBefore,
    /// It is done, and the connection is reset before the answer.
    CutAfter,
    /// Read and never answered.
    Hang,
    /// Done and answered after a while.
    Slow {
        /// How long it takes, in milliseconds.
        ms: u64,
    },
    /// `"ok": false` with this word.
    Refuse(&'static str),
    /// A refusal for want of a scope.
    MissingScope(&'static str),
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Sends, changes, deletes or reacts.
    Messages,
    /// Asks for a place to upload to, or uploads.
    Uploads,
    /// A file is fetched.
    Files,
    /// Asks where to connect.
    Connect,
    /// A conversation's past.
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
