//! The connector's half of the wire, asked by others than a server.

use crate::alpha::AlphaFactory;
use crate::gamma::GammaFactory;
use crate::platform::{self, Platform};
use crate::vendor::token;
use crate::wired::{TOKEN, Wired};
use chatbox_connector_api::conformance::{Room, Said, Who};
use chatbox_connector_api::host::{Host, Options};
use chatbox_connector_api::kit::http;
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{AdapterFactory, Egress, ErrorKind, Secrets, Settings};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

async fn ask(url: &str, method: &str, path: &str, token: &str, body: &str) -> Response {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let client = http::client(Egress::Private, Duration::from_secs(10)).expect("a client");
    let request = client.request(method, format!("{url}{path}"));
    let request = request.bearer_auth(token).body(body.to_owned());
    request.send().await.expect("an answer")
}

fn hosted() -> (Arc<Platform>, Wired) {
    let platform = Platform::new();
    let alpha = Arc::new(AlphaFactory {
        platform: platform.clone(),
        twist: "",
        asks: false,
    });
    let wired = Wired::new(alpha, token(platform::TOKEN));
    (platform, wired)
}

async fn built(factory: Arc<dyn AdapterFactory>, token: &str) -> ErrorKind {
    let options = Options {
        settings: Settings::none(),
        secrets: Secrets::default(),
        egress: Egress::Private,
        token: Secret::new(token),
    };
    let refused = Host::build(factory, options).await;
    refused.expect_err("it is refused").kind().clone()
}

#[tokio::test]
async fn strangers_are_told_nothing() {
    let (_platform, wired) = hosted();
    let url = wired.url().await;
    for (method, path) in [
        ("GET", "/connector/v1"),
        ("POST", "/connector/v1/probe"),
        ("POST", "/connector/v1/open"),
        ("POST", "/connector/v1/confirm"),
        ("POST", "/connector/v1/perform"),
        ("POST", "/connector/v1/look_up"),
        ("POST", "/connector/v1/media"),
        ("PUT", "/connector/v1/files/x"),
        ("GET", "/"),
        ("GET", "/connector/v2"),
    ] {
        for wrong in ["", "wrong", &TOKEN[1..]] {
            let answer = ask(url, method, path, wrong, "{}").await;
            assert_eq!(answer.status(), 401, "{method} {path}");
            let body: Value = answer.json().await.expect("JSON");
            assert_eq!(body["error"]["kind"], "unauthorized", "{method} {path}");
        }
    }
    let nowhere = ask(url, "GET", "/connector/v2", TOKEN, "").await;
    assert_eq!(nowhere.status(), 404);
    let garbage = ask(url, "POST", "/connector/v1/perform", TOKEN, "{").await;
    assert_eq!(garbage.status(), 422);
    let long = "x".repeat(2 * 1024 * 1024);
    let long = ask(url, "POST", "/connector/v1/perform", TOKEN, &long).await;
    assert_eq!(long.status(), 413);
    let unable = ask(
        url,
        "POST",
        "/connector/v1/look_up",
        TOKEN,
        r#"{"chat": "dm/1", "verb": {"verb": "typing"}}"#,
    )
    .await;
    let unable: Value = unable.json().await.expect("JSON");
    assert_eq!(unable["error"]["kind"], "unsupported");
}

#[tokio::test]
async fn whoever_opens_last_is_the_one_who_listens() {
    let (platform, wired) = hosted();
    let url = wired.url().await;
    let open = async || {
        ask(
            url,
            "POST",
            "/connector/v1/open",
            TOKEN,
            "{\"cursor\": null}",
        )
        .await
    };
    let mut first = open().await;
    let mut second = open().await;
    while first.chunk().await.expect("the first ends well").is_some() {}
    let said = Said::new(Room::Dm(Who(1)), Who(1), "hello");
    platform.said(said);
    let mut heard = String::new();
    while !heard.contains("hello") {
        let piece = second
            .chunk()
            .await
            .expect("it goes on")
            .expect("it does not end");
        heard.push_str(std::str::from_utf8(&piece).expect("text"));
    }
    let lines: Vec<Value> = heard
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert_eq!(lines[0]["type"], "opened");
    let told = json!({"stream": "another", "fates": [{"n": 1, "fate": "stored", "seq": 1}]});
    let told = ask(
        url,
        "POST",
        "/connector/v1/confirm",
        TOKEN,
        &told.to_string(),
    )
    .await;
    assert_eq!(told.status(), 204);
    assert!(
        platform.state().acked.is_empty(),
        "another stream's fates are nobody's"
    );
    assert_eq!(platform.state().lines, 1);
}

#[tokio::test]
async fn what_cannot_be_a_connector_is_not_hosted() {
    let platform = Platform::new();
    let native = Arc::new(GammaFactory {
        platform: platform.clone(),
        twist: "",
    });
    assert_eq!(built(native, TOKEN).await, ErrorKind::Unsupported);
    let (_, wired) = hosted();
    assert_eq!(built(Arc::new(wired), "short").await, ErrorKind::Invalid);
}
