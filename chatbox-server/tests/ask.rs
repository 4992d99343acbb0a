//! A question to a person outlives the server that put it.
#![cfg(feature = "telegram")]

mod program;

use chatbox_fakes::telegram::{self, Bot, Say};
use program::agent::Agent;
use program::{Program, Running};
use serde_json::{Value, json};
use std::time::Duration;

const TOKEN: &str = "7000001:TEST-token-TEST-token";
const ADA: i64 = 42;
const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_over_a_kill_and_put_once() {
    let options = telegram::Options {
        bots: vec![Bot::new(TOKEN, "test_bot")],
        ..telegram::Options::default()
    };
    let platform = telegram::Server::start(options).await.expect("a free port");
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "[backend]\nkind = \"none\"\n[channels.telegram]\napi_base = \"{}\"\n",
        platform.base_url()
    );
    let running = Running::start(folder.path(), &config);
    let command = |arguments: &[&str], typed: Option<&str>| -> Value {
        let mut command = Program::new(folder.path()).command();
        command.arg("--data-dir").arg(running.data()).arg("--json");
        command.args(arguments);
        program::give(&mut command, folder.path(), typed);
        serde_json::from_slice(&program::run(&mut command).stdout).expect("JSON")
    };
    let key = command(&["mailboxes", "mcp-token", "main"], None);
    let token = key["mcp_token"].as_str().expect("a token");
    let arguments = ["channels", "add", "telegram", "--token-file", "-"];
    let added = command(&arguments, Some(TOKEN));
    let code = added["pairing_link"].as_str();
    let code = code.and_then(|link| link.rsplit('=').next());
    platform.say(ADA, ADA, &format!("/start {}", code.expect("a code")));
    let welcome = platform.until_messages(ADA, 1, SOON).await;
    welcome.expect("the owner is welcomed");

    let agent = Agent::new(&running, token);
    agent.turn_to(&format!("telegram:{ADA}"));
    let ask = json!({"question_id": "deploy-7", "question": "Deploy now?", "choices": ["Yes", "No"],
        "timeout_seconds": 1});
    assert_eq!(agent.call("ask_human", &ask)["status"], "waiting");
    let asked = platform.until_messages(ADA, 2, SOON).await;
    let asked = asked.expect("it is put").remove(1);
    assert_eq!(
        asked.text,
        "Deploy now?\n\n1. Yes\n2. No\n\nAnswer with a number."
    );
    let sign = running.data().join("serve.json");
    drop(running);
    std::fs::remove_file(sign).expect("the sign of the one that was killed");

    // She answers while nobody is there to hear it, and has something else to say first.
    platform.say(ADA, ADA, "what is in it?");
    platform.say_with(Say::new(ADA, ADA, "1").replying_to(asked.message_id));
    let running = Running::start(folder.path(), &config);
    let agent = Agent::new(&running, token);
    let mut waits = ask.clone();
    waits["timeout_seconds"] = json!(30);
    let answered = agent.call("ask_human", &waits);
    let told = ["status", "answer", "by"].map(|field| answered[field].clone());
    assert_eq!(
        told,
        [json!("answered"), json!("Yes"), json!(ADA.to_string())]
    );
    assert_eq!(agent.call("ask_human", &ask), answered, "and stays so");
    assert_eq!(platform.messages().len(), 2, "it was put once");

    // The next one is answered by a button, which is told that it was heard.
    let again = json!({"question_id": "deploy-8", "question": "And now?", "choices": ["Yes", "No"],
        "timeout_seconds": 1});
    assert_eq!(agent.call("ask_human", &again)["status"], "waiting");
    let asked = platform.until_messages(ADA, 3, SOON).await;
    let asked = asked.expect("it is put").remove(2);
    let (_, query) = platform.press(ADA, asked.message_id, ADA, "2");
    let mut waits = again;
    waits["timeout_seconds"] = json!(30);
    let answered = agent.call("ask_human", &waits);
    let told = ["status", "answer", "by"].map(|field| answered[field].clone());
    assert_eq!(
        told,
        [json!("answered"), json!("No"), json!(ADA.to_string())]
    );
    let heard = |all: Vec<(String, String)>| all.into_iter().any(|(it, _)| it == query);
    let until = std::time::Instant::now() + SOON;
    while !heard(platform.callback_answers()) {
        assert!(std::time::Instant::now() < until, "the button is answered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
