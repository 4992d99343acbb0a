//! The methods, and how they are refused.

use super::File;
use super::state::{Fault, Reacted, Sent, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Why there is no result.
pub(super) enum No {
    /// The connection is closed instead.
    Cut,
    /// The answer comes once a phone has scanned the code.
    Later,
    /// An error object.
    Error(Value),
}

type Answer = Result<Value, No>;

fn error(code: i64, message: &str) -> No {
    No::Error(json!({"code": code, "message": message, "data": null}))
}

pub(super) fn call(state: &mut State, conn: u64, request: &Value) -> Answer {
    if request["jsonrpc"] != "2.0" {
        return Err(error(-32600, "only jsonrpc version 2.0 is supported"));
    }
    let (method, params) = (request["method"].as_str().unwrap_or(""), &request["params"]);
    match method {
        "version" => return Ok(json!({"version": "0.13.19"})),
        "listAccounts" if state.revoked => return Ok(json!([])),
        "startLink" => return Ok(json!({"deviceLinkUri": state.code()})),
        "finishLink" if params["deviceLinkUri"].as_str() == state.code.as_deref() => {
            state.scanning(conn, &request["id"]);
            return Err(No::Later);
        }
        "finishLink" => return Err(error(-1, "Link request error: unknown code")),
        "listAccounts" => return Ok(json!([{"number": state.account}])),
        "unsubscribeReceive" => {
            let id = params["subscription"].as_u64().unwrap_or(u64::MAX);
            let known = state.unsubscribe(conn, id);
            return known
                .then(|| json!({}))
                .ok_or_else(|| error(-1, "Unknown subscription id"));
        }
        "subscribeReceive" | "send" | "sendReaction" | "remoteDelete" | "sendReceipt"
        | "sendTyping" | "getAttachment" => {}
        _ => return Err(error(-32601, "Method not implemented")),
    }
    let Some(account) = params["account"].as_str() else {
        // Of all accounts: there is one.
        if method == "subscribeReceive" {
            return Ok(json!(state.subscribe(conn)));
        }
        return Err(error(-32602, "Method requires valid account parameter"));
    };
    if state.revoked || account != state.account {
        return Err(error(-32602, "Specified account does not exist"));
    }
    match method {
        "subscribeReceive" => Ok(json!(state.subscribe(conn))),
        "getAttachment" => attachment(state, params),
        "sendReceipt" => {
            let author = text(params, "recipient").unwrap_or_default();
            let at = params["targetTimestamp"].as_i64().unwrap_or(0);
            state.marks.push((author, at));
            Ok(done(state))
        }
        "sendTyping" if state.typing_refused => Err(error(-3, "Failed to send message")),
        "sendTyping" => {
            let place = text(params, "recipient").or_else(|| text(params, "groupId"));
            state.typing.push(place.unwrap_or_default());
            Ok(done(state))
        }
        _ => message(state, method, params),
    }
}

fn attachment(state: &State, params: &Value) -> Answer {
    if text(params, "recipient")
        .or_else(|| text(params, "groupId"))
        .is_none()
    {
        return Err(error(-1, "No recipient or group given"));
    }
    let bytes = params["id"].as_str().and_then(|id| state.files.get(id));
    let bytes = bytes.ok_or_else(|| error(-1, "Could not find attachment"))?;
    Ok(json!({"data": STANDARD.encode(bytes)}))
}

/// A call that people see the effect of.
fn message(state: &mut State, method: &str, params: &Value) -> Answer {
    let fault = state.faults.pop_front();
    match fault {
        Some(Fault::RateLimited(wait)) => {
            let results = json!([{"type": "RATE_LIMIT_FAILURE", "retryAfterSeconds": wait}]);
            let data = json!({"response": {"timestamp": 1, "results": results}});
            let message = "Failed to send message due to rate limiting";
            return Err(No::Error(
                json!({"code": -5, "message": message, "data": data}),
            ));
        }
        Some(Fault::Network) => return Err(error(-3, "Failed to send message: timeout")),
        Some(Fault::Unregistered) => {
            let results = json!([{"type": "UNREGISTERED_FAILURE"}]);
            let data = json!({"response": {"timestamp": 1, "results": results}});
            return Err(No::Error(
                json!({"code": -1, "message": "Failed to send message", "data": data}),
            ));
        }
        Some(Fault::CutAfter) | None => {}
    }
    match method {
        "send" => send(state, params)?,
        "remoteDelete" => {
            let at = params["targetTimestamp"].as_i64();
            if let Some(sent) = state.sent.iter_mut().find(|it| Some(it.timestamp) == at) {
                sent.deleted = true;
            }
        }
        _ => {
            let emoji = text(params, "emoji").ok_or_else(|| error(-1, "No emoji given"))?;
            let removed = params["remove"].as_bool() == Some(true);
            state.reactions.push(Reacted {
                author: text(params, "targetAuthor").unwrap_or_default(),
                timestamp: params["targetTimestamp"].as_i64().unwrap_or(0),
                emoji: (!removed).then_some(emoji),
            });
        }
    }
    match fault {
        Some(_) => Err(No::Cut),
        None if method == "send" && params["editTimestamp"].is_null() => {
            let sent = state.sent.last().expect("just sent");
            Ok(json!({"timestamp": sent.timestamp, "results": [{"type": "SUCCESS"}]}))
        }
        None => Ok(done(state)),
    }
}

fn done(state: &mut State) -> Value {
    json!({"timestamp": state.time(), "results": [{"type": "SUCCESS"}]})
}

fn send(state: &mut State, params: &Value) -> Result<(), No> {
    let said = text(params, "message").unwrap_or_default();
    let styles = list(params, "textStyle");
    fits(&said, &styles)?;
    if let Some(at) = params["editTimestamp"].as_i64() {
        let sent = state.sent.iter_mut().find(|it| it.timestamp == at);
        let sent = sent.ok_or_else(|| error(-1, "Message to edit not found"))?;
        sent.text = said;
        sent.styles = styles;
        sent.edits += 1;
        return Ok(());
    }
    let (recipient, group) = (text(params, "recipient"), text(params, "groupId"));
    if recipient.is_some() == group.is_some() {
        return Err(error(-1, "No recipients given"));
    }
    let files: Option<Vec<File>> = list(params, "attachments")
        .iter()
        .map(|uri| file(uri))
        .collect();
    let files = files.ok_or_else(|| error(-1, "Failed to read attachment"))?;
    if said.is_empty() && files.is_empty() {
        return Err(error(-1, "Sending empty message is not supported"));
    }
    let quote = params["quoteTimestamp"].as_i64();
    let timestamp = state.time();
    state.sent.push(Sent {
        timestamp,
        recipient,
        group,
        text: said,
        styles,
        files,
        quote: quote.map(|at| (text(params, "quoteAuthor").unwrap_or_default(), at)),
        deleted: false,
        edits: 0,
    });
    Ok(())
}

/// A style is `start:length:NAME`, in UTF-16 units, within the text.
fn fits(text: &str, styles: &[String]) -> Result<(), No> {
    let units = text.encode_utf16().count();
    for style in styles {
        let parts: Vec<&str> = style.split(':').collect();
        let good = match parts.as_slice() {
            [start, length, name] => {
                let (start, length) = (start.parse::<usize>(), length.parse::<usize>());
                let known = ["BOLD", "ITALIC", "SPOILER", "STRIKETHROUGH", "MONOSPACE"];
                known.contains(name)
                    && matches!((start, length), (Ok(start), Ok(length)) if length > 0 && start + length <= units)
            }
            _ => false,
        };
        if !good {
            return Err(error(-1, &format!("Invalid text style syntax ({style})")));
        }
    }
    Ok(())
}

/// Reads `data:TYPE;filename=NAME;base64,DATA`; a path is refused here.
fn file(uri: &str) -> Option<File> {
    let (head, data) = uri.strip_prefix("data:")?.split_once(',')?;
    let mut parts = head.split(';');
    let mime = parts.next()?.to_owned();
    let name = parts.clone().find_map(|it| it.strip_prefix("filename="));
    let name = decoded(name.unwrap_or(""))?;
    parts.any(|it| it == "base64").then_some(())?;
    let bytes = STANDARD.decode(data).ok()?;
    Some(File { name, mime, bytes })
}

/// Percent signs and their two letters, as bytes.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        bytes.push(u8::from_str_radix(rest.get(at + 1..at + 3)?, 16).ok()?);
        rest = &rest[at + 3..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// A text, or the only one of a list.
fn text(params: &Value, name: &str) -> Option<String> {
    let value = &params[name];
    let value = value.as_array().map_or(Some(value), |all| all.first())?;
    value.as_str().map(str::to_owned)
}

fn list(params: &Value, name: &str) -> Vec<String> {
    let all = params[name].as_array().map_or(&[][..], Vec::as_slice);
    let texts = all.iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}
