//! `chatbox-fakes`: the test servers as a program, for tests that start processes.
//!
//! The first line on standard output is `listening http://HOST:PORT`; it runs until it is ended.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use chatbox_fakes::{discord, model, slack, telegram};
use clap::{Args, Parser, Subcommand};

/// Stand-ins for chat platforms and models.
#[derive(Debug, Parser)]
#[command(name = "chatbox-fakes", version)]
struct Cli {
    #[command(subcommand)]
    server: Fake,
}

#[derive(Debug, Subcommand)]
enum Fake {
    /// A Telegram Bot API server.
    Telegram(Telegram),
    /// A Discord: REST and gateway.
    Discord(Discord),
    /// A Slack: Web API and Socket Mode.
    Slack(Slack),
    /// A model server: OpenAI-compatible, Anthropic, Ollama.
    Model(Model),
}

#[derive(Debug, Args)]
struct Telegram {
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// A valid token; repeat for more bots.
    #[arg(long = "token", default_value = "7000001:TEST-token")]
    tokens: Vec<String>,
    /// The first bot's user name, without the @; further bots get a number behind it.
    #[arg(long, default_value = "test_bot")]
    username: String,
    /// Privacy mode: in groups only commands, mentions and replies reach the bot.
    #[arg(long)]
    privacy: bool,
}

#[derive(Debug, Args)]
struct Discord {
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The bot's token.
    #[arg(long)]
    token: Option<String>,
}

#[derive(Debug, Args)]
struct Slack {
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The bot's token.
    #[arg(long)]
    token: Option<String>,
    /// The app's token.
    #[arg(long)]
    app_token: Option<String>,
}

#[derive(Debug, Args)]
struct Model {
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// The key every request must carry; without one all are taken.
    #[arg(long)]
    key: Option<String>,
    /// A name for the lists of models; repeat for more.
    #[arg(long = "model", default_value = "fake-1")]
    models: Vec<String>,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    match Cli::parse().server {
        Fake::Telegram(asked) => {
            let server = telegram::Server::start(telegram_options(asked)).await?;
            stay(&server.base_url()).await
        }
        Fake::Discord(asked) => {
            let server = discord::Server::start(discord_options(asked)).await?;
            // One guild with a room, one person: who needs more starts it in a test.
            server.channel(200, discord::Kind::Text(100));
            server.person(42, "ada");
            stay(&server.base_url()).await
        }
        Fake::Slack(asked) => {
            let server = slack::Server::start(slack_options(asked)).await?;
            // One room, one person: who needs more starts it in a test.
            server.channel("C0ROOM", slack::Kind::Channel("room".to_owned()));
            server.person("U0ADA", "ada");
            stay(&server.base_url()).await
        }
        Fake::Model(asked) => {
            let server = model::Server::start(model::Options {
                addr: SocketAddr::new(asked.host, asked.port),
                key: asked.key,
                models: asked.models,
            })
            .await?;
            stay(&server.base_url()).await
        }
    }
}

fn telegram_options(asked: Telegram) -> telegram::Options {
    let bots = asked.tokens.iter().enumerate().map(|(index, token)| {
        let username = match index {
            0 => asked.username.clone(),
            _ => format!("{}{}", asked.username, index + 1),
        };
        let mut bot = telegram::Bot::new(token, &username);
        bot.reads_all_group_messages = !asked.privacy;
        bot
    });
    telegram::Options {
        addr: SocketAddr::new(asked.host, asked.port),
        bots: bots.collect(),
    }
}

fn discord_options(asked: Discord) -> discord::Options {
    let usual = discord::Options::default();
    discord::Options {
        addr: SocketAddr::from((Ipv4Addr::LOCALHOST, asked.port)),
        token: asked.token.unwrap_or(usual.token.clone()),
        ..usual
    }
}

fn slack_options(asked: Slack) -> slack::Options {
    let usual = slack::Options::default();
    slack::Options {
        addr: SocketAddr::from((Ipv4Addr::LOCALHOST, asked.port)),
        token: asked.token.unwrap_or(usual.token.clone()),
        app_token: asked.app_token.unwrap_or(usual.app_token.clone()),
        ..usual
    }
}

async fn stay(url: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "listening {url}")?;
    out.flush()?;
    std::future::pending().await
}
