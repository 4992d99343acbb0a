//! The way in by an address of ours: what is posted there, as events. It only sequences: proof and translation are in `webhook`.

use crate::client::Client;
use crate::inbound::{Channel, Me, Reader};
use crate::link::quiet::Notes;
use crate::link::{Memory, name_of};
use crate::webhook::{self, Proof, refused};
use async_trait::async_trait;
use chatbox_connector_api::event::{ChatKind, Event};
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{Heard, Ingress, Posted, Refusal, Result, Unread};
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

/// How long is asked for names: what is nameless comes in all the same.
const NAMES: Duration = Duration::from_millis(800);
/// How many that have no name are remembered.
const MAX_NAMELESS: usize = 1000;

/// Reads what Slack posts for one app in one workspace.
#[derive(Debug)]
pub(crate) struct Posts {
    client: Arc<Client>,
    memory: Arc<Mutex<Memory>>,
    proof: Proof,
    /// Who we are is asked once, when the first proven request comes.
    reader: OnceCell<Mutex<Reader>>,
    /// People and conversations that have no name.
    nameless: Mutex<HashSet<String>>,
    notes: Option<Notes>,
    /// How often is noted that something was heard, and when it was noted last.
    every: Duration,
    noted: Mutex<Option<Instant>>,
}

impl Posts {
    pub(crate) fn new(client: Arc<Client>, memory: Arc<Mutex<Memory>>, signing: &Secret) -> Self {
        Self {
            client,
            memory,
            proof: Proof::new(signing),
            reader: OnceCell::new(),
            nameless: Mutex::default(),
            notes: None,
            every: Duration::MAX,
            noted: Mutex::default(),
        }
    }

    /// The same, which notes now and then that something was heard.
    pub(crate) fn noting(self, notes: Option<Notes>, every: Duration) -> Self {
        Self {
            notes,
            every,
            ..self
        }
    }

    /// Notes that something was heard, if that was not noted lately. That it could not be noted only makes more be read later.
    async fn note(&self) {
        let Some(notes) = &self.notes else {
            return;
        };
        let is_new = {
            let mut noted = lock(&self.noted);
            let is_new = noted.is_none_or(|it| it.elapsed() >= self.every);
            if is_new {
                *noted = Some(Instant::now());
            }
            is_new
        };
        if is_new && let Err(error) = notes.heard().await {
            tracing::warn!(%error, "that Slack was heard was not noted");
        }
    }

    async fn me(&self) -> Result<Mutex<Reader>> {
        #[derive(Deserialize)]
        struct Found {
            user_id: String,
            team_id: String,
        }
        let (found, _): (Found, _) = self.client.who().await?;
        let mut reader = Reader::new(Me {
            user: found.user_id,
            team: found.team_id,
        });
        reader.people = lock(&self.memory).people.clone();
        Ok(Mutex::new(reader))
    }

    /// What its sender and its conversation are called.
    async fn name(&self, reader: &Mutex<Reader>, event: &mut Event) {
        let person = event.sender.id.as_str().to_owned();
        let handle = event.chat.handle.as_str();
        let channel = handle
            .split_once('/')
            .map_or(handle, |(channel, _)| channel);
        let channel = channel.to_owned();
        let is_asked = |unnamed: bool, id: &str| unnamed && !lock(&self.nameless).contains(id);
        let of_person = async {
            let is_person = event.sender.name.is_none() && person.starts_with(['U', 'W']);
            match is_asked(is_person, &person) {
                true => Some(name_of(&self.client, &person).await),
                false => None,
            }
        };
        let of_channel = async {
            let is_channel = event.chat.kind != ChatKind::Dm && event.chat.name.is_none();
            match is_asked(is_channel, &channel) {
                true => Some(channel_of(&self.client, &channel).await),
                false => None,
            }
        };
        let names = timeout(NAMES, async { tokio::join!(of_person, of_channel) });
        let Ok((person_is, channel_is)) = names.await else {
            return;
        };
        match person_is {
            Some(Some(name)) => {
                lock(&self.memory).name(&person, &name);
                lock(reader).people.insert(person, name.clone());
                event.sender.name = Some(name);
            }
            Some(None) => self.is_nameless(person),
            None => {}
        }
        match channel_is {
            Some(Some(found)) => {
                event.chat.name.clone_from(&found.name);
                lock(reader).know(&found);
            }
            Some(None) => self.is_nameless(channel),
            None => {}
        }
    }

    fn is_nameless(&self, id: String) {
        let mut nameless = lock(&self.nameless);
        if nameless.len() >= MAX_NAMELESS {
            nameless.clear();
        }
        nameless.insert(id);
    }
}

#[async_trait]
impl Ingress for Posts {
    async fn read(&self, posted: &Posted) -> std::result::Result<Heard, Refusal> {
        let body = self.proof.check(posted)?;
        if let Some(word) = webhook::challenge(body)? {
            return Ok(Heard::Challenge(word));
        }
        let reader = self.reader.get_or_try_init(|| self.me()).await;
        let reader = reader.map_err(|error| {
            tracing::warn!(%error, "what Slack posts cannot be read before it says who we are");
            refused(Unread::Unavailable)
        })?;
        let mut heard = webhook::read(&mut lock(reader), body)?;
        self.note().await;
        if let Heard::Events { events, .. } = &mut heard {
            for event in events {
                self.name(reader, event).await;
            }
        }
        Ok(heard)
    }
}

/// A conversation's name and kind, if they can be asked for.
async fn channel_of(client: &Client, channel: &str) -> Option<Channel> {
    #[derive(Deserialize)]
    struct Found {
        channel: Channel,
    }
    let with = [("channel", channel.to_owned())];
    let found: Result<Found> = client.ask("conversations.info", &with).await;
    found.ok().map(|found| found.channel)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
