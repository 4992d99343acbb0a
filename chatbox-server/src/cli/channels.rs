//! `channels` and `pairing`.

use super::secrets::{self, Given};
use super::show::{List, Row, Shown, print, show};
use crate::app::{CONNECTOR, FEED};
use crate::client::Client;
use crate::compose::Platforms;
use crate::failure::{Exit, Failure};
use crate::paths::secret_from_file;
use axum::http::Method;
use chatbox_core::connector::{Manifest, SecretSpec};
use chatbox_core::secret::Secret;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;

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
    /// telegram, discord, slack, signal, connector, http …
    platform: String,
    /// The name of an http channel
    name: Option<String>,
    #[command(flatten)]
    given: Given,
    /// The platform's server, where it is not its own
    #[arg(long, value_name = "URL")]
    api_base: Option<String>,
    /// A setting of the platform, such as account=+4915112345678 for signal; repeat for more
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = secrets::pair::<String>)]
    settings: Vec<(String, String)>,
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
    let mut secrets = match add.platform.as_str() {
        FEED if add.name.is_none() => {
            let fix = "chatbox channels add http NAME";
            let what = "an http channel needs a name";
            return Err(Failure::new("name_missing", what, fix));
        }
        FEED => BTreeMap::new(),
        platform => {
            let manifest = manifest(client, platform).await?;
            secrets::gather(&manifest, &add.given, json)?
        }
    };
    if let Some(path) = &add.mcp_token_file {
        let token = Secret::new(secret_from_file(path)?);
        secrets.insert("mcp_token".to_owned(), token);
    }
    let named = [
        ("api_base", add.api_base),
        ("url", add.url),
        ("mcp_url", add.mcp_url),
    ];
    let named = named.into_iter();
    let named = named.filter_map(|(key, value)| Some((key.to_owned(), value?)));
    let new = New {
        platform: add.platform,
        name: add.name,
        secrets,
        settings: named.chain(add.settings).collect(),
    };
    let row: Row = client
        .ask(Method::POST, "/v1/connections", Some(&new))
        .await?;
    let (next, hook) = (next(&row), hook(&row));
    show(&Shown::one(row), json)?;
    if let Some(hook) = hook.filter(|_| !json) {
        print(&format!("\n  next: {hook}\n"))?;
    }
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

/// What makes its platform tell this server what happens.
fn hook(added: &Row) -> Option<String> {
    let (url, platform) = (added.text("hook_url")?, added.text("platform")?);
    Some(format!(
        "paste {url} as the Request URL of the {platform} app"
    ))
}

/// What a channel asks for. Nobody is asked for the secrets of one that there is not. A connector that was added goes by its
/// own name.
async fn manifest(client: &Client, platform: &str) -> Result<Manifest, Failure> {
    let brought = Platforms::outside();
    if let Some(factory) = brought.get(&platform.into()) {
        return Ok(factory.manifest());
    }
    if let Some(failure) = Platforms::left_out(platform) {
        return Err(failure);
    }
    let is_there = |row: &Row| row.text("platform") == Some(platform);
    if platform == CONNECTOR || connections(client).await?.iter().any(is_there) {
        return Ok(of_connector(platform));
    }
    let what = format!("there is no channel {platform}");
    let names = brought.names().join(", ");
    let fix = format!("chatbox channels add, with one of: {names}, {CONNECTOR}, {FEED}");
    Err(Failure::new("unknown_channel", what, fix))
}

/// A connector process says what it is once it is asked, and is asked with its token.
fn of_connector(platform: &str) -> Manifest {
    let word = platform.to_uppercase().replace('-', "_");
    Manifest {
        platform: platform.into(),
        title: platform.to_owned(),
        secrets: vec![SecretSpec {
            name: "token".to_owned(),
            title: "The token that its process takes".to_owned(),
            env: format!("CHATBOX_{word}_TOKEN"),
            optional: false,
        }],
        settings: Vec::new(),
        guide: Vec::new(),
    }
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
