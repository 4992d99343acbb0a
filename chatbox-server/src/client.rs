//! The command line as a client: it asks the running server, or where none runs makes the same call in this process.

use crate::failure::{Exit, Failure};
use crate::paths::{is_held, read_small};
use crate::serve::{self, ServeJson, Start};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tower::ServiceExt;
use url::Url;

/// The largest answer that is read, in bytes.
const ANSWER: usize = 64 * 1024 * 1024;

/// Somebody who answers.
#[derive(Debug)]
pub enum Client {
    /// The running server.
    Running {
        /// Where it listens.
        url: Url,
        /// The operator's token.
        token: String,
        /// The connection to it.
        http: reqwest::Client,
        /// How long an answer may take.
        patience: Duration,
    },
    /// This process, for as long as the command takes.
    Here {
        /// The same doors.
        router: Router,
        /// The operator's token.
        token: String,
        /// What must let go at the end.
        app: std::sync::Arc<crate::app::App>,
    },
}

#[derive(Debug, Deserialize)]
struct Refusal {
    code: String,
    detail: String,
    hint: String,
    #[serde(default)]
    scan: Option<String>,
}

impl Client {
    /// Finds the running server, or opens the data in this process.
    ///
    /// # Errors
    /// A server that runs and cannot be reached, or data that cannot be opened.
    pub async fn find(start: &Start) -> Result<Self, Failure> {
        if let Some(own) = running(start)? {
            same_version(&own)?;
            let token = token(start)?;
            let url =
                Url::parse(&own.url).map_err(|error| unreachable(&own.url, &error.to_string()))?;
            let http = reqwest::Client::builder().no_proxy().build();
            let http = http.map_err(|error| unreachable(&own.url, &error.to_string()))?;
            let patience = Duration::from_secs(60);
            return Ok(Self::Running {
                url,
                token,
                http,
                patience,
            });
        }
        let new = start.data.create()?;
        let base = Url::parse(&format!("http://{}", serve::USUAL_LISTEN))
            .expect("the usual address is an address");
        let opened = serve::open(start, new, base, false, true).await?;
        Ok(Self::Here {
            token: token(start)?,
            router: opened.router,
            app: opened.app,
        })
    }

    /// Whether a server answers, rather than this process.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// With more time for what takes more.
    #[must_use]
    pub fn patient(mut self, most: Duration) -> Self {
        if let Self::Running { patience, .. } = &mut self {
            *patience = most;
        }
        self
    }

    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// What the server says, in its words.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let body = body.map(|body| serde_json::to_vec(body).expect("what is asked is JSON"));
        let (status, answer) = match self {
            Self::Running {
                url,
                token,
                http,
                patience,
            } => {
                let request = request(http, url, token, method, path, body)?;
                over_http(request.timeout(*patience), url).await?
            }
            Self::Here { router, token, .. } => here(router, token, method, path, body).await?,
        };
        if !status.is_success() {
            return Err(refusal(status, &answer));
        }
        let answer = if answer.is_empty() {
            b"null".to_vec()
        } else {
            answer
        };
        serde_json::from_slice(&answer).map_err(|error| {
            let fix = "use the chatbox program that the server was started with";
            Failure::new(
                "version_mismatch",
                format!("the answer is not understood: {error}"),
                fix,
            )
            .exit(Exit::NoServer)
        })
    }

    /// Lets go of what was opened.
    pub async fn close(self) {
        if let Self::Here { app, .. } = self {
            app.chatbox.drain(Duration::from_secs(5)).await;
        }
    }
}

fn running(start: &Start) -> Result<Option<ServeJson>, Failure> {
    let notice = start.data.serve_json();
    let Some(text) = read_small(&notice)? else {
        return Ok(None);
    };
    let Ok(own) = serde_json::from_str::<ServeJson>(&text) else {
        return Ok(None);
    };
    Ok(is_held(&notice).then_some(own))
}

/// A server that was started before an upgrade may answer something else than is asked here.
fn same_version(own: &ServeJson) -> Result<(), Failure> {
    let here = env!("CARGO_PKG_VERSION");
    if own.version == here {
        return Ok(());
    }
    let what = format!(
        "the server is version {}, this program is {here}",
        own.version
    );
    let fix = "start the server again with this program, or use the one it was started with";
    Err(Failure::new("version_mismatch", what, fix).exit(Exit::NoServer))
}

fn token(start: &Start) -> Result<String, Failure> {
    let missing = || {
        let what = format!("{} is missing", start.data.operator_token().display());
        Failure::new(
            "token_missing",
            what,
            "start the server once: chatbox serve",
        )
        .exit(Exit::Rights)
    };
    read_small(&start.data.operator_token())?
        .filter(|token| !token.is_empty())
        .ok_or_else(missing)
}

fn unreachable(url: &str, why: &str) -> Failure {
    let what = format!("the server at {url} cannot be reached: {why}");
    Failure::new(
        "connection_refused",
        what,
        "start it with `chatbox serve`, or see its log",
    )
    .exit(Exit::NoServer)
}

fn request(
    http: &reqwest::Client,
    url: &Url,
    token: &str,
    method: Method,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<reqwest::RequestBuilder, Failure> {
    let address = url
        .join(path)
        .map_err(|error| unreachable(url.as_str(), &error.to_string()))?;
    let request = http.request(method, address).bearer_auth(token);
    Ok(match body {
        None => request,
        Some(body) => request
            .header(header::CONTENT_TYPE, "application/json")
            .body(body),
    })
}

async fn over_http(
    request: reqwest::RequestBuilder,
    url: &Url,
) -> Result<(StatusCode, Vec<u8>), Failure> {
    let failed =
        |error: reqwest::Error| unreachable(url.as_str(), &error.without_url().to_string());
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    Ok((status, response.bytes().await.map_err(failed)?.to_vec()))
}

async fn here(
    router: &Router,
    token: &str,
    method: Method,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<(StatusCode, Vec<u8>), Failure> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.map_or_else(Body::empty, Body::from));
    let request = request
        .map_err(|error| Failure::new("invalid_argument", error.to_string(), "check the id"))?;
    let response = router
        .clone()
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {});
    let status = response.status();
    let answer = axum::body::to_bytes(response.into_body(), ANSWER).await;
    let answer = answer
        .map_err(|error| Failure::new("io_error", error.to_string(), "try again").exit(Exit::Io))?;
    Ok((status, answer.to_vec()))
}

/// The server's refusal as a command's.
fn refusal(status: StatusCode, answer: &[u8]) -> Failure {
    let exit = match status {
        StatusCode::NOT_FOUND => Exit::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::Rights,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => Exit::NoServer,
        _ => Exit::Usage,
    };
    match serde_json::from_slice::<Refusal>(answer) {
        Ok(refusal) if refusal.code == "already_bootstrapped" => {
            Failure::new(&refusal.code, refusal.detail, refusal.hint).exit(Exit::Before)
        }
        Ok(refusal) => Failure {
            scan: refusal.scan,
            ..Failure::new(&refusal.code, refusal.detail, refusal.hint).exit(exit)
        },
        Err(_) => {
            let what = format!("the server answered {status}");
            Failure::new("version_mismatch", what, "is it a chatbox server?").exit(Exit::NoServer)
        }
    }
}
