//! Groups, albums, many messages and many reconnections.

use super::inbound::ana;
use super::{Checked, Miss, ensure, same};
use crate::conformance::mirror::Mood;
use crate::conformance::vendor::{File, Room, Said, Who, Wire};
use crate::conformance::world::{Bench, Setup, World, done};
use crate::event::ChatKind;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

pub(super) async fn mentions(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Echo)).await?;
    let group = Room::Group(1);
    let mut aside = Said::new(group, Who(1), "between ourselves");
    aside.addressed = false;
    let heard = world.hear(aside).await?;
    ensure(heard.chat.kind != ChatKind::Dm, || {
        "a group is taken for a one-to-one chat".into()
    })?;
    world.hear(Said::new(group, Who(2), "now you")).await?;
    let answered = async || {
        let sent = world.sent(group).await.into_iter();
        sent.rev().find(|sent| sent.text.contains("re now you"))
    };
    world
        .until("what is meant for us is answered", answered)
        .await?;
    world.quiet().await;
    let events = world.tap.notes().events.clone();
    let own = world.vendor.person(Who::US);
    let people = events.iter().filter(|event| event.sender.id != own);
    let ids: Vec<_> = people
        .clone()
        .map(|event| event.sender.id.clone())
        .collect();
    let named = [1, 2].map(|who| world.vendor.person(Who(who)));
    same("who spoke in the group", &ids, &named.to_vec())?;
    let meant: Vec<bool> = people.map(|event| event.addressed).collect();
    same("what was meant for us", &meant, &vec![false, true])?;
    same("turns", &world.mirror.turns().len(), &1)
}

pub(super) async fn albums(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let texts = ["first picture", "second picture", "third picture"];
    for text in texts {
        let mut said = ana(text);
        said.album = Some("holidays".to_owned());
        if world.can().media_in.is_some() {
            said.files.push(File {
                name: format!("{text}.bin"),
                mime: "application/octet-stream".to_owned(),
                bytes: Bytes::copy_from_slice(text.as_bytes()),
            });
        }
        world.say(said).await?;
        // As platforms do: one after the other, and the file of one is here before the next one comes.
        sleep(Duration::from_millis(150)).await;
    }
    let answered = async || (!world.mirror.turns().is_empty()).then_some(());
    world.until("the album is answered", answered).await?;
    world.quiet().await;
    let events = world.tap.notes().events.clone();
    let groups = events.iter().map(|event| event.group.as_ref());
    let together =
        groups.clone().all(|group| group.is_some()) && groups.collect::<BTreeSet<_>>().len() == 1;
    ensure(together, || {
        "the parts do not say that they belong together".into()
    })?;
    let one_turn = vec![texts.map(str::to_owned).to_vec()];
    same("the turns", &world.mirror.turns(), &one_turn)
}

/// How many messages, how often each, and after how many steps everything starts anew.
const MESSAGES: usize = 1000;
const TIMES: usize = 3;
const RESTART: usize = 800;

pub(super) async fn flood(bench: &Bench<'_>) -> Checked {
    let mut world = bench.world(Setup::new(Mood::Silent)).await?;
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = seed.map_or(1, |it| it.as_nanos() as u64);
    let steps = shuffled(
        (0..MESSAGES * TIMES).map(|step| step / TIMES).collect(),
        seed,
    );
    flow(&mut world, &steps).await.map_err(|miss| match miss {
        Miss::Failed(why) => Miss::Failed(format!("{why} (seed {seed})")),
        other => other,
    })
}

async fn flow(world: &mut World, steps: &[usize]) -> Checked {
    let mut names: Vec<Option<String>> = vec![None; MESSAGES];
    for (nth, message) in steps.iter().enumerate() {
        match &names[*message] {
            Some(name) => done(world.vendor.redeliver(name).await, "repetitions")?,
            None => {
                // Few enough per person that nobody talks too fast.
                let who = Who(100 + (*message / 8) as u32);
                let said = Said::new(Room::Dm(who), who, format!("message {message}"));
                names[*message] = Some(world.say(said).await?);
            }
        }
        if nth % RESTART == RESTART - 1 {
            world.stop().await?;
            world.start().await?;
        }
    }
    for _ in 0..200 {
        if world.texts().await.len() >= MESSAGES {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    world.quiet().await;
    let mut texts = world.texts().await;
    texts.sort();
    let mut expected: Vec<String> = (0..MESSAGES).map(|n| format!("message {n}")).collect();
    expected.sort();
    let missing = expected
        .iter()
        .filter(|text| texts.binary_search(text).is_err());
    let missing = missing.count();
    let mut twice: Vec<&str> = texts
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0].as_str())
        .collect();
    twice.truncate(5);
    ensure(texts == expected, || {
        let rows = texts.len();
        format!("{rows} rows of {MESSAGES} messages; {missing} are missing; twice: {twice:?}")
    })
}

/// A reproducible order.
fn shuffled(mut items: Vec<usize>, seed: u64) -> Vec<usize> {
    let mut state = seed | 1;
    for left in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(left, (state % (left as u64 + 1)) as usize);
    }
    items
}

pub(super) async fn sockets(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let count = async |world: &World| world.vendor.connections().await;
    if count(&world).await.is_none() {
        return Err(Miss::NotSimulated("counting connections".into()));
    }
    for round in 1..=20 {
        world.hear(ana(&format!("round {round}"))).await?;
        let open = count(&world).await.unwrap_or_default();
        ensure(open <= 2, || {
            format!("{open} connections are open after {round} cuts")
        })?;
        done(world.vendor.wire(Wire::Cut).await, "cutting the connection")?;
    }
    world.hear(ana("the end")).await?;
    world.stop().await?;
    let closed = async || (count(&world).await? == 0).then_some(());
    world
        .until("every connection is closed at the end", closed)
        .await
}
