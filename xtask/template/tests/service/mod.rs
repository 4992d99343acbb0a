//! A small chat service over HTTP and JSON. Replace it by one that speaks as your platform does, and prove it with a
//! client you did not write.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chatbox_connector_api::conformance::{Fault, Room, Said, Sent, Shown, Who, Wire};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

pub(crate) const TOKEN: &str = "a-token-that-is-right";
/// Longer than the client waits.
const TOO_LONG: Duration = Duration::from_secs(5);

pub(crate) fn person(who: Who) -> String {
    format!("u{}", who.0)
}

pub(crate) fn room(room: Room) -> String {
    match room {
        Room::Dm(who) => format!("d{}", who.0),
        Room::Group(group) => format!("g{group}"),
    }
}

fn room_named(name: &str) -> Option<Room> {
    let number = name.get(1..)?.parse().ok()?;
    match name.get(..1)? {
        "d" => Some(Room::Dm(Who(number))),
        "g" => Some(Room::Group(number)),
        _ => None,
    }
}

/// A running service; it ends when dropped.
pub(crate) struct Service {
    shared: Arc<Shared>,
    address: String,
    task: AbortHandle,
}

struct Shared {
    world: Mutex<World>,
    changed: watch::Sender<u64>,
}

struct World {
    events: Vec<Value>,
    confirmed: usize,
    sent: Vec<Sent>,
    keys: HashMap<i64, String>,
    shown: Shown,
    faults: VecDeque<Fault>,
    shows_fail: bool,
    wire: Wire,
    cuts: u64,
    revoked: bool,
    listening: usize,
    names: usize,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("nobody panics while holding it")
    }

    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let changed = change(&mut self.world());
        self.changed.send_modify(|version| *version += 1);
        changed
    }
}

impl World {
    fn name(&mut self) -> String {
        self.names += 1;
        format!("m{}", self.names)
    }

    fn happens(&mut self, mut event: Value) {
        event["number"] = json!(self.events.len() + 1);
        self.events.push(event);
    }
}

// What people and the operator do.

impl Service {
    pub(crate) fn start() -> Self {
        let world = World {
            events: Vec::new(),
            confirmed: 0,
            sent: Vec::new(),
            keys: HashMap::new(),
            shown: Shown::default(),
            faults: VecDeque::new(),
            shows_fail: false,
            wire: Wire::Up,
            cuts: 0,
            revoked: false,
            listening: 0,
            names: 0,
        };
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            changed: watch::Sender::new(0),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = format!("http://{}/", listener.local_addr().expect("bound"));
        let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
        let routes = Router::new()
            .route("/me", get(me))
            .route("/events", get(events))
            .route("/rooms/{room}/messages", post(message))
            .route("/rooms/{room}/typing", post(typing))
            .with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, routes).await });
        let task = task.abort_handle();
        Self {
            shared,
            address,
            task,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn say(&self, said: &Said) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.expect("after 1970").as_millis() as u64;
        self.shared.change(|world| {
            let id = world.name();
            world.happens(json!({
                "id": id,
                "room": { "id": room(said.room), "group": matches!(said.room, Room::Group(_)) },
                "from": { "id": person(said.sender), "name": null },
                "time": now,
                "text": said.text,
                "mentions_me": said.addressed,
                "reply_to": said.reply_to,
            }));
            id
        })
    }

    pub(crate) fn again(&self, id: &str) {
        self.shared.change(|world| {
            let event = world.events.iter().find(|event| event["id"] == id);
            let event = event.expect("a known message").clone();
            world.happens(event);
        });
    }

    pub(crate) fn garbage(&self) {
        self.shared
            .change(|world| world.happens(json!({ "kind": "earthquake", "id": ["?"] })));
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.shared.world().sent.clone()
    }

    pub(crate) fn confirmed(&self) -> Vec<String> {
        let world = self.shared.world();
        let safe = world.events[..world.confirmed].iter();
        safe.filter_map(|event| event["id"].as_str().map(str::to_owned))
            .collect()
    }

    pub(crate) fn shown(&self) -> Shown {
        self.shared.world().shown.clone()
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.shared.change(|world| world.faults.push_back(fault));
    }

    pub(crate) fn fail_shows(&self) {
        self.shared.change(|world| world.shows_fail = true);
    }

    pub(crate) fn set_wire(&self, wire: Wire) {
        self.shared.change(|world| {
            world.cuts += 1;
            world.wire = if wire == Wire::Cut { Wire::Up } else { wire };
        });
    }

    pub(crate) fn revoke(&self, revoked: bool) {
        self.shared.change(|world| world.revoked = revoked);
    }

    pub(crate) fn listening(&self) -> usize {
        self.shared.world().listening
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// What a client asks.

type Answer = Result<Json<Value>, Response>;

fn refuse(status: StatusCode) -> Response {
    status.into_response()
}

/// What stands before every request: a wire that works and a token that is right.
async fn enter(shared: &Shared, headers: &HeaderMap) -> Result<(), Response> {
    let (wire, revoked) = {
        let world = shared.world();
        (world.wire, world.revoked)
    };
    match wire {
        Wire::Down => return Err(refuse(StatusCode::SERVICE_UNAVAILABLE)),
        Wire::Silent => sleep(TOO_LONG).await,
        _ => {}
    }
    let given = headers.get("authorization").and_then(|it| it.to_str().ok());
    match given == Some(&format!("Bearer {TOKEN}")) && !revoked {
        true => Ok(()),
        false => Err(refuse(StatusCode::UNAUTHORIZED)),
    }
}

async fn me(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    enter(&shared, &headers).await?;
    Ok(Json(json!({ "id": person(Who::US), "name": "agent" })))
}

#[derive(Deserialize)]
struct Asked {
    after: usize,
    wait_ms: u64,
}

/// Counts who listens, and notices who leaves.
struct Listener(Arc<Shared>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.world().listening -= 1;
    }
}

async fn events(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Answer {
    enter(&shared, &headers).await?;
    let cuts = {
        let mut world = shared.world();
        world.listening += 1;
        world.confirmed = world.confirmed.max(asked.after);
        world.cuts
    };
    let _listener = Listener(shared.clone());
    let mut changed = shared.changed.subscribe();
    let news = async {
        loop {
            changed.mark_unchanged();
            {
                let world = shared.world();
                if world.cuts != cuts || world.events.len() > asked.after {
                    return;
                }
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    };
    let _ = timeout(Duration::from_millis(asked.wait_ms), news).await;
    enter(&shared, &headers).await?;
    let world = shared.world();
    if world.cuts != cuts {
        return Err(refuse(StatusCode::BAD_GATEWAY));
    }
    let events = world.events.get(asked.after..).unwrap_or_default();
    let upto = asked.after.max(world.events.len());
    Ok(Json(json!({ "events": events, "upto": upto })))
}

#[derive(Deserialize)]
struct Post {
    text: String,
    reply_to: Option<String>,
    key: Option<i64>,
    previews: bool,
}

async fn message(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Json(posted): Json<Post>,
) -> Answer {
    enter(&shared, &headers).await?;
    let fault = shared.world().faults.pop_front();
    match fault {
        None => accept(&shared, &name, posted),
        Some(Fault::RateLimited(wait)) => {
            let wait = [("retry-after", wait.as_secs_f64().to_string())];
            Err((StatusCode::TOO_MANY_REQUESTS, wait).into_response())
        }
        Some(Fault::CutAfterAccept) => {
            let accepted = accept(&shared, &name, posted);
            sleep(TOO_LONG).await;
            accepted
        }
        Some(Fault::Unreachable) => Err(refuse(StatusCode::SERVICE_UNAVAILABLE)),
        Some(Fault::ServerError) => Err(refuse(StatusCode::INTERNAL_SERVER_ERROR)),
        Some(_) => Err(refuse(StatusCode::FORBIDDEN)),
    }
}

fn accept(shared: &Shared, name: &str, posted: Post) -> Answer {
    let room = room_named(name).ok_or_else(|| refuse(StatusCode::NOT_FOUND))?;
    if posted.text.chars().count() > 2000 {
        return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE));
    }
    shared.change(|world| {
        if let Some(id) = posted.key.and_then(|key| world.keys.get(&key)) {
            return Ok(Json(json!({ "id": id })));
        }
        let id = world.name();
        let mut sent = Sent::new(&id, room, posted.text);
        sent.reply_to = posted.reply_to;
        sent.preview = Some(posted.previews);
        world.sent.push(sent);
        if let Some(key) = posted.key {
            world.keys.insert(key, id.clone());
        }
        Ok(Json(json!({ "id": id })))
    })
}

async fn typing(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    enter(&shared, &headers).await?;
    let mut world = shared.world();
    if world.shows_fail {
        return Err(refuse(StatusCode::INTERNAL_SERVER_ERROR));
    }
    world.shown.typing += 1;
    Ok(Json(json!({})))
}
