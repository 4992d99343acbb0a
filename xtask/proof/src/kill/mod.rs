//! Kills under load. Every round the program is started, people talk to it on three platforms, one message is steered
//! into a state from outside, and the program is killed. The rows say which state it was.

mod actors;
mod aim;
mod ledger;
mod verdict;

use crate::book::{Book, Copied, State};
use crate::report::Report;
use crate::server::{Place, Server};
use actors::Actors;
use aim::{Aim, Stage};
use anyhow::{Context, Result};
use chatbox_fakes::{model, telegram};
use ledger::Ledger;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The promise a program breaks that says yes too early.
pub(crate) const ON_DISK: &str = "kill what was confirmed is on disk";
/// The promise a program breaks that forgets what it has seen.
pub(crate) const ONCE: &str = "kill every message is in the log once";
/// The promise a program breaks whose turns are not fenced.
pub(crate) const ONE_TURN: &str = "kill every message was answered by one committed turn";

/// So many of the last kills aim at a state that none fell into before, if there is one.
const LAST: usize = 8;

/// Runs so many rounds and judges the end.
pub(crate) async fn run(program: &Path, times: u32, seed: u64, report: &mut Report) -> Result<()> {
    report.line(&format!("seed {seed}, {times} kills"));
    let began = Instant::now();
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir()?;
    let model = model::Server::start(model::Options::default()).await?;
    let telegram = telegram::Server::start(telegram::Options::default()).await?;
    let place = Place::new(program, folder.path(), &config(&model))?;
    let stage = Stage::set(place, model, telegram).await?;
    let ledger = Arc::new(Ledger::default());
    let actors = Actors::start(&stage, ledger.clone(), seed);

    let mut run = Rounds {
        stage,
        ledger,
        hits: BTreeMap::new(),
        early: Vec::new(),
        torn: Vec::new(),
    };
    let deck = deck(times, &mut rng);
    for (number, aim) in deck.into_iter().enumerate() {
        let last = number + LAST >= times as usize;
        let aim = run.unhit().filter(|_| last).unwrap_or(aim);
        let state = run.round(number, aim, &actors, &mut rng).await;
        let state = state.with_context(|| format!("kill {} ({aim:?})", number + 1))?;
        report.line(&format!("kill {:3}  {}", number + 1, state.name()));
    }
    let end = run.finish(actors).await?;
    report.line(&format!(
        "{} s, deliveries {:?}",
        began.elapsed().as_secs(),
        end.deliveries()
    ));
    run.judge(&end, times, report);
    if !report.is_good() {
        report.line(&format!("the data is kept in {}", folder.keep().display()));
    }
    Ok(())
}

fn config(model: &model::Server) -> String {
    format!(
        "[backend]\nkind = \"llm\"\nprovider = \"openai\"\nmodel = \"fake-1\"\nbase_url = \"{}/v1/\"\ncontext_tokens = 256\n",
        model.base_url()
    )
}

/// What each kill aims at: every aim as often as every other, in random order.
fn deck(times: u32, rng: &mut StdRng) -> Vec<Aim> {
    let mut deck: Vec<Aim> = Aim::ALL.into_iter().cycle().take(times as usize).collect();
    deck.shuffle(rng);
    deck
}

struct Rounds {
    stage: Stage,
    ledger: Arc<Ledger>,
    hits: BTreeMap<State, u32>,
    /// Messages that were confirmed and are not on disk.
    early: Vec<String>,
    /// What the integrity check found.
    torn: Vec<String>,
}

impl Rounds {
    /// One life of the program and its end.
    async fn round(
        &mut self,
        number: usize,
        aim: Aim,
        actors: &Actors,
        rng: &mut StdRng,
    ) -> Result<State> {
        self.stage.calm();
        let server = self.stage.place.start().await?;
        actors.meet(&server.url);
        sleep(Duration::from_millis(rng.random_range(150..500))).await;
        let probe = format!("probe{number:04}x");
        self.stage
            .steer(aim, &server, &probe, &self.ledger, rng)
            .await?;
        server.kill().await?;
        // Answers that were on the wire are still read; then nothing changes any more.
        actors.leave();
        sleep(Duration::from_millis(40)).await;
        let mut copied = Copied::of(&self.stage.place.database()).await?;
        let state = copied.state_of(&probe).await?;
        let book = copied.book().await?;
        copied.close().await?;
        *self.hits.entry(state).or_default() += 1;
        self.early.extend(
            self.missing(&book)
                .into_iter()
                .map(|it| format!("kill {}: {it}", number + 1)),
        );
        if book.integrity != "ok" {
            self.torn
                .push(format!("kill {}: {}", number + 1, book.integrity));
        }
        Ok(state)
    }

    /// An aim at a state that no kill fell into yet: steering is likely to hit, not sure to.
    fn unhit(&self) -> Option<Aim> {
        let mut aims = State::WANTED.iter().zip(Aim::ALL);
        let (_, aim) = aims.find(|(state, _)| !self.hits.contains_key(state))?;
        Some(aim)
    }

    /// What was confirmed to somebody and is not in the rows.
    fn missing(&self, book: &Book) -> Vec<String> {
        self.stage.note_confirmed(&self.ledger);
        self.ledger
            .confirmed()
            .into_iter()
            .filter(|marker| !book.holds(marker))
            .collect()
    }

    /// Lets everything come to rest, and reads the end.
    async fn finish(&self, actors: Actors) -> Result<Book> {
        self.stage.calm();
        for _ in 0..20 {
            let server: Server = self.stage.place.start().await?;
            actors.quiet();
            actors.meet(&server.url);
            self.stage.ask_again(&server, &self.ledger).await?;
            for _ in 0..100 {
                sleep(Duration::from_millis(50)).await;
                if self.stage.is_still() && actors.are_done() {
                    break;
                }
            }
            sleep(Duration::from_millis(1500)).await;
            server.stop().await?;
            actors.leave();
            let book = Book::of(&self.stage.place.database()).await?;
            self.stage.note_confirmed(&self.ledger);
            if verdict::is_at_rest(&book) && self.stage.is_still() && actors.are_done() {
                return Ok(book);
            }
        }
        Book::of(&self.stage.place.database()).await
    }

    fn judge(&self, end: &Book, times: u32, report: &mut Report) {
        report.check(ON_DISK, &self.early);
        report.check("kill the database is whole", &self.torn);
        report.check(ONCE, &verdict::once(end, &self.ledger));
        report.check(ONE_TURN, &verdict::one_turn(end));
        report.check(
            "kill messages of one chat keep their order",
            &verdict::order(end, &self.ledger),
        );
        report.check("kill every delivery ended", &verdict::terminal(end));
        let shown: Vec<String> = self
            .stage
            .telegram
            .messages()
            .into_iter()
            .map(|it| it.text)
            .collect();
        report.check(
            "kill nothing was sent twice, nothing called delivered is missing",
            &verdict::sent(end, &shown),
        );
        report.check(
            "kill a socket saw every line once and in order",
            &self.ledger.socket_faults(),
        );
        let hits = State::WANTED.map(|state| (state, self.hits.get(&state).copied().unwrap_or(0)));
        let shown: Vec<String> = hits
            .iter()
            .map(|(state, count)| format!("{} {count}", state.name()))
            .collect();
        report.line(&format!(
            "kills by state: {}, settled {}",
            shown.join(", "),
            self.hits.get(&State::Settled).unwrap_or(&0)
        ));
        // Twenty kills are few: each state once. Of two hundred each has a tenth.
        let least = if times < 200 { 1 } else { times / 10 };
        let missed = hits.iter().filter(|(_, count)| *count < least);
        let missed: Vec<String> = missed
            .map(|(state, count)| {
                format!("{} was hit {count} times of at least {least}", state.name())
            })
            .collect();
        if times >= 20 {
            report.check("kill every state was hit", &missed);
        }
    }
}
