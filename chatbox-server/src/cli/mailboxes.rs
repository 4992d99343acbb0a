//! `mailboxes`.

use super::show::{List, Row, Shown, print, show};
use crate::client::Client;
use crate::failure::Failure;
use axum::http::Method;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Mailboxes {
    /// Show every mailbox and where its agent connects
    List,
    /// Make a token for a mailbox's agent, shown this once; the one before is refused from now on
    McpToken {
        /// The mailbox, such as main
        mailbox: String,
    },
    /// Go on handing out to a mailbox whose webhook was paused
    Unpause {
        /// The mailbox, such as main
        mailbox: String,
    },
}

/// Goes on handing out to a mailbox that was paused.
pub(super) async fn unpause(client: &Client, mailbox: String, json: bool) -> Result<(), Failure> {
    let path = format!("/v1/mailboxes/{}/unpause", escaped(&mailbox));
    let () = client.ask(Method::POST, &path, None::<&()>).await?;
    show(&Shown::one(Row::new().with("unpaused", mailbox)), json)
}

pub(super) async fn run(client: &Client, command: Mailboxes, json: bool) -> Result<(), Failure> {
    match command {
        Mailboxes::List => {
            let all = List::of(client, "/v1/mailboxes", usize::MAX).await?;
            show(&Shown::many(all), json)
        }
        Mailboxes::McpToken { mailbox } => token(client, &mailbox, json).await,
        Mailboxes::Unpause { mailbox } => unpause(client, mailbox, json).await,
    }
}

pub(super) fn escaped(mailbox: &str) -> String {
    url::form_urlencoded::byte_serialize(mailbox.as_bytes()).collect()
}

/// A fresh token for a mailbox's agent.
pub(super) async fn token(client: &Client, mailbox: &str, json: bool) -> Result<(), Failure> {
    let path = format!("/v1/mailboxes/{}/mcp-token", escaped(mailbox));
    let row: Row = client.ask(Method::POST, &path, None::<&()>).await?;
    show(&Shown::one(row), json)?;
    match json {
        true => Ok(()),
        false => print(
            "\n  next: give both to the agent: the address, and the token as `Authorization: Bearer …`. \
             The token is shown this once.\n",
        ),
    }
}
