//! The behaviour suite: judges an adapter by what a vendor and a person can see, with the real engine around it.
//!
//! An adapter's author writes one thing, a [`Vendor`]: the platform's side of a fresh world. [`run`] makes a world for
//! every rule, starts the engine with the adapter in it, and reports. Rules follow the adapter's capabilities: a claim is
//! what is tested. What is not claimed, and what a vendor cannot simulate, is reported as such and never passed.
//!
//! ```text
//! #[tokio::test]
//! async fn conforms() {
//!     let report = chatbox_connector_api::conformance::run(|| Box::new(MyVendor::new())).await;
//!     report.require(Level::Silver);
//! }
//! ```
//!
//! Times are real and small: a whole run takes well under a minute. Not a stable interface before 1.0.

mod ear;
mod ledger;
mod mirror;
#[cfg(feature = "remote")]
mod process;
mod proxy;
mod report;
mod rules;
mod tap;
mod vendor;
mod world;

#[cfg(feature = "remote")]
pub use process::Process;
pub use proxy::Proxy;
pub use report::{Finding, Level, Outcome, Report};
pub use vendor::{Did, Fault, File, Pressed, Room, Said, Sent, Shown, Vendor, Who, Wire};

use futures_util::{FutureExt, StreamExt, stream};
use rules::{Miss, Rule};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::timeout;
use world::Bench;

/// How many rules are judged at once.
const AT_ONCE: usize = 8;
/// How long one rule may take before it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Judges an adapter by every rule. `make` makes a fresh platform each time it is called.
pub async fn run(make: impl Fn() -> Box<dyn Vendor>) -> Report {
    judge(&make, rules::all()).await
}

/// Judges an adapter by the rules with these ids.
///
/// # Panics
/// When there is no such rule.
pub async fn run_only(make: impl Fn() -> Box<dyn Vendor>, ids: &[&str]) -> Report {
    let rules = rules::all();
    for id in ids {
        assert!(
            rules.iter().any(|rule| rule.id == *id),
            "there is no rule `{id}`"
        );
    }
    let chosen = rules.into_iter().filter(|rule| ids.contains(&rule.id));
    judge(&make, chosen.collect()).await
}

/// The id, title and level of every rule.
pub fn rules() -> Vec<(&'static str, &'static str, Level)> {
    let rules = rules::all().into_iter();
    rules
        .map(|rule| (rule.id, rule.title, rule.level))
        .collect()
}

async fn judge(make: &dyn Fn() -> Box<dyn Vendor>, rules: Vec<Rule>) -> Report {
    let findings = stream::iter(rules)
        .map(|rule| apply(make, rule))
        .buffered(AT_ONCE)
        .collect()
        .await;
    Report { findings }
}

async fn apply(make: &dyn Fn() -> Box<dyn Vendor>, rule: Rule) -> Finding {
    let bench = Bench { make };
    let judged = AssertUnwindSafe(timeout(PATIENCE, (rule.check)(&bench)));
    let outcome = match judged.catch_unwind().await {
        Ok(Ok(Ok(()))) => Outcome::Passed,
        Ok(Ok(Err(Miss::Failed(why)))) => Outcome::Failed(why),
        Ok(Ok(Err(Miss::NotClaimed(what)))) => Outcome::NotClaimed(what),
        Ok(Ok(Err(Miss::NotSimulated(what)))) => Outcome::NotSimulated(what),
        Ok(Err(_)) => Outcome::Failed(format!("no end after {PATIENCE:?}")),
        Err(_) => Outcome::Failed("it panicked".to_owned()),
    };
    Finding {
        id: rule.id,
        title: rule.title,
        level: rule.level,
        outcome,
    }
}
