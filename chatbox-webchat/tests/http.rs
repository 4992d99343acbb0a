//! The HTTP side: the page and its policy, tickets, uploads.

#[path = "common/client.rs"]
mod client;
mod common;

use chatbox_connector_api::event::EventBody;
use chatbox_webchat::Limits;
use client::{Client, http};
use common::{House, serve};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

async fn house(settings: &str) -> (Arc<House>, SocketAddr) {
    let house = House::new(Limits::default(), settings).await;
    let address = serve(house.webchat.routes()).await;
    (house, address)
}

async fn get(address: SocketAddr, path: &str, more: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\nhost: {address}\nconnection: close{more}");
    http(address, &request, b"").await
}

async fn post(address: SocketAddr, path: &str, more: &str, body: &[u8]) -> (u16, String) {
    let len = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\nhost: {address}\nconnection: close\ncontent-length: {len}{more}"
    );
    http(address, &request, body).await
}

fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").expect("there is a body");
    serde_json::from_str(body).expect("it is JSON")
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .find(|(it, _)| it.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

#[tokio::test]
async fn every_file_of_the_page_has_its_type_policy_and_tag() {
    let (_house, address) = house("{}").await;
    for (path, mime) in [
        ("/", "text/html; charset=utf-8"),
        ("/chat", "text/html; charset=utf-8"),
        ("/chat/", "text/html; charset=utf-8"),
        ("/chat/assets/chat.js", "text/javascript; charset=utf-8"),
        ("/chat/assets/dom.js", "text/javascript; charset=utf-8"),
        ("/chat/assets/markup.js", "text/javascript; charset=utf-8"),
        ("/chat/assets/wire.js", "text/javascript; charset=utf-8"),
        ("/chat/assets/login.js", "text/javascript; charset=utf-8"),
        ("/chat/assets/chat.css", "text/css; charset=utf-8"),
        ("/chat/assets/icon.svg", "image/svg+xml"),
    ] {
        let (status, answer) = get(address, path, "").await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(header(&answer, "content-type"), Some(mime), "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
        assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"));
        let policy = header(&answer, "content-security-policy").expect("a policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(rule), "{policy}");
        }
        let tag = header(&answer, "etag").expect("a tag").to_owned();
        let (status, again) = get(address, path, &format!("\nif-none-match: {tag}")).await;
        assert_eq!(
            (status, header(&again, "etag")),
            (304, Some(tag.as_str())),
            "{path}"
        );
    }
    for path in [
        "/chat/assets/nope",
        "/chat/assets/..%2f..%2fCargo.toml",
        "/chat/assets/",
    ] {
        assert_eq!(get(address, path, "").await.0, 404, "{path}");
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_parses_no_markup() {
    let scripts = [
        include_str!("../page/chat.js"),
        include_str!("../page/dom.js"),
        include_str!("../page/markup.js"),
        include_str!("../page/wire.js"),
    ];
    let pages = [
        include_str!("../page/index.html"),
        include_str!("../page/login.html"),
        include_str!("../page/login.js"),
        include_str!("../page/chat.css"),
    ];
    let bytes: usize = scripts.iter().map(|script| script.len()).sum();
    assert!(bytes < 40 * 1024, "the element has {bytes} bytes");
    for text in scripts.iter().chain(&pages) {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "eval(",
            "new Function",
            "srcdoc",
            "createContextualFragment",
            "http://",
            "//cdn",
            "style=\"",
            "onclick=\"",
        ] {
            let harmless = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!harmless.contains(word), "{word}");
        }
    }
}

#[tokio::test]
async fn a_ticket_is_for_who_is_signed_in() {
    let (_house, address) = house("{}").await;
    let (status, answer) = post(address, "/chat/ticket", "", b"").await;
    assert_eq!(
        (status, &body(&answer)["code"]),
        (401, &json!("not_authenticated"))
    );
    assert!(answer.contains("chatbox login-link"));
    let (status, answer) = post(address, "/chat/ticket", "\ncookie: who=ann", b"").await;
    assert_eq!(
        (status, header(&answer, "cache-control")),
        (200, Some("no-store"))
    );
    let hello = json!({"type": "hello", "ticket": body(&answer)["ticket"]});
    let (_, welcome) = Client::hello(address, hello).await;
    assert_eq!(welcome["you"], json!({"id": "ann", "name": "ann"}));
    assert_eq!(
        get(address, "/chat/ticket", "\ncookie: who=ann").await.0,
        405
    );
}

#[tokio::test]
async fn an_uploaded_file_comes_with_its_message() {
    let (house, address) = house("{}").await;
    let more = "\ncookie: who=ann\ncontent-type: text/plain";
    let path = "/chat/media?name=..%2Fnotes.txt";
    let (status, answer) = post(address, path, more, b"hello").await;
    assert_eq!(status, 201, "{answer}");
    let file = body(&answer);
    assert_eq!(
        (&file["name"], &file["size"]),
        (&json!("notes.txt"), &json!(5))
    );
    assert_eq!(
        file["url"],
        format!("/media/{}", file["id"].as_str().expect("an id"))
    );

    let hello = json!({"type": "hello", "ticket": house.door.ticket_for("bob")});
    let (mut bob, _) = Client::hello(address, hello).await;
    let message =
        json!({"type": "message", "client_id": "m", "text": "", "attachments": [file["id"]]});
    bob.say(&message).await;
    assert_eq!(
        bob.until("error").await["code"],
        "unknown_attachment",
        "it is ann's"
    );

    let hello = json!({"type": "hello", "ticket": house.door.ticket_for("ann")});
    let (mut ann, _) = Client::hello(address, hello).await;
    ann.say(&message).await;
    let line = ann.until("line").await;
    assert_eq!(line["attachments"], json!([file]));
    ann.say(&message).await;
    assert_eq!(
        ann.until("ack").await["seq"],
        line["seq"],
        "the same files, the same message"
    );
    let inner = house.log.inner.lock().expect("nobody panics");
    assert!(
        matches!(&inner.lines[0].1.body, EventBody::Message(content) if content.attachments.len() == 1)
    );
}

#[tokio::test]
async fn an_upload_is_bounded_and_not_for_strangers() {
    let (house, address) = house(r#"{"max_upload_bytes": 1000}"#).await;
    let (status, _) = post(address, "/chat/media?name=x", "", b"hello").await;
    assert_eq!(status, 401);
    let ann = "\ncookie: who=ann";
    let (status, answer) = post(address, "/chat/media?name=x", ann, &[b'x'; 1001]).await;
    assert_eq!(status, 413, "{answer}");
    let request = format!(
        "POST /chat/media HTTP/1.1\nhost: {address}\nconnection: close\ntransfer-encoding: chunked{ann}"
    );
    let mut chunks = Vec::new();
    for _ in 0..3 {
        chunks.extend(b"190\r\n");
        chunks.extend([b'x'; 400]);
        chunks.extend(b"\r\n");
    }
    chunks.extend(b"0\r\n\r\n");
    assert_eq!(http(address, &request, &chunks).await.0, 413, "unannounced");
    assert!(house.files.files.lock().expect("nobody panics").is_empty());
    assert_eq!(
        post(address, "/chat/media?name=x", ann, &[b'x'; 1000])
            .await
            .0,
        201
    );
    house.close().await;
    assert_eq!(post(address, "/chat/media?name=x", ann, b"x").await.0, 503);
}

#[tokio::test]
async fn bad_settings_are_refused() {
    use chatbox_connector_api::Settings;
    for settings in [r#"{"max_upload_bytes": "x"}"#, r#"{"unknown": 1}"#] {
        let settings = Settings::from_json(settings).expect("it is JSON");
        assert!(settings.parse::<chatbox_webchat::Config>().is_err());
    }
}
