//! `/api/v10`: from a request to its answer, with the faults that were asked for.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{
    ConnectInfo, FromRequest, FromRequestParts, Multipart, Request, State as AppState,
    WebSocketUpgrade,
};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use super::faults::{Fault, On};
use super::people;
use super::state::{Call, Upload, World};
use super::{gateway, methods};
use crate::http::Line;

/// The largest body that is read.
const MOST: usize = 64 * 1024 * 1024;

/// A refusal in Discord's words.
pub(crate) struct Refusal(pub(crate) u16, pub(crate) u32, pub(crate) &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        refusal(self.0, self.1, self.2)
    }
}

fn refusal(status: u16, code: u32, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (
        status,
        axum::Json(json!({"message": message, "code": code})),
    )
        .into_response()
}

/// What a method is given.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    pub(crate) files: Vec<Upload>,
    pub(crate) host: String,
}

impl Asked {
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let found = self.query.iter().find(|(key, _)| key == name)?;
        found.1.parse().ok()
    }

    fn about(&self) -> On {
        let parts: Vec<&str> = self.path.split('/').collect();
        match (self.method.as_str(), parts.as_slice()) {
            (_, ["gateway", ..]) => On::Gateway,
            (_, ["channels", _, "typing"]) => On::Typing,
            ("GET", ["channels", _, "messages"]) => On::History,
            ("GET", _) => On::Other,
            (_, ["channels", _, "messages", ..]) => On::Messages,
            _ => On::Other,
        }
    }
}

/// Serves everything but control: the gateway, the API, files.
pub(crate) async fn serve(
    AppState(world): AppState<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let path = request.uri().path().to_owned();
    if path == "/" {
        return upgrade(world, request).await;
    }
    if let Some(file) = path.strip_prefix("/attachments/") {
        return download(&world, file, &line).await;
    }
    let Some(path) = path.strip_prefix("/api/v10/").map(people::unescape) else {
        return refusal(404, 0, "404: Not Found");
    };
    let known = path.starts_with("interactions/") || is_authorized(&world, &request);
    let asked = match read(&world, path, request).await {
        Ok(asked) => asked,
        Err(refused) => return refused.into_response(),
    };
    let nth = world.change(|state| {
        let (method, path) = (asked.method.to_string(), asked.path.clone());
        state.calls.push(Call {
            method,
            path,
            body: asked.body.clone(),
            status: 0,
        });
        state.calls.len() - 1
    });
    let answer = match known {
        true => answer(&world, &line, &asked).await,
        false => refusal(401, 0, "401: Unauthorized"),
    };
    world.change(|state| state.calls[nth].status = answer.status().as_u16());
    answer
}

fn is_authorized(world: &World, request: &Request) -> bool {
    let header = request.headers().get(AUTHORIZATION);
    let token = header.and_then(|it| it.to_str().ok()).unwrap_or_default();
    token == format!("Bot {}", world.options.token) && !world.look(|state| state.revoked)
}

async fn upgrade(world: Arc<World>, request: Request) -> Response {
    let host = host_of(&request);
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.on_upgrade(move |socket| gateway::serve(socket, world, host)),
        Err(_) => "chatbox-fakes: Discord".into_response(),
    }
}

fn host_of(request: &Request) -> String {
    let header = request.headers().get(HOST);
    header
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

async fn read(world: &World, path: String, request: Request) -> Result<Asked, Refusal> {
    const UNREADABLE: Refusal = Refusal(400, 50109, "The request body contains invalid JSON.");
    let (method, host) = (request.method().clone(), host_of(&request));
    let query = request.uri().query().unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = pairs
        .map(|(key, value)| (key.to_owned(), people::unescape(value)))
        .collect();
    let kind = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|it| it.to_str().ok());
    let (body, files) = match kind.is_some_and(|kind| kind.starts_with("multipart/")) {
        true => form(world, request).await.ok_or(UNREADABLE)?,
        false => {
            let bytes = axum::body::to_bytes(request.into_body(), MOST).await;
            let bytes = bytes.map_err(|_| UNREADABLE)?;
            let body = match bytes.is_empty() {
                true => Value::Null,
                false => serde_json::from_slice(&bytes).map_err(|_| UNREADABLE)?,
            };
            (body, Vec::new())
        }
    };
    Ok(Asked {
        method,
        path,
        query,
        body,
        files,
        host,
    })
}

async fn form(world: &World, request: Request) -> Option<(Value, Vec<Upload>)> {
    let mut form = Multipart::from_request(request, &()).await.ok()?;
    let (mut body, mut files) = (Value::Null, Vec::new());
    while let Some(field) = form.next_field().await.ok()? {
        let name = field.name()?.to_owned();
        if name == "payload_json" {
            body = serde_json::from_str(&field.text().await.ok()?).ok()?;
        } else if name.starts_with("files[") {
            let (title, mime) = (
                field.file_name()?.to_owned(),
                field.content_type().map(str::to_owned),
            );
            let id = world.change(super::state::State::number);
            let mime = mime.unwrap_or_else(|| "application/octet-stream".to_owned());
            files.push(Upload {
                id,
                name: title,
                mime,
                bytes: field.bytes().await.ok()?,
            });
        }
    }
    Some((body, files))
}

async fn answer(world: &World, line: &Line, asked: &Asked) -> Response {
    let fault = world.change(|state| state.faults.take(asked.about()));
    match &fault {
        Some(Fault::RateLimited { ms, global }) => return too_many(*ms, *global),
        Some(Fault::ServerError(status)) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            return (status, "<html><body>upstream connect error</body></html>").into_response();
        }
        Some(Fault::CutBefore) => {
            line.cut();
            return StatusCode::OK.into_response();
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Refuse {
            status,
            code,
            message,
        }) => return refusal(*status, *code, message),
        Some(Fault::Slow { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
        Some(Fault::CutAfter) | None => {}
    }
    let done = methods::run(world, asked);
    if fault == Some(Fault::CutAfter) {
        line.cut();
    }
    match done {
        Ok(Value::Null) => StatusCode::NO_CONTENT.into_response(),
        Ok(value) => axum::Json(value).into_response(),
        Err(refused) => refused.into_response(),
    }
}

fn too_many(ms: u64, global: bool) -> Response {
    let seconds = Duration::from_millis(ms).as_secs_f64();
    let body =
        json!({"message": "You are being rate limited.", "retry_after": seconds, "global": global});
    let scope = if global { "global" } else { "user" };
    let header = [
        ("retry-after", format!("{}", seconds.ceil())),
        ("x-ratelimit-scope", scope.to_owned()),
    ];
    (StatusCode::TOO_MANY_REQUESTS, header, axum::Json(body)).into_response()
}

async fn download(world: &World, path: &str, line: &Line) -> Response {
    match world.change(|state| state.faults.take(On::Files)) {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::CutBefore | Fault::CutAfter) => line.cut(),
        Some(_) => {
            return (
                StatusCode::NOT_FOUND,
                "This content is no longer available.",
            )
                .into_response();
        }
        None => {}
    }
    let id: Option<u64> = path.split('/').nth(1).and_then(|id| id.parse().ok());
    let found: Option<(String, Bytes)> = world.look(|state| {
        let mut all = state.messages.values().flat_map(|it| &it.files);
        let file = all.find(|file| Some(file.id) == id)?;
        Some((file.mime.clone(), file.bytes.clone()))
    });
    match found {
        Some((mime, bytes)) => ([(CONTENT_TYPE, mime)], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
