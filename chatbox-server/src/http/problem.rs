//! Errors over HTTP: `application/problem+json` with a stable code and the way out.

use crate::failure::{Exit, Failure};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chatbox_core::store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

/// One error, as RFC 9457 has it, with `code` and `hint`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// A name for the kind, as an address.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    #[serde(serialize_with = "number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// What happened.
    pub detail: String,
    /// A stable short name.
    pub code: String,
    /// What to do.
    pub hint: String,
    /// What a person scans as a QR code to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<String>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem.
    pub fn new(
        status: StatusCode,
        code: &str,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            kind: format!("urn:chatbox:{code}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status,
            detail: detail.into(),
            code: code.to_owned(),
            hint: hint.into(),
            scan: None,
            retry_after: None,
        }
    }

    /// To be tried again after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Nothing has this id.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is no such {what}"),
            whereabouts(what),
        )
    }

    /// No credential, or one that is not valid.
    pub fn unauthorized(detail: &str) -> Self {
        let hint = "send `Authorization: Bearer …` with a token that is valid here";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail, hint)
    }

    /// The body is not what this address takes.
    pub fn invalid(code: &str, detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            code,
            detail,
            "correct the field and send it again",
        )
    }
}

/// Where the ids of a kind of thing are found.
fn whereabouts(what: &str) -> &'static str {
    match what {
        "message" => "check the id: a message is called like msg_42",
        "delivery" => "check the id, such as dlv_7: `chatbox deliveries list` shows them",
        "failed, expired or unknown delivery" => "`chatbox deliveries list --failed` shows them",
        "connection" => "check the id: `chatbox channels list` shows them",
        "pairing request" => {
            "check the id: `chatbox pairing list` shows who waits, for an hour each"
        }
        "mailbox" => "check the id: `chatbox mailboxes list` shows them",
        "token" => "check the id: `chatbox tokens list` shows them",
        "vault key" => "check the id: `chatbox vault status` shows them",
        _ => "check the id",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("a problem is JSON");
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed a request");
        let hint = "nothing was stored; try again in a moment";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "try_later",
            "the store cannot answer now",
            hint,
        )
        .retry_after(1)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let status = match failure.exit {
            Exit::Io | Exit::Damaged => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, &failure.code, failure.what, failure.fix)
    }
}

impl From<chatbox_core::Error> for Problem {
    fn from(error: chatbox_core::Error) -> Self {
        use chatbox_core::Error;
        use chatbox_core::connector::Verdict;
        match error {
            Error::Store(error) => error.into(),
            Error::NotFound(what) => Self::not_found(&what),
            Error::Conflict(detail) => Self::new(
                StatusCode::CONFLICT,
                "conflict",
                detail,
                "change what it conflicts with first",
            ),
            Error::AccountInUse { .. } => {
                let hint =
                    "disconnect that one first, or connect another account; nothing was saved";
                Self::new(
                    StatusCode::CONFLICT,
                    "account_in_use",
                    error.to_string(),
                    hint,
                )
            }
            Error::Unfocused(_) => {
                let hint = "only a mailbox that is pulled, or pushed to a webhook, has a focus";
                Self::new(StatusCode::CONFLICT, "no_focus", error.to_string(), hint)
            }
            Error::TurnOver => {
                let hint =
                    "end this process: what it was to do is done again by the turn that runs now";
                Self::new(StatusCode::CONFLICT, "turn_over", error.to_string(), hint)
            }
            Error::NotRunning(_) => {
                let hint = "see `chatbox channels list`";
                Self::new(StatusCode::CONFLICT, "not_running", error.to_string(), hint)
            }
            Error::Adapter(error) => match error.verdict() {
                Verdict::Reauthenticate => {
                    let hint = match error.scan() {
                        None => "check the credential; nothing was saved",
                        Some(_) => "scan it, and do the same again; nothing was saved",
                    };
                    let (status, detail) = (StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
                    Self {
                        scan: error.scan().map(str::to_owned),
                        ..Self::new(status, "credential_refused", detail, hint)
                    }
                }
                Verdict::Never => Self::invalid("invalid_settings", error.to_string()),
                _ => {
                    let hint =
                        "the platform cannot be reached as it should; nothing was saved; try again";
                    Self::new(
                        StatusCode::BAD_GATEWAY,
                        "platform_unavailable",
                        error.to_string(),
                        hint,
                    )
                }
            },
            other => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                other.to_string(),
                "see the server's log",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_names_what_is_not_there_is_told_where_its_ids_are() {
        for (what, command) in [
            ("delivery", "`chatbox deliveries list`"),
            ("connection", "`chatbox channels list`"),
            ("pairing request", "`chatbox pairing list`"),
            ("mailbox", "`chatbox mailboxes list`"),
            ("token", "`chatbox tokens list`"),
        ] {
            let hint = Problem::not_found(what).hint;
            assert!(hint.contains(command), "{what}: {hint}");
        }
    }
}
