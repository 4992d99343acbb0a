//! The suite judged: two correct adapters pass, and every rule is failed by adapters that break it.

mod alpha;
mod beta;
mod mutants;
mod platform;
mod vendor;

use alpha::AlphaFactory;
use beta::BetaFactory;
use chatbox_connector_api::conformance::{self, Level, Outcome, Vendor};
use platform::Platform;
use std::sync::Arc;
use vendor::Small;

/// The adapter with all abilities, and at most one fault.
fn alpha(twist: &'static str) -> Box<dyn Vendor> {
    let platform = Platform::new();
    let factory = Arc::new(AlphaFactory {
        platform: platform.clone(),
        twist,
    });
    Box::new(Small {
        platform,
        factory,
        rich: true,
    })
}

/// The plain adapter.
fn beta() -> Box<dyn Vendor> {
    let platform = Platform::new();
    let factory = Arc::new(BetaFactory {
        platform: platform.clone(),
    });
    Box::new(Small {
        platform,
        factory,
        rich: false,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correct_adapter_shows_gold() {
    let report = conformance::run(|| alpha("")).await;
    report.require(Level::Gold);
    let passed = report
        .findings
        .iter()
        .filter(|it| it.outcome == Outcome::Passed);
    assert_eq!(
        passed.count(),
        report.findings.len(),
        "alpha claims everything"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plain_adapter_does_not_claim_is_not_passed() {
    let report = conformance::run(beta).await;
    report.require(Level::Gold);
    for id in [
        "edit",
        "delete",
        "react",
        "reply",
        "media-out",
        "media-in",
        "drafts",
        "typing",
        "alive",
        "silence",
    ] {
        let outcome = report.outcome(id);
        assert!(
            matches!(outcome, Some(Outcome::NotClaimed(_))),
            "{id}: {outcome:?}"
        );
    }
    let doubt = report.outcome("cut-after-accept");
    assert_eq!(doubt, Some(&Outcome::Passed), "a key resolves doubt");
}
