//! A small chat platform in memory: the other side of every adapter here. It knows nothing of chatbox but the names that
//! the suite gives to people and rooms.

use chatbox_connector_api::conformance::{
    Fault, File, Pressed, Room, Said, Sent, Shown, Who, Wire,
};
use chatbox_connector_api::id::Seq;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// The longest text, in UTF-16 units.
pub(crate) const LIMIT: usize = 4096;
/// The longest text beside files, in UTF-16 units.
pub(crate) const CAPTION: usize = 1024;
/// How often an idle line shows life.
const BEAT: Duration = Duration::from_millis(100);
/// How long a client waits for an answer that does not come.
const PATIENCE: Duration = Duration::from_millis(400);
pub(crate) const TOKEN: &str = "alpha-token-7f3a";

/// One thing that happened, as the wire carries it.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    /// Its place in the account's stream; a repetition has a new one.
    pub(crate) number: usize,
    /// The same for every repetition.
    pub(crate) key: String,
    pub(crate) room: Room,
    pub(crate) sender: Who,
    pub(crate) at: i64,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Message(Said),
    Edit {
        target: String,
        text: String,
    },
    Delete {
        target: String,
    },
    Reaction {
        target: String,
        emoji: String,
    },
    Press {
        button: String,
        token: String,
        /// The newest of ours there.
        under: Option<String>,
    },
    Garbage,
}

/// What a line brings.
#[derive(Debug)]
pub(crate) enum Heard {
    Update(Box<Update>),
    Beat,
}

/// What a client is told, or can tell, when a request fails.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    Unauthorized,
    RateLimited(Duration),
    ServerError,
    Refused,
    NotFound,
    Unreachable,
    Lost,
}

/// A message to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) text: String,
    pub(crate) files: Vec<File>,
    pub(crate) reply_to: Option<String>,
    pub(crate) buttons: Vec<String>,
    pub(crate) preview: bool,
    /// A repetition of this key is answered with what it became the first time.
    pub(crate) key: Option<i64>,
    /// A note by which the message can be looked up, and nothing else.
    pub(crate) note: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct Platform {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) updates: Vec<Update>,
    pub(crate) acked: BTreeSet<usize>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) shown: BTreeMap<Room, Shown>,
    pub(crate) presses: Vec<Pressed>,
    pub(crate) marks: Vec<String>,
    /// People's windows of a native platform: how far each has shown its chat.
    pub(crate) windows: BTreeMap<Room, Seq>,
    pub(crate) shows_fail: bool,
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) reactions: BTreeMap<String, Vec<String>>,
    pub(crate) lines: usize,
    files: HashMap<String, File>,
    keys: HashMap<i64, String>,
    notes: HashMap<i64, String>,
    names: usize,
    wire: Wire,
    epoch: u64,
    revoked: bool,
}

impl Platform {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                updates: Vec::new(),
                acked: BTreeSet::new(),
                sent: Vec::new(),
                shown: BTreeMap::new(),
                presses: Vec::new(),
                marks: Vec::new(),
                windows: BTreeMap::new(),
                shows_fail: false,
                faults: VecDeque::new(),
                reactions: BTreeMap::new(),
                lines: 0,
                files: HashMap::new(),
                keys: HashMap::new(),
                notes: HashMap::new(),
                names: 0,
                wire: Wire::Up,
                epoch: 0,
                revoked: false,
            }),
            changed: watch::Sender::new(0),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }

    fn tell(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    // What people and the operator do.

    pub(crate) fn happens(
        &self,
        room: Room,
        sender: Who,
        name: Option<String>,
        what: What,
    ) -> String {
        let mut state = self.state();
        let key = name.unwrap_or_else(|| state.name());
        let number = state.updates.len() + 1;
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let at = at.expect("after 1970").as_millis() as i64;
        state.updates.push(Update {
            number,
            key: key.clone(),
            room,
            sender,
            at,
            what,
        });
        drop(state);
        self.tell();
        key
    }

    pub(crate) fn said(&self, mut said: Said) -> String {
        let mut state = self.state();
        for file in &mut said.files {
            let address = state.name();
            if !said.files_gone {
                state.files.insert(address.clone(), file.clone());
            }
            // What the message carries is where the file is, not what is in it.
            file.bytes = address.into_bytes().into();
        }
        drop(state);
        self.happens(said.room, said.sender, None, What::Message(said))
    }

    pub(crate) fn press(&self, room: Room, who: Who, button: &str) {
        let button = button.to_owned();
        let mut state = self.state();
        let token = format!("p{}", state.presses.len());
        state.presses.push(Pressed {
            button: button.clone(),
            answers: Vec::new(),
        });
        let ours = state.sent.iter().rev().find(|sent| sent.room == room);
        let under = ours.map(|sent| sent.id.clone());
        drop(state);
        let what = What::Press {
            button,
            token,
            under,
        };
        self.happens(room, who, None, what);
    }

    pub(crate) fn again(&self, key: &str) {
        let mut state = self.state();
        let number = state.updates.len() + 1;
        let first = state.updates.iter().find(|update| update.key == key);
        let again = Update {
            number,
            ..first.expect("a known message").clone()
        };
        state.updates.push(again);
        drop(state);
        self.tell();
    }

    pub(crate) fn set_wire(&self, wire: Wire) {
        let mut state = self.state();
        if matches!(wire, Wire::Cut | Wire::Down) {
            state.epoch += 1;
        }
        state.wire = if wire == Wire::Cut { Wire::Up } else { wire };
        drop(state);
        self.tell();
    }

    pub(crate) fn revoke(&self, revoked: bool) {
        self.state().revoked = revoked;
        self.tell();
    }

    // What a client asks.

    async fn request(&self, token: &str) -> Result<(), Failure> {
        let (wire, revoked) = {
            let state = self.state();
            (state.wire, state.revoked)
        };
        match wire {
            Wire::Down => return Err(Failure::Unreachable),
            Wire::Silent => {
                sleep(PATIENCE).await;
                return Err(Failure::Lost);
            }
            _ => {}
        }
        if revoked || token != TOKEN {
            Err(Failure::Unauthorized)
        } else {
            Ok(())
        }
    }

    pub(crate) async fn who(&self, token: &str) -> Result<Who, Failure> {
        self.request(token).await.map(|()| Who::US)
    }

    /// Listens to what happens after a place in the stream; without one, to all that was never acknowledged.
    pub(crate) async fn listen(
        self: &Arc<Self>,
        token: &str,
        after: Option<usize>,
    ) -> Result<Line, Failure> {
        self.request(token).await?;
        let mut state = self.state();
        state.lines += 1;
        let epoch = state.epoch;
        Ok(Line {
            platform: self.clone(),
            epoch,
            at: after.unwrap_or(0),
            by_place: after.is_some(),
        })
    }

    pub(crate) fn head(&self) -> usize {
        self.state().updates.len()
    }

    pub(crate) fn ack(&self, numbers: impl IntoIterator<Item = usize>) {
        self.state().acked.extend(numbers);
    }

    /// Does something to messages, unless a fault comes in between.
    async fn write<T>(
        &self,
        token: &str,
        act: impl FnOnce(&mut State) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.request(token).await?;
        let mut state = self.state();
        let fault = state.faults.pop_front();
        match fault {
            None => act(&mut state),
            Some(Fault::RateLimited(wait)) => Err(Failure::RateLimited(wait)),
            Some(Fault::CutAfterAccept) => act(&mut state).and(Err(Failure::Lost)),
            Some(Fault::Unreachable) => Err(Failure::Unreachable),
            Some(Fault::ServerError) => Err(Failure::ServerError),
            _ => Err(Failure::Refused),
        }
    }

    pub(crate) async fn send(
        &self,
        token: &str,
        room: Room,
        draft: Draft,
    ) -> Result<String, Failure> {
        let text = draft.text.clone();
        let name = self.write(token, |state| state.post(room, draft)).await;
        if let Ok(name) = &name {
            let echo = Said::new(room, Who::US, text);
            let known = self
                .state()
                .updates
                .iter()
                .any(|update| update.key == *name);
            if !known {
                self.happens(room, Who::US, Some(name.clone()), What::Message(echo));
            }
        }
        name
    }

    pub(crate) async fn edit(
        &self,
        token: &str,
        name: &str,
        text: String,
        preview: bool,
    ) -> Result<(), Failure> {
        self.write(token, |state| {
            let sent = state.find(name)?;
            sent.text = text;
            sent.edits += 1;
            sent.preview = Some(preview);
            Ok(())
        })
        .await
    }

    pub(crate) async fn delete(&self, token: &str, name: &str) -> Result<(), Failure> {
        self.write(token, |state| {
            state.find(name).map(|sent| sent.deleted = true)
        })
        .await
    }

    pub(crate) async fn react(
        &self,
        token: &str,
        name: &str,
        emoji: Vec<String>,
    ) -> Result<(), Failure> {
        self.write(token, |state| {
            state.reactions.insert(name.to_owned(), emoji);
            Ok(())
        })
        .await
    }

    pub(crate) async fn show(
        &self,
        token: &str,
        room: Room,
        draft: Option<String>,
    ) -> Result<(), Failure> {
        self.request(token).await?;
        let mut state = self.state();
        if state.shows_fail {
            return Err(Failure::ServerError);
        }
        let shown = state.shown.entry(room).or_default();
        match draft {
            Some(draft) => shown.drafts.push(draft),
            None => shown.typing += 1,
        }
        Ok(())
    }

    pub(crate) async fn answer(&self, token: &str, press: &str, text: &str) -> Result<(), Failure> {
        self.request(token).await?;
        let nth = press.strip_prefix('p').and_then(|nth| nth.parse().ok());
        let nth: usize = nth.ok_or(Failure::NotFound)?;
        let mut state = self.state();
        let pressed = state.presses.get_mut(nth).ok_or(Failure::NotFound)?;
        pressed.answers.push(text.to_owned());
        Ok(())
    }

    pub(crate) async fn mark(&self, token: &str, name: &str) -> Result<(), Failure> {
        self.request(token).await?;
        self.state().marks.push(name.to_owned());
        Ok(())
    }

    /// The message with this note, if there is one.
    pub(crate) async fn find_note(
        &self,
        token: &str,
        note: i64,
    ) -> Result<Option<String>, Failure> {
        self.request(token).await?;
        Ok(self.state().notes.get(&note).cloned())
    }

    /// Changes people's windows, unless they are closed.
    pub(crate) fn windows(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        if state.wire == Wire::Up {
            change(&mut state);
        }
    }

    pub(crate) async fn fetch(&self, token: &str, address: &str) -> Result<File, Failure> {
        self.request(token).await?;
        self.state()
            .files
            .get(address)
            .cloned()
            .ok_or(Failure::NotFound)
    }
}

impl State {
    fn name(&mut self) -> String {
        self.names += 1;
        format!("m{}", self.names)
    }

    fn post(&mut self, room: Room, draft: Draft) -> Result<String, Failure> {
        let most = if draft.files.is_empty() {
            LIMIT
        } else {
            CAPTION
        };
        if draft.text.encode_utf16().count() > most {
            return Err(Failure::Refused);
        }
        if let Some(known) = draft.key.and_then(|key| self.keys.get(&key)) {
            return Ok(known.clone());
        }
        let name = self.name();
        let mut sent = Sent::new(&name, room, draft.text);
        sent.files = draft.files;
        sent.buttons = draft.buttons;
        sent.reply_to = draft.reply_to;
        sent.preview = Some(draft.preview);
        self.sent.push(sent);
        if let Some(key) = draft.key {
            self.keys.insert(key, name.clone());
        }
        if let Some(note) = draft.note {
            self.notes.insert(note, name.clone());
        }
        Ok(name)
    }

    fn find(&mut self, name: &str) -> Result<&mut Sent, Failure> {
        let found = self
            .sent
            .iter_mut()
            .find(|sent| sent.id == name && !sent.deleted);
        found.ok_or(Failure::NotFound)
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Line {
    platform: Arc<Platform>,
    epoch: u64,
    at: usize,
    by_place: bool,
}

impl Line {
    pub(crate) async fn next(&mut self) -> Result<Heard, Failure> {
        let mut changed = self.platform.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let silent = match self.look()? {
                Some(update) => return Ok(Heard::Update(update)),
                None => self.platform.state().wire == Wire::Silent,
            };
            let waited = timeout(BEAT, changed.changed()).await;
            if waited.is_err() && !silent && self.platform.state().wire != Wire::Silent {
                return Ok(Heard::Beat);
            }
        }
    }

    fn look(&mut self) -> Result<Option<Box<Update>>, Failure> {
        let state = self.platform.state();
        match state.wire {
            Wire::Silent => return Ok(None),
            Wire::Down => return Err(Failure::Lost),
            _ if state.epoch != self.epoch => return Err(Failure::Lost),
            _ if state.revoked => return Err(Failure::Unauthorized),
            _ => {}
        }
        let fresh = |update: &&Update| self.by_place || !state.acked.contains(&update.number);
        let next = state.updates.iter().skip(self.at).find(fresh).cloned();
        self.at = next.as_ref().map_or(self.at, |update| update.number);
        Ok(next.map(Box::new))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.platform.state().lines -= 1;
    }
}
