//! What Telegram needs before it works, for people and programs.

use crate::adapter::{PLATFORM, TelegramAdapter};
use crate::config::{Config, DEFAULT_API_BASE, Written};
use crate::outbound::TelegramDialect;
use async_trait::async_trait;
use chatbox_connector_api::markup::Dialect;
use chatbox_connector_api::{
    AdapterContext, AdapterFactory, Manifest, Parts, Result, SecretSpec, Secrets, SettingSpec,
    Settings,
};
use std::sync::Arc;

/// The secret's key.
const TOKEN: &str = "token";

/// Builds Telegram adapters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Telegram;

#[async_trait]
impl AdapterFactory for Telegram {
    fn manifest(&self) -> Manifest {
        let steps = [
            "In Telegram, write to @BotFather: https://t.me/BotFather",
            "Send /newbot and answer its two questions: a name for people, and a user name that ends in `bot`.",
            "Copy the token it gives you, like 123456789:AA…; keep it to yourself.",
            "To let it read whole groups, not only what is meant for it: /setprivacy, choose the bot, Disable.",
        ];
        Manifest {
            platform: PLATFORM.into(),
            title: "Telegram".to_owned(),
            secrets: vec![SecretSpec {
                name: TOKEN.to_owned(),
                title: "The bot's token from @BotFather".to_owned(),
                env: "CHATBOX_TELEGRAM_TOKEN".to_owned(),
                optional: false,
            }],
            settings: vec![SettingSpec {
                name: "api_base".to_owned(),
                title: "The Bot API server, for those who run their own".to_owned(),
                default: Some(DEFAULT_API_BASE.to_owned()),
            }],
            guide: steps.map(str::to_owned).to_vec(),
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(TelegramDialect)
    }

    async fn build(
        &self,
        context: AdapterContext,
        settings: Settings,
        secrets: Secrets,
    ) -> Result<Parts> {
        let written: Written = settings.parse()?;
        let token = secrets.require(TOKEN)?;
        let config = Config::new(written.api_base.as_deref(), token, context.egress)?;
        Ok(Arc::new(TelegramAdapter::new(config, context.blobs)?).parts())
    }
}
