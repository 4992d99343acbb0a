//! Calls: tokens, bodies, refusals, faults, control.

use std::time::Duration;

use chatbox_fakes::telegram::{Account, Entity, Fault, Planned};
use serde_json::{Value, json};

use crate::common::{client, read};
use crate::{SOON, TOKEN, call, good, refusal, server};

#[tokio::test]
async fn an_unknown_token_is_unauthorized() {
    let server = server().await;
    let url = format!("{}/bot1:wrong/getMe", server.base_url());
    let answer = read(client().get(url).send().await.expect("an answer")).await;
    assert_eq!(
        answer,
        (
            401,
            json!({"ok": false, "error_code": 401, "description": "Unauthorized"})
        )
    );
    assert_eq!(server.unauthorized(), 1);
}

#[tokio::test]
async fn methods_answer_in_any_case_and_every_body() {
    let server = server().await;
    server.say(42, 42, "hi");
    assert_eq!(
        good(&server, "GETME", json!({})).await["username"],
        "test_bot"
    );
    good(
        &server,
        "SendMessage",
        json!({"chat_id": 42, "text": "json"}),
    )
    .await;
    let url = format!("{}/bot{TOKEN}/sendmessage", server.base_url());
    let entities = r#"[{"type":"bold","offset":0,"length":4}]"#;
    let form = reqwest::multipart::Form::new()
        .text("chat_id", "42")
        .text("text", "parts")
        .text("entities", entities);
    let sent = client().post(&url).multipart(form).send().await;
    assert_eq!(read(sent.expect("an answer")).await.0, 200);
    let form = "chat_id=42&text=f%C3%B6rm+%26&entities=%5B%5D";
    let sent = client()
        .post(&url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await;
    assert_eq!(read(sent.expect("an answer")).await.0, 200);
    let texts: Vec<String> = server.messages_in(42).into_iter().map(|m| m.text).collect();
    assert_eq!(texts, ["json", "parts", "förm &"]);
    assert_eq!(server.messages()[1].entities, [Entity::new("bold", 0, 4)]);
}

#[tokio::test]
async fn chats_replies_edits_and_deletions_are_checked() {
    let server = server().await;
    let said = server.say(42, 42, "hi");
    assert_eq!(
        refusal(&server, "sendMessage", json!({"chat_id": 43, "text": "x"})).await,
        "Bad Request: chat not found"
    );
    assert_eq!(
        refusal(&server, "sendMessage", json!({"text": "x"})).await,
        "Bad Request: chat_id is empty"
    );
    let reply =
        |id: i64| json!({"chat_id": 42, "text": "x", "reply_parameters": {"message_id": id}});
    assert_eq!(
        refusal(&server, "sendMessage", reply(99)).await,
        "Bad Request: message to be replied not found"
    );
    let sent = good(&server, "sendMessage", reply(said.message_id)).await;
    assert_eq!(sent["reply_to_message"]["text"], "hi");
    let id = sent["message_id"].clone();
    let edit = |id: Value, text: &str| json!({"chat_id": 42, "message_id": id, "text": text});
    assert!(
        refusal(&server, "editMessageText", edit(id.clone(), "x"))
            .await
            .starts_with("Bad Request: message is not modified")
    );
    assert_eq!(
        refusal(&server, "editMessageText", edit(json!(99), "x")).await,
        "Bad Request: message to edit not found"
    );
    assert_eq!(
        refusal(
            &server,
            "editMessageText",
            edit(json!(said.message_id), "x")
        )
        .await,
        "Bad Request: message can't be edited"
    );
    good(&server, "editMessageText", edit(id.clone(), "y")).await;
    let message = server.messages()[0].clone();
    assert_eq!(
        (message.text.as_str(), message.earlier),
        ("y", vec!["x".to_owned()])
    );
    assert_eq!(message.reply_to, Some(said.message_id));
    good(
        &server,
        "deleteMessage",
        json!({"chat_id": 42, "message_id": id}),
    )
    .await;
    assert_eq!(
        refusal(
            &server,
            "deleteMessage",
            json!({"chat_id": 42, "message_id": id})
        )
        .await,
        "Bad Request: message to delete not found"
    );
    assert!(server.messages()[0].deleted);
    assert_eq!(
        refusal(&server, "launchRocket", json!({})).await,
        "Not Found: method not found"
    );
}

#[tokio::test]
async fn faults_are_played_in_order_on_their_method_only() {
    let server = server().await;
    server.say(42, 42, "hi");
    server.plan(Planned::new("sendmessage", Fault::TooManyRequests { retry_after: 7 }).after(1));
    server.fault("sendMessage", Fault::Migrate { to: -1_001 });
    good(&server, "getMe", json!({})).await;
    let send = || call(&server, "sendMessage", json!({"chat_id": 42, "text": "x"}));
    assert_eq!(send().await.0, 200);
    let (status, body) = send().await;
    assert_eq!(
        (status, &body["parameters"]),
        (429, &json!({"retry_after": 7}))
    );
    assert_eq!(body["description"], "Too Many Requests: retry after 7");
    assert_eq!(
        send().await.1["parameters"],
        json!({"migrate_to_chat_id": -1_001})
    );
    assert_eq!(send().await.0, 200);
    assert_eq!(server.messages().len(), 2);
    let played: Vec<_> = server
        .calls_of("sendMessage")
        .into_iter()
        .map(|c| (c.fault, c.applied))
        .collect();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(
        played,
        [
            (None, true),
            (named("too_many_requests"), false),
            (named("migrate"), false),
            (None, true)
        ]
    );
}

#[tokio::test]
async fn a_cut_before_does_nothing_and_a_cut_after_everything() {
    let server = server().await;
    server.say(42, 42, "hi");
    let url = format!("{}/bot{TOKEN}/sendMessage", server.base_url());
    let send = |text: &str| {
        client()
            .post(&url)
            .json(&json!({"chat_id": 42, "text": text}))
            .send()
    };
    server.fault("sendMessage", Fault::CutBefore);
    server.fault("sendMessage", Fault::CutAfter);
    assert!(send("before").await.is_err());
    assert!(send("after").await.is_err());
    let texts: Vec<String> = server.messages().into_iter().map(|m| m.text).collect();
    assert_eq!(texts, ["after"]);
    server.fault("*", Fault::Hang);
    let hung = tokio::time::timeout(Duration::from_millis(200), send("never")).await;
    assert!(hung.is_err(), "the server must stay silent");
    server.fault(
        "*",
        Fault::ServerError {
            status: 502,
            html: true,
        },
    );
    let page = send("html").await.expect("an answer");
    assert_eq!(page.status(), 502);
    assert!(page.text().await.expect("a page").starts_with("<html>"));
    assert_eq!(server.messages().len(), 1);
}

#[tokio::test]
async fn the_same_control_works_over_http() {
    let server = server().await;
    let control = |act: &str, body: Value| {
        let url = format!("{}/_control/{act}", server.base_url());
        async move {
            read(
                client()
                    .post(url)
                    .json(&body)
                    .send()
                    .await
                    .expect("an answer"),
            )
            .await
        }
    };
    let ada = json!({"id": 42, "first_name": "Ada", "username": "ada"});
    let (status, said) = control("say", json!({"from": ada, "text": "hi"})).await;
    assert_eq!((status, &said["message_id"]), (200, &json!(1)));
    assert_eq!(
        server.pending_updates()[0]["message"]["from"]["username"],
        "ada"
    );
    control("fault", json!({"method": "sendMessage", "fault": "refuse", "code": 400, "description": "Bad Request: no"})).await;
    assert_eq!(
        refusal(&server, "sendMessage", json!({"chat_id": 42, "text": "x"})).await,
        "Bad Request: no"
    );
    assert_eq!(
        control("fault", json!({"fault": "unheard_of"})).await.0,
        400
    );
    assert_eq!(control("dance", json!({})).await.0, 400);
    let url = format!(
        "{}/_control/messages?at_least=1&wait_ms=5000",
        server.base_url()
    );
    let waiting = async { read(client().get(url).send().await.expect("an answer")).await };
    let sending = good(
        &server,
        "sendMessage",
        json!({"chat_id": 42, "text": "there"}),
    );
    let ((_, messages), _) = tokio::join!(waiting, sending);
    assert_eq!(messages[0]["text"], "there");
}

#[tokio::test]
async fn a_stopped_server_resets_its_connections() {
    let server = server().await;
    let poll = format!("{}/bot{TOKEN}/getUpdates?timeout=30", server.base_url());
    let polling = client().get(&poll).send();
    let stopping = async {
        let open = |s: &Account| (s.counters().polls_open == 1).then_some(());
        server.until(SOON, open).await.expect("the poll opens");
        server.stop();
    };
    let (answer, ()) = tokio::join!(polling, stopping);
    assert!(answer.is_err());
    let closed = |s: &Account| (s.counters().polls_open == 0).then_some(());
    server
        .until(SOON, closed)
        .await
        .expect("the poll is given up");
    assert!(client().get(&poll).send().await.is_err());
}

#[tokio::test]
async fn a_flood_refuses_all_that_writes_until_it_is_over() {
    let server = server().await;
    server.say(42, 42, "hi");
    server.fault("sendMessage", Fault::Flood { retry_after: 1 });
    let message = || json!({"chat_id": 42, "text": "x"});
    assert_eq!(call(&server, "sendMessage", message()).await.0, 429);
    let action = json!({"chat_id": 42, "action": "typing"});
    let (status, body) = call(&server, "sendChatAction", action).await;
    assert_eq!(
        (status, &body["parameters"]["retry_after"]),
        (429, &json!(1))
    );
    assert_eq!(
        good(&server, "getUpdates", json!({})).await[0]["message"]["text"],
        "hi"
    );
    tokio::time::sleep(Duration::from_millis(1_010)).await;
    good(&server, "sendMessage", message()).await;
    assert_eq!(server.counters().early_calls, 1);
}

#[tokio::test]
async fn a_fault_of_messages_spoils_what_changes_them_and_nothing_else() {
    let server = server().await;
    let said = server.say(42, 42, "hi");
    let planned = Planned::new("messages", Fault::Blocked).times(3);
    server.plan(planned);
    good(&server, "getMe", json!({})).await;
    let typing = json!({"chat_id": 42, "action": "typing"});
    good(&server, "sendChatAction", typing).await;
    let reaction = json!({"chat_id": 42, "message_id": said.message_id, "reaction": []});
    let text = json!({"chat_id": 42, "message_id": 1, "text": "x"});
    for (method, params) in [
        ("sendMessage", &text),
        ("editMessageText", &text),
        ("setMessageReaction", &reaction),
    ] {
        let refused = refusal(&server, method, params.clone()).await;
        assert!(refused.starts_with("Forbidden"), "{method}: {refused}");
    }
    good(&server, "setMessageReaction", reaction).await;
}
