//! The engine as a whole, over the store in memory and invented platforms, on paused time.

mod growing;
mod nodes;
mod posting;
mod pushing;
mod world;

use chatbox_core::backend::{BackendError, TurnOutcome};
use chatbox_core::connector::{AdapterError, ErrorKind, Fate};
use chatbox_core::event::{Content, EventBody};
use chatbox_core::id::{ChatId, ConnectionId, Fence};
use chatbox_core::push::Handed;
use chatbox_core::store::{
    Admin, Author, DeliveryFilter, DeliveryState, LaneKey, LaneKind, LogRow, MemoryStore, Parcel,
    ServiceKind, Store,
};
use chatbox_core::{Connect, Error, Say};
use metrics_exporter_prometheus::PrometheusBuilder;
use pushing::{Harness, again};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use world::{Counted, Far, Invented, Script, World, alpha, beta};

const SOON: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn a_reply_goes_back_to_the_chat_it_came_from_and_nowhere_else() {
    let world = World::new(Script::echo()).await;
    let (alpha, beta) = (world.connect(alpha()).await, world.connect(beta()).await);
    alpha.say("ana", "one").await;
    beta.say("ben", "two").await;
    sleep(SOON).await;
    assert_eq!(alpha.sent(), [("ana".to_owned(), "one".to_owned())]);
    assert_eq!(beta.sent(), [("ben".to_owned(), "two".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_chat_are_answered_in_order_and_one_turn_at_a_time() {
    let world = World::new(Script::echo().taking(Duration::from_millis(50))).await;
    let alpha = world.connect(alpha()).await;
    for round in 0..5 {
        for person in ["ana", "ben", "cem"] {
            alpha.say(person, &format!("{round}")).await;
        }
        sleep(Duration::from_millis(70)).await;
    }
    sleep(SOON).await;
    let answered = |person: &str| -> String {
        let own = alpha.sent().into_iter().filter(|(chat, _)| chat == person);
        own.map(|(_, text)| text)
            .collect::<Vec<_>>()
            .concat()
            .replace('\n', "")
    };
    for person in ["ana", "ben", "cem"] {
        assert_eq!(answered(person), "01234", "{person}");
    }
    assert_eq!(world.script.most_at_once_in_one_session(), 1);
    assert!(
        world.script.most_at_once() > 1,
        "sessions run beside each other"
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_during_a_turn_causes_another_turn() {
    let world = World::new(Script::echo().taking(Duration::from_secs(2))).await;
    let alpha = world.connect(alpha()).await;
    alpha.say("ana", "first").await;
    sleep(Duration::from_secs(1)).await;
    alpha.say("ana", "second").await;
    sleep(Duration::from_secs(10)).await;
    let texts: Vec<_> = alpha.sent().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_backend_is_told_once_and_the_session_stays_whole() {
    let refused = || Err(BackendError::Refused("401 from the model".to_owned()));
    let world = World::new(Script::echo().first([refused(), refused()])).await;
    let alpha = world.connect(alpha()).await;
    for text in ["one", "two", "three"] {
        alpha.say("ana", text).await;
        sleep(SOON).await;
    }
    let texts: Vec<_> = alpha.sent().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts.len(), 2, "one notice and one answer: {texts:?}");
    assert!(
        texts[0].starts_with("Sorry") && !texts[0].contains("401"),
        "{texts:?}"
    );
    assert_eq!(texts[1], "three");
    let told = world.script.last_context();
    assert_eq!(told, ["one", "two"], "what failed is still known");
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_takes_too_long_is_ended_and_told() {
    let world = World::new(Script::echo().taking(Duration::from_secs(1000))).await;
    let alpha = world.connect(alpha()).await;
    alpha.say("ana", "slow").await;
    sleep(Duration::from_secs(150)).await;
    let sent = alpha.sent();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].1.contains("too long"), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_crashing_turn_is_tried_again_and_ends_as_a_dead_letter() {
    let world = World::new(Script::echo().crashing_on("bomb")).await;
    let alpha = world.connect(alpha()).await;
    alpha.say("ana", "bomb").await;
    sleep(Duration::from_secs(60)).await;
    alpha.say("ana", "fine").await;
    alpha.say("ben", "also fine").await;
    sleep(Duration::from_secs(60)).await;
    assert!(world.script.crashes() <= 5, "{}", world.script.crashes());
    let mut texts: Vec<_> = alpha.sent().into_iter().map(|(_, text)| text).collect();
    texts.sort();
    assert_eq!(texts, ["also fine", "fine"]);
    let rows = world.rows("ana").await;
    let dead = rows
        .iter()
        .any(|row| matches!(&row.body, EventBody::Outcome { .. }));
    assert!(dead, "the dead letter can be seen: {rows:?}");
}

#[tokio::test(start_paused = true)]
async fn stop_ends_a_running_turn_and_new_forgets_the_past() {
    let world = World::new(Script::echo().taking(Duration::from_secs(60))).await;
    let alpha = world.connect(alpha()).await;
    alpha.say("ana", "long").await;
    sleep(Duration::from_secs(2)).await;
    alpha.command("ana", "stop").await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(alpha.sent(), [("ana".to_owned(), "Stopped.".to_owned())]);
    alpha.command("ana", "new").await;
    sleep(Duration::from_secs(2)).await;
    alpha.say("ana", "fresh").await;
    sleep(Duration::from_secs(62)).await;
    assert_eq!(world.script.last_context(), [""; 0].map(str::to_owned));
    assert_eq!(
        alpha.sent().last().map(|(_, text)| text.as_str()),
        Some("fresh")
    );
}

#[tokio::test(start_paused = true)]
async fn a_turn_cut_off_by_a_drain_runs_again_under_the_next_fence() {
    let store = Arc::new(MemoryStore::new());
    let world = World::over(store.clone(), Script::echo().taking(Duration::from_secs(5))).await;
    let alpha_platform = alpha();
    let first = world.connect(alpha_platform.clone()).await;
    first.say("ana", "again").await;
    sleep(Duration::from_secs(1)).await;
    assert!(world.chatbox.drain(SOON).await, "everything let go");
    assert!(
        first.sent().is_empty(),
        "nothing was said by the turn that was cut off"
    );
    let next = World::over(store, Script::echo()).await;
    let second = next.connect(alpha_platform).await;
    sleep(SOON).await;
    assert_eq!(second.sent(), [("ana".to_owned(), "again".to_owned())]);
    let mut fences = world.script.fences();
    fences.extend(next.script.fences());
    assert!(
        fences.windows(2).all(|pair| pair[0] < pair[1]),
        "{fences:?}"
    );
}

/// A message that waits for its turn in a store nobody has open, and its connection.
async fn cut_off(store: Arc<MemoryStore>, platform: Invented) -> ConnectionId {
    let world = World::over(store, Script::echo().taking(Duration::from_secs(60))).await;
    let town = world.connect(platform).await;
    town.say("ana", "still there?").await;
    sleep(Duration::from_secs(1)).await;
    assert!(world.chatbox.drain(SOON).await);
    assert_eq!((world.script.turns(), town.sent().len()), (1, 0));
    town.id
}

#[tokio::test(start_paused = true)]
async fn drains_during_a_long_turn_cost_it_no_attempt() {
    let store = Arc::new(MemoryStore::new());
    let platform = alpha();
    cut_off(store.clone(), platform.clone()).await;
    let script = Script::echo().taking(Duration::from_secs(60));
    for _ in 0..5 {
        let world = World::over(store.clone(), script.clone()).await;
        world.connect(platform.clone()).await;
        sleep(Duration::from_secs(1)).await;
        assert!(world.chatbox.drain(SOON).await);
    }
    let world = World::over(store, script).await;
    let alpha = world.connect(platform).await;
    sleep(Duration::from_secs(10 * 60)).await;
    let answer = ("ana".to_owned(), "still there?".to_owned());
    assert_eq!(alpha.sent(), [answer]);
    assert_eq!(world.script.attempts(), [1; 6]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_waits_for_its_connection_at_no_cost() {
    let store = Arc::new(MemoryStore::new());
    let platform = alpha();
    cut_off(store.clone(), platform.clone()).await;
    let world = World::over(store, Script::echo()).await;
    sleep(Duration::from_secs(10 * 60)).await;
    assert_eq!(world.script.turns(), 0, "its reply could not be sent");
    let alpha = world.connect(platform).await;
    sleep(Duration::from_secs(2 * 60)).await;
    let answer = ("ana".to_owned(), "still there?".to_owned());
    assert_eq!(alpha.sent(), [answer]);
    assert_eq!(world.script.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn at_the_start_a_turn_begins_with_its_connection() {
    let store = Arc::new(MemoryStore::new());
    let platform = alpha();
    cut_off(store.clone(), platform.clone()).await;
    let world = World::over(store, Script::echo()).await;
    sleep(Duration::from_secs(1)).await;
    let alpha = world.connect(platform).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!((alpha.sent().len(), world.script.turns()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_turn_runs_while_its_platform_is_away_and_the_reply_waits() {
    let store = Arc::new(MemoryStore::new());
    let platform = alpha();
    cut_off(store.clone(), platform.clone()).await;
    let world = World::over(store, Script::echo()).await;
    platform.refuse_to_open();
    let alpha = world.attach("main", platform).await;
    sleep(Duration::from_secs(10 * 60)).await;
    assert_eq!((alpha.sent().len(), world.script.turns()), (0, 1));
    alpha.open_again();
    sleep(Duration::from_secs(2 * 60)).await;
    assert_eq!((alpha.sent().len(), world.script.turns()), (1, 1));
    assert_eq!(world.deliveries().await[0].attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_connection_that_was_removed() {
    let store = Arc::new(MemoryStore::new());
    let gone = cut_off(store.clone(), alpha()).await;
    let world = World::over(store.clone(), Script::echo()).await;
    world.chatbox.remove(&gone).await.expect("it is there");
    sleep(Duration::from_secs(2 * 60)).await;
    assert_eq!(world.script.turns(), 0);
    assert_eq!(
        store
            .next_due(LaneKind::Turn, Some(&["main".to_owned()]))
            .await
            .expect("it reads"),
        None
    );
    let said = world.rows("ana").await.remove(0);
    let story = store.trace(said.seq).await.expect("it reads");
    let end = &story.last().expect("a turn").detail;
    assert!(end.contains("failed, connection removed"), "{end}");
}

#[tokio::test(start_paused = true)]
async fn only_what_somebody_here_answers_is_taken() {
    let world = World::new(Script::echo()).await;
    world.mailbox_answered_elsewhere("other").await;
    let beta = world.connect_to("other", beta()).await;
    beta.say("ben", "anybody?").await;
    sleep(Duration::from_secs(60 * 60)).await;
    let script = Script::echo();
    let backend = Some(Arc::new(script.clone()) as _);
    let answered = world.chatbox.mailbox("other", backend).await;
    answered.expect("the store works");
    sleep(SOON).await;
    assert_eq!(beta.sent().len(), 1);
    assert_eq!(script.fences(), [Fence(1)], "nobody took it in vain");
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_due_for_somebody_else_is_not_run_after() {
    let store = Arc::new(Counted::new());
    let world = World::over(store.clone(), Script::echo()).await;
    world.mailbox_answered_elsewhere("other").await;
    let beta = world.connect_to("other", beta()).await;
    beta.say("ben", "anybody?").await;
    sleep(SOON).await;
    let theirs = ["other".to_owned()];
    let due = store.next_due(LaneKind::Turn, Some(&theirs)).await;
    let due = due.expect("it reads");
    let now = store.now().await.expect("it has a clock");
    assert!(due.is_some_and(|due| due < now), "{due:?}");
    let before = store.claims();
    sleep(Duration::from_secs(60)).await;
    let claims = store.claims() - before;
    // Once a second, as where nothing is due.
    assert!((59..=62).contains(&claims), "{claims}");
}

#[tokio::test(start_paused = true)]
async fn ten_messages_at_once_are_answered_and_the_rest_waits_without_being_lost() {
    let world = World::new(Script::echo()).await;
    let alpha = world.connect(alpha()).await;
    for number in 0..25 {
        alpha.say("ana", &format!("m{number}")).await;
    }
    sleep(Duration::from_secs(30)).await;
    let all: String = alpha
        .sent()
        .into_iter()
        .map(|(_, text)| format!("{text}\n"))
        .collect();
    for number in 0..25 {
        assert_eq!(
            all.matches(&format!("m{number}\n")).count(),
            1,
            "m{number} in {all}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_said_is_turned_to_though_its_sender_went_away_or_its_connection_was_stopped() {
    for is_stopped in [false, true] {
        let store = Arc::new(Far(MemoryStore::new()));
        let world = World::over(store, Script::echo()).await;
        let town = world.connect(alpha()).await;
        town.wait_open().await;
        let mut again = None;
        if is_stopped {
            town.say("ana", "hello").await;
            sleep(Duration::from_millis(100)).await;
            world.chatbox.let_go(&town.id).await;
            again = Some(world.connect(alpha()).await);
        } else {
            let hello = town.event("ana", "hello");
            let saying = world.chatbox.receive(&town.id, hello);
            let cut_off = timeout(Duration::from_millis(100), saying).await;
            assert!(cut_off.is_err(), "{cut_off:?}");
        }
        // Far sooner than a lease that nobody keeps ends.
        sleep(SOON).await;
        assert_eq!(world.script.turns(), 1, "stopped: {is_stopped}");
        drop(again);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_who_can_be_asked_to_wait_is_asked() {
    let world = World::new(Script::echo()).await;
    let alpha = world.connect(alpha()).await;
    let mut fates = Vec::new();
    for number in 0..11 {
        fates.push(
            world
                .chatbox
                .receive(&alpha.id, alpha.event("ana", &format!("m{number}")))
                .await
                .expect("it runs"),
        );
    }
    assert!(
        fates[..10]
            .iter()
            .all(|fate| matches!(fate, Fate::Stored(_))),
        "{fates:?}"
    );
    assert!(
        matches!(fates[10], Fate::Later(wait) if wait <= Duration::from_secs(1)),
        "{fates:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn connections_come_and_go_at_run_time_and_one_failing_stops_no_other() {
    let world = World::new(Script::echo()).await;
    let (alpha, beta) = (world.connect(alpha()).await, world.connect(beta()).await);
    alpha.break_off(AdapterError::new(ErrorKind::Unavailable, "gone"));
    alpha.refuse_to_open();
    beta.say("ben", "still here").await;
    sleep(SOON).await;
    assert_eq!(beta.sent().len(), 1);
    world.chatbox.remove(&alpha.id).await.expect("it is there");
    assert_eq!(world.chatbox.links().len(), 1);
    assert!(matches!(
        world.chatbox.remove(&alpha.id).await,
        Err(Error::NotFound(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_every_platform_though_one_has_nobody() {
    let world = World::new(Script::echo()).await;
    let (alpha, beta) = (world.connect(alpha()).await, world.connect(beta()).await);
    alpha.say("ana", "hi").await;
    sleep(SOON).await;
    let results = world
        .chatbox
        .broadcast(&"main".into(), &Content::text("news"), None)
        .await;
    sleep(SOON).await;
    assert_eq!(
        results.iter().filter(|(_, result)| result.is_ok()).count(),
        1
    );
    assert_eq!(results.len(), 2);
    assert_eq!(
        alpha.sent().last(),
        Some(&("ana".to_owned(), "news".to_owned()))
    );
    assert!(beta.sent().is_empty());
    let only_beta = world
        .chatbox
        .broadcast(
            &"main".into(),
            &Content::text("news"),
            Some(&["beta".into()]),
        )
        .await;
    assert_eq!(only_beta.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_platform_does_not_offer_is_refused_before_anything_is_stored() {
    let world = World::new(Script::echo()).await;
    let alpha = world.connect(alpha()).await;
    alpha.say("ana", "hi").await;
    sleep(SOON).await;
    let said = world
        .rows("ana")
        .await
        .into_iter()
        .rfind(|row| row.out)
        .expect("it answered");
    let author = Author::Mailbox { id: "main".into() };
    let refused = world
        .chatbox
        .say(said.chat, author, Say::Delete { target: said.seq })
        .await;
    let Err(Error::Adapter(error)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(error.kind(), &ErrorKind::Unsupported);
    assert_eq!(world.rows("ana").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_comes_for_its_messages_looks_at_one_chat_at_a_time() {
    let world = World::new(Script::echo()).await;
    let chatbox = &world.chatbox;
    let pulled = chatbox.mailbox("pulled", None).await.expect("a mailbox");
    let town = world.connect_to("pulled", alpha()).await;
    for text in ["one", "two", "three"] {
        town.say("ana", text).await;
    }
    town.say("bo", "elsewhere").await;
    sleep(SOON).await;

    let all = chatbox.overview(&pulled, 10).await.expect("a read");
    let unread: Vec<u64> = all.iter().map(|it| it.unread).collect();
    assert_eq!(unread, [1, 3], "the newest chat first");
    let ana = all[1].chat.id;
    let switched = chatbox.switch(&pulled, Some(ana), 5).await;
    let switched = switched.expect("the chat is the mailbox's");
    assert!(switched.moved);
    assert_eq!(texts(&switched.unread), ["one", "two", "three"]);
    assert!(switched.older.is_empty());
    let again = chatbox.switch(&pulled, Some(ana), 5).await.expect("again");
    assert_eq!((again.moved, again.unread), (false, switched.unread));

    chatbox.settle_focus(&pulled).await.expect("a write");
    town.say("ana", "four").await;
    sleep(SOON).await;
    let there = chatbox.switch(&pulled, Some(ana), 5).await.expect("there");
    assert!(there.unread.is_empty(), "it was consumed as it came");
    chatbox.switch(&pulled, None, 5).await.expect("nowhere");
    town.say("ana", "five").await;
    sleep(SOON).await;
    let back = chatbox.switch(&pulled, Some(ana), 16).await.expect("back");
    assert_eq!(texts(&back.unread), ["five"]);
    assert_eq!(texts(&back.older), ["three", "four"]);

    let unknown = chatbox.switch(&pulled, Some(ChatId(99)), 5).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    let run = chatbox.switch(&"main".into(), None, 5).await;
    assert!(matches!(run, Err(Error::Unfocused(_))), "{run:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_said_before_is_told_as_far_as_it_fits_the_newest_first() {
    let world = World::new(Script::echo()).await;
    let chatbox = &world.chatbox;
    let pulled = chatbox.mailbox("pulled", None).await.expect("a mailbox");
    let town = world.connect_to("pulled", alpha()).await;
    // A hundred and four tokens each.
    for n in 0..100 {
        town.say("ana", &format!("{n:400}")).await;
    }
    sleep(SOON).await;
    let all = chatbox.overview(&pulled, 10).await.expect("a read");
    let ana = all[0].chat.id;
    for (floor, told) in [(0, 0), (2_000, 19), (8_000, 76), (1_000_000, 100)] {
        chatbox.switch(&pulled, Some(ana), 0).await.expect("there");
        chatbox.switch(&pulled, None, 0).await.expect("nowhere");
        let back = chatbox.switch(&pulled, Some(ana), floor).await;
        let back = back.expect("back");
        assert!(back.unread.is_empty());
        let numbers = texts(&back.older).into_iter().map(|it| it.trim().parse());
        let numbers: Result<Vec<i32>, _> = numbers.collect();
        let newest: Vec<i32> = (100 - told..100).collect();
        assert_eq!(numbers.expect("numbers"), newest, "of {floor} tokens");
        chatbox.switch(&pulled, None, 0).await.expect("nowhere");
    }
    town.say("ana", &"new".repeat(400)).await;
    sleep(SOON).await;
    let full = chatbox.switch(&pulled, Some(ana), 500).await.expect("full");
    // Three hundred and four are spent on what is unread.
    assert_eq!((full.unread.len(), full.older.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_send_that_outlasts_its_lease_keeps_its_lane() {
    let world = World::new(Script::echo()).await;
    let alpha = world.connect(alpha()).await;
    // Longer than a lease, and nobody else may take it for lost.
    alpha.slow_down(Duration::from_secs(50));
    for text in ["one", "two"] {
        alpha.say("ana", text).await;
    }
    sleep(Duration::from_secs(120)).await;
    let states: Vec<_> = world.deliveries().await;
    let states: Vec<_> = states.into_iter().map(|it| it.state).collect();
    assert!(
        states.iter().all(|it| *it == DeliveryState::Delivered),
        "{states:?}"
    );
    assert_eq!(alpha.sent().len(), states.len(), "each once");
}

fn texts(rows: &[LogRow]) -> Vec<&str> {
    let texts = rows.iter().filter_map(|row| row.body.content());
    texts.map(|content| content.text.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_accepted_send_ends_in_one_state_that_can_be_seen() {
    let world = World::new(Script::echo()).await;
    let alpha = world.connect(alpha()).await;
    let outcomes = [
        (ErrorKind::Forbidden, DeliveryState::Failed),
        (ErrorKind::Ambiguous, DeliveryState::Unknown),
        (ErrorKind::Unavailable, DeliveryState::Delivered),
        (ErrorKind::RateLimited, DeliveryState::Delivered),
    ];
    for (kind, expected) in outcomes {
        alpha.fail_next_send(AdapterError::new(kind.clone(), "as told"));
        alpha.say("ana", &format!("{kind:?}")).await;
        sleep(Duration::from_secs(20)).await;
        let newest = world
            .deliveries()
            .await
            .into_iter()
            .next()
            .expect("it was queued");
        assert_eq!(newest.state, expected, "{kind:?}");
    }
    let rows = world.rows("ana").await;
    let told = rows
        .iter()
        .filter(|row| matches!(row.body, EventBody::Outcome { .. }))
        .count();
    assert_eq!(
        told, 2,
        "the agent is told of what failed and of what is in doubt"
    );
    assert_eq!(alpha.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_lost_connection_costs_no_attempt_and_a_late_reply_expires() {
    let world = World::new(Script::echo().taking(Duration::from_secs(10))).await;
    let alpha = world.connect(alpha()).await;
    alpha.say("ana", "short").await;
    sleep(Duration::from_secs(1)).await;
    alpha.refuse_to_open();
    alpha.break_off(AdapterError::new(ErrorKind::Unavailable, "gone"));
    sleep(Duration::from_secs(120)).await;
    let waiting = world.deliveries().await.remove(0);
    assert_eq!(
        (waiting.state, waiting.attempts),
        (DeliveryState::Queued, 0)
    );
    alpha.open_again();
    sleep(Duration::from_secs(120)).await;
    assert_eq!(alpha.sent().len(), 1);
    alpha.say("ana", "long").await;
    sleep(Duration::from_secs(1)).await;
    alpha.refuse_to_open();
    alpha.break_off(AdapterError::new(ErrorKind::Unavailable, "gone"));
    sleep(Duration::from_secs(2 * 60 * 60)).await;
    alpha.open_again();
    sleep(Duration::from_secs(120)).await;
    assert_eq!(world.deliveries().await[0].state, DeliveryState::Expired);
    assert_eq!(alpha.sent().len(), 1, "it came too late to be sent");
}

#[tokio::test(start_paused = true)]
async fn no_turn_comes_from_a_clock() {
    let world = World::new(Script::echo()).await;
    let alpha = world.connect(alpha()).await;
    alpha.say("ana", "hi").await;
    sleep(Duration::from_secs(60 * 60)).await;
    assert_eq!(world.script.turns(), 1);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_events_three_times_in_any_order_are_taken_in_once() {
    let store = Arc::new(MemoryStore::new());
    let script = Script::replying(|_| Ok(TurnOutcome::default()));
    let mut order: Vec<usize> = (0..30_000).map(|number| number % 10_000).collect();
    let seed = world::shuffle(&mut order);
    println!("seed {seed}");
    let platform = alpha();
    for part in order.chunks(6_000) {
        let world = World::over(store.clone(), script.clone()).await;
        let alpha = world.connect(platform.clone()).await;
        for number in part {
            alpha
                .say_as(
                    &format!("p{}", number % 50),
                    &format!("m{number}"),
                    &format!("e{number}"),
                )
                .await;
        }
        alpha.all_confirmed().await;
        assert!(world.chatbox.drain(SOON).await);
    }
    let world = World::over(store.clone(), script).await;
    let mut taken = 0;
    for chat in store.chats(&"main".into(), 1000).await.expect("it reads") {
        taken += world
            .rows_of(chat.id)
            .await
            .iter()
            .filter(|row| !row.out)
            .count();
    }
    assert_eq!(taken, 10_000);
    let filter = DeliveryFilter {
        states: Vec::new(),
        limit: 10,
        ..DeliveryFilter::default()
    };
    assert!(
        store
            .deliveries(&filter)
            .await
            .expect("it reads")
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn what_arrives_and_not_as_asked_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let world = World::new(Script::echo()).await;
    let alpha = world.connect(alpha()).await;
    alpha.say("ana", "plain").await;
    sleep(SOON).await;
    assert!(!page.render().contains("chatbox_degraded_total"));
    for round in ["**once**", "**twice**"] {
        alpha.lose_with_next_send("the formatting of ana's secret");
        alpha.say("ana", round).await;
        sleep(SOON).await;
    }
    let page = page.render();
    let counted = r#"chatbox_degraded_total{platform="alpha",verb="send"} 2"#;
    assert!(page.contains(counted), "{page}");
    assert!(!page.contains("secret"), "no label holds a text: {page}");
    assert_eq!(alpha.sent().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_wants_to_know_is_told_when_a_connection_goes_up_and_down() {
    let world = World::new(Script::echo()).await;
    let subscribe = Admin::Subscribe {
        account: "main".into(),
        id: "s".to_owned(),
        events: ServiceKind::ALL.to_vec(),
    };
    world
        .chatbox
        .admin(subscribe)
        .await
        .expect("a subscription");
    let alpha = world.connect(alpha()).await;
    sleep(SOON).await;
    alpha.break_off(AdapterError::new(ErrorKind::Unauthorized, "no"));
    sleep(SOON).await;
    let lane = LaneKey::events("s");
    let told = world
        .chatbox
        .store()
        .queued(&lane, 9)
        .await
        .expect("a read");
    let kinds: Vec<ServiceKind> = told
        .iter()
        .map(|delivery| match &delivery.parcel {
            Parcel::Event { event } => event.kind,
            other => panic!("an event was expected: {other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        [ServiceKind::ConnectionUp, ServiceKind::ConnectionDown]
    );
}

#[tokio::test(start_paused = true)]
async fn hand_outs_and_switches_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let world = World::new(Script::echo()).await;
    let harness = Arc::new(Harness::default());
    let chatbox = &world.chatbox;
    chatbox.push_through(harness.clone());
    let pushed = chatbox.pushed_mailbox("pushed").await;
    let pushed = pushed.expect("a mailbox");
    let town = world.connect_to("pushed", alpha()).await;
    let reason = "400".to_owned();
    harness.next(Some("secret"), [again(1), Handed::Failed { reason }]);
    for text in ["secret", "two"] {
        town.say("ana", text).await;
    }
    sleep(SOON).await;
    let ana = chatbox.overview(&pushed, 1).await.expect("a read")[0]
        .chat
        .id;
    for to in [Some(ana), Some(ana), None] {
        chatbox.switch(&pushed, to, 0).await.expect("it can be");
    }
    let page = page.render();
    for counted in [
        r#"chatbox_deliveries_total{outcome="failed"} 1"#,
        r#"chatbox_deliveries_total{outcome="delivered"} 1"#,
        "chatbox_delivery_attempts_total 3",
        "chatbox_focus_switches_total 2",
    ] {
        assert!(page.contains(counted), "{counted}: {page}");
    }
    assert!(!page.contains("secret"), "no label holds a text: {page}");
}

#[tokio::test(start_paused = true)]
async fn one_account_of_a_platform_is_one_connection() {
    let world = World::new(Script::echo()).await;
    let add = async |mailbox: &str| world.chatbox.add(Connect::new(alpha(), mailbox)).await;
    world
        .chatbox
        .mailbox("other", None)
        .await
        .expect("the store works");
    let first = add("main").await.expect("there is room").id;
    let refused = add("other")
        .await
        .expect_err("two would take each other's messages");
    let Error::AccountInUse {
        connection,
        mailbox,
        ..
    } = refused
    else {
        panic!("{refused}");
    };
    assert_eq!((connection, mailbox.as_str()), (first.clone(), "main"));
    assert_eq!(
        world.chatbox.links().len(),
        1,
        "nobody listens a second time"
    );
    let again = add("main").await.expect("it gets the new credential");
    assert_eq!(again.id, first);
    world.chatbox.remove(&first).await.expect("it goes");
    let moved = add("other").await.expect("nobody has it any more");
    assert_ne!(moved.id, first);
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_hangs_up_again_and_again_is_asked_less_and_less() {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    let world = World::new(Script::echo()).await;
    let platform = alpha();
    platform.hang_up(true);
    let (alpha, beta) = (
        world.connect(platform.clone()).await,
        world.connect(beta()).await,
    );
    sleep(HOUR).await;
    let before = platform.opened();
    sleep(HOUR).await;
    let opened = platform.opened() - before;
    assert!((30..=120).contains(&opened), "{opened} times in an hour");
    beta.say("ben", "still here").await;
    sleep(SOON).await;
    assert_eq!(beta.sent().len(), 1);
    platform.hang_up(false);
    sleep(Duration::from_secs(2 * 60)).await;
    alpha.say("ana", "back again").await;
    sleep(SOON).await;
    assert_eq!(alpha.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_crashes_is_opened_again_and_stops_no_other() {
    let world = World::new(Script::echo()).await;
    let (alpha, beta) = (world.connect(alpha()).await, world.connect(beta()).await);
    alpha.crash_on_the_next();
    alpha.say("ana", "bomb").await;
    beta.say("ben", "still here").await;
    sleep(SOON).await;
    assert_eq!(beta.sent().len(), 1);
    alpha.say("ana", "fine").await;
    sleep(SOON).await;
    assert_eq!(alpha.sent(), [("ana".to_owned(), "fine".to_owned())]);
}
