//! The suite judged: correct adapters of every delivery class pass, and every rule is failed by adapters that break it.

mod alpha;
mod beta;
mod gamma;
mod hosting;
mod mutants;
mod platform;
mod vendor;
mod wired;

use alpha::AlphaFactory;
use beta::BetaFactory;
use chatbox_connector_api::AdapterFactory;
use chatbox_connector_api::conformance::{self, Level, Outcome, Report, Vendor};
use gamma::GammaFactory;
use platform::Platform;
use std::sync::Arc;
use vendor::{Small, token};
use wired::Wired;

/// The adapter with all abilities, and at most one fault.
fn alpha(twist: &'static str) -> Box<dyn Vendor> {
    rich(|platform| {
        Arc::new(AlphaFactory {
            platform,
            twist,
            asks: false,
        })
    })
}

/// The same, and it can ask what became of a message.
fn asking(twist: &'static str) -> Box<dyn Vendor> {
    rich(|platform| {
        Arc::new(AlphaFactory {
            platform,
            twist,
            asks: true,
        })
    })
}

/// The adapter of people's windows.
fn gamma(twist: &'static str) -> Box<dyn Vendor> {
    let platform = Platform::new();
    let factory = Arc::new(GammaFactory {
        platform: platform.clone(),
        twist,
    });
    Box::new(Small {
        platform,
        factory,
        rich: false,
        token: None,
    })
}

fn rich(factory: impl FnOnce(Arc<Platform>) -> Arc<dyn AdapterFactory>) -> Box<dyn Vendor> {
    let platform = Platform::new();
    Box::new(Small {
        factory: factory(platform.clone()),
        platform,
        rich: true,
        token: Some(platform::TOKEN),
    })
}

/// The adapter with all abilities, in a process of its own.
fn wired(asks: bool) -> Box<dyn Vendor> {
    let platform = Platform::new();
    let alpha = AlphaFactory {
        platform: platform.clone(),
        twist: "",
        asks,
    };
    let factory = Wired::new(Arc::new(alpha), token(platform::TOKEN));
    Box::new(Small {
        factory: Arc::new(factory),
        platform,
        rich: true,
        token: Some(wired::TOKEN),
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
        token: Some(platform::TOKEN),
    })
}

fn outcomes(report: &Report, wanted: fn(&Outcome) -> bool) -> Vec<&'static str> {
    let found = report.findings.iter();
    found
        .filter(|it| wanted(&it.outcome))
        .map(|it| it.id)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correct_adapter_shows_gold() {
    let report = conformance::run(|| alpha("")).await;
    report.require(Level::Gold);
    let other = outcomes(&report, |it| *it != Outcome::Passed);
    // It claims everything an adapter of its class can; those below show the rest.
    let not_claimed = [
        "catches-up",
        "own-chat",
        "unsupported",
        "found-again",
        "grows",
    ];
    assert_eq!(other, not_claimed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_that_can_ask_shows_gold() {
    let report = conformance::run(|| asking("")).await;
    report.require(Level::Gold);
    let doubt = ["cut-after-accept", "server-error", "found-again"];
    for id in doubt.into_iter().chain(["grows"]) {
        assert_eq!(report.outcome(id), Some(&Outcome::Passed), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_adapter_shows_gold() {
    let report = conformance::run(|| gamma("")).await;
    report.require(Level::Gold);
    let passed = outcomes(&report, |it| *it == Outcome::Passed);
    for id in [
        "arrives",
        "order-in",
        "own-echo",
        "commit-first",
        "failed-commit",
        "resumes",
        "repeated",
        "catches-up",
        "own-chat",
        "order-out",
        "long-text",
        "whole",
        "markup",
        "code",
        "unsupported",
        "reconnects",
        "outage",
        "reply",
        "reply-in",
        "edit",
        "delete",
        "react",
        "drafts",
        "typing",
        "flood",
        "sockets",
    ] {
        assert!(passed.contains(&id), "{id}: {:?}", report.outcome(id));
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_in_another_process_shows_what_it_shows_here() {
    let here = conformance::run(|| alpha("")).await;
    let there = conformance::run(|| wired(false)).await;
    there.require(Level::Gold);
    let passed = |report: &Report| outcomes(report, |it| *it == Outcome::Passed);
    assert_eq!(passed(&there), passed(&here));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_in_another_process_can_ask_too() {
    let report = conformance::run(|| wired(true)).await;
    report.require(Level::Gold);
    for id in ["cut-after-accept", "server-error", "found-again"] {
        assert_eq!(report.outcome(id), Some(&Outcome::Passed), "{id}");
    }
}
