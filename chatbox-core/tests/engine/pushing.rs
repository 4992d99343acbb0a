//! What is handed to a mailbox's own endpoint.

use crate::SOON;
use crate::world::{Script, World, alpha};
use chatbox_core::id::MailboxId;
use chatbox_core::push::{Endpoint, HandOut, Handed, Item};
use chatbox_core::store::{DeliveryFilter, DeliveryState, Standing};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// An endpoint that answers as it is told, and remembers what it was handed.
#[derive(Debug, Default)]
pub(crate) struct Harness {
    /// How long it takes.
    takes: Duration,
    /// What it answers next to a text, or to any.
    answers: std::sync::Mutex<Vec<(Option<&'static str>, Handed)>>,
    handed: std::sync::Mutex<Vec<(i64, String, bool)>>,
    /// Whose endpoint never answers: given up after so long.
    dead: Option<(MailboxId, Duration)>,
}

#[async_trait::async_trait]
impl Endpoint for Harness {
    async fn hand(&self, hand_out: &HandOut) -> Handed {
        let Item::Row {
            row,
            focal,
            mailbox,
            ..
        } = &hand_out.item
        else {
            return Handed::Delivered;
        };
        if let Some((dead, gives_up)) = &self.dead
            && dead == mailbox
        {
            sleep(*gives_up).await;
            return again(60);
        }
        let text = row.body.content().map(|it| it.text.as_str());
        let text = text.unwrap_or_default();
        let seen = (hand_out.delivery.0, text.to_owned(), *focal);
        sleep(self.takes).await;
        self.handed.lock().expect("whole").push(seen);
        let mut answers = self.answers.lock().expect("whole");
        let next = answers
            .iter()
            .position(|(to, _)| to.is_none_or(|to| to == text));
        next.map_or(Handed::Delivered, |next| answers.remove(next).1)
    }
}

impl Harness {
    pub(crate) fn next(&self, to: Option<&'static str>, answers: impl IntoIterator<Item = Handed>) {
        let answers = answers.into_iter().map(|answer| (to, answer));
        self.answers.lock().expect("whole").extend(answers);
    }

    pub(crate) fn take(&self) -> Vec<(i64, String, bool)> {
        std::mem::take(&mut *self.handed.lock().expect("whole"))
    }
}

pub(crate) fn again(seconds: u64) -> Handed {
    Handed::Retry {
        after: Duration::from_secs(seconds),
        reason: "503".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_pushed_mailbox_is_handed_every_message_in_order() {
    let world = World::new(Script::echo()).await;
    let harness = Arc::new(Harness::default());
    let chatbox = &world.chatbox;
    chatbox.push_through(harness.clone());
    let pushed = chatbox.pushed_mailbox("pushed").await;
    let pushed = pushed.expect("a mailbox");
    let town = world.connect_to("pushed", alpha()).await;
    harness.next(Some("one"), [again(20), again(5)]);
    town.say("ana", "one").await;
    town.say("ana", "two").await;
    town.say("bo", "elsewhere").await;
    sleep(SOON).await;
    let first = harness.take();
    let texts: Vec<&str> = first.iter().map(|it| it.1.as_str()).collect();
    assert!(texts.contains(&"elsewhere"), "another chat does not wait");
    assert!(!texts.contains(&"two"), "the second waits for the first");
    sleep(Duration::from_secs(60)).await;
    let later = harness.take();
    let ids: Vec<i64> = later.iter().map(|it| it.0).collect();
    assert_eq!(ids.first(), ids.get(1), "the same id in every attempt");
    let texts: Vec<&str> = later.iter().map(|it| it.1.as_str()).collect();
    assert_eq!(texts, ["one", "one", "two"]);

    let all = chatbox.overview(&pushed, 5).await.expect("a read");
    let ana = all.iter().find(|it| it.unread == 2).expect("ana's chat");
    chatbox
        .switch(&pushed, Some(ana.chat.id), 5)
        .await
        .expect("there");
    town.say("ana", "three").await;
    sleep(SOON).await;
    assert!(harness.take()[0].2, "the mailbox looks at this chat");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_gone_pauses_its_mailbox_and_loses_nothing() {
    let world = World::new(Script::echo()).await;
    let harness = Arc::new(Harness::default());
    let chatbox = &world.chatbox;
    chatbox.push_through(harness.clone());
    let pushed = chatbox.pushed_mailbox("pushed").await;
    let pushed = pushed.expect("a mailbox");
    let town = world.connect_to("pushed", alpha()).await;
    let reason = "410".to_owned();
    harness.next(None, [Handed::Gone { reason }]);
    for text in ["one", "two", "three"] {
        town.say("ana", text).await;
    }
    sleep(Duration::from_secs(600)).await;
    assert_eq!(harness.take().len(), 1, "nothing more is tried");
    let row = chatbox.store().mailbox(&pushed).await.expect("a read");
    assert_eq!(row.expect("it is there").standing, Standing::Paused);
    chatbox
        .set_standing(&pushed, Standing::Active)
        .await
        .expect("it is there");
    sleep(SOON).await;
    let handed = harness.take();
    let texts: Vec<&str> = handed.iter().map(|it| it.1.as_str()).collect();
    assert_eq!(texts, ["one", "two", "three"]);

    // Ten that are refused in a row pause it too; those stay failed, and can be sent again.
    let refused = || Handed::Failed {
        reason: "400".to_owned(),
    };
    harness.next(None, std::iter::repeat_with(refused).take(10));
    for n in 0..12 {
        town.say("ana", &format!("{n}")).await;
        sleep(SOON).await;
    }
    assert_eq!(harness.take().len(), 10);
    let failed = DeliveryFilter {
        states: vec![DeliveryState::Failed],
        limit: 50,
        ..DeliveryFilter::default()
    };
    let failed = chatbox.store().deliveries(&failed).await.expect("a read");
    assert_eq!(failed.len(), 10);
    chatbox
        .set_standing(&pushed, Standing::Active)
        .await
        .expect("it is there");
    chatbox.retry(failed[0].id).await.expect("it had failed");
    sleep(SOON).await;
    assert_eq!(harness.take().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn more_chats_than_there_is_room_for_wait_for_room_and_for_nothing_else() {
    const CHATS: usize = 200;
    let world = World::new(Script::echo()).await;
    let harness = Arc::new(Harness {
        takes: Duration::from_millis(10),
        ..Harness::default()
    });
    world.chatbox.push_through(harness.clone());
    let pushed = world.chatbox.pushed_mailbox("pushed").await;
    pushed.expect("a mailbox");
    let town = world.connect_to("pushed", alpha()).await;
    let began = Instant::now();
    for round in 0..3 {
        for chat in 0..CHATS {
            town.say(&format!("person {chat}"), &format!("{round}"))
                .await;
        }
    }
    let mut handed = Vec::new();
    while handed.len() < 3 * CHATS {
        sleep(Duration::from_millis(1)).await;
        handed.extend(harness.take());
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{}",
            handed.len()
        );
    }
    // Six hundred times ten milliseconds, 128 at once, are 50: far from when lanes are looked for anyway.
    let took = began.elapsed();
    assert!(took < Duration::from_millis(500), "it took {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_chat_with_much_to_say_keeps_no_place_from_the_others() {
    const CHATS: usize = 160;
    let world = World::new(Script::echo()).await;
    let harness = Arc::new(Harness {
        takes: Duration::from_millis(10),
        ..Harness::default()
    });
    world.chatbox.push_through(harness.clone());
    let pushed = world.chatbox.pushed_mailbox("pushed").await;
    pushed.expect("a mailbox");
    let town = world.connect_to("pushed", alpha()).await;
    for chat in 0..CHATS {
        for round in 0..9 {
            town.say(&format!("person {chat}"), &format!("{round}"))
                .await;
        }
    }
    // The first 128 alone would have the places for 90.
    sleep(Duration::from_millis(60)).await;
    let handed = harness.take();
    let begun = handed.iter().filter(|(_, text, _)| text == "0").count();
    assert_eq!(begun, CHATS, "of {}", handed.len());
    sleep(SOON).await;
    assert_eq!(handed.len() + harness.take().len(), 9 * CHATS);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_another_is_handed_out_follows_it_in_order() {
    const MANY: usize = 100;
    let world = World::new(Script::echo()).await;
    let harness = Arc::new(Harness {
        takes: Duration::from_millis(10),
        ..Harness::default()
    });
    let chatbox = &world.chatbox;
    chatbox.push_through(harness.clone());
    let pushed = chatbox.pushed_mailbox("pushed").await;
    pushed.expect("a mailbox");
    let town = world.connect_to("pushed", alpha()).await;
    // One of those that are known without being read is refused twice: those behind it wait.
    harness.next(Some("7"), [again(5), again(5)]);
    for nth in 0..MANY {
        town.say("ana", &format!("{nth}")).await;
        sleep(Duration::from_millis(4)).await;
    }
    sleep(Duration::from_secs(30)).await;
    let handed = harness.take();
    let mut expected: Vec<String> = (0..MANY).map(|nth| nth.to_string()).collect();
    expected.splice(7..8, ["7", "7", "7"].map(str::to_owned));
    let texts: Vec<&str> = handed.iter().map(|it| it.1.as_str()).collect();
    assert_eq!(texts, expected);
    assert!(
        handed.is_sorted_by_key(|it| it.0),
        "in the order of their ids"
    );
    let open = DeliveryFilter {
        states: vec![DeliveryState::Queued, DeliveryState::Custody],
        limit: 10,
        ..DeliveryFilter::default()
    };
    let open = chatbox.store().deliveries(&open).await.expect("a read");
    assert!(open.is_empty(), "{open:?}");
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_pauses_in_the_middle_is_handed_nothing_more() {
    let world = World::new(Script::echo()).await;
    let harness = Arc::new(Harness {
        takes: Duration::from_millis(10),
        ..Harness::default()
    });
    let chatbox = &world.chatbox;
    chatbox.push_through(harness.clone());
    let pushed = chatbox.pushed_mailbox("pushed").await;
    let pushed = pushed.expect("a mailbox");
    let town = world.connect_to("pushed", alpha()).await;
    let reason = "410".to_owned();
    harness.next(Some("3"), [Handed::Gone { reason }]);
    for nth in 0..9 {
        town.say("ana", &format!("{nth}")).await;
    }
    sleep(Duration::from_secs(60)).await;
    let texts = |handed: Vec<(i64, String, bool)>| -> Vec<String> {
        handed.into_iter().map(|it| it.1).collect()
    };
    assert_eq!(texts(harness.take()), ["0", "1", "2", "3"]);
    chatbox
        .set_standing(&pushed, Standing::Active)
        .await
        .expect("it is there");
    sleep(SOON).await;
    assert_eq!(texts(harness.take()), ["3", "4", "5", "6", "7", "8"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_while_its_mailbox_was_paused_is_not_handed_out_again() {
    let world = World::new(Script::echo()).await;
    let harness = Arc::new(Harness {
        takes: Duration::from_millis(100),
        ..Harness::default()
    });
    let chatbox = &world.chatbox;
    chatbox.push_through(harness.clone());
    let pushed = chatbox.pushed_mailbox("pushed").await;
    let pushed = pushed.expect("a mailbox");
    let town = world.connect_to("pushed", alpha()).await;
    for text in ["one", "two", "three", "four", "five"] {
        town.say("ana", text).await;
    }
    // Another chat's pauses the mailbox at 250 milliseconds; it is heard of while the fourth is being handed out.
    sleep(Duration::from_millis(150)).await;
    let reason = "410".to_owned();
    harness.next(Some("bye"), [Handed::Gone { reason }]);
    town.say("bo", "bye").await;
    sleep(SOON).await;
    let texts = |handed: Vec<(i64, String, bool)>| -> Vec<String> {
        handed.into_iter().map(|it| it.1).collect()
    };
    let before = texts(harness.take());
    assert_eq!(before, ["one", "two", "bye", "three", "four"]);
    chatbox
        .set_standing(&pushed, Standing::Active)
        .await
        .expect("it is there");
    sleep(SOON).await;
    let mut after = texts(harness.take());
    after.sort();
    assert_eq!(after, ["bye", "five"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_back_while_it_waits_is_not_handed_out_as_it_read() {
    let world = World::new(Script::echo()).await;
    let harness = Arc::new(Harness {
        takes: Duration::from_secs(10),
        ..Harness::default()
    });
    world.chatbox.push_through(harness.clone());
    let pushed = world.chatbox.pushed_mailbox("pushed").await;
    pushed.expect("a mailbox");
    let town = world.connect_to("pushed", alpha()).await;
    town.say("ana", "one").await;
    town.say_as("ana", "a secret", "slip").await;
    sleep(Duration::from_secs(1)).await;
    town.take_back("ana", "slip").await;
    sleep(Duration::from_secs(60)).await;
    let handed = harness.take();
    let texts: Vec<&str> = handed.iter().map(|it| it.1.as_str()).collect();
    assert_eq!(texts, ["one", "", ""]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_endpoint_delays_nobody_elses_hand_outs() {
    const OTHERS: usize = 20;
    let world = World::new(Script::echo()).await;
    let chatbox = &world.chatbox;
    let dead = chatbox.pushed_mailbox("dead").await.expect("a mailbox");
    let harness = Arc::new(Harness {
        takes: Duration::from_millis(10),
        dead: Some((dead, Duration::from_secs(15))),
        ..Harness::default()
    });
    chatbox.push_through(harness.clone());
    let dead = world.connect_to("dead", alpha()).await;
    let mut others = Vec::new();
    for nth in 0..OTHERS {
        let name = format!("other {nth}");
        let other = chatbox.pushed_mailbox(name.as_str()).await;
        other.expect("a mailbox");
        others.push(world.connect_to(&name, alpha()).await);
    }
    // More than are handed to one at once, so that it is full and much waits for it.
    for chat in 0..300 {
        dead.say(&format!("person {chat}"), "nobody hears").await;
    }
    for round in 0..10 {
        let began = Instant::now();
        for other in &others {
            other.say("ana", &format!("{round}")).await;
        }
        let mut heard = 0;
        while heard < OTHERS {
            sleep(Duration::from_millis(1)).await;
            heard += harness.take().len();
            let took = began.elapsed();
            assert!(took < Duration::from_millis(50), "{heard} in {took:?}");
        }
        sleep(Duration::from_millis(700)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_long_does_not_wait_in_memory() {
    let world = World::new(Script::echo()).await;
    let harness = Arc::new(Harness {
        takes: Duration::from_millis(50),
        ..Harness::default()
    });
    world.chatbox.push_through(harness.clone());
    let pushed = world.chatbox.pushed_mailbox("pushed").await;
    pushed.expect("a mailbox");
    let town = world.connect_to("pushed", alpha()).await;
    town.say("ana", "one").await;
    town.say_as("ana", &"x".repeat(5000), "long").await;
    town.take_back("ana", "long").await;
    sleep(SOON).await;
    // It was taken back before its turn, and is read when that comes.
    let handed = harness.take();
    let texts: Vec<&str> = handed.iter().map(|it| it.1.as_str()).collect();
    assert_eq!(texts, ["one", "", ""]);
}
