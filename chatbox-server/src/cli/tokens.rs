//! `bootstrap` and `tokens`.

use super::channels::confirmed;
use super::show::{List, Row, Shown, show};
use crate::auth::Scope;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use axum::http::Method;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Bootstrap {
    /// Write the key to this new file, which only you can read, instead of showing it
    #[arg(long, value_name = "PATH")]
    key_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Tokens {
    /// Make a token; it is shown this once
    Create {
        /// Who will use it
        name: String,
        /// What it may do: each scope may also what those before it may
        #[arg(long, value_enum, default_value_t = Scope::Read)]
        scope: Scope,
        /// After what time it ends, such as 90d; never unless set
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        expires: Option<std::time::Duration>,
    },
    /// Show every token, without the tokens themselves
    List,
    /// Take a token back: the next request with it is refused
    Revoke {
        /// Its id, as `tokens list` shows it
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Serialize)]
struct New {
    name: String,
    scope: Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
}

pub(super) async fn bootstrap(
    client: &Client,
    command: Bootstrap,
    json: bool,
) -> Result<(), Failure> {
    // A place that cannot be written is found out before there is a key to lose.
    let file = command.key_file.as_deref().map(fresh).transpose()?;
    let made: Result<Row, Failure> = client.ask(Method::POST, "/v1/bootstrap", None::<&()>).await;
    let (Some(path), Some(mut file)) = (command.key_file, file) else {
        let row = made?;
        if !std::io::stdout().is_terminal() {
            let warning = "warning: the key goes to a pipe or a file, which may keep it for others to read; \
                           --key-file PATH writes it where only you can";
            // Nobody is left to warn when the terminal is gone.
            let _ = writeln!(std::io::stderr(), "{warning}");
        }
        return show(&Shown::one(row), json);
    };
    let row = match made {
        Ok(row) => row,
        Err(failure) => {
            // The file is ours, new and empty.
            let _ = std::fs::remove_file(&path);
            return Err(failure);
        }
    };
    let key = row.text("token").unwrap_or_default();
    file.write_all(key.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| Failure::io(&format!("cannot write {}", path.display()), &error))?;
    let row = Row::new().with("key_file", path.display().to_string());
    show(&Shown::one(row), json)
}

/// A new file that only its owner can read.
fn fresh(path: &Path) -> Result<std::fs::File, Failure> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| {
        let failure = Failure::io(&format!("cannot make {}", path.display()), &error);
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => failure.exit(Exit::Usage),
            _ => failure,
        }
    })
}

pub(super) async fn run(client: &Client, command: Tokens, json: bool) -> Result<(), Failure> {
    match command {
        Tokens::Create {
            name,
            scope,
            expires,
        } => {
            let new = New {
                name,
                scope,
                expires_in: expires.map(|life| life.as_secs()),
            };
            let row: Row = client.ask(Method::POST, "/v1/tokens", Some(&new)).await?;
            show(&Shown::one(row), json)
        }
        Tokens::List => {
            let list: List = client.ask(Method::GET, "/v1/tokens", None::<&()>).await?;
            show(&Shown::many(list.items), json)
        }
        Tokens::Revoke { id, yes } => {
            if !yes && !confirmed(&format!("  take {id} back for good? [y/N] "))? {
                let what = "nothing was changed";
                return Err(Failure::new("not_confirmed", what, "add --yes"));
            }
            let path = format!("/v1/tokens/{id}");
            let () = client.ask(Method::DELETE, &path, None::<&()>).await?;
            show(&Shown::one(Row::new().with("revoked", id)), json)
        }
    }
}
