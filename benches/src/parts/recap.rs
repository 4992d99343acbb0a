//! What an agent is told of a chat with fifty unread messages, in a mailbox with a thousand chats, and the list of those
//! chats in a webhook: each beside the bare query for what it says, on the same file. The house is in this process, so
//! that no socket is measured; one figure is over HTTP, as an agent has it.

use super::Bench;
use anyhow::{Context, Result, ensure};
use chatbox_benches::fill::{Filled, copy, database, filled_with};
use chatbox_benches::http::Wire;
use chatbox_benches::mcp::Agent;
use chatbox_benches::process::{Running, command};
use chatbox_benches::report::{Aim, Figure};
use chatbox_benches::stats::Times;
use chatbox_core::id::{ChatId, MailboxId, Seq};
use chatbox_core::session::text_tokens;
use chatbox_core::store::{Ack, Overview, Step, Store};
use chatbox_core::template::{ChatLine, Moment, Templates, Written, preview};
use chatbox_store::{SqliteOptions, SqliteStore};
use house::House;
use raw::Raw;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

mod house;
mod raw;

/// Chats in the mailbox.
const CHATS: i64 = 1000;
/// Messages in each.
const EACH: i64 = 50;
/// One chat of so many is unread as a whole; of the others at most three messages are.
const UNREAD: i64 = 10;
/// How many chats a webhook's list is made of.
const LISTED: u32 = 50;
/// How many tokens a recap is filled up to with what is older.
const FLOOR: u32 = 2000;
/// The most that one may take, in milliseconds.
const MOST: Aim = Aim::AtMost(0.2);

/// Times of ours and of the bare query, in turn.
type Pair = (Times, Times);

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let filled = filled_with(&bench.shelf, CHATS * EACH, CHATS).await?;
    let mut figures = within(bench, &filled).await?;
    figures.extend(over_http(bench, &filled).await?);
    Ok(figures)
}

fn middles(pairs: &[Pair]) -> Vec<(f64, f64)> {
    pairs.iter().map(|(a, b)| (a.p50(), b.p50())).collect()
}

/// The ratio to the bare query, and how long it takes at all.
fn figures_of(name: &str, pairs: &[Pair]) -> [Figure; 2] {
    let middles = middles(pairs);
    let ours: Vec<f64> = middles.iter().map(|(ours, _)| *ours).collect();
    [
        Figure::beside(name, "ms", &middles, Aim::RatioAtMost(3.0)),
        Figure::alone(format!("{name} p50"), "ms", &ours, MOST),
    ]
}

/// How much there is to read.
fn sizes(name: &str, text: &str) -> [Figure; 2] {
    let size = |what: &str, unit, value: f64| {
        Figure::alone(format!("{name} {what}"), unit, &[value], Aim::None)
    };
    [
        size("bytes", "B", text.len() as f64),
        size("tokens", "tokens", f64::from(text_tokens(text))),
    ]
}

// ---- In this process ---------------------------------------------------------------------------

async fn within(bench: &Bench, filled: &Filled) -> Result<Vec<Figure>> {
    let scratch = bench.scratch()?;
    let filled = copy(filled, &scratch.path().join("data"))?;
    read_most(&filled).await?;
    let house = House::open(&filled.data).await?;
    let mut raw = Raw::open(&database(&filled.data)).await?;
    let templates = templates()?;
    let count = if bench.quick { 200 } else { 1000 };
    let (mut engine, mut answers, mut lists) = (Vec::new(), Vec::new(), Vec::new());
    let (mut recap, mut list) = (String::new(), String::new());
    for repeat in 0..=bench.repeats {
        let chat = ChatId(1 + UNREAD * i64::try_from(repeat)?);
        let read = |it: &Times| it.p50();
        recap = house.recap(chat).await?;
        let engine_now = engine_times(&house, &mut raw, chat, count).await?;
        let answers_now = answer_times(&house, &mut raw, chat, count).await?;
        let (lists_now, said) = list_times(&house, &mut raw, &templates, count).await?;
        list = said;
        ensure!(read(&engine_now.0) > 0.0, "nothing was measured");
        // The first of each fills the caches and does not count.
        if repeat > 0 {
            engine.push(engine_now);
            answers.push(answers_now);
            lists.push(lists_now);
        }
    }
    let unread = recap.matches("] message of ").count();
    ensure!(unread == 50, "{unread} of 50 messages are in the recap");
    ensure!(list.lines().count() == 22, "the list is {list}");
    house.close().await;
    let mut figures = Vec::from(figures_of("recap answer", &answers));
    let rows = middles(&engine);
    figures.push(Figure::beside("recap rows", "ms", &rows, Aim::None));
    figures.extend(sizes("recap", &recap));
    figures.extend(figures_of("recap list", &lists));
    figures.extend(sizes("recap list", &list));
    Ok(figures)
}

/// Most of the mailbox was read by now, as where somebody works.
async fn read_most(filled: &Filled) -> Result<()> {
    let path = database(&filled.data);
    let store = SqliteStore::open(&path, SqliteOptions::default()).await?;
    let main = MailboxId::from("main");
    let chats = store.chats(&main, u32::MAX).await?;
    let acks = chats
        .into_iter()
        .filter(|chat| (chat.id.0 - 1) % UNREAD != 0);
    let acks = acks.map(|chat| {
        Step::Ack(Ack {
            chat: chat.id,
            reader: main.as_str().to_owned(),
            seen: Seq(chat.head.0 - CHATS * (chat.id.0 % 4)),
        })
    });
    store.commit(acks.collect()).await?;
    store.close().await;
    Ok(())
}

/// The engine alone: the switch said again, and the rows of its recap.
async fn engine_times(house: &House, raw: &mut Raw, chat: ChatId, count: usize) -> Result<Pair> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let main = MailboxId::from("main");
    for _ in 0..count {
        bare.push(raw.rows(chat, EACH).await?);
        let began = Instant::now();
        let switched = house.chatbox().switch(&main, Some(chat), FLOOR);
        let rows = switched.await?.unread.len();
        ours.push(began.elapsed());
        ensure!(rows == 50, "{rows} of 50 rows were read");
    }
    Ok((Times::new(ours), Times::new(bare)))
}

/// The whole answer to `switch_chat`, said again.
async fn answer_times(house: &House, raw: &mut Raw, chat: ChatId, count: usize) -> Result<Pair> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..count {
        bare.push(raw.rows(chat, EACH).await?);
        let began = Instant::now();
        let body = house.switch(chat).await?;
        ours.push(began.elapsed());
        ensure!(body.len() > 15_000, "it is answered {body:?}");
    }
    Ok((Times::new(ours), Times::new(bare)))
}

fn templates() -> Result<Templates> {
    let mut written = Written::default();
    written.push("notification", "$CHAT_LIST");
    Ok(Templates::parse(&written)?)
}

/// What a webhook says of the chats: read and rendered as for each of its messages.
async fn list_times(
    house: &House,
    raw: &mut Raw,
    templates: &Templates,
    count: usize,
) -> Result<(Pair, String)> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let mut list = String::new();
    for _ in 0..count {
        bare.push(raw.chats(LISTED.into()).await?);
        let began = Instant::now();
        let store = house.chatbox().store();
        let chats = store.overview(&"main".into(), LISTED).await?;
        let lines: Vec<ChatLine> = chats.iter().map(line).collect();
        let newest = chats.first().context("a chat")?;
        let row = newest.last.as_ref().context("a message")?;
        let moment = Moment {
            chats: &lines,
            ..Moment::of_row(&newest.chat, row)
        };
        list = templates.render(&moment)?.content;
        ours.push(began.elapsed());
    }
    Ok(((Times::new(ours), Times::new(bare)), list))
}

fn line(overview: &Overview) -> ChatLine {
    ChatLine {
        id: overview.chat.address().to_string(),
        name: overview.chat.name.clone(),
        focal: false,
        unread: overview.unread,
        muted: overview.muted,
        preview: overview.last.as_ref().map(|row| preview(&row.body)),
    }
}

// ---- As an agent has it ------------------------------------------------------------------------

/// Each call turns to a chat with fifty unread messages that nobody looked at before, and commits that.
async fn over_http(bench: &Bench, filled: &Filled) -> Result<[Figure; 2]> {
    let scratch = bench.scratch()?;
    let filled = copy(filled, &scratch.path().join("data"))?;
    let running = Running::serve(&filled.data).await?;
    let mut raw = Raw::open(&database(&filled.data)).await?;
    let key = command(&filled.data, &["mailboxes", "mcp-token", "main"], "").await?;
    let agent = Agent {
        address: running.address,
        path: "/mcp/main".to_owned(),
        token: key["mcp_token"].as_str().context("a token")?.to_owned(),
    };
    let mut wire = Wire::open(running.address).await?;
    let runs = i64::try_from(bench.repeats)? + 1;
    let mut size = 0;
    let mut pairs = Vec::new();
    for repeat in 0..runs {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for n in 0..CHATS / runs {
            let n = repeat * (CHATS / runs) + n;
            bare.push(raw.rows(ChatId(n + 1), EACH).await?);
            let call = agent.call(
                "switch_chat",
                &json!({"chat_id": format!("bench:chat-{n}")}),
            );
            let (time, body) = timed(&mut wire, &call).await?;
            let said = unread(&body)?;
            ensure!(said == EACH, "{said} of {EACH} unread messages were told");
            size = body.len();
            ours.push(time);
        }
        if repeat > 0 {
            pairs.push((Times::new(ours), Times::new(bare)));
        }
    }
    running.stop().await?;
    let whole = [size as f64];
    Ok([
        Figure::beside("recap over HTTP", "ms", &middles(&pairs), Aim::None),
        Figure::alone("recap over HTTP bytes", "B", &whole, Aim::None),
    ])
}

async fn timed(wire: &mut Wire, call: &[u8]) -> Result<(Duration, Vec<u8>)> {
    let began = Instant::now();
    let (status, body) = wire.ask(call).await?;
    let (time, body) = (began.elapsed(), body.to_vec());
    ensure!(status == 200, "a switch was answered {status}");
    Ok((time, body))
}

/// How many messages an answer says were unread.
fn unread(body: &[u8]) -> Result<i64> {
    let said: Value = serde_json::from_slice(body)?;
    let recap = said["result"]["structuredContent"]["recap"].as_str();
    let count = recap.and_then(|it| it.split_once("----- unread: "));
    let count = count.and_then(|(_, rest)| rest.split_once(" -----"));
    count
        .with_context(|| format!("it was answered {said}"))?
        .0
        .parse()
        .context("a number")
}
