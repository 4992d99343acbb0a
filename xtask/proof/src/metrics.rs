//! `/metrics` of a program that has taken a message in and answered it.

use crate::server::{Place, message};
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

pub(crate) async fn run(program: &Path, to: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let place = Place::new(program, folder.path(), "[backend]\nkind = \"echo\"\n")?;
    let server = place.start().await?;
    let feed = server.add_feed("alpha").await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let post = http.post(format!(
        "{}/v1/connections/{}/messages",
        server.url, feed.id
    ));
    let post = post
        .bearer_auth(&feed.token)
        .json(&message("1", "c", "p", "hello"));
    post.send().await?.error_for_status()?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let page = http
        .get(format!("{}/metrics", server.url))
        .send()
        .await?
        .error_for_status()?;
    std::fs::write(to, page.text().await?)?;
    server.stop().await
}
