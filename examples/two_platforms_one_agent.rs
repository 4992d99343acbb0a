//! One agent, people on two networks: each hears the answer where they asked, and news reaches both.
//! `cargo run -p chatbox-examples --bin two_platforms_one_agent`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use chatbox_core::backend::Answer;
use chatbox_core::event::Content;
use chatbox_core::loopback::Loopback;
use chatbox_core::store::MemoryStore;
use chatbox_core::{Chatbox, Connect, Options};
use std::sync::Arc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let chatbox = Chatbox::start(Options::new(MemoryStore::new()));
    let mailbox = chatbox
        .mailbox(
            "main",
            Some(Arc::new(Answer(|said: &str| said.to_uppercase()))),
        )
        .await?;

    let (alpha, mut ana) = Loopback::new("alpha");
    let (beta, mut ben) = Loopback::new("beta");
    chatbox
        .connect(Connect::new(alpha, mailbox.clone()))
        .await?;
    chatbox.connect(Connect::new(beta, mailbox.clone())).await?;

    ana.say("hello from alpha");
    ben.say("hello from beta");
    println!("ana hears: {}", ana.hear().await.unwrap_or_default());
    println!("ben hears: {}", ben.hear().await.unwrap_or_default());

    for (connection, sent) in chatbox
        .broadcast(&mailbox, &Content::text("The build is green."), None)
        .await
    {
        sent.map_err(|error| anyhow::anyhow!("{connection}: {error}"))?;
    }
    println!("ana hears: {}", ana.hear().await.unwrap_or_default());
    println!("ben hears: {}", ben.hear().await.unwrap_or_default());
    Ok(())
}
