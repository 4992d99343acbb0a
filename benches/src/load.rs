//! A closed loop of messages over HTTP: each connection posts, waits for the answer and posts again. Checks that every
//! message was taken in once.

use crate::http::{Wire, request};
use crate::stats::Times;
use anyhow::{Context, Result, ensure};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where messages go.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server.
    pub address: SocketAddr,
    /// The connection.
    pub connection: String,
    /// Its inbound token.
    pub token: String,
}

/// How much.
#[derive(Clone, Debug)]
pub struct Load {
    /// Connections at once.
    pub connections: usize,
    /// For so long.
    pub time: Duration,
    /// Conversations the messages are spread over.
    pub chats: usize,
    /// The beginning of every event's id: no two runs share one.
    pub run: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Messages taken in.
    pub count: usize,
    /// Per second.
    pub rate: f64,
    /// How long each took.
    pub times: Times,
}

impl Target {
    /// One message of about 300 bytes as a request.
    pub fn message(&self, event: &str, chat: usize, person: &str) -> Vec<u8> {
        let text = format!("{event} {}", "lorem ipsum dolor sit amet ".repeat(12));
        let body = serde_json::json!({
            "event_id": event,
            "chat": {"handle": format!("chat-{chat}"), "kind": "group"},
            "sender": {"id": person},
            "text": &text[..300],
        });
        let path = format!("/v1/connections/{}/messages", self.connection);
        let bearer = format!("Authorization: Bearer {}\r\n", self.token);
        request("POST", self.address, &path, &bearer, &body.to_string())
    }

    /// Posts until the time is over.
    ///
    /// # Errors
    /// A message refused, lost, or taken in twice.
    pub async fn run(&self, load: &Load) -> Result<Ran> {
        let mut wires = Vec::new();
        for _ in 0..load.connections {
            wires.push(Wire::open(self.address).await?);
        }
        let (target, load) = (Arc::new(self.clone()), Arc::new(load.clone()));
        let began = Instant::now();
        let tasks = wires.into_iter().enumerate();
        let tasks: Vec<_> = tasks
            .map(|(n, wire)| tokio::spawn(post(target.clone(), load.clone(), wire, n, began)))
            .collect();
        let (mut times, mut ids) = (Vec::new(), HashSet::new());
        for task in tasks {
            for (time, id) in task.await?? {
                ensure!(ids.insert(id), "msg_{id} was given to two messages");
                times.push(time);
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        self.repeat(&load).await?;
        Ok(Ran {
            count: times.len(),
            rate: times.len() as f64 / seconds,
            times: Times::new(times),
        })
    }

    /// Sends the first message of each connection once more: it must be known. Limits know no repetition.
    ///
    /// # Errors
    /// One is taken in again.
    pub async fn repeat(&self, load: &Load) -> Result<()> {
        if self.token.is_empty() {
            return Ok(());
        }
        let mut wire = Wire::open(self.address).await?;
        for n in 0..load.connections {
            let event = format!("{}-{n}-0", load.run);
            let (status, body) = wire
                .ask(&self.message(&event, n, &format!("again-{event}")))
                .await?;
            let body = std::str::from_utf8(body)?;
            ensure!(
                status == 200 && body.contains("\"duplicate\":true"),
                "{event} was sent again and answered {status} {body}"
            );
        }
        Ok(())
    }
}

/// One connection's part: how long each message took, and its number.
async fn post(
    target: Arc<Target>,
    load: Arc<Load>,
    mut wire: Wire,
    n: usize,
    began: Instant,
) -> Result<Vec<(Duration, i64)>> {
    let mut done = Vec::new();
    while began.elapsed() < load.time {
        let nth = done.len();
        let event = format!("{}-{n}-{nth}", load.run);
        // Nobody may say more than ten things at once, so that each person says eight.
        let person = format!("{}-{n}-{}", load.run, nth / 8);
        let chat = (nth * load.connections + n) % load.chats;
        let request = target.message(&event, chat, &person);
        let asked = Instant::now();
        let (status, body) = wire.ask(&request).await?;
        let time = asked.elapsed();
        let body = std::str::from_utf8(body)?;
        ensure!(status == 200, "{event} was answered {status} {body}");
        ensure!(
            body.contains("\"duplicate\":false"),
            "{event} was there before: {body}"
        );
        done.push((time, id(body)?));
    }
    Ok(done)
}

fn id(body: &str) -> Result<i64> {
    let digits = body.split("msg_").nth(1).context("no message id")?;
    let digits = digits.split('"').next().unwrap_or_default();
    Ok(digits.parse()?)
}
