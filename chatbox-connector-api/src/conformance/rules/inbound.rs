//! What comes in.

use super::{Checked, Miss, ensure, same};
use crate::ErrorKind;
use crate::conformance::mirror::Mood;
use crate::conformance::vendor::{Room, Said, Who};
use crate::conformance::world::{Bench, Setup, done};
use crate::event::{ChatKind, Event};
use crate::markup::{parse, plain};
use std::time::{Duration, SystemTime};

/// The one-to-one chat of person 1, which most rules use.
pub(super) const ANA: Room = Room::Dm(Who(1));

/// Person 1 says something in their own chat.
pub(super) fn ana(text: &str) -> Said {
    Said::new(ANA, Who(1), text)
}

pub(super) async fn probe(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let adapter = world.adapter();
    let mut own = None;
    for _ in 0..2 {
        let identity = adapter.probe().await;
        let identity = identity.map_err(Miss::because("the credential is not taken"))?;
        // A native platform has no account: what it is called is the adapter's own affair, as long as it stays so.
        let expected = match world.is_native() {
            true => own.get_or_insert(identity.id.clone()).clone(),
            false => world.vendor.person(Who::US),
        };
        same("our own identifier", &identity.id, &expected)?;
    }
    let Some(wrong) = world.vendor.wrong_secrets() else {
        return Ok(());
    };
    let added = world.add_again(wrong).await;
    match added {
        Ok(()) => Err(Miss::failed("a wrong credential is taken for a right one")),
        Err(None) => Err(Miss::failed(
            "a wrong credential is no error of the adapter",
        )),
        Err(Some(kind)) => same("a wrong credential", &kind, &ErrorKind::Unauthorized),
    }
}

pub(super) async fn arrives(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let rooms = [
        (ANA, Who(1), "good morning"),
        (Room::Dm(Who(2)), Who(2), "good evening"),
        (ANA, Who(1), "日本語 שלום مرحبا Grüße"),
        (ANA, Who(1), "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇩🇪 e\u{301}"),
    ];
    for (room, who, text) in rooms {
        let heard = world.hear(Said::new(room, who, text)).await?;
        same("the chat", &heard.chat.handle, &world.vendor.handle(room))?;
        let events = world.tap.notes().events.clone();
        let event = events
            .iter()
            .find(|event| Some(&event.id) == heard.row.event.as_ref());
        let event = event.ok_or_else(|| Miss::failed("the message is not what was yielded"))?;
        same("the sender", &event.sender.id, &world.vendor.person(who))?;
        same("the chat's kind", &event.chat.kind, &ChatKind::Dm)?;
        ensure(event.addressed, || {
            "a one-to-one message is meant for us".into()
        })?;
        ensure(!event.sender.is_bot, || {
            "a person is taken for a program".into()
        })?;
        ensure(!event.late, || {
            "a live message is taken for an old one".into()
        })?;
        recent(event)?;
    }
    world.quiet().await;
    let expected = rooms.map(|(_, _, text)| text.to_owned()).to_vec();
    same("the messages", &world.texts().await, &expected)
}

pub(super) async fn whole(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    // People can say at least as much as we can.
    let most = world.can().text.max.min(3000);
    let long = "many words ".repeat(most / 11);
    world.hear(ana(long.trim_end())).await?;
    world
        .say(ana("a first line\nand a second\n\nand more"))
        .await?;
    let lines = async || {
        let text = world.texts().await.into_iter().nth(1)?;
        let read = plain(&parse(&text));
        let lines = read.lines().map(str::trim).filter(|line| !line.is_empty());
        Some(lines.map(str::to_owned).collect::<Vec<_>>())
    };
    let lines = world.until("several lines come in", lines).await?;
    let expected = ["a first line", "and a second", "and more"].map(str::to_owned);
    same("the lines", &lines, &expected.to_vec())
}

/// The platform's clock and ours are the same in a test, give or take what a message needs.
fn recent(event: &Event) -> Checked {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap_or_default();
    let at = Duration::from_millis(event.at.0.unsigned_abs());
    ensure(at.abs_diff(now) < Duration::from_secs(300), || {
        format!("a message of this moment is dated {at:?} after 1970")
    })
}

pub(super) async fn order(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    // People repeat themselves, and mean it.
    let texts: Vec<String> = (1..=8).map(|n| format!("number {}", n / 2)).collect();
    for text in &texts {
        world.say(ana(text)).await?;
    }
    let all = world.until("all eight messages", async || {
        Some(world.texts().await).filter(|heard| heard.len() >= texts.len())
    });
    same("the order", &all.await?, &texts)
}

pub(super) async fn own_echo(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Echo)).await?;
    world.hear(ana("hello")).await?;
    world.sees(ANA, "re hello").await?;
    // Where the platform shows an account what it said elsewhere, that is no message either.
    let elsewhere = Said::new(ANA, Who::US, "said on another device");
    let _ = world.vendor.say(elsewhere).await;
    world.hear(ana("bye")).await?;
    world.sees(ANA, "re bye").await?;
    world.quiet().await;
    let ours = ["re hello", "re bye", "said on another device"];
    let own = world.vendor.person(Who::US);
    for event in &world.tap.notes().events {
        let text = event.body.content().map_or("", |content| &content.text);
        let taken = ours.contains(&text) && event.sender.id != own;
        ensure(!taken, || {
            format!("our \"{text}\" is said to be by {}", event.sender.id)
        })?;
    }
    let expected = ["hello", "bye"].map(str::to_owned).to_vec();
    same("what came in", &world.texts().await, &expected)?;
    same("what was said", &world.sent(ANA).await.len(), &2)
}

pub(super) async fn stranger(bench: &Bench<'_>) -> Checked {
    let setup = Setup {
        only: vec![Who(1)],
        ..Setup::new(Mood::Echo)
    };
    let mut world = bench.world(setup).await?;
    let unknown = Room::Dm(Who(66));
    let mut names = Vec::new();
    for text in ["may I come in", "please", "let me in", "hello?"] {
        names.push(world.say(Said::new(unknown, Who(66), text)).await?);
    }
    world.hear(ana("first")).await?;
    world.sees(ANA, "re first").await?;
    if world.vendor.confirmed().await.is_some() {
        let told = async || {
            let safe = world.vendor.confirmed().await?;
            names.iter().all(|name| safe.contains(name)).then_some(())
        };
        world
            .until("the platform may forget what was refused", told)
            .await?;
    }
    world.stop().await?;
    world.start().await?;
    world.hear(ana("second")).await?;
    world.quiet().await;
    let expected = ["first", "second"].map(str::to_owned).to_vec();
    same("what came in", &world.texts().await, &expected)?;
    same(
        "what the stranger was told",
        &world.sent(unknown).await,
        &Vec::new(),
    )?;
    let shown = world
        .tap
        .notes()
        .calls
        .iter()
        .any(|call| call.out.chat == world.vendor.handle(unknown));
    ensure(!shown, || {
        "something was done in the stranger's chat".into()
    })?;
    let id = world.vendor.person(Who(66));
    let yielded = world
        .tap
        .notes()
        .events
        .iter()
        .filter(|event| event.sender.id == id)
        .count();
    same(
        "how often the refused messages came",
        &yielded,
        &names.len(),
    )?;
    // One for each start, and one for a machine that was too busy to hear a heartbeat.
    let opens = world.tap.notes().opens.len();
    ensure(opens <= 3, || {
        format!("refused messages broke the connection: opened {opens} times")
    })
}

pub(super) async fn garbage(bench: &Bench<'_>) -> Checked {
    let mut world = bench.world(Setup::new(Mood::Silent)).await?;
    world.hear(ana("before")).await?;
    let garbage = "something that cannot be read";
    done(world.vendor.say_garbage(ANA).await, garbage)?;
    world.hear(ana("between")).await?;
    done(world.vendor.say_garbage(ANA).await, garbage)?;
    world.stop().await?;
    world.start().await?;
    world.hear(ana("after")).await?;
    world.quiet().await;
    let mut texts = world.texts().await;
    texts.retain(|text| !text.is_empty());
    let expected = ["before", "between", "after"].map(str::to_owned).to_vec();
    same("what came in", &texts, &expected)?;
    let opens = world.tap.notes().opens.len();
    ensure(opens <= 6, || {
        format!("it broke the connection: opened {opens} times")
    })
}
