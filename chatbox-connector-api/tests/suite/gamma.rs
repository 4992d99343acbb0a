//! A correct adapter for people's windows: a native one, where the append is the delivery. What people say comes in as
//! with beta; what the log says is shown in their windows by what it says, and never sent. With a twist it is wrong.

use crate::beta;
use crate::platform::{Heard, Line, Platform, State, TOKEN, Update};
use crate::vendor::{handle, person, room};
use async_trait::async_trait;
use chatbox_connector_api::conformance::{Room, Sent, Who};
use chatbox_connector_api::event::{Content, EventBody};
use chatbox_connector_api::id::Seq;
use chatbox_connector_api::markup::{Dialect, PlainDialect, Unit, parse, plain};
use chatbox_connector_api::{
    AdapterContext, AdapterError, AdapterFactory, Arrival, Capabilities, ChannelAdapter, Cursor,
    DeliveryClass, ErrorKind, Identity, Inbound, Incoming, Limits, Line as LogLine, Manifest, News,
    Outbound, Parts, Receipt, Result, Secrets, Settings, TextLimit, Transcript, Verb, Voice,
};
use futures_util::{StreamExt, stream};
use std::fmt;
use std::sync::Arc;
use tokio::task::AbortHandle;

#[derive(Debug)]
pub(crate) struct GammaFactory {
    pub(crate) platform: Arc<Platform>,
    pub(crate) twist: &'static str,
}

#[async_trait]
impl AdapterFactory for GammaFactory {
    fn manifest(&self) -> Manifest {
        Manifest {
            platform: "gamma".into(),
            title: "Gamma".to_owned(),
            secrets: Vec::new(),
            settings: Vec::new(),
            guide: Vec::new(),
        }
    }

    fn dialect(&self) -> Arc<dyn Dialect> {
        Arc::new(PlainDialect::new(Unit::Utf8))
    }

    async fn build(&self, context: AdapterContext, _: Settings, _: Secrets) -> Result<Parts> {
        Ok(Parts::new(Arc::new(Gamma {
            windows: Windows {
                platform: self.platform.clone(),
                log: context.transcript,
                twist: self.twist,
            },
        })))
    }
}

struct Gamma {
    windows: Windows,
}

impl fmt::Debug for Gamma {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gamma").finish_non_exhaustive()
    }
}

#[async_trait]
impl ChannelAdapter for Gamma {
    fn platform(&self) -> chatbox_connector_api::id::Platform {
        "gamma".into()
    }

    fn capabilities(&self) -> Capabilities {
        let text = TextLimit {
            max: 1_000_000,
            unit: Unit::Utf8,
        };
        let mut can = Capabilities::new(DeliveryClass::Native, text);
        let any = Some(Limits::default());
        can.reply = any;
        can.edit = any;
        can.delete = any;
        can.react = any;
        can.typing = any;
        can.draft = any;
        can
    }

    async fn probe(&self) -> Result<Identity> {
        let changes = self.windows.is("is somebody else each time");
        Ok(Identity {
            id: match changes {
                true => chatbox_connector_api::id::code(6).into(),
                false => person(Who::US),
            },
            name: "gamma".to_owned(),
            link: None,
            notes: Vec::new(),
        })
    }

    async fn open(&self, _: Option<Cursor>) -> Result<Inbound> {
        let windows = self.windows.clone();
        let line = windows.platform.listen(TOKEN, None).await;
        let line = line.map_err(|failure| beta::error(&failure))?;
        let following = tokio::spawn(windows.clone().follow()).abort_handle();
        let open = Open {
            windows,
            line,
            _following: Ends(following),
        };
        let items = stream::unfold(open, async |mut open| {
            let item = open.next().await;
            Some((item, open))
        });
        Ok(items.boxed())
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let draft = match &out.verb {
            Verb::Typing => None,
            Verb::Draft { markup, .. } => Some(plain(markup)),
            verb => {
                let text = format!("gamma has no `{}`: its log is what is shown", verb.name());
                return Err(AdapterError::new(ErrorKind::Unsupported, text));
            }
        };
        let gone = || AdapterError::new(ErrorKind::NotFound, "there is no such window");
        let room = room(&out.chat).ok_or_else(gone)?;
        let shown = self.windows.platform.show(TOKEN, room, draft).await;
        shown.map_err(|failure| beta::error(&failure))?;
        Ok(Receipt::default())
    }
}

/// An open connection; what follows the log ends with it.
struct Open {
    windows: Windows,
    line: Line,
    _following: Ends,
}

struct Ends(AbortHandle);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Open {
    async fn next(&mut self) -> Result<Incoming> {
        match self.line.next().await {
            Ok(Heard::Beat) => Ok(Incoming::Alive),
            Ok(Heard::Update(update)) => Ok(Incoming::Event(self.arrival(*update))),
            Err(failure) => Err(beta::error(&failure)),
        }
    }

    fn arrival(&self, update: Update) -> Arrival {
        let platform = &self.windows.platform;
        platform.windows(|state| {
            state.windows.entry(update.room).or_default();
        });
        if self.windows.is("acknowledges at once") {
            platform.ack([update.number]);
        }
        beta::arrival(platform, update)
    }
}

/// Shows the log in people's windows.
#[derive(Clone)]
struct Windows {
    platform: Arc<Platform>,
    log: Arc<dyn Transcript>,
    twist: &'static str,
}

impl Windows {
    fn is(&self, twist: &str) -> bool {
        self.twist == twist
    }

    async fn follow(self) {
        let mut news = self.log.news();
        if !self.is("shows only what is new") {
            self.catch_up().await;
        }
        loop {
            match news.recv().await {
                Ok(News::Line { chat, line, prev }) => {
                    let Some(room) = room(&chat) else { continue };
                    let shown = self.platform.state().windows.get(&room).copied();
                    match shown.is_some_and(|shown| shown < prev) {
                        true if !self.is("shows only what is new") => self.catch_up().await,
                        _ => self.show(room, &line),
                    }
                }
                Ok(_) => {}
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => self.catch_up().await,
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    /// Shows every window what it missed. What is committed meanwhile waits among the news.
    async fn catch_up(&self) {
        let windows = self.platform.state().windows.clone();
        let first = windows.keys().next().copied();
        for (room, shown) in windows {
            let after = match self.twist {
                "shows everything again" => Seq::ZERO,
                "skips a line after a pause" => Seq(shown.0 + 1),
                _ => shown,
            };
            let chat = match first {
                Some(first) if self.is("takes all windows for one") => first,
                _ => room,
            };
            let lines = self.log.since(&handle(chat), after, 10_000).await;
            let mut lines = lines.unwrap_or_default();
            if self.is("shows what was missed newest first") {
                lines.reverse();
            }
            for line in &lines {
                self.show(room, line);
            }
        }
    }

    fn show(&self, room: Room, line: &LogLine) {
        self.platform.windows(|state| {
            let shown = state.windows.entry(room).or_default();
            let again =
                self.is("shows everything again") || self.is("shows what was missed newest first");
            if line.seq <= *shown && !again {
                return;
            }
            *shown = line.seq.max(*shown);
            if matches!(line.from, Voice::Person { .. }) {
                return;
            }
            let rooms: Vec<Room> = match self.is("shows everybody everything") {
                true => state.windows.keys().copied().collect(),
                false => vec![room],
            };
            for room in rooms {
                self.change(state, room, line);
            }
        });
    }

    fn change(&self, state: &mut State, room: Room, line: &LogLine) {
        match &line.body {
            EventBody::Message(content) => state.sent.push(said(room, line.seq, content)),
            EventBody::Reaction { target, emoji } => {
                let target = target.as_str().to_owned();
                state.reactions.insert(target, emoji.clone());
            }
            body => {
                let target = line.target.map(|seq| seq.to_string());
                let about = state
                    .sent
                    .iter_mut()
                    .find(|it| Some(&it.id) == target.as_ref());
                let Some(sent) = about else { return };
                match body {
                    EventBody::Edit { content, .. } if !self.is("shows no changes") => {
                        sent.text = plain(&parse(&content.text));
                        sent.edits += 1;
                    }
                    EventBody::Delete { .. } => sent.deleted = !self.is("shows no deletions"),
                    _ => {}
                }
            }
        }
    }
}

fn said(room: Room, seq: Seq, content: &Content) -> Sent {
    let mut sent = Sent::new(seq.to_string(), room, plain(&parse(&content.text)));
    let answers = content.reply_to.as_ref();
    sent.reply_to = answers.map(|name| name.as_str().to_owned());
    sent.preview = Some(false);
    sent
}
