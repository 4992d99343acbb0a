//! What Slack's refusals mean for the outbox, and what to click next. No sentence built here holds a token or an address.

use chatbox_connector_api::kit::retry_after::retry_after;
use chatbox_connector_api::kit::status::{Idempotent, kind};
use chatbox_connector_api::{AdapterError, ErrorKind, Scope};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

/// The longest word of the platform that is repeated.
const MAX_WORD: usize = 100;
/// Refusals of a block, after which the same is said without.
const NO_BLOCKS: [&str; 3] = [
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
];

/// What every answer of the Web API begins with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Head {
    pub(crate) ok: bool,
    pub(crate) error: Option<String>,
    pub(crate) needed: Option<String>,
}

/// The error for an answer that is no success over HTTP.
pub(crate) fn broken(status: StatusCode, headers: &HeaderMap, effect: Idempotent) -> AdapterError {
    let reason = status.canonical_reason().unwrap_or("no reason given");
    let sentence = format!("Slack says {}: {reason}", status.as_u16());
    limited(
        AdapterError::new(kind(status, effect), sentence),
        headers,
        status == StatusCode::TOO_MANY_REQUESTS,
    )
}

/// Limits are of a method for the whole workspace.
fn limited(error: AdapterError, headers: &HeaderMap, is_limit: bool) -> AdapterError {
    if !is_limit {
        return error;
    }
    let error = error.with_scope(Scope::Connection);
    match retry_after(headers) {
        Some(wait) => error.after(wait),
        None => error,
    }
}

/// The error for `"ok": false`. `method` is what was asked.
pub(crate) fn refused(
    method: &str,
    head: &Head,
    headers: &HeaderMap,
    effect: Idempotent,
) -> AdapterError {
    let said = head.error.as_deref().unwrap_or("no reason given");
    let said: String = said.chars().take(MAX_WORD).collect();
    let kind = meaning(&said, head.needed.as_deref(), effect);
    let is_limit = kind == ErrorKind::RateLimited;
    let next = next_click(method, &said, head.needed.as_deref());
    let sentence = match next {
        Some(next) => format!("Slack refuses {method} ({said}): {next}"),
        None => format!("Slack refuses {method}: {said}"),
    };
    limited(AdapterError::new(kind, sentence), headers, is_limit)
}

fn meaning(said: &str, needed: Option<&str>, effect: Idempotent) -> ErrorKind {
    match said {
        "invalid_auth"
        | "not_authed"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "not_allowed_token_type"
        | "org_login_required"
        | "team_access_not_granted"
        | "enterprise_is_restricted"
        | "forbidden_team" => ErrorKind::Unauthorized,
        // Without these nothing works; without any other, one thing does not.
        "missing_scope" if matches!(needed, Some("chat:write" | "connections:write")) => {
            ErrorKind::Unauthorized
        }
        "channel_not_found" | "message_not_found" | "thread_not_found" | "user_not_found"
        | "users_not_found" | "file_not_found" | "used_url" | "expired_url" => ErrorKind::NotFound,
        "missing_scope"
        | "not_in_channel"
        | "is_archived"
        | "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel"
        | "cant_update_message"
        | "cant_delete_message"
        | "edit_window_closed"
        | "no_permission"
        | "access_denied"
        | "ekm_access_denied"
        | "messages_tab_disabled"
        | "cannot_dm_bot"
        | "two_factor_setup_required" => ErrorKind::Forbidden,
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => ErrorKind::RateLimited,
        // Slack says of these that some of it may have been done.
        "internal_error" | "fatal_error" | "request_timeout" => match effect {
            Idempotent::Yes => ErrorKind::Unavailable,
            Idempotent::No => ErrorKind::Ambiguous,
        },
        "service_unavailable" | "team_added_to_org" => ErrorKind::Unavailable,
        _ => ErrorKind::Invalid,
    }
}

/// What to do about it, where there is something to do.
fn next_click(method: &str, said: &str, needed: Option<&str>) -> Option<String> {
    let connects = method == "apps.connections.open";
    Some(match (said, needed) {
        ("missing_scope", Some("connections:write")) => new_app_token(),
        ("missing_scope", Some(_)) if connects => new_app_token(),
        ("missing_scope", needed) => lacking(needed.unwrap_or("a scope")),
        ("not_allowed_token_type", _) if connects => {
            format!("this is not an app-level token; {}", new_app_token())
        }
        ("not_allowed_token_type", _) => format!("this is not a bot's token; {BOT_TOKEN}"),
        (
            "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive",
            _,
        ) => match connects {
            true => format!("the app token is not valid; {}", new_app_token()),
            false => format!("the bot token is not valid any more; {BOT_TOKEN}"),
        },
        ("forbidden_team", _) if connects => SOCKET_MODE.to_owned(),
        ("not_in_channel" | "channel_not_found", _) => {
            "the app is not in that conversation; write /invite and its name there".to_owned()
        }
        ("messages_tab_disabled", _) => {
            "switch on Messages Tab at https://api.slack.com/apps under App Home".to_owned()
        }
        ("is_archived", _) => "the channel is archived".to_owned(),
        ("edit_window_closed", _) => {
            "the workspace lets nobody change messages that old".to_owned()
        }
        _ => return None,
    })
}

const BOT_TOKEN: &str =
    "copy it anew from https://api.slack.com/apps, OAuth & Permissions, Bot User OAuth Token";
/// Where Socket Mode is switched on.
pub(crate) const SOCKET_MODE: &str =
    "switch on Enable Socket Mode at https://api.slack.com/apps under Socket Mode";

fn new_app_token() -> String {
    "make one with the scope connections:write at https://api.slack.com/apps under Basic Information, App-Level Tokens"
        .to_owned()
}

/// How a scope is added.
pub(crate) fn lacking(scope: &str) -> String {
    format!(
        "add {scope} at https://api.slack.com/apps under OAuth & Permissions, Scopes, Bot Token Scopes, then press Reinstall to \
         Workspace"
    )
}

/// Whether the same may be said without blocks.
pub(crate) fn is_about_blocks(error: &AdapterError) -> bool {
    let said = error.to_string();
    *error.kind() == ErrorKind::Invalid && NO_BLOCKS.iter().any(|word| said.ends_with(word))
}

/// Whether Slack says that it is so already.
pub(crate) fn is_so_already(error: &AdapterError) -> bool {
    let said = error.to_string();
    ["already_reacted", "no_reaction"]
        .iter()
        .any(|word| said.ends_with(word))
}

/// The error for a connection that Slack asks us to leave.
pub(crate) fn sent_away(reason: &str) -> AdapterError {
    match reason {
        "link_disabled" => AdapterError::new(
            ErrorKind::Unauthorized,
            format!(
                "Slack ended the connection (link_disabled): {SOCKET_MODE}, or install the app again"
            ),
        ),
        "too_many_websockets" => AdapterError::new(
            ErrorKind::Conflict,
            "Slack has no room for another connection of this app (too_many_websockets): something else uses its token",
        ),
        other => {
            let other: String = other.chars().take(MAX_WORD).collect();
            lost(&format!("Slack ended the connection ({other})"))
        }
    }
}

/// A connection that is gone.
pub(crate) fn lost(sentence: &str) -> AdapterError {
    AdapterError::new(ErrorKind::Unavailable, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatbox_connector_api::Verdict;
    use std::time::Duration;

    fn error(method: &str, said: &str, needed: Option<&str>) -> AdapterError {
        let head = Head {
            ok: false,
            error: Some(said.to_owned()),
            needed: needed.map(str::to_owned),
        };
        refused(method, &head, &HeaderMap::new(), Idempotent::No)
    }

    #[test]
    fn each_word_has_its_kind() {
        use ErrorKind as Kind;
        for (said, kind) in [
            ("invalid_auth", Kind::Unauthorized),
            ("token_revoked", Kind::Unauthorized),
            ("channel_not_found", Kind::NotFound),
            ("not_in_channel", Kind::Forbidden),
            ("restricted_action", Kind::Forbidden),
            ("ratelimited", Kind::RateLimited),
            ("internal_error", Kind::Ambiguous),
            ("service_unavailable", Kind::Unavailable),
            ("no_text", Kind::Invalid),
            ("a_word_of_tomorrow", Kind::Invalid),
        ] {
            assert_eq!(
                error("chat.postMessage", said, None).kind(),
                &kind,
                "{said}"
            );
        }
    }

    #[test]
    fn what_an_operator_can_do_is_said() {
        let connect = "apps.connections.open";
        for (method, said, needed, words) in [
            (
                "reactions.add",
                "missing_scope",
                Some("reactions:write"),
                ["add reactions:write", "Reinstall to Workspace"],
            ),
            (
                "chat.postMessage",
                "missing_scope",
                Some("chat:write"),
                ["add chat:write", "Bot Token Scopes"],
            ),
            (
                connect,
                "missing_scope",
                Some("connections:write"),
                ["connections:write", "App-Level Tokens"],
            ),
            (
                connect,
                "not_allowed_token_type",
                None,
                ["not an app-level token", "App-Level Tokens"],
            ),
            (
                connect,
                "forbidden_team",
                None,
                ["Enable Socket Mode", "Socket Mode"],
            ),
            (
                "auth.test",
                "not_allowed_token_type",
                None,
                ["not a bot's token", "Bot User OAuth Token"],
            ),
            (
                "auth.test",
                "invalid_auth",
                None,
                ["not valid", "Bot User OAuth Token"],
            ),
            (
                "chat.postMessage",
                "not_in_channel",
                None,
                ["/invite", "conversation"],
            ),
        ] {
            let said = error(method, said, needed).to_string();
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
        assert_eq!(
            error("chat.postMessage", "missing_scope", Some("chat:write")).kind(),
            &ErrorKind::Unauthorized
        );
        assert_eq!(
            error("reactions.add", "missing_scope", Some("reactions:write")).kind(),
            &ErrorKind::Forbidden
        );
        assert_eq!(sent_away("link_disabled").kind(), &ErrorKind::Unauthorized);
        assert_eq!(
            sent_away("too_many_websockets").kind(),
            &ErrorKind::Conflict
        );
        assert_eq!(
            sent_away("refresh_requested").kind(),
            &ErrorKind::Unavailable
        );
    }

    #[test]
    fn a_limit_names_its_wait_and_reaches_the_workspace() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "30".parse().expect("a header"));
        let limit = broken(StatusCode::TOO_MANY_REQUESTS, &headers, Idempotent::No);
        assert_eq!(
            limit.verdict(),
            Verdict::Retry(Some(Duration::from_secs(30)))
        );
        assert_eq!(limit.scope(), Scope::Connection);
        let failed = broken(StatusCode::BAD_GATEWAY, &headers, Idempotent::No);
        assert_eq!(
            (failed.verdict(), failed.retry_after()),
            (Verdict::Unknown, None)
        );
    }

    #[test]
    fn refusals_that_have_a_second_way_are_known() {
        assert!(is_about_blocks(&error(
            "chat.postMessage",
            "invalid_blocks",
            None
        )));
        assert!(!is_about_blocks(&error(
            "chat.postMessage",
            "no_text",
            None
        )));
        assert!(is_so_already(&error(
            "reactions.add",
            "already_reacted",
            None
        )));
    }
}
