//! Bad input: each case has its clear answer, no case is our fault, nothing is done, and the next good one works.

use crate::house::House;
use crate::mutate::{Mutations, mutate};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const BOTH: &str = "application/json, text/event-stream";

struct Case {
    name: &'static str,
    method: Method,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    status: u16,
    /// A JSON-RPC code, or one of ours.
    code: Value,
}

/// A case that differs from a good request of the newer wire in what is said after it.
fn newer(name: &'static str, method: &str, params: Value) -> Case {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let mut headers = vec![
        ("accept", BOTH.to_owned()),
        ("content-type", "application/json".to_owned()),
        ("mcp-protocol-version", "2026-07-28".to_owned()),
        ("mcp-method", method.to_owned()),
    ];
    if let Some(tool) = params["name"].as_str() {
        headers.push(("mcp-name", tool.to_owned()));
    }
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    Case {
        name,
        method: Method::POST,
        headers,
        body: body.to_string().into_bytes(),
        status: 200,
        code: Value::Null,
    }
}

/// The same of the older wire.
fn older(name: &'static str, body: impl Into<Vec<u8>>) -> Case {
    let headers = vec![
        ("accept", BOTH.to_owned()),
        ("content-type", "application/json".to_owned()),
        ("mcp-protocol-version", "2025-11-25".to_owned()),
    ];
    Case {
        name,
        method: Method::POST,
        headers,
        body: body.into(),
        status: 200,
        code: Value::Null,
    }
}

impl Case {
    fn with(mut self, header: &'static str, value: &str) -> Self {
        self = self.without(header);
        self.headers.push((header, value.to_owned()));
        self
    }

    fn without(mut self, header: &'static str) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self
    }

    fn meta(mut self, key: &str, value: Option<Value>) -> Self {
        let mut body: Value = serde_json::from_slice(&self.body).expect("JSON");
        let meta = body["params"]["_meta"].as_object_mut().expect("an object");
        let key = format!("io.modelcontextprotocol/{key}");
        match value {
            Some(value) => drop(meta.insert(key, value)),
            None => drop(meta.remove(&key)),
        }
        self.body = body.to_string().into_bytes();
        self
    }

    fn by(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    fn gets(mut self, status: u16, code: impl Into<Value>) -> Self {
        (self.status, self.code) = (status, code.into());
        self
    }
}

fn call(name: &'static str, tool: &str, arguments: Value) -> Case {
    newer(
        name,
        "tools/call",
        json!({"name": tool, "arguments": arguments}),
    )
}

fn list(name: &'static str) -> Case {
    newer(name, "tools/list", json!({}))
}

fn read(name: &'static str, uri: &str) -> Case {
    newer(name, "resources/read", json!({"uri": uri})).with("mcp-name", uri)
}

fn watch(params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "resources/subscribe", "params": params})
        .to_string()
}

fn cases() -> Vec<Case> {
    let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
    let deep =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"a":{deep}}}}}"#);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let long = "x".repeat(10 * 1024);
    vec![
        list("M01 no version").without("mcp-protocol-version").gets(400, -32020),
        list("M02 two versions").with("mcp-protocol-version", "2025-11-25").gets(400, -32020),
        list("M03 no such version")
            .with("mcp-protocol-version", "2099-01-01")
            .meta("protocolVersion", Some(json!("2099-01-01")))
            .gets(400, -32022),
        list("M04 no method").without("mcp-method").gets(400, -32020),
        list("M04 another method").with("mcp-method", "tools/call").gets(400, -32020),
        call("M05 another tool", "list_chats", json!({}))
            .with("mcp-name", "switch_chat")
            .gets(400, -32020),
        call("M06 a broken name", "list_chats", json!({}))
            .with("mcp-name", "=?base64?%%%?=")
            .gets(400, -32020),
        list("M07 no capabilities").meta("clientCapabilities", None).gets(400, -32602),
        older("M08 a batch", format!("[{ping}]")).gets(400, -32600),
        older("M09 an answer", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).gets(400, -32600),
        older("M10 another JSON-RPC", ping.replace("2.0", "1.0")).gets(400, -32600),
        older("M10 no JSON-RPC", r#"{"id":1,"method":"ping"}"#).gets(400, -32600),
        older("M11 null", ping.replace(":1,", ":null,")).gets(400, -32600),
        older("M11 a fraction", ping.replace(":1,", ":1.5,")).gets(400, -32600),
        older("M11 an object", ping.replace(":1,", ":{},")).gets(400, -32600),
        older("M11 a long one", ping.replace(":1,", &format!(":\"{long}\","))).gets(400, -32600),
        older("M13 a notification", r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
            .gets(202, Value::Null),
        list("M14 GET").by(Method::GET).gets(405, "method_not_allowed"),
        list("M14 DELETE").by(Method::DELETE).gets(405, "method_not_allowed"),
        list("M14 PUT").by(Method::PUT).gets(405, "method_not_allowed"),
        older("M14 DELETE of a session", "").by(Method::DELETE).gets(405, "method_not_allowed"),
        list("M15 a page").with("accept", "text/html").gets(406, "not_acceptable"),
        older("M15 a stream that is none", "").by(Method::GET).with("accept", "text/html").gets(406, "not_acceptable"),
        list("M16 no such method, kind").with("content-type", "text/plain").gets(415, "unsupported_media_type"),
        newer("M16 no such method", "tools/juggle", json!({})).gets(404, -32601),
        older("M16 of the older wire", ping.replace("ping", "tools/juggle")).gets(200, -32601),
        newer("M16 an ability nobody claimed", "prompts/list", json!({})).gets(404, -32601),
        older("M16 the same on the older wire", ping.replace("ping", "prompts/list")).gets(200, -32601),
        newer("M16 a greeting of the older wire", "initialize", json!({})).gets(404, -32601),
        newer("M16 what only the older wire has", "resources/subscribe", json!({"uri": "chatbox://main/chats"}))
            .with("mcp-name", "chatbox://main/chats")
            .gets(404, -32601),
        read("M17 no such resource", "chatbox://main/chats/alpha%3Anobody").gets(200, -32602),
        read("M17 another mailbox's", "chatbox://other/chats").gets(200, -32602),
        read("M17 a file", "file:///etc/passwd").gets(200, -32602),
        older("M17 no such resource to watch", watch(json!({"uri": "chatbox://main/chat"}))).gets(200, -32002),
        older("M17 nothing to watch", watch(json!({}))).gets(200, -32602),
        call("M17 no such tool", "juggle", json!({})).gets(200, -32602),
        call("M17 a platform that is not here", "alpha_send", json!({"text": "x"})).gets(200, -32602),
        call("M18 an argument is missing", "send_message", json!({})).gets(200, "text"),
        call("M18 a wrong type", "send_message", json!({"text": 7})).gets(200, "text"),
        call("M18 one too many", "send_message", json!({"text": "x", "from": "boss"})).gets(200, "from"),
        call("M18 out of range", "list_chats", json!({"limit": 0})).gets(200, "limit"),
        call("M18 far out of range", "list_chats", json!({"limit": 1e300})).gets(200, "limit"),
        call("M18 no object", "list_chats", json!([])).gets(200, -32602),
        older("M19 too much", vec![b' '; 4 * 1024 * 1024 + 1]).gets(413, "body_too_large"),
        older("M20 too deep", deep).gets(400, -32700),
        older("M20 no JSON", "{").gets(400, -32700),
        older("M20 nothing", "").gets(400, -32700),
        older("M20 no UTF-8", b"\xff\xfe{}".to_vec()).gets(400, -32700),
        call("M21 a line in a name", "list_chats", json!({})).gets(200, Value::Null),
        older(
            "M21 a long name",
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": long}}).to_string(),
        )
        .gets(200, -32602),
        older(
            "M21 a broken name",
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_chats\n"}}).to_string(),
        )
        .gets(200, -32602),
        call("M23 a path", "switch_chat", json!({"chat_id": "alpha:../../x"})).gets(200, "chat_not_found"),
        call("M23 no handle", "switch_chat", json!({"chat_id": "alpha:"})).gets(200, "invalid_chat_id"),
        call("M23 no platform", "switch_chat", json!({"chat_id": ":1"})).gets(200, "invalid_chat_id"),
        call("M27 a file", "send_message", json!({"text": "x", "attachments": ["/etc/passwd"]}))
            .gets(200, "attachments"),
        call("M27 a path as a file", "send_message", json!({"files": ["/etc/passwd"]})).gets(200, "files[0]"),
        call("M27 a path as an id", "send_message", json!({"files": [{"id": "file:///etc/passwd"}]}))
            .gets(200, "media_ref_invalid"),
        call("M27 no bytes", "send_message", json!({"files": [{"name": "a", "data": "!"}]}))
            .gets(200, "invalid_base64"),
        call("M31 a cursor from nowhere", "wait_for_events", json!({"cursor": "soon"})).gets(200, "invalid_cursor"),
        call("M39 another page", "list_chats", json!({}))
            .with("origin", "https://evil.test")
            .gets(403, "origin_not_allowed"),
        older("M39 a stream for another page", "")
            .by(Method::GET)
            .with("origin", "https://evil.test")
            .gets(403, "origin_not_allowed"),
        call("M39 another host", "list_chats", json!({}))
            .with("host", "evil.test")
            .gets(403, "host_not_allowed"),
        list("M41 a place in a stream").with("last-event-id", "7").gets(200, Value::Null),
        older(
            "M43 the oldest wire",
            json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2024-11-05",
                "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}).to_string(),
        )
        .with("mcp-protocol-version", "2024-11-05")
        .gets(200, Value::Null),
        list("M44 a session").with("mcp-session-id", "../../x").gets(200, Value::Null),
        older("no such version", ping).with("mcp-protocol-version", "2099-01-01").gets(400, "bad_request"),
    ]
}

/// What a JSON answer calls what is wrong: JSON-RPC's code, ours, or what a tool's refusal says.
fn code(said: &Value) -> Value {
    if said["result"]["isError"] == true {
        return said["result"]["content"][0]["text"].clone();
    }
    let code = &said["error"]["code"];
    if code.is_null() {
        said["code"].clone()
    } else {
        code.clone()
    }
}

#[tokio::test]
async fn bad_input_has_its_answer_and_the_next_good_one_works() {
    let house = House::open().await;
    let token = house.token("main").await;
    let client = reqwest::Client::new();
    let mut faults = Vec::new();
    for case in cases() {
        let name = case.name;
        let mut request = client
            .request(case.method, house.url("/mcp/main"))
            .bearer_auth(&token);
        for (header, value) in &case.headers {
            request = request.header(*header, value);
        }
        let answer = request.body(case.body).send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a text");
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        let got = code(&said);
        let fits = match (&case.code, &got) {
            (Value::String(wanted), Value::String(got)) => got.contains(wanted.as_str()),
            (Value::Null, _) if case.status != 200 => true,
            (wanted, got) => wanted == got,
        };
        if status != case.status || !fits {
            faults.push(format!("{name}: {status} {text:.300}"));
        }
        if status >= 500 {
            faults.push(format!("{name}: our fault"));
        }
        let good = list("good");
        let mut request = client.post(house.url("/mcp/main")).bearer_auth(&token);
        for (header, value) in &good.headers {
            request = request.header(*header, value);
        }
        let good = request.body(good.body).send().await.expect("an answer");
        if good.status() != 200 {
            faults.push(format!("after {name}: {}", good.status()));
        }
    }
    let chats = house.chatbox().store().chats(&"main".into(), 10).await;
    assert!(chats.expect("a list").is_empty(), "something was stored");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[tokio::test]
async fn one_id_twice_at_a_time_is_answered_twice() {
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "zebra").await;
    let token = house.token("main").await;
    let ask = |tool: &'static str, arguments: Value| {
        let case = call("twice", tool, arguments);
        let mut request = reqwest::Client::new()
            .post(house.url("/mcp/main"))
            .bearer_auth(&token);
        for (header, value) in &case.headers {
            request = request.header(*header, value);
        }
        let request = request.body(case.body);
        async move {
            request
                .send()
                .await
                .expect("an answer")
                .json::<Value>()
                .await
                .expect("JSON")
        }
    };
    let (chats, found) = tokio::join!(
        ask("list_chats", json!({})),
        ask("search_messages", json!({"query": "zebra"})),
    );
    assert!(
        chats["result"]["structuredContent"]["chats"].is_array(),
        "{chats}"
    );
    assert!(
        found["result"]["structuredContent"]["messages"].is_array(),
        "{found}"
    );
}

#[tokio::test]
async fn nothing_that_is_almost_right_is_our_fault() {
    const SEED: u64 = 1;
    let house = House::open().await;
    let alpha = house.platform("alpha").await;
    alpha.says("room", "zebra").await;
    let token = house.token("main").await;
    let client = reqwest::Client::new();
    let mut random = StdRng::seed_from_u64(SEED);
    let mut seen = BTreeSet::new();
    let good = || {
        vec![
            list("tools"),
            call("chats", "list_chats", json!({"limit": 5})),
            call("turn", "switch_chat", json!({"chat_id": "alpha:room"})),
            call(
                "send",
                "send_message",
                json!({"text": "hello", "reply_to": "msg_1"}),
            ),
            call("react", "react", json!({"message_id": 1, "emoji": "👍"})),
            call("read", "read_messages", json!({"before": 7, "limit": 3})),
            call("find", "search_messages", json!({"query": "zebra"})),
        ]
    };
    for _ in 0..100 {
        for mut case in good() {
            mutate(&mut case.body, &mut random);
            let mut request = client.post(house.url("/mcp/main")).bearer_auth(&token);
            for (header, value) in &case.headers {
                request = request.header(*header, value);
            }
            let sent = String::from_utf8_lossy(&case.body).into_owned();
            let answer = request.body(case.body).send().await.expect("an answer");
            let status = answer.status().as_u16();
            let said = answer.text().await.expect("a text");
            assert!(
                status < 500 && !said.contains("-32603"),
                "{sent}: {status} {said}"
            );
            seen.insert(status);
        }
    }
    assert!(
        seen.contains(&200) && seen.contains(&400),
        "nothing was tried: {seen:?}"
    );
}

/// Whether a mutated header can still be sent at all by a client that checks what it sends.
fn fits(value: &[u8]) -> Option<reqwest::header::HeaderValue> {
    reqwest::header::HeaderValue::from_bytes(value).ok()
}

#[tokio::test]
async fn mutations_of_every_row_are_refused_or_done_and_never_our_fault() {
    let house = House::open().await;
    let token = house.token("main").await;
    let client = reqwest::Client::new();
    let wanted = Mutations::wanted();
    let mut rows: BTreeMap<&str, Vec<Case>> = BTreeMap::new();
    for case in cases() {
        let row = case.name.split(' ').next().unwrap_or_default();
        rows.entry(row).or_default().push(case);
    }
    let good = list("good");
    for (row, cases) in rows {
        let mut random = wanted.of_row(row);
        for nth in 0..wanted.per_row {
            let case = &cases[nth % cases.len()];
            let mut request = client.request(case.method.clone(), house.url("/mcp/main"));
            let (mut body, mut changed) = (case.body.clone(), case.headers.len());
            // Sometimes what is said beside the body.
            if body.is_empty() || random.random_bool(0.3) {
                changed = random.random_range(0..case.headers.len());
            } else {
                mutate(&mut body, &mut random);
            }
            for (at, (name, value)) in case.headers.iter().enumerate() {
                let mut value = value.clone().into_bytes();
                if at == changed {
                    mutate(&mut value, &mut random);
                }
                request = match fits(&value) {
                    Some(value) => request.header(*name, value),
                    None => request,
                };
            }
            let sent = String::from_utf8_lossy(&body).into_owned();
            let answer = request.bearer_auth(&token).body(body).send().await;
            let answer = answer.unwrap_or_else(|error| panic!("{row}: {sent}: {error}"));
            let status = answer.status().as_u16();
            // A stream, where what was wrong with it is not there any more, never ends by itself.
            let is_stream = case.method == Method::GET && status == 200;
            let said = match is_stream {
                true => String::new(),
                false => answer.text().await.expect("a text"),
            };
            assert!(
                status < 500 && !said.contains("-32603"),
                "{row}: {sent}: {status} {said}"
            );
            let mut next = client.post(house.url("/mcp/main")).bearer_auth(&token);
            for (header, value) in &good.headers {
                next = next.header(*header, value);
            }
            let next = next
                .body(good.body.clone())
                .send()
                .await
                .expect("an answer");
            assert_eq!(next.status(), 200, "{row}: after {sent}");
        }
    }
    let chats = house.chatbox().store().chats(&"main".into(), 10).await;
    assert!(chats.expect("a list").is_empty(), "something was stored");
}
