//! Errors of the framework itself, said as everything else is said.

use super::Problem;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// A status that came without words.
pub(super) fn in_words(status: StatusCode) -> Problem {
    let (code, detail, hint) = match status {
        StatusCode::BAD_REQUEST => (
            "bad_request",
            "the request cannot be read",
            "correct the request",
        ),
        StatusCode::NOT_FOUND => (
            "not_found",
            "nothing is here",
            "check the address: /docs/api shows all there are",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            "method_not_allowed",
            "this address does not do that",
            "see the Allow header",
        ),
        StatusCode::NOT_ACCEPTABLE => (
            "not_acceptable",
            "this address does not answer in a form that the request accepts",
            "accept application/json and text/event-stream",
        ),
        StatusCode::REQUEST_TIMEOUT => (
            "request_timeout",
            "the request did not come in time",
            "send it again, without pauses",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "body_too_large",
            "the body is larger than this address takes",
            "send less at once",
        ),
        StatusCode::URI_TOO_LONG => (
            "uri_too_long",
            "the address is longer than 8 KiB",
            "send what is long in the body",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            "unsupported_media_type",
            "the body is of a kind that is not taken here",
            "send application/json, without a Content-Encoding",
        ),
        StatusCode::RANGE_NOT_SATISFIABLE => (
            "range_not_satisfiable",
            "there is no such part",
            "ask for the whole",
        ),
        StatusCode::UPGRADE_REQUIRED => (
            "upgrade_required",
            "this address is for sockets",
            "open it as a WebSocket of version 13",
        ),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
            "header_too_large",
            "the headers are more than 100 or longer than 32 KiB",
            "send fewer and shorter headers",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            "too_many_connections",
            "this address has too many connections open",
            "close some, and use those again that are open",
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "try_later",
            "the server cannot answer now",
            "try again in a moment",
        ),
        status if status.is_server_error() => {
            ("internal", "the server failed", "see the server's log")
        }
        _ => ("refused", "the request was refused", "correct the request"),
    };
    Problem::new(status, code, detail, hint)
}

/// Gives words to every error that has none. What says JSON has its own: ours, or those of another protocol.
pub(super) async fn layer(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let fails = status.is_client_error() || status.is_server_error();
    if !fails || says_json(response.headers()) {
        return response;
    }
    let (mut said, problem) = (
        response.into_parts().0,
        in_words(status).into_response().into_parts(),
    );
    said.headers.remove(header::CONTENT_LENGTH);
    said.headers.extend(problem.0.headers);
    Response::from_parts(said, problem.1)
}

fn says_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.starts_with("application/") && kind.trim().ends_with("json"))
}

/// The answer to a request that could not be read, with the connection's end.
pub(super) fn raw(status: StatusCode) -> Vec<u8> {
    let problem = in_words(status);
    let body = serde_json::to_vec(&problem).expect("a problem is JSON");
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

/// Nothing is at this address; and a proxy this is not.
pub(super) async fn not_found(method: Method) -> Response {
    if method == Method::CONNECT {
        let nothing = [(header::ALLOW, "")];
        return (nothing, in_words(StatusCode::METHOD_NOT_ALLOWED)).into_response();
    }
    in_words(StatusCode::NOT_FOUND).into_response()
}

/// Something is, and not for this method.
pub(super) async fn not_allowed() -> Problem {
    in_words(StatusCode::METHOD_NOT_ALLOWED)
}
