//! What the agents of a mailbox watch over the older wire. It belongs to the mailbox: whichever stream is open, on
//! whichever server, tells of it, and over restarts as well.

use super::Desk;
use crate::mcp::refusal::Refusal;
use crate::records;
use chatbox_core::connector::Revision;
use chatbox_core::store::RecordKind;
use serde::{Deserialize, Serialize};

/// So many resources are watched at most: each is looked for when something happens.
pub(in crate::mcp) const MOST: usize = 256;
/// How often it is tried where others change it at the same time.
const TRIES: usize = 5;

/// The addresses of resources, in the order in which they were asked for.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Watched {
    uris: Vec<String>,
}

impl Desk {
    /// The addresses of what is watched.
    pub(in crate::mcp) async fn watched(&self) -> Result<Vec<String>, Refusal> {
        Ok(self.kept().await?.0.uris)
    }

    /// Watches one more. For the whole list of chats there is room whatever else is watched.
    pub(in crate::mcp) async fn watch(&self, uri: &str, whole: bool) -> Result<(), Refusal> {
        self.change(|uris| {
            if uris.iter().any(|it| it == uri) {
                return Ok(false);
            }
            if uris.len() >= MOST && !whole {
                return Err(too_many());
            }
            uris.push(uri.to_owned());
            Ok(true)
        })
        .await
    }

    /// Watches one less, if it was watched.
    pub(in crate::mcp) async fn unwatch(&self, uri: &str) -> Result<(), Refusal> {
        self.change(|uris| {
            let before = uris.len();
            uris.retain(|it| it != uri);
            Ok(uris.len() < before)
        })
        .await
    }

    /// Makes a change, decided on what is kept now. It says whether it changes anything.
    async fn change(
        &self,
        change: impl Fn(&mut Vec<String>) -> Result<bool, Refusal> + Send + Sync,
    ) -> Result<(), Refusal> {
        for _ in 0..TRIES {
            let (mut watched, rev) = self.kept().await?;
            if !change(&mut watched.uris)? {
                return Ok(());
            }
            let (id, body) = (self.mailbox.as_str().to_owned(), records::written(&watched));
            let kept = self.keep_record(RecordKind::Watched, id, rev, body).await?;
            if kept.is_some() {
                return Ok(());
            }
        }
        let says = "what is watched was changed while it was looked at";
        Err(Refusal::new("try_later", says, "Make the same call again."))
    }

    async fn kept(&self) -> Result<(Watched, Revision), Refusal> {
        let id = self.mailbox.as_str();
        let record = self.store().record(RecordKind::Watched, id).await?;
        let rev = record.as_ref().map_or(0, |it| it.rev);
        let watched = record.as_ref().and_then(records::body);
        Ok((watched.unwrap_or_default(), rev))
    }
}

fn too_many() -> Refusal {
    let says = format!("this mailbox watches {MOST} chats already");
    let next =
        "Unsubscribe from one, or subscribe to the list of chats, which changes with each of them.";
    Refusal::new("too_many_watched", says, next)
}
