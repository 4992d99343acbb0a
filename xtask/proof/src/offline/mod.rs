//! A person talks in the web chat of a machine that has nothing: no network but loopback, no certificates, no
//! resolver, no configuration. Every system call that could carry their words away is read.
//!
//! To be started in a network namespace of its own, such as `unshare --net` makes.

mod root;
mod trace;

use crate::report::Report;
use crate::web::{self, Login, Socket};
use anyhow::{Context, Result, ensure};
use chatbox_fakes::model::{self, Script};
use root::{Root, Running};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};
use trace::{Allowed, Seen};

const ALONE: &str = "offline there is no network but loopback";
const ECHO: &str = "offline the web chat answers at once on a bare machine";
const CONNECTIONS: &str = "offline no connection is made but to the chosen model";
const WORDS: &str =
    "offline what a person says goes to the chosen model, to them and to the data folder";

/// A word that nothing but the person says.
const WORD: &str = "quetzalwort";
/// Where a program that was told nothing looks for a model.
const USUAL_MODEL: &str = "127.0.0.1:11434";
/// Longer than anything here takes.
const MOST: Duration = Duration::from_secs(60);

pub(crate) async fn run(program: &Path, report: &mut Report) -> Result<()> {
    alone().await.context(ALONE)?;
    report.check(ALONE, &[]);
    let mut seen = echo(program).await.context(ECHO)?;
    report.check(ECHO, &[]);
    for (variable, path) in [("OLLAMA_HOST", ""), ("OPENAI_BASE_URL", "/v1/")] {
        let name = format!("offline a model at {variable} answers as it speaks");
        seen.merge(
            with_model(program, variable, path)
                .await
                .context(name.clone())?,
        );
        report.check(&name, &[]);
    }
    report.line(&format!(
        "{} connections; the word went {} times to a model, {} to the person, {} to the disk",
        seen.connections, seen.to_model, seen.to_person, seen.to_disk
    ));
    report.check(CONNECTIONS, &seen.strange_connections);
    report.check(WORDS, &seen.strange_words);
    Ok(())
}

/// Brings loopback up, and refuses to go on where there is more than that.
async fn alone() -> Result<()> {
    let devices = std::fs::read_to_string("/proc/self/net/dev")?;
    let names = devices
        .lines()
        .skip(2)
        .filter_map(|line| line.split_once(':'));
    let others: Vec<&str> = names
        .map(|(name, _)| name.trim())
        .filter(|name| *name != "lo")
        .collect();
    ensure!(
        others.is_empty(),
        "there is {others:?}: start this in a network namespace of its own"
    );
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status()
        .await;
    ensure!(
        up.context("ip cannot be started")?.success(),
        "loopback does not come up"
    );
    Ok(())
}

/// Nothing but the program: whoever opens its one link and writes is answered.
async fn echo(program: &Path) -> Result<Seen> {
    let root = Root::holding(program).await?;
    let running = root.start(&[]).await?;
    let talked = timeout(MOST, async {
        let mut person = enter(&running).await?;
        say(&mut person).await?;
        answer(&mut person).await?;
        person.address()
    });
    let person = ended(talked.await, running).await?;
    let seen = trace::judge(
        &root.trace()?,
        &Allowed {
            connections: vec![USUAL_MODEL.to_owned()],
            model: None,
            person: person.to_string(),
            data: root.data(),
        },
    );
    Ok(seen)
}

/// The same with a model on this machine: its first word is shown while the second does not exist yet.
async fn with_model(program: &Path, variable: &str, path: &str) -> Result<Seen> {
    let root = Root::holding(program).await?;
    let model = model::Server::start(model::Options::default()).await?;
    model.script(Script::default().holding_after(1));
    let running = root
        .start(&[(variable, format!("{}{path}", model.base_url()))])
        .await?;
    let talked = timeout(MOST, async {
        let mut person = enter(&running).await?;
        say(&mut person).await?;
        hear(&mut person, |frame| frame["type"] == "draft").await?;
        model.open_gates();
        answer(&mut person).await?;
        person.address()
    });
    let person = ended(talked.await, running).await?;
    let seen = trace::judge(
        &root.trace()?,
        &Allowed {
            connections: vec![model.addr().to_string()],
            model: Some(model.addr().to_string()),
            person: person.to_string(),
            data: root.data(),
        },
    );
    Ok(seen)
}

/// Stops the program however the talk ended.
async fn ended(
    talked: Result<Result<SocketAddr>, tokio::time::error::Elapsed>,
    running: Running,
) -> Result<SocketAddr> {
    let stopped = running.stop().await;
    let person = talked.context("it took too long")??;
    stopped?;
    Ok(person)
}

async fn enter(running: &Running) -> Result<Socket> {
    let login = web::enter(&running.url, &running.code).await?;
    let mut person = open(&running.url, &login).await?;
    hear(&mut person, |frame| frame["type"] == "welcome").await?;
    Ok(person)
}

/// A page whose socket is refused tries again, for the link is printed a moment before the socket can be had.
async fn open(url: &str, login: &Login) -> Result<Socket> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match web::open(url, login, None).await {
            Err(_) if Instant::now() < until => sleep(Duration::from_millis(50)).await,
            opened => return opened,
        }
    }
}

async fn say(person: &mut Socket) -> Result<()> {
    let text = format!("hello {WORD} again");
    let frame = json!({"type": "message", "client_id": "first", "text": text});
    person.say(&frame).await
}

/// The answer, which holds what was said, and is committed.
async fn answer(person: &mut Socket) -> Result<()> {
    hear(person, |frame| {
        frame["type"] == "line"
            && frame["from"]["role"] == "agent"
            && frame["markup"].to_string().contains(WORD)
    })
    .await
}

async fn hear(person: &mut Socket, wanted: impl Fn(&Value) -> bool) -> Result<()> {
    while !wanted(&person.hear().await?) {}
    Ok(())
}
