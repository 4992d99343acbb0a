//! The connection where Slack posts to an address of ours: nothing is listened to, and what was missed is read once.
//!
//! Slack tells again what is not answered, for about six minutes, and then never. So what was said while no node was there is
//! read from history, as over a socket. There it is a cursor that says from where on; here events come to every node, so it is
//! two notes of the adapter's own: when something was heard last, by whichever node, and up to where everything is safe, by the
//! one that reads the connection. The second follows the first ten minutes behind, and only after the past was read.

use super::fill::{PAUSE, name_of};
use super::{Memory, Place, lock};
use crate::client::Client;
use crate::error::lost;
use crate::history;
use crate::inbound::{Channel, Reader};
use chatbox_connector_api::event::Event;
use chatbox_connector_api::id::Millis;
use chatbox_connector_api::{
    AdapterState, Arrival, ErrorKind, Inbound, Incoming, LinkState, Result,
};
use futures_util::{StreamExt, stream};
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

/// The note of when something was heard last.
const HEARD: &str = "heard";
/// The note of up to where everything is safe.
const SAFE: &str = "safe";
/// So long before what was heard last everything is safe: Slack tells again for about six minutes.
const BEHIND: Duration = Duration::from_secs(10 * 60);

/// Notes of times, in seconds since 1970, that only move forward.
#[derive(Clone, Debug)]
pub(crate) struct Notes(Arc<dyn AdapterState>);

impl Notes {
    pub(crate) fn new(state: Arc<dyn AdapterState>) -> Self {
        Self(state)
    }

    /// Something was heard just now.
    pub(crate) async fn heard(&self) -> Result<()> {
        self.advance(HEARD, now()).await
    }

    async fn read(&self, key: &str) -> Result<Option<u64>> {
        Ok(self.load(key).await?.map(|(_, seconds)| seconds))
    }

    async fn load(&self, key: &str) -> Result<Option<(i64, u64)>> {
        let note = self.0.load(key).await;
        let note = note.map_err(|error| lost(&error.to_string()))?;
        let seconds = |value: Vec<u8>| String::from_utf8(value).ok()?.parse().ok();
        Ok(note.and_then(|(revision, value)| Some((revision, seconds(value)?))))
    }

    /// Another node may be faster: what it wrote is as good.
    async fn advance(&self, key: &str, to: u64) -> Result<()> {
        let (revision, stands) = self.load(key).await?.unwrap_or_default();
        if to > stands {
            let saved = self.0.save(key, revision, to.to_string().as_bytes()).await;
            saved.map_err(|error| lost(&error.to_string()))?;
        }
        Ok(())
    }
}

/// What an open connection without a socket needs.
pub(crate) struct Quiet {
    pub(crate) client: Arc<Client>,
    pub(crate) memory: Arc<Mutex<Memory>>,
    pub(crate) reader: Reader,
    /// Where a socket stopped, where there was one before.
    pub(crate) place: Option<Place>,
    /// Without a place for notes the past is not read.
    pub(crate) notes: Option<Notes>,
    /// How often what is safe is noted.
    pub(crate) every: Duration,
    /// At most one connection per adapter.
    pub(crate) _alone: OwnedSemaphorePermit,
}

/// What is still to be done.
enum Stage {
    /// The conversations are not known yet.
    List,
    /// The past of these is read.
    Fill(VecDeque<Channel>),
    /// Nothing is left but to note what is safe.
    Rest,
}

struct Reading {
    quiet: Quiet,
    place: Place,
    stage: Stage,
    nameless: HashSet<String>,
    ready: VecDeque<Incoming>,
    closed: bool,
}

/// Says that Slack knows us, what was missed, and then nothing for ever.
pub(crate) async fn open(quiet: Quiet) -> Result<Inbound> {
    let mut place = Place::now(&quiet.reader.me.user);
    let mut stage = Stage::Rest;
    if let Some(notes) = &quiet.notes {
        match (notes.read(SAFE).await?, quiet.place.clone()) {
            (Some(safe), _) => {
                place.floor = format!("{safe:010}.000000");
                stage = Stage::List;
            }
            (None, Some(stopped)) => {
                place = stopped;
                stage = Stage::List;
            }
            // Nothing before the first time is asked for.
            (None, None) => notes.advance(SAFE, now()).await?,
        }
    }
    let reading = Reading {
        quiet,
        place,
        stage,
        nameless: HashSet::new(),
        ready: [Incoming::Link(LinkState::Connected)].into(),
        closed: false,
    };
    Ok(stream::unfold(reading, |mut reading| async move {
        let next = reading.next().await?;
        Some((next, reading))
    })
    .boxed())
}

impl Reading {
    async fn next(&mut self) -> Option<Result<Incoming>> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Some(Ok(next));
            }
            if self.closed {
                return None;
            }
            if let Err(error) = self.step().await {
                if *error.kind() == ErrorKind::RateLimited {
                    sleep(error.retry_after().unwrap_or(PAUSE)).await;
                    continue;
                }
                self.closed = true;
                return Some(Err(error));
            }
        }
    }

    async fn step(&mut self) -> Result<()> {
        match &mut self.stage {
            Stage::List => {
                let mut channels = history::conversations(&self.quiet.client).await?;
                channels.iter().for_each(|it| self.quiet.reader.know(it));
                // One may be of two kinds.
                let mut known = HashSet::new();
                channels.retain(|it| known.insert(it.id.clone()));
                self.stage = Stage::Fill(channels.into());
                Ok(())
            }
            Stage::Fill(channels) => match channels.front() {
                Some(channel) => {
                    let channel = channel.id.clone();
                    self.read(&channel).await?;
                    if let Stage::Fill(channels) = &mut self.stage {
                        channels.pop_front();
                    }
                    Ok(())
                }
                None => {
                    self.stage = Stage::Rest;
                    Ok(())
                }
            },
            Stage::Rest => self.rest().await,
        }
    }

    /// A conversation's past. One that we may not read is as good as read.
    async fn read(&mut self, channel: &str) -> Result<()> {
        let from = self.place.from(channel);
        let past = match history::read(&self.quiet.client, channel, &from).await {
            Err(error) if super::Link::is_local(error.kind()) => {
                tracing::warn!(%error, "what was missed in a conversation is not read");
                return Ok(());
            }
            past => past?,
        };
        if let Some(gap) = past.gap {
            let since = Millis(gap.millis());
            self.ready.push_back(Incoming::Gap { since });
        }
        for message in &past.messages {
            if let Some(mut event) = self.quiet.reader.late(channel, message) {
                self.name(&mut event).await;
                self.ready.push_back(Incoming::Event(Arrival::new(event)));
            }
        }
        Ok(())
    }

    async fn name(&mut self, event: &mut Event) {
        let person = event.sender.id.as_str();
        if event.sender.name.is_some() || self.nameless.contains(person) {
            return;
        }
        let known = lock(&self.quiet.memory).people.get(person).cloned();
        let name = match known {
            None => name_of(&self.quiet.client, person).await,
            known => known,
        };
        match name {
            Some(name) => {
                lock(&self.quiet.memory).name(person, &name);
                let people = &mut self.quiet.reader.people;
                people.insert(person.to_owned(), name.clone());
                event.sender.name = Some(name);
            }
            None => drop(self.nameless.insert(person.to_owned())),
        }
    }

    /// Whoever asks for more has stored what came before.
    async fn rest(&mut self) -> Result<()> {
        let Some(notes) = self.quiet.notes.clone() else {
            return std::future::pending().await;
        };
        sleep(self.quiet.every).await;
        let Some(heard) = notes.read(HEARD).await? else {
            return Ok(());
        };
        notes
            .advance(SAFE, heard.saturating_sub(BEHIND.as_secs()))
            .await
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
