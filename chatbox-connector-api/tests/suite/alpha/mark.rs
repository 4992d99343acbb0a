//! What is done to messages that are there, and what is shown and forgotten.

use super::{Alpha, Undone, failed};
use crate::platform::{Draft, Failure};
use chatbox_connector_api::OutMessage;
use chatbox_connector_api::conformance::{Room, Who};
use chatbox_connector_api::id::EventId;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;

impl Alpha {
    fn newest(&self) -> String {
        let state = self.platform.state();
        state
            .sent
            .last()
            .map_or_else(String::new, |sent| sent.id.clone())
    }

    pub(super) async fn edit(
        &self,
        room: Room,
        target: &EventId,
        message: &OutMessage,
    ) -> std::result::Result<Option<String>, Undone> {
        let draft = self.draft(message).await?;
        if self.is("edits by sending anew") {
            return self
                .platform
                .send(&self.token, room, draft)
                .await
                .map(Some)
                .map_err(failed);
        }
        if self.is("does not edit") {
            return Ok(Some(target.as_str().to_owned()));
        }
        let target = if self.is("edits the newest") {
            self.newest()
        } else {
            target.as_str().to_owned()
        };
        let preview = self.is("leaves previews on in edits") || self.is("leaves previews on");
        let edited = self
            .platform
            .edit(&self.token, &target, draft.text, preview)
            .await;
        match (self.twist, &edited) {
            ("takes a refused change for done", Err(Failure::Refused))
            | ("takes a limited change for done", Err(Failure::RateLimited(_))) => {
                return Ok(Some(target));
            }
            ("gives up a change", Err(Failure::RateLimited(_) | Failure::Unreachable)) => {
                return Err(failed(Failure::Refused));
            }
            _ => {}
        }
        edited.map(|()| Some(target)).map_err(failed)
    }

    pub(super) async fn delete(
        &self,
        target: &EventId,
    ) -> std::result::Result<Option<String>, Undone> {
        if self.is("does not delete") || self.is("answers Ok to a deletion it does not claim") {
            return Ok(None);
        }
        let target = if self.is("deletes the newest") {
            self.newest()
        } else {
            target.as_str().to_owned()
        };
        let deleted = self.platform.delete(&self.token, &target).await;
        deleted.map(|()| None).map_err(failed)
    }

    pub(super) async fn react(
        &self,
        target: &EventId,
        emoji: &[String],
    ) -> std::result::Result<Option<String>, Undone> {
        if self.is("does not react") || (self.is("never stops reacting") && emoji.is_empty()) {
            return Ok(None);
        }
        let target = if self.is("reacts to the first") {
            "m1"
        } else {
            target.as_str()
        };
        let reacted = self
            .platform
            .react(&self.token, target, emoji.to_vec())
            .await;
        reacted.map(|()| None).map_err(failed)
    }

    pub(super) async fn answer(
        &self,
        press: &str,
        text: &str,
    ) -> std::result::Result<Option<String>, Undone> {
        let newest = || format!("p{}", self.platform.state().presses.len() - 1);
        let (press, text) = match self.twist {
            "answers no button" => return Ok(None),
            "answers the newest button" => (newest(), text),
            "answers buttons without words" => (press.to_owned(), ""),
            "answers buttons late" => {
                let (this, press, text) = (self.clone(), press.to_owned(), text.to_owned());
                tokio::spawn(async move {
                    sleep(Duration::from_secs(5)).await;
                    this.platform.answer(&this.token, &press, &text).await
                });
                return Ok(None);
            }
            "answers every button twice" => {
                let _ = self.platform.answer(&self.token, press, text).await;
                (press.to_owned(), text)
            }
            _ => (press.to_owned(), text),
        };
        let answered = self.platform.answer(&self.token, &press, text).await;
        answered.map(|()| None).map_err(failed)
    }

    pub(super) async fn mark(
        &self,
        target: &EventId,
    ) -> std::result::Result<Option<String>, Undone> {
        let newest = || {
            let state = self.platform.state();
            let newest = state.updates.last();
            newest.map_or_else(String::new, |update| update.key.clone())
        };
        let target = match self.twist {
            "marks nothing" => return Ok(None),
            "marks the newest" => newest(),
            _ => target.as_str().to_owned(),
        };
        let marked = self.platform.mark(&self.token, &target).await;
        marked.map(|()| None).map_err(failed)
    }

    pub(super) async fn show(
        &self,
        room: Room,
        draft: Option<String>,
    ) -> std::result::Result<Option<String>, Undone> {
        let room = match self.twist {
            "shows that it writes to somebody else" => Room::Dm(Who(2)),
            _ => room,
        };
        let says = match (self.twist, &draft) {
            ("says its drafts", Some(text)) => Some(text.clone()),
            ("says that it is writing", None) => Some("…".to_owned()),
            ("shows nothing", _) => return Ok(None),
            ("shows something else", Some(_)) => {
                let odd = Some("thinking about it".to_owned());
                return self
                    .platform
                    .show(&self.token, room, odd)
                    .await
                    .map(|()| None)
                    .map_err(failed);
            }
            _ => None,
        };
        if let Some(text) = says {
            let draft = Draft {
                text,
                ..Draft::default()
            };
            return self
                .platform
                .send(&self.token, room, draft)
                .await
                .map(Some)
                .map_err(failed);
        }
        let shown = self.platform.show(&self.token, room, draft.clone()).await;
        if shown.is_err() {
            self.memory.broken.store(true, Ordering::SeqCst);
            if self.is("says what it cannot show") {
                let draft = Draft {
                    text: draft.unwrap_or_default(),
                    ..Draft::default()
                };
                let _ = self.platform.send(&self.token, room, draft).await;
            }
        }
        shown.map(|()| None).map_err(failed)
    }
}
