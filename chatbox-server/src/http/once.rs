//! Requests that may be repeated. Who sends an `Idempotency-Key` is answered the same again, and nothing is done twice: the
//! answer is kept in the transaction of what was done.

use super::body::read;
use super::words::in_words;
use super::{Problem, body};
use crate::app::App;
use crate::auth::Caller;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chatbox_core::admit::hash;
use chatbox_core::store::{Admin, Once, Outcome, Remembered, SecretBox};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const KEY: &str = "idempotency-key";
/// Set on an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long an answer is kept, in milliseconds.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// What a kept answer is sealed as: it may hold a secret that is shown once. Its row is the key.
pub(crate) const PURPOSE: &str = "reply";
/// The longest key.
const LONGEST: usize = 255;

/// A body, and what its request is recognised by.
#[derive(Debug)]
pub(crate) struct Repeatable<T> {
    pub(super) body: T,
    pub(super) asked: Option<Asked>,
}

/// What a request is recognised by.
#[derive(Debug)]
pub(crate) struct Asked {
    key: String,
    /// Of the body.
    hash: String,
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    body: String,
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Repeatable<T> {
    /// The answer that was given before, or what is wrong.
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let key = key(request.headers()).map(|key| key.map(str::to_owned));
        let key = key.map_err(IntoResponse::into_response)?;
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Problem::unauthorized("nobody may do this"));
        let caller = caller.map_err(IntoResponse::into_response)?;
        let place = format!("{} {}", request.method(), request.uri().path());
        body::declared(request.headers()).map_err(IntoResponse::into_response)?;
        let bytes = Bytes::from_request(request, app).await;
        let bytes = bytes.map_err(|rejection| in_words(rejection.status()).into_response())?;
        let asked = key.map(|key| Asked {
            key: hash(&format!("{}\n{place}\n{key}", caller.account)),
            hash: hash(&String::from_utf8_lossy(&bytes)),
        });
        if let Some(asked) = &asked
            && let Some(answer) = asked.answered(app).await
        {
            return Err(answer);
        }
        let body = read(&bytes).map_err(IntoResponse::into_response)?;
        Ok(Self { body, asked })
    }
}

fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value.to_str().ok().filter(|key| {
        let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        (1..=LONGEST).contains(&key.len()) && visible
    });
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => {
            let detail = "the Idempotency-Key is none";
            let hint =
                "send one key of 1 to 255 visible characters, another for each thing to be done";
            let status = StatusCode::BAD_REQUEST;
            Err(Problem::new(
                status,
                "invalid_idempotency_key",
                detail,
                hint,
            ))
        }
    }
}

impl Asked {
    /// What was answered under this key before.
    async fn answered(&self, app: &App) -> Option<Response> {
        match app.chatbox.store().remembered(&self.key).await {
            Err(error) => Some(Problem::from(error).into_response()),
            Ok(None) => None,
            Ok(Some(before)) if before.asked != self.hash => {
                let detail = "something else was asked with this Idempotency-Key before";
                let hint = "take another key for another request";
                let status = StatusCode::CONFLICT;
                let problem = Problem::new(status, "idempotency_mismatch", detail, hint);
                Some(problem.into_response())
            }
            Ok(Some(before)) => Some(self.again(app, &before)),
        }
    }

    fn again(&self, app: &App, before: &Remembered) -> Response {
        let sealed: Option<SecretBox> = serde_json::from_str(&before.reply).ok();
        let plain = sealed.and_then(|it| app.chatbox.seal().open(PURPOSE, &self.key, &it).ok());
        let kept = plain.and_then(|it| serde_json::from_slice::<Kept>(&it).ok());
        let status = kept.as_ref().map(|it| StatusCode::from_u16(it.status));
        let (Some(kept), Some(Ok(status))) = (kept, status) else {
            let detail = "this was done before, and what was answered cannot be read any more";
            let hint = "look at what there is; nothing was done now";
            let status = StatusCode::CONFLICT;
            return Problem::new(status, "reply_lost", detail, hint).into_response();
        };
        let mut answer = json(status, kept.body);
        let headers = answer.headers_mut();
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        answer
    }

    fn once(&self, app: &App, status: StatusCode, body: &str) -> Admin {
        let kept = Kept {
            status: status.as_u16(),
            body: body.to_owned(),
        };
        let kept = serde_json::to_vec(&kept).expect("a number and a text are JSON");
        let sealed = app.chatbox.seal().seal(PURPOSE, &self.key, &kept);
        Admin::Once(Once {
            key: self.key.clone(),
            asked: self.hash.clone(),
            reply: serde_json::to_string(&sealed).expect("two texts are JSON"),
            ttl_ms: KEPT_MS,
        })
    }
}

fn json(status: StatusCode, body: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, body).into_response()
}

/// Does all of it or nothing, and answers with `view`: the same again where it was done before. What could not be done is
/// left to the caller.
///
/// # Errors
/// The store.
pub(super) async fn done<T: Serialize + Sync>(
    app: &App,
    asked: Option<Asked>,
    mut all: Vec<Admin>,
    status: StatusCode,
    view: &T,
) -> Result<Result<Response, Outcome>, Problem> {
    let body = serde_json::to_string(view).expect("what is shown is JSON");
    if let Some(asked) = &asked {
        all.insert(0, asked.once(app, status, &body));
    }
    Ok(match app.chatbox.together(all).await? {
        Outcome::Done(_) => Ok(json(status, body)),
        undone => {
            // Somebody asked the same at the same time, and was faster.
            let answered = match &asked {
                Some(asked) => asked.answered(app).await,
                None => None,
            };
            answered.ok_or(undone)
        }
    })
}
