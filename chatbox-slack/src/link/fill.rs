//! What an open connection asks for beside its socket: what was missed, and people's names.

use super::{Held, Link, Place, lock};
use crate::client::Client;
use crate::history::{self, Past};
use crate::inbound::Channel;
use chatbox_connector_api::event::Event;
use chatbox_connector_api::id::Millis;
use chatbox_connector_api::{ErrorKind, Incoming, Result};
use serde::Deserialize;
use std::collections::{HashSet, VecDeque};
use std::time::Duration;
use tokio::time::sleep;

/// How long to wait where Slack says that we are too fast and not for how long.
pub(super) const PAUSE: Duration = Duration::from_secs(10);

/// What is still to be read.
#[derive(Debug)]
pub(super) struct Filling {
    since: Place,
    /// Whether the conversations are known.
    listed: bool,
    queue: VecDeque<String>,
    done: HashSet<String>,
    /// The one that is being read.
    busy: Option<String>,
}

impl Filling {
    pub(super) fn since(place: Place) -> Self {
        Self {
            since: place,
            listed: false,
            queue: VecDeque::new(),
            done: HashSet::new(),
            busy: None,
        }
    }

    /// Whether a conversation is still to be read. If so it is read next: somebody waits for it.
    fn awaits(&mut self, channel: &str) -> bool {
        if self.done.contains(channel) {
            return false;
        }
        if self.busy.as_deref() != Some(channel) {
            self.queue.retain(|queued| queued != channel);
            self.queue.push_front(channel.to_owned());
        }
        true
    }
}

/// Something that was asked for.
pub(super) enum Work {
    Listed(Result<Vec<Channel>>),
    Read(String, Result<Past>),
    Named(String, Option<String>),
    /// A pause is over.
    Rested,
}

impl Link {
    /// Asks for the conversations we are in.
    pub(super) fn list(&mut self) {
        let client = self.client.clone();
        self.works.push(Box::pin(async move {
            Work::Listed(history::conversations(&client).await)
        }));
    }

    pub(super) async fn worked(&mut self, work: Work) -> Result<()> {
        match work {
            Work::Listed(Ok(channels)) => {
                self.listed(&channels);
                self.fill().await
            }
            Work::Listed(Err(error)) => match (&self.filling, error.kind()) {
                (None, _) => {
                    tracing::warn!(%error, "the names of conversations are not known");
                    Ok(())
                }
                (Some(_), ErrorKind::RateLimited) => {
                    self.rest(error.retry_after());
                    Ok(())
                }
                (Some(_), _) => Err(error),
            },
            Work::Read(channel, Ok(past)) => {
                self.read(channel, past).await?;
                self.fill().await
            }
            Work::Read(channel, Err(error)) => {
                if *error.kind() == ErrorKind::RateLimited {
                    if let Some(filling) = &mut self.filling {
                        filling.busy = None;
                        filling.queue.push_front(channel);
                    }
                    self.rest(error.retry_after());
                    return Ok(());
                }
                if !Self::is_local(error.kind()) {
                    return Err(error);
                }
                tracing::warn!(%error, "what was missed in a conversation is not read");
                self.read(channel, Past::default()).await?;
                self.fill().await
            }
            Work::Named(person, name) => {
                self.named(person, name);
                self.release().await
            }
            Work::Rested => match self.filling.as_ref().is_some_and(|it| it.listed) {
                true => self.fill().await,
                false => {
                    self.list();
                    Ok(())
                }
            },
        }
    }

    fn rest(&mut self, wait: Option<Duration>) {
        let wait = wait.unwrap_or(PAUSE);
        self.works.push(Box::pin(async move {
            sleep(wait).await;
            Work::Rested
        }));
    }

    fn listed(&mut self, channels: &[Channel]) {
        for channel in channels {
            self.reader.know(channel);
        }
        let Some(filling) = &mut self.filling else {
            return;
        };
        filling.listed = true;
        for channel in channels {
            let known = filling.queue.contains(&channel.id) || filling.done.contains(&channel.id);
            if !known {
                filling.queue.push_back(channel.id.clone());
            }
        }
    }

    /// Reads the next conversation, until none is left.
    async fn fill(&mut self) -> Result<()> {
        let Some(filling) = &mut self.filling else {
            return Ok(());
        };
        if filling.busy.is_some() || !filling.listed {
            return Ok(());
        }
        let Some(channel) = filling.queue.pop_front() else {
            self.filling = None;
            return self.release().await;
        };
        filling.busy = Some(channel.clone());
        let (client, from) = (self.client.clone(), filling.since.from(&channel));
        self.works.push(Box::pin(async move {
            let past = history::read(&client, &channel, &from).await;
            Work::Read(channel, past)
        }));
        Ok(())
    }

    /// A conversation's past goes before what was said in it meanwhile.
    async fn read(&mut self, channel: String, past: Past) -> Result<()> {
        if let Some(gap) = past.gap {
            let since = Millis(gap.millis());
            self.ready.push_back(Ok(Incoming::Gap { since }));
        }
        let (mine, others): (VecDeque<Held>, VecDeque<Held>) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|held| channel_of(&held.event) == channel);
        self.held = others;
        if let Some(filling) = &mut self.filling {
            filling.busy = None;
            filling.done.insert(channel.clone());
        }
        for message in &past.messages {
            if let Some(event) = self.reader.late(&channel, message) {
                self.take(event, Vec::new()).await?;
            }
        }
        for held in mine {
            self.take(held.event, held.acks).await?;
        }
        Ok(())
    }

    /// Whether an event waits: for its conversation's past, for its sender's name, or for another before it.
    pub(super) fn must_wait(&mut self, event: &Event) -> bool {
        let filling = self.filling.as_mut();
        let past = filling.is_some_and(|it| it.awaits(channel_of(event)));
        let name = self.awaits_name(event.sender.id.as_str());
        let mut before = self.held.iter();
        past || name || before.any(|held| held.event.chat.handle == event.chat.handle)
    }

    fn awaits_name(&mut self, person: &str) -> bool {
        let known = self.reader.people.contains_key(person) || self.nameless.contains(person);
        if known || !person.starts_with(['U', 'W']) {
            return false;
        }
        if self.asked.insert(person.to_owned()) {
            let (client, person) = (self.client.clone(), person.to_owned());
            let room = self.names.clone();
            self.works.push(Box::pin(async move {
                let _room = room.acquire().await;
                let name = name_of(&client, &person).await;
                Work::Named(person, name)
            }));
        }
        true
    }

    fn named(&mut self, person: String, name: Option<String>) {
        self.asked.remove(&person);
        match name {
            Some(name) => {
                lock(&self.memory).name(&person, &name);
                self.reader.people.insert(person, name);
            }
            None => drop(self.nameless.insert(person)),
        }
    }

    /// Whatever waits is looked at again, in order.
    async fn release(&mut self) -> Result<()> {
        self.releasing = true;
        for held in std::mem::take(&mut self.held) {
            self.take(held.event, held.acks).await?;
        }
        self.releasing = false;
        Ok(())
    }
}

fn channel_of(event: &Event) -> &str {
    let handle = event.chat.handle.as_str();
    handle
        .split_once('/')
        .map_or(handle, |(channel, _)| channel)
}

/// What somebody is called. Who cannot be asked for has no name.
pub(crate) async fn name_of(client: &Client, person: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Found {
        user: User,
    }
    #[derive(Deserialize)]
    struct User {
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        real_name: Option<String>,
        #[serde(default)]
        profile: Profile,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Profile {
        display_name: Option<String>,
    }
    let with = [("user", person.to_owned())];
    let found: Result<Found> = client.ask("users.info", &with).await;
    let user = found.ok()?.user;
    let shown = user.profile.display_name.filter(|it| !it.is_empty());
    shown
        .or(user.real_name)
        .or(user.name)
        .filter(|it| !it.is_empty())
}
