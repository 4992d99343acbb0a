//! A connection without an adapter of its own: a program posts messages to it, and nothing can be sent back.

use async_trait::async_trait;
use chatbox_core::connector::{
    AdapterContext, AdapterError, AdapterFactory, Capabilities, ChannelAdapter, Cursor,
    DeliveryClass, ErrorKind, Identity, Inbound, Incoming, Manifest, Outbound, Parts, Receipt,
    Result, Secrets, Settings, TextLimit,
};
use chatbox_core::id::{ExternalId, Platform};
use chatbox_core::markup::{Dialect, PlainDialect, Unit};
use futures_util::{StreamExt, stream};
use std::sync::Arc;

/// Builds feeds of one name.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The feed's name: the platform part of its chats' addresses.
    pub name: Platform,
}

#[async_trait]
impl AdapterFactory for Feed {
    fn manifest(&self) -> Manifest {
        Manifest {
            platform: self.name.clone(),
            title: "messages posted over HTTP".to_owned(),
            secrets: Vec::new(),
            settings: Vec::new(),
            guide: Vec::new(),
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(PlainDialect::new(Unit::Scalar))
    }

    async fn build(
        &self,
        _context: AdapterContext,
        _settings: Settings,
        _secrets: Secrets,
    ) -> Result<Parts> {
        Ok(Parts::new(Arc::new(self.clone())))
    }
}

#[async_trait]
impl ChannelAdapter for Feed {
    fn platform(&self) -> Platform {
        self.name.clone()
    }

    fn capabilities(&self) -> Capabilities {
        let text = TextLimit {
            max: usize::MAX,
            unit: Unit::Scalar,
        };
        let mut capabilities = Capabilities::new(DeliveryClass::Idempotent, text);
        capabilities.passive = true;
        capabilities
    }

    async fn probe(&self) -> Result<Identity> {
        let id = ExternalId::new(self.name.as_str());
        Ok(Identity {
            id,
            name: self.name.to_string(),
            link: None,
            notes: Vec::new(),
        })
    }

    async fn open(&self, _resume: Option<Cursor>) -> Result<Inbound> {
        // Alive once, then silent: whoever posts shows its own life.
        Ok(stream::once(async { Ok(Incoming::Alive) })
            .chain(stream::pending())
            .boxed())
    }

    async fn perform(&self, _out: &Outbound) -> Result<Receipt> {
        Err(AdapterError::new(
            ErrorKind::Unsupported,
            format!("nothing can be sent to {}", self.name),
        ))
    }
}
