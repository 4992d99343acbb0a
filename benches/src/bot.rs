//! A bot's platform, for whoever plays its people: the stand-in is told over HTTP what they say, and asked what they hear.

use crate::http::{Wire, request};
use crate::process::{Running, command};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;

/// How long an answer is waited for, in milliseconds.
const PATIENCE: u32 = 20_000;

/// One bot on a stand-in, and Ada who talks to it.
#[derive(Clone, Debug)]
pub struct Bot {
    /// Where the stand-in listens.
    pub place: SocketAddr,
    /// The bot's token.
    pub token: String,
}

impl Bot {
    /// Connects it to the server on this data folder, and makes Ada its owner.
    ///
    /// # Errors
    /// The server or the stand-in.
    pub async fn connect(&self, data: &Path) -> Result<()> {
        let base = format!("http://{}", self.place);
        let add = "channels add telegram --token-file - --api-base".split(' ');
        let add: Vec<&str> = add.chain([base.as_str()]).collect();
        let added = command(data, &add, &self.token).await?;
        let code = added["pairing_code"].as_str().context("a pairing code")?;
        self.say(&format!("/start {code}")).await?;
        self.answered(1).await.map(drop)
    }

    /// Ada says something.
    ///
    /// # Errors
    /// The stand-in.
    pub async fn say(&self, text: &str) -> Result<()> {
        let body = json!({"from": {"id": 42, "first_name": "Ada"}, "text": text});
        let path = format!("say?bot={}", self.escaped());
        control(self.place, "POST", &path, &body.to_string())
            .await
            .map(drop)
    }

    /// Waits until the bot has said so many things; the texts of all.
    ///
    /// # Errors
    /// It has not, in twenty seconds.
    pub async fn answered(&self, count: usize) -> Result<Vec<String>> {
        let bot = self.escaped();
        let path = format!("messages?bot={bot}&at_least={count}&wait_ms={PATIENCE}");
        let said = control(self.place, "GET", &path, "").await?;
        let said = said.as_array().context("a list")?.iter();
        let texts: Vec<String> = said
            .map(|it| it["text"].as_str().unwrap_or_default().to_owned())
            .collect();
        let came = texts.len();
        ensure!(came >= count, "{came} of {count} answers came");
        Ok(texts)
    }

    fn escaped(&self) -> String {
        self.token.replace(':', "%3A")
    }
}

/// A stand-in with these bots.
///
/// # Errors
/// It does not start.
pub async fn stand_in(tokens: &[&str]) -> Result<(Running, Vec<Bot>)> {
    let arguments: Vec<String> = tokens.iter().map(|it| format!("--token={it}")).collect();
    let all = std::iter::once("telegram").chain(arguments.iter().map(String::as_str));
    let running = Running::start("chatbox-fakes", &all.collect::<Vec<_>>()).await?;
    let bot = |token: &&str| Bot {
        place: running.address,
        token: (*token).to_owned(),
    };
    let bots = tokens.iter().map(bot).collect();
    Ok((running, bots))
}

async fn control(place: SocketAddr, method: &str, path: &str, body: &str) -> Result<Value> {
    let mut wire = Wire::open(place).await?;
    let path = format!("/_control/{path}");
    let (status, answer) = wire.ask(&request(method, place, &path, "", body)).await?;
    let text = String::from_utf8_lossy(answer);
    ensure!(status == 200, "the stand-in answered {status} {text}");
    Ok(serde_json::from_str(&text)?)
}
