//! HTTP: the Web API below `/api`, the websocket at `/link`, uploads, files, and answers to buttons.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{
    ConnectInfo, FromRequest, FromRequestParts, Multipart, Request, State as AppState,
    WebSocketUpgrade,
};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::faults::{Fault, On};
use super::people::unescape;
use super::state::{Call, World};
use super::{methods, socket};
use crate::http::Line;

/// The largest body that is read.
const MOST: usize = 64 * 1024 * 1024;

/// What a method is given.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) body: Value,
    pub(crate) token: String,
    pub(crate) host: String,
}

impl Asked {
    pub(crate) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// A whole number, which forms carry as text.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        let value = &self.body[name];
        let given = value.as_u64().and_then(|it| usize::try_from(it).ok());
        given.or_else(|| value.as_str()?.parse().ok())
    }

    /// A list or an object, which forms carry as JSON in text.
    pub(crate) fn shape(&self, name: &str) -> Value {
        match &self.body[name] {
            Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            other => other.clone(),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match &self.body[name] {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => Some(text == "true" || text == "1"),
            _ => None,
        }
    }

    fn about(&self) -> On {
        match self.method.as_str() {
            "apps.connections.open" => On::Connect,
            "conversations.history" | "conversations.replies" => On::History,
            "files.getUploadURLExternal" => On::Uploads,
            "files.completeUploadExternal" | "reactions.add" | "reactions.remove" => On::Messages,
            method if method.starts_with("chat.") => On::Messages,
            _ => On::Other,
        }
    }
}

/// Serves everything but control.
pub(crate) async fn serve(
    AppState(world): AppState<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.trim_start_matches('/').splitn(2, '/').collect();
    match parts.as_slice() {
        ["api", method] => call(world, line, (*method).to_owned(), request).await,
        ["link"] | ["link", ""] => upgrade(world, request).await,
        ["upload", id] => upload(&world, &line, id, request).await,
        ["files-pri", rest] => download(&world, &line, rest, request.headers()).await,
        ["actions" | "commands", rest] => answered(&world, &line, rest, request).await,
        _ => "chatbox-fakes: Slack".into_response(),
    }
}

async fn call(world: Arc<World>, line: Line, method: String, request: Request) -> Response {
    let Some(asked) = read(method, request).await else {
        return refusal("invalid_form_data");
    };
    let nth = world.change(|state| {
        state.calls.push(Call {
            method: asked.method.clone(),
            body: asked.body.clone(),
            status: 0,
        });
        state.calls.len() - 1
    });
    let answer = answer(&world, &line, &asked).await;
    world.change(|state| state.calls[nth].status = answer.status().as_u16());
    answer
}

async fn read(method: String, request: Request) -> Option<Asked> {
    let [host, kind, token] =
        [HOST, CONTENT_TYPE, AUTHORIZATION].map(|name| header(request.headers(), &name));
    let mut body: Map<String, Value> = form(request.uri().query().unwrap_or_default()).collect();
    let bytes = axum::body::to_bytes(request.into_body(), MOST).await.ok()?;
    if kind.starts_with("application/json") {
        let given: Map<String, Value> = serde_json::from_slice(&bytes).ok()?;
        body.extend(given);
    } else {
        body.extend(form(std::str::from_utf8(&bytes).ok()?));
    }
    let token = token.strip_prefix("Bearer ").map(str::to_owned);
    let token = token.or_else(|| body.get("token").and_then(Value::as_str).map(str::to_owned));
    Some(Asked {
        method,
        body: body.into(),
        token: token.unwrap_or_default(),
        host,
    })
}

fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).and_then(|it| it.to_str().ok());
    value.unwrap_or_default().to_owned()
}

fn form(text: &str) -> impl Iterator<Item = (String, Value)> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (unescape(key), unescape(value).into()))
}

fn refusal(word: &str) -> Response {
    axum::Json(json!({"ok": false, "error": word})).into_response()
}

async fn answer(world: &Arc<World>, line: &Line, asked: &Asked) -> Response {
    let fault = world.change(|state| state.faults.take(asked.about()));
    match &fault {
        Some(Fault::CutAfter) | None => {}
        Some(Fault::Slow { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
        Some(fault) => return broken(line, fault).await,
    }
    let done = methods::run(world, asked);
    if fault == Some(Fault::CutAfter) {
        line.cut();
    }
    let scopes = world.options.scopes.join(",");
    let mut answer = match done {
        Ok(mut value) => {
            value["ok"] = json!(true);
            axum::Json(value).into_response()
        }
        Err(refused) => axum::Json(refused.body(&scopes)).into_response(),
    };
    if let Ok(scopes) = scopes.parse() {
        answer.headers_mut().insert("x-oauth-scopes", scopes);
    }
    answer
}

async fn broken(line: &Line, fault: &Fault) -> Response {
    match fault {
        Fault::RateLimited { seconds } => {
            let header = [(RETRY_AFTER, seconds.to_string())];
            let body = axum::Json(json!({"ok": false, "error": "ratelimited"}));
            (StatusCode::TOO_MANY_REQUESTS, header, body).into_response()
        }
        Fault::ServerError(status) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, "<html><body>upstream connect error</body></html>").into_response()
        }
        Fault::CutBefore | Fault::CutAfter => {
            line.cut();
            StatusCode::OK.into_response()
        }
        Fault::Hang => std::future::pending().await,
        Fault::Slow { ms } => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            StatusCode::OK.into_response()
        }
        Fault::Refuse(word) => refusal(word),
        Fault::MissingScope(scope) => {
            let body = json!({
                "ok": false, "error": "missing_scope", "needed": scope, "provided": "identify",
            });
            axum::Json(body).into_response()
        }
    }
}

async fn upgrade(world: Arc<World>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let ticket = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("ticket="));
    let good = world.change(|state| ticket.is_some_and(|ticket| state.tickets.remove(ticket)));
    if !good {
        return (StatusCode::UNAUTHORIZED, "invalid ticket").into_response();
    }
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.on_upgrade(move |socket| socket::serve(socket, world)),
        Err(refused) => refused.into_response(),
    }
}

/// A file's bytes, as they are or in a form.
async fn upload(world: &World, line: &Line, id: &str, request: Request) -> Response {
    if let Some(fault) = world.change(|state| state.faults.take(On::Uploads)) {
        return broken(line, &fault).await;
    }
    let kind = request.headers().get(CONTENT_TYPE);
    let multipart = kind.is_some_and(|it| it.as_bytes().starts_with(b"multipart/"));
    let bytes = match multipart {
        true => first_field(request).await,
        false => axum::body::to_bytes(request.into_body(), MOST).await.ok(),
    };
    let taken = world.change(|state| {
        let upload = state.uploads.get_mut(id)?;
        let bytes = bytes.filter(|it| it.len() == upload.length)?;
        let length = bytes.len();
        upload.bytes = Some(bytes);
        Some(length)
    });
    match taken {
        Some(length) => format!("OK - {length}").into_response(),
        None => (StatusCode::BAD_REQUEST, "the length is another one").into_response(),
    }
}

async fn first_field(request: Request) -> Option<Bytes> {
    let mut form = Multipart::from_request(request, &()).await.ok()?;
    form.next_field().await.ok()??.bytes().await.ok()
}

/// A file, for who may have it; everybody else is sent to the door.
async fn download(world: &World, line: &Line, path: &str, headers: &HeaderMap) -> Response {
    if let Some(fault) = world.change(|state| state.faults.take(On::Files)) {
        return match fault {
            Fault::Refuse(_) => StatusCode::NOT_FOUND.into_response(),
            fault => broken(line, &fault).await,
        };
    }
    let known = headers
        .get(AUTHORIZATION)
        .and_then(|it| it.to_str().ok())
        .is_some_and(|it| it == format!("Bearer {}", world.options.token));
    let may = known && world.options.scopes.iter().any(|it| it == "files:read");
    if !may {
        let door = format!("/?redir=%2Ffiles-pri%2F{path}");
        return (StatusCode::FOUND, [(LOCATION, door)]).into_response();
    }
    let id = path
        .split('/')
        .next()
        .and_then(|first| first.rsplit_once('-'));
    let id = id.map(|(_, id)| id).unwrap_or_default();
    let found: Option<(String, Bytes)> = world.look(|state| {
        let mut all = state.messages.values().flat_map(|it| &it.files);
        let file = all.find(|file| file.id == id)?;
        Some((file.mime.clone(), file.bytes.clone()))
    });
    match found {
        Some((mime, bytes)) => {
            let headers = [
                (CONTENT_TYPE.as_str(), mime.as_str()),
                ("content-disposition", "attachment"),
            ];
            (headers, bytes).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Words for somebody who pressed a button or gave a command.
async fn answered(world: &World, line: &Line, path: &str, request: Request) -> Response {
    if let Some(fault) = world.change(|state| state.faults.take(On::Messages)) {
        return broken(line, &fault).await;
    }
    let trigger = path.rsplit('/').next().unwrap_or_default().to_owned();
    let bytes = axum::body::to_bytes(request.into_body(), MOST).await;
    let body = bytes
        .ok()
        .and_then(|it| serde_json::from_slice::<Value>(&it).ok());
    let Some(body) = body else {
        return (StatusCode::BAD_REQUEST, "invalid_payload").into_response();
    };
    let known = world.change(|state| {
        let found = state.pressed.iter_mut().find(|it| it.id == trigger);
        found.map(|it| it.answers.push(body)).is_some()
    });
    match known {
        true => "ok".into_response(),
        false => (StatusCode::NOT_FOUND, "used_url").into_response(),
    }
}
