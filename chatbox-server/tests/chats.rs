//! Chats and messages, read over the API.

mod program;

use program::{Answer, Feed, Running};
use serde_json::{Value, json};

fn say(running: &Running, feed: &Feed, id: &str, room: &str, text: &str) {
    let event = json!({
        "event_id": id, "chat": {"handle": room, "kind": "group", "name": "A room"},
        "sender": {"id": "ana", "name": "Ana"}, "text": text,
    });
    let path = format!("/v1/connections/{}/messages", feed.id);
    let body = event.to_string();
    let answer = running.post(&path, &[&feed.token], "application/json", body.as_bytes());
    assert_eq!(answer.status(), 200, "{}", answer.body());
}

fn read(running: &Running, path: &str) -> Value {
    let answer = running.ask("GET", path, &running.operator());
    assert_eq!(answer.status(), 200, "{path}: {}", answer.body());
    serde_json::from_str(answer.body()).expect("JSON")
}

fn texts(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().expect("a list").iter();
    items.filter_map(|it| it["text"].as_str()).collect()
}

fn put(running: &Running, path: &str, body: &str) -> Answer {
    let request = format!(
        "PUT {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        running.address(),
        running.operator(),
        body.len()
    );
    Answer::new(running.exchange(request.as_bytes()))
}

#[test]
fn chats_are_listed_read_in_parts_searched_and_muted() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "[backend]\nkind = \"none\"\n");
    let feed = running.add_feed("alerts");
    for n in 0..5 {
        say(
            &running,
            &feed,
            &format!("e{n}"),
            "one",
            &format!("number {n}"),
        );
    }
    say(&running, &feed, "x", "two", "something else");

    let chats = read(&running, "/v1/mailboxes/main/chats");
    let (newest, older) = (&chats["items"][0], &chats["items"][1]);
    assert_eq!(newest["address"], "alerts:two");
    assert_eq!(
        (&newest["unread"], &older["unread"]),
        (&json!(1), &json!(5))
    );
    assert_eq!(
        (&older["focal"], &older["muted"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(older["last"]["text"], "number 4");
    let only = read(&running, "/v1/mailboxes/main/chats?limit=1");
    assert_eq!(only["items"].as_array().map(Vec::len), Some(1));

    let chat = older["id"].as_str().expect("an id");
    let messages = format!("/v1/chats/{chat}/messages");
    let last = read(&running, &format!("{messages}?limit=2"));
    assert_eq!(texts(&last), ["number 3", "number 4"]);
    let cursor = last["next_cursor"].as_str().expect("there is more");
    let before = read(&running, &format!("{messages}?limit=9&before={cursor}"));
    assert_eq!(texts(&before), ["number 0", "number 1", "number 2"]);
    assert_eq!(before["next_cursor"], Value::Null);

    let found = read(&running, "/v1/mailboxes/main/search?words=number%203");
    assert_eq!(texts(&found), ["number 3"]);
    let none = read(&running, "/v1/mailboxes/main/search?words=nowhere");
    assert!(texts(&none).is_empty());

    let muted = format!("/v1/chats/{chat}/muted");
    assert_eq!(put(&running, &muted, "{\"muted\":true}").status(), 204);
    let chats = read(&running, "/v1/mailboxes/main/chats");
    assert_eq!(chats["items"][1]["muted"], true);
    assert_eq!(put(&running, &muted, "{\"muted\":\"yes\"}").status(), 422);
}

#[test]
fn what_is_not_there_or_out_of_range_is_refused_by_its_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "[backend]\nkind = \"none\"\n");
    let cases = [
        ("/v1/mailboxes/nobody/chats", 404, "not_found"),
        ("/v1/mailboxes/main/chats?limit=0", 422, "out_of_range"),
        ("/v1/mailboxes/main/chats?limits=1", 422, "unknown_field"),
        ("/v1/mailboxes/main/search?words=%20", 422, "out_of_range"),
        ("/v1/mailboxes/nobody/search?words=x", 404, "not_found"),
        ("/v1/chats/cht_99/messages", 404, "not_found"),
        ("/v1/chats/nothing/messages", 404, "not_found"),
    ];
    for (path, status, code) in cases {
        let answer = running.ask("GET", path, &running.operator());
        let problem: Value = serde_json::from_str(answer.body()).expect("a problem");
        assert_eq!(answer.status(), status, "{path}: {problem}");
        assert_eq!(problem["code"], code, "{path}: {problem}");
        assert!(problem["hint"].is_string(), "{path}: {problem}");
    }
}
