//! People who talk while the program is killed again and again: connectors that post and ask again until they are
//! answered, a person at the web chat, people on the platform with updates.

use super::aim::Stage;
use super::ledger::Ledger;
use crate::server::{Feed, message};
use crate::web::{self, Login, Socket};
use anyhow::{Context, Result};
use chatbox_fakes::telegram::Account;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How many connectors post at once, each to a chat of its own.
const CONNECTORS: usize = 5;

/// All of them.
pub(crate) struct Actors {
    url: watch::Sender<Option<String>>,
    quiet: Arc<AtomicBool>,
    /// Connectors and sockets that are in the middle of something.
    busy: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

/// What every one of them knows.
#[derive(Clone)]
struct World {
    url: watch::Receiver<Option<String>>,
    quiet: Arc<AtomicBool>,
    busy: Arc<AtomicUsize>,
    ledger: Arc<Ledger>,
}

impl World {
    /// Where the program is, once it is there.
    async fn place(&mut self) -> String {
        loop {
            if let Some(url) = self.url.borrow_and_update().clone() {
                return url;
            }
            // The other end lives as long as this task.
            let _ = self.url.changed().await;
        }
    }

    /// Waits for a random while, and while everybody is asked to be quiet.
    async fn pause(&self, rng: &mut StdRng, most: u64) {
        sleep(Duration::from_millis(rng.random_range(most / 8..most))).await;
        while self.quiet.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Actors {
    pub(crate) fn start(stage: &Stage, ledger: Arc<Ledger>, seed: u64) -> Self {
        let (url, watched) = watch::channel(None);
        let (quiet, busy) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let world = World {
            url: watched,
            quiet: quiet.clone(),
            busy: busy.clone(),
            ledger,
        };
        let mut tasks = JoinSet::new();
        for number in 0..CONNECTORS {
            let rng = StdRng::seed_from_u64(seed ^ (number as u64 + 1));
            tasks.spawn(connector(world.clone(), stage.feed.clone(), number, rng));
        }
        for person in Stage::TALKERS {
            let rng = StdRng::seed_from_u64(seed ^ (person as u64).rotate_left(17));
            tasks.spawn(talker(world.clone(), stage.telegram.clone(), person, rng));
        }
        tasks.spawn(visitor(
            world,
            stage.login.clone(),
            StdRng::seed_from_u64(!seed),
        ));
        Self {
            url,
            quiet,
            busy,
            _tasks: tasks,
        }
    }

    /// The program is here now.
    pub(crate) fn meet(&self, url: &str) {
        self.url.send_replace(Some(url.to_owned()));
    }

    /// It is gone.
    pub(crate) fn leave(&self) {
        self.url.send_replace(None);
    }

    /// Nobody begins anything new.
    pub(crate) fn quiet(&self) {
        self.quiet.store(true, Ordering::SeqCst);
    }

    /// Whether everybody has been answered.
    pub(crate) fn are_done(&self) -> bool {
        self.busy.load(Ordering::SeqCst) == 0
    }
}

/// Posts numbered messages to one chat, each until it is answered; now and then one that was answered before.
async fn connector(mut world: World, feed: Feed, number: usize, mut rng: StdRng) {
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build();
    let http = http.expect("a client without settings can be made");
    let line = format!("feed{number}");
    for nth in 0.. {
        world.pause(&mut rng, 90).await;
        let marker = format!("f{number}n{nth:06}x");
        world.ledger.said(&marker, &line, None);
        world.busy.fetch_add(1, Ordering::SeqCst);
        // A sender of its own each time: how fast one person may talk is not what is shown here.
        let body = message(
            &marker,
            &line,
            &format!("{line}-{}", nth % 97),
            &format!("hello {marker}"),
        );
        while !post(&mut world, &http, &feed, &body).await {}
        world.ledger.confirm(&marker);
        if rng.random_bool(0.15) {
            post(&mut world, &http, &feed, &body).await;
        }
        world.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether it was taken.
async fn post(world: &mut World, http: &reqwest::Client, feed: &Feed, body: &Value) -> bool {
    let url = world.place().await;
    let request = http
        .post(format!("{url}/v1/connections/{}/messages", feed.id))
        .bearer_auth(&feed.token);
    match request.json(body).send().await {
        Ok(answer) if answer.status() == 200 => true,
        Ok(_) => {
            sleep(Duration::from_millis(200)).await;
            false
        }
        Err(_) => {
            sleep(Duration::from_millis(10)).await;
            false
        }
    }
}

/// Says things on the platform with updates; the platform keeps them until they are confirmed.
async fn talker(world: World, account: Account, person: i64, mut rng: StdRng) {
    for nth in 0.. {
        world.pause(&mut rng, 700).await;
        let marker = format!("t{person}n{nth:06}x");
        let said = account.say(person, person, &format!("hello {marker}"));
        world
            .ledger
            .said(&marker, &format!("person{person}"), said.update_id);
    }
}

/// Talks in the web chat, one message after the other, and comes back after every interruption.
async fn visitor(mut world: World, login: Login, mut rng: StdRng) {
    let mut nth = 0;
    let mut said_last = None;
    loop {
        let url = world.place().await;
        let visit = visit(&mut world, &url, &login, &mut rng, &mut nth, &mut said_last);
        let _ = visit.await;
        sleep(Duration::from_millis(20)).await;
    }
}

async fn visit(
    world: &mut World,
    url: &str,
    login: &Login,
    rng: &mut StdRng,
    nth: &mut u32,
    open: &mut Option<String>,
) -> Result<()> {
    let after = world.ledger.last_seen();
    let within = Duration::from_secs(5);
    let mut socket = timeout(within, web::open(url, login, after)).await??;
    let welcome = timeout(within, socket.hear()).await??;
    anyhow::ensure!(welcome["type"] == "welcome", "no welcome");
    world.ledger.saw(&web::lines(&welcome));
    loop {
        if open.is_none() {
            rest(world, &mut socket, rng).await?;
            let marker = format!("w{nth:06}x");
            *nth += 1;
            world.ledger.said(&marker, "visitor", None);
            world.busy.fetch_add(1, Ordering::SeqCst);
            *open = Some(marker);
        }
        let marker = open.clone().context("something is being said")?;
        let frame =
            json!({"type": "message", "client_id": marker, "text": format!("hello {marker}")});
        socket.say(&frame).await?;
        loop {
            let heard = timeout(within, socket.hear()).await??;
            world.ledger.saw(&web::lines(&heard));
            if heard["type"] == "ack" && heard["client_id"] == marker {
                break;
            }
            if heard["type"] == "error" {
                sleep(Duration::from_millis(300)).await;
                socket.say(&frame).await?;
            }
        }
        world.ledger.confirm(&marker);
        world.busy.fetch_sub(1, Ordering::SeqCst);
        *open = None;
    }
}

/// Listens for a random while, and while everybody is asked to be quiet.
async fn rest(world: &World, socket: &mut Socket, rng: &mut StdRng) -> Result<()> {
    let mut left = rng.random_range(200..1500_u64);
    while left > 0 || world.quiet.load(Ordering::SeqCst) {
        if let Ok(heard) = timeout(Duration::from_millis(20), socket.hear()).await {
            world.ledger.saw(&web::lines(&heard?));
        }
        left = left.saturating_sub(20);
    }
    Ok(())
}
