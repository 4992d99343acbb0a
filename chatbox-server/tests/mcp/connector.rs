//! A connector's own tools, on a real server of the protocol, lent to the agent that looks at one of its chats.

use crate::house::{Agent, House, OLDER, newer};
use crate::radio::{Process, Radio, TOKEN};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use chatbox_core::secret::Secret;
use chatbox_server::http::{AddedView, Problem};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorCode, ErrorData,
    JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, ServiceError};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

const TOOLS_TOKEN: &str = "the-token-of-the-tools";

/// The tools of the radio.
#[derive(Clone, Debug)]
struct Tools(&'static [&'static str]);

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let takes: JsonObject =
            serde_json::from_value(json!({"type": "object"})).expect("a schema");
        let tools = self.0.iter();
        let tools = tools.map(|name| Tool::new(*name, "does something", takes.clone()));
        Ok(ListToolsResult::with_all_items(tools.collect()))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let said = json!({"arguments": call.arguments, "meta": *context.meta});
        Ok(match call.name.as_ref() {
            "radio_fail" => CallToolResult::error(vec![ContentBlock::text("no antenna")]).into(),
            "radio_break" => {
                let code = ErrorCode(-32050);
                return Err(ErrorData::new(code, "it broke", Some(json!({"part": 7}))));
            }
            "radio_slow" => std::future::pending().await,
            _ => {
                let mut result = CallToolResult::success(vec![ContentBlock::text("scanned")]);
                result.structured_content = Some(said);
                result.into()
            }
        })
    }
}

/// The radio's tools while they are served.
struct Served {
    url: String,
    runtime: Option<Runtime>,
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn let_in(request: Request, next: Next) -> axum::response::Response {
    let shown = request.headers().get(header::AUTHORIZATION);
    match shown.is_some_and(|shown| *shown == format!("Bearer {TOOLS_TOKEN}")) {
        true => next.run(request).await,
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn serve(tools: &'static [&'static str]) -> Served {
    let service = StreamableHttpService::new(
        move || Ok(Tools(tools)),
        Arc::new(NeverSessionManager::default()),
        StreamableHttpServerConfig::default().with_legacy_session_mode(false),
    );
    let router = axum::Router::new()
        .fallback_service(service)
        .layer(from_fn(let_in));
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let serving = runtime.spawn(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    });
    let address = serving.await.expect("it listens");
    Served {
        url: format!("http://{address}/mcp"),
        runtime: Some(runtime),
    }
}

async fn add(
    house: &House,
    process: &Process,
    tools: &str,
    token: &str,
) -> Result<AddedView, Problem> {
    let secret = |value: &str| Secret::new(value);
    let secrets = [("token", secret(TOKEN)), ("mcp_token", secret(token))];
    let settings = [("url", process.url()), ("mcp_url", tools.to_owned())];
    let own = |key: &str| key.to_owned();
    let secrets: BTreeMap<_, _> = secrets
        .into_iter()
        .map(|(key, it)| (own(key), it))
        .collect();
    let settings: BTreeMap<_, _> = settings
        .into_iter()
        .map(|(key, it)| (own(key), it))
        .collect();
    house
        .app
        .add_channel(&"main".into(), &"connector".into(), secrets, settings)
        .await
}

/// Ada owns the radio, and has said something.
async fn tuned(house: &House, radio: &Radio, process: &Process, tools: &Served) {
    let added = add(house, process, &tools.url, TOOLS_TOKEN).await;
    let Ok(added) = added else {
        panic!("it is added: {added:?}");
    };
    let added = serde_json::to_value(added).expect("JSON");
    radio.say(added["pairing_code"].as_str().expect("a code"));
    radio.say("hello");
    for _ in 0..500 {
        let chats = house.chatbox().overview(&"main".into(), 10).await;
        if chats.is_ok_and(|chats| chats.iter().any(|chat| chat.unread > 0)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the radio is not heard");
}

async fn call(
    agent: &Agent<()>,
    tool: &str,
    arguments: Value,
) -> Result<CallToolResult, ServiceError> {
    let arguments: JsonObject = serde_json::from_value(arguments).expect("an object");
    let call = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    agent.0.call_tool(call).await
}

fn radios(tools: &[String]) -> Vec<&str> {
    let names = tools.iter().map(String::as_str);
    names.filter(|name| name.starts_with("radio_")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connectors_tools_are_there_where_its_chat_is_looked_at_and_come_through_unchanged() {
    let house = House::open().await;
    let radio = Radio::new("radio");
    let process = radio.run(None).await;
    let tools = serve(&["radio_scan", "radio_fail", "radio_break"]).await;
    tuned(&house, &radio, &process, &tools).await;
    let puppet = house.platform("alpha").await;
    puppet.says("1", "hello").await;
    for wire in [OLDER, newer()] {
        let agent = house.agent(wire).await;
        agent.turn_to("alpha:1").await;
        assert!(radios(&agent.tools().await).is_empty());
        let elsewhere = agent.refused("radio_scan", json!({})).await;
        assert!(elsewhere.starts_with("chat_not_focal"), "{elsewhere}");

        agent.turn_to("radio:ada").await;
        let listed = agent.tools().await;
        let own = ["radio_send", "radio_edit_message"];
        let lent = ["radio_scan", "radio_fail", "radio_break"];
        assert_eq!(radios(&listed), [&own[..], &lent[..]].concat());
        let arguments =
            json!({"q": [1, {"a": null}], "u": "ü \u{0} 👩‍👩‍👧", "big": 9_007_199_254_740_993_i64});
        let scanned = call(&agent, "radio_scan", arguments.clone())
            .await
            .expect("a result");
        let said = scanned.structured_content.expect("it is structured");
        assert_eq!(said["arguments"], arguments);
        assert_eq!(said["meta"]["chatbox/chat_id"], "radio:ada");
        assert_eq!(said["meta"]["chatbox/chat_handle"], "ada");
        let connection = said["meta"]["chatbox/connection_id"].as_str();
        assert!(
            connection.is_some_and(|id| id.starts_with("con_")),
            "{said}"
        );

        let failed = agent.refused("radio_fail", json!({})).await;
        assert_eq!(failed, "no antenna");
        let Err(ServiceError::McpError(broken)) = call(&agent, "radio_break", json!({})).await
        else {
            panic!("an error of the protocol stays one");
        };
        assert_eq!(broken.code, ErrorCode(-32050));
        assert_eq!(
            (&*broken.message, broken.data),
            ("it broke", Some(json!({"part": 7})))
        );

        agent.call("switch_chat", json!({"chat_id": null})).await;
        assert!(radios(&agent.tools().await).is_empty());
        let nowhere = agent.refused("radio_scan", json!({})).await;
        assert!(nowhere.starts_with("chat_not_focal"), "{nowhere}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_that_are_slow_or_gone_are_an_error_in_time_and_nothing_else_suffers() {
    let house = House::open().await;
    let radio = Radio::new("radio");
    let process = radio.run(None).await;
    let tools = serve(&["radio_scan", "radio_slow"]).await;
    tuned(&house, &radio, &process, &tools).await;
    let agent = house.agent(OLDER).await;
    agent.turn_to("radio:ada").await;
    let began = Instant::now();
    let slow = agent.refused("radio_slow", json!({}));
    let meanwhile = async {
        let began = Instant::now();
        agent.call("list_chats", json!({})).await;
        assert!(began.elapsed() < Duration::from_secs(5), "others wait");
    };
    let (slow, ()) = tokio::join!(slow, meanwhile);
    assert!(slow.starts_with("connector_unavailable"), "{slow}");
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );

    drop(tools);
    let began = Instant::now();
    let gone = agent.refused("radio_scan", json!({})).await;
    assert!(gone.starts_with("connector_unavailable"), "{gone}");
    assert!(
        began.elapsed() < Duration::from_secs(16),
        "{:?}",
        began.elapsed()
    );
    agent
        .call("send_message", json!({"text": "still here"}))
        .await;
    radio.hears("still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_down_shows_no_tools_and_its_mailbox_goes_on() {
    let house = House::open().await;
    let radio = Radio::new("radio");
    let process = radio.run(None).await;
    let address = process.address;
    let tools = serve(&["radio_scan"]).await;
    tuned(&house, &radio, &process, &tools).await;
    drop((process, tools));
    let agent = house.agent(OLDER).await;
    agent.turn_to("radio:ada").await;
    let mut left = agent.tools().await;
    for _ in 0..100 {
        if radios(&left).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        left = agent.tools().await;
    }
    assert!(radios(&left).is_empty(), "{left:?}");
    assert!(left.contains(&"send_message".to_owned()), "{left:?}");
    agent
        .call("send_message", json!({"text": "for later"}))
        .await;
    let read = agent.call("read_messages", json!({})).await;
    assert!(read.to_string().contains("hello"), "{read}");
    let _again = radio.run(Some(address)).await;
    radio.hears("for later").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_is_called_like_another_is_refused_when_it_is_added() {
    let house = House::open().await;
    let radio = Radio::new("radio");
    let process = radio.run(None).await;
    for names in [
        &["radio_scan", "send_message"][..],
        &["radio_send"],
        &["other_scan"],
        &["radio_"],
        &["radio"],
        &["radio_s c a n"],
    ] {
        let tools = serve(names).await;
        let refused = add(&house, &process, &tools.url, TOOLS_TOKEN).await;
        let refused = refused.expect_err("it is refused");
        assert_eq!(refused.code, "tool_name_taken", "{names:?}");
    }
    let tools = serve(&["radio_scan"]).await;
    for (url, token) in [
        (tools.url.as_str(), "not-the-token"),
        ("http://127.0.0.1:1/mcp", TOOLS_TOKEN),
        ("http://169.254.169.254/mcp", TOOLS_TOKEN),
        ("nowhere", TOOLS_TOKEN),
    ] {
        let refused = add(&house, &process, url, token).await;
        let refused = refused.expect_err("it is refused");
        assert_eq!(refused.code, "tools_unavailable", "{url}");
        assert!(!refused.detail.contains(token), "{}", refused.detail);
    }
    assert!(house.chatbox().links().is_empty());
}
