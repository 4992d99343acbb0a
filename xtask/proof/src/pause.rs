//! A process that is stopped for longer than its leases last and then goes on: whoever holds the lane by then, one
//! reply is committed and one is sent.

use crate::book::Book;
use crate::report::Report;
use crate::server::{Place, message};
use anyhow::{Context, Result};
use chatbox_fakes::model::{self, Script};
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

/// Longer than a lease.
const ASLEEP: Duration = Duration::from_secs(33);
const MARKER: &str = "paused000001x";

pub(crate) async fn run(program: &Path, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let model = model::Server::start(model::Options::default()).await?;
    let config = format!(
        "[backend]\nkind = \"llm\"\nprovider = \"openai\"\nmodel = \"fake-1\"\nbase_url = \"{}/v1/\"\n",
        model.base_url()
    );
    let place = Place::new(program, folder.path(), &config)?;
    let server = place.start().await?;
    let feed = server.add_feed("alpha").await?;
    // The first answer waits for us; whoever asks again is answered at once.
    model.script(Script::default().holding_after(0));
    let http = reqwest::Client::builder().no_proxy().build()?;
    let post = http
        .post(format!(
            "{}/v1/connections/{}/messages",
            server.url, feed.id
        ))
        .bearer_auth(&feed.token);
    post.json(&message(MARKER, "c", "p", &format!("hello {MARKER}")))
        .send()
        .await?
        .error_for_status()?;
    model
        .until_held(Duration::from_secs(20))
        .await
        .context("the model is asked")?;
    server.signal("STOP").await?;
    sleep(ASLEEP).await;
    server.signal("CONT").await?;
    sleep(Duration::from_secs(3)).await;
    model.open_gates();
    sleep(Duration::from_secs(2)).await;
    server.stop().await?;
    let book = Book::of(&place.database()).await?;
    let mut faults = Vec::new();
    if book.ended.len() != 1 {
        faults.push(format!("{} turns were committed", book.ended.len()));
    }
    let said = book
        .said
        .iter()
        .filter(|body| body.contains(MARKER))
        .count();
    if said != 1 {
        faults.push(format!("it was answered {said} times"));
    }
    report.check(
        "pause a holder that slept past its lease commits nothing twice",
        &faults,
    );
    Ok(())
}
