//! The platforms, as stand-ins within this process: what each adapter is given, and one person who writes on all of them.

use anyhow::{Context, Result};
use chatbox_fakes::telegram::Bot;
use chatbox_fakes::{discord, signal, slack, telegram};
use std::fmt::Write;

/// The platforms, by their names.
pub const PLATFORMS: [&str; 4] = ["discord", "signal", "slack", "telegram"];

const DISCORD: &str = "MTAwMDAwMDAwMDAw.TEST.token-TEST-token-TEST-token";
const TELEGRAM: &str = "7000001:TEST-token-TEST-token";
const SIGNAL: &str = "+4915100000000";
const ADA: i64 = 42;

/// One stand-in of each.
#[derive(Debug)]
pub struct Vendors {
    discord: discord::Server,
    signal: signal::Server,
    slack: slack::Server,
    telegram: telegram::Server,
}

impl Vendors {
    /// Starts them.
    ///
    /// # Errors
    /// One does not start.
    pub async fn start() -> Result<Self> {
        let discord = discord::Options {
            token: DISCORD.to_owned(),
            ..discord::Options::default()
        };
        let telegram = telegram::Options {
            bots: vec![Bot::new(TELEGRAM, "test_bot")],
            ..telegram::Options::default()
        };
        Ok(Self {
            discord: discord::Server::start(discord).await?,
            signal: signal::Server::start(SIGNAL).await?,
            slack: slack::Server::start(slack::Options::default()).await?,
            telegram: telegram::Server::start(telegram).await?,
        })
    }

    /// Where one of them is.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn base(&self, platform: &str) -> Result<String> {
        match platform {
            "discord" => Some(self.discord.base_url()),
            "signal" => Some(format!("tcp://{}", self.signal.addr())),
            "slack" => Some(self.slack.base_url()),
            "telegram" => Some(self.telegram.base_url()),
            _ => None,
        }
        .with_context(|| format!("there is no stand-in for {platform}"))
    }

    /// The tables of a configuration that lead to them.
    ///
    /// # Errors
    /// None: every platform has one.
    pub fn channels(&self) -> Result<String> {
        let mut text = String::new();
        for platform in PLATFORMS {
            let base = self.base(platform)?;
            writeln!(text, "[channels.{platform}]\napi_base = \"{base}\"")?;
        }
        Ok(text)
    }

    /// Ada writes to the bot.
    pub fn say(&self, platform: &str, text: &str) {
        match platform {
            "discord" => {
                let (ada, name) = (ADA.unsigned_abs(), "ada");
                let dm = self.discord.person(ada, name);
                self.discord.say(dm, ada, text);
            }
            "signal" => {
                self.signal.say(signal::Say {
                    from: 1,
                    text: text.to_owned(),
                    ..signal::Say::default()
                });
            }
            "slack" => {
                let im = self.slack.person("U0ADA", "ada");
                self.slack.say(&im, "U0ADA", text);
            }
            _ => drop(self.telegram.say(ADA, ADA, text)),
        }
    }
}

/// What an adapter is given to be who it is on its stand-in, by the names in its manifest.
pub fn secrets(platform: &str) -> Vec<(&'static str, String)> {
    match platform {
        "discord" => vec![("token", DISCORD.to_owned())],
        "slack" => {
            let usual = slack::Options::default();
            vec![("bot_token", usual.token), ("app_token", usual.app_token)]
        }
        "telegram" => vec![("token", TELEGRAM.to_owned())],
        _ => Vec::new(),
    }
}
