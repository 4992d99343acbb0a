//! Connections as they are added: what is looked at before, what is stored with them, and what their maker is shown.

use crate::app::{App, CONNECTOR, FEED};
use crate::auth::{HOME, draft};
use crate::compose::Platforms;
use crate::failure::Failure;
use crate::feed::Feed;
use crate::http::{AddedView, Problem};
use crate::placeholder::is_placeholder;
use axum::http::StatusCode;
use chatbox_core::admit::Policy;
use chatbox_core::connector::{AdapterFactory, Egress, Secrets, Settings};
use chatbox_core::id::{MailboxId, Platform, fresh};
use chatbox_core::secret::Secret;
use chatbox_core::store::{Admin, Outcome, Token};
use chatbox_core::{Adding, Connect, Error};
use std::collections::BTreeMap;

/// A connection that was looked at and is not stored yet.
#[derive(Debug)]
pub(crate) struct Addition {
    adding: Adding,
    /// What opens its door for messages, where that is made with it.
    token: Option<Token>,
    /// What its maker is shown.
    pub(crate) view: AddedView,
}

impl Addition {
    /// One whose maker is shown what its platform said.
    pub(crate) fn new(adding: Adding, platform: Platform) -> Self {
        let added = adding.added.clone();
        let view = AddedView {
            id: added.id,
            platform,
            account: added.identity.name,
            notes: added.identity.notes,
            pairing_link: added.pairing_link,
            pairing_code: added.pairing_code,
            inbound_token: None,
            inbound_url: None,
            hook_url: None,
        };
        Self {
            adding,
            token: None,
            view,
        }
    }

    /// The same with the address that its platform may post to, where it may.
    async fn with_hook(mut self, app: &App) -> Self {
        if self.adding.added.takes_posts {
            let hook = app.hook_url(&self.view.id).await;
            if hook.scheme() != "https" {
                let sentence = format!(
                    "{} cannot reach {hook}: set public_url to this server's https address, and use that in its place",
                    self.view.platform
                );
                self.view.notes.push(sentence);
            }
            self.view.hook_url = Some(hook.to_string());
        }
        self
    }

    /// The same with a fresh token for posting messages to it, which is shown this once.
    pub(crate) async fn with_inbound_door(mut self, app: &App) -> Self {
        let id = self.view.id.as_str();
        let (made, token) = draft(&HOME.into(), fresh("inbound"), id, "inbound", None);
        let base = app.base.read().await.clone();
        let base = base.as_str().trim_end_matches('/');
        self.view.inbound_url = Some(format!("{base}/v1/connections/{id}/messages"));
        self.view.inbound_token = Some(made.whole.expose().to_owned());
        self.token = Some(token);
        self
    }

    /// What stores it, all of it or nothing.
    pub(crate) fn saves(&self) -> Vec<Admin> {
        let token = self.token.clone().map(Admin::PutToken);
        self.adding.saves().into_iter().chain(token).collect()
    }
}

impl App {
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
        let addition = self.channel(mailbox, platform, secrets, settings).await?;
        match self.chatbox.together(addition.saves()).await? {
            Outcome::Done(_) => {
                self.chatbox.start_added(addition.adding).await?;
                Ok(addition.view)
            }
            undone => Err(self.not_added(&addition, &undone).await),
        }
    }

    /// Starts what was stored. One that is not there was not stored: somebody else did the same, and was faster.
    pub(crate) async fn start_added(&self, addition: Addition) {
        let id = addition.view.id;
        match self.chatbox.start_added(addition.adding).await {
            Ok(_) | Err(Error::NotFound(_)) => {}
            Err(error) => tracing::error!(%id, %error, "a connection was added and cannot start"),
        }
    }

    /// Why it was not stored.
    pub(crate) async fn not_added(&self, addition: &Addition, undone: &Outcome) -> Problem {
        let why = self.chatbox.not_added(&addition.adding, undone).await;
        why.map_or_else(Problem::from, Problem::from)
    }

    /// A connection for a program that posts messages, with its token.
    ///
    /// # Errors
    /// A name that cannot be a platform's, or is one's.
    pub(crate) async fn feed(&self, mailbox: &MailboxId, name: &str) -> Result<Addition, Problem> {
        let name = Platform::new(name);
        if !name.is_valid() || self.is_taken(&name) {
            let detail = "the name must have 1 to 32 of a-z, 0-9 and -, and be no channel's";
            return Err(Problem::invalid("invalid_name", detail));
        }
        let feed = Connect::new(Feed { name: name.clone() }, mailbox.clone());
        let mut addition = Addition::new(self.chatbox.draft(feed), name);
        addition.view.notes = vec!["the token is shown this once".to_owned()];
        Ok(addition.with_inbound_door(self).await)
    }

    /// A connection to a platform, its credential verified live.
    ///
    /// # Errors
    /// An unknown channel, what its platform says, or the store.
    pub(crate) async fn channel(
        &self,
        mailbox: &MailboxId,
        platform: &Platform,
        secrets: BTreeMap<String, Secret>,
        settings: BTreeMap<String, String>,
    ) -> Result<Addition, Problem> {
        let Some(factory) = self.platforms.get(platform) else {
            #[cfg(feature = "connector")]
            if let Some(settings) = self
                .connector_settings(mailbox, platform, &settings)
                .await?
            {
                return self.connector(mailbox, secrets, settings).await;
            }
            if let Some(Failure {
                code, what, fix, ..
            }) = Platforms::left_out(platform.as_str())
            {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Err(Problem::new(status, &code, what, fix));
            }
            let known = self.platforms.names().join(", ");
            return Err(Problem::invalid(
                "unknown_channel",
                format!("there is no channel {platform}; there are: {known}, connector, http"),
            ));
        };
        if secrets.values().any(|it| is_placeholder(it.expose())) {
            return Err(placeholder(&*factory));
        }
        let manifest = factory.manifest();
        let names = manifest.settings.iter().map(|it| &it.name);
        known(platform, "setting", settings.keys(), names)?;
        let names = manifest.secrets.iter().map(|it| &it.name);
        known(platform, "secret", secrets.keys(), names)?;
        let (settings, egress) = self.settings_for(platform, settings)?;
        let connect = Connect {
            factory,
            mailbox: mailbox.clone(),
            settings,
            secrets: Secrets(secrets),
            policy: Policy::default(),
            egress,
        };
        let adding = self.chatbox.verify(connect).await?;
        let addition = Addition::new(adding, platform.clone());
        Ok(addition.with_hook(self).await)
    }

    /// Whether a platform of this program, or a word of it, has this name.
    pub(crate) fn is_taken(&self, name: &Platform) -> bool {
        let words = ["webchat", "agents", FEED, CONNECTOR];
        self.platforms.get(name).is_some() || words.contains(&name.as_str())
    }

    /// A channel's settings: those given now over those in the configuration. An address the operator names may be
    /// on this machine or a private network.
    fn settings_for(
        &self,
        platform: &Platform,
        given: BTreeMap<String, String>,
    ) -> Result<(Settings, Egress), Problem> {
        let table = self.settings.get(platform.as_str()).cloned();
        let mut table = table.unwrap_or_default();
        let given = given.into_iter();
        table.extend(given.map(|(key, value)| (key, toml::Value::String(value))));
        let egress = match table.contains_key("api_base") {
            true => Egress::Private,
            false => Egress::Public,
        };
        let settings = Settings::new(&table).map_err(Error::from)?;
        Ok((settings, egress))
    }
}

/// Refuses what no adapter of this platform would read.
fn known<'a>(
    platform: &Platform,
    what: &str,
    mut given: impl Iterator<Item = &'a String>,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), Problem> {
    let names: Vec<&str> = names.map(String::as_str).collect();
    match given.find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let detail = format!("{platform} has no {what} `{name}`");
            let hint = match names.as_slice() {
                [] => format!("leave it away: there is no {what}"),
                names => format!("there are: {}", names.join(", ")),
            };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Err(Problem::new(
                status,
                &format!("unknown_{what}"),
                detail,
                hint,
            ))
        }
    }
}

fn placeholder(factory: &dyn AdapterFactory) -> Problem {
    let detail = "a word stands where the secret belongs";
    let guide = factory.manifest().guide.join(" ");
    let hint = format!("put the secret itself there; {guide}");
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Problem::new(status, "placeholder", detail, hint)
}
