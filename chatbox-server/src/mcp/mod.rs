//! The agents' door: `/mcp/{mailbox}`, over both generations of the Model Context Protocol.
//!
//! Every request stands for itself: its token says which mailbox it is, and all that is remembered between two of them
//! is in the log and in the mailbox's row. What the protocol calls a session is a name that nothing is kept
//! under and nobody looks at.

mod admin;
mod body;
mod desk;
mod gate;
#[cfg(feature = "connector-tools")]
mod lender;
#[cfg_attr(not(feature = "connector-tools"), path = "unlent.rs")]
mod lent;
mod names;
mod prose;
mod question;
mod recap;
mod refusal;
mod resources;
mod server;
mod stream;
mod streams;
mod tools;
mod uri;
mod view;
mod watch;
mod wire;

pub(crate) use gate::{SCOPE, prefix};
#[cfg(feature = "connector-tools")]
pub(crate) use lender::Lender;
pub use lent::Lent;
pub use streams::Streams;
pub use wire::door;

use crate::app::App;
use axum::Router;
use axum::routing::any;
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use std::sync::Arc;
use url::Url;

/// What every request is answered with.
#[derive(Clone, Debug)]
struct Endpoint {
    app: Arc<App>,
    config: StreamableHttpServerConfig,
}

/// The doors, to be put behind the server's guard. `api` is what an account's own door asks; `public` is the address people
/// know, where there is one.
pub fn routes(app: Arc<App>, api: Router, public: Option<&Url>) -> Router {
    let config = config(public);
    let admin = admin::routes(app.clone(), api, config.clone());
    let endpoint = Endpoint { app, config };
    Router::new()
        .route("/mcp/{mailbox}", any(gate::answer))
        .with_state(endpoint)
        .merge(admin)
}

/// No sessions, plain JSON where one message is the whole answer, and the library's own look at Host and Origin, though
/// the server's guard has looked before.
fn config(public: Option<&Url>) -> StreamableHttpServerConfig {
    let loopback = ["localhost", "127.0.0.1", "[::1]"];
    let host = public.and_then(|url| Some(format!("{}{}", url.host_str()?, port(url))));
    let hosts = loopback.map(str::to_owned).into_iter().chain(host);
    let origins = loopback.map(|host| format!("http://{host}:*"));
    let origin = public.and_then(|url| {
        let port = url.port_or_known_default()?;
        Some(format!("{}://{}:{port}", url.scheme(), url.host_str()?))
    });
    StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_sse_retry(None)
        .with_max_request_body_bytes(wire::BODY)
        .with_allowed_hosts(hosts)
        .with_allowed_origins(origins.into_iter().chain(origin))
        .enforce_origin_validation()
}

fn port(url: &Url) -> String {
    url.port()
        .map_or_else(String::new, |port| format!(":{port}"))
}
