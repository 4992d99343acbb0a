//! Nothing is lost and nothing comes twice, whatever ends in between.

use super::inbound::{ANA, ana};
use super::{Checked, Miss, ensure, same};
use crate::conformance::mirror::Mood;
use crate::conformance::world::{Bench, Setup, World, done};
use std::time::Duration;
use tokio::time::sleep;

pub(super) async fn commit_first(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    if world.vendor.confirmed().await.is_none() {
        return Err(Miss::NotClaimed("the platform is never told".into()));
    }
    world.ledger.hold(true);
    let early = [world.say(ana("one")).await?, world.say(ana("two")).await?];
    world
        .until("the messages reach us", async || {
            (!world.tap.notes().events.is_empty()).then_some(())
        })
        .await?;
    // Long enough for an adapter that tells at once, or at its next question.
    for _ in 0..10 {
        sleep(Duration::from_millis(40)).await;
        let safe = world.vendor.confirmed().await.unwrap_or_default();
        ensure(early.iter().all(|name| !safe.contains(name)), || {
            "the platform was told before the commit".into()
        })?;
    }
    world.ledger.hold(false);
    is_confirmed(&world, &early).await?;
    same(
        "what came in",
        &world.texts().await,
        &vec!["one".to_owned(), "two".to_owned()],
    )
}

async fn is_confirmed(world: &World, names: &[String]) -> Checked {
    let told = async || {
        let safe = world.vendor.confirmed().await?;
        names.iter().all(|name| safe.contains(name)).then_some(())
    };
    world
        .until("the platform is told after the commit", told)
        .await
}

fn resends(world: &World) -> Checked {
    match world.vendor.resends() {
        true => Ok(()),
        false => Err(Miss::NotClaimed("the platform sends nothing again".into())),
    }
}

pub(super) async fn failed_commit(bench: &Bench<'_>) -> Checked {
    let mut world = bench.world(Setup::new(Mood::Silent)).await?;
    resends(&world)?;
    world.hear(ana("before")).await?;
    for (text, failures) in [("once failed", 1), ("twice failed", 2)] {
        world.ledger.fail(failures);
        world.say(ana(text)).await?;
        world
            .until(&format!("\"{text}\" comes again"), async || {
                world
                    .texts()
                    .await
                    .iter()
                    .any(|heard| heard == text)
                    .then_some(())
            })
            .await?;
        same("commits still to fail", &world.ledger.failures_left(), &0)?;
    }
    // What failed must come to a new process as well.
    world.ledger.fail(usize::MAX);
    let lost = world.say(ana("left behind")).await?;
    world
        .until("a commit fails", async || {
            (world.ledger.failures_left() < usize::MAX).then_some(())
        })
        .await?;
    world.quiet().await;
    let safe = world.vendor.confirmed().await.unwrap_or_default();
    ensure(!safe.contains(&lost), || {
        "the platform was told that a message is safe which was never committed".into()
    })?;
    world.stop().await?;
    world.ledger.fail(0);
    world.start().await?;
    world.hear(ana("after")).await?;
    world.quiet().await;
    let expected = [
        "before",
        "once failed",
        "twice failed",
        "left behind",
        "after",
    ];
    same(
        "what came in",
        &world.texts().await,
        &expected.map(str::to_owned).to_vec(),
    )
}

pub(super) async fn resumes(bench: &Bench<'_>) -> Checked {
    let mut world = bench.world(Setup::new(Mood::Silent)).await?;
    resends(&world)?;
    let mut expected = Vec::new();
    for round in 1..=3 {
        let live = [format!("live {round}"), format!("soon away {round}")];
        let mut names = Vec::new();
        for text in &live {
            names.push(world.hear(ana(text)).await?.name);
        }
        if world.vendor.confirmed().await.is_some() {
            is_confirmed(&world, &names).await?;
        }
        world.stop().await?;
        let away = [format!("away {round}"), format!("still away {round}")];
        for text in &away {
            world.say(ana(text)).await?;
        }
        world.start().await?;
        expected.extend(live.into_iter().chain(away));
        world
            .until("what was said while nobody listened", async || {
                (world.texts().await.len() >= expected.len()).then_some(())
            })
            .await?;
    }
    world.quiet().await;
    same("what came in", &world.texts().await, &expected)?;
    same(
        "what came again though it was safe",
        &world.ledger.repetitions(),
        &0,
    )
}

pub(super) async fn repeated(bench: &Bench<'_>) -> Checked {
    let mut world = bench.world(Setup::new(Mood::Echo)).await?;
    let first = world.hear(ana("first")).await?;
    world.sees(ANA, "re first").await?;
    again(&world, &first.name).await?;
    world.hear(ana("second")).await?;
    world.stop().await?;
    world.start().await?;
    again(&world, &first.name).await?;
    world.hear(ana("third")).await?;
    world.sees(ANA, "re third").await?;
    world.quiet().await;
    let expected = ["first", "second", "third"].map(str::to_owned).to_vec();
    same("what came in", &world.texts().await, &expected)?;
    let mut replies: Vec<_> = world
        .sent(ANA)
        .await
        .into_iter()
        .map(|sent| sent.text)
        .collect();
    replies.dedup();
    same("the replies", &replies.len(), &3)?;
    same("the messages we sent", &world.sent(ANA).await.len(), &3)
}

/// Shows a message twice more, and waits until it reached the log both times.
async fn again(world: &World, name: &str) -> Checked {
    let before = world.ledger.repetitions();
    for _ in 0..2 {
        done(world.vendor.redeliver(name).await, "a repetition")?;
    }
    // An adapter may recognise repetitions itself; then none arrives, and that is as good.
    for _ in 0..40 {
        if world.ledger.repetitions() >= before + 2 {
            break;
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
