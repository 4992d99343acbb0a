//! Every way to say no: close codes, `error` frames, and HTTP refusals. The words are part of the protocol.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::Duration;

/// Why the server ends a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Closing {
    /// A frame that breaks the WebSocket protocol.
    Protocol,
    /// A binary frame.
    NotText,
    /// Text that is not UTF-8.
    NotUtf8,
    /// Too much, too fast.
    Flood,
    /// A frame beyond the limit.
    TooBig,
    /// The log cannot be read.
    Unavailable,
    /// The server stops or the connection is taken down.
    Restart,
    /// The peer does not read.
    Slow,
    /// A second `hello`.
    SecondHello,
    /// No valid `hello`, or the login has ended.
    NotKnown,
    /// No frame in time.
    Silent,
    /// The same device opened a newer socket.
    Replaced,
    /// Too many sockets of one visitor.
    TooMany,
}

impl Closing {
    /// The close code and its word.
    pub(crate) fn parts(self) -> (u16, &'static str) {
        match self {
            Self::Protocol => (1002, "protocol_error"),
            Self::NotText => (1003, "text_only"),
            Self::NotUtf8 => (1007, "not_utf8"),
            Self::Flood => (1008, "rate_limited"),
            Self::TooBig => (1009, "too_big"),
            Self::Unavailable => (1011, "unavailable"),
            Self::Restart => (1012, "restart"),
            Self::Slow => (1013, "slow_consumer"),
            Self::SecondHello => (4400, "already_greeted"),
            Self::NotKnown => (4401, "not_authenticated"),
            Self::Silent => (4408, "hello_timeout"),
            Self::Replaced => (4409, "replaced"),
            Self::TooMany => (4429, "too_many_connections"),
        }
    }
}

/// An `error` frame: one thing a client asked for was not done, and the socket goes on.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Complaint {
    /// A stable word.
    pub(crate) code: &'static str,
    /// The `client_id` it is about.
    pub(crate) reference: Option<String>,
    /// A sentence for people.
    pub(crate) message: String,
    /// When to try again, where that helps.
    pub(crate) retry_after: Option<Duration>,
}

impl Complaint {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reference: None,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(crate) fn about(mut self, reference: Option<String>) -> Self {
        self.reference = reference;
        self
    }

    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

/// An HTTP refusal, answered as `application/problem+json`.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
        }
    }

    /// The visitor is not logged in.
    pub(crate) fn not_known() -> Self {
        let detail = "Not signed in. Run `chatbox login-link` and open the link it prints.";
        Self::new(StatusCode::UNAUTHORIZED, "not_authenticated", detail)
    }

    /// No adapter is open.
    pub(crate) fn not_ready() -> Self {
        let detail = "The web chat is not running. It is starting, stopping or switched off.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail)
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'static str,
    detail: &'a str,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = Problem {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Refused"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
        };
        let body = serde_json::to_string(&problem).expect("strings and a number are JSON");
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            let version = HeaderValue::from_static("13");
            headers.insert(header::SEC_WEBSOCKET_VERSION, version);
        }
        response
    }
}
