//! `channels` and `pairing`.

use super::show::{List, Row, Shown, print, show};
use crate::app::{CONNECTOR, FEED};
use crate::client::Client;
use crate::compose::Platforms;
use crate::failure::{Exit, Failure};
use crate::paths::{secret_from_env, secret_from_file};
use axum::http::Method;
use chatbox_core::secret::Secret;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// The longest text that is read where a token is due, in bytes.
const MOST: u64 = 64 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum Channels {
    /// Connect a platform: verified before it is saved. `http NAME` makes a door for a program of yours, `connector
    /// --url URL` connects an adapter that runs in a process of its own
    Add(Add),
    /// Show every channel
    List,
    /// Show how every channel stands
    Status {
        /// Ask each platform now
        #[arg(long)]
        probe: bool,
    },
    /// Disconnect a channel; its history stays
    Remove {
        /// Its id or platform
        channel: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// telegram, connector, http …
    platform: String,
    /// The name of an http channel
    name: Option<String>,
    /// A file that holds the token; - reads it from standard input
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// The platform's server, where it is not its own
    #[arg(long, value_name = "URL")]
    api_base: Option<String>,
    /// Where a connector process listens
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Where a connector has tools of its own for agents
    #[arg(long, value_name = "URL")]
    mcp_url: Option<String>,
    /// A file that holds the token of those tools
    #[arg(long, value_name = "PATH", requires = "mcp_url")]
    mcp_token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Pairing {
    /// Show who wrote and waits
    List,
    /// Let one of them talk
    Approve {
        /// The request's id
        request: String,
    },
}

#[derive(Debug, Serialize)]
struct New {
    platform: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    secrets: BTreeMap<String, Secret>,
    settings: BTreeMap<String, String>,
}

pub(super) async fn run(client: &Client, command: Channels, json: bool) -> Result<(), Failure> {
    match command {
        Channels::Add(channel) => add(client, channel, json).await,
        Channels::List | Channels::Status { probe: false } => {
            show(&Shown::many(connections(client).await?), json)
        }
        Channels::Status { probe: true } => probe(client, json).await,
        Channels::Remove { channel, yes } => remove(client, &channel, yes, json).await,
    }
}

async fn add(client: &Client, add: Add, json: bool) -> Result<(), Failure> {
    let feed = add.platform == FEED;
    if feed && add.name.is_none() {
        let fix = "chatbox channels add http NAME";
        return Err(Failure::new(
            "name_missing",
            "an http channel needs a name",
            fix,
        ));
    }
    if !feed && add.token_file.is_none() {
        known(client, &add.platform).await?;
    }
    let mut secrets = match feed {
        true => BTreeMap::new(),
        false => BTreeMap::from([("token".to_owned(), token(&add)?)]),
    };
    if let Some(path) = &add.mcp_token_file {
        let token = Secret::new(secret_from_file(path)?);
        secrets.insert("mcp_token".to_owned(), token);
    }
    let settings = [
        ("api_base", add.api_base),
        ("url", add.url),
        ("mcp_url", add.mcp_url),
    ];
    let settings = settings.into_iter();
    let settings = settings.filter_map(|(key, value)| Some((key.to_owned(), value?)));
    let settings = settings.collect();
    let new = New {
        platform: add.platform,
        name: add.name,
        secrets,
        settings,
    };
    let row: Row = client
        .ask(Method::POST, "/v1/connections", Some(&new))
        .await?;
    let next = next(&row);
    show(&Shown::one(row), json)?;
    match next {
        Some(next) if !json => print(&format!(
            "\n  next: {next}: that makes you its owner. It works once, for 10 minutes.\n"
        )),
        _ => Ok(()),
    }
}

/// What makes its doer the owner of a fresh connection.
fn next(added: &Row) -> Option<String> {
    let link = added.text("pairing_link");
    let link = link.map(|link| format!("open {link} and press Start"));
    let code = || {
        let (code, account) = (added.text("pairing_code")?, added.text("account")?);
        Some(format!("send {code} to {account}"))
    };
    link.or_else(code)
}

/// Nobody is asked for the token of a channel that there is not. A connector that was added goes by its own name.
async fn known(client: &Client, platform: &str) -> Result<(), Failure> {
    let brought = Platforms::outside().names();
    let is_brought = platform == CONNECTOR || brought.iter().any(|name| name == platform);
    let is_there = |row: &Row| row.text("platform") == Some(platform);
    if is_brought || connections(client).await?.iter().any(is_there) {
        return Ok(());
    }
    let what = format!("there is no channel {platform}");
    let fix = format!(
        "chatbox channels add, with one of: {}, {CONNECTOR}, {FEED}",
        brought.join(", ")
    );
    Err(Failure::new("unknown_channel", what, fix))
}

/// The token from its file, the environment, or a prompt: never from the command line.
fn token(add: &Add) -> Result<Secret, Failure> {
    if let Some(path) = &add.token_file {
        let token = if path == Path::new("-") {
            from_stdin()?
        } else {
            secret_from_file(path)?
        };
        return Ok(Secret::new(token));
    }
    let variable = format!(
        "CHATBOX_{}_TOKEN",
        add.platform.to_uppercase().replace('-', "_")
    );
    if let Some(token) = secret_from_env(&variable)? {
        return Ok(Secret::new(token.trim()));
    }
    let missing = || {
        let fix = format!("give it with --token-file PATH, --token-file - or {variable}");
        Failure::new("secret_missing", "there is no token and nobody to ask", fix)
    };
    if !std::io::stdin().is_terminal() {
        return Err(missing());
    }
    let typed = rpassword::prompt_password("  token: ").map_err(|_| missing())?;
    let typed = typed.trim();
    if typed.is_empty() {
        Err(missing())
    } else {
        Ok(Secret::new(typed))
    }
}

fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(MOST + 1).read_to_string(&mut text);
    read.map_err(|error| Failure::io("cannot read the token", &error).exit(Exit::Usage))?;
    if text.len() as u64 > MOST {
        let what = "standard input goes on and on";
        return Err(Failure::new(
            "too_large",
            what,
            "a token is shorter than 64 KiB",
        ));
    }
    let text = text.trim();
    if text.is_empty() {
        let fix = "pipe the token in, alone on one line";
        return Err(Failure::new(
            "secret_missing",
            "standard input is empty",
            fix,
        ));
    }
    Ok(text.to_owned())
}

async fn connections(client: &Client) -> Result<Vec<Row>, Failure> {
    List::of(client, "/v1/connections", usize::MAX).await
}

async fn probe(client: &Client, json: bool) -> Result<(), Failure> {
    let mut failed = false;
    let mut rows = Vec::new();
    for row in connections(client).await? {
        let path = format!(
            "/v1/connections/{}/probe",
            row.text("id").unwrap_or_default()
        );
        let asked: Result<Row, Failure> = client.ask(Method::POST, &path, None::<&()>).await;
        failed |= asked.is_err();
        let answer = asked.map_or_else(|failure| failure.to_string(), |_| "works".to_owned());
        rows.push(row.with("probe", answer));
    }
    show(&Shown::many(rows), json)?;
    let broken = || Failure::new("probe_failed", "a channel does not work", "chatbox doctor");
    if failed {
        Err(broken().exit(Exit::NoServer))
    } else {
        Ok(())
    }
}

async fn remove(client: &Client, channel: &str, yes: bool, json: bool) -> Result<(), Failure> {
    let rows = connections(client).await?;
    let fits =
        |row: &&Row| row.text("id") == Some(channel) || row.text("platform") == Some(channel);
    let id = rows
        .iter()
        .find(fits)
        .and_then(|row| row.text("id"))
        .ok_or_else(|| {
            let what = format!("there is no channel {channel}");
            Failure::new("not_found", what, "chatbox channels list").exit(Exit::NotFound)
        })?;
    if !yes && !confirmed(&format!("  disconnect {channel}? [y/N] "))? {
        return Err(Failure::new(
            "not_confirmed",
            "nothing was changed",
            "add --yes",
        ));
    }
    let () = client
        .ask(
            Method::DELETE,
            &format!("/v1/connections/{id}"),
            None::<&()>,
        )
        .await?;
    show(&Shown::one(Row::new().with("removed", id)), json)
}

/// Asks a person; where there is none, `--yes` is needed.
pub(super) fn confirmed(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let what = "this cannot be undone and there is nobody to ask";
        return Err(Failure::new("confirmation_required", what, "add --yes"));
    }
    print(question)?;
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.map_err(|error| Failure::io("cannot read the answer", &error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

pub(super) async fn pairing(client: &Client, command: Pairing, json: bool) -> Result<(), Failure> {
    match command {
        Pairing::List => {
            let list: List = client.ask(Method::GET, "/v1/pairing", None::<&()>).await?;
            show(&Shown::many(list.items), json)
        }
        Pairing::Approve { request } => {
            let path = format!("/v1/pairing/{request}/approve");
            let () = client.ask(Method::POST, &path, None::<&()>).await?;
            show(&Shown::one(Row::new().with("approved", request)), json)
        }
    }
}
