//! What a process may do that a turn runs: what its mailbox may, in the turn's chat, for as long as the turn runs.

use crate::house::{House, OLDER, newer};
use async_trait::async_trait;
use chatbox_core::backend::{BackendError, CognitiveBackend, ReplySink, Turn, TurnOutcome};
use chatbox_core::secret::Secret;
use chatbox_core::store::{Admin, LaneScope};
use rmcp::ClientHandler;
use rmcp::model::SubscriptionFilter;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Where a process finds the door, and its token.
const DOOR: &str = "CHATBOX_TEST_DOOR";
const TOKEN: &str = "CHATBOX_TEST_TOKEN";
/// How what a process says begins, among what the test's own harness says.
const SAYS: &str = "answered ";

/// A process of its own, which calls what it is told to call with the token it was started with.
struct Process {
    child: Child,
    answers: std::io::Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(door: &str, token: &Secret) -> Self {
        let own = std::env::current_exe().expect("this program");
        let mut command = Command::new(own);
        command
            .args(["--exact", "turns::a_process_of_a_turn", "--nocapture"])
            .env(DOOR, door)
            .env(TOKEN, token.expose())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let out = child.stdout.take().expect("an output");
        let answers = BufReader::new(out).lines();
        Self { child, answers }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let input = self.child.stdin.as_mut().expect("an input");
        writeln!(input, "{body}").expect("it listens");
        loop {
            let line = self.answers.next().expect("it goes on").expect("text");
            if let Some((_, answer)) = line.split_once(SAYS) {
                return serde_json::from_str(answer).expect("JSON");
            }
        }
    }

    /// Whether a tool did it, and what it said.
    fn call(&mut self, tool: &str, arguments: &Value) -> (bool, String) {
        let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str();
        let text = text.unwrap_or_else(|| panic!("{answer}"));
        (result["isError"] != true, text.to_owned())
    }

    fn send(&mut self, text: &str) -> (bool, String) {
        self.call("send_message", &json!({"text": text}))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test by itself: the other process.
#[tokio::test]
async fn a_process_of_a_turn() {
    let (Ok(door), Ok(token)) = (std::env::var(DOOR), std::env::var(TOKEN)) else {
        return;
    };
    for line in std::io::stdin().lines() {
        let answer = reqwest::Client::new()
            .post(&door)
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .header("mcp-protocol-version", "2025-11-25")
            .bearer_auth(&token)
            .body(line.expect("text"))
            .send()
            .await
            .expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        println!("\n{SAYS}{answer}");
    }
}

/// A turn as it runs, until it is told to end.
struct Running {
    turn: Turn,
    end: oneshot::Sender<()>,
}

/// Hands every turn to the test.
#[derive(Debug)]
struct Handed(mpsc::UnboundedSender<Running>);

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.turn)
    }
}

#[async_trait]
impl CognitiveBackend for Handed {
    fn name(&self) -> String {
        "handed".to_owned()
    }

    fn lane(&self) -> LaneScope {
        LaneScope::Session
    }

    fn context_tokens(&self) -> u32 {
        1000
    }

    async fn turn(&self, turn: Turn, _: ReplySink) -> Result<TurnOutcome, BackendError> {
        let (end, ended) = oneshot::channel();
        self.0.send(Running { turn, end }).expect("a test");
        let _ = ended.await;
        Ok(TurnOutcome::say("done"))
    }
}

/// The mailbox `main` hands its turns over.
async fn handed(house: &House) -> mpsc::UnboundedReceiver<Running> {
    let (sender, turns) = mpsc::unbounded_channel();
    let backend = Arc::new(Handed(sender));
    let mailbox = house.chatbox().mailbox("main", Some(backend)).await;
    mailbox.expect("a mailbox");
    turns
}

async fn next(turns: &mut mpsc::UnboundedReceiver<Running>) -> Running {
    let next = tokio::time::timeout(Duration::from_secs(10), turns.recv()).await;
    next.expect("in time").expect("a turn")
}

fn is_over((done, said): &(bool, String)) -> bool {
    !done && said.starts_with("turn_over: ") && said.ends_with("Call nothing more, and end.")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_of_a_turn_that_was_cut_off_can_do_nothing_and_the_next_ones_can() {
    let house = House::open().await;
    let (alpha, mut turns) = (house.platform("alpha").await, handed(&house).await);
    let door = house.url("/mcp/main");
    alpha.says("room", "what is the time?").await;
    let first = next(&mut turns).await;
    assert_eq!(first.turn.attempt, 1);
    let mut stale = Process::start(&door, &first.turn.token);
    let (done, said) = stale.send("I will look.");
    assert!(done, "{said}");
    let (done, said) = stale.call("read_messages", &json!({}));
    assert!(done && said.contains("what is the time?"), "{said}");

    // Its lease ends as if this process had been away for too long; the lane is taken again.
    let ended = house.chatbox().admin(Admin::EndLeases).await;
    ended.expect("they end");
    assert!(is_over(&stale.send("Before anybody has it.")));
    let second = next(&mut turns).await;
    assert_eq!(
        (second.turn.attempt, second.turn.fence.0),
        (2, first.turn.fence.0 + 1)
    );
    let told = second
        .turn
        .context
        .iter()
        .filter_map(|row| row.body.content());
    let told: Vec<&str> = told.map(|it| it.text.as_str()).collect();
    assert_eq!(told, ["I will look."], "what the first try sent");
    let mut fresh = Process::start(&door, &second.turn.token);
    for (tool, arguments) in [
        ("send_message", json!({"text": "It is late."})),
        ("react", json!({"message_id": "msg_1", "emoji": "👍"})),
        ("edit_message", json!({"message_id": "msg_2", "text": "x"})),
        ("delete_message", json!({"message_id": "msg_2"})),
        ("read_messages", json!({})),
        ("list_chats", json!({})),
        ("alpha_react", json!({"message_id": "msg_1", "emoji": "👍"})),
        ("nothing_at_all", json!({})),
    ] {
        let answer = stale.call(tool, &arguments);
        assert!(is_over(&answer), "{tool}: {answer:?}");
    }
    for (method, params) in [
        ("tools/list", json!({})),
        ("resources/list", json!({})),
        ("resources/read", json!({"uri": "chatbox://main/chats"})),
    ] {
        let answer = stale.ask(method, &params);
        let said = answer["error"]["message"].as_str().expect("an error");
        assert!(said.starts_with("turn_over: "), "{answer}");
    }
    let (done, said) = fresh.send("It is noon.");
    assert!(done, "{said}");
    let (done, said) = fresh.call(
        "edit_message",
        &json!({"message_id": "msg_2", "text": "Looking."}),
    );
    assert!(done, "the first try's words are the mailbox's: {said}");

    second.end.send(()).expect("it runs");
    let done = alpha.done(4).await;
    let done: Vec<&str> = done.iter().map(|(_, _, said)| said.as_str()).collect();
    assert_eq!(done, ["I will look.", "It is noon.", "Looking.", "done"]);
    assert!(is_over(&fresh.send("And another thing.")), "it has ended");
    // Nothing a stale process tried is anywhere.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(alpha.done(4).await.len(), 4);
    drop(first.end);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turns_agent_has_its_chat_and_no_other() {
    let house = House::open().await;
    let (alpha, mut turns) = (house.platform("alpha").await, handed(&house).await);
    alpha.says("room", "hello").await;
    let running = next(&mut turns).await;
    let token = running.turn.token.expose().to_owned();
    for wire in [OLDER, newer()] {
        let agent = house.enter("main", &token, wire, ()).await;
        let tools = agent.tools().await;
        for absent in ["switch_chat", "wait_for_events"] {
            assert!(!tools.iter().any(|it| it == absent), "{tools:?}");
            let refused = agent.refused(absent, json!({"chat_id": null})).await;
            assert!(refused.starts_with("not_in_a_turn: "), "{refused}");
        }
        for there in ["send_message", "read_messages", "alpha_react"] {
            assert!(tools.iter().any(|it| it == there), "{tools:?}");
        }
        let chats = agent.call("list_chats", json!({})).await;
        assert_eq!(chats["chats"][0]["focal"], true, "{chats}");
        agent.call("send_message", json!({"text": "hi"})).await;
    }
    // Its chat is read under its address too, and watched by nobody.
    let ask = async |method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request = reqwest::Client::new()
            .post(house.url("/mcp/main"))
            .json(&body);
        let request = request.header("accept", "application/json, text/event-stream");
        request.bearer_auth(&token).send().await.expect("an answer")
    };
    let room = json!({"uri": "chatbox://main/chats/alpha%3Aroom"});
    let read: Value = ask("resources/read", room.clone())
        .await
        .json()
        .await
        .expect("JSON");
    let text = read["result"]["contents"][0]["text"].as_str();
    assert!(text.is_some_and(|it| it.contains("hello")), "{read}");
    let refused: Value = ask("resources/subscribe", room)
        .await
        .json()
        .await
        .expect("JSON");
    let said = refused["error"]["message"].as_str().expect("an error");
    assert!(said.starts_with("not_in_a_turn: "), "{refused}");
    let greeting = json!({"protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"}});
    let greeted = ask("initialize", greeting).await;
    assert!(greeted.status().is_success());
    assert!(!greeted.headers().contains_key("mcp-session-id"));
    let stream = reqwest::Client::new()
        .get(house.url("/mcp/main"))
        .bearer_auth(&token)
        .header("accept", "text/event-stream");
    assert_eq!(stream.send().await.expect("an answer").status(), 405);
    let newer = house.enter("main", &token, newer(), Silent).await;
    let tools = SubscriptionFilter::builder().tools_list_changed().build();
    let mut changes = newer.0.listen(tools).await.expect("it is heard");
    let none = tokio::time::timeout(Duration::from_secs(5), changes.next()).await;
    let none = none.expect("there is nothing to listen for, and it ends");
    assert!(!matches!(none, Ok(Some(_))), "{none:?}");
    // A mailbox's own token looks and does not act, as before: a backend answers it.
    let agent = house.agent(OLDER).await;
    let refused = agent.refused("send_message", json!({"text": "hi"})).await;
    assert!(refused.starts_with("no_focal_chat: "), "{refused}");
    running.end.send(()).expect("it runs");
}

struct Silent;
impl ClientHandler for Silent {}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_token_opens_its_mailboxs_door_and_cannot_be_made_up() {
    let house = House::open().await;
    let (alpha, mut turns) = (house.platform("alpha").await, handed(&house).await);
    let second = house.chatbox().mailbox("second", None).await;
    second.expect("a mailbox");
    alpha.says("room", "hello").await;
    let running = next(&mut turns).await;
    let token = running.turn.token.expose().to_owned();
    let knock = async |path: &str, token: &str| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let request = reqwest::Client::new().post(house.url(path)).json(&body);
        let request = request.header("accept", "application/json, text/event-stream");
        let answer = request.bearer_auth(token).send().await;
        answer.expect("an answer").status().as_u16()
    };
    assert_eq!(knock("/mcp/main", &token).await, 200);
    assert_eq!(knock("/mcp/second", &token).await, 401);
    assert_eq!(knock("/mcp/nobody", &token).await, 401);
    assert_eq!(knock("/mcp/admin/main", &token).await, 401);
    for path in ["/v1/mailboxes", "/v1/tokens", "/operator/backup"] {
        let answer = reqwest::Client::new()
            .get(house.url(path))
            .bearer_auth(&token);
        let status = answer.send().await.expect("an answer").status().as_u16();
        assert!([401, 403, 405].contains(&status), "{path}: {status}");
    }
    // Every byte of it counts.
    let (head, sealed) = token.split_once('.').expect("two parts");
    for at in (0..sealed.len()).step_by(7) {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).expect("ASCII");
        assert_eq!(
            knock("/mcp/main", &format!("{head}.{forged}")).await,
            401,
            "{at}"
        );
    }
    assert!(
        !format!("{running:?}").contains(sealed),
        "it is not printed"
    );
    running.end.send(()).expect("it runs");
}
