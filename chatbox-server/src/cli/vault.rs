//! `vault`: the keys that seal secrets, and changing them.

use super::show::{List, Row, Shown, show};
use crate::client::Client;
use crate::failure::Failure;
use axum::http::Method;
use clap::Subcommand;
use serde::Deserialize;
use std::io::{IsTerminal, Write};

/// So often everything is gone through, in case something was sealed with an older key meanwhile.
const ROUNDS: usize = 10;

#[derive(Debug, Subcommand)]
pub(super) enum Vault {
    /// Show the keys, without the keys themselves
    Status,
    /// Make a new key, and seal everything again with it; or go on where that was broken off
    Rotate {
        /// No other server has this database
        #[arg(long)]
        alone: bool,
    },
    /// Forget a key that nothing is sealed with any more
    Forget {
        /// Its id, as `vault status` shows it
        id: String,
    },
}

#[derive(Debug, Deserialize)]
struct Key {
    id: String,
    seals: bool,
    values: u64,
}

#[derive(Debug, Deserialize)]
struct Keys {
    items: Vec<Key>,
}

#[derive(Debug, Deserialize)]
struct Step {
    resealed: u64,
    after: Option<String>,
    unreadable: Vec<String>,
}

pub(super) async fn run(client: &Client, command: Vault, json: bool) -> Result<(), Failure> {
    match command {
        Vault::Status => {
            let list: List = client
                .ask(Method::GET, "/v1/vault/keys", None::<&()>)
                .await?;
            show(&Shown::many(list.items), json)
        }
        Vault::Rotate { alone } => rotate(client, alone, json).await,
        Vault::Forget { id } => {
            let path = format!("/v1/vault/keys/{}", super::mailboxes::escaped(&id));
            let () = client.ask(Method::DELETE, &path, None::<&()>).await?;
            show(&Shown::one(Row::new().with("forgotten", id)), json)
        }
    }
}

async fn rotate(client: &Client, alone: bool, json: bool) -> Result<(), Failure> {
    if left(client).await? == 0 {
        let new = serde_json::json!({ "alone": alone });
        let _: Row = client
            .ask(Method::POST, "/v1/vault/keys", Some(&new))
            .await?;
    }
    let (mut done, mut unreadable) = (0, Vec::new());
    for _ in 0..ROUNDS {
        unreadable.clear();
        done += round(client, &mut unreadable).await?;
        if left(client).await? <= unreadable.len() as u64 {
            break;
        }
    }
    let keys = keys(client).await?;
    let seals = keys.iter().find(|key| key.seals);
    let free = keys.iter().filter(|key| !key.seals && key.values == 0);
    let free: Vec<&str> = free.map(|key| key.id.as_str()).collect();
    let row = Row::new()
        .with("seals", seals.map(|key| key.id.clone()))
        .with("resealed", done)
        .with("unreadable", unreadable)
        .with("unused", free);
    let row = row.with(
        "next",
        "keep a copy of the keys that are unused for as long as you keep a backup from before; then `chatbox vault forget ID`",
    );
    show(&Shown::one(row), json)
}

/// Goes through everything once. How many values were sealed again.
async fn round(client: &Client, unreadable: &mut Vec<String>) -> Result<u64, Failure> {
    let (mut done, mut after) = (0, None);
    loop {
        let ask = serde_json::json!({ "after": after });
        let step: Step = client
            .ask(Method::POST, "/v1/vault/reseal", Some(&ask))
            .await?;
        done += step.resealed;
        unreadable.extend(step.unreadable);
        progress(client, done).await?;
        after = step.after;
        if after.is_none() {
            return Ok(done);
        }
    }
}

/// Says how far it is, where somebody watches.
async fn progress(client: &Client, done: u64) -> Result<(), Failure> {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let left = left(client).await?;
        // Nobody is left to tell when the terminal is gone.
        let _ = write!(out, "\r  {done} sealed again, {left} left ");
        if left == 0 {
            let _ = writeln!(out);
        }
    }
    Ok(())
}

/// How many values an older key sealed.
async fn left(client: &Client) -> Result<u64, Failure> {
    let keys = keys(client).await?.into_iter();
    Ok(keys.filter(|key| !key.seals).map(|key| key.values).sum())
}

async fn keys(client: &Client) -> Result<Vec<Key>, Failure> {
    let keys: Keys = client
        .ask(Method::GET, "/v1/vault/keys", None::<&()>)
        .await?;
    Ok(keys.items)
}
