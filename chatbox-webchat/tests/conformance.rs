//! The web chat, judged by the suite: the engine on one side, people at real sockets on the other.

#[path = "common/browser.rs"]
mod browser;
#[path = "common/client.rs"]
mod client;
mod common;

use async_trait::async_trait;
use browser::{Browser, Road, Seen, text};
use chatbox_connector_api::conformance::{
    self, Did, File, Level, Room, Said, Sent, Shown, Vendor, Who, Wire,
};
use chatbox_connector_api::id::{ExternalId, Handle};
use chatbox_connector_api::markup::Dialect;
use chatbox_connector_api::{
    AdapterContext, AdapterFactory, Blobs, Manifest, Parts, Result, Secrets, Settings,
};
use chatbox_webchat::Webchat;
use client::http;
use common::OpenDoor;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// The web chat, and the house's files: `/media/{id}` is not served by this crate.
#[derive(Clone, Debug)]
struct Housed {
    webchat: Webchat,
    blobs: Arc<Mutex<Option<Arc<dyn Blobs>>>>,
}

#[async_trait]
impl AdapterFactory for Housed {
    fn manifest(&self) -> Manifest {
        self.webchat.manifest()
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        self.webchat.dialect()
    }

    async fn build(
        &self,
        context: AdapterContext,
        settings: Settings,
        secrets: Secrets,
    ) -> Result<Parts> {
        *self.blobs.lock().expect("nobody panics") = Some(context.blobs.clone());
        self.webchat.build(context, settings, secrets).await
    }
}

/// Everybody's windows.
struct People {
    house: Housed,
    door: Arc<OpenDoor>,
    address: SocketAddr,
    road: watch::Sender<Road>,
    browsers: Mutex<BTreeMap<Who, Browser>>,
    messages: Mutex<BTreeMap<String, (Who, Value)>>,
    named: AtomicU64,
    _server: AbortOnDropHandle<()>,
}

fn name(who: Who) -> String {
    format!("u{}", who.0)
}

/// A message as people name it: whose it is, and its client's name for it. The same as its event's.
fn message(who: Who, client_id: &str) -> String {
    format!("{}/{client_id}", name(who))
}

impl People {
    fn new() -> Self {
        let door = Arc::new(OpenDoor::default());
        let house = Housed {
            webchat: Webchat::new(door.clone()),
            blobs: Arc::default(),
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("it is bound");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
        let routes = house.webchat.routes();
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, routes).await;
        });
        Self {
            house,
            door,
            address,
            road: watch::Sender::default(),
            browsers: Mutex::default(),
            messages: Mutex::default(),
            named: AtomicU64::default(),
            _server: AbortOnDropHandle::new(server),
        }
    }

    /// With somebody's window, which is opened when first needed.
    fn at<T>(&self, who: Who, look: impl FnOnce(&Browser) -> T) -> T {
        let mut browsers = self.browsers();
        let open = || {
            Browser::open(
                self.address,
                name(who),
                self.door.clone(),
                self.road.subscribe(),
            )
        };
        look(browsers.entry(who).or_insert_with(open))
    }

    fn browsers(&self) -> MutexGuard<'_, BTreeMap<Who, Browser>> {
        self.browsers
            .lock()
            .expect("nobody panics while holding it")
    }

    /// The place of a message, once its sender's window shows it.
    async fn place_of(&self, who: Who, message: &str) -> i64 {
        loop {
            let of = message.split_once('/').map(|(_, client_id)| client_id);
            let place = match of {
                Some(client_id) => self.at(who, |browser| browser.seen().place_of(client_id)),
                None => message.parse().ok(),
            };
            if let Some(place) = place {
                return place;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn upload(&self, who: Who, file: &File) -> Value {
        let (mime, size) = (&file.mime, file.bytes.len());
        let name: String = file
            .name
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let request = format!(
            "POST /chat/media?name={name} HTTP/1.1\nHost: x\nConnection: close\nCookie: who={}\n\
             Content-Type: {mime}\nContent-Length: {size}",
            self::name(who)
        );
        let (status, answer) = http(self.address, &request, &file.bytes).await;
        assert_eq!(status, 201, "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("an answer has a body");
        let kept: Value = serde_json::from_str(body).expect("it is JSON");
        kept["id"].clone()
    }

    /// A file as its window would fetch it.
    async fn fetch(&self, attachment: &Value) -> File {
        let word = |key: &str| attachment[key].as_str().unwrap_or_default().to_owned();
        let id = word("url").replace("/media/", "");
        let blobs = self.house.blobs.lock().expect("nobody panics").clone();
        let (_, bytes) = blobs
            .expect("a house")
            .open(&id.as_str().into())
            .await
            .expect("it is kept");
        let bytes: Vec<bytes::Bytes> = bytes.try_collect().await.expect("it is readable");
        File {
            name: word("name"),
            mime: word("mime"),
            bytes: bytes.concat().into(),
        }
    }

    fn all<T>(&self, look: impl Fn(Who, &Seen) -> Vec<T>) -> Vec<T> {
        let browsers = self.browsers();
        let each = browsers.iter().flat_map(|(who, browser)| {
            let seen = browser.seen();
            assert!(seen.objections.is_empty(), "{who:?}: {:?}", seen.objections);
            look(*who, &seen)
        });
        each.collect()
    }
}

/// What a window shows of the agent, without its files; those come with it.
fn shown(who: Who, seen: &Seen) -> Vec<(i64, Sent, Vec<Value>)> {
    let mut shown: Vec<(i64, Sent, Vec<Value>)> = Vec::new();
    for line in seen
        .lines
        .iter()
        .filter(|line| line["from"]["role"] != "person")
    {
        let place = line["seq"].as_i64().expect("a line has a place");
        let about = line["target"].as_i64();
        let about = shown.iter_mut().find(|(place, _, _)| Some(*place) == about);
        match (line["kind"].as_str().expect("a line has a kind"), about) {
            ("message", _) => {
                let mut sent = Sent::new(place.to_string(), Room::Dm(who), text(&line["markup"]));
                sent.reply_to = answered(who, &line["reply_to"]);
                sent.preview = Some(line.get("preview").is_some());
                let files = line["attachments"].as_array().cloned();
                shown.push((place, sent, files.unwrap_or_default()));
            }
            ("edit", Some((_, sent, _))) => {
                sent.text = text(&line["markup"]);
                sent.edits += 1;
            }
            ("delete", Some((_, sent, _))) => sent.deleted = true,
            _ => {}
        }
    }
    shown
}

fn answered(who: Who, reply_to: &Value) -> Option<String> {
    let own = reply_to["client_id"].as_str().map(|id| message(who, id));
    own.or_else(|| reply_to["seq"].as_i64().map(|seq| seq.to_string()))
}

#[async_trait]
impl Vendor for People {
    fn factory(&self) -> Arc<dyn AdapterFactory> {
        Arc::new(self.house.clone())
    }

    fn settings(&self) -> Settings {
        Settings::none()
    }

    fn secrets(&self) -> Secrets {
        Secrets::default()
    }

    fn wrong_secrets(&self) -> Option<Secrets> {
        None
    }

    fn person(&self, who: Who) -> ExternalId {
        ExternalId::new(name(who))
    }

    fn handle(&self, room: Room) -> Handle {
        match room {
            Room::Dm(who) => Handle::new(name(who)),
            Room::Group(group) => Handle::new(format!("g{group}")),
        }
    }

    async fn say(&self, said: Said) -> Option<String> {
        let who = said.sender;
        let offered = said.room == Room::Dm(who) && said.album.is_none() && !said.files_gone;
        if !offered {
            return None;
        }
        let client_id = format!("m-{}", self.named.fetch_add(1, Ordering::Relaxed));
        let mut frame = json!({"type": "message", "client_id": client_id, "text": said.text});
        if let Some(answered) = &said.reply_to {
            frame["reply_to"] = json!(self.place_of(who, answered).await);
        }
        let mut files = Vec::new();
        for file in &said.files {
            files.push(self.upload(who, file).await);
        }
        frame["attachments"] = Value::Array(files);
        let message = message(who, &client_id);
        let mut messages = self.messages.lock().expect("nobody panics");
        messages.insert(message.clone(), (who, frame.clone()));
        self.at(who, |browser| browser.say(&client_id, frame));
        Some(message)
    }

    async fn sent(&self) -> Vec<Sent> {
        let mut shown = self.all(shown);
        shown.sort_by_key(|(place, _, _)| *place);
        let mut sent = Vec::new();
        for (_, mut message, files) in shown {
            for file in &files {
                message.files.push(self.fetch(file).await);
            }
            sent.push(message);
        }
        sent
    }

    async fn confirmed(&self) -> Option<Vec<String>> {
        Some(self.all(|who, seen| {
            let names = seen.settled.iter().map(|id| message(who, id));
            names.collect()
        }))
    }

    async fn redeliver(&self, message: &str) -> Did {
        let messages = self.messages.lock().expect("nobody panics");
        let (who, frame) = messages.get(message).expect("a known message").clone();
        self.at(who, |browser| browser.send(frame.to_string()));
        Did::Done
    }

    async fn say_garbage(&self, room: Room) -> Did {
        let Room::Dm(who) = room else {
            return Did::NotOffered;
        };
        for words in [
            "{",
            "[]",
            r#"{"type":"earthquake"}"#,
            r#"{"type":"message","client_id":7}"#,
            r#"{"type":"seen","seq":"x"}"#,
        ] {
            self.at(who, |browser| browser.send(words));
        }
        Did::Done
    }

    async fn change(&self, _message: &str, _text: &str) -> Did {
        Did::NotOffered
    }

    async fn take_back(&self, _message: &str) -> Did {
        Did::NotOffered
    }

    async fn react(&self, _who: Who, _message: &str, _emoji: &str) -> Did {
        Did::NotOffered
    }

    async fn reactions(&self, message: &str) -> Vec<String> {
        let known = self
            .messages
            .lock()
            .expect("nobody panics")
            .get(message)
            .cloned();
        let (who, _) = known.expect("a known message");
        let place = self.place_of(who, message).await;
        self.at(who, |browser| {
            let seen = browser.seen();
            let mut lines = seen.lines.iter().rev();
            let newest = lines.find(|line| line["kind"] == "reaction" && line["target"] == place);
            let emoji = newest.and_then(|line| line["emoji"].as_array());
            let emoji = emoji.into_iter().flatten().filter_map(Value::as_str);
            emoji.map(str::to_owned).collect()
        })
    }

    async fn press(&self, _room: Room, _who: Who, _button: &str) -> Did {
        Did::NotOffered
    }

    async fn shown(&self) -> Shown {
        let mut all = Shown::default();
        for (typing, drafts) in self.all(|_, seen| vec![(seen.typing, seen.drafts.clone())]) {
            all.typing += typing;
            all.drafts.extend(drafts);
        }
        all
    }

    async fn shown_in(&self, room: Room) -> Option<Shown> {
        let mut here = Shown::default();
        for (who, typing, drafts) in
            self.all(|who, seen| vec![(who, seen.typing, seen.drafts.clone())])
        {
            if room == Room::Dm(who) {
                here = Shown { typing, drafts };
            }
        }
        Some(here)
    }

    async fn fail_shows(&self) -> Did {
        self.road.send_if_modified(|road| {
            road.brittle = true;
            false
        });
        Did::Done
    }

    async fn wire(&self, wire: Wire) -> Did {
        match wire {
            Wire::Up => self.road.send_modify(|road| road.closed = false),
            Wire::Down => self.road.send_modify(|road| road.closed = true),
            Wire::Cut => self.road.send_modify(|road| road.cuts += 1),
            _ => return Did::NotSimulated,
        }
        Did::Done
    }

    async fn connections(&self) -> Option<usize> {
        Some(self.house.webchat.sockets())
    }
}

/// What a page in a browser is not, or has not yet.
const NOT_CLAIMED: [&str; 25] = [
    "secrets",
    "rate-limited",
    "cut-after-accept",
    "found-again",
    "hanging",
    "unreachable",
    "server-error",
    "refused",
    "revoked",
    "alive",
    "silence",
    "waits",
    "expires",
    "edit-fails",
    "buttons",
    "answer",
    "answer-words",
    "mark-read",
    "edit-in",
    "delete-in",
    "reaction-in",
    "media-gone",
    "grows",
    "mentions",
    "albums",
];

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let report = conformance::run(|| Box::new(People::new())).await;
    report.require_all_but(Level::Gold, &NOT_CLAIMED);
}
