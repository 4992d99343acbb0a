//! What went wrong between us and the daemon, and what that means for the outbox.
//!
//! It owns the one rule that matters most: a send whose fate is unknown is never called certain.

use chatbox_connector_api::{AdapterError, ErrorKind, Scope};
use serde::Deserialize;
use std::time::Duration;

/// The longest sentence of the daemon we repeat.
const MAX_SENTENCE: usize = 300;

/// Whether doing it twice is seen by people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Each time says something new. A lost answer leaves doubt.
    Once,
    /// The second time changes nothing: edits, deletions, reactions, questions.
    Repeatable,
}

/// Why a call has no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing reached the daemon.
    NotSent(String),
    /// The request left and no answer came back.
    Lost(String),
    /// The daemon answered with an error.
    Refused(Refusal),
    /// The daemon answered something that is not its protocol.
    Garbled(String),
}

/// The daemon's "no".
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Refusal {
    /// JSON-RPC's codes below -32000, the daemon's own from -1 to -6.
    pub(crate) code: i64,
    /// Its sentence.
    #[serde(default)]
    pub(crate) message: String,
    /// What became of each recipient, after a send.
    #[serde(default)]
    pub(crate) data: Option<Data>,
}

/// What stands beside an error.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Data {
    #[serde(default)]
    pub(crate) response: Option<Outcome>,
}

/// What became of a send.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Outcome {
    /// The message's time, which names it.
    #[serde(default)]
    pub(crate) timestamp: i64,
    /// One for each device owner it went to.
    #[serde(default)]
    pub(crate) results: Vec<Result>,
}

/// What became of one recipient.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Result {
    /// `SUCCESS` or what failed.
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    /// How long Signal wants us to be silent.
    #[serde(default)]
    pub(crate) retry_after_seconds: Option<u64>,
}

impl Outcome {
    /// How many did not get it, if any.
    pub(crate) fn lost(&self) -> Option<String> {
        let all = self.results.len();
        let missed = self.results.iter().filter(|it| it.kind != "SUCCESS");
        match missed.count() {
            0 => None,
            missed => Some(format!("{missed} of {all} recipients did not get it")),
        }
    }

    /// The failure of a send that reached nobody, which some versions answer as a success.
    pub(crate) fn failure(&self) -> Option<Refusal> {
        let first = self.results.first()?;
        let reached = self.results.iter().any(|it| it.kind == "SUCCESS");
        (!reached).then(|| Refusal {
            code: -1,
            message: format!("it reached nobody: {}", first.kind),
            data: Some(Data {
                response: Some(self.clone()),
            }),
        })
    }
}

impl Failure {
    /// What the house needs to know.
    pub(crate) fn into_error(self, effect: Effect) -> AdapterError {
        match self {
            Self::NotSent(why) => AdapterError::new(
                ErrorKind::Unavailable,
                format!(
                    "signal-cli cannot be reached: {why}; is `signal-cli daemon --receive-mode manual` running, and listening there?"
                ),
            ),
            Self::Lost(why) => AdapterError::new(
                doubt(effect, ErrorKind::Ambiguous),
                format!("signal-cli's answer was lost: {why}"),
            ),
            Self::Garbled(why) => AdapterError::new(
                doubt(effect, ErrorKind::Malformed),
                format!("signal-cli's answer makes no sense: {why}"),
            ),
            Self::Refused(refusal) => refusal.into_error(effect),
        }
    }

    /// Whether the daemon has no such account.
    pub(crate) fn is_no_account(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_no_account())
    }
}

/// What an unknown fate means: nothing to a repeatable request, doubt to any other.
fn doubt(effect: Effect, certain: ErrorKind) -> ErrorKind {
    match effect {
        Effect::Repeatable => ErrorKind::Unavailable,
        Effect::Once => certain,
    }
}

impl Refusal {
    pub(crate) fn is_no_account(&self) -> bool {
        const GONE: &[&str] = &[
            "specified account does not exist",
            "requires valid account",
            "is not registered",
            "not linked",
            "authorization failed",
        ];
        self.says(GONE)
    }

    fn into_error(self, effect: Effect) -> AdapterError {
        let kind = self.kind(effect);
        let said: String = self.message.chars().take(MAX_SENTENCE).collect();
        let next = match self.code {
            -4 => "; someone's safety number changed: compare it, then `signal-cli trust`",
            -6 => "; `signal-cli submitRateLimitChallenge` takes the answer",
            _ if kind == ErrorKind::Unauthorized => "; `signal-cli link -n chatbox` links it again",
            _ => "",
        };
        let limited = kind == ErrorKind::RateLimited;
        let error = AdapterError::new(kind, format!("signal-cli says {}: {said}{next}", self.code));
        match (limited, self.wait()) {
            // Signal counts per account: another chat would be refused as well.
            (true, Some(wait)) => error.after(wait).with_scope(Scope::Connection),
            (true, None) => error.with_scope(Scope::Connection),
            (false, _) => error,
        }
    }

    fn kind(&self, effect: Effect) -> ErrorKind {
        if self.is_no_account() {
            return ErrorKind::Unauthorized;
        }
        match self.code {
            -1 => self.user_error(effect),
            // It could not finish, and does not say how far it came.
            -2 | -3 | -32603 => doubt(effect, ErrorKind::Ambiguous),
            -4 | -6 => ErrorKind::Forbidden,
            -5 => ErrorKind::RateLimited,
            -32601 => ErrorKind::Unsupported,
            _ => ErrorKind::Invalid,
        }
    }

    /// Most of what people can do wrong has this code; what became of the recipients says more.
    fn user_error(&self, effect: Effect) -> ErrorKind {
        let result = self.results().first().map(|it| it.kind.as_str());
        match result {
            Some("RATE_LIMIT_FAILURE") => return ErrorKind::RateLimited,
            Some("NETWORK_FAILURE") => return doubt(effect, ErrorKind::Ambiguous),
            Some("UNREGISTERED_FAILURE") => return ErrorKind::NotFound,
            Some("IDENTITY_FAILURE" | "PROOF_REQUIRED_FAILURE") => return ErrorKind::Forbidden,
            _ => {}
        }
        if self.says(&[
            "not found",
            "unregistered",
            "unknown group",
            "invalid group id",
        ]) {
            ErrorKind::NotFound
        } else if self.says(&["not a group member", "not a member", "blocked"]) {
            ErrorKind::Forbidden
        } else {
            ErrorKind::Invalid
        }
    }

    fn results(&self) -> &[Result] {
        let outcome = self.data.as_ref().and_then(|data| data.response.as_ref());
        outcome.map_or(&[], |outcome| &outcome.results)
    }

    fn wait(&self) -> Option<Duration> {
        let waits = self
            .results()
            .iter()
            .filter_map(|it| it.retry_after_seconds);
        waits.max().map(Duration::from_secs)
    }

    fn says(&self, words: &[&str]) -> bool {
        let said = self.message.to_ascii_lowercase();
        words.iter().any(|word| said.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatbox_connector_api::Verdict;

    fn refused(json: &str, effect: Effect) -> AdapterError {
        let refusal = serde_json::from_str(json).expect("an error object");
        Failure::Refused(refusal).into_error(effect)
    }

    #[test]
    fn each_code_has_its_kind() {
        use Effect::{Once, Repeatable};
        let kind = |json: &str, effect| refused(json, effect).kind().clone();
        for (json, expected) in [
            (
                r#"{"code":-1,"message":"Unregistered user"}"#,
                ErrorKind::NotFound,
            ),
            (
                r#"{"code":-1,"message":"No recipients given"}"#,
                ErrorKind::Invalid,
            ),
            (
                r#"{"code":-1,"message":"User is not a group member."}"#,
                ErrorKind::Forbidden,
            ),
            (r#"{"code":-2,"message":"?"}"#, ErrorKind::Ambiguous),
            (
                r#"{"code":-3,"message":"UnknownHostException"}"#,
                ErrorKind::Ambiguous,
            ),
            (r#"{"code":-4,"message":"Failed"}"#, ErrorKind::Forbidden),
            (r#"{"code":-5,"message":"Failed"}"#, ErrorKind::RateLimited),
            (r#"{"code":-6,"message":"Captcha"}"#, ErrorKind::Forbidden),
            (
                r#"{"code":-32601,"message":"Method not implemented"}"#,
                ErrorKind::Unsupported,
            ),
            (
                r#"{"code":-32602,"message":"Specified account does not exist","data":null}"#,
                ErrorKind::Unauthorized,
            ),
            (
                r#"{"code":-32700,"message":"Unrecognized token"}"#,
                ErrorKind::Invalid,
            ),
        ] {
            assert_eq!(kind(json, Once), expected, "{json}");
        }
        let lost = r#"{"code":-3,"message":"timeout"}"#;
        assert_eq!(kind(lost, Repeatable), ErrorKind::Unavailable);
    }

    #[test]
    fn a_limit_names_its_wait_and_reach() {
        let json = r#"{"code":-5,"message":"Failed to send message due to rate limiting","data":{"response":{"results":[
            {"recipientAddress":{"number":"+49"},"type":"RATE_LIMIT_FAILURE","retryAfterSeconds":7}],"timestamp":1}}}"#;
        let error = refused(json, Effect::Once);
        let wait = Some(Duration::from_secs(7));
        assert_eq!(error.verdict(), Verdict::Retry(wait));
        assert_eq!(error.scope(), Scope::Connection);
    }

    #[test]
    fn a_lost_answer_is_doubt_only_where_it_matters() {
        let lost = |effect| Failure::Lost("cut".to_owned()).into_error(effect).verdict();
        assert_eq!(lost(Effect::Once), Verdict::Unknown);
        assert_eq!(lost(Effect::Repeatable), Verdict::Retry(None));
        let never = Failure::NotSent("refused".to_owned()).into_error(Effect::Once);
        assert_eq!(never.verdict(), Verdict::Retry(None));
    }
}
