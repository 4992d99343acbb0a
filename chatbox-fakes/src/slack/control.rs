//! Control over HTTP, for tests that start processes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as AppState};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::people::Say;
use super::state::World;
use super::{hang_up, shape};

pub(crate) async fn act(
    AppState(world): AppState<Arc<World>>,
    Path(act): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let answer = match act.as_str() {
        "say" => {
            let say = Say {
                channel: text("channel"),
                from: text("from"),
                text: text("text"),
                mention: body["mention"].as_bool() == Some(true),
                thread: body["thread"].as_str().map(str::to_owned),
                ..Say::default()
            };
            json!({"ts": world.say(say)})
        }
        "press" => {
            world.press(
                &text("channel"),
                &text("from"),
                &text("ts"),
                &text("button"),
            );
            json!({})
        }
        "command" => {
            world.command(
                &text("channel"),
                &text("from"),
                &text("word"),
                &text("text"),
            );
            json!({})
        }
        "disconnect" => {
            hang_up(&world, &text("reason"), None);
            json!({})
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    Json(answer).into_response()
}

pub(crate) async fn show(
    AppState(world): AppState<Arc<World>>,
    Path(what): Path<String>,
) -> Response {
    let shown: Value = match what.as_str() {
        "messages" => world.look(|state| {
            let all = state.messages.values();
            let ours = all.filter(|it| it.user == world.options.bot && !it.deleted);
            ours.map(|it| shape::message(&world.options, state, it, true))
                .collect()
        }),
        "counters" => world.look(|state| {
            let acked = state.envelopes.iter().filter(|it| it.acked).count();
            json!({
                "connects": state.connects, "open": state.lines.len(), "most": state.most_lines,
                "envelopes": state.envelopes.len(), "acked": acked,
            })
        }),
        "presses" => world.look(|state| {
            let all = state.pressed.iter();
            all.map(|it| json!({"button": it.button, "acked": it.acked, "answers": it.answers}))
                .collect()
        }),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    Json(shown).into_response()
}
