//! What is wrong, and the exact way to mend it. Asks every platform who we are, and changes nothing.

use crate::app::App;
use crate::compose::Platforms;
use chatbox_core::connector::{LinkState, Verdict};
use chatbox_core::store::{DeliveryFilter, DeliveryState};
use chatbox_core::{Error, Link};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::timeout;
use utoipa::ToSchema;

/// How long a platform may take to say who we are. Adapters wait longer, and then say it in words of their own.
const PATIENCE: Duration = Duration::from_secs(8);

/// Everything found.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// Whether nothing needs mending.
    pub ok: bool,
    /// What does, gravest first.
    pub findings: Vec<Finding>,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// A stable short name.
    pub id: String,
    /// How grave it is.
    pub severity: Severity,
    /// What is the matter.
    pub cause: String,
    /// What to do, as a command where there is one.
    pub fix: String,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Messages do not flow.
    Error,
    /// Something is worth a look.
    Warning,
    /// Good to know.
    Info,
}

fn finding(
    id: &str,
    severity: Severity,
    cause: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    Finding {
        id: id.to_owned(),
        severity,
        cause: cause.into(),
        fix: fix.into(),
    }
}

/// Looks at everything.
pub async fn examine(app: &App) -> Report {
    let mut findings = store(app).await;
    findings.extend(connections(app).await);
    findings.extend(deliveries(app).await);
    if app.backend.starts_with("echo") {
        let fix = "set OPENAI_API_KEY and OPENAI_MODEL, or start Ollama, and start chatbox again";
        findings.push(finding(
            "echo_backend",
            Severity::Info,
            "no AI was found at the start; chatbox says everything back",
            fix,
        ));
    }
    findings.sort_by_key(|finding| finding.severity);
    let ok = findings
        .iter()
        .all(|finding| finding.severity == Severity::Info);
    Report { ok, findings }
}

async fn store(app: &App) -> Vec<Finding> {
    match app.chatbox.store().now().await {
        Ok(_) => Vec::new(),
        Err(error) => vec![finding(
            "store_unavailable",
            Severity::Error,
            error.to_string(),
            "see the server's log",
        )],
    }
}

async fn connections(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    let running = app.chatbox.links();
    for row in app.chatbox.store().connections().await.unwrap_or_default() {
        let platform = &row.platform;
        if !running.iter().any(|link| link.id == row.id) {
            let what = format!("the {platform} connection {} did not start", row.id);
            let (cause, fix) = match Platforms::left_out(platform.as_str()) {
                Some(failure) => (format!("{what}: {}", failure.what), failure.fix),
                None => (what, format!("chatbox channels add {platform}")),
            };
            findings.push(finding(
                "connection_not_started",
                Severity::Error,
                cause,
                fix,
            ));
        }
        if row.policy.everyone {
            let cause = format!("everybody in the world may talk on {platform}");
            findings.push(finding(
                "open_to_everyone",
                Severity::Warning,
                cause,
                "chatbox channels list",
            ));
        }
        let outside = !row.policy.trusted;
        if outside && row.policy.owner.is_none() && row.policy.allow.is_empty() {
            let cause = format!("nobody may talk on {platform} yet");
            let fix = match row.policy.requests.is_empty() {
                true => format!("chatbox channels add {platform}   # and do what it says next"),
                false => "chatbox pairing list   # and approve whom you know".to_owned(),
            };
            findings.push(finding("nobody_paired", Severity::Warning, cause, fix));
        }
    }
    for link in running.iter().filter(|link| link.takes_posts()) {
        findings.extend(unreachable(app, link).await);
    }
    let asked = running.iter().map(|link| stands(app, link));
    findings.extend(join_all(asked).await.into_iter().flatten());
    findings
}

/// Why its platform cannot post to us, where it may want to.
async fn unreachable(app: &App, link: &Link) -> Option<Finding> {
    let (hook, platform) = (app.hook_url(&link.id).await, &link.platform);
    let fix = "set public_url to this server's https address, start it again, and give the platform its hook_url";
    let cause = format!("{platform} cannot post to {hook}: that is not a public address");
    let finding = finding("no_public_url", Severity::Warning, cause, fix);
    (hook.scheme() != "https").then_some(finding)
}

/// What is wrong with one that runs: as its own connection shows, or else as its platform answers now.
async fn stands(app: &App, link: &Link) -> Option<Finding> {
    let (id, severity, reason) = match link.health().state {
        LinkState::NeedsAttention { reason } => ("credential_refused", Severity::Error, reason),
        LinkState::Down { reason } => ("connection_down", Severity::Error, reason),
        LinkState::Degraded { reason } => ("connection_degraded", Severity::Warning, reason),
        state => match (refusal(app, link).await, state) {
            (Some(refusal), _) => refusal,
            (None, LinkState::Connecting) => {
                let on_the_way = "on the way".to_owned();
                ("connection_starting", Severity::Info, on_the_way)
            }
            (None, _) => return None,
        },
    };
    let platform = &link.platform;
    let fix = format!("chatbox channels status --probe   # then chatbox channels add {platform}");
    let cause = format!("{platform}: {reason}");
    Some(finding(id, severity, cause, fix))
}

/// Why its platform does not say who we are.
async fn refusal(app: &App, link: &Link) -> Option<(&'static str, Severity, String)> {
    if link.is_native() {
        return None;
    }
    let error = match timeout(PATIENCE, app.chatbox.probe(&link.id)).await {
        // It was taken away meanwhile, or is well.
        Ok(Ok(_) | Err(Error::NotFound(_) | Error::NotRunning(_))) => return None,
        Ok(Err(error)) => error,
        Err(_) => {
            let reason = format!("it did not answer within {PATIENCE:?}");
            return Some(("platform_silent", Severity::Error, reason));
        }
    };
    let id = match &error {
        Error::Adapter(it) if it.verdict() == Verdict::Reauthenticate => "credential_refused",
        _ => "platform_unavailable",
    };
    Some((id, Severity::Error, error.to_string()))
}

async fn deliveries(app: &App) -> Vec<Finding> {
    let states = DeliveryState::DEAD.to_vec();
    let filter = DeliveryFilter {
        states,
        limit: 100,
        ..DeliveryFilter::default()
    };
    let dead = app
        .chatbox
        .store()
        .deliveries(&filter)
        .await
        .unwrap_or_default();
    if dead.is_empty() {
        return Vec::new();
    }
    let cause = format!("not delivered (failed, expired or unknown): {}", dead.len());
    vec![finding(
        "dead_letters",
        Severity::Warning,
        cause,
        "chatbox deliveries list --failed, then `chatbox deliveries retry ID` or `chatbox deliveries purge`",
    )]
}
