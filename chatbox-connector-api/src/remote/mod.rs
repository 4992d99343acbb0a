//! The server's half: an adapter whose code runs in another process, behind [`crate::wire`].

mod adapter;
mod client;
mod inbound;
mod lines;

use crate::markup::{Dialect, PlainDialect};
use crate::secret::Secret;
use crate::wire::{About, Skill};
use crate::{
    AdapterContext, AdapterError, AdapterFactory, DeliveryClass, Egress, ErrorKind, Manifest,
    Parts, Result, SecretSpec, Secrets, SettingSpec, Settings,
};
use adapter::RemoteAdapter;
use async_trait::async_trait;
use client::Client;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// The shortest heartbeat that a network between two processes can keep.
const LEAST_BEAT: Duration = Duration::from_millis(100);

/// Builds the adapter of one connector process, by what that process said of itself.
#[derive(Clone, Debug)]
pub struct RemoteFactory {
    about: Arc<About>,
}

/// The settings of a connector; others stand beside them.
#[derive(Debug, Deserialize)]
struct Where {
    url: String,
}

impl RemoteFactory {
    /// Asks the process at `url` what it is.
    ///
    /// # Errors
    /// An address that may not be asked, a token that is refused, a process that cannot be reached or says nonsense.
    pub async fn discover(url: &str, token: &Secret, egress: Egress) -> Result<Self> {
        let client = Client::new(url, token.clone(), egress)?;
        Self::known(client.about().await?)
    }

    /// For a process that said this of itself before.
    ///
    /// # Errors
    /// `Invalid` when an adapter cannot be so.
    pub fn known(about: About) -> Result<Self> {
        let wrong = |what: &str| {
            let text = format!("the connector says of itself what cannot be: {what}");
            Err(AdapterError::new(ErrorKind::Invalid, text))
        };
        let can = &about.capabilities;
        if !about.manifest.platform.is_valid() {
            return wrong("its platform's name is not 1 to 32 of a-z, 0-9 and -");
        }
        if can.delivery == DeliveryClass::Native {
            return wrong("its platform is native, and those live in the server");
        }
        if can.delivery == DeliveryClass::Reconcilable && !about.skills.contains(&Skill::LookUp) {
            return wrong("its sends are reconcilable, and it has no look_up");
        }
        if can.text.max == 0 {
            return wrong("a message holds no text");
        }
        if can.heartbeat.is_some_and(|beat| beat < LEAST_BEAT) {
            return wrong("its heartbeat is shorter than 100 ms");
        }
        Ok(Self {
            about: Arc::new(about),
        })
    }

    /// What the process said of itself.
    pub fn about(&self) -> &About {
        &self.about
    }
}

#[async_trait]
impl AdapterFactory for RemoteFactory {
    /// The platform as the process describes it, with what the server needs to reach that process.
    fn manifest(&self) -> Manifest {
        Manifest {
            secrets: vec![SecretSpec {
                name: "token".to_owned(),
                title: "The connector's token".to_owned(),
                env: "CHATBOX_CONNECTOR_TOKEN".to_owned(),
                optional: false,
            }],
            settings: vec![SettingSpec {
                name: "url".to_owned(),
                title: "Where the connector listens".to_owned(),
                default: None,
            }],
            ..self.about.manifest.clone()
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(PlainDialect::new(self.about.capabilities.text.unit))
    }

    async fn build(
        &self,
        context: AdapterContext,
        settings: Settings,
        secrets: Secrets,
    ) -> Result<Parts> {
        let Where { url } = settings.parse()?;
        let token = secrets.require("token")?.clone();
        let client = Client::new(&url, token, context.egress)?;
        let adapter = RemoteAdapter::new(client, self.about.clone(), context.blobs);
        let adapter = Arc::new(adapter);
        let can = |skill| self.about.skills.contains(&skill);
        Ok(Parts {
            media: can(Skill::Media).then(|| adapter.clone() as _),
            reconcile: can(Skill::LookUp).then(|| adapter.clone() as _),
            setup: can(Skill::Pairing).then(|| adapter.clone() as _),
            ..Parts::new(adapter)
        })
    }
}
