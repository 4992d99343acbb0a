//! The adapter, judged by the suite against a daemon that knows nothing of it.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chatbox_connector_api::conformance::{
    self, Did, Fault, File, Level, Room, Said, Sent, Shown, Vendor, Who, Wire,
};
use chatbox_connector_api::id::{ExternalId, Handle};
use chatbox_connector_api::markup::Dialect;
use chatbox_connector_api::{
    AdapterContext, AdapterFactory, Egress, Manifest, Parts, Result, Secrets, Settings,
};
use chatbox_fakes::signal::{self, Say, Server, uuid};
use chatbox_signal::{Config, Signal, SignalAdapter};
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle as Runtime;
use tokio::task::block_in_place;

const ACCOUNT: &str = "+4915100000000";
/// Long enough for one refused attempt.
const UNREACHABLE: Duration = Duration::from_millis(250);

/// What it has no claim to: the log is not Signal's; the daemon never learns what is safe and hands nothing out twice; a
/// send in doubt cannot be looked up; there are no secrets, buttons, drafts and albums, and of a message only ten
/// changes, each of which rings.
const NOT_OFFERED: [&str; 13] = [
    "commit-first",
    "failed-commit",
    "resumes",
    "catches-up",
    "own-chat",
    "secrets",
    "found-again",
    "buttons",
    "answer",
    "answer-words",
    "drafts",
    "grows",
    "albums",
];

/// Builds the adapter as [`Signal`] does, with a test's patience.
#[derive(Debug)]
struct Impatient {
    endpoint: String,
}

#[async_trait]
impl AdapterFactory for Impatient {
    fn manifest(&self) -> Manifest {
        Signal.manifest()
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Signal.dialect()
    }

    async fn build(&self, context: AdapterContext, _: Settings, _: Secrets) -> Result<Parts> {
        let mut config = Config::new(Some(&self.endpoint), None, Egress::Public)?;
        config.beat = Duration::from_millis(400);
        config.request = Duration::from_secs(2);
        Ok(Arc::new(SignalAdapter::new(config, context.blobs)?).parts())
    }
}

/// The suite's view of the daemon.
struct SignalVendor {
    server: Server,
    /// What people said, by its time.
    said: Mutex<HashMap<i64, (Who, Room)>>,
}

fn person(who: Who) -> String {
    match who {
        Who::US => ACCOUNT.to_owned(),
        who => uuid(who.0),
    }
}

fn group_id(number: u32) -> String {
    STANDARD.encode(format!("group with the number {number:09}"))
}

fn name(author: &str, at: i64) -> String {
    format!("{author}/{at}")
}

fn time(name: &str) -> i64 {
    let (_, at) = name.split_once('/').expect("a name");
    at.parse().expect("a time")
}

/// The author of a message by its name; `None` for ours.
fn author(name: &str) -> Option<u32> {
    let (author, _) = name.split_once('/').expect("a name");
    author
        .rsplit('-')
        .next()
        .filter(|_| author != ACCOUNT)?
        .parse()
        .ok()
}

fn group_of(room: Room) -> Option<String> {
    match room {
        Room::Dm(_) => None,
        Room::Group(number) => Some(group_id(number)),
    }
}

fn place(room: Room) -> String {
    match room {
        Room::Dm(who) => person(who),
        Room::Group(number) => group_id(number),
    }
}

impl SignalVendor {
    fn start() -> Self {
        let server = block_in_place(|| Runtime::current().block_on(Server::start(ACCOUNT)));
        Self {
            server: server.expect("a free port"),
            said: Mutex::default(),
        }
    }

    fn room_of(sent: &signal::Sent) -> Room {
        let rooms = (0..200).flat_map(|n| [Room::Dm(Who(n)), Room::Group(n)]);
        let to = sent.group.as_ref().or(sent.recipient.as_ref());
        let to = to.expect("sent somewhere");
        rooms
            .into_iter()
            .find(|it| place(*it) == *to)
            .expect("a room we know")
    }

    fn seen(sent: &signal::Sent) -> Sent {
        let mut seen = Sent::new(
            name(ACCOUNT, sent.timestamp),
            Self::room_of(sent),
            &sent.text,
        );
        let file = |file: &signal::File| File {
            name: file.name.clone(),
            mime: file.mime.clone(),
            bytes: file.bytes.clone().into(),
        };
        seen.files = sent.files.iter().map(file).collect();
        seen.reply_to = sent.quote.as_ref().map(|(author, at)| name(author, *at));
        seen.deleted = sent.deleted;
        seen.edits = sent.edits;
        // A preview is sent by whoever writes, and nothing of ours asks for one.
        seen.preview = Some(false);
        seen
    }
}

#[async_trait]
impl Vendor for SignalVendor {
    fn factory(&self) -> Arc<dyn AdapterFactory> {
        let endpoint = format!("tcp://{}", self.server.addr());
        Arc::new(Impatient { endpoint })
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
        ExternalId::new(person(who))
    }

    fn handle(&self, room: Room) -> Handle {
        match room {
            Room::Dm(who) => Handle::new(person(who)),
            Room::Group(_) => {
                let bytes = STANDARD.decode(place(room)).expect("base64");
                Handle::new(format!("group.{}", URL_SAFE_NO_PAD.encode(bytes)))
            }
        }
    }

    async fn say(&self, said: Said) -> Option<String> {
        if said.album.is_some() {
            return None;
        }
        if said.sender == Who::US {
            return Some(name(ACCOUNT, self.server.say_elsewhere(&said.text)));
        }
        let file = |file: File| signal::File {
            name: file.name,
            mime: file.mime,
            bytes: file.bytes.to_vec(),
        };
        let reply = said.reply_to.as_deref();
        let earlier = || (None, 1_700_000_000_000);
        let addressed = said.addressed && matches!(said.room, Room::Group(_));
        let at = self.server.say(Say {
            from: said.sender.0,
            group: group_of(said.room),
            text: said.text,
            // In groups people address us by answering something we once said there.
            quote: reply
                .map(|it| (author(it), time(it)))
                .or_else(|| addressed.then(earlier)),
            files: said.files.into_iter().map(file).collect(),
            files_gone: said.files_gone,
            ..Say::default()
        });
        let mut all = self.said.lock().expect("no panic");
        all.insert(at, (said.sender, said.room));
        Some(name(&person(said.sender), at))
    }

    async fn sent(&self) -> Vec<Sent> {
        let all = self.server.messages();
        all.iter().map(Self::seen).collect()
    }

    /// What was handed to a connection is gone, unless whoever reads it stops in order.
    fn resends(&self) -> bool {
        false
    }

    async fn redeliver(&self, message: &str) -> Did {
        self.server.repeat(time(message));
        Did::Done
    }

    async fn say_garbage(&self, _room: Room) -> Did {
        self.server.garbage("this is no JSON");
        self.server
            .garbage(r#"{"jsonrpc":"2.0","method":"receive","params":7}"#);
        self.server
            .garbage(r#"{"jsonrpc":"2.0","method":"earthquake","params":{}}"#);
        self.server.garbage(r#"{"id":"not ours","result":[]}"#);
        for envelope in [
            json!({"source": 7, "timestamp": "yesterday"}),
            json!({"timestamp": 77, "dataMessage": {"message": "from nobody"}}),
            json!({"sourceUuid": uuid(1), "timestamp": 78, "earthquakeMessage": {"strength": [7, "?"]}}),
            json!({"sourceUuid": uuid(1), "timestamp": 79, "dataMessage": {"timestamp": 79, "message": ["?"]}}),
            json!({}),
        ] {
            self.server.envelope(envelope);
        }
        Did::Done
    }

    async fn change(&self, message: &str, text: &str) -> Did {
        self.server.edit(time(message), text);
        Did::Done
    }

    async fn take_back(&self, message: &str) -> Did {
        self.server.delete(time(message));
        Did::Done
    }

    async fn react(&self, who: Who, message: &str, emoji: &str) -> Did {
        let at = time(message);
        let room = self.said.lock().expect("no panic").get(&at).map(|it| it.1);
        let group = room.and_then(group_of);
        self.server
            .react(who.0, group.as_deref(), author(message), at, emoji);
        Did::Done
    }

    async fn reactions(&self, message: &str) -> Vec<String> {
        let set = self.server.reactions().into_iter().rev();
        let mut of = set.filter(|it| name(&it.author, it.timestamp) == message);
        of.next().and_then(|it| it.emoji).into_iter().collect()
    }

    /// There are no buttons.
    async fn press(&self, _room: Room, _who: Who, _button: &str) -> Did {
        Did::NotOffered
    }

    async fn marks(&self) -> Option<Vec<String>> {
        let marks = self.server.marks().into_iter();
        Some(marks.map(|(author, at)| name(&author, at)).collect())
    }

    async fn shown(&self) -> Shown {
        Shown {
            typing: self.server.typing().len(),
            drafts: Vec::new(),
        }
    }

    async fn shown_in(&self, room: Room) -> Option<Shown> {
        let here = place(room);
        let typing = self.server.typing().into_iter().filter(|it| *it == here);
        Some(Shown {
            typing: typing.count(),
            drafts: Vec::new(),
        })
    }

    async fn fail_next(&self, fault: Fault) -> Did {
        let fault = match fault {
            Fault::RateLimited(wait) => signal::Fault::RateLimited(wait.as_secs().max(1)),
            Fault::CutAfterAccept => signal::Fault::CutAfter,
            Fault::Unreachable => {
                self.server.unreachable_for(UNREACHABLE).await;
                return Did::Done;
            }
            Fault::ServerError => signal::Fault::Network,
            Fault::Refused => signal::Fault::Unregistered,
            _ => return Did::NotSimulated,
        };
        self.server.fault(fault);
        Did::Done
    }

    async fn fail_shows(&self) -> Did {
        self.server.refuse_typing();
        Did::Done
    }

    async fn wire(&self, wire: Wire) -> Did {
        match wire {
            Wire::Up => {
                self.server.silence(false);
                self.server.take_connections().await;
            }
            Wire::Down => {
                self.server.refuse_connections().await;
                self.server.cut();
            }
            Wire::Silent => self.server.silence(true),
            Wire::Cut => self.server.cut(),
            _ => return Did::NotSimulated,
        }
        Did::Done
    }

    async fn revoke(&self, revoked: bool) -> Did {
        self.server.revoke(revoked);
        Did::Done
    }

    async fn connections(&self) -> Option<usize> {
        Some(self.server.subscribed())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let report = conformance::run(|| Box::new(SignalVendor::start())).await;
    // All that it offers bots is claimed, and nothing is left unproven.
    report.require_all_but(Level::Gold, &NOT_OFFERED);
}
