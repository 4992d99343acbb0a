//! The connector in Python, judged as every adapter is.

use chatbox_connector_api::conformance::{self, Level, Outcome, Process};
use std::path::Path;

fn connector() -> Process {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("connector.py");
    let script = script.to_str().expect("a path in UTF-8");
    Process::new(["python3", script, "--port", "0"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_in_another_language_shows_gold() {
    let report = conformance::run(|| Box::new(connector())).await;
    report.require(Level::Gold);
    for id in [
        "arrives",
        "commit-first",
        "failed-commit",
        "resumes",
        "repeated",
        "stranger",
        "garbage",
        "reconnects",
        "outage",
        "silence",
        "rate-limited",
        "cut-after-accept",
        "revoked",
        "edit",
        "delete",
        "react",
        "reply",
        "edit-in",
        "flood",
        "sockets",
        "secrets",
    ] {
        assert_eq!(report.outcome(id), Some(&Outcome::Passed), "{id}");
    }
}
