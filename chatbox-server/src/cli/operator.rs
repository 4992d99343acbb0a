//! `operator`: how mailboxes and connections stand, for whoever keeps the server running.

use super::channels::confirmed;
use super::mailboxes::{escaped, token, unpause};
use super::show::{List, Row, Shown, show};
use crate::client::Client;
use crate::failure::Failure;
use axum::http::Method;
use clap::Subcommand;
use std::time::Duration;

/// How often it is looked for more deliveries.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub(super) enum Operator {
    /// Show every mailbox and how it is answered
    MailboxList,
    /// Show how hand-outs to a mailbox's webhook go
    MailboxHealth {
        /// The mailbox, such as main
        mailbox: String,
    },
    /// Go on handing out to a mailbox that was paused
    MailboxUnpause {
        /// The mailbox, such as main
        mailbox: String,
    },
    /// Give a mailbox another token; its agent is refused until it has it
    MailboxRegenerateMcpToken {
        /// The mailbox, such as main
        mailbox: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show every connection and how it stands
    ConnectionList,
    /// Disconnect for good; what was said stays
    ConnectionArchive {
        /// The connection, such as con_abc
        connection: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show the newest deliveries, oldest first
    TailDeliveries {
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Go on showing them as they come
        #[arg(long, short)]
        follow: bool,
    },
    /// Make an account of its own for somebody, and a key to it
    AccountCreate {
        /// Its id: a-z, 0-9 and -
        account: String,
    },
}

pub(super) async fn run(client: &Client, command: Operator, json: bool) -> Result<(), Failure> {
    let all = |path| List::of(client, path, usize::MAX);
    match command {
        Operator::MailboxList => show(&Shown::many(all("/v1/mailboxes").await?), json),
        Operator::ConnectionList => show(&Shown::many(all("/v1/connections").await?), json),
        Operator::MailboxHealth { mailbox } => {
            let path = format!("/v1/mailboxes/{}/health", escaped(&mailbox));
            let row: Row = client.ask(Method::GET, &path, None::<&()>).await?;
            show(&Shown::one(row), json)
        }
        Operator::MailboxUnpause { mailbox } => unpause(client, mailbox, json).await,
        Operator::MailboxRegenerateMcpToken { mailbox, yes } => {
            sure(yes, "  refuse the agent's token from now on? [y/N] ")?;
            token(client, &mailbox, json).await
        }
        Operator::ConnectionArchive { connection, yes } => {
            sure(yes, "  disconnect it for good? [y/N] ")?;
            let path = format!("/v1/connections/{}", escaped(&connection));
            let () = client.ask(Method::DELETE, &path, None::<&()>).await?;
            show(&Shown::one(Row::new().with("archived", connection)), json)
        }
        Operator::TailDeliveries { limit, follow } => tail(client, limit, follow, json).await,
        Operator::AccountCreate { account } => {
            let new = serde_json::json!({ "id": account });
            let row: Row = client.ask(Method::POST, "/v1/accounts", Some(&new)).await?;
            show(&Shown::one(row), json)
        }
    }
}

fn sure(yes: bool, question: &str) -> Result<(), Failure> {
    if yes || confirmed(question)? {
        return Ok(());
    }
    Err(Failure::new(
        "not_confirmed",
        "nothing was changed",
        "add --yes",
    ))
}

/// The newest deliveries, oldest first; then, where asked for, each one that is new or has changed.
async fn tail(client: &Client, limit: u32, follow: bool, json: bool) -> Result<(), Failure> {
    let mut shown: Vec<String> = Vec::new();
    loop {
        let mut newest = List::of(client, "/v1/deliveries", limit as usize).await?;
        newest.reverse();
        let now: Vec<String> = newest.iter().map(Row::said).collect();
        let mut fresh = Vec::new();
        for (row, said) in newest.into_iter().zip(&now) {
            if !shown.contains(said) {
                fresh.push(row);
            }
        }
        shown = now;
        if !fresh.is_empty() || !follow {
            show(&Shown::many(fresh), json)?;
        }
        if !follow {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}
