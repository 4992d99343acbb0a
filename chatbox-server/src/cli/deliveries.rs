//! `deliveries` and `trace`.

use super::channels::confirmed;
use super::show::{List, Row, Shown, show};
use crate::client::Client;
use crate::failure::Failure;
use axum::http::Method;
use chatbox_core::store::DeliveryState;
use clap::Subcommand;
use serde::Deserialize;

#[derive(Debug, Subcommand)]
pub(super) enum Deliveries {
    /// Show deliveries, newest first
    List {
        /// Only those in this state
        #[arg(long, value_parser = DeliveryState::ALL.map(DeliveryState::as_str))]
        state: Option<String>,
        /// Only those that failed, expired or are unknown
        #[arg(long, conflicts_with = "state")]
        failed: bool,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Send one once more
    Retry {
        /// The delivery, such as dlv_7
        id: String,
    },
    /// Forget those that failed, expired or are unknown
    Purge {
        /// One only
        id: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(super) async fn run(client: &Client, command: Deliveries, json: bool) -> Result<(), Failure> {
    match command {
        Deliveries::List {
            state,
            failed,
            limit,
        } => {
            let which = match state {
                Some(state) => format!("?state={state}"),
                None if failed => "?dead=true".to_owned(),
                None => String::new(),
            };
            let path = format!("/v1/deliveries{which}");
            let all = List::of(client, &path, limit as usize).await?;
            show(&Shown::many(all), json)
        }
        Deliveries::Retry { id } => {
            let path = format!("/v1/deliveries/{id}/retry");
            let () = client.ask(Method::POST, &path, None::<&()>).await?;
            show(&Shown::one(Row::new().with("queued", id)), json)
        }
        Deliveries::Purge { id, yes } => {
            if !yes && !confirmed("  forget them for good? [y/N] ")? {
                return Err(Failure::new(
                    "not_confirmed",
                    "nothing was changed",
                    "add --yes",
                ));
            }
            let which = id.map(|id| format!("?id={id}")).unwrap_or_default();
            let path = format!("/v1/deliveries{which}");
            let row: Row = client.ask(Method::DELETE, &path, None::<&()>).await?;
            show(&Shown::one(row), json)
        }
    }
}

#[derive(Debug, Deserialize)]
struct Trace {
    steps: Vec<Row>,
}

pub(super) async fn trace(client: &Client, id: &str, json: bool) -> Result<(), Failure> {
    let path = format!("/v1/messages/{id}/trace");
    if json {
        let row: Row = client.ask(Method::GET, &path, None::<&()>).await?;
        return show(&Shown::one(row), true);
    }
    let trace: Trace = client.ask(Method::GET, &path, None::<&()>).await?;
    show(&Shown::many(trace.steps), false)
}
