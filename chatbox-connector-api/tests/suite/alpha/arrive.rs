//! One update on its way in, and what the platform is told of it.

use super::Alpha;
use crate::platform::{Draft, Platform, Update, What};
use chatbox_connector_api::conformance::Who;
use chatbox_connector_api::event::Event;
use chatbox_connector_api::id::EventId;
use chatbox_connector_api::{
    AdapterError, Arrival, Confirm, Cursor, ErrorKind, Fate, Incoming, Result,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;

impl Alpha {
    pub(super) async fn update(
        &self,
        update: Update,
        place: usize,
        ready: &mut VecDeque<Result<Incoming>>,
    ) {
        if self.is("swallows an event when it is limited")
            && update.sender != Who::US
            && self.memory.swallows.swap(false, Ordering::SeqCst)
        {
            return;
        }
        let garbage = matches!(update.what, What::Garbage);
        if garbage {
            match self.twist {
                "breaks at garbage" => {
                    return ready.push_back(Err(AdapterError::new(
                        ErrorKind::Malformed,
                        "what is this?",
                    )));
                }
                "waits for ever at garbage" => std::future::pending::<()>().await,
                "loses what follows garbage" => self.memory.broken.store(true, Ordering::SeqCst),
                _ => {}
            }
        } else if self.is("loses what follows garbage")
            && self.memory.broken.swap(false, Ordering::SeqCst)
        {
            return;
        }
        *self.memory.last_room.lock().expect("whole") = Some(update.room);
        self.meddle(&update);
        let Some(event) = self.event(&update) else {
            return;
        };
        if self.is("says everything twice") {
            let again = Event {
                id: EventId::new(format!("{}-again", event.id)),
                ..event.clone()
            };
            ready.push_back(Ok(Incoming::Event(Arrival::new(again))));
        }
        let (confirm, fates) = self.confirm(&update);
        let arrival = Arrival {
            cursor: Some(Cursor(match self.twist {
                "goes back with its places" => place.saturating_sub(1).to_string(),
                "writes its token into its place" => format!("{place}?{}", self.token),
                _ => place.to_string(),
            })),
            confirm: Some(confirm),
            ..Arrival::new(event)
        };
        ready.push_back(Ok(Incoming::Event(arrival)));
        if self.is("waits until a message is stored") && update.sender != Who::US {
            *self.memory.fate.lock().await = Some(fates);
        }
    }

    /// Tells the platform that everything up to here is safe.
    fn confirm(&self, update: &Update) -> (Confirm, mpsc::UnboundedReceiver<Fate>) {
        let (this, update) = (self.clone(), update.clone());
        let number = update.number;
        match self.twist {
            "tells the platform at once" => self.platform.ack(1..=number),
            "tells the platform what it lets go of" => {
                let letting_go = LettingGo(self.platform.clone(), number);
                let confirm = Confirm::new(move |_| drop(letting_go));
                return (confirm, mpsc::unbounded_channel().1);
            }
            "tells the platform after a while" => {
                let platform = self.platform.clone();
                tokio::spawn(async move {
                    sleep(Duration::from_millis(60)).await;
                    platform.ack(1..=number);
                });
            }
            _ => {}
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        let confirm = Confirm::new(move |fate| {
            let _ = sender.send(fate.clone());
            let stored = matches!(fate, Fate::Stored(_));
            match this.twist {
                "never tells the platform" => return,
                "tells the platform only what was stored" if !stored => return,
                "tells the platform only what was stored" => return this.platform.ack([number]),
                "answers strangers" if !stored && update.sender != Who::US => {
                    let draft = Draft {
                        text: "I do not know you.".to_owned(),
                        ..Draft::default()
                    };
                    let this = this.clone();
                    tokio::spawn(async move {
                        this.platform.send(&this.token, update.room, draft).await
                    });
                }
                _ => {}
            }
            this.platform.ack(1..=number);
        });
        (confirm, receiver)
    }

    /// Marks and answers unasked, where that is the twist.
    fn meddle(&self, update: &Update) {
        let this = self.clone();
        match &update.what {
            What::Message(_) if self.is("marks what it hears") => {
                self.platform.state().marks.push(update.key.clone());
            }
            What::Press { token, .. } if self.is("answers buttons unasked") => {
                let press = token.clone();
                tokio::spawn(async move { this.platform.answer(&this.token, &press, "").await });
            }
            _ => {}
        }
    }

    /// Does nothing more until the last message was stored.
    pub(super) async fn stall(&self) {
        let Some(mut fates) = self.memory.fate.lock().await.take() else {
            return;
        };
        while let Some(fate) = fates.recv().await {
            if matches!(fate, Fate::Stored(_) | Fate::Duplicate(_)) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }
}

/// Tells the platform that a message is safe as soon as nobody holds it any more.
struct LettingGo(Arc<Platform>, usize);

impl Drop for LettingGo {
    fn drop(&mut self) {
        self.0.ack(1..=self.1);
    }
}
