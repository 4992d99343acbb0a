//! What Discord needs before it works, for people and programs.

use crate::adapter::{DiscordAdapter, PLATFORM};
use crate::config::{Config, DEFAULT_API_BASE, Written};
use crate::outbound::DiscordDialect;
use async_trait::async_trait;
use chatbox_connector_api::markup::Dialect;
use chatbox_connector_api::{
    AdapterContext, AdapterFactory, Manifest, Parts, Result, SecretSpec, Secrets, SettingSpec,
    Settings,
};
use std::sync::Arc;

/// The secret's key.
const TOKEN: &str = "token";

/// Builds Discord adapters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discord;

#[async_trait]
impl AdapterFactory for Discord {
    fn manifest(&self) -> Manifest {
        let steps = [
            "Open https://discord.com/developers/applications and make a new application.",
            "Under Bot, switch on Message Content Intent.",
            "Under Bot, press Reset Token and copy the token; keep it to yourself.",
        ];
        let setting = |name: &str, title: &str, default: Option<&str>| SettingSpec {
            name: name.to_owned(),
            title: title.to_owned(),
            default: default.map(str::to_owned),
        };
        Manifest {
            platform: PLATFORM.into(),
            title: "Discord".to_owned(),
            secrets: vec![SecretSpec {
                name: TOKEN.to_owned(),
                title: "The bot's token from the developer portal".to_owned(),
                env: "CHATBOX_DISCORD_TOKEN".to_owned(),
                optional: false,
            }],
            settings: vec![
                setting(
                    "api_base",
                    "The server in the place of Discord",
                    Some(DEFAULT_API_BASE),
                ),
                setting(
                    "allowed_guilds",
                    "The numbers of the servers whose messages come in, with commas between; all when absent",
                    None,
                ),
                setting(
                    "message_content",
                    "Whether to read what is not meant for the bot: true or false",
                    Some("true"),
                ),
            ],
            guide: steps.map(str::to_owned).to_vec(),
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(DiscordDialect)
    }

    async fn build(
        &self,
        context: AdapterContext,
        settings: Settings,
        secrets: Secrets,
    ) -> Result<Parts> {
        let written: Written = settings.parse()?;
        let token = secrets.require(TOKEN)?;
        let config =
            Config::new(written.api_base.as_deref(), token, context.egress)?.with(written)?;
        Ok(Arc::new(DiscordAdapter::new(config, context.blobs)?).parts())
    }
}
