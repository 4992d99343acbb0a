//! What the model server promises to those who build on it.

mod common;

use std::time::Duration;

use chatbox_fakes::model::{ModelFault, Options, Reply, Script, Server, Wire};
use common::{client, read};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(5);
const PATHS: [(&str, Wire); 3] = [
    ("/v1/chat/completions", Wire::OpenAi),
    ("/v1/messages", Wire::Anthropic),
    ("/api/chat", Wire::Ollama),
];

async fn server() -> Server {
    Server::start(Options::default())
        .await
        .expect("a free port")
}

fn question(text: &str, stream: bool) -> Value {
    let messages = json!([{"role": "user", "content": text}]);
    json!({"model": "m", "max_tokens": 1000, "stream": stream, "messages": messages})
}

async fn ask(server: &Server, path: &str, body: &Value) -> reqwest::Response {
    let request = client().post(format!("{}{path}", server.base_url()));
    let request = request.header("anthropic-version", "2023-06-01").json(body);
    request.send().await.expect("the server answers")
}

fn text_of(wire: Wire, body: &Value) -> String {
    let text = match wire {
        Wire::OpenAi => &body["choices"][0]["message"]["content"],
        Wire::Anthropic => &body["content"][0]["text"],
        Wire::Ollama => &body["message"]["content"],
    };
    text.as_str().expect("a text").to_owned()
}

/// The tokens of a complete stream.
fn streamed(wire: Wire, body: &str) -> Vec<String> {
    let events = body.lines().filter_map(|line| match wire {
        Wire::Ollama => Some(line),
        _ => line.strip_prefix("data: ").filter(|data| *data != "[DONE]"),
    });
    let values = events.map(|data| serde_json::from_str::<Value>(data).expect("JSON"));
    let tokens = values.filter_map(|value| {
        let token = match wire {
            Wire::OpenAi => value["choices"][0]["delta"]["content"].clone(),
            Wire::Anthropic => value["delta"]["text"].clone(),
            Wire::Ollama => value["message"]["content"].clone(),
        };
        token.as_str().filter(|t| !t.is_empty()).map(str::to_owned)
    });
    tokens.collect()
}

#[tokio::test]
async fn every_wire_echoes_whole_and_word_by_word() {
    let server = server().await;
    let words = "grüße an  alle\nhier";
    for (path, wire) in PATHS {
        let (status, body) = read(ask(&server, path, &question(words, false)).await).await;
        assert_eq!((status, text_of(wire, &body)), (200, words.to_owned()));
        let stream = ask(&server, path, &question(words, true))
            .await
            .text()
            .await
            .expect("a stream");
        assert_eq!(
            streamed(wire, &stream),
            ["grüße ", "an  ", "alle\n", "hier"]
        );
    }
    let seen: Vec<_> = server
        .requests()
        .iter()
        .map(|r| (r.wire, r.finished, r.tokens_sent))
        .collect();
    let pairs = PATHS
        .iter()
        .flat_map(|(_, wire)| [(*wire, true, 4), (*wire, true, 4)]);
    assert_eq!(seen, pairs.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_held_token_does_not_exist_before_its_release() {
    let server = server().await;
    for (path, _) in PATHS {
        server.script(Script::say("one two three").holding_after(1));
        let mut answer = ask(&server, path, &question("x", true)).await;
        let mut seen = String::new();
        while !seen.contains("one ") {
            let chunk = answer
                .chunk()
                .await
                .expect("a live stream")
                .expect("a first token");
            seen += &String::from_utf8_lossy(&chunk);
        }
        let held = server.until_held(SOON).await.expect("the gate is closed");
        assert_eq!(held.tokens_sent, 1);
        let early = tokio::time::timeout(Duration::from_millis(100), answer.chunk()).await;
        assert!(early.is_err(), "{path} sent {early:?}");
        assert!(!seen.contains("two"));
        server.release(1);
        while let Some(chunk) = answer.chunk().await.expect("a live stream") {
            seen += &String::from_utf8_lossy(&chunk);
        }
        assert!(seen.contains("three"));
    }
}

#[tokio::test]
async fn each_token_waits_where_asked_and_early_releases_count() {
    let server = server().await;
    server.release(2);
    server.script(Script {
        hold_each: true,
        ..Script::say("a b c d").holding_after(1)
    });
    let mut answer = ask(&server, "/api/chat", &question("x", true)).await;
    let held = server
        .until(SOON, |all| {
            all.iter().find(|r| r.held && r.tokens_sent == 3).cloned()
        })
        .await;
    assert!(held.is_some(), "{:?}", server.requests());
    server.open_gates();
    let mut seen = String::new();
    while let Some(chunk) = answer.chunk().await.expect("a live stream") {
        seen += &String::from_utf8_lossy(&chunk);
    }
    assert_eq!(streamed(Wire::Ollama, &seen), ["a ", "b ", "c ", "d"]);
}

#[tokio::test]
async fn a_cut_stream_breaks_after_what_was_said() {
    let server = server().await;
    for (path, _) in PATHS {
        server.script(Script {
            fault: Some(ModelFault::Cut { after: 2 }),
            ..Script::say("one two three")
        });
        let mut answer = ask(&server, path, &question("x", true)).await;
        let mut seen = String::new();
        let end = loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => seen += &String::from_utf8_lossy(&chunk),
                other => break other,
            }
        };
        assert!(end.is_err(), "{path} must break, not end");
        assert!(seen.contains("two ") && !seen.contains("three"), "{seen}");
    }
    assert!(server.requests().iter().all(|r| r.abandoned && !r.finished));
}

#[tokio::test]
async fn errors_have_each_wires_shape() {
    let server = server().await;
    for (path, wire) in PATHS {
        server.script(Script::failing(ModelFault::Status {
            status: 429,
            retry_after: Some(3),
            html: false,
        }));
        let answer = ask(&server, path, &question("x", true)).await;
        assert_eq!(answer.headers()["retry-after"], "3");
        let (status, body) = read(answer).await;
        let kind = match wire {
            Wire::OpenAi => &body["error"]["code"],
            Wire::Anthropic => &body["error"]["type"],
            Wire::Ollama => &body["error"],
        };
        let expected = match wire {
            Wire::OpenAi => "rate_limit_exceeded",
            Wire::Anthropic => "rate_limit_error",
            Wire::Ollama => "too many requests",
        };
        assert_eq!((status, kind.as_str()), (429, Some(expected)));
        server.script(Script::failing(ModelFault::WrongJson { after: 0 }));
        let text = ask(&server, path, &question("x", false))
            .await
            .text()
            .await
            .expect("a body");
        assert!(serde_json::from_str::<Value>(&text).is_err());
        server.script(Script {
            reply: Reply::Empty,
            ..Script::default()
        });
        let stream = ask(&server, path, &question("x", true))
            .await
            .text()
            .await
            .expect("a stream");
        assert!(streamed(wire, &stream).is_empty());
    }
    server.script(Script::failing(ModelFault::Never));
    let url = format!("{}/api/chat", server.base_url());
    let never = client().post(url).json(&question("x", false)).send();
    assert!(
        tokio::time::timeout(Duration::from_millis(200), never)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn what_was_asked_is_kept_without_the_key() {
    let options = Options {
        key: Some("sk-right".to_owned()),
        ..Options::default()
    };
    let server = Server::start(options).await.expect("a free port");
    let picture = "data:image/png;base64,aGVsbG8=";
    let body = json!({"model": "m", "max_completion_tokens": 9, "messages": [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": picture}}]},
    ]});
    let send = |key: &str| {
        let url = format!("{}/v1/chat/completions", server.base_url());
        client().post(url).bearer_auth(key).json(&body).send()
    };
    assert_eq!(send("sk-wrong").await.expect("an answer").status(), 401);
    assert_eq!(send("sk-right").await.expect("an answer").status(), 200);
    let seen = server.requests();
    assert_eq!((seen[0].authorized, seen[1].authorized), (false, true));
    let asked = &seen[1];
    assert_eq!(
        (asked.system.as_str(), asked.last_words(), asked.max_tokens),
        ("be kind", "see", Some(9))
    );
    assert_eq!(
        (
            asked.messages[0].images[0].media_type.as_str(),
            asked.messages[0].images[0].size
        ),
        ("image/png", 5)
    );
    assert!(asked.headers.contains(&"authorization".to_owned()));
    let everything = format!(
        "{seen:?} {server:?} {}",
        serde_json::to_string(&seen).expect("JSON")
    );
    assert!(!everything.contains("sk-"), "a key was kept");
}

#[tokio::test]
async fn scripts_and_the_gate_work_over_http() {
    let server = server().await;
    let control = |act: &str, body: Value| {
        let url = format!("{}/_control/{act}", server.base_url());
        async move {
            client()
                .post(url)
                .json(&body)
                .send()
                .await
                .expect("an answer")
                .status()
                .as_u16()
        }
    };
    let script =
        json!({"reply": {"text": "one two"}, "hold_after": 1, "fault": "error", "after": 2});
    assert_eq!(control("script", script).await, 200);
    assert_eq!(control("script", json!({"fault": "unheard_of"})).await, 400);
    let asking = async {
        ask(&server, "/api/chat", &question("x", true))
            .await
            .text()
            .await
            .expect("a stream")
    };
    let releasing = async {
        let url = format!(
            "{}/_control/held?at_least=1&wait_ms=5000",
            server.base_url()
        );
        let (_, held) = read(client().get(url).send().await.expect("an answer")).await;
        assert_eq!(held[0]["tokens_sent"], 1);
        control("release", json!({})).await
    };
    let (stream, _) = tokio::join!(asking, releasing);
    let last = stream.lines().last().expect("an error line");
    assert!(last.contains("\"error\""), "{stream}");
}
