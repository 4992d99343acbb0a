//! One call from bytes to bytes: token, body, fault, method, answer.
//!
//! Owns the order of these steps and the record of calls. What a method does is `methods`' business.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State as AppState};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::value::{RawValue, to_raw_value};

use super::faults::Fault;
use super::params::{self, Params};
use super::record::Call;
use super::state::World;
use super::wire::{self, Refusal};
use super::{Shared, methods, updates};
use crate::http::Line;

/// Serves `/bot<token>/<method>` and `/file/bot<token>/<path>`.
pub(crate) async fn serve(
    AppState(shared): AppState<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let path = params::unescape(request.uri().path().as_bytes());
    if let Some((token, file)) = path
        .strip_prefix("/file/bot")
        .and_then(|p| p.split_once('/'))
    {
        return match shared.world(token) {
            Some(world) => download(&world, file, &line).await,
            None => shared.refuse_token(),
        };
    }
    let Some((token, method)) = path.strip_prefix("/bot").and_then(|p| p.split_once('/')) else {
        return Refusal::new(404, "Not Found").into_response();
    };
    match shared.world(token) {
        Some(world) => call(&world, method, request, &line).await,
        None => shared.refuse_token(),
    }
}

async fn call(world: &World, method: &str, request: Request, line: &Line) -> Response {
    let method = methods::canonical(method);
    let params = match params::decode(request).await {
        Ok(params) => params,
        Err(refusal) => {
            let entry = Entry::open(world, &method, &Params::default(), None);
            return entry.refuse(refusal);
        }
    };
    let fault = world.change(|state| state.faults.take(&method, &params));
    let entry = Entry::open(world, &method, &params, fault.as_ref());
    if let Some(answer) = spoil_before(fault.as_ref(), &entry, line).await {
        return answer;
    }
    let result = run(world, &method, &params).await;
    let answer = match result {
        Ok(value) => entry.succeed(&value),
        Err(refusal) => entry.refuse(refusal),
    };
    match fault {
        Some(Fault::CutAfter) => line.cut(),
        Some(Fault::SlowAnswer { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
        _ => {}
    }
    answer
}

async fn run(world: &World, method: &str, params: &Params) -> Result<Box<RawValue>, Refusal> {
    if method == "getUpdates" {
        return updates::poll(world, params).await;
    }
    let now = world.now_ms();
    let result = world.change(|state| {
        state.check_flood(now, method)?;
        methods::run(&world.bot, state, now, method, params)
    });
    result.map(|value| to_raw_value(&value).expect("a JSON value has a text"))
}

/// Plays a fault that comes before the effect; `None` lets the call go on.
async fn spoil_before(fault: Option<&Fault>, entry: &Entry<'_>, line: &Line) -> Option<Response> {
    let refusal = match fault? {
        Fault::Delay { ms } => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            return None;
        }
        Fault::Hang => std::future::pending().await,
        Fault::CutBefore => {
            line.cut();
            return Some(StatusCode::OK.into_response());
        }
        Fault::ServerError { status, html: true } => return Some(entry.html(*status)),
        Fault::Garbage => return Some(entry.garbage()),
        Fault::ServerError { status, .. } => Refusal::new(*status, "Internal Server Error"),
        Fault::Conflict => Refusal::conflict(),
        Fault::TooManyRequests { retry_after } => Refusal::too_many(*retry_after),
        Fault::Flood { retry_after } => {
            entry.flood(*retry_after);
            Refusal::too_many(*retry_after)
        }
        Fault::Migrate { to } => Refusal::migrated(*to),
        Fault::Blocked => Refusal::new(403, "Forbidden: bot was blocked by the user"),
        Fault::Unauthorized => Refusal::unauthorized(),
        Fault::Refuse { code, description } => Refusal::new(*code, description.as_str()),
        Fault::CutAfter
        | Fault::SlowAnswer { .. }
        | Fault::Duplicate
        | Fault::Reorder
        | Fault::Replay { .. } => return None,
    };
    Some(entry.refuse(refusal))
}

async fn download(world: &World, path: &str, line: &Line) -> Response {
    let fault = world.change(|state| state.faults.take("download", &Params::default()));
    let entry = Entry::open(world, "download", &Params::default(), fault.as_ref());
    if let Some(answer) = spoil_before(fault.as_ref(), &entry, line).await {
        return answer;
    }
    let Some(bytes) = world.look(|state| state.files.at_path(path).map(|file| file.bytes.clone()))
    else {
        return entry.refuse(Refusal::new(404, "Not Found"));
    };
    world.change(|state| state.counters.downloads += 1);
    entry.close(200, None, true);
    if fault == Some(Fault::CutAfter) {
        line.cut();
    }
    ([(CONTENT_TYPE, "application/octet-stream")], bytes).into_response()
}

/// The record of the call being served.
struct Entry<'a> {
    world: &'a World,
    seq: usize,
}

impl<'a> Entry<'a> {
    fn open(world: &'a World, method: &str, params: &Params, fault: Option<&Fault>) -> Self {
        let at_ms = world.now_ms();
        let seq = world.change(|state| {
            let seq = state.calls.len();
            state.counters.calls += 1;
            state.calls.push(Call {
                seq: seq as u64,
                method: method.to_owned(),
                params: params.recorded(),
                at_ms,
                done_ms: None,
                status: None,
                error: None,
                fault: fault.map(Fault::name),
                applied: false,
            });
            seq
        });
        Self { world, seq }
    }

    fn close(&self, status: u16, error: Option<String>, applied: bool) {
        let done = self.world.now_ms();
        self.world.change(|state| {
            let call = &mut state.calls[self.seq];
            call.done_ms = Some(done);
            call.status = Some(status);
            call.error = error;
            call.applied = applied;
        });
    }

    fn flood(&self, seconds: u64) {
        let until = self.world.now_ms() + seconds * 1_000;
        self.world.change(|state| state.flooded_until_ms = until);
    }

    fn succeed(&self, value: &RawValue) -> Response {
        self.close(200, None, true);
        wire::success(value)
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        self.close(refusal.code, Some(refusal.description.clone()), false);
        refusal.into_response()
    }

    fn html(&self, status: u16) -> Response {
        self.close(status, Some("an HTML page".to_owned()), false);
        let page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n";
        let code = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        (code, [(CONTENT_TYPE, "text/html")], page).into_response()
    }

    fn garbage(&self) -> Response {
        self.close(200, Some("not the wire's JSON".to_owned()), false);
        ([(CONTENT_TYPE, "application/json")], "{\"ok\": tru").into_response()
    }
}
