//! Everything but saying something new, in both directions, where it is claimed.

use super::inbound::{ANA, ana};
use super::{Checked, Miss, claimed, ensure, same};
use crate::conformance::mirror::Mood;
use crate::conformance::vendor::{Did, Fault, Sent, Who};
use crate::conformance::world::{Bench, Heard, Setup, World, done};
use crate::event::{Content, EventBody};
use crate::id::Seq;
use chatbox_core::Say;
use chatbox_core::store::{DeliveryState, LogRow, Store};
use futures_util::future::BoxFuture;
use std::time::Duration;

async fn ready(bench: &Bench<'_>) -> Result<(World, Heard), Miss> {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let heard = world.hear(ana("hello")).await?;
    Ok((world, heard))
}

/// Two messages of ours, of which rules change the first.
async fn two(world: &World, heard: &Heard) -> Result<(Seq, Sent), Miss> {
    let first = world
        .tell(&heard.chat, Content::text("first words"))
        .await?;
    world
        .tell(&heard.chat, Content::text("other words"))
        .await?;
    let sent = world.sees(ANA, "first words").await?;
    world.sees(ANA, "other words").await?;
    world.settled_or_native(first).await?;
    Ok((first, sent))
}

async fn act(world: &World, heard: &Heard, say: Say) -> Checked {
    let acted = world.act(&heard.chat, say).await?;
    if world.needs_outbox().is_ok() {
        let delivery = world.settled(acted).await?;
        ensure(delivery.state == DeliveryState::Delivered, || {
            format!(
                "it is claimed, and {:?}: {:?}",
                delivery.state, delivery.reason
            )
        })?;
    }
    Ok(())
}

pub(super) async fn reply(bench: &Bench<'_>) -> Checked {
    let (world, first) = ready(bench).await?;
    claimed(world.can().reply, "replies")?;
    let second = world.hear(ana("and you?")).await?;
    for (heard, text) in [(&first, "hello to you"), (&second, "I am well")] {
        let content = Content {
            reply_to: heard.row.event.clone(),
            ..Content::text(text)
        };
        world.tell(&heard.chat, content).await?;
        let sent = world.sees(ANA, text).await?;
        same(
            "the message answered",
            &sent.reply_to.as_ref(),
            &Some(&heard.name),
        )?;
    }
    world.tell(&first.chat, Content::text("by the way")).await?;
    let sent = world.sees(ANA, "by the way").await?;
    same("the message answered by none", &sent.reply_to, &None)
}

pub(super) async fn reply_in(bench: &Bench<'_>) -> Checked {
    let (world, first) = ready(bench).await?;
    claimed(world.can().reply, "replies")?;
    world.hear(ana("something else")).await?;
    let mut said = ana("as I said");
    said.reply_to = Some(first.name.clone());
    let heard = world.hear(said).await?;
    let answered = heard
        .row
        .body
        .content()
        .and_then(|content| content.reply_to.clone());
    same("the message answered", &answered, &first.row.event)?;
    // Our own words are answered most of all.
    let told = world.tell(&heard.chat, Content::text("did you?")).await?;
    let sent = world.sees(ANA, "did you?").await?;
    world.settled_or_native(told).await?;
    let mut said = ana("I did");
    said.reply_to = Some(sent.id);
    let heard = world.hear(said).await?;
    let content = heard.row.body.content();
    let answered = content.and_then(|content| content.reply_to.clone());
    let answered = answered
        .ok_or_else(|| Miss::failed("a reply to what we said ourselves answers nothing"))?;
    if world.needs_outbox().is_err() {
        return Ok(());
    }
    let row = world.ledger.seq_of(&heard.chat.connection, &answered).await;
    let row = row.map_err(Miss::because("the store refuses"))?;
    same("what we said and they answered", &row, &Some(told))
}

pub(super) async fn edit(bench: &Bench<'_>) -> Checked {
    let (world, heard) = ready(bench).await?;
    claimed(world.can().edit, "editing")?;
    let (target, before) = two(&world, &heard).await?;
    let content = Content::text("better words");
    act(&world, &heard, Say::Edit { target, content }).await?;
    let after = world.sees(ANA, "better words").await?;
    same("the message changed", &after.id, &before.id)?;
    ensure(after.edits >= 1, || "it was not changed".into())?;
    let texts: Vec<String> = world
        .sent(ANA)
        .await
        .into_iter()
        .map(|sent| sent.text)
        .collect();
    same(
        "what people read",
        &texts,
        &vec!["better words".to_owned(), "other words".to_owned()],
    )
}

pub(super) async fn delete(bench: &Bench<'_>) -> Checked {
    let (world, heard) = ready(bench).await?;
    claimed(world.can().delete, "deleting")?;
    let (target, before) = two(&world, &heard).await?;
    act(&world, &heard, Say::Delete { target }).await?;
    let gone = async || {
        let all = world.vendor.sent().await;
        let sent = all.into_iter().find(|sent| sent.id == before.id);
        sent.is_none_or(|sent| sent.deleted).then_some(())
    };
    world.until("the message is taken back", gone).await?;
    let texts: Vec<String> = world
        .sent(ANA)
        .await
        .into_iter()
        .map(|sent| sent.text)
        .collect();
    same("what people read", &texts, &vec!["other words".to_owned()])
}

pub(super) async fn react(bench: &Bench<'_>) -> Checked {
    let (world, first) = ready(bench).await?;
    claimed(world.can().react, "reactions")?;
    let other = world.hear(ana("what do you think?")).await?;
    let target = other.row.seq;
    for emoji in [vec!["👍".to_owned()], Vec::new()] {
        let say = Say::React {
            target,
            emoji: emoji.clone(),
        };
        act(&world, &other, say).await?;
        let shown = async || (world.vendor.reactions(&other.name).await == emoji).then_some(());
        world
            .until(&format!("our reactions are {emoji:?}"), shown)
            .await?;
        let wrong = world.vendor.reactions(&first.name).await;
        same("reactions to another message", &wrong, &Vec::new())?;
    }
    Ok(())
}

/// Waits for the row that tells of what a person did to the first of two messages.
async fn follows(
    bench: &Bench<'_>,
    what: &str,
    deed: Deed,
    fits: impl Fn(&EventBody) -> bool,
    again: Option<(Deed, Fits)>,
) -> Checked {
    let (world, first) = ready(bench).await?;
    let second = world.hear(ana("another message")).await?;
    done(deed(&world, &first.name).await, what)?;
    let seen = async || {
        let rows = world.log().await.into_iter();
        rows.rev()
            .find(|row| row.seq > second.row.seq && fits(&row.body))
    };
    let row: LogRow = world.until(&format!("{what} comes in"), seen).await?;
    same("the message it is about", &row.target, &Some(first.row.seq))?;
    same("the chat", &row.chat, &first.chat.id)?;
    if let Some((again, fits)) = again {
        done(again(&world, &first.name).await, what)?;
        let seen = async || {
            let mut rows = world.log().await.into_iter();
            rows.find(|row| fits(&row.body))
        };
        let row = world
            .until(&format!("{what} comes in once more"), seen)
            .await?;
        same("the message it is about", &row.target, &Some(first.row.seq))?;
    }
    let rows = 4 + usize::from(again.is_some());
    world.hear(ana("the next message")).await?;
    world.quiet().await;
    let texts = world.texts().await;
    for text in ["another message", "the next message"] {
        let times = texts.iter().filter(|heard| *heard == text).count();
        same(&format!("how often \"{text}\" came in"), &times, &1)?;
    }
    let made = world.log().await.len();
    ensure(made <= rows, || format!("{what} made {} rows", made - 3))?;
    let turns = world.mirror.turns();
    ensure(turns.len() <= 3, || {
        format!("{what} started a turn: {turns:?}")
    })
}

/// What is done once only.
const ONCE: Option<(Deed, Fits)> = None;
type Fits = fn(&EventBody) -> bool;
type Deed = for<'a> fn(&'a World, &'a str) -> BoxFuture<'a, Did>;

fn reads(body: &EventBody, text: &str) -> bool {
    matches!(body, EventBody::Edit { content, .. } if content.text == text)
}

fn shows(body: &EventBody, one: &str) -> bool {
    matches!(body, EventBody::Reaction { emoji, .. } if emoji.iter().any(|it| it == one))
}

pub(super) async fn edit_in(bench: &Bench<'_>) -> Checked {
    let deed: Deed = |world, name| world.vendor.change(name, "hello again");
    let again: Deed = |world, name| world.vendor.change(name, "hello once more");
    let fits: Fits = |body| reads(body, "hello once more");
    let first = |body: &EventBody| reads(body, "hello again");
    follows(bench, "a person's edit", deed, first, Some((again, fits))).await
}

pub(super) async fn delete_in(bench: &Bench<'_>) -> Checked {
    let deed: Deed = |world, name| world.vendor.take_back(name);
    let fits = |body: &EventBody| matches!(body, EventBody::Delete { .. });
    follows(bench, "a person's deletion", deed, fits, ONCE).await
}

pub(super) async fn reaction_in(bench: &Bench<'_>) -> Checked {
    let deed: Deed = |world, name| world.vendor.react(Who(1), name, "🎉");
    let again: Deed = |world, name| world.vendor.react(Who(1), name, "👍");
    let fits: Fits = |body| shows(body, "👍");
    let first = |body: &EventBody| shows(body, "🎉");
    follows(
        bench,
        "a person's reaction",
        deed,
        first,
        Some((again, fits)),
    )
    .await
}

/// A change that goes wrong is treated as a message that goes wrong.
pub(super) async fn edit_fails(bench: &Bench<'_>) -> Checked {
    let (world, heard) = ready(bench).await?;
    claimed(world.can().edit, "editing")?;
    world.needs_outbox()?;
    let (target, _) = two(&world, &heard).await?;
    let wait = Duration::from_millis(300);
    let cases = [
        (
            Fault::Refused,
            "unwanted words",
            DeliveryState::Failed,
            "first words",
        ),
        (
            Fault::RateLimited(wait),
            "late words",
            DeliveryState::Delivered,
            "late words",
        ),
        (
            Fault::Unreachable,
            "later words",
            DeliveryState::Delivered,
            "later words",
        ),
    ];
    for (fault, text, state, read) in cases {
        done(world.vendor.fail_next(fault).await, &format!("{fault:?}"))?;
        let content = Content::text(text);
        let acted = world
            .act(&heard.chat, Say::Edit { target, content })
            .await?;
        let delivery = world.settled(acted).await?;
        same(&format!("a change into {fault:?}"), &delivery.state, &state)?;
        world.sees(ANA, read).await?;
    }
    same("messages", &world.sent(ANA).await.len(), &2)
}
