//! A JSON-RPC message before anybody acts on it: what is not one is refused in JSON-RPC's own words. Pure.

use rmcp::model::{ErrorData, JsonRpcError, RequestId};
use serde_json::Value;

/// The longest id of a request, in bytes.
const ID: usize = 1024;
/// The tools whose answers may take long.
const WAIT: [&str; 2] = ["wait_for_events", "ask_human"];

/// What a message asks of the connection it came on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wants {
    /// An answer at once.
    Answer,
    /// An answer that stays open.
    Stream,
    /// The older wire's greeting.
    Greeting,
}

/// Looks a message over.
///
/// # Errors
/// What is wrong, as JSON-RPC says it.
pub(super) fn check(body: &[u8]) -> Result<Wants, JsonRpcError> {
    let message: Value = serde_json::from_slice(body)
        .map_err(|error| refused(None, ErrorData::parse_error(error.to_string(), None)))?;
    let invalid =
        |text: &'static str| refused(id(&message), ErrorData::invalid_request(text, None));
    let Value::Object(fields) = &message else {
        return Err(invalid("send one JSON-RPC message, as an object"));
    };
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid("jsonrpc must be \"2.0\""));
    }
    if fields.contains_key("id") && id(&message).is_none() {
        return Err(invalid(
            "id must be a whole number, or a text of at most 1024 bytes",
        ));
    }
    match fields.get("method") {
        None => Err(invalid(
            "this server asks nothing, so it takes no answers; send a request",
        )),
        Some(Value::String(method)) => Ok(wants(method, fields.get("params"))),
        Some(_) => Err(invalid("method must be a text")),
    }
}

fn wants(method: &str, params: Option<&Value>) -> Wants {
    let tool = || params.and_then(|params| params.get("name")?.as_str());
    match method {
        "subscriptions/listen" => Wants::Stream,
        "initialize" => Wants::Greeting,
        "tools/call" if tool().is_some_and(|it| WAIT.contains(&it)) => Wants::Stream,
        _ => Wants::Answer,
    }
}

fn id(message: &Value) -> Option<RequestId> {
    match message.get("id")? {
        Value::Number(number) => number.as_i64().map(RequestId::Number),
        Value::String(text) if text.len() <= ID => Some(RequestId::String(text.as_str().into())),
        _ => None,
    }
}

fn refused(id: Option<RequestId>, error: ErrorData) -> JsonRpcError {
    JsonRpcError::new(id, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> i32 {
        check(body.as_bytes()).expect_err(body).error.code.0
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        for body in ["", "{", "not json", "\u{feff}{}", &deep] {
            assert_eq!(code(body), -32700, "{body:.20}");
        }
    }

    #[test]
    fn what_is_no_request_is_said_to_be_none() {
        let long = format!(
            r#"{{"jsonrpc":"2.0","id":"{}","method":"x"}}"#,
            "x".repeat(10 * 1024)
        );
        for body in [
            "[]",
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            "null",
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#,
            &long,
        ] {
            assert_eq!(code(body), -32600, "{body:.60}");
        }
    }

    #[test]
    fn a_request_is_answered_under_its_id_even_when_it_is_refused() {
        let refused = check(br#"{"jsonrpc":"1.0","id":"a","method":"x"}"#).expect_err("refused");
        assert_eq!(refused.id, Some(RequestId::String("a".into())));
    }

    #[test]
    fn what_stays_open_is_known_before_it_is_asked_for() {
        let call = |name: &str| {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#
            );
            check(body.as_bytes()).expect("it is a request")
        };
        assert_eq!(call("list_chats"), Wants::Answer);
        assert_eq!(call("wait_for_events"), Wants::Stream);
        assert_eq!(call("ask_human"), Wants::Stream);
        let listen = br#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen"}"#;
        assert_eq!(check(listen).ok(), Some(Wants::Stream));
        let greeting = br#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#;
        assert_eq!(check(greeting).ok(), Some(Wants::Greeting));
    }
}
