//! What every door of the server shares.

use crate::auth::Auth;
use crate::compose::Platforms;
use crate::database::Database;
use crate::feed::Feed;
use crate::http::{AddedView, Problem};
use crate::mcp::{Lent, Streams};
use crate::placeholder::is_placeholder;
use crate::tidings::Tidings;
use crate::vault::Keys;
use crate::webhook::Webhooks;
use axum::http::{HeaderMap, StatusCode, header};
use chatbox_core::admit::Policy;
use chatbox_core::connector::{AdapterFactory, Egress, Secrets, Settings};
use chatbox_core::id::{ConnectionId, MailboxId, Platform};
use chatbox_core::secret::Secret;
use chatbox_core::store::{Connection, StoreError};
use chatbox_core::{Chatbox, Connect};
use metrics_exporter_prometheus::PrometheusHandle;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::RwLock;
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
    inbound: Mutex<HashMap<String, (String, Instant)>>,
}

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

    /// Adds a connection for a program that posts messages, with its token: shown once.
    ///
    /// # Errors
    /// A name that cannot be a platform's or is taken, or the store.
    pub async fn add_feed(&self, mailbox: &MailboxId, name: &str) -> Result<AddedView, Problem> {
        let name = Platform::new(name);
        if !name.is_valid() || self.is_taken(&name) {
            let detail = "the name must have 1 to 32 of a-z, 0-9 and -, and be no channel's";
            return Err(Problem::invalid("invalid_name", detail));
        }
        let taken = self
            .chatbox
            .store()
            .connections()
            .await?
            .iter()
            .any(|row| row.platform == name && row.mailbox == *mailbox);
        if taken {
            let conflict = chatbox_core::Error::Conflict(format!(
                "there is a connection named {name} already"
            ));
            return Err(conflict.into());
        }
        let id = self
            .chatbox
            .connect_anew(Connect::new(Feed { name: name.clone() }, mailbox.clone()))
            .await?;
        let (token, url) = self.inbound_door(&id).await?;
        Ok(AddedView {
            account: name.to_string(),
            id,
            platform: name,
            notes: vec!["the token is shown this once".to_owned()],
            pairing_link: None,
            pairing_code: None,
            inbound_token: Some(token),
            inbound_url: Some(url),
        })
    }

    /// Whether a platform of this program, or a word of it, has this name.
    pub(crate) fn is_taken(&self, name: &Platform) -> bool {
        let words = ["webchat", "agents", FEED, CONNECTOR];
        self.platforms.get(name).is_some() || words.contains(&name.as_str())
    }

    /// A fresh token for posting messages to a connection, and where to.
    pub(crate) async fn inbound_door(
        &self,
        id: &ConnectionId,
    ) -> Result<(String, String), StoreError> {
        let token = self.auth.issue("inbound", id.as_str(), "inbound", None);
        let token = token.await?;
        let base = self.base.read().await.clone();
        let base = base.as_str().trim_end_matches('/');
        let url = format!("{base}/v1/connections/{id}/messages");
        Ok((token.expose().to_owned(), url))
    }

    /// Verifies a credential live, then saves it and starts the connection.
    ///
    /// # Errors
    /// An unknown channel, what its platform says, or the store.
    pub async fn add_channel(
        &self,
        mailbox: &MailboxId,
        platform: &Platform,
        secrets: BTreeMap<String, Secret>,
        settings: BTreeMap<String, String>,
    ) -> Result<AddedView, Problem> {
        let Some(factory) = self.platforms.get(platform) else {
            #[cfg(feature = "connector")]
            if let Some(settings) = self
                .connector_settings(mailbox, platform, &settings)
                .await?
            {
                return self.add_connector(mailbox, secrets, settings).await;
            }
            let known = self.platforms.names().join(", ");
            return Err(Problem::invalid(
                "unknown_channel",
                format!("there is no channel {platform}; there are: {known}, connector, http"),
            ));
        };
        if secrets.values().any(|it| is_placeholder(it.expose())) {
            let detail = "a word stands where the secret belongs";
            let hint = format!(
                "put the secret itself there; {}",
                factory.manifest().guide.join(" ")
            );
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Err(Problem::new(status, "placeholder", detail, hint));
        }
        let (settings, egress) = self.settings_for(platform, settings)?;
        let mailbox = mailbox.clone();
        let (secrets, policy) = (Secrets(secrets), Policy::default());
        let added = self
            .chatbox
            .add(Connect {
                factory,
                mailbox,
                settings,
                secrets,
                policy,
                egress,
            })
            .await?;
        Ok(AddedView {
            id: added.id,
            platform: platform.clone(),
            account: added.identity.name,
            notes: added.identity.notes,
            pairing_link: added.pairing_link,
            pairing_code: added.pairing_code,
            inbound_token: None,
            inbound_url: None,
        })
    }

    /// A channel's settings: those given now over those in the configuration. An address the operator names may be
    /// on this machine or a private network.
    fn settings_for(
        &self,
        platform: &Platform,
        given: BTreeMap<String, String>,
    ) -> Result<(Settings, Egress), Problem> {
        let mut table = self
            .settings
            .get(platform.as_str())
            .cloned()
            .unwrap_or_default();
        table.extend(
            given
                .into_iter()
                .map(|(key, value)| (key, toml::Value::String(value))),
        );
        let egress = if table.contains_key("api_base") {
            Egress::Private
        } else {
            Egress::Public
        };
        let settings = Settings::new(&table).map_err(chatbox_core::Error::from)?;
        Ok((settings, egress))
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
