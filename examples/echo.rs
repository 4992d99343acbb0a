//! The smallest agent: says everything back. `cargo run -p chatbox-examples --bin echo`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use chatbox_core::backend::Answer;
use chatbox_core::loopback::Loopback;
use chatbox_core::store::MemoryStore;
use chatbox_core::{Chatbox, Connect, Options};
use std::sync::Arc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let chatbox = Chatbox::start(Options::new(MemoryStore::new()));
    let echo = Answer(|said: &str| format!("You said: {said}"));
    chatbox.mailbox("main", Some(Arc::new(echo))).await?;
    let (platform, mut person) = Loopback::new("console");
    chatbox.connect(Connect::new(platform, "main")).await?;
    person.say("hello");
    println!("{}", person.hear().await.unwrap_or_default());
    Ok(())
}
