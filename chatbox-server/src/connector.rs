//! Connections whose adapter runs in a process of its own: what is stored of them, and how they come to be.

use crate::adding::Addition;
use crate::app::{App, CONNECTOR};
use crate::http::Problem;
#[cfg(feature = "connector-tools")]
use crate::mcp::Lender;
use axum::http::StatusCode;
use chatbox_connector_api::remote::RemoteFactory;
use chatbox_connector_api::wire::About;
use chatbox_core::Connect;
use chatbox_core::admit::Policy;
use chatbox_core::connector::{AdapterFactory, Egress, Secrets, Settings};
use chatbox_core::id::{MailboxId, Platform};
use chatbox_core::secret::Secret;
use chatbox_core::store::Connection;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The secret that opens a connector's own tools.
const MCP_TOKEN: &str = "mcp_token";
/// Where the operator names an address, it may be on this machine or a private network.
pub(crate) const EGRESS: Egress = Egress::Private;

/// The settings of a connection to a connector process.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// Where the process listens.
    url: String,
    /// What it said of itself when it was added: known while it does not run.
    about: About,
    /// Where its own tools for agents are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mcp_url: Option<String>,
}

/// The adapter of a stored connection, where that is a connector process.
pub(crate) fn factory(row: &Connection) -> Option<Arc<dyn AdapterFactory>> {
    let Stored { about, .. } = serde_json::from_str(&row.settings).ok()?;
    let factory = RemoteFactory::known(about).ok()?;
    Some(Arc::new(factory))
}

impl App {
    /// The tools that a stored connection's connector brings for agents, if it brings any.
    #[cfg(feature = "connector-tools")]
    pub(crate) fn lender(&self, row: &Connection) -> Result<Option<Lender>, chatbox_core::Error> {
        let stored: Option<Stored> = serde_json::from_str(&row.settings).ok();
        let Some(url) = stored.and_then(|stored| stored.mcp_url) else {
            return Ok(None);
        };
        let token = self.chatbox.secrets(row)?.0.remove(MCP_TOKEN);
        let platform = row.platform.clone();
        Ok(Some(Lender {
            platform,
            url,
            token,
        }))
    }

    /// Asks a connector process what it is and who it is. Its token for posting messages is made with it and shown once.
    ///
    /// # Errors
    /// Settings that are wrong, a process that does not answer as it should, a name that is taken, or the store.
    pub(crate) async fn connector(
        &self,
        mailbox: &MailboxId,
        secrets: BTreeMap<String, Secret>,
        mut settings: BTreeMap<String, String>,
    ) -> Result<Addition, Problem> {
        let url = settings.remove("url").unwrap_or_default();
        let mcp_url = settings.remove("mcp_url");
        known("setting", settings.keys(), &[])?;
        known("secret", secrets.keys(), &["token", MCP_TOKEN])?;
        let secrets = Secrets(secrets);
        let token = secrets
            .require("token")
            .map_err(chatbox_core::Error::from)?;
        let discovered = RemoteFactory::discover(&url, token, EGRESS).await;
        let factory = discovered.map_err(chatbox_core::Error::from)?;
        let platform = factory.about().manifest.platform.clone();
        let mut rows = self.chatbox.store().connections().await?;
        rows.retain(|row| row.mailbox == *mailbox);
        self.is_free(&platform, &rows)?;
        if let Some(url) = &mcp_url {
            let token = secrets.0.get(MCP_TOKEN).cloned();
            tools_are_fine(&platform, url, token).await?;
        }
        let stored = Stored {
            url,
            about: factory.about().clone(),
            mcp_url,
        };
        let settings = Settings::new(&stored).map_err(chatbox_core::Error::from)?;
        let adding = self.chatbox.verify(Connect {
            factory: Arc::new(factory),
            mailbox: mailbox.clone(),
            settings,
            secrets,
            policy: Policy::default(),
            egress: EGRESS,
        });
        let addition = Addition::new(adding.await?, platform);
        // One that is added again keeps the token it has.
        match rows.iter().any(|row| row.id == addition.view.id) {
            true => Ok(addition),
            false => Ok(addition.with_inbound_door(self).await),
        }
    }

    /// The settings with which a connector process is meant: by the word for one, or by the name of one that was added
    /// before, which is then found where it was.
    pub(crate) async fn connector_settings(
        &self,
        mailbox: &MailboxId,
        platform: &Platform,
        given: &BTreeMap<String, String>,
    ) -> Result<Option<BTreeMap<String, String>>, Problem> {
        if platform.as_str() == CONNECTOR {
            return Ok(Some(given.clone()));
        }
        let rows = self.chatbox.store().connections().await?;
        let own = rows.iter().filter(|row| row.mailbox == *mailbox);
        let mut own = own.filter(|row| row.platform == *platform);
        let stored = own.find_map(|row| serde_json::from_str::<Stored>(&row.settings).ok());
        Ok(stored.map(|stored| {
            let mut settings = given.clone();
            settings.entry("url".to_owned()).or_insert(stored.url);
            settings
        }))
    }

    /// Whether a connector may call its platform so: addresses and tools go by that name.
    fn is_free(&self, platform: &Platform, rows: &[Connection]) -> Result<(), Problem> {
        if self.is_taken(platform) {
            let detail = format!("this program has a channel of its own named {platform}");
            let hint = "give the connector another platform name";
            let status = StatusCode::CONFLICT;
            return Err(Problem::new(status, "name_taken", detail, hint));
        }
        let other = |row: &&Connection| row.platform == *platform && factory(row).is_none();
        match rows.iter().find(other) {
            None => Ok(()),
            Some(row) => {
                let detail = format!("{} is named {platform} already", row.id);
                Err(chatbox_core::Error::Conflict(detail).into())
            }
        }
    }
}

/// Looks at the tools that a connector brings for agents, before it is added.
#[cfg(feature = "connector-tools")]
async fn tools_are_fine(
    platform: &Platform,
    url: &str,
    token: Option<Secret>,
) -> Result<(), Problem> {
    let (platform, url) = (platform.clone(), url.to_owned());
    let lender = Lender {
        platform,
        url,
        token,
    };
    lender.check().await
}

#[cfg(not(feature = "connector-tools"))]
fn tools_are_fine(
    _: &Platform,
    _: &str,
    _: Option<Secret>,
) -> std::future::Ready<Result<(), Problem>> {
    let detail = "this program was built without the tools of connectors";
    let hint = "build it with the feature connector-tools, or leave mcp_url away";
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    std::future::ready(Err(Problem::new(status, "not_built", detail, hint)))
}

/// Refuses what nobody would read.
fn known<'a>(
    what: &str,
    given: impl Iterator<Item = &'a String>,
    known: &[&str],
) -> Result<(), Problem> {
    let mut given = given.filter(|name| !known.contains(&name.as_str()));
    match given.next() {
        None => Ok(()),
        Some(name) => {
            let detail = format!("a connector has no {what} `{name}`");
            Err(Problem::invalid("unknown_setting", detail))
        }
    }
}
