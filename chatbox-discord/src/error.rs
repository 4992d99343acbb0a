//! What Discord's refusals mean for the outbox. No sentence built here holds the token or an address.

use chatbox_connector_api::kit::retry_after;
use chatbox_connector_api::kit::status::{Idempotent, kind};
use chatbox_connector_api::{AdapterError, ErrorKind, Scope};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

/// The longest sentence of the platform that is repeated.
const MAX_SENTENCE: usize = 300;

/// A refusal's body.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    message: String,
    code: u32,
    retry_after: Option<f64>,
    global: bool,
}

/// The error for an answer that is no success.
pub(crate) fn refused(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    effect: Idempotent,
) -> AdapterError {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let said: String = body.message.chars().take(MAX_SENTENCE).collect();
    let reason = status.canonical_reason().unwrap_or("no reason given");
    let said = if said.is_empty() {
        reason.to_owned()
    } else {
        said
    };
    let kind = match (status.as_u16(), body.code) {
        // Gone or closed to us, whatever the status says.
        (_, 10_003 | 10_008 | 10_062) => ErrorKind::NotFound,
        (_, 50_001 | 50_007 | 50_013 | 50_005) => ErrorKind::Forbidden,
        _ => kind(status, effect),
    };
    let error = AdapterError::new(
        kind,
        format!("Discord says {} ({}): {said}", status.as_u16(), body.code),
    );
    if status != StatusCode::TOO_MANY_REQUESTS {
        return error;
    }
    // The body has the fraction, the header is rounded up.
    let wait = body.retry_after.and_then(retry_after::seconds);
    let wait = wait.or_else(|| retry_after::retry_after(headers));
    let scope = headers
        .get("x-ratelimit-scope")
        .and_then(|it| it.to_str().ok());
    let everywhere = body.global || scope == Some("global");
    let error = error.with_scope(if everywhere {
        Scope::Connection
    } else {
        Scope::Chat
    });
    match wait {
        Some(wait) => error.after(wait),
        None => error,
    }
}

/// The error for the end of a gateway connection. Those that cannot be resumed say what to do.
pub(crate) fn closed(code: Option<u16>) -> AdapterError {
    let (kind, sentence) = match code {
        Some(4004) => (
            ErrorKind::Unauthorized,
            "Discord refuses the bot's token (4004): make a new one in the developer portal under Bot, Reset Token",
        ),
        Some(4013) => (
            ErrorKind::Unauthorized,
            "Discord does not know what this version asks for (4013): update chatbox",
        ),
        Some(4014) => (
            ErrorKind::Unauthorized,
            "the bot may not read messages (4014): switch on Message Content Intent in the developer portal under Bot, \
             or set `message_content = false` to hear only what is meant for it",
        ),
        Some(4010 | 4011) => (
            ErrorKind::Unauthorized,
            "the bot is in more guilds than one connection may serve (4011): chatbox does not shard; leave some guilds",
        ),
        Some(4012) => (
            ErrorKind::Unauthorized,
            "Discord has ended version 10 of its gateway (4012): update chatbox",
        ),
        Some(4008) => (
            ErrorKind::Unavailable,
            "Discord found us too fast and closed the connection (4008)",
        ),
        Some(code) => {
            let sentence = format!("Discord closed the connection ({code})");
            return AdapterError::new(ErrorKind::Unavailable, sentence);
        }
        None => (ErrorKind::Unavailable, "Discord's connection was lost"),
    };
    AdapterError::new(kind, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatbox_connector_api::Verdict;
    use std::time::Duration;

    fn error(status: u16, body: &str) -> AdapterError {
        let status = StatusCode::from_u16(status).expect("a status");
        refused(status, &HeaderMap::new(), body.as_bytes(), Idempotent::No)
    }

    #[test]
    fn each_answer_has_its_kind() {
        for (status, body, kind) in [
            (
                401,
                r#"{"message":"401: Unauthorized","code":0}"#,
                ErrorKind::Unauthorized,
            ),
            (
                403,
                r#"{"message":"Missing Access","code":50001}"#,
                ErrorKind::Forbidden,
            ),
            (
                400,
                r#"{"message":"Cannot send messages to this user","code":50007}"#,
                ErrorKind::Forbidden,
            ),
            (
                404,
                r#"{"message":"Unknown Channel","code":10003}"#,
                ErrorKind::NotFound,
            ),
            (
                400,
                r#"{"message":"Invalid Form Body","code":50035}"#,
                ErrorKind::Invalid,
            ),
            (502, "<html>", ErrorKind::Ambiguous),
        ] {
            assert_eq!(error(status, body).kind(), &kind, "{body}");
        }
    }

    #[test]
    fn a_limit_names_its_wait_to_the_millisecond_and_its_reach() {
        let limit = error(
            429,
            r#"{"message":"slow","retry_after":0.3125,"global":false}"#,
        );
        assert_eq!(
            limit.verdict(),
            Verdict::Retry(Some(Duration::from_millis(313)))
        );
        assert_eq!(limit.scope(), Scope::Chat);
        let limit = error(
            429,
            r#"{"message":"slow","retry_after":65.0,"global":true}"#,
        );
        assert_eq!(limit.scope(), Scope::Connection);
    }

    #[test]
    fn an_end_that_cannot_be_resumed_says_what_to_do() {
        for (code, word) in [
            (4004, "Reset Token"),
            (4014, "Message Content Intent"),
            (4011, "guilds"),
            (4013, "update"),
        ] {
            let error = closed(Some(code));
            assert_eq!(error.kind(), &ErrorKind::Unauthorized);
            assert!(error.to_string().contains(word), "{error}");
        }
        assert_eq!(closed(Some(4000)).kind(), &ErrorKind::Unavailable);
        assert_eq!(closed(None).kind(), &ErrorKind::Unavailable);
    }
}
