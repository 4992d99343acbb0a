//! A connector's own MCP server. It is asked when somebody asks, over a connection that ends with the answer.

use super::tools::{self, platform};
use crate::http::Problem;
use axum::http::StatusCode;
use chatbox_connector_api::kit::egress;
use chatbox_core::connector::Egress;
use chatbox_core::id::Platform;
use chatbox_core::secret::Secret;
use reqwest13::dns::{Addrs, Name, Resolve, Resolving};
use reqwest13::redirect;
use rmcp::model::{CallToolRequestParams, CallToolResult, ErrorData, Tool};
use rmcp::service::{RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::timeout;

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the first look at a server may take, and the farewell.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest name of a tool, in bytes.
const NAME: usize = 128;
/// How many tools one connector lends at most.
const MOST: usize = 128;

/// Where a connector's tools are, and the platform they go by.
#[derive(Clone, Debug)]
pub(crate) struct Lender {
    pub(crate) platform: Platform,
    pub(crate) url: String,
    pub(crate) token: Option<Secret>,
}

/// Why a connector's tools cannot be had. Holds no address and no token.
#[derive(Debug)]
pub(super) struct Unreachable(String);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Lender {
    /// Whether a tool may be called so: by its platform's name and a verb, and as nothing else is. A platform's name
    /// holds no `_`, so that no two connectors of a mailbox can lend the same.
    pub(super) fn may_lend(&self, name: &str) -> bool {
        let verb = name
            .strip_prefix(self.platform.as_str())
            .and_then(|rest| rest.strip_prefix('_'));
        let plain = |verb: &str| {
            let mut bytes = verb.bytes();
            !verb.is_empty() && bytes.all(|it| it.is_ascii_alphanumeric() || b"_-.".contains(&it))
        };
        let own = tools::named(name).is_some() || platform::is_own(&self.platform, name);
        name.len() <= NAME && verb.is_some_and(plain) && !own
    }

    /// Looks at a server before it is used: it answers, and every tool has a name it may have.
    pub(crate) async fn check(&self) -> Result<(), Problem> {
        let listed = timeout(PATIENCE, self.tools()).await;
        let listed = listed.unwrap_or_else(|_| Err(Unreachable("it does not answer".to_owned())));
        let tools = listed.map_err(|error| {
            let detail = format!("the connector's tools cannot be listed: {error}");
            let hint = "check mcp_url and mcp_token, and that it runs; nothing was saved";
            Problem::new(StatusCode::BAD_GATEWAY, "tools_unavailable", detail, hint)
        })?;
        match tools.iter().find(|tool| !self.may_lend(&tool.name)) {
            None => Ok(()),
            Some(tool) => {
                let (name, platform) = (&tool.name, &self.platform);
                let detail = format!("the connector's tool `{name}` may not be called so");
                let hint = format!(
                    "call it {platform}_ and a verb that is not one of chatbox's own; nothing was saved"
                );
                let status = StatusCode::CONFLICT;
                Err(Problem::new(status, "tool_name_taken", detail, hint))
            }
        }
    }

    /// What it lends.
    pub(super) async fn tools(&self) -> Result<Vec<Tool>, Unreachable> {
        let client = self.enter().await?;
        let listed = client.list_all_tools().await;
        leave(client);
        let mut tools = listed.map_err(unreachable)?;
        tools.truncate(MOST);
        Ok(tools)
    }

    /// Calls a tool. The inner result is what it says, be it an error of the protocol.
    pub(super) async fn call(
        &self,
        call: CallToolRequestParams,
    ) -> Result<Result<CallToolResult, ErrorData>, Unreachable> {
        let client = self.enter().await?;
        let called = client.call_tool(call).await;
        leave(client);
        match called {
            Ok(result) => Ok(Ok(result)),
            Err(ServiceError::McpError(error)) => Ok(Err(error)),
            Err(error) => Err(unreachable(error)),
        }
    }

    async fn enter(&self) -> Result<RunningService<RoleClient, ()>, Unreachable> {
        let url = self.url.parse();
        let url = url.map_err(|_| Unreachable("mcp_url is no address".to_owned()))?;
        egress::check(&url, Egress::Private).map_err(|error| Unreachable(error.to_string()))?;
        let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
        if let Some(token) = &self.token {
            config = config.auth_header(token.expose());
        }
        let transport = StreamableHttpClientTransport::with_client(http()?, config);
        let entered = ().serve_with_lifecycle(transport, ClientLifecycleMode::Initialize);
        let refused = |_| Unreachable("it does not let us in".to_owned());
        entered.await.map_err(refused)
    }
}

/// Takes leave without holding up what was answered.
fn leave(client: RunningService<RoleClient, ()>) {
    tokio::spawn(async move {
        let _ = timeout(PATIENCE, client.cancel()).await;
    });
}

fn unreachable(error: ServiceError) -> Unreachable {
    match error {
        ServiceError::McpError(error) => Unreachable(error.message.into_owned()),
        // Those of the transport repeat the address.
        _ => Unreachable("its answer was lost".to_owned()),
    }
}

/// One client for all of them, made when the first is asked: no redirects, no proxy, nothing twice, and nowhere it may
/// not go.
fn http() -> Result<reqwest13::Client, Unreachable> {
    static CLIENT: OnceLock<reqwest13::Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    let built = reqwest13::Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest13::retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .dns_resolver(Arc::new(Resolver))
        .connect_timeout(CONNECT)
        .tls_backend_preconfigured(tls()?)
        .build();
    let built = built.map_err(|_| Unreachable("no HTTP client can be made".to_owned()))?;
    Ok(CLIENT.get_or_init(|| built).clone())
}

fn tls() -> Result<rustls::ClientConfig, Unreachable> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|error| Unreachable(error.to_string()))?;
    let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Resolves names to the addresses that may be dialled, and to no other.
struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found
                .filter(|address| egress::reachable(address.ip(), Egress::Private))
                .collect();
            if found.is_empty() {
                let what = "there is no address that may be dialled";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, what).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
