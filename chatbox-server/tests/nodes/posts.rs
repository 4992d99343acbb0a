//! What is posted, to whichever node.

use crate::house::{House, Node, until};
use crate::program::{Answer, Feed};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

pub(crate) fn post(node: &Node, feed: &Feed, event: &str, text: &str) -> Answer {
    let body = json!({
        "event_id": event, "chat": {"handle": "room", "kind": "group"},
        "sender": {"id": event}, "text": text,
    });
    let path = format!("/v1/connections/{}/messages", feed.id);
    let body = body.to_string();
    let kind = "application/json";
    node.running
        .post(&path, &[&feed.token], kind, body.as_bytes())
}

/// A connection added by one node, once the other knows of it.
pub(crate) async fn shared_feed(a: &Node, b: &Node) -> Feed {
    let feed = a.running.add_feed("alpha");
    until("the other node takes posts", Duration::from_secs(5), || {
        post(b, &feed, "first", "is it known?").status() == 200
    })
    .await;
    feed
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_posted_to_two_nodes_at_once_is_taken_in_once() {
    let house = House::new().await;
    let config = "[backend]\nkind = \"none\"\n";
    let (a, b) = (house.node(config), house.node(config));
    let feed = shared_feed(&a, &b).await;
    let mut rows = Vec::new();
    for n in 0..150 {
        let event = format!("e{n}");
        let both: Vec<Value> = std::thread::scope(|both| {
            let asked = [&a, &b].map(|node| both.spawn(|| post(node, &feed, &event, "hello")));
            let answers = asked.map(|it| it.join().expect("an answer"));
            let read = |it: &Answer| serde_json::from_str(it.body()).expect("JSON");
            answers.iter().map(read).collect()
        });
        let [one, other] = &both[..] else {
            panic!("two were asked");
        };
        assert_eq!(one["message_id"], other["message_id"], "{both:?}");
        let repeated = both.iter().filter(|it| it["duplicate"] == true).count();
        assert_eq!(repeated, 1, "{both:?}");
        rows.push(one["message_id"].clone());
    }
    let different: std::collections::HashSet<String> = rows.iter().map(Value::to_string).collect();
    assert_eq!(different.len(), rows.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_removed_on_one_node_is_gone_on_the_other() {
    let house = House::new().await;
    let config = "[backend]\nkind = \"none\"\n";
    let (a, b) = (house.node(config), house.node(config));
    let feed = shared_feed(&a, &b).await;
    let path = format!("/v1/connections/{}", feed.id);
    let removed = b.running.ask("DELETE", &path, &b.running.operator());
    assert!(
        matches!(removed.status(), 200 | 204),
        "{}",
        removed.status()
    );
    until("the other node knows", Duration::from_secs(5), || {
        a.state("alpha").is_none()
    })
    .await;
    assert_ne!(post(&a, &feed, "late", "too late").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chats_messages_are_handed_out_in_order_whichever_node_took_them() {
    let (sink, house) = (Sink::open(), House::new().await);
    let folder = tempfile::tempdir().expect("a folder");
    let config = sink.config(folder.path());
    let (a, b) = (house.node(&config), house.node(&config));
    let feed = shared_feed(&a, &b).await;
    sink.wait(1).await;
    // One attempt in the middle is refused for now: what comes after it waits.
    sink.refuse_next();
    let expected: Vec<String> = (0..20).map(|n| format!("number {n};")).collect();
    for (n, text) in expected.iter().enumerate() {
        let node = [&a, &b][n % 2];
        assert_eq!(post(node, &feed, &format!("e{n}"), text).status(), 200);
    }
    let came = sink.wait(22).await.split_off(1);
    let first = came[0].clone();
    let taken = &came[1..];
    assert!(first.contains("number 0;") && taken[0].contains("number 0;"));
    for (text, came) in expected.iter().zip(taken) {
        assert!(came.contains(text), "{text} expected, {came} came");
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(sink.wait(22).await.len(), 22, "each once");
}

/// Somebody's web server.
pub(crate) struct Sink {
    url: String,
    came: Arc<Mutex<Vec<String>>>,
    refuses: Arc<Mutex<bool>>,
}

impl Sink {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (came, refuses): (Arc<Mutex<Vec<String>>>, Arc<Mutex<bool>>) = Default::default();
        let (all, refusing) = (came.clone(), refuses.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, refusing) = (all.clone(), refusing.clone());
                std::thread::spawn(move || take(stream, &all, &refusing));
            }
        });
        Self { url, came, refuses }
    }

    /// Posts everything here, signed by every node alike.
    pub(crate) fn config(&self, folder: &Path) -> String {
        let secrets = folder.join("secrets");
        std::fs::write(&secrets, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("a file");
        format!(
            "[webhook]\nurl = \"{}\"\nallow_private = true\nsecrets_file = \"{}\"\n",
            self.url,
            secrets.display()
        )
    }

    fn refuse_next(&self) {
        *self.refuses.lock().expect("whole") = true;
    }

    /// What came so far.
    pub(crate) fn came(&self) -> Vec<String> {
        self.came.lock().expect("whole").clone()
    }

    /// What came, once it is so many.
    async fn wait(&self, count: usize) -> Vec<String> {
        let enough = || self.came().len() >= count;
        until(&format!("{count} requests"), SOON * 2, enough).await;
        self.came()
    }
}

fn take(mut stream: TcpStream, all: &Mutex<Vec<String>>, refusing: &Mutex<bool>) {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length = length.and_then(|(_, length)| length.parse().ok());
            if length.is_some_and(|length: usize| body.len() >= length) {
                break;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
        }
    }
    let refused = std::mem::take(&mut *refusing.lock().expect("whole"));
    let status = if refused { 503 } else { 204 };
    all.lock().expect("whole").push(text);
    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes());
}
