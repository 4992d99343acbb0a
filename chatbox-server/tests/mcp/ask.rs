//! Questions to people: put once, answered by what is bound to them, and over when their time is.

use crate::house::{Agent, House, OLDER, newer};
use chatbox_core::event::ChatKind;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::NotificationContext;
use rmcp::{ClientHandler, ClientLifecycleMode, RoleClient};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn delete() -> Value {
    json!({"question_id": "delete-1", "question": "Delete it?", "choices": ["Yes", "No"], "timeout_seconds": 1})
}

async fn in_a_chat(house: &House) -> Agent<()> {
    let agent = house.agent(newer()).await;
    agent.turn_to("alpha:room").await;
    agent
}

#[tokio::test]
async fn a_question_is_put_once_and_answered_by_a_reply_to_it_alone() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "x").await;
    let agent = in_a_chat(&house).await;
    let asked = agent.call("ask_human", delete()).await;
    assert_eq!(
        (&asked["status"], &asked["chat_id"]),
        (&json!("waiting"), &json!("alpha:room"))
    );
    let expected = "Delete it?\n1. Yes\n2. No\nReply to this message with a number.";
    let said = alpha.done(1).await[0].2.replace("\n\n", "\n");
    assert_eq!(said, expected);
    let name = alpha.names().await[0].clone();

    // What is not bound to it is no answer, a message that the platform calls by its row's number neither, and the agent may look elsewhere meanwhile.
    alpha.says("room", "1").await;
    alpha
        .replies("room", "yes please", &name, ChatKind::Group)
        .await;
    let number = asked["message_id"].as_str().unwrap_or_default();
    let number = number.trim_start_matches("msg_");
    alpha.replies("room", "1", number, ChatKind::Group).await;
    agent.call("switch_chat", json!({"chat_id": null})).await;
    let other = house.token("main").await;
    let other = house.enter("main", &other, OLDER, ()).await;
    assert_eq!(other.call("ask_human", delete()).await["status"], "waiting");

    // Who waits hears of the answer at once.
    let began = Instant::now();
    let mut waits = delete();
    waits["timeout_seconds"] = json!(20);
    let (answered, row) = tokio::join!(other.call("ask_human", waits), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        alpha.replies("room", "2", &name, ChatKind::Group).await
    });
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(
        (&answered["status"], &answered["answer"], &answered["by"]),
        (&json!("answered"), &json!("No"), &json!("ada"))
    );
    assert_eq!(answered["answer_message_id"], format!("msg_{row}"));
    // It stays as it was, and nothing was asked twice.
    alpha.replies("room", "1", &name, ChatKind::Group).await;
    let again = other.call("ask_human", delete()).await;
    assert_eq!(again["answer"], "No");
    assert_eq!(alpha.done(1).await.len(), 1);
    let mut changed = delete();
    changed["question"] = json!("Delete everything?");
    let refused = other.refused("ask_human", changed).await;
    assert!(refused.starts_with("question_id_taken: "), "{refused}");
}

#[tokio::test]
async fn where_two_are_alone_the_next_thing_said_answers() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.alone("room", "hello").await;
    let agent = in_a_chat(&house).await;
    let ask = json!({"question_id": "when", "question": "When?", "timeout_seconds": 1});
    assert_eq!(
        agent.call("ask_human", ask.clone()).await["status"],
        "waiting"
    );
    assert_eq!(alpha.done(1).await[0].2, "When?");
    alpha.alone("room", "on Monday").await;
    let answered = agent.call("ask_human", ask).await;
    assert_eq!(answered["answer"], "on Monday");
}

#[tokio::test]
async fn a_question_that_does_not_arrive_is_a_no() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "x").await;
    let agent = in_a_chat(&house).await;
    let ask = json!({"question_id": "q", "question": "Shall this fail?", "timeout_seconds": 20});
    let asked = agent.call("ask_human", ask).await;
    assert_eq!(asked["status"], "undelivered");
    assert!(
        asked["reason"]
            .as_str()
            .expect("a text")
            .contains("they left")
    );
}

#[tokio::test]
async fn a_question_needs_a_chat_and_choices_that_differ() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "x").await;
    let agent = house.agent(newer()).await;
    let refused = agent.refused("ask_human", delete()).await;
    assert!(refused.starts_with("no_focal_chat: "), "{refused}");
    agent.turn_to("alpha:room").await;
    for (field, value, code) in [
        ("question_id", json!(" "), "invalid_question_id"),
        ("question", json!(""), "empty_message"),
        ("question", json!("x".repeat(3000)), "text_too_long"),
        ("choices", json!(["Yes"]), "invalid_choices"),
        ("choices", json!(["Yes", "yes"]), "invalid_choices"),
        ("choices", json!(["Yes", "No\nnever"]), "invalid_choices"),
        ("minutes", json!(0), "out_of_range"),
        ("timeout_seconds", json!(56), "out_of_range"),
        ("chat_id", json!("alpha:hall"), "chat_not_focal"),
    ] {
        let mut ask = delete();
        ask[field] = value;
        let refused = agent.refused("ask_human", ask).await;
        assert!(refused.starts_with(code), "{field}: {refused}");
    }
    assert!(alpha.done(0).await.is_empty());
}

/// Counts the seconds that it is told of.
#[derive(Clone, Default)]
struct Patient(Arc<Mutex<Vec<f64>>>);

impl ClientHandler for Patient {
    async fn on_progress(
        &self,
        so_far: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let mut told = self.0.lock().expect("it is whole");
        told.push(so_far.progress);
    }
}

#[tokio::test]
async fn who_waits_and_asked_to_be_told_hears_that_the_wait_goes_on() {
    let waits = async |wire: ClientLifecycleMode| {
        let house = House::open().await;
        let alpha = house.platform("alpha").await;
        alpha.says("room", "x").await;
        let token = house.token("main").await;
        let patient = Patient::default();
        let agent = house.enter("main", &token, wire, patient.clone()).await;
        agent.turn_to("alpha:room").await;
        // This client asks to be told with everything it asks. The stream's own clock cannot be stopped.
        let question = json!({"question_id": "q", "question": "Well?", "timeout_seconds": 11});
        let asked = agent.call("ask_human", question).await;
        assert_eq!(asked["status"], "waiting");
        let told = patient.0.lock().expect("it is whole").clone();
        assert_eq!(told, [10.0]);
    };
    tokio::join!(waits(OLDER), waits(newer()));
}

#[tokio::test]
async fn who_did_not_ask_to_be_told_gets_one_plain_answer() {
    let house = House::open().await;
    let token = house.token("main").await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "wait_for_events", "arguments": {"timeout_seconds": 35}}});
    let request = reqwest::Client::new()
        .post(house.url("/mcp/main"))
        .bearer_auth(&token)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .json(&body);
    tokio::time::pause();
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "application/json");
}
