//! An agent on one node, and what is done meanwhile on another.
#![expect(deprecated, reason = "what an older client asks for is asked for here")]

use crate::house::{House, Node, until};
use crate::posts::{Sink, post, shared_feed};
use rmcp::model::{
    CallToolRequestParams, JsonObject, ResourceUpdatedNotificationParam, SubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient, ServiceExt};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(20);

type Agent = RunningService<RoleClient, ()>;

/// Gives the mailbox a token by this node. The one before is worth nothing from now on.
fn token(node: &Node) -> String {
    let path = "/v1/mailboxes/main/mcp-token";
    let made = node.running.ask("POST", path, &node.running.operator());
    let made: Value = serde_json::from_str(made.body()).expect("JSON");
    made["mcp_token"].as_str().expect("a token").to_owned()
}

async fn agent(node: &Node, token: &str) -> Agent {
    enter(node, token, ()).await
}

async fn enter<H: ClientHandler>(
    node: &Node,
    token: &str,
    handler: H,
) -> RunningService<RoleClient, H> {
    // A second one in this process changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("http://{}/mcp/main", node.running.address());
    let config = StreamableHttpClientTransportConfig::with_uri(url).auth_header(token);
    let transport = StreamableHttpClientTransport::from_config(config);
    let client = handler.serve(transport).await;
    client.expect("it is let in")
}

async fn call(agent: &Agent, tool: &str, arguments: Value) -> Value {
    let arguments: JsonObject = serde_json::from_value(arguments).expect("an object");
    let call = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    let result = agent.call_tool(call).await.expect("a result");
    assert_eq!(result.is_error, Some(false), "{tool}: {result:?}");
    result.structured_content.expect("it is structured")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_on_one_node_hears_at_once_of_what_came_to_another() {
    let house = House::new().await;
    let config = "[backend]\nkind = \"none\"\n";
    let (a, b) = (house.node(config), house.node(config));
    let feed = shared_feed(&a, &b).await;
    let agent = agent(&a, &token(&a)).await;
    let cursor = call(&agent, "list_chats", json!({})).await["cursor"].clone();
    let wait = json!({"cursor": cursor, "timeout_seconds": 20});
    let posted = async {
        sleep(Duration::from_millis(700)).await;
        let began = Instant::now();
        assert_eq!(post(&b, &feed, "e1", "hello there").status(), 200);
        began
    };
    let (heard, began) = tokio::join!(call(&agent, "wait_for_events", wait), posted);
    let took = began.elapsed();
    assert!(heard.to_string().contains("hello there"), "{heard}");
    assert!(took < Duration::from_millis(900), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_replaced_on_one_node_ends_what_it_opened_on_another() {
    let house = House::new().await;
    let config = "[backend]\nkind = \"none\"\n";
    let (a, b) = (house.node(config), house.node(config));
    shared_feed(&a, &b).await;
    let old = agent(&a, &token(&a)).await;
    let cursor = call(&old, "list_chats", json!({})).await["cursor"].clone();
    let wait = json!({"cursor": cursor, "timeout_seconds": 20});
    let arguments: JsonObject = serde_json::from_value(wait).expect("an object");
    let waits = CallToolRequestParams::new("wait_for_events").with_arguments(arguments);
    let waiting = old.call_tool(waits);
    tokio::pin!(waiting);
    let patience = Duration::from_millis(700);
    assert!(timeout(patience, &mut waiting).await.is_err(), "it waits");
    token(&b);
    let ended = timeout(Duration::from_secs(5), waiting).await;
    ended.expect("what the old one opened has ended").ok();
    let arguments = CallToolRequestParams::new("list_chats");
    assert!(old.call_tool(arguments).await.is_err(), "it is refused");
}

/// Hears what its mailbox watches.
#[derive(Clone)]
struct Ears(mpsc::UnboundedSender<String>);

impl ClientHandler for Ears {
    async fn on_resource_updated(
        &self,
        about: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.0.send(about.uri).expect("somebody hears");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_subscribed_to_on_one_node_is_told_of_on_another_when_a_third_takes_it_in() {
    const ROOM: &str = "chatbox://main/chats/alpha%3Aroom";
    let house = House::new().await;
    let config = "[backend]\nkind = \"none\"\n";
    let (a, b, c) = (house.node(config), house.node(config), house.node(config));
    let feed = shared_feed(&a, &c).await;
    assert_eq!(post(&c, &feed, "e1", "hello").status(), 200);
    let token = token(&a);
    let (ears, mut heard) = mpsc::unbounded_channel();
    let _hears = enter(&b, &token, Ears(ears)).await;
    let subscribes = enter(&a, &token, ()).await;
    let room = SubscribeRequestParams::new(ROOM);
    subscribes.subscribe(room).await.expect("it may");
    assert_eq!(post(&c, &feed, "e2", "hello there").status(), 200);
    let told = timeout(SOON, heard.recv()).await.expect("it is told");
    assert_eq!(told.as_deref(), Some(ROOM));
}

/// What was unread of a recap: the lines that are ours.
fn unread(turned: &Value) -> Vec<String> {
    let text = turned.to_string();
    let Some((_, unread)) = text.split_once("----- unread: ") else {
        return Vec::new();
    };
    let words = unread.split(|c: char| !c.is_ascii_alphanumeric());
    let ours = words.filter(|word| word.starts_with("word"));
    ours.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_an_agent_turns_is_in_the_recap_or_was_seen_and_never_both() {
    const MESSAGES: usize = 120;
    let (house, sink) = (House::new().await, Sink::open());
    let folder = tempfile::tempdir().expect("a folder");
    let config = sink.config(folder.path());
    let (a, b) = (house.node(&config), house.node(&config));
    let feed = shared_feed(&a, &b).await;
    let agent = agent(&a, &token(&a)).await;
    let mut recapped = Vec::new();
    std::thread::scope(|posting| {
        let posted = posting.spawn(|| {
            for n in 0..MESSAGES {
                let said = post(&b, &feed, &format!("e{n}"), &format!("word{n}x"));
                assert_eq!(said.status(), 200);
            }
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                while !posted.is_finished() {
                    let room = json!({"chat_id": "alpha:room"});
                    recapped.extend(unread(&call(&agent, "switch_chat", room).await));
                    call(&agent, "switch_chat", json!({"chat_id": null})).await;
                }
            });
        });
    });
    let room = json!({"chat_id": "alpha:room"});
    recapped.extend(unread(&call(&agent, "switch_chat", room).await));
    let times = recapped.len();
    let recapped: HashSet<String> = recapped.into_iter().collect();
    assert_eq!(recapped.len(), times, "something was told twice");
    // What is in a recap need not be announced any more; what was seen as it came is handed out as such.
    let all_words: Vec<String> = (0..MESSAGES).map(|n| format!("word{n}x")).collect();
    let seen: Vec<&String> = all_words
        .iter()
        .filter(|it| !recapped.contains(*it))
        .collect();
    let handed_as_seen = |word: &String| {
        let came = sink.came();
        let mut seen = came.iter().filter(|it| it.contains("\"focal\":true"));
        seen.any(|it| it.contains(word))
    };
    until("what was seen is handed out", SOON, || {
        seen.iter().all(|word| handed_as_seen(word))
    })
    .await;
    for word in &recapped {
        assert!(!handed_as_seen(word), "{word} was in a recap and seen");
    }
    let seen = seen.len();
    assert!(seen > 0 && seen < MESSAGES, "{seen}: it never got mixed up");
}
