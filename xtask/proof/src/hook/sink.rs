//! The other end of a webhook: takes its time, now and then refuses what it sees for the first time, and writes down
//! every attempt.

use anyhow::{Context, Result};
use rand::Rng;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The longest an answer takes, in microseconds.
const SLOW: u64 = 10_000;
/// How often a delivery is refused at first.
const REFUSED: f64 = 0.02;

/// One attempt that arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Its `webhook-id`.
    pub(crate) id: String,
    /// Its body.
    pub(crate) body: String,
    /// Whether it was taken, as far as this side could say so.
    pub(crate) taken: bool,
}

/// A listening one. It ends with its handle.
#[derive(Debug)]
pub(crate) struct Sink {
    /// Where to post.
    pub(crate) url: String,
    attempts: Arc<Mutex<Vec<Attempt>>>,
    _tasks: JoinSet<()>,
}

impl Sink {
    pub(crate) async fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let attempts = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(listener, attempts.clone()));
        Ok(Self {
            url,
            attempts,
            _tasks: tasks,
        })
    }

    /// What came so far, in the order it came.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        lock(&self.attempts).clone()
    }
}

fn lock(attempts: &Mutex<Vec<Attempt>>) -> MutexGuard<'_, Vec<Attempt>> {
    attempts.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(listener: TcpListener, attempts: Arc<Mutex<Vec<Attempt>>>) {
    let mut seen = BTreeSet::new();
    let mut open = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let attempts = attempts.clone();
        let refuse: bool = rand::rng().random_bool(REFUSED);
        seen.extend(lock(&attempts).iter().map(|attempt| attempt.id.clone()));
        let known = seen.clone();
        // Whoever was killed does not hear the answer.
        open.spawn(async move { drop(answer(stream, &attempts, &known, refuse).await) });
    }
}

/// Answers the requests of one connection.
async fn answer(
    mut stream: TcpStream,
    attempts: &Mutex<Vec<Attempt>>,
    known: &BTreeSet<String>,
    refuse: bool,
) -> Result<()> {
    let mut read = Vec::new();
    loop {
        let (id, body) = request(&mut stream, &mut read).await?;
        let wait = rand::rng().random_range(0..SLOW);
        sleep(Duration::from_micros(wait)).await;
        let taken = known.contains(&id) || !refuse;
        lock(attempts).push(Attempt { id, body, taken });
        let status = if taken { "204 No Content" } else { "503 Busy" };
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(text.as_bytes()).await?;
    }
}

/// The next request's id and body.
async fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<(String, String)> {
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let length: usize = header(&head, "content-length")?.parse()?;
            let whole = end + 4 + length;
            if read.len() >= whole {
                let body = String::from_utf8_lossy(&read[end + 4..whole]).into_owned();
                read.drain(..whole);
                return Ok((header(&head, "webhook-id")?, body));
            }
        }
        anyhow::ensure!(stream.read_buf(read).await? > 0, "it hung up");
    }
}

fn header(head: &str, name: &str) -> Result<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(it, _)| it.eq_ignore_ascii_case(name));
    let (_, value) = found.with_context(|| format!("no {name}"))?;
    Ok(value.trim().to_owned())
}
