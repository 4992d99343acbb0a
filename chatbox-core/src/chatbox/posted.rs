//! What platforms post to an address of ours: read by the adapter, taken in as everything else is.

use super::Chatbox;
use crate::connector::{Arrival, Confirm, Fate, Heard, Posted, Refusal, Unread};
use crate::event::Event;
use crate::house::Error;
use crate::id::ConnectionId;
use crate::link::{Link, locked};
use crate::store::StoreError;
use crate::{meters, supervise};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::timeout;

/// How long an adapter may take to read a request: platforms wait three seconds, the commit among them.
const READ: Duration = Duration::from_secs(2);

/// What a platform is answered. Whatever it told of is on disk by then.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// It is safe, was before, or is nothing for us: it is not to come again.
    Taken,
    /// The address is ours: this is the proof.
    Challenge(String),
    /// Whoever did it may not talk here, and would be shown that it was taken: they are shown nothing.
    Silence,
    /// It is not taken, and nothing of it is stored.
    Refused(Refusal),
}

impl Answer {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Challenge(_) => "challenge",
            Self::Silence => "silence",
            Self::Refused(refusal) => refusal.reason.as_str(),
        }
    }
}

impl Chatbox {
    /// Whether a connection runs here whose platform may post to an address of ours.
    pub fn takes_posts(&self, id: &ConnectionId) -> bool {
        self.house.link(id).is_some_and(|link| link.takes_posts())
    }

    /// Takes in what a platform posted for a connection, and says what to answer. Which node reads the connection does not
    /// matter: what is posted twice, or comes by another way as well, is stored once.
    ///
    /// # Errors
    /// `NotRunning` where no such connection takes posts here, or the store: then nothing is known to be stored, and the
    /// platform is to send it again.
    pub async fn posted(&self, id: &ConnectionId, posted: &Posted) -> Result<Answer, Error> {
        let link = self.house.running(id)?;
        let answer = self.answer_to(&link, posted).await;
        let outcome = answer.as_ref().map_or("failed", Answer::as_str);
        meters::posted(&link.platform, outcome);
        answer
    }

    async fn answer_to(&self, link: &Arc<Link>, posted: &Posted) -> Result<Answer, Error> {
        let Some(ingress) = &link.parts.ingress else {
            return Err(Error::NotRunning(link.id.clone()));
        };
        let reading = AssertUnwindSafe(ingress.read(posted)).catch_unwind();
        let unavailable = |why: &str| Err(Refusal::new(Unread::Unavailable, why));
        let heard = match timeout(READ, reading).await {
            Ok(Ok(heard)) => heard,
            Ok(Err(_)) => unavailable("the adapter crashed on it"),
            Err(_) => unavailable("it could not be read in time"),
        };
        let (events, shown) = match heard {
            Ok(Heard::Events { events, shown }) => (events, shown),
            Ok(Heard::Challenge(word)) => return Ok(Answer::Challenge(word)),
            Err(refusal) => {
                tracing::debug!(connection = %link.id, reason = refusal.reason.as_str(), "a post was refused");
                return Ok(Answer::Refused(refusal));
            }
        };
        // Where another node reads the connection, its state is that node's to say.
        if link.is_up() {
            link.alive(!events.is_empty());
        }
        let fates = self.take(link, events, false).await?;
        let refused = |fate: &Fate| matches!(fate, Fate::Refused(_));
        match shown && fates.iter().any(refused) {
            true => Ok(Answer::Silence),
            false => Ok(Answer::Taken),
        }
    }

    /// Takes events in as those of an open connection are, and says what became of each.
    pub(super) async fn take(
        &self,
        link: &Arc<Link>,
        events: Vec<Event>,
        may_wait: bool,
    ) -> Result<Vec<Fate>, Error> {
        let fates = Arc::new(Mutex::new(vec![None; events.len()]));
        let arrival = |(nth, event)| {
            let told = fates.clone();
            Arrival {
                confirm: Some(Confirm::new(move |fate| locked(&told)[nth] = Some(fate))),
                may_wait,
                ..Arrival::new(event)
            }
        };
        let arrivals = events.into_iter().enumerate().map(arrival).collect();
        supervise::take_in(&self.house, link, None, arrivals).await?;
        let fates = locked(&fates).iter().cloned().collect();
        // Whoever was told nothing is not safe.
        let fates: Option<Vec<Fate>> = fates;
        Ok(fates.ok_or(StoreError::Closed)?)
    }
}
