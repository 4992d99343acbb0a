//! A connector process under test, in whatever language: started fresh for every rule, its platform simulated by itself.
//!
//! Beside the connector's paths it serves `/vendor/v1/…`, by which the suite plays the people and the faults of the
//! platform. `docs/CONNECTOR_CONTRACT.md` lists them.

use super::vendor::{Did, Fault, Room, Said, Sent, Shown, Vendor, Who, Wire};
use crate::id::{ExternalId, Handle};
use crate::kit::http;
use crate::markup::Dialect;
use crate::remote::RemoteFactory;
use crate::secret::Secret;
use crate::{AdapterContext, AdapterFactory, Egress, Manifest, Parts, Result, Secrets, Settings};
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// The token in the process's environment.
const TOKEN: &str = "conformance-token-4d1f";
/// The variable it stands in.
const VARIABLE: &str = "CHATBOX_CONNECTOR_TOKEN";
/// How long a process may take to say where it listens.
const START: Duration = Duration::from_secs(20);
/// How long an answer at the side door may take.
const ANSWER: Duration = Duration::from_secs(10);

/// A platform that is simulated by the connector process itself.
#[derive(Clone, Debug)]
pub struct Process(Arc<Started>);

#[derive(Debug)]
struct Started {
    command: Vec<String>,
    running: OnceCell<Running>,
    about: OnceLock<RemoteFactory>,
}

#[derive(Debug)]
struct Running {
    url: String,
    http: reqwest::Client,
    _child: Child,
}

impl Process {
    /// A process that this command starts: with the token in `CHATBOX_CONNECTOR_TOKEN`, and `listening on http://…` as
    /// the first line it prints. It is started when it is first needed, and ended with the last clone.
    ///
    /// # Panics
    /// When there is no command.
    pub fn new<T: Into<String>>(command: impl IntoIterator<Item = T>) -> Self {
        let command: Vec<String> = command.into_iter().map(Into::into).collect();
        assert!(!command.is_empty(), "there is no command");
        Self(Arc::new(Started {
            command,
            running: OnceCell::new(),
            about: OnceLock::new(),
        }))
    }

    async fn running(&self) -> &Running {
        self.0.running.get_or_init(|| self.0.start()).await
    }

    /// Asks at the side door; nothing where there is no such path.
    async fn ask<T: DeserializeOwned>(
        &self,
        what: &str,
        with: &(impl Serialize + Debug),
    ) -> Option<T> {
        let running = self.running().await;
        let url = format!("{}/vendor/v1/{what}", running.url);
        let request = running.http.post(url).bearer_auth(TOKEN).json(with);
        let answer = request.send().await.expect("the side door answers");
        if answer.status() == 404 {
            return None;
        }
        let status = answer.status();
        let body = answer
            .text()
            .await
            .expect("the side door's answer is whole");
        assert!(status.is_success(), "{what} {with:?}: {status} {body}");
        let read = serde_json::from_str(&body);
        Some(read.unwrap_or_else(|error| panic!("{what} {with:?}: {error}: {body}")))
    }

    async fn does(&self, what: &str, with: &(impl Serialize + Debug)) -> Did {
        match self.ask::<Empty>(what, with).await {
            Some(Empty {}) => Did::Done,
            None => Did::NotSimulated,
        }
    }
}

impl Started {
    async fn start(&self) -> Running {
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .env(VARIABLE, TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the process starts");
        let said = child.stdout.take().expect("its lines are read");
        let mut lines = BufReader::new(said).lines();
        let first = timeout(START, lines.next_line()).await;
        let first = first.expect("it says where it listens in time");
        let first = first.expect("its lines can be read").unwrap_or_default();
        let url = first.strip_prefix("listening on ");
        let url = url.unwrap_or_else(|| panic!("its first line is {first:?}"));
        Running {
            url: url.trim().trim_end_matches('/').to_owned(),
            http: http::client(Egress::Private, ANSWER).expect("a client"),
            _child: child,
        }
    }
}

#[derive(Debug, Deserialize)]
struct Empty {}

#[derive(Debug, Serialize)]
struct Spoken<'a> {
    room: String,
    sender: String,
    text: &'a str,
    addressed: bool,
    reply_to: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Failing {
    fault: &'static str,
    wait_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Named {
    message: String,
}

#[derive(Debug, Deserialize)]
struct Messages {
    messages: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Seen {
    id: String,
    room: String,
    text: String,
    #[serde(default)]
    reply_to: Option<String>,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    edits: u32,
    #[serde(default)]
    preview: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct AllSeen {
    sent: Vec<Seen>,
}

#[derive(Debug, Deserialize)]
struct Shows {
    #[serde(default)]
    typing: usize,
    #[serde(default)]
    drafts: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Emoji {
    emoji: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Count {
    count: usize,
}

fn person(who: Who) -> String {
    format!("u{}", who.0)
}

fn name(room: Room) -> String {
    match room {
        Room::Dm(who) => format!("dm-{}", who.0),
        Room::Group(group) => format!("group-{group}"),
    }
}

fn room(name: &str) -> Room {
    let number = |text: &str| text.parse().unwrap_or(u32::MAX);
    match name.split_once('-') {
        Some(("group", group)) => Room::Group(number(group)),
        Some((_, who)) => Room::Dm(Who(number(who))),
        None => Room::Dm(Who(u32::MAX)),
    }
}

fn fields<const N: usize>(fields: [(&str, &str); N]) -> BTreeMap<String, String> {
    let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    fields.into_iter().map(own).collect()
}

fn token(value: &str) -> Secrets {
    Secrets([("token".to_owned(), Secret::new(value))].into())
}

#[async_trait]
impl Vendor for Process {
    fn factory(&self) -> Arc<dyn AdapterFactory> {
        Arc::new(self.clone())
    }

    fn settings(&self) -> Settings {
        Settings::none()
    }

    fn secrets(&self) -> Secrets {
        token(TOKEN)
    }

    fn wrong_secrets(&self) -> Option<Secrets> {
        Some(token("another-token-9e02"))
    }

    fn person(&self, who: Who) -> ExternalId {
        ExternalId::new(person(who))
    }

    fn handle(&self, room: Room) -> Handle {
        Handle::new(name(room))
    }

    async fn say(&self, said: Said) -> Option<String> {
        if said.album.is_some() || !said.files.is_empty() {
            return None;
        }
        let spoken = Spoken {
            room: name(said.room),
            sender: person(said.sender),
            text: &said.text,
            addressed: said.addressed,
            reply_to: said.reply_to.as_deref(),
        };
        let named: Option<Named> = self.ask("say", &spoken).await;
        named.map(|named| named.message)
    }

    async fn sent(&self) -> Vec<Sent> {
        let seen: Option<AllSeen> = self.ask("sent", &fields([])).await;
        let seen = seen
            .expect("a side door shows what was sent")
            .sent
            .into_iter();
        let sent = seen.map(|seen| Sent {
            reply_to: seen.reply_to,
            deleted: seen.deleted,
            edits: seen.edits,
            preview: seen.preview,
            ..Sent::new(seen.id, room(&seen.room), seen.text)
        });
        sent.collect()
    }

    async fn confirmed(&self) -> Option<Vec<String>> {
        let confirmed: Option<Messages> = self.ask("confirmed", &fields([])).await;
        confirmed.map(|confirmed| confirmed.messages)
    }

    async fn redeliver(&self, message: &str) -> Did {
        self.does("redeliver", &fields([("message", message)]))
            .await
    }

    async fn say_garbage(&self, room: Room) -> Did {
        self.does("garbage", &fields([("room", &name(room))])).await
    }

    async fn change(&self, message: &str, text: &str) -> Did {
        let change = fields([("message", message), ("text", text)]);
        self.does("change", &change).await
    }

    async fn take_back(&self, message: &str) -> Did {
        self.does("take_back", &fields([("message", message)]))
            .await
    }

    async fn react(&self, who: Who, message: &str, emoji: &str) -> Did {
        let sender = person(who);
        let reaction = [("sender", &*sender), ("message", message), ("emoji", emoji)];
        self.does("react", &fields(reaction)).await
    }

    async fn reactions(&self, message: &str) -> Vec<String> {
        let emoji: Option<Emoji> = self.ask("reactions", &fields([("message", message)])).await;
        emoji.map_or_else(Vec::new, |emoji| emoji.emoji)
    }

    async fn shown(&self) -> Shown {
        let shows: Option<Shows> = self.ask("shown", &fields([])).await;
        shows.map_or_else(Shown::default, |shows| Shown {
            typing: shows.typing,
            drafts: shows.drafts,
        })
    }

    async fn fail_next(&self, fault: Fault) -> Did {
        let wait_ms = match fault {
            Fault::RateLimited(wait) => u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            _ => 0,
        };
        let fault = match fault {
            Fault::RateLimited(_) => "rate_limited",
            Fault::CutAfterAccept => "cut_after_accept",
            Fault::Unreachable => "unreachable",
            Fault::ServerError => "server_error",
            Fault::Refused => "refused",
        };
        let fault = Failing { fault, wait_ms };
        self.does("fail_next", &fault).await
    }

    async fn fail_shows(&self) -> Did {
        self.does("fail_shows", &fields([])).await
    }

    async fn wire(&self, wire: Wire) -> Did {
        let wire = match wire {
            Wire::Up => "up",
            Wire::Down => "down",
            Wire::Silent => "silent",
            Wire::Cut => "cut",
        };
        self.does("wire", &fields([("wire", wire)])).await
    }

    async fn revoke(&self, revoked: bool) -> Did {
        self.does("revoke", &BTreeMap::from([("revoked", revoked)]))
            .await
    }

    async fn connections(&self) -> Option<usize> {
        let count: Option<Count> = self.ask("connections", &fields([])).await;
        count.map(|count| count.count)
    }
}

/// The process as the server sees it. What it is, is known once it was built: it runs since then.
#[async_trait]
impl AdapterFactory for Process {
    fn manifest(&self) -> Manifest {
        self.about().manifest()
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        self.about().dialect()
    }

    async fn build(&self, context: AdapterContext, _: Settings, secrets: Secrets) -> Result<Parts> {
        let url = &self.running().await.url;
        let token = secrets.require("token")?;
        let remote = RemoteFactory::discover(url, token, context.egress).await?;
        let settings = Settings::new(&fields([("url", url)]))?;
        // It says the same each time, or is refused when it is opened.
        let remote = self.0.about.get_or_init(|| remote);
        remote.build(context, settings, secrets).await
    }
}

impl Process {
    fn about(&self) -> &RemoteFactory {
        let about = self.0.about.get();
        about.expect("it is asked what it is after it was built")
    }
}
