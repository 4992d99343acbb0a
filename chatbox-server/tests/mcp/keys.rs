//! Who is let in: one token a mailbox, and nothing else.

use crate::house::{House, OLDER, newer};
use chatbox_core::id::MailboxId;
use rmcp::model::SubscriptionFilter;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Asks for the list of tools; the status and what was said.
async fn knock(house: &House, mailbox: &str, token: Option<&str>) -> (u16, Value, Option<String>) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let request = reqwest::Client::new()
        .post(house.url(&format!("/mcp/{mailbox}")))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .json(&body);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = request.send().await.expect("an answer");
    let challenge = answer.headers().get("www-authenticate");
    let challenge = challenge.map(|it| it.to_str().expect("a text").to_owned());
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"), challenge)
}

async fn second_mailbox(house: &House) -> MailboxId {
    house
        .chatbox()
        .mailbox("second", None)
        .await
        .expect("a mailbox")
}

#[tokio::test]
async fn nobody_without_the_mailboxs_own_token_is_let_in() {
    let house = House::open().await;
    second_mailbox(&house).await;
    let (main, second) = (house.token("main").await, house.token("second").await);
    assert_eq!(knock(&house, "main", Some(&main)).await.0, 200);
    let (prefix, rest) = main.split_once('.').expect("a token has two parts");
    let login = house.app.auth.log_in().await.expect("a login");
    let mut words = Vec::new();
    for (mailbox, token) in [
        ("main", None),
        ("main", Some(second.as_str())),
        ("main", Some(login.expose())),
        ("main", Some("eyJhbGciOiJub25lIn0.eyJzdWIiOiJtYWluIn0.")),
        ("main", Some(&format!("{prefix}.{}", rest.to_uppercase()))),
        ("main", Some(prefix)),
        ("nobody", Some(main.as_str())),
        ("second", Some(main.as_str())),
        ("..%2Fmain", Some(main.as_str())),
    ] {
        let (status, said, challenge) = knock(&house, mailbox, token).await;
        assert_eq!(
            (status, said["code"].as_str()),
            (401, Some("unauthorized")),
            "{mailbox}"
        );
        assert_eq!(challenge.as_deref(), Some("Bearer"), "{mailbox}");
        if token == Some(main.as_str()) {
            words.push(said);
        }
    }
    words.dedup();
    assert_eq!(
        words.len(),
        1,
        "a mailbox that is there is told from one that is not: {words:?}"
    );
}

#[tokio::test]
async fn a_replaced_token_is_refused_at_once_and_what_it_left_open_ends() {
    let house = House::open().await;
    let old = house.token("main").await;
    let agent = Arc::new(house.enter("main", &old, newer(), ()).await);
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let mut changes = agent.0.listen(filter).await.expect("it may listen");
    let waits = {
        let agent = agent.clone();
        tokio::spawn(async move { agent.refused("wait_for_events", json!({})).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    let new = house.token("main").await;
    assert_eq!(knock(&house, "main", Some(&old)).await.0, 401);
    assert_eq!(knock(&house, "main", Some(&new)).await.0, 200);
    let ended = tokio::time::timeout(Duration::from_secs(5), async {
        let refused = waits.await.expect("it ends");
        assert!(refused.starts_with("ended: "), "{refused}");
        assert!(changes.next().await.expect("it ends well").is_none());
    });
    ended.await.expect("what was open ends");
}

/// A call whose body comes only after the token it came with was replaced; the status it is answered with, and what was
/// said within a second.
async fn held_back(house: &House, call: &Value) -> (String, String) {
    let old = house.token("main").await;
    let body = call.to_string();
    let url: reqwest::Url = house.url("/mcp/main").parse().expect("an address");
    let place = format!("127.0.0.1:{}", url.port().expect("a port"));
    let head = format!(
        "POST /mcp/main HTTP/1.1\r\nHost: {place}\r\nAuthorization: Bearer {old}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut wire = TcpStream::connect(&place).await.expect("it listens");
    wire.write_all(head.as_bytes()).await.expect("it is taken");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let new = house.token("main").await;
    let agent = Arc::new(house.enter("main", &new, newer(), ()).await);
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let mut changes = agent.0.listen(filter).await.expect("it may listen");
    wire.write_all(body.as_bytes()).await.expect("it is taken");
    let mut said = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(1), wire.read(&mut said)).await;
    let read = read.map_or(0, |read| read.expect("an answer"));
    let said = String::from_utf8_lossy(&said[..read]).into_owned();
    let next = tokio::time::timeout(Duration::from_millis(200), changes.next()).await;
    assert!(next.is_err(), "what the new token opened was ended");
    let status = said.split(' ').nth(1).unwrap_or_default().to_owned();
    (status, said)
}

#[tokio::test]
async fn a_token_that_is_replaced_while_its_request_comes_in_opens_and_ends_nothing() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "x").await;
    house.agent(newer()).await.turn_to("alpha:room").await;
    for (tool, arguments) in [
        ("wait_for_events", json!({"timeout_seconds": 55})),
        ("send_message", json!({"text": "from a thief"})),
    ] {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": tool, "arguments": arguments}});
        let (status, said) = held_back(&house, &call).await;
        assert_eq!(status, "401", "{tool}: {said}");
    }
    assert!(alpha.done(0).await.is_empty());
}

#[tokio::test]
async fn a_mailbox_sees_and_touches_its_own_chats_only() {
    let house = House::open().await;
    let second = second_mailbox(&house).await;
    let theirs = house.platform_of(second.as_str(), "beta").await;
    let row = theirs.says("hall", "secret zebra").await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "x").await;
    let agent = house.agent(newer()).await;
    agent.turn_to("alpha:room").await;
    let chats = agent.call("list_chats", json!({})).await;
    assert_eq!(chats["chats"].as_array().expect("a list").len(), 1);
    let found = agent
        .call("search_messages", json!({"query": "zebra"}))
        .await;
    assert_eq!(found["messages"], json!([]));
    for (tool, arguments) in [
        ("switch_chat", json!({"chat_id": "beta:hall"})),
        ("read_messages", json!({"chat_id": "beta:hall"})),
    ] {
        let theirs = agent.refused(tool, arguments).await;
        let missing = agent.refused(tool, json!({"chat_id": "beta:nobody"})).await;
        assert_eq!(theirs, missing, "{tool}");
        assert!(theirs.starts_with("chat_not_found: "), "{theirs}");
    }
    for (tool, arguments) in [
        ("react", json!({"message_id": row.0, "emoji": "x"})),
        ("delete_message", json!({"message_id": row.0})),
        ("send_message", json!({"text": "x", "reply_to": row.0})),
        (
            "send_message",
            json!({"files": [{"id": format!("msg_{}.1", row.0)}]}),
        ),
    ] {
        let refused = agent.refused(tool, arguments).await;
        assert!(
            refused.starts_with("message_not_found: "),
            "{tool}: {refused}"
        );
    }
    assert!(theirs.done(0).await.is_empty());
}

#[tokio::test]
async fn a_chat_of_a_removed_connection_can_be_told_from_one_that_never_was() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "x").await;
    let agent = house.agent(newer()).await;
    let there = json!({"chat_id": "alpha:room"});
    // Whoever looks at it just then is told the same.
    agent.call("switch_chat", there.clone()).await;
    house.chatbox().remove(&alpha.id).await.expect("it goes");
    let refused = agent.refused("switch_chat", there).await;
    assert!(refused.starts_with("chat_archived: "), "{refused}");
}

#[tokio::test]
async fn a_mailbox_has_so_many_open_answers_and_no_more() {
    let house = House::open().await;
    let token = house.token("main").await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "wait_for_events", "arguments": {"timeout_seconds": 55}}});
    let client = reqwest::Client::new();
    let ask = || {
        client
            .post(house.url("/mcp/main"))
            .bearer_auth(&token)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .json(&body)
            .send()
    };
    let waiting: Vec<_> = (0..64).map(|_| tokio::spawn(ask())).collect();
    let refused = async {
        loop {
            let next = tokio::time::timeout(Duration::from_millis(200), ask()).await;
            if let Ok(answer) = next {
                return answer.expect("an answer");
            }
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(10), refused).await;
    let refused = refused.expect("one is too many");
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let said: Value = refused.json().await.expect("JSON");
    assert_eq!(said["code"], "too_many_streams");
    assert_eq!(
        knock(&house, "main", Some(&token)).await.0,
        200,
        "other calls go on"
    );
    // Who hangs up gives the place back.
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    drop(waiting);
    let agent = house.enter("main", &token, OLDER, ()).await;
    let again = async {
        while !agent.try_wait().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again)
        .await
        .expect("the places come back");
}
