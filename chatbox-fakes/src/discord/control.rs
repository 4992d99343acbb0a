//! Control over HTTP, for tests that start processes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as AppState};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::people::Say;
use super::shape;
use super::state::{Out, World};

pub(crate) async fn act(
    AppState(world): AppState<Arc<World>>,
    Path(act): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let number = |name: &str| body[name].as_u64().unwrap_or(0);
    match act.as_str() {
        "say" => {
            let mentions = body["mentions"].as_array().into_iter().flatten();
            let say = Say {
                channel: number("channel"),
                from: number("from"),
                text: body["text"].as_str().unwrap_or_default().to_owned(),
                mentions: mentions.filter_map(Value::as_u64).collect(),
                ..Say::default()
            };
            Json(json!({"id": world.say(say).to_string()})).into_response()
        }
        "cut" => {
            world.change(|state| {
                let lines = state.sessions.values().filter_map(|it| it.line.as_ref());
                for (_, line) in lines {
                    let _ = line.send(Out::Close(4000, "Unknown error."));
                }
            });
            Json(json!({})).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(crate) async fn show(
    AppState(world): AppState<Arc<World>>,
    Path(what): Path<String>,
) -> Response {
    match what.as_str() {
        "messages" => {
            let shown: Value = world.look(|state| {
                let ours = state
                    .messages
                    .values()
                    .filter(|it| it.author == world.options.bot);
                ours.map(|it| shape::message(&world.options, state, it))
                    .collect()
            });
            Json(shown).into_response()
        }
        "counters" => {
            let shown = world
                .look(|state| json!({"identifies": state.identifies, "resumes": state.resumes}));
            Json(shown).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
