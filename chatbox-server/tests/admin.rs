//! An account looked after: by an agent through its own MCP endpoint, by a person at the command line.

mod program;

use program::sink::Sink;
use program::{Program, Running, run};
use serde_json::{Value, json};

const OPEN: &str = "allow_private_webhooks = true\n[backend]\nkind = \"echo\"\n";

fn send(running: &Running, method: &str, path: &str, body: &Value) -> Value {
    let answer = running.send(method, path, &running.operator(), &[], body);
    assert!(answer.status() < 300, "{path}: {}", answer.body());
    answer.json()
}

fn ask(
    running: &Running,
    account: &str,
    token: &str,
    method: &str,
    params: &Value,
) -> (u16, Value) {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let headers = [("Accept", "application/json, text/event-stream")];
    let path = format!("/mcp/admin/{account}");
    let answer = running.send("POST", &path, token, &headers, &call);
    (answer.status(), answer.json())
}

/// What a tool says, and whether it is a refusal.
fn tool(running: &Running, name: &str, arguments: &Value) -> (bool, String) {
    let params = json!({"name": name, "arguments": arguments});
    let (status, answer) = ask(running, "main", &running.operator(), "tools/call", &params);
    assert_eq!(status, 200, "{answer}");
    let result = &answer["result"];
    let text = result["content"][0]["text"].as_str();
    let text = text.unwrap_or_else(|| panic!("{name}: {answer}"));
    (result["isError"] == json!(true), text.to_owned())
}

fn done(running: &Running, name: &str, arguments: &Value) -> Value {
    let (refused, text) = tool(running, name, arguments);
    assert!(!refused, "{name}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

fn refused(running: &Running, name: &str, arguments: &Value, code: &str) {
    let (refused, text) = tool(running, name, arguments);
    assert!(
        refused && text.starts_with(&format!("{code}: ")),
        "{name}: {text}"
    );
}

#[test]
fn an_agent_looks_after_an_account_and_sees_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), OPEN);
    let sink = Sink::open();
    let new = json!({"name": "a", "webhook_url": sink.url});
    let made = send(&running, "POST", "/v1/mailboxes", &new);
    let id = made["id"].as_str().expect("an id");
    let feed = json!({"platform": "http", "mailbox": id, "name": "shop"});
    let feed = send(&running, "POST", "/v1/connections", &feed);
    let say = |event: &str| {
        let path = format!(
            "/v1/connections/{}/messages",
            feed["id"].as_str().expect("an id")
        );
        let token = feed["inbound_token"].as_str().expect("a token");
        let message = json!({
            "event_id": event, "chat": {"handle": "7"}, "sender": {"id": "ann"}, "text": "hello",
        });
        assert_eq!(
            running.send("POST", &path, token, &[], &message).status(),
            200
        );
    };
    say("e1");
    sink.wait(1);

    let (_, tools) = ask(
        &running,
        "main",
        &running.operator(),
        "tools/list",
        &json!({}),
    );
    let tools = tools["result"]["tools"].as_array().expect("tools").clone();
    assert_eq!(tools.len(), 13);
    assert!(
        tools
            .iter()
            .all(|it| it["inputSchema"]["additionalProperties"] == json!(false))
    );

    let mailboxes = done(&running, "list_mailboxes", &json!({}));
    assert_eq!(mailboxes["items"].as_array().map(Vec::len), Some(2));
    let health = done(&running, "get_mailbox_health", &json!({"mailbox_id": id}));
    assert_eq!(health["standing"], json!("active"));
    let chats = done(&running, "list_chats", &json!({"mailbox_id": id}));
    assert!(
        !chats.to_string().contains("hello"),
        "what people say: {chats}"
    );
    let chat = chats["items"][0]["id"].as_str().expect("a chat");
    done(&running, "mute_chat", &json!({"chat_id": chat}));
    say("e2");
    done(&running, "unmute_chat", &json!({"chat_id": chat}));
    say("e3");
    sink.wait(2);
    let recent = done(
        &running,
        "list_recent_deliveries",
        &json!({"mailbox_id": id}),
    );
    assert_eq!(
        recent["items"].as_array().map(Vec::len),
        Some(2),
        "the muted one was not handed out"
    );

    let template =
        |text: &Value| json!({"mailbox_id": id, "key": "notification", "template": text});
    done(&running, "update_template", &template(&json!("new: $TEXT")));
    let kept = done(&running, "get_templates", &json!({"mailbox_id": id}));
    assert_eq!(kept["templates"], json!({"notification": "new: $TEXT"}));
    refused(
        &running,
        "update_template",
        &template(&json!("$NOBODY")),
        "unknown_placeholder",
    );
    done(&running, "update_template", &template(&Value::Null));
    let kept = done(&running, "get_templates", &json!({"mailbox_id": id}));
    assert_eq!(kept["templates"], json!({}));

    let subscription = json!({"url": sink.url, "events": ["new_chat"]});
    let subscription = done(&running, "create_subscription", &subscription);
    assert!(
        subscription.get("signing_secret").is_none(),
        "{subscription}"
    );
    let listed = done(&running, "list_subscriptions", &json!({}));
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    let gone = json!({"subscription_id": subscription["id"]});
    done(&running, "delete_subscription", &gone);
    refused(&running, "delete_subscription", &gone, "not_found");
    done(&running, "unpause_mailbox", &json!({"mailbox_id": id}));
    refused(
        &running,
        "get_mailbox_health",
        &json!({"mailbox_id": "mbx_none"}),
        "not_found",
    );
    refused(
        &running,
        "get_mailbox_health",
        &json!({"mailbox_id": "../tokens"}),
        "invalid_id",
    );
    refused(
        &running,
        "get_mailbox_health",
        &json!({}),
        "invalid_arguments",
    );
    refused(
        &running,
        "list_mailboxes",
        &json!({"else": 1}),
        "invalid_arguments",
    );
    let connections = done(&running, "list_connections", &json!({})).to_string();
    for hidden in ["mcp_token", "signing_secret", "inbound_token"] {
        assert!(!connections.contains(hidden), "{connections}");
    }

    let audit = running
        .ask("GET", "/v1/audit?limit=500", &running.operator())
        .json();
    let audit = audit["items"].as_array().expect("notes").clone();
    for action in [
        "looked:list_mailboxes",
        "looked:get_templates",
        "mute_chat",
        "put_mailbox",
        "create_subscription",
    ] {
        assert!(
            audit.iter().any(|it| it["action"] == json!(action)),
            "{action}: {audit:?}"
        );
    }
}

#[test]
fn an_accounts_door_opens_for_its_own_tokens_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), OPEN);
    let made = send(&running, "POST", "/v1/accounts", &json!({"id": "tenant"}));
    let key = made["api_key"].as_str().expect("a key");
    let list =
        |account: &str, token: &str| ask(&running, account, token, "tools/list", &json!({})).0;
    assert_eq!(list("tenant", key), 200);
    for (account, token) in [
        ("main", key),
        ("tenant", "x"),
        ("nobody", key),
        ("tenant", &running.operator()),
    ] {
        assert_eq!(list(account, token), 401, "{account}");
    }
    let params = json!({"name": "list_mailboxes", "arguments": {}});
    let (_, theirs) = ask(&running, "tenant", key, "tools/call", &params);
    assert_eq!(theirs["result"]["structuredContent"]["items"], json!([]));
    let params = json!({"name": "get_mailbox_health", "arguments": {"mailbox_id": "main"}});
    let (_, theirs) = ask(&running, "tenant", key, "tools/call", &params);
    assert_eq!(theirs["result"]["isError"], json!(true), "{theirs}");
    // A token that may only look changes nothing here either.
    let (_, looker) = running.add_token("looker", "read");
    let params = json!({"name": "unpause_mailbox", "arguments": {"mailbox_id": "main"}});
    let (_, refused) = ask(&running, "main", &looker, "tools/call", &params);
    let text = refused["result"]["content"][0]["text"]
        .as_str()
        .expect("a text");
    assert!(text.starts_with("insufficient_scope: "), "{text}");
}

#[test]
fn an_operator_sees_how_everything_stands_and_mends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), OPEN);
    let sink = Sink::open();
    let new = json!({"name": "a", "webhook_url": sink.url});
    let made = send(&running, "POST", "/v1/mailboxes", &new);
    let id = made["id"].as_str().expect("an id").to_owned();
    let feed = json!({"platform": "http", "mailbox": id, "name": "shop"});
    let feed = send(&running, "POST", "/v1/connections", &feed);
    let connection = feed["id"].as_str().expect("an id").to_owned();
    sink.answer_next(&[410]);
    let message = json!({
        "event_id": "e1", "chat": {"handle": "7"}, "sender": {"id": "ann"}, "text": "hello",
    });
    let path = format!("/v1/connections/{connection}/messages");
    let token = feed["inbound_token"].as_str().expect("a token");
    running.send("POST", &path, token, &[], &message);
    sink.wait(1);

    let operator = |arguments: &[&str]| {
        let mut command = Program::new(folder.path()).command();
        command
            .arg("--data-dir")
            .arg(running.data())
            .arg("operator");
        let done = run(command.args(arguments).arg("--json"));
        let said: Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
        (done.status.code(), said)
    };
    let list = operator(&["mailbox-list"]);
    assert_eq!(
        list.1["items"].as_array().map(Vec::len),
        Some(2),
        "{list:?}"
    );
    // It is paused as soon as the answer is committed.
    let paused = || operator(&["mailbox-health", &id]).1["standing"] == json!("paused");
    assert!(
        (0..100).any(|_| paused()),
        "an endpoint that is gone pauses"
    );
    assert_eq!(
        operator(&["mailbox-health", &id]).1["queue_depth"],
        json!(1)
    );
    assert_eq!(operator(&["mailbox-unpause", &id]).0, Some(0));
    sink.wait(2);
    let tail = || operator(&["tail-deliveries"]).1;
    assert!(
        (0..100).any(|_| tail()["items"][0]["state"] == json!("delivered")),
        "{}",
        tail()
    );
    let old = made["mcp_token"].as_str().expect("a token");
    let fresh = operator(&["mailbox-regenerate-mcp-token", &id, "--yes"]).1;
    assert_ne!(fresh["mcp_token"], json!(old), "{fresh}");
    assert_eq!(
        operator(&["connection-archive", &connection]).0,
        Some(2),
        "it asks, and nobody answers"
    );
    assert_eq!(
        operator(&["connection-archive", &connection, "--yes"]).0,
        Some(0)
    );
    assert_eq!(
        operator(&["connection-archive", &connection, "--yes"]).0,
        Some(4)
    );
    let left = operator(&["connection-list"]).1;
    assert!(!left.to_string().contains(&connection), "{left}");
    let account = operator(&["account-create", "tenant"]).1;
    assert!(
        account["api_key"]
            .as_str()
            .is_some_and(|it| it.starts_with("cbx_"))
    );
}
