//! The same control over HTTP, for processes that cannot call Rust.
//!
//! Translates JSON into calls of [`Account`](super::Account); adds no abilities of its own. The routes are listed in
//! the documentation of [`telegram`](super).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State as AppState};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::account::Account;
use super::acts::{Say, Share};
use super::faults::Planned;
use super::types::{Person, Place};
use super::{Shared, structure};

type Asked = HashMap<String, String>;

/// `POST /_control/<act>`.
pub(crate) async fn act(
    AppState(shared): AppState<Arc<Shared>>,
    Path(act): Path<String>,
    Query(asked): Query<Asked>,
    body: Option<Json<Value>>,
) -> Response {
    let Some(account) = shared.account(asked.get("bot").map(String::as_str)) else {
        return (StatusCode::NOT_FOUND, "no such bot").into_response();
    };
    let mut body = body.map_or(Value::Null, |Json(value)| value);
    let done = introduce(&account, &mut body).and_then(|()| perform(&account, &act, body));
    match done {
        Ok(value) => Json(value).into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, Json(json!({"error": why}))).into_response(),
    }
}

/// `chat` and `from` may be whole objects: they are made known and replaced by their ids.
fn introduce(account: &Account, body: &mut Value) -> Result<(), String> {
    if body.get("chat").is_some_and(Value::is_object) {
        let place: Place = read(body["chat"].clone())?;
        body["chat"] = place.id.into();
        account.chat(place);
    }
    if body.get("from").is_some_and(Value::is_object) {
        let person: Person = read(body["from"].clone())?;
        body["from"] = person.id.into();
        account.person(person);
    }
    // A private chat has the id of its person; without a person, it is theirs.
    for (missing, given) in [("chat", "from"), ("from", "chat")] {
        if body.is_object() && body.get(missing).is_none() && body.get(given).is_some() {
            body[missing] = body[given].clone();
        }
    }
    Ok(())
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn perform(account: &Account, act: &str, body: Value) -> Result<Value, String> {
    let number = |field: &str| {
        let given = body.get(field).and_then(Value::as_i64);
        given.ok_or_else(|| format!("{field} must be a whole number"))
    };
    let word = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default();
    Ok(match act {
        "person" => {
            account.person(read(body)?);
            Value::Null
        }
        "chat" => {
            account.chat(read(body)?);
            Value::Null
        }
        "say" => json!(account.say_with(read::<Say>(body)?)),
        "upload" => {
            let (chat, from) = (number("chat")?, number("from")?);
            json!(account.upload(chat, from, read::<Share>(body)?)?)
        }
        "album" => {
            let shares: Vec<Share> = read(body["files"].clone())?;
            json!(account.album(number("chat")?, number("from")?, shares)?)
        }
        "edit" => json!(account.edit(number("chat")?, number("message_id")?, word("text"))),
        "react" => {
            let emoji: Vec<String> = read(body["emoji"].clone())?;
            let emoji: Vec<&str> = emoji.iter().map(String::as_str).collect();
            json!(account.react(
                number("chat")?,
                number("message_id")?,
                number("from")?,
                &emoji
            ))
        }
        "press" => {
            let (chat, message) = (number("chat")?, number("message_id")?);
            let (said, id) = account.press(chat, message, number("from")?, word("data"));
            json!({"update_id": said.update_id, "message_id": said.message_id, "callback_query_id": id})
        }
        "block" => {
            let blocked = body.get("blocked").and_then(Value::as_bool).unwrap_or(true);
            json!({"update_id": account.block(number("from")?, blocked)})
        }
        "membership" => {
            let (chat, by) = (number("chat")?, number("from")?);
            json!({"update_id": account.membership(chat, by, word("old"), word("new"))})
        }
        "migrate" => json!(account.migrate(number("chat")?, number("to")?, number("from")?)),
        "raw_update" => json!({"update_id": account.raw_update(body)}),
        "raw_text" => json!({"update_id": account.raw_text(word("json"))?}),
        "jump_update_ids" => {
            account.jump_update_ids(number("to")?);
            Value::Null
        }
        "fault" => {
            account.plan(read::<Planned>(body)?);
            Value::Null
        }
        "clear_faults" => {
            account.clear_faults();
            Value::Null
        }
        other => return Err(format!("no act named {other}")),
    })
}

/// `GET /_control/<what>`.
pub(crate) async fn show(
    AppState(shared): AppState<Arc<Shared>>,
    Path(what): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    let Some(account) = shared.account(asked.get("bot").map(String::as_str)) else {
        return (StatusCode::NOT_FOUND, "no such bot").into_response();
    };
    let at_least: usize = number_in(&asked, "at_least").unwrap_or(0);
    let within = Duration::from_millis(number_in(&asked, "wait_ms").unwrap_or(0));
    let enough = |list: &Value| list.as_array().is_none_or(|list| list.len() >= at_least);
    let met = account
        .until(within, |account| {
            list(account, &shared, &what, &asked).filter(enough)
        })
        .await;
    // After the wait the list is given as it is; the caller sees that it is short.
    match met.or_else(|| list(&account, &shared, &what, &asked)) {
        Some(value) => Json(value).into_response(),
        None => (StatusCode::NOT_FOUND, "nothing of that name").into_response(),
    }
}

fn number_in<T: std::str::FromStr>(asked: &Asked, field: &str) -> Option<T> {
    asked.get(field)?.parse().ok()
}

fn list(account: &Account, shared: &Shared, what: &str, asked: &Asked) -> Option<Value> {
    let chat: Option<i64> = number_in(asked, "chat");
    let here = |id: i64| chat.is_none_or(|chat| chat == id);
    Some(match what {
        "calls" => {
            let since: u64 = number_in(asked, "since").unwrap_or(0);
            let mut calls = account.calls();
            calls.retain(|call| {
                let method = asked.get("method");
                let named = method.is_none_or(|name| call.method.eq_ignore_ascii_case(name));
                named && call.seq >= since
            });
            json!(calls)
        }
        "messages" => {
            let mut messages = account.messages();
            messages.retain(|message| here(message.chat_id));
            json!(messages)
        }
        "structure" => {
            let mut messages = account.messages();
            messages.retain(|m| here(m.chat_id) && !m.deleted);
            let runs = messages
                .iter()
                .map(|m| structure::runs(&m.text, &m.entities));
            json!(runs.collect::<Vec<_>>())
        }
        "drafts" => {
            let mut drafts = account.drafts();
            drafts.retain(|draft| here(draft.chat_id));
            json!(drafts)
        }
        "reactions" => json!(account.reactions()),
        "actions" => json!(account.actions()),
        "callback_answers" => json!(account.callback_answers()),
        "updates" => json!(account.pending_updates()),
        "commands" => account.commands(),
        "faults" => json!(account.faults()),
        "counters" => {
            let mut counters = account.counters();
            counters.unauthorized = shared.unauthorized();
            json!(counters)
        }
        "file" => {
            let bytes = account.file(asked.get("file_id")?)?;
            json!({"size": bytes.len(), "data": STANDARD.encode(bytes)})
        }
        _ => return None,
    })
}
