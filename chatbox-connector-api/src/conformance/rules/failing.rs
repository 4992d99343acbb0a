//! When a send goes wrong.

use super::inbound::{ANA, ana};
use super::{Checked, claimed, ensure, same};
use crate::conformance::mirror::Mood;
use crate::conformance::vendor::{Fault, Wire};
use crate::conformance::world::{Bench, Heard, Setup, World, done};
use crate::event::Content;
use crate::id::DeliveryId;
use crate::markup::parse;
use crate::{DeliveryClass, ErrorKind, LinkState, OutMessage, Outbound, Verb};
use chatbox_core::store::{Delivery, DeliveryState};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A world in which somebody can be written to.
async fn ready(bench: &Bench<'_>) -> Result<(World, Heard), super::Miss> {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    world.needs_outbox()?;
    let heard = world.hear(ana("hello")).await?;
    Ok((world, heard))
}

/// Sends one text into a fault. How the delivery ended.
async fn send_into(
    world: &World,
    heard: &Heard,
    fault: Fault,
    text: &str,
) -> Result<Delivery, super::Miss> {
    done(world.vendor.fail_next(fault).await, &format!("{fault:?}"))?;
    let said = world.tell(&heard.chat, Content::text(text)).await?;
    world.settled(said).await
}

async fn count(world: &World, text: &str) -> usize {
    let sent = world.sent(ANA).await;
    sent.iter().filter(|sent| sent.text.trim() == text).count()
}

/// Whatever went wrong, the next message goes out.
async fn goes_on(world: &World, heard: &Heard) -> Checked {
    let said = world.tell(&heard.chat, Content::text("and so on")).await?;
    same(
        "the next message",
        &world.settled(said).await?.state,
        &DeliveryState::Delivered,
    )?;
    same(
        "how often the next one arrived",
        &count(world, "and so on").await,
        &1,
    )
}

pub(super) async fn rate_limited(bench: &Bench<'_>) -> Checked {
    let wait = Duration::from_secs(1);
    let (world, heard) = ready(bench).await?;
    done(
        world.vendor.fail_next(Fault::RateLimited(wait)).await,
        "a rate limit",
    )?;
    let first = world.tell(&heard.chat, Content::text("first")).await?;
    let second = world.tell(&heard.chat, Content::text("second")).await?;
    let limited = async || (!world.tap.sends().is_empty()).then_some(());
    world.until("something is sent", limited).await?;
    world.hear(ana("I am still here")).await?;
    for said in [first, second] {
        let delivery = world.settled(said).await?;
        same(
            "a limited message",
            &delivery.state,
            &DeliveryState::Delivered,
        )?;
    }
    let sends = world.tap.sends();
    let limited = sends.first().and_then(|call| call.error.clone());
    let (kind, asked) = limited
        .ok_or_else(|| super::Miss::failed("the adapter did not say that it was limited"))?;
    same("the limited send", &kind, &ErrorKind::RateLimited)?;
    ensure(asked.is_some_and(|asked| asked >= wait), || {
        format!("asked to wait {wait:?}, the adapter says {asked:?}")
    })?;
    // A millisecond for clocks that count in whole ones.
    let pause = sends[1].began.duration_since(sends[0].ended) + Duration::from_millis(1);
    ensure(pause >= wait, || {
        format!("asked to wait {wait:?}, the next send came after {pause:?}")
    })?;
    world.quiet().await;
    let texts: Vec<String> = world
        .sent(ANA)
        .await
        .into_iter()
        .map(|sent| sent.text)
        .collect();
    same(
        "what arrived",
        &texts,
        &vec!["first".to_owned(), "second".to_owned()],
    )
}

pub(super) async fn cut_after_accept(bench: &Bench<'_>) -> Checked {
    let (world, heard) = ready(bench).await?;
    let delivery = send_into(&world, &heard, Fault::CutAfterAccept, "only once").await?;
    let expected = match world.can().delivery {
        DeliveryClass::Ambiguous => DeliveryState::Unknown,
        _ => DeliveryState::Delivered,
    };
    world.quiet().await;
    same(
        "how often it arrived",
        &count(&world, "only once").await,
        &1,
    )?;
    same("the delivery", &delivery.state, &expected)?;
    if expected == DeliveryState::Unknown {
        same("how often it was sent", &world.tap.sends().len(), &1)?;
    }
    goes_on(&world, &heard).await
}

/// What was found on the platform goes by the name it was found with.
pub(super) async fn found_again(bench: &Bench<'_>) -> Checked {
    let (world, heard) = ready(bench).await?;
    claimed(world.can().edit, "editing")?;
    if world.can().delivery == DeliveryClass::Ambiguous {
        let what = "knowing what became of a send in doubt";
        return Err(super::Miss::NotClaimed(what.to_owned()));
    }
    world
        .tell(&heard.chat, Content::text("something else"))
        .await?;
    world.sees(ANA, "something else").await?;
    let delivery = send_into(&world, &heard, Fault::CutAfterAccept, "in doubt").await?;
    same("the delivery", &delivery.state, &DeliveryState::Delivered)?;
    let (target, content) = (delivery.seq, Content::text("certain"));
    world
        .act(&heard.chat, chatbox_core::Say::Edit { target, content })
        .await?;
    world.sees(ANA, "certain").await?;
    let sent = world.sent(ANA).await.into_iter();
    let texts: Vec<String> = sent.map(|sent| sent.text).collect();
    let expected = ["something else", "certain"].map(str::to_owned).to_vec();
    same("what people read", &texts, &expected)
}

pub(super) async fn hanging(bench: &Bench<'_>) -> Checked {
    let (mut world, heard) = ready(bench).await?;
    done(world.vendor.wire(Wire::Silent).await, "a dead connection")?;
    let said = world.tell(&heard.chat, Content::text("anybody?")).await?;
    let begun = async || (world.tap.notes().begun > 0).then_some(());
    world.until("the send begins", begun).await?;
    world.stop().await?;
    done(world.vendor.wire(Wire::Up).await, "the end of a silence")?;
    world.start().await?;
    let delivery = world.settled(said).await?;
    let arrived = count(&world, "anybody?").await;
    let fits = match delivery.state {
        DeliveryState::Delivered => arrived == 1,
        // A platform that can be asked did not answer that either.
        DeliveryState::Unknown => world.can().delivery != DeliveryClass::Idempotent,
        _ => false,
    };
    ensure(fits, || {
        format!(
            "the delivery is {:?} and arrived {arrived} times",
            delivery.state
        )
    })?;
    goes_on(&world, &heard).await
}

pub(super) async fn unreachable(bench: &Bench<'_>) -> Checked {
    let (world, heard) = ready(bench).await?;
    let delivery = send_into(&world, &heard, Fault::Unreachable, "never left").await?;
    same("the delivery", &delivery.state, &DeliveryState::Delivered)?;
    ensure(delivery.attempts >= 1, || {
        "the failed attempt was not counted: who tried again?".into()
    })?;
    goes_on(&world, &heard).await?;
    same(
        "how often it arrived",
        &count(&world, "never left").await,
        &1,
    )
}

pub(super) async fn server_error(bench: &Bench<'_>) -> Checked {
    let (world, heard) = ready(bench).await?;
    let delivery = send_into(&world, &heard, Fault::ServerError, "perhaps").await?;
    world.quiet().await;
    let arrived = count(&world, "perhaps").await;
    let fits = match delivery.state {
        DeliveryState::Delivered => arrived == 1,
        DeliveryState::Unknown => arrived == 0 && world.can().delivery == DeliveryClass::Ambiguous,
        _ => false,
    };
    ensure(fits, || {
        format!(
            "the delivery is {:?} and arrived {arrived} times",
            delivery.state
        )
    })?;
    goes_on(&world, &heard).await
}

pub(super) async fn refused(bench: &Bench<'_>) -> Checked {
    let (world, heard) = ready(bench).await?;
    let delivery = send_into(&world, &heard, Fault::Refused, "unwanted").await?;
    same("the delivery", &delivery.state, &DeliveryState::Failed)?;
    ensure(
        delivery.reason.is_some_and(|reason| !reason.is_empty()),
        || "nobody is told why".into(),
    )?;
    world.quiet().await;
    same("how often it was tried", &world.tap.sends().len(), &1)?;
    goes_on(&world, &heard).await?;
    same("how often it arrived", &count(&world, "unwanted").await, &0)
}

pub(super) async fn revoked(bench: &Bench<'_>) -> Checked {
    let (world, heard) = ready(bench).await?;
    done(world.vendor.revoke(true).await, "revoking the credential")?;
    let said = world
        .tell(&heard.chat, Content::text("after the storm"))
        .await?;
    world
        .until("the connection needs attention", async || {
            matches!(world.state(), LinkState::NeedsAttention { .. }).then_some(())
        })
        .await?;
    let out = Outbound {
        id: Some(DeliveryId(1_000_002)),
        chat: heard.chat.handle.clone(),
        verb: Verb::Send(OutMessage {
            markup: parse("never said"),
            ..OutMessage::default()
        }),
    };
    let kind = match world.adapter().perform(&out).await {
        Ok(_) => {
            return Err(super::Miss::failed(
                "a send with a refused credential is answered Ok",
            ));
        }
        Err(error) => error.kind().clone(),
    };
    same(
        "a send with a refused credential",
        &kind,
        &ErrorKind::Unauthorized,
    )?;
    let requests = |world: &World| {
        let opens = world.tap.notes().opens.len();
        opens + world.tap.sends().len()
    };
    let (before, began) = (requests(&world), Instant::now());
    sleep(Duration::from_millis(1200)).await;
    let (tries, time) = (requests(&world) - before, began.elapsed());
    // One of each kind in 0.4 s, where the engine waits that long.
    let most = 2 + 2 * (time.as_millis() / 300) as usize;
    ensure(tries <= most, || {
        format!("{tries} requests in {time:?} with a refused credential")
    })?;
    done(world.vendor.revoke(false).await, "a new credential")?;
    same(
        "what waited",
        &world.settled(said).await?.state,
        &DeliveryState::Delivered,
    )?;
    world.hear(ana("welcome back")).await?;
    goes_on(&world, &heard).await?;
    same(
        "how often it arrived",
        &count(&world, "after the storm").await,
        &1,
    )
}
