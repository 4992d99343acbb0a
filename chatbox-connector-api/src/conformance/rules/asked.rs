//! Small things that wait for us: a pressed button, a message's mark.

use super::inbound::{ANA, ana};
use super::{Checked, Miss, claimed, ensure, same};
use crate::conformance::mirror::Mood;
use crate::conformance::vendor::{Pressed, Room, Said, Who};
use crate::conformance::world::{Bench, Setup, World, done};
use crate::event::{Action, Content, EventBody};
use crate::{Outbound, Verb};
use std::time::Duration;

/// How long a person looks at a button that does nothing.
const PROMPT: Duration = Duration::from_secs(3);

async fn press(world: &World, room: Room, who: Who, button: &str) -> Checked {
    done(world.vendor.press(room, who, button).await, "buttons")
}

/// What the adapter yielded for a pressed button.
async fn action(world: &World, button: &str) -> Result<Action, Miss> {
    let seen = async || {
        let events = world.tap.notes().events.clone();
        events.into_iter().find_map(|event| match event.body {
            EventBody::Action(action) if action.name == button => Some(action),
            _ => None,
        })
    };
    let what = format!("the button \"{button}\" comes in as an action");
    world.until(&what, seen).await
}

/// The second of several buttons, of the newer of two messages that have some.
pub(super) async fn buttons(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    claimed(world.can().buttons, "buttons")?;
    let heard = world.hear(ana("hello")).await?;
    let choices = ["Yes", "No, not now", "Ask again later"].map(str::to_owned);
    let mut asked = None;
    for text in ["One?", "Two?"] {
        let content = Content {
            choices: choices.to_vec(),
            ..Content::text(text)
        };
        world.tell(&heard.chat, content).await?;
        let sent = world.sees(ANA, text).await?;
        same("the buttons", &sent.buttons, &choices.to_vec())?;
        asked = Some(sent.id);
    }
    press(&world, ANA, Who(1), "2").await?;
    let action = action(&world, "2").await?;
    let of = action.target.map(|it| it.as_str().to_owned());
    same("the message whose button was pressed", &of, &asked)?;
    world.tell(&heard.chat, Content::text("no more")).await?;
    let plain = world.sees(ANA, "no more").await?;
    same(
        "buttons of a text without choices",
        &plain.buttons,
        &Vec::new(),
    )
}

pub(super) async fn answer(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Echo)).await?;
    claimed(world.can().answer, "answering buttons")?;
    let heard = world.hear(ana("hello")).await?;
    world.sees(ANA, "re hello").await?;
    for (nth, button) in ["yes", "no"].into_iter().enumerate() {
        press(&world, ANA, Who(1), button).await?;
        let action = action(&world, button).await?;
        ensure(action.token.is_some(), || {
            "a button waits for an answer, and nothing says where to".into()
        })?;
        let answered = async || {
            let pressed = world.vendor.presses().await.into_iter().nth(nth)?;
            (!pressed.answers.is_empty()).then_some(())
        };
        world
            .within(PROMPT, "the button is answered", answered)
            .await?;
    }
    world.quiet().await;
    let answered = ["yes", "no"].map(|button| Pressed {
        button: button.to_owned(),
        answers: vec![String::new()],
    });
    same(
        "the buttons",
        &world.vendor.presses().await,
        &answered.to_vec(),
    )?;
    same("messages", &world.sent(ANA).await.len(), &1)?;
    same("turns", &world.mirror.turns().len(), &1)?;
    world.tell(&heard.chat, Content::text("go on")).await?;
    world.sees(ANA, "go on").await.map(drop)
}

/// A stranger's button is answered by nobody; here we answer it ourselves, with words.
pub(super) async fn answer_words(bench: &Bench<'_>) -> Checked {
    let setup = Setup {
        only: vec![Who(1)],
        ..Setup::new(Mood::Silent)
    };
    let world = bench.world(setup).await?;
    claimed(world.can().answer, "answering buttons")?;
    let (bo, button) = (Room::Dm(Who(2)), "maybe");
    // The first of the two is answered, so that one and the other cannot be mixed up.
    for button in [button, "never"] {
        press(&world, bo, Who(2), button).await?;
    }
    let action = action(&world, button).await?;
    world.quiet().await;
    let answers = async |button: &str| {
        let all = world.vendor.presses().await.into_iter();
        let mut pressed = all.filter(|pressed| pressed.button == button);
        pressed.next().map(|pressed| pressed.answers)
    };
    same(
        "what a stranger was told",
        &answers(button).await,
        &Some(Vec::new()),
    )?;
    let token = action.token;
    let token = token.ok_or_else(|| Miss::failed("nothing says where the answer goes"))?;
    let out = Outbound {
        id: None,
        chat: world.vendor.handle(bo),
        verb: Verb::Answer {
            token,
            text: "as you like".to_owned(),
        },
    };
    let done = world.adapter().perform(&out).await;
    done.map_err(Miss::because("a button cannot be answered"))?;
    let told = async || answers(button).await.filter(|answers| !answers.is_empty());
    let told = world.within(PROMPT, "the answer is shown", told).await?;
    same("the answer", &told, &vec!["as you like".to_owned()])?;
    same(
        "the other button",
        &answers("never").await,
        &Some(Vec::new()),
    )
}

pub(super) async fn mark_read(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    claimed(world.can().mark_read, "marking what was read")?;
    let bo = Room::Dm(Who(2));
    let first = world.hear(ana("first")).await?;
    let second = world.hear(ana("second")).await?;
    world.hear(Said::new(bo, Who(2), "somewhere else")).await?;
    world.hear(ana("third")).await?;
    world.quiet().await;
    let marks = async || world.vendor.marks().await;
    let before = marks()
        .await
        .ok_or_else(|| Miss::NotSimulated("marks".into()))?;
    same("what is marked unasked", &before, &Vec::new())?;
    let mut expected = Vec::new();
    for heard in [&first, &second] {
        let target = heard.row.event.clone();
        let out = Outbound {
            id: None,
            chat: heard.chat.handle.clone(),
            verb: Verb::MarkRead {
                target: target.ok_or_else(|| Miss::failed("the message has no name"))?,
            },
        };
        let done = world.adapter().perform(&out).await;
        done.map_err(Miss::because("it is claimed and refused"))?;
        expected.push(heard.name.clone());
        let marked = async || (marks().await?.len() >= expected.len()).then_some(());
        world.until("the message is marked as read", marked).await?;
        world.quiet().await;
        same("what is marked", &marks().await, &Some(expected.clone()))?;
    }
    same("messages", &world.vendor.sent().await.len(), &0)
}
