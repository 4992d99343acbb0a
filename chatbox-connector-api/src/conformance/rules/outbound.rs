//! What goes out.

use super::inbound::{ANA, ana};
use super::{Checked, Miss, ensure, same};
use crate::conformance::ear::Ear;
use crate::conformance::mirror::Mood;
use crate::conformance::tap::everything;
use crate::conformance::vendor::{Fault, File, Room, Said, Who, Wire};
use crate::conformance::world::{Bench, Setup, World};
use crate::event::Content;
use crate::id::{DeliveryId, EventId};
use crate::markup::{parse, plain};
use crate::{DeliveryClass, ErrorKind, OutMessage, Outbound, Secrets, TextLimit, Verb};
use chatbox_core::store::{Chat, Store};
use tracing::instrument::WithSubscriber;

pub(super) async fn origin(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Echo)).await?;
    let mut rooms = vec![ANA, Room::Dm(Who(2)), Room::Dm(Who(3))];
    for round in 1..=2 {
        let mut asked = Vec::new();
        for room in rooms.clone() {
            let who = if let Room::Dm(who) = room {
                who
            } else {
                Who(1)
            };
            world
                .say(Said::new(room, who, format!("round {round} in {room:?}")))
                .await?;
            asked.push(room);
        }
        for room in asked {
            world
                .sees(room, &format!("re round {round} in {room:?}"))
                .await?;
        }
        // From the second round on in groups as well, where the platform has groups.
        for group in [Room::Group(1), Room::Group(2)] {
            let text = format!("round {round} in {group:?} first");
            if round == 1
                && world
                    .vendor
                    .say(Said::new(group, Who(2), &text))
                    .await
                    .is_some()
            {
                world.sees(group, &format!("re {text}")).await?;
                rooms.insert(0, group);
            }
        }
    }
    world.quiet().await;
    for room in &rooms {
        same(
            &format!("replies in {room:?}"),
            &world.sent(*room).await.len(),
            &2,
        )?;
    }
    same(
        "replies anywhere",
        &world.vendor.sent().await.len(),
        &(2 * rooms.len()),
    )
}

pub(super) async fn order(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let heard = world.hear(ana("hello")).await?;
    let texts: Vec<String> = (1..=8).map(|n| format!("number {}", n / 2)).collect();
    for text in &texts {
        world.tell(&heard.chat, Content::text(text)).await?;
    }
    let all = world.until("all eight messages arrive", async || {
        let sent = world.sent(ANA).await;
        (sent.len() >= texts.len()).then_some(sent)
    });
    let seen: Vec<String> = all.await?.into_iter().map(|sent| sent.text).collect();
    same("the order", &seen, &texts)
}

pub(super) async fn long_text(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let heard = world.hear(ana("tell me everything")).await?;
    let limit = world.can().text;
    for most in [limit.max / 2, limit.max * 3, (limit.max * 60).min(200_000)] {
        let before = world.sent(ANA).await.len();
        let text = story(most.min(200_000));
        let expected = dense(&plain(&parse(&text)));
        world.tell(&heard.chat, Content::text(&text)).await?;
        let whole = async || {
            let parts = world.sent(ANA).await.split_off(before);
            let said: String = parts.iter().map(|part| dense(&part.text)).collect();
            (said.len() >= expected.len()).then_some((parts, said))
        };
        let what = format!("all of a text of {} bytes arrives", text.len());
        let (parts, said) = world.until(&what, whole).await?;
        ensure(said == expected, || difference(&said, &expected))?;
        if world.can().delivery == DeliveryClass::Native {
            continue;
        }
        for part in parts {
            ensure(!part.text.starts_with(joined), || {
                "a part begins in the middle of a character".into()
            })?;
            let size = limit.unit.measure(&part.text);
            ensure(size <= limit.max, || {
                format!("a part of {size} where {} is allowed", limit.max)
            })?;
        }
    }
    full(&world, &heard.chat, limit).await
}

/// What is claimed to fit into one message fits.
async fn full(world: &World, chat: &Chat, limit: TextLimit) -> Checked {
    let most = limit.max.min(100_000);
    let wide = limit.unit.measure("😀");
    for text in ["a".repeat(most), "😀".repeat(most / wide)] {
        let before = world.sent(ANA).await.len();
        world.tell(chat, Content::text(&text)).await?;
        let arrived = async || world.sent(ANA).await.into_iter().nth(before);
        let what = format!("a text of {most} arrives");
        let sent = world.until(&what, arrived).await?;
        ensure(sent.text == text, || {
            let is = limit.unit.measure(&sent.text);
            format!("{most} should fit into one message; the first has {is}")
        })?;
    }
    Ok(())
}

/// Whether this belongs to what stands before it.
fn joined(char: char) -> bool {
    matches!(char, '\u{200D}' | '\u{300}'..='\u{36F}' | '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}')
}

pub(super) async fn code(bench: &Bench<'_>) -> Checked {
    const CODE: &str = "fn main() {\n    let a = \"*b* <i>&amp;</i> _c_\";\n\n    if a  >  1 {\n        go(a);\n    }\n}";
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let heard = world.hear(ana("how is it written?")).await?;
    let text = format!("Like this:\n\n```rust\n{CODE}\n```\n\nThat is all.");
    world.tell(&heard.chat, Content::text(text)).await?;
    let whole = async || {
        let sent = world.sent(ANA).await;
        let said: Vec<String> = sent.into_iter().map(|sent| sent.text).collect();
        let said = said.join("\n");
        said.contains("That is all.").then_some(said)
    };
    let said = world.until("the code arrives", whole).await?;
    ensure(said.contains(CODE), || {
        format!("the code reads otherwise: {said:?}")
    })
}

pub(super) async fn markup(bench: &Bench<'_>) -> Checked {
    const TEXT: &str = "# A heading\n\nPlain, **strong**, *stressed*, ~~struck~~ and `inline code`.\n\n\
        - bullet one\n- bullet two\n  - bullet within\n\n3. number three\n4. number four\n\n\
        > quoted words\n>\n> > quoted twice\n\n| left cell | right cell |\n|---|---|\n| lower cell | last cell |\n\n\
        A [named link](https://example.org/a) and 2 < 3 && 5 > 4, snake_case_name, 2 * 3 * 4.\n\n---\n\nThe end.";
    const LINES: [&str; 9] = [
        "A heading",
        "Plain, strong, stressed, struck and inline code.",
        "bullet one",
        "bullet two",
        "bullet within",
        "number three",
        "quoted words",
        "quoted twice",
        "The end.",
    ];
    const WORDS: [&str; 9] = [
        "number four",
        "left cell",
        "right cell",
        "lower cell",
        "last cell",
        "named link",
        "2 < 3 && 5 > 4",
        "snake_case_name",
        "2 * 3 * 4",
    ];
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let heard = world.hear(ana("show me everything")).await?;
    world.tell(&heard.chat, Content::text(TEXT)).await?;
    let whole = async || {
        let sent = world.sent(ANA).await;
        let said: Vec<String> = sent.into_iter().map(|sent| sent.text).collect();
        let said = said.join("\n");
        said.contains("The end.").then_some(said)
    };
    let said = world.until("the text arrives", whole).await?;
    let unmarked = |line: &str| {
        line.trim_matches(|it: char| !it.is_alphanumeric() && it != '.')
            .to_owned()
    };
    let lines: Vec<String> = said.lines().map(unmarked).collect();
    // A number or a bullet may stand before its item.
    let stands = |line: &&str| {
        lines
            .iter()
            .any(|it| it.ends_with(*line) && it.len() <= line.len() + 3)
    };
    let lost = LINES.into_iter().find(|line| !stands(line));
    ensure(lost.is_none(), || format!("no line is {lost:?}: {said:?}"))?;
    let lost = WORDS.into_iter().find(|words| !said.contains(words));
    ensure(lost.is_none(), || format!("{lost:?} is lost: {said:?}"))
}

/// About so many bytes of everything that makes cutting hard, each paragraph with its number.
fn story(most: usize) -> String {
    const SCRIPTS: [&str; 5] = [
        "Plain words, and then some more of them, until the line is long enough to matter.",
        "日本語の文章はスペースなしで続きますから、どこで切るかは難しい問題です。漢字も混ざります。",
        "שלום לכולם, זה טקסט מימין לשמאל. مرحبا بالعالم، هذا نص من اليمين إلى اليسار.",
        "👩‍👩‍👧‍👦👍🏽🏳️‍🌈🇩🇪👩🏿‍🚀 e\u{301}a\u{308}o\u{302} 👨‍👩‍👧‍👦🧑🏻‍🤝‍🧑🏿",
        "**Strong words** and *stressed ones* and `code` between them.",
    ];
    let mut text = String::new();
    let mut number = 0;
    while text.len() < most {
        number += 1;
        let script = SCRIPTS[number % SCRIPTS.len()];
        text.push_str(&format!("Paragraph {number}: {script}\n\n"));
        if number % 9 == 0 {
            text.push_str("```rust\n");
            for line in 0..12 {
                text.push_str(&format!(
                    "let answer_{number}_{line} = \"*not* <b>markup</b> & 😀\";\n"
                ));
            }
            text.push_str("```\n\n");
        }
    }
    text
}

/// Without white space, which parts and platforms may change at their edges.
fn dense(text: &str) -> String {
    text.chars().filter(|char| !char.is_whitespace()).collect()
}

fn difference(said: &str, expected: &str) -> String {
    let pairs = said.chars().zip(expected.chars());
    let at = pairs.take_while(|(a, b)| a == b).count();
    let near = |text: &str| {
        text.chars()
            .skip(at.saturating_sub(10))
            .take(40)
            .collect::<String>()
    };
    format!(
        "the text differs at character {at}: is \"{}\", should be \"{}\"",
        near(said),
        near(expected)
    )
}

pub(super) async fn unsupported(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let heard = world.hear(ana("hello")).await?;
    let target = heard.row.event.clone().unwrap_or_else(|| EventId::new("1"));
    let (can, adapter) = (world.can(), world.adapter());
    let message = OutMessage {
        markup: parse("never said"),
        ..OutMessage::default()
    };
    let draft = message.markup.clone();
    let unclaimed = [
        (
            can.edit.is_none(),
            Verb::Edit {
                target: target.clone(),
                message,
            },
        ),
        (
            can.delete.is_none(),
            Verb::Delete {
                target: target.clone(),
            },
        ),
        (
            can.react.is_none(),
            Verb::React {
                target: target.clone(),
                emoji: vec!["👍".into()],
            },
        ),
        (
            can.answer.is_none(),
            Verb::Answer {
                token: "token".into(),
                text: String::new(),
            },
        ),
        (can.mark_read.is_none(), Verb::MarkRead { target }),
        (can.typing.is_none(), Verb::Typing),
        (
            can.draft.is_none(),
            Verb::Draft {
                id: 7,
                markup: draft,
            },
        ),
    ];
    let verbs: Vec<Verb> = unclaimed
        .into_iter()
        .filter_map(|(absent, verb)| absent.then_some(verb))
        .collect();
    if verbs.is_empty() {
        return Err(Miss::NotClaimed("it can do everything".into()));
    }
    for verb in verbs {
        let name = verb.name();
        let id = (!verb.is_ephemeral()).then_some(DeliveryId(1_000_000));
        let out = Outbound {
            id,
            chat: heard.chat.handle.clone(),
            verb,
        };
        match adapter.perform(&out).await {
            Ok(_) => {
                return Err(Miss::Failed(format!(
                    "`{name}` is not claimed and answered Ok"
                )));
            }
            Err(error) => same(&format!("`{name}`"), error.kind(), &ErrorKind::Unsupported)?,
        }
    }
    let shown = world.vendor.shown().await;
    ensure(shown == crate::conformance::Shown::default(), || {
        "something was shown".into()
    })?;
    same("what was done", &world.vendor.sent().await, &Vec::new())
}

pub(super) async fn secrets(bench: &Bench<'_>) -> Checked {
    let world = bench.world(Setup::new(Mood::Silent)).await?;
    let wrong = world.vendor.wrong_secrets();
    let canaries = canaries(&[Some(world.vendor.secrets()), wrong.clone()]);
    if canaries.is_empty() {
        return Err(Miss::NotClaimed("there are no secrets".into()));
    }
    let adapter = world.adapter();
    let ear = Ear::default();
    let mut words = vec![format!("{:?} {:#?}", world.vendor.factory(), world.parts())];
    words.push(format!(
        "{:?}",
        adapter.probe().with_subscriber(ear.clone()).await
    ));
    if let Some(wrong) = wrong {
        let _ = world.add_again(wrong).await;
    }
    let heard = world.hear(ana("hello")).await?;
    words.extend(handed_on(&world).await);
    // Whatever goes wrong says something; what cannot be simulated says nothing.
    for fault in [
        Fault::Refused,
        Fault::ServerError,
        Fault::CutAfterAccept,
        Fault::Unreachable,
    ] {
        let _ = world.vendor.fail_next(fault).await;
        let out = Outbound {
            id: Some(DeliveryId(1_000_001)),
            chat: heard.chat.handle.clone(),
            verb: Verb::Send(OutMessage {
                markup: parse("hello"),
                ..OutMessage::default()
            }),
        };
        let done = adapter.perform(&out).with_subscriber(ear.clone()).await;
        words.extend(done.as_ref().err().map(everything).unwrap_or_default());
        words.push(format!("{done:?}"));
    }
    for wire in [Wire::Cut, Wire::Down] {
        let _ = world.vendor.wire(wire).await;
        world.quiet().await;
        words.extend(
            adapter
                .probe()
                .await
                .as_ref()
                .err()
                .map(everything)
                .unwrap_or_default(),
        );
        words.push(format!("{:?}", world.state()));
    }
    let _ = world.vendor.wire(Wire::Up).await;
    let _ = world.vendor.revoke(true).await;
    words.extend(
        adapter
            .probe()
            .with_subscriber(ear.clone())
            .await
            .as_ref()
            .err()
            .map(everything)
            .unwrap_or_default(),
    );
    words.extend(world.tap.notes().words.clone());
    words.extend(ear.heard());
    let spoken = words
        .iter()
        .find(|word| canaries.iter().any(|canary| word.contains(canary)));
    match spoken {
        None => Ok(()),
        Some(word) => {
            let masked = canaries.iter().fold(word.clone(), |word, canary| {
                word.replace(canary, "<SECRET>")
            });
            let around = masked.find("<SECRET>").unwrap_or(0);
            let near: String = masked
                .chars()
                .skip(around.saturating_sub(60))
                .take(120)
                .collect();
            Err(Miss::Failed(format!("a secret is printed: …{near}…")))
        }
    }
}

/// What an adapter hands on to be stored: places, events, and where files are.
async fn handed_on(world: &World) -> Vec<String> {
    let mut words = Vec::new();
    if world.can().media_in.is_some() {
        let mut said = ana("a file");
        said.files.push(File {
            name: "a.bin".to_owned(),
            mime: "application/octet-stream".to_owned(),
            bytes: "a file".into(),
        });
        // Some platforms have no such thing, whatever the adapter claims; other rules say so.
        let _ = world.hear(said).await;
    }
    if let Some(media) = world.parts().media {
        let fetched = media.fetch("a file that never was").await;
        words.extend(fetched.as_ref().err().map(everything).unwrap_or_default());
    }
    let notes = world.tap.notes().events.clone();
    words.extend(notes.iter().map(|event| format!("{event:?}")));
    let row = world.ledger.connection(&world.id).await;
    words.push(format!(
        "{:?}",
        row.ok().flatten().and_then(|row| row.cursor)
    ));
    words
}

fn canaries(secrets: &[Option<Secrets>]) -> Vec<String> {
    let all = secrets
        .iter()
        .flatten()
        .flat_map(|secrets| secrets.0.values());
    let long = all.map(|secret| secret.expose().to_owned());
    long.filter(|secret| secret.len() >= 4).collect()
}
