//! What an agent does with its mailbox, on both wires.

use crate::house::{Agent, House, OLDER, newer};
use rmcp::model::SubscriptionFilter;
use rmcp::service::NotificationContext;
use rmcp::{ClientHandler, RoleClient};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

fn list<'a>(value: &'a Value, field: &str) -> &'a Vec<Value> {
    value[field].as_array().expect(field)
}

fn chat<'a>(chats: &'a Value, id: &str) -> &'a Value {
    let chats = list(chats, "chats").iter();
    let mut found = chats.filter(|chat| chat["chat_id"] == id);
    found.next().expect(id)
}

#[tokio::test]
async fn an_agent_reads_turns_answers_and_hears_on_either_wire() {
    for wire in [OLDER, newer()] {
        let house = House::open().await;
        let (alpha, beta) = (house.platform("alpha").await, house.platform("beta").await);
        alpha.says("room", "first").await;
        alpha.says("room", "second").await;
        beta.says("hall", "elsewhere").await;
        let agent = house.agent(wire).await;

        let chats = agent.call("list_chats", json!({})).await;
        let room = chat(&chats, "alpha:room");
        assert_eq!(
            (&room["unread"], &room["focal"]),
            (&json!(2), &json!(false))
        );
        assert_eq!(
            (&room["preview"], &room["name"]),
            (&json!("second"), &json!("the room"))
        );
        assert_eq!(chat(&chats, "beta:hall")["unread"], 1);

        let refused = agent
            .refused("send_message", json!({"text": "hello"}))
            .await;
        assert!(refused.starts_with("no_focal_chat: "), "{refused}");
        assert!(refused.contains("switch_chat"), "{refused}");

        let turned = agent.turn_to("alpha:room").await;
        assert_eq!(
            (&turned["focal_chat_id"], &turned["moved"]),
            (&json!("alpha:room"), &json!(true))
        );
        let recap = turned["recap"].as_str().expect("a recap");
        assert!(recap.contains("unread: 2"), "{recap}");
        assert!(
            recap.contains("\n> first\n") && recap.contains("\n> second\n"),
            "{recap}"
        );

        let said = agent.call("send_message", json!({"text": "hello"})).await;
        assert_eq!(said["chat_id"], "alpha:room");
        assert_eq!(
            alpha.done(1).await,
            [("send".to_owned(), None, "hello".to_owned())]
        );

        let chats = agent.call("list_chats", json!({})).await;
        assert_eq!(chat(&chats, "alpha:room")["unread"], 0);
        assert_eq!(chat(&chats, "alpha:room")["focal"], true);
        assert_eq!(
            chat(&chats, "beta:hall")["unread"],
            1,
            "nothing was read there"
        );
        assert!(beta.done(0).await.is_empty(), "it went to the wrong chat");
    }
}

#[tokio::test]
async fn the_instructions_are_the_same_bytes_every_time_and_on_both_wires() {
    let house = House::open().await;
    let mut told = Vec::new();
    for wire in [OLDER, OLDER, newer(), newer()] {
        let agent = house.agent(wire).await;
        let info = agent.0.peer_info().expect("it said who it is");
        told.push(info.instructions.clone().expect("instructions"));
        agent.call("list_chats", json!({})).await;
        house.platform(&format!("p{}", told.len())).await;
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("switch_chat"));
}

#[tokio::test]
async fn a_repeated_switch_repeats_the_recap_until_something_else_is_asked() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "first").await;
    let agent = house.agent(newer()).await;
    let first = agent.turn_to("alpha:room").await;
    let again = agent.turn_to("alpha:room").await;
    assert_eq!(again["recap"], first["recap"]);
    assert_eq!(again["moved"], false);
    agent.call("list_chats", json!({})).await;
    let later = agent.turn_to("alpha:room").await;
    let recap = later["recap"].as_str().expect("a text");
    assert!(
        recap.contains("already") && !recap.contains("first"),
        "{recap}"
    );
}

#[tokio::test]
async fn looking_at_no_chat_reads_nothing_and_an_empty_one_says_so() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "first").await;
    let agent = house.agent(newer()).await;
    agent.turn_to("alpha:room").await;
    alpha.says("room", "read as it came").await;
    let nowhere = agent.call("switch_chat", json!({"chat_id": null})).await;
    assert_eq!(nowhere["focal_chat_id"], Value::Null);
    alpha.says("room", "not read").await;
    let chats = agent.call("list_chats", json!({})).await;
    assert_eq!(chat(&chats, "alpha:room")["unread"], 1);
    let refused = agent
        .refused("switch_chat", json!({"chat_id": "alpha:nobody"}))
        .await;
    assert!(
        refused.starts_with("chat_not_found: ") && refused.contains("list_chats"),
        "{refused}"
    );
    let refused = agent.refused("switch_chat", json!({})).await;
    assert!(refused.starts_with("invalid_arguments: "), "{refused}");
}

#[tokio::test]
async fn messages_are_read_and_found_without_being_marked_as_read() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    let mut rows = Vec::new();
    for n in 0..5 {
        rows.push(alpha.says("room", &format!("number {n} zebra")).await);
    }
    let agent = house.agent(newer()).await;
    let texts = |messages: &Value| -> Vec<String> {
        let said = list(messages, "messages").iter();
        said.map(|it| it["text"].as_str().expect("a text").to_owned())
            .collect()
    };
    let arguments = json!({"chat_id": "alpha:room", "limit": 2});
    let newest = agent.call("read_messages", arguments).await;
    assert_eq!(texts(&newest), ["number 3 zebra", "number 4 zebra"]);
    // A number, a text and our own name for it mean the same.
    for before in [
        json!(rows[2].0),
        json!(rows[2].0.to_string()),
        json!(format!("msg_{}", rows[2])),
    ] {
        let arguments = json!({"chat_id": "alpha:room", "before": before});
        let older = agent.call("read_messages", arguments).await;
        assert_eq!(texts(&older), ["number 0 zebra", "number 1 zebra"]);
    }
    let arguments = json!({"chat_id": "alpha:room", "after": rows[3].0});
    let later = agent.call("read_messages", arguments).await;
    assert_eq!(texts(&later), ["number 4 zebra"]);
    let found = agent
        .call("search_messages", json!({"query": "ZEBRA 2"}))
        .await;
    assert_eq!(texts(&found), ["number 2 zebra"]);
    assert_eq!(found["messages"][0]["chat_id"], "alpha:room");
    let chats = agent.call("list_chats", json!({})).await;
    assert_eq!(chat(&chats, "alpha:room")["unread"], 5);
}

#[tokio::test]
async fn an_agent_answers_reacts_changes_and_takes_back() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    let asked = alpha.says("room", "well?").await;
    let other = alpha.says("hall", "not here").await;
    let agent = house.agent(newer()).await;
    agent.turn_to("alpha:room").await;
    let said = agent
        .call("send_message", json!({"text": "yes", "reply_to": asked.0}))
        .await;
    let said = said["message_id"].as_str().expect("a name").to_owned();
    let done = alpha.done(1).await;
    assert!(done[0].1.is_some(), "it answers nothing: {done:?}");
    let read = agent.call("read_messages", json!({})).await;
    let last = list(&read, "messages").last().expect("a message");
    assert_eq!(
        (&last["from"], &last["about"]),
        (&json!("you"), &json!(format!("msg_{asked}")))
    );

    agent
        .call("react", json!({"message_id": asked.0, "emoji": "👍"}))
        .await;
    agent
        .call("edit_message", json!({"message_id": said, "text": "no"}))
        .await;
    agent
        .call("delete_message", json!({"message_id": said}))
        .await;
    let done = alpha.done(4).await;
    let deeds: Vec<(&str, &str)> = done
        .iter()
        .map(|it| (it.0.as_str(), it.2.as_str()))
        .collect();
    assert_eq!(
        deeds,
        [
            ("send", "yes"),
            ("react", "👍"),
            ("edit", "no"),
            ("delete", "")
        ]
    );

    for (tool, arguments, code) in [
        (
            "edit_message",
            json!({"message_id": asked.0, "text": "x"}),
            "not_your_message",
        ),
        (
            "delete_message",
            json!({"message_id": asked.0}),
            "not_your_message",
        ),
        (
            "react",
            json!({"message_id": other.0, "emoji": "👍"}),
            "message_elsewhere",
        ),
        (
            "react",
            json!({"message_id": asked.0, "emoji": " "}),
            "invalid_emoji",
        ),
        (
            "react",
            json!({"message_id": 999_999, "emoji": "👍"}),
            "message_not_found",
        ),
        (
            "send_message",
            json!({"text": "x", "reply_to": other.0}),
            "reply_target_invalid",
        ),
        (
            "send_message",
            json!({"text": "x", "chat_id": "alpha:hall"}),
            "chat_not_focal",
        ),
        ("send_message", json!({"text": "\u{200b}"}), "empty_message"),
    ] {
        let refused = agent.refused(tool, arguments).await;
        assert!(
            refused.starts_with(&format!("{code}: ")),
            "{tool}: {refused}"
        );
    }
    assert_eq!(alpha.done(4).await.len(), 4, "a refused call did something");
}

#[tokio::test]
async fn what_a_platform_cannot_do_is_refused_with_another_way() {
    let house = House::open().await;
    let plain = house.platform("plain").await;
    let asked = plain.says("room", "well?").await;
    let agent = house.agent(newer()).await;
    agent.turn_to("plain:room").await;
    let refused = agent
        .refused("react", json!({"message_id": asked.0, "emoji": "👍"}))
        .await;
    assert!(
        refused.starts_with("unsupported: ") && refused.contains("send_message"),
        "{refused}"
    );
    let long = "word ".repeat(500);
    agent.call("send_message", json!({"text": long})).await;
    let parts = plain.done(3).await;
    assert!(
        parts.iter().all(|part| part.2.chars().count() <= 1000),
        "{parts:?}"
    );
}

#[tokio::test]
async fn waiting_ends_as_soon_as_something_happens_and_misses_nothing() {
    let house = House::open().await;
    let (alpha, beta) = (house.platform("alpha").await, house.platform("beta").await);
    alpha.says("room", "before").await;
    let agent = Arc::new(house.agent(newer()).await);
    agent.turn_to("alpha:room").await;
    let chats = agent.call("list_chats", json!({})).await;
    let cursor = chats["cursor"].as_str().expect("a cursor").to_owned();

    let waits = {
        let (agent, cursor) = (agent.clone(), cursor.clone());
        tokio::spawn(async move {
            agent
                .call("wait_for_events", json!({"cursor": cursor}))
                .await
        })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waits.is_finished(), "there was nothing to tell");
    let said = Instant::now();
    let long = "long ".repeat(100);
    beta.says("hall", &long).await;
    let told = waits.await.expect("it ends");
    assert!(said.elapsed() < Duration::from_secs(2), "it was not woken");
    let events = list(&told, "events");
    assert_eq!(
        (events.len(), &events[0]["chat_id"]),
        (1, &json!("beta:hall"))
    );
    assert_eq!(events[0]["shortened"], true, "{events:?}");

    // What came meanwhile is told at once, in order, and again for as long as the cursor is not moved.
    alpha.says("room", &long).await;
    agent
        .call("send_message", json!({"text": "my own is no news"}))
        .await;
    for _ in 0..2 {
        let all = agent
            .call("wait_for_events", json!({"cursor": cursor}))
            .await;
        let events = list(&all, "events");
        let chats: Vec<_> = events.iter().map(|it| it["chat_id"].clone()).collect();
        assert_eq!(chats, ["beta:hall", "alpha:room"]);
        assert_eq!(
            events[1]["text"],
            json!(long),
            "the chat looked at is told whole"
        );
    }
    let page = agent
        .call("wait_for_events", json!({"cursor": cursor, "limit": 1}))
        .await;
    assert_eq!(
        (list(&page, "events").len(), &page["more"]),
        (1, &json!(true))
    );
    let arguments = json!({"cursor": page["cursor"], "limit": 1});
    let next = agent.call("wait_for_events", arguments).await;
    assert_eq!(next["events"][0]["chat_id"], "alpha:room");
    let chats = agent.call("list_chats", json!({})).await;
    assert_eq!(
        chat(&chats, "beta:hall")["unread"],
        1,
        "waiting reads nothing"
    );
    let refused = agent
        .refused("wait_for_events", json!({"cursor": 999_999}))
        .await;
    assert!(
        refused.starts_with("invalid_cursor: ") && refused.contains("list_chats"),
        "{refused}"
    );
}

#[tokio::test]
async fn waiting_for_nothing_ends_when_the_time_is_up() {
    let house = House::open().await;
    let agent = house.agent(newer()).await;
    let began = Instant::now();
    let told = agent
        .call("wait_for_events", json!({"timeout_seconds": 1}))
        .await;
    assert!(list(&told, "events").is_empty());
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn an_agent_is_told_what_did_not_arrive() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "well?").await;
    let agent = house.agent(newer()).await;
    agent.turn_to("alpha:room").await;
    let cursor = agent.call("list_chats", json!({})).await["cursor"].clone();
    let said = agent
        .call("send_message", json!({"text": "this will fail"}))
        .await;
    let told = agent
        .call("wait_for_events", json!({"cursor": cursor}))
        .await;
    let event = &told["events"][0];
    assert_eq!(
        (&event["kind"], &event["about"]),
        (&json!("outcome"), &said["message_id"])
    );
    let text = event["text"].as_str().expect("a text");
    assert!(
        text.starts_with("failed: ") && text.contains("they left"),
        "{text}"
    );
}

#[tokio::test]
async fn a_mailbox_that_a_backend_answers_can_be_looked_at_only() {
    let house = House::with("echo").await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "well?").await;
    let agent = house.agent(newer()).await;
    let chats = agent.call("list_chats", json!({})).await;
    assert_eq!(chat(&chats, "alpha:room")["chat_id"], "alpha:room");
    let refused = agent
        .refused("switch_chat", json!({"chat_id": "alpha:room"}))
        .await;
    assert!(refused.starts_with("no_focus: "), "{refused}");
    alpha.done(1).await;
}

#[tokio::test]
async fn a_send_goes_to_the_chat_that_was_looked_at_when_it_was_made() {
    let house = House::open().await;
    let (alpha, beta) = (house.platform("alpha").await, house.platform("beta").await);
    alpha.says("room", "x").await;
    beta.says("hall", "x").await;
    let token = house.token("main").await;
    let first = house.enter("main", &token, newer(), ()).await;
    let second = house.enter("main", &token, OLDER, ()).await;
    first.turn_to("alpha:room").await;
    let mut sent = Vec::new();
    for n in 0..20 {
        let to = if n % 2 == 0 {
            "beta:hall"
        } else {
            "alpha:room"
        };
        let text = json!({"text": format!("n{n}")});
        let (_, said) = tokio::join!(second.turn_to(to), first.call("send_message", text));
        sent.push((
            format!("n{n}"),
            said["chat_id"].as_str().expect("a chat").to_owned(),
        ));
    }
    let said_in = |chat: &str| -> Vec<String> {
        let there = sent.iter().filter(|(_, id)| id == chat);
        there.map(|(text, _)| text.clone()).collect()
    };
    for (puppet, chat) in [(&alpha, "alpha:room"), (&beta, "beta:hall")] {
        let expected = said_in(chat);
        let done = puppet.done(expected.len()).await;
        let texts: Vec<String> = done.into_iter().map(|deed| deed.2).collect();
        assert_eq!(texts, expected, "{chat}");
    }
}

// ---- Tools with a platform's name ----------------------------------------------------------------

#[derive(Clone, Default)]
struct Listener(Arc<Notify>);

impl ClientHandler for Listener {
    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.0.notify_one();
    }
}

async fn soon(what: impl Future<Output = ()>) {
    let within = tokio::time::timeout(Duration::from_secs(5), what).await;
    within.expect("it is told soon");
}

async fn named(agent: &Agent<impl ClientHandler>, platform: &str) -> Vec<String> {
    let mut tools = agent.tools().await;
    tools.retain(|name| name.starts_with(platform));
    tools
}

#[tokio::test]
async fn tools_with_a_platforms_name_are_there_where_it_is_looked_at() {
    let house = House::open().await;
    let (alpha, plain) = (house.platform("alpha").await, house.platform("plain").await);
    alpha.says("room", "x").await;
    plain.says("room", "x").await;
    let token = house.token("main").await;
    let heard = Listener::default();
    let agent = house.enter("main", &token, OLDER, heard.clone()).await;
    assert!(named(&agent, "alpha_").await.is_empty() && named(&agent, "plain_").await.is_empty());
    agent.turn_to("alpha:room").await;
    soon(heard.0.notified()).await;
    assert_eq!(
        named(&agent, "alpha_").await,
        [
            "alpha_send",
            "alpha_react",
            "alpha_edit_message",
            "alpha_delete_message"
        ]
    );
    agent
        .call("alpha_send", json!({"text": "by its own name"}))
        .await;
    assert_eq!(alpha.done(1).await[0].2, "by its own name");
    let refused = agent.refused("plain_send", json!({"text": "x"})).await;
    assert!(refused.starts_with("chat_not_focal: "), "{refused}");

    // A newer client listens instead; what one turns to, all hear of.
    let newer = house.enter("main", &token, newer(), ()).await;
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let mut changes = newer.0.listen(filter).await.expect("it may listen");
    newer.tools().await;
    agent.turn_to("plain:room").await;
    soon(heard.0.notified()).await;
    soon(async { assert!(changes.next().await.expect("a stream").is_some()) }).await;
    assert_eq!(named(&newer, "plain_").await, ["plain_send"]);
    assert!(named(&newer, "alpha_").await.is_empty());
    assert!(plain.done(0).await.is_empty());
}
