//! Where the append is the delivery: people's windows come and go, and miss nothing.

use super::inbound::{ANA, ana};
use super::{Checked, Miss, ensure, same};
use crate::conformance::mirror::Mood;
use crate::conformance::vendor::{Room, Said, Sent, Who, Wire};
use crate::conformance::world::{Bench, Setup, World, done};
use crate::event::Content;

async fn native(bench: &Bench<'_>) -> Result<World, Miss> {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    match world.is_native() {
        true => Ok(world),
        false => Err(Miss::NotClaimed(
            "what was sent is kept by the platform".into(),
        )),
    }
}

fn texts(sent: Vec<Sent>) -> Vec<String> {
    sent.into_iter().map(|sent| sent.text).collect()
}

/// More than one page of any reasonable reader.
const MISSED: usize = 70;

pub(super) async fn catches_up(bench: &Bench<'_>) -> Checked {
    let mut world = native(bench).await?;
    let heard = world.hear(ana("hello")).await?;
    world.tell(&heard.chat, Content::text("welcome")).await?;
    world.sees(ANA, "welcome").await?;
    let mut expected = vec!["welcome".to_owned()];
    for round in 1..=2 {
        done(
            world.vendor.wire(Wire::Down).await,
            "closing people's windows",
        )?;
        world.quiet().await;
        for nth in 1..=MISSED {
            let text = format!("round {round}, missed {nth}");
            world.tell(&heard.chat, Content::text(&text)).await?;
            expected.push(text);
        }
        same(
            "what is shown in closed windows",
            &world.sent(ANA).await.len(),
            &(expected.len() - MISSED),
        )?;
        // The second time the house goes away as well.
        if round == 2 {
            world.stop().await?;
            world.start().await?;
        }
        done(
            world.vendor.wire(Wire::Up).await,
            "opening people's windows",
        )?;
        let live = format!("round {round}, live");
        world.tell(&heard.chat, Content::text(&live)).await?;
        world.sees(ANA, &live).await?;
        expected.push(live);
        world.quiet().await;
        let read = texts(world.sent(ANA).await);
        let odd = read.iter().zip(&expected).find(|(is, should)| is != should);
        ensure(read == expected, || {
            let (is, should) = (read.len(), expected.len());
            format!(
                "{is} lines of {should}; the first that differs, and what it should be: {odd:?}"
            )
        })?;
    }
    Ok(())
}

pub(super) async fn own_chat(bench: &Bench<'_>) -> Checked {
    let world = native(bench).await?;
    let bo = Room::Dm(Who(2));
    let ana = world.hear(ana("hello")).await?;
    let other = world.hear(Said::new(bo, Who(2), "hello as well")).await?;
    for round in 1..=3 {
        if round == 2 {
            let closing = "closing people's windows";
            done(world.vendor.wire(Wire::Down).await, closing)?;
            world.quiet().await;
        }
        for (heard, name) in [(&ana, "Ana"), (&other, "Bo")] {
            let text = Content::text(format!("for {name} {round}"));
            world.tell(&heard.chat, text).await?;
        }
        done(
            world.vendor.wire(Wire::Up).await,
            "opening people's windows",
        )?;
        for (room, name) in [(ANA, "Ana"), (bo, "Bo")] {
            world.sees(room, &format!("for {name} {round}")).await?;
        }
        done(world.vendor.wire(Wire::Cut).await, "cutting the connection")?;
    }
    world.quiet().await;
    for (room, name) in [(ANA, "Ana"), (bo, "Bo")] {
        let expected: Vec<String> = (1..=3).map(|round| format!("for {name} {round}")).collect();
        let read = texts(world.sent(room).await);
        ensure(read == expected, || format!("{name} reads {read:?}"))?;
    }
    Ok(())
}
