//! What every door of the server shares.

use crate::auth::Auth;
use crate::compose::Platforms;
use crate::database::Database;
use crate::feed::Feed;
use crate::mcp::{Lent, Streams};
use crate::tidings::Tidings;
use crate::vault::Keys;
use crate::webhook::Webhooks;
use axum::http::{HeaderMap, header};
use chatbox_core::Chatbox;
use chatbox_core::connector::{AdapterFactory, Egress};
use chatbox_core::id::ConnectionId;
use chatbox_core::secret::Secret;
use chatbox_core::store::{Connection, StoreError};
use metrics_exporter_prometheus::PrometheusHandle;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{RwLock, Semaphore};
use url::Url;

/// The cookie of a login.
pub const COOKIE: &str = "chatbox";
/// The word by which `channels add` makes a connection for a program that posts messages.
pub const FEED: &str = "http";
/// The word by which `channels add` connects an adapter that runs in a process of its own.
pub const CONNECTOR: &str = "connector";
/// The mailbox every fresh server has.
pub const MAILBOX: &str = "main";
/// How long a checked inbound token is believed without asking the store.
const BELIEVED: Duration = Duration::from_secs(1);

/// The running server.
#[derive(Debug)]
pub struct App {
    /// The engine.
    pub chatbox: Chatbox,
    /// Who may come in.
    pub auth: Auth,
    /// The adapters this program has.
    pub platforms: Platforms,
    /// What answers, for people.
    pub backend: String,
    /// Where people reach it.
    pub base: RwLock<Url>,
    /// The counters, if they are kept.
    pub metrics: Option<PrometheusHandle>,
    /// Whether only this machine can ask.
    pub is_loopback: bool,
    /// When it began.
    pub started: Instant,
    /// Settings of each channel from the configuration.
    pub settings: BTreeMap<String, toml::Table>,
    /// Who waits for news of a mailbox.
    pub tidings: Tidings,
    /// Agents' answers that stay open.
    pub streams: Streams,
    /// How mailboxes and subscriptions are told.
    pub webhooks: Arc<Webhooks>,
    /// The tools that connectors lent lately.
    pub lent: Lent,
    /// Where the log is.
    pub database: Database,
    /// What secrets are sealed with.
    pub keys: Keys,
    /// Posts of platforms that may be read at once: none of them is proven before its body is here.
    pub(crate) posts: Arc<Semaphore>,
    inbound: Mutex<HashMap<String, (String, Instant)>>,
}

/// A post has up to 1 MiB.
const POSTS: usize = 256;

impl App {
    /// The server's shared state.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is named where it is built, once"
    )]
    pub fn new(
        chatbox: Chatbox,
        auth: Auth,
        platforms: Platforms,
        backend: String,
        base: Url,
        metrics: Option<PrometheusHandle>,
        is_loopback: bool,
        settings: BTreeMap<String, toml::Table>,
        tidings: Tidings,
        webhooks: Arc<Webhooks>,
        database: Database,
        keys: Keys,
    ) -> Self {
        let (base, started) = (RwLock::new(base), Instant::now());
        let inbound = Mutex::default();
        Self {
            chatbox,
            auth,
            platforms,
            backend,
            base,
            metrics,
            is_loopback,
            started,
            settings,
            tidings,
            streams: Streams::default(),
            webhooks,
            lent: Lent::default(),
            database,
            keys,
            posts: Arc::new(Semaphore::new(POSTS)),
            inbound,
        }
    }

    /// A fresh login link.
    pub fn login_link(&self) -> String {
        let base = self.base.try_read().map(|base| base.clone());
        let base = base.map_or_else(|_| String::new(), |base| base.to_string());
        format!(
            "{}/login#{}",
            base.trim_end_matches('/'),
            self.auth.new_code()
        )
    }

    /// The address that a connection's platform posts to.
    pub async fn hook_url(&self, connection: &ConnectionId) -> Url {
        let mut url = self.base.read().await.clone();
        url.set_path(&format!("/hooks/{connection}"));
        url
    }

    /// Whether people come by TLS.
    pub fn is_public_https(&self) -> bool {
        self.base
            .try_read()
            .is_ok_and(|base| base.scheme() == "https")
    }

    /// Whether the request's cookie is a login's; whose.
    pub async fn visitor(&self, headers: &HeaderMap) -> Option<String> {
        let login = cookie(headers)?;
        self.auth.principal(&login, "chat").await.ok().flatten()
    }

    /// Whose inbound token this is. Believed for a second, so that a busy connector costs one look-up a second.
    ///
    /// # Errors
    /// The store.
    pub async fn inbound_principal(&self, token: &Secret) -> Result<Option<String>, StoreError> {
        let key = chatbox_core::admit::hash(token.expose());
        if let Some((principal, until)) = self.believed().get(&key)
            && *until > Instant::now()
        {
            return Ok(Some(principal.clone()));
        }
        let principal = self.auth.principal(token, "inbound").await?;
        if let Some(principal) = &principal {
            let mut believed = self.believed();
            believed.retain(|_, (_, until)| *until > Instant::now());
            believed.insert(key, (principal.clone(), Instant::now() + BELIEVED));
        }
        Ok(principal)
    }

    fn believed(&self) -> std::sync::MutexGuard<'_, HashMap<String, (String, Instant)>> {
        self.inbound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts what was stored.
    ///
    /// # Errors
    /// The store. A connection that cannot start is logged and does not stop the others.
    pub async fn resume_all(&self) -> Result<(), StoreError> {
        for row in self.chatbox.store().connections().await? {
            self.resume(row).await;
        }
        Ok(())
    }

    /// Who builds a stored connection's adapter, and where that may go.
    fn factory_of(&self, row: &Connection) -> Option<(Arc<dyn AdapterFactory>, Egress)> {
        #[cfg(feature = "connector")]
        if let Some(factory) = crate::connector::factory(row) {
            return Some((factory, crate::connector::EGRESS));
        }
        let factory = self.platforms.get(&row.platform).or_else(|| feed(row))?;
        let egress = match row.settings.contains("\"api_base\"") {
            true => Egress::Private,
            false => Egress::Public,
        };
        Some((factory, egress))
    }

    /// Starts a stored connection, unless it runs as it is stored.
    pub(crate) async fn resume(&self, row: Connection) {
        if self.chatbox.takes_up(&row) {
            return;
        }
        let (id, platform) = (row.id.clone(), row.platform.clone());
        let Some((factory, egress)) = self.factory_of(&row) else {
            tracing::error!(%id, %platform, "this program was built without that channel; its messages wait");
            return;
        };
        self.chatbox.let_go(&id).await;
        if let Err(error) = self.chatbox.resume(row, &factory, egress).await {
            tracing::error!(%id, %platform, %error, "a connection cannot start");
        }
    }
}

/// A feed is its own account: no platform's account has its platform's or its mailbox's name.
fn feed(row: &Connection) -> Option<Arc<dyn AdapterFactory>> {
    let ident = row.ident.as_str();
    let is_feed = ident == row.platform.as_str() || ident == row.mailbox.as_str();
    (is_feed && row.platform.as_str() != "webchat").then(|| {
        Arc::new(Feed {
            name: row.platform.clone(),
        }) as _
    })
}

/// The login in the request's cookies.
pub fn cookie(headers: &HeaderMap) -> Option<Secret> {
    let all = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = all
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| Secret::new(value))
}

/// The web chat's visitors: whoever holds a login.
#[cfg(feature = "webchat")]
pub mod visitors {
    use super::App;
    use crate::auth::OWNER;
    use async_trait::async_trait;
    use axum::http::HeaderMap;
    use chatbox_webchat::{Visitor, Visitors};
    use std::sync::{Arc, OnceLock};

    /// Asks the app, once there is one.
    #[derive(Debug, Default)]
    pub struct Door(OnceLock<Arc<App>>);

    impl Door {
        /// From now on.
        pub fn open(&self, app: Arc<App>) {
            // A second call changes nothing: there is one app.
            let _ = self.0.set(app);
        }
    }

    fn visitor(principal: &str) -> Visitor {
        let name = if principal == OWNER { "You" } else { principal };
        Visitor {
            id: principal.into(),
            name: Some(name.to_owned()),
        }
    }

    #[async_trait]
    impl Visitors for Door {
        async fn redeem(&self, ticket: &str) -> Option<Visitor> {
            let id = self.0.get()?.auth.spend_ticket(ticket)?;
            Some(visitor(id.as_str()))
        }

        async fn ticket(&self, headers: &HeaderMap) -> Option<String> {
            let app = self.0.get()?;
            let principal = app.visitor(headers).await?;
            app.auth.new_ticket(principal.as_str().into())
        }

        async fn known(&self, headers: &HeaderMap) -> Option<Visitor> {
            let principal = self.0.get()?.visitor(headers).await?;
            Some(visitor(&principal))
        }
    }
}
