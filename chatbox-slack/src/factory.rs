//! What Slack needs before it works, for people and programs.

use crate::adapter::{PLATFORM, SlackAdapter};
use crate::config::{Config, DEFAULT_API_BASE, Written};
use crate::outbound::SlackDialect;
use async_trait::async_trait;
use chatbox_connector_api::markup::Dialect;
use chatbox_connector_api::{
    AdapterContext, AdapterError, AdapterFactory, ErrorKind, Manifest, Parts, Result, SecretSpec,
    Secrets, SettingSpec, Settings,
};
use std::sync::Arc;

/// The secrets' keys.
const BOT: &str = "bot_token";
const APP: &str = "app_token";
const SIGNING: &str = "signing_secret";

/// What the app must be granted, and what each is for.
pub(crate) const SCOPES: [(&str, &str); 14] = [
    ("chat:write", "to say anything"),
    ("im:history", "to hear direct messages"),
    ("channels:history", "to hear public channels"),
    ("groups:history", "to hear private channels"),
    ("mpim:history", "to hear conversations of several people"),
    ("im:read", "to read what was missed in direct messages"),
    (
        "channels:read",
        "to read what was missed in public channels",
    ),
    ("groups:read", "to read what was missed in private channels"),
    (
        "mpim:read",
        "to read what was missed in conversations of several people",
    ),
    ("reactions:read", "to see reactions"),
    ("reactions:write", "to react"),
    ("files:read", "to receive files"),
    ("files:write", "to send files"),
    ("users:read", "to know people's names"),
];

/// Builds Slack adapters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slack;

#[async_trait]
impl AdapterFactory for Slack {
    fn manifest(&self) -> Manifest {
        let scopes = SCOPES.map(|(scope, _)| scope).join(", ");
        let steps = [
            "Open https://api.slack.com/apps and press Create New App, From scratch.".to_owned(),
            "Under Socket Mode, switch on Enable Socket Mode; the token it makes, with the scope connections:write, is the app token. \
             For a server with a public address leave it off: the Signing Secret under Basic Information does instead."
                .to_owned(),
            format!("Under OAuth & Permissions, Bot Token Scopes, add {scopes}."),
            "Under Event Subscriptions, switch on Enable Events and add the bot events message.im, message.channels, \
             message.groups, message.mpim, reaction_added and reaction_removed."
                .to_owned(),
            "Under App Home, switch on Messages Tab, and let people send messages from it.".to_owned(),
            "Under Interactivity & Shortcuts, switch on Interactivity if there will be buttons.".to_owned(),
            "Under OAuth & Permissions, press Install to Workspace; the Bot User OAuth Token is the bot token.".to_owned(),
        ];
        let setting = |name: &str, title: &str, default: Option<&str>| SettingSpec {
            name: name.to_owned(),
            title: title.to_owned(),
            default: default.map(str::to_owned),
        };
        let secret = |name: &str, title: &str, env: &str| SecretSpec {
            name: name.to_owned(),
            title: title.to_owned(),
            env: env.to_owned(),
            optional: name != BOT,
        };
        Manifest {
            platform: PLATFORM.into(),
            title: "Slack".to_owned(),
            secrets: vec![
                secret(
                    BOT,
                    "The Bot User OAuth Token, xoxb-…",
                    "CHATBOX_SLACK_BOT_TOKEN",
                ),
                secret(
                    APP,
                    "The app-level token, xapp-…, where the app connects by Socket Mode",
                    "CHATBOX_SLACK_APP_TOKEN",
                ),
                secret(
                    SIGNING,
                    "The Signing Secret, where Slack posts to this server's public address",
                    "CHATBOX_SLACK_SIGNING_SECRET",
                ),
            ],
            settings: vec![
                setting(
                    "api_base",
                    "The server in the place of Slack",
                    Some(DEFAULT_API_BASE),
                ),
                setting(
                    "team_id",
                    "The workspace the tokens must belong to; any when absent",
                    None,
                ),
            ],
            guide: steps.to_vec(),
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(SlackDialect)
    }

    async fn build(
        &self,
        context: AdapterContext,
        settings: Settings,
        secrets: Secrets,
    ) -> Result<Parts> {
        let written: Written = settings.parse()?;
        let (bot, base) = (secrets.require(BOT)?, written.api_base.as_deref());
        let egress = context.egress;
        let config = match (secrets.get(APP), secrets.get(SIGNING)) {
            (Some(app), None) => Config::new(base, bot, app, egress)?,
            (Some(app), Some(signing)) => {
                Config::new(base, bot, app, egress)?.and_posted(signing)?
            }
            (None, Some(signing)) => Config::posted(base, bot, signing, egress)?,
            (None, None) => {
                let sentence = "there is neither an app_token, with which the app connects by Socket Mode, nor a signing_secret, \
                     with which Slack posts to this server's public address: give one of them, or both";
                return Err(AdapterError::new(ErrorKind::Unauthorized, sentence));
            }
        };
        let adapter = SlackAdapter::new(config.with(written)?, context.blobs)?;
        Ok(Arc::new(adapter.with_state(context.state)).parts())
    }
}
