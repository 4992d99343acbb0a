//! The update loop: one long poll after another, as a stream.
//!
//! The offset of a poll *is* the acknowledgement of everything before it, so the next poll waits until every event of
//! the last one is committed. It owns the cursor's format. It translates nothing and reconnects never: whatever it
//! cannot wait out ends the stream.

use crate::client::Client;
use crate::config::Config;
use crate::error::{Effect, Failure, Refusal};
use crate::inbound::wire::{ALLOWED_UPDATES, User};
use crate::inbound::{Translated, translate};
use chatbox_connector_api::id::Millis;
use chatbox_connector_api::{
    AdapterError, Arrival, Confirm, Cursor, ErrorKind, Fate, Inbound, Incoming, LinkState, Result,
};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

/// After a quiet week the platform numbers updates anew, perhaps lower: an offset this old, in seconds, is not sent.
/// Nothing is lost by that, for the platform keeps updates for a day.
const OFFSET_AGE: i64 = 6 * 24 * 3600;
/// The longest pause between two polls while another poller is active.
const CONFLICT_MAX: Duration = Duration::from_secs(60);
/// The pause after a 429 that names none.
const LIMIT_WAIT: Duration = Duration::from_secs(5);

/// A place in a bot's updates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Place {
    /// Whose updates. Another bot's numbers mean nothing.
    bot: i64,
    /// The next update's number.
    offset: i64,
    /// When the one before it came, in seconds since 1970.
    #[serde(default)]
    at: i64,
}

impl Place {
    fn read(cursor: &Cursor, bot: i64) -> Option<Self> {
        let place: Self = serde_json::from_str(&cursor.0).ok()?;
        (place.bot == bot).then_some(place)
    }

    fn cursor(self) -> Cursor {
        Cursor(serde_json::to_string(&self).expect("three numbers are JSON"))
    }

    fn is_fresh(self, now: i64) -> bool {
        self.at == 0 || now - self.at < OFFSET_AGE
    }
}

/// The pause after an update without a number.
const UNNUMBERED_WAIT: Duration = Duration::from_secs(1);

/// What the loop needs.
#[derive(Debug)]
pub(crate) struct Poll {
    client: Arc<Client>,
    config: Arc<Config>,
    me: User,
    place: Option<Place>,
    /// What was read and not yet handed on.
    ready: VecDeque<Result<Incoming>>,
    /// The fates of the last batch, yet to come.
    fates: Vec<oneshot::Receiver<Fate>>,
    /// Why and until when nothing is asked.
    pause: Option<Pause>,
    /// The pause after the next conflict.
    conflict: Duration,
    /// Whether any update of the batch at hand has a number.
    numbered: bool,
    /// Whether any poll was answered.
    heard: bool,
    degraded: bool,
    closed: bool,
    /// At most one loop per adapter.
    _alone: OwnedSemaphorePermit,
}

/// A time in which nothing is asked.
#[derive(Debug)]
struct Pause {
    until: Instant,
    /// Said again and again, so that waiting is not taken for a dead connection.
    reason: Option<String>,
}

/// Listens from just after `resume`.
pub(crate) fn listen(
    client: Arc<Client>,
    config: Arc<Config>,
    me: User,
    resume: Option<Cursor>,
    alone: OwnedSemaphorePermit,
) -> Inbound {
    let poll = Poll {
        place: resume.and_then(|cursor| Place::read(&cursor, me.id)),
        conflict: config.conflict_wait,
        client,
        config,
        me,
        ready: VecDeque::new(),
        fates: Vec::new(),
        pause: None,
        numbered: false,
        heard: false,
        degraded: false,
        closed: false,
        _alone: alone,
    };
    stream::unfold(poll, |mut poll| async move {
        let next = poll.next().await?;
        Some((next, poll))
    })
    .boxed()
}

impl Poll {
    async fn next(&mut self) -> Option<Result<Incoming>> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Some(next);
            }
            if self.closed {
                return None;
            }
            if let Err(error) = self.round().await {
                self.closed = true;
                self.ready.push_back(Err(error));
            }
        }
    }

    /// Waits for the last batch to be safe, then asks for the next.
    async fn round(&mut self) -> Result<()> {
        if let Some(pause) = self.pause.take() {
            return self.wait(pause).await;
        }
        self.all_confirmed().await?;
        let asked = Instant::now();
        match self.ask().await {
            Ok(updates) => self.answered(&updates),
            Err(Failure::Refused(refusal)) => self.refused(refusal),
            Err(failure) => {
                let error = failure.into_error(Effect::Repeatable);
                // Every poll is answered, with nothing if there is nothing.
                if self.heard && asked.elapsed() >= self.config.poll + self.config.poll_grace {
                    let reason = error.to_string();
                    let link = LinkState::Degraded { reason };
                    self.ready.push_back(Ok(Incoming::Link(link)));
                }
                Err(error)
            }
        }
    }

    /// Waits for a while, and says so if that is not the end of it.
    async fn wait(&mut self, pause: Pause) -> Result<()> {
        let step = Instant::now() + self.config.poll;
        tokio::time::sleep_until(pause.until.min(step)).await;
        if pause.until > Instant::now() {
            if let Some(reason) = pause.reason.clone() {
                let link = LinkState::Degraded { reason };
                self.ready.push_back(Ok(Incoming::Link(link)));
            }
            self.pause = Some(pause);
        }
        Ok(())
    }

    async fn all_confirmed(&mut self) -> Result<()> {
        for fate in std::mem::take(&mut self.fates) {
            // `Later` is not offered by our arrivals; should it come, the update is not safe either.
            if !matches!(fate.await, Ok(fate) if !matches!(fate, Fate::Later(_))) {
                let sentence =
                    "an update was not stored; it stays with Telegram and is asked for again";
                return Err(AdapterError::new(ErrorKind::Unavailable, sentence));
            }
        }
        Ok(())
    }

    async fn ask(&mut self) -> std::result::Result<Vec<Box<RawValue>>, Failure> {
        let now = seconds();
        let offset = self
            .place
            .filter(|place| place.is_fresh(now))
            .map(|place| place.offset);
        // The first answer comes at once, for until then nobody knows that the connection works.
        let wait = if self.heard {
            self.config.poll
        } else {
            Duration::ZERO
        };
        let mut body = json!({
            "timeout": wait.as_secs(),
            "allowed_updates": ALLOWED_UPDATES,
        });
        if let Some(offset) = offset {
            body["offset"] = json!(offset);
        }
        let timeout = wait + self.config.poll_grace;
        self.client.call("getUpdates", &body, timeout).await
    }

    fn answered(&mut self, updates: &[Box<RawValue>]) -> Result<()> {
        self.heard = true;
        self.conflict = self.config.conflict_wait;
        if std::mem::take(&mut self.degraded) {
            self.ready
                .push_back(Ok(Incoming::Link(LinkState::Connected)));
        }
        self.ready.push_back(Ok(Incoming::Alive));
        let now = Millis(seconds() * 1000);
        let texts = updates.iter().map(|update| update.get());
        let read = texts.map(|update| translate(update, &self.me, now));
        let mut batch: Vec<Translated> = read.collect();
        // In order, so that a cursor never runs ahead of an event behind it; what has no number comes last.
        batch.sort_by_key(|translated| (translated.update_id.is_none(), translated.update_id));
        self.numbered = batch
            .iter()
            .any(|translated| translated.update_id.is_some());
        for translated in batch {
            self.arrive(translated);
        }
        Ok(())
    }

    /// Hands the events of one update on. Only the last one moves the cursor past it.
    fn arrive(&mut self, translated: Translated) {
        let before = self.place;
        self.place = self.after(translated.update_id);
        let last = translated.events.len().saturating_sub(1);
        for (nth, event) in translated.events.into_iter().enumerate() {
            let (tell, fate) = oneshot::channel();
            self.fates.push(fate);
            let place = if nth == last { self.place } else { before };
            let arrival = Arrival {
                cursor: place.map(Place::cursor),
                // The loop may be gone by then; the cursor says the same.
                confirm: Some(Confirm::new(move |fate| drop(tell.send(fate)))),
                ..Arrival::new(event)
            };
            self.ready.push_back(Ok(Incoming::Event(arrival)));
        }
    }

    /// The place behind an update. It never moves back, except when the platform has numbered anew.
    fn after(&mut self, update: Option<i64>) -> Option<Place> {
        let at = seconds();
        let fresh = self.place.filter(|place| place.is_fresh(at));
        let offset = match (update, fresh) {
            (Some(id), Some(place)) => place.offset.max(id.saturating_add(1)),
            (Some(id), None) => id.saturating_add(1),
            // Those beside it move the place past it, or it comes again.
            (None, place) if self.numbered => return place,
            // Alone it should be the one we asked for. If it is not, it comes again: slowly, and as a repetition.
            (None, place) => {
                self.pause = Some(Pause {
                    until: Instant::now() + UNNUMBERED_WAIT,
                    reason: None,
                });
                place?.offset.saturating_add(1)
            }
        };
        let bot = self.me.id;
        Some(Place { bot, offset, at })
    }

    /// What can be waited out is waited out, slowly; the rest ends the stream.
    fn refused(&mut self, refusal: Refusal) -> Result<()> {
        let (reason, pause) = match refusal.code {
            409 => {
                let pause = self.conflict;
                self.conflict = (pause * 2).min(CONFLICT_MAX.max(self.config.conflict_wait));
                (conflict(&refusal), pause)
            }
            429 => {
                let pause = refusal.retry_after.unwrap_or(LIMIT_WAIT);
                (
                    format!("rate_limited: Telegram wants silence for {pause:?}"),
                    pause,
                )
            }
            _ => return Err(Failure::Refused(refusal).into_error(Effect::Repeatable)),
        };
        self.degraded = true;
        self.pause = Some(Pause {
            until: Instant::now() + pause,
            reason: Some(reason.clone()),
        });
        let link = LinkState::Degraded { reason };
        self.ready.push_back(Ok(Incoming::Link(link)));
        Ok(())
    }
}

/// Telegram answers 409 for two different things, and only its words tell which.
fn conflict(refusal: &Refusal) -> String {
    if refusal.description.to_ascii_lowercase().contains("webhook") {
        return "webhook_set: this bot has a webhook, so Telegram gives its updates to nobody who asks; \
                remove it with deleteWebhook or make a new bot"
            .to_owned();
    }
    "another_instance: another program polls with this bot's token; stop one of them".to_owned()
}

fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
