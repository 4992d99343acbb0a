//! What is shown and not kept, and how it looks.

use super::inbound::{ANA, ana};
use super::{Checked, Miss, claimed, ensure, same};
use crate::conformance::mirror::Mood;
use crate::conformance::world::{Bench, Setup, World, done};
use crate::event::Content;

const ASKED: &str = "show me how a reply grows word by word until it is whole";

pub(super) async fn drafts(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Slow)).await?;
    claimed(world.can().draft, "drafts")?;
    let reply = format!("re {ASKED}");
    world.hear(ana(ASKED)).await?;
    let growing = async || {
        let drafts = world.vendor.shown().await.drafts;
        (!drafts.is_empty()).then_some(())
    };
    world
        .until("the reply is shown while it grows", growing)
        .await?;
    world.sees(ANA, &reply).await?;
    world.quiet().await;
    same("messages", &world.sent(ANA).await.len(), &1)?;
    let drafts = world.vendor.shown().await.drafts;
    let odd = drafts.iter().find(|draft| !reply.starts_with(draft.trim()));
    ensure(odd.is_none(), || {
        format!("a draft shows something else: {odd:?}")
    })?;
    nowhere_else(&world).await
}

/// Where there are no drafts: the reply is one message from its beginning to its end.
pub(super) async fn grows(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Long)).await?;
    claimed(world.can().grow, "replies that grow by edits")?;
    ensure(world.can().edit.is_some(), || {
        "`grow` is claimed, and `edit` is not".into()
    })?;
    let reply = format!("re {ASKED}");
    world.hear(ana(ASKED)).await?;
    let begun = async || {
        let sent = world.sent(ANA).await;
        let text = sent.first().map(|it| it.text.trim().to_owned());
        text.filter(|text| !text.is_empty() && *text != reply)
    };
    let begun = world
        .until("the reply is shown before it is whole", begun)
        .await?;
    ensure(reply.starts_with(&begun), || {
        format!("the reply begins as something else: {begun:?}")
    })?;
    let whole = world.sees(ANA, &reply).await?;
    world.quiet().await;
    same("messages", &world.sent(ANA).await.len(), &1)?;
    ensure(whole.edits > 1, || {
        "nobody saw the message grow before it was whole".into()
    })
}

/// What is shown to one person is shown to nobody else.
async fn nowhere_else(world: &World) -> Checked {
    let Some(here) = world.vendor.shown_in(ANA).await else {
        return Ok(());
    };
    let everywhere = world.vendor.shown().await;
    same("what was shown in this chat, of all", &here, &everywhere)
}

pub(super) async fn shows_fail(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Slow)).await?;
    claimed(world.can().draft.or(world.can().typing), "drafts or typing")?;
    done(world.vendor.fail_shows().await, "failing drafts")?;
    for text in [ASKED, "and once more, though it fails again"] {
        world.hear(ana(text)).await?;
        world.sees(ANA, &format!("re {text}")).await?;
    }
    world.quiet().await;
    same("messages", &world.sent(ANA).await.len(), &2)
}

pub(super) async fn typing(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Slow)).await?;
    claimed(world.can().typing, "typing")?;
    world.hear(ana("think about it")).await?;
    world.sees(ANA, "re think about it").await?;
    let shown = world.vendor.shown().await.typing;
    ensure(shown > 0, || {
        "nobody saw that a reply was being written".into()
    })?;
    same("messages", &world.sent(ANA).await.len(), &1)?;
    nowhere_else(&world).await
}

pub(super) async fn previews(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let heard = world.hear(ana("where is it?")).await?;
    let texts = ["see https://example.org/page", "plain words"];
    for text in texts {
        world.tell(&heard.chat, Content::text(text)).await?;
    }
    world.sees(ANA, "plain words").await?;
    if world.can().reply.is_some() {
        let content = Content {
            reply_to: heard.row.event.clone(),
            ..Content::text("here: https://example.org/reply")
        };
        world.tell(&heard.chat, content).await?;
        world.sees(ANA, "here: https://example.org/reply").await?;
    }
    if world.can().edit.is_some() {
        let target = world
            .tell(&heard.chat, Content::text("to be changed"))
            .await?;
        world.sees(ANA, "to be changed").await?;
        let content = Content::text("now at https://example.org/other");
        world.settled_or_native(target).await?;
        world
            .act(&heard.chat, chatbox_core::Say::Edit { target, content })
            .await?;
        world.sees(ANA, "now at https://example.org/other").await?;
    }
    for sent in world.sent(ANA).await {
        match sent.preview {
            None => return Err(Miss::NotSimulated("previews of links".into())),
            Some(shown) => ensure(!shown, || format!("\"{}\" has a preview", sent.text))?,
        }
    }
    Ok(())
}
