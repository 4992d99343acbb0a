//! What Signal needs before it works, for people and programs.

use crate::adapter::{PLATFORM, SignalAdapter};
use crate::config::{Config, DEFAULT_ENDPOINT, Written};
use crate::outbound::SignalDialect;
use async_trait::async_trait;
use chatbox_connector_api::markup::Dialect;
use chatbox_connector_api::{
    AdapterContext, AdapterFactory, Manifest, Parts, Result, Secrets, SettingSpec, Settings,
};
use std::sync::Arc;

/// Builds Signal adapters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signal;

#[async_trait]
impl AdapterFactory for Signal {
    fn manifest(&self) -> Manifest {
        let steps = [
            "Install signal-cli: https://github.com/AsamK/signal-cli",
            "Run `signal-cli daemon --tcp 127.0.0.1:7583 --receive-mode manual` and keep it running. Whoever reaches that port \
             speaks as you: leave it on this machine.",
            "Add the channel. Where nothing is linked yet it shows a QR code: scan that in Signal under Settings > Linked \
             devices > Link new device, and add the channel again.",
        ];
        let setting = |name: &str, title: &str, default: Option<&str>| SettingSpec {
            name: name.to_owned(),
            title: title.to_owned(),
            default: default.map(str::to_owned),
        };
        Manifest {
            platform: PLATFORM.into(),
            title: "Signal".to_owned(),
            secrets: Vec::new(),
            settings: vec![
                setting(
                    "api_base",
                    "Where signal-cli listens: tcp://HOST:PORT, unix:///PATH or http://HOST:PORT",
                    Some(DEFAULT_ENDPOINT),
                ),
                setting(
                    "account",
                    "The account's number, where signal-cli has several",
                    None,
                ),
            ],
            guide: steps.map(str::to_owned).to_vec(),
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(SignalDialect)
    }

    async fn build(
        &self,
        context: AdapterContext,
        settings: Settings,
        _secrets: Secrets,
    ) -> Result<Parts> {
        let written: Written = settings.parse()?;
        let (endpoint, account) = (written.api_base.as_deref(), written.account.as_deref());
        let config = Config::new(endpoint, account, context.egress)?;
        Ok(Arc::new(SignalAdapter::new(config, context.blobs)?).parts())
    }
}
