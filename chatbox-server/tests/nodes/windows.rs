//! Windows of one person on different nodes.

use crate::house::{House, Node, Way};
use crate::program::Answer;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Wire = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Logs the owner in by this node: the login is good on every node.
fn log_in(node: &Node) -> String {
    let running = &node.running;
    let link = running.ask("POST", "/v1/login-links", &running.operator());
    let link: Value = serde_json::from_str(link.body()).expect("a link");
    let code = link["url"].as_str().and_then(|url| url.split_once('#'));
    let body = json!({"code": code.expect("a code").1}).to_string();
    let answer = running.post("/login", &[], "application/json", body.as_bytes());
    let cookie = answer.header("set-cookie").expect("a cookie");
    let value = cookie.split([';', '=']).nth(1);
    value.expect("a value").to_owned()
}

async fn window(node: &Node, login: &str) -> Wire {
    let own = node.running.address();
    let request = format!(
        "POST /chat/ticket HTTP/1.1\r\nHost: {own}\r\nOrigin: http://{own}\r\nCookie: chatbox={login}\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let answer = Answer::new(node.running.exchange(request.as_bytes()));
    let ticket: Value = serde_json::from_str(answer.body()).expect("a ticket");
    let wire = tokio_tungstenite::connect_async(format!("ws://{own}/chat/ws")).await;
    let (mut wire, _) = wire.expect("it upgrades");
    let hello = json!({"type": "hello", "ticket": ticket["ticket"]});
    wire.send(Message::text(hello.to_string()))
        .await
        .expect("it is open");
    until(&mut wire, "welcome").await;
    wire
}

/// The next frame of a type.
async fn until(wire: &mut Wire, kind: &str) -> Value {
    loop {
        let frame = timeout(Duration::from_secs(10), wire.next()).await;
        let frame = frame.expect("something comes").expect("it is open");
        if let Message::Text(text) = frame.expect("a frame") {
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            if frame["type"] == kind {
                return frame;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_took_in_is_shown_at_once_in_a_window_on_another() {
    let house = House::new().await;
    let config = "[backend]\nkind = \"echo\"\n";
    let (a, b) = (house.node(config), house.node(config));
    let login = log_in(&a);
    let (mut here, mut there) = (window(&a, &login).await, window(&b, &login).await);
    // The nodes have found each other by now or do so within their first words.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for n in 0..5 {
        let said = format!("number {n}");
        let frame = json!({"type": "message", "client_id": format!("c{n}"), "text": said});
        let began = Instant::now();
        here.send(Message::text(frame.to_string()))
            .await
            .expect("it is open");
        let line = until(&mut there, "line").await;
        let took = began.elapsed();
        assert!(line.to_string().contains(&said), "{line}");
        // By looking alone it would never come.
        assert!(took < Duration::from_millis(900), "{took:?}");
        let reply = until(&mut there, "line").await;
        assert_eq!(reply["from"]["role"], "agent", "{reply}");
        until(&mut here, "line").await;
        until(&mut here, "line").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_heard_nothing_for_a_while_catches_up() {
    let house = House::new().await;
    let config = "[backend]\nkind = \"echo\"\n";
    let way = Way::to(&house.database);
    let (a, b) = (house.node(config), house.node_by(&way.url, config));
    let login = log_in(&a);
    let (mut here, mut there) = (window(&a, &login).await, window(&b, &login).await);
    way.cut();
    let frame = json!({"type": "message", "client_id": "c1", "text": "can you hear me?"});
    here.send(Message::text(frame.to_string()))
        .await
        .expect("it is open");
    until(&mut here, "line").await;
    // So long that it notices by itself that not even its own voice comes back.
    tokio::time::sleep(Duration::from_secs(12)).await;
    way.mend();
    let line = until(&mut there, "line").await;
    assert!(line.to_string().contains("can you hear me?"), "{line}");
}
