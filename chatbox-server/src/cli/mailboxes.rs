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

pub(super) async fn run(client: &Client, command: Mailboxes, json: bool) -> Result<(), Failure> {
    match command {
        Mailboxes::List => {
            let list: List = client
                .ask(Method::GET, "/v1/mailboxes", None::<&()>)
                .await?;
            show(&Shown::many(list.items), json)
        }
        Mailboxes::McpToken { mailbox } => token(client, &mailbox, json).await,
        Mailboxes::Unpause { mailbox } => {
            let path = format!("/v1/mailboxes/{}/unpause", escaped(&mailbox));
            let () = client.ask(Method::POST, &path, None::<&()>).await?;
            show(&Shown::one(Row::new().with("unpaused", mailbox)), json)
        }
    }
}

fn escaped(mailbox: &str) -> String {
    url::form_urlencoded::byte_serialize(mailbox.as_bytes()).collect()
}

async fn token(client: &Client, mailbox: &str, json: bool) -> Result<(), Failure> {
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
