//! Updates: offsets, long polls, conflicts, batches that come wrong.

use chatbox_fakes::telegram::{Account, Fault};
use serde_json::json;

use crate::common::client;
use crate::{SOON, TOKEN, call, good, ids, refusal, server};

#[tokio::test]
async fn offsets_confirm_and_nothing_else_does() {
    let server = server().await;
    let said: Vec<i64> = (0..5)
        .filter_map(|n| server.say(42, 42, &format!("{n}")).update_id)
        .collect();
    for _ in 0..2 {
        assert_eq!(ids(&good(&server, "getUpdates", json!({})).await), said);
    }
    let two = good(
        &server,
        "getUpdates",
        json!({"offset": said[1], "limit": 2}),
    )
    .await;
    assert_eq!(ids(&two), said[1..3]);
    assert_eq!(server.pending_updates().len(), 4);
    // A lower offset brings nothing back.
    let rest = good(&server, "getUpdates", json!({"offset": said[0]})).await;
    assert_eq!(ids(&rest), said[1..]);
    let last = good(&server, "getUpdates", json!({"offset": -1})).await;
    assert_eq!(ids(&last), said[4..]);
    assert_eq!(
        ids(&good(&server, "getUpdates", json!({})).await),
        said[4..]
    );
}

#[tokio::test]
async fn a_long_poll_returns_when_someone_writes() {
    let server = server().await;
    let poll = good(&server, "getUpdates", json!({"timeout": 30}));
    let speak = async {
        let polling = |s: &Account| (s.counters().polls_open == 1).then_some(());
        server.until(SOON, polling).await.expect("the poll opens");
        server.say(42, 42, "now")
    };
    let (updates, said) = tokio::join!(poll, speak);
    assert_eq!(
        ids(&updates),
        [said.update_id.expect("messages are wanted")]
    );
    let nothing = good(
        &server,
        "getUpdates",
        json!({"offset": said.update_id.unwrap() + 1, "timeout": 1}),
    )
    .await;
    assert_eq!(nothing, json!([]));
}

#[tokio::test]
async fn a_second_poll_ends_the_older_one() {
    let server = server().await;
    let older = call(&server, "getUpdates", json!({"timeout": 30}));
    let newer = async {
        let open = |n: u64| move |s: &Account| (s.counters().polls_open == n).then_some(());
        server.until(SOON, open(1)).await.expect("the older opens");
        let newer = call(&server, "getUpdates", json!({"timeout": 30}));
        let speak = async {
            let ended = |s: &Account| (s.counters().conflicts == 1).then_some(());
            server.until(SOON, ended).await.expect("the older ends");
            server.say(42, 42, "hello");
        };
        tokio::join!(newer, speak).0
    };
    let (older, newer) = tokio::join!(older, newer);
    assert_eq!(older.0, 409);
    assert!(
        older.1["description"]
            .as_str()
            .unwrap()
            .starts_with("Conflict: terminated by other getUpdates")
    );
    assert_eq!(
        (newer.0, newer.1["result"].as_array().unwrap().len()),
        (200, 1)
    );
    assert_eq!(
        (
            server.counters().get_updates,
            server.counters().most_polls_open
        ),
        (2, 2)
    );
    good(
        &server,
        "setWebhook",
        json!({"url": "https://example.org/x"}),
    )
    .await;
    assert!(
        refusal(&server, "getUpdates", json!({}))
            .await
            .contains("webhook is active")
    );
    good(&server, "deleteWebhook", json!({})).await;
    good(&server, "getUpdates", json!({})).await;
}

#[tokio::test]
async fn reactions_come_only_to_those_who_ask() {
    let server = server().await;
    let said = server.say(42, 42, "x");
    assert_eq!(
        server.react(42, said.message_id, 42, &["👍"]).update_id,
        None
    );
    good(
        &server,
        "getUpdates",
        json!({"allowed_updates": ["message", "message_reaction"]}),
    )
    .await;
    assert!(
        server
            .react(42, said.message_id, 42, &[])
            .update_id
            .is_some()
    );
    assert_eq!(
        server.edit(42, said.message_id, "y").unwrap().update_id,
        None
    );
}

#[tokio::test]
async fn batches_can_come_twice_reversed_and_again() {
    let server = server().await;
    let said: Vec<i64> = (0..3)
        .filter_map(|_| server.say(42, 42, "x").update_id)
        .collect();
    let [a, b, c] = said[..] else {
        panic!("three updates")
    };
    server.fault("getUpdates", Fault::Duplicate);
    server.fault("getUpdates", Fault::Reorder);
    assert_eq!(
        ids(&good(&server, "getUpdates", json!({})).await),
        [a, a, b, b, c, c]
    );
    assert_eq!(
        ids(&good(&server, "getUpdates", json!({})).await),
        [c, b, a]
    );
    let d = server.raw_update(json!({"hologram": {"id": 7}}));
    server.fault("getUpdates", Fault::Replay { last: 2 });
    let again = good(&server, "getUpdates", json!({"offset": c + 1})).await;
    assert_eq!(ids(&again), [b, c, d]);
    assert_eq!(again[2]["hologram"]["id"], 7);
}

#[tokio::test]
async fn an_update_can_hold_what_no_value_can() {
    let server = server().await;
    let text = r#"{"update_id": $ID, "message": {"text": "half \ud83d", "text": "twice"}}"#;
    let id = server.raw_text(text).expect("well-formed");
    assert!(server.raw_text("{").is_err());
    let url = format!("{}/bot{TOKEN}/getUpdates", server.base_url());
    let sent = client().get(url).send().await.expect("an answer");
    let body = sent.text().await.expect("a body");
    let expected = text.replace("$ID", &id.to_string());
    assert_eq!(body, format!("{{\"ok\":true,\"result\":[{expected}]}}"));
}
