//! When the connection goes wrong.

use super::inbound::{ANA, ana};
use super::{Checked, Miss, claimed, ensure, same};
use crate::LinkState;
use crate::conformance::mirror::Mood;
use crate::conformance::vendor::Wire;
use crate::conformance::world::{Bench, Setup, World, done};
use crate::event::Content;
use chatbox_core::store::DeliveryState;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The longest heartbeat that is waited for.
const PATIENT: Duration = Duration::from_secs(2);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_millis(1500);

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

async fn is_down(world: &World) -> Checked {
    world
        .until("the lost connection is noticed", async || {
            (world.state() != LinkState::Connected).then_some(())
        })
        .await
}

pub(super) async fn reconnects(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let all = ["one", "two", "three", "four", "five"];
    let heard = world.hear(ana("zero")).await?;
    world.tell(&heard.chat, Content::text("yes?")).await?;
    world.sees(ANA, "yes?").await?;
    for text in all {
        world.hear(ana(text)).await?;
        done(world.vendor.wire(Wire::Cut).await, "cutting the connection")?;
    }
    world.hear(ana("end")).await?;
    world.quiet().await;
    let expected = texts(&["zero", "one", "two", "three", "four", "five", "end"]);
    same("what came in", &world.texts().await, &expected)?;
    same("messages", &world.sent(ANA).await.len(), &1)?;
    let opens = world.tap.notes().opens.len();
    ensure(opens <= 15, || {
        format!("five cuts, and {opens} connections")
    })
}

pub(super) async fn outage(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    world.hear(ana("before")).await?;
    done(world.vendor.wire(Wire::Down).await, "an outage")?;
    world.say(ana("meanwhile")).await?;
    match world.is_native() {
        // Windows come and go; nobody's absence is an outage of ours.
        true => world.quiet().await,
        false => is_seen(&world).await?,
    }
    let early = world.texts().await;
    same("what came in during an outage", &early, &texts(&["before"]))?;
    done(world.vendor.wire(Wire::Up).await, "the end of an outage")?;
    world.hear(ana("after")).await?;
    world.quiet().await;
    same(
        "what came in",
        &world.texts().await,
        &texts(&["before", "meanwhile", "after"]),
    )
}

/// The outage shows, for a second, and causes no storm.
async fn is_seen(world: &World) -> Checked {
    is_down(world).await?;
    let before = world.tap.notes().opens.len();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        ensure(world.state() != LinkState::Connected, || {
            "connected during an outage".into()
        })?;
        sleep(Duration::from_millis(5)).await;
    }
    // 40, 80, 160, 300, 300 … ms apart: six or seven.
    let opens = world.tap.notes().opens.len() - before;
    ensure((2..=12).contains(&opens), || {
        format!("opened {opens} times in a second of outage")
    })
}

async fn beating(bench: &Bench<'_>) -> Result<(World, Duration), Miss> {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let beat = claimed(world.can().heartbeat, "a heartbeat")?;
    match beat <= PATIENT {
        true => Ok((world, beat)),
        false => Err(Miss::NotSimulated(format!(
            "a heartbeat of {beat:?} is too long to wait for"
        ))),
    }
}

pub(super) async fn alive(bench: &Bench<'_>) -> Checked {
    let (world, beat) = beating(bench).await?;
    ensure(world.wait_connected(beat * 2).await, || {
        "an idle connection never shows life".into()
    })?;
    let (began, watched) = (Instant::now(), (beat * 5).max(Duration::from_millis(500)));
    while began.elapsed() < watched {
        let state = world.state();
        ensure(state == LinkState::Connected, || {
            format!("an idle connection is {state:?}")
        })?;
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

pub(super) async fn silence(bench: &Bench<'_>) -> Checked {
    let (world, beat) = beating(bench).await?;
    world.hear(ana("before")).await?;
    done(world.vendor.wire(Wire::Silent).await, "a dead connection")?;
    let noticed = async || (world.state() != LinkState::Connected).then_some(());
    world
        .within(beat * 2 + SLACK, "a dead connection is noticed", noticed)
        .await?;
    let began = Instant::now();
    while began.elapsed() < beat * 2 {
        ensure(world.state() != LinkState::Connected, || {
            "the connection is dead and counts as alive".into()
        })?;
        sleep(Duration::from_millis(5)).await;
    }
    done(world.vendor.wire(Wire::Up).await, "the end of a silence")?;
    world.hear(ana("after")).await?;
    world.quiet().await;
    same(
        "what came in",
        &world.texts().await,
        &texts(&["before", "after"]),
    )
}

pub(super) async fn waits(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    world.needs_outbox()?;
    let heard = world.hear(ana("hello")).await?;
    done(world.vendor.wire(Wire::Down).await, "an outage")?;
    is_down(&world).await?;
    let said = world.tell(&heard.chat, Content::text("patience")).await?;
    sleep(Duration::from_millis(800)).await;
    let delivery = world.deliveries(said).await.pop();
    let delivery = delivery.ok_or_else(|| Miss::failed("nothing waits"))?;
    same(
        "while disconnected",
        &(delivery.state, delivery.attempts),
        &(DeliveryState::Queued, 0),
    )?;
    same("sends while disconnected", &world.tap.sends().len(), &0)?;
    done(world.vendor.wire(Wire::Up).await, "the end of an outage")?;
    let delivery = world.settled(said).await?;
    same(
        "afterwards",
        &(delivery.state, delivery.attempts),
        &(DeliveryState::Delivered, 0),
    )?;
    world.quiet().await;
    let arrived: Vec<String> = world
        .sent(ANA)
        .await
        .into_iter()
        .map(|sent| sent.text)
        .collect();
    same("what arrived", &arrived, &texts(&["patience"]))
}

pub(super) async fn expires(bench: &Bench<'_>) -> Checked {
    let mut setup = Setup::new(Mood::Silent);
    setup.tuning.reply_ttl = Duration::from_millis(600);
    let world = bench.world(setup).await?;
    world.needs_outbox()?;
    let heard = world.hear(ana("hello")).await?;
    done(world.vendor.wire(Wire::Down).await, "an outage")?;
    is_down(&world).await?;
    let said = world.tell(&heard.chat, Content::text("old news")).await?;
    sleep(Duration::from_millis(900)).await;
    done(world.vendor.wire(Wire::Up).await, "the end of an outage")?;
    same(
        "what waited too long",
        &world.settled(said).await?.state,
        &DeliveryState::Expired,
    )?;
    ensure(world.wait_connected(SLACK).await, || {
        "it does not connect again".into()
    })?;
    world.tell(&heard.chat, Content::text("news")).await?;
    world.sees(ANA, "news").await?;
    world.quiet().await;
    let arrived: Vec<String> = world
        .sent(ANA)
        .await
        .into_iter()
        .map(|sent| sent.text)
        .collect();
    same("what arrived", &arrived, &texts(&["news"]))
}
