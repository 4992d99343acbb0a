//! The suite's view of the platform.

use crate::platform::{Platform, What};
use async_trait::async_trait;
use chatbox_connector_api::conformance::{
    Did, Fault, Pressed, Room, Said, Sent, Shown, Vendor, Who, Wire,
};
use chatbox_connector_api::id::{ExternalId, Handle};
use chatbox_connector_api::secret::Secret;
use chatbox_connector_api::{AdapterFactory, Secrets, Settings};
use std::sync::Arc;

/// A fresh platform and the adapter under test.
pub(crate) struct Small {
    pub(crate) platform: Arc<Platform>,
    pub(crate) factory: Arc<dyn AdapterFactory>,
    /// Whether this adapter's half of the platform has changes and reactions of people.
    pub(crate) rich: bool,
    /// The token it needs, if any.
    pub(crate) token: Option<&'static str>,
}

pub(crate) fn token(value: &str) -> Secrets {
    Secrets([("token".to_owned(), Secret::new(value))].into())
}

pub(crate) fn person(who: Who) -> ExternalId {
    ExternalId::new(format!("u{}", who.0))
}

pub(crate) fn handle(room: Room) -> Handle {
    match room {
        Room::Dm(who) => Handle::new(format!("dm/{}", who.0)),
        Room::Group(group) => Handle::new(format!("group/{group}")),
    }
}

pub(crate) fn room(handle: &Handle) -> Option<Room> {
    let (kind, number) = handle.as_str().split_once('/')?;
    let number = number.parse().ok()?;
    Some(match kind {
        "dm" => Room::Dm(Who(number)),
        _ => Room::Group(number),
    })
}

impl Small {
    /// What somebody does about an earlier message.
    fn about(&self, message: &str, what: What, who: Option<Who>) -> Did {
        let place = {
            let state = self.platform.state();
            let update = state.updates.iter().find(|update| update.key == message);
            update.map(|update| (update.room, update.sender))
        };
        match place {
            Some((room, sender)) if self.rich => {
                self.platform
                    .happens(room, who.unwrap_or(sender), None, what);
                Did::Done
            }
            _ => Did::NotOffered,
        }
    }
}

#[async_trait]
impl Vendor for Small {
    fn factory(&self) -> Arc<dyn AdapterFactory> {
        self.factory.clone()
    }

    fn settings(&self) -> Settings {
        Settings::none()
    }

    fn secrets(&self) -> Secrets {
        self.token.map(token).unwrap_or_default()
    }

    fn wrong_secrets(&self) -> Option<Secrets> {
        self.token.map(|_| token("wrong-token-1c9e"))
    }

    fn person(&self, who: Who) -> ExternalId {
        person(who)
    }

    fn handle(&self, room: Room) -> Handle {
        handle(room)
    }

    async fn say(&self, said: Said) -> Option<String> {
        let offered = self.rich || said.album.is_none();
        offered.then(|| self.platform.said(said))
    }

    async fn sent(&self) -> Vec<Sent> {
        self.platform.state().sent.clone()
    }

    async fn confirmed(&self) -> Option<Vec<String>> {
        let state = self.platform.state();
        let safe = state
            .updates
            .iter()
            .filter(|update| state.acked.contains(&update.number));
        Some(safe.map(|update| update.key.clone()).collect())
    }

    async fn redeliver(&self, message: &str) -> Did {
        self.platform.again(message);
        Did::Done
    }

    async fn say_garbage(&self, room: Room) -> Did {
        self.platform.happens(room, Who(1), None, What::Garbage);
        Did::Done
    }

    async fn change(&self, message: &str, text: &str) -> Did {
        let (target, text) = (message.to_owned(), text.to_owned());
        self.about(message, What::Edit { target, text }, None)
    }

    async fn take_back(&self, message: &str) -> Did {
        let target = message.to_owned();
        self.about(message, What::Delete { target }, None)
    }

    async fn react(&self, who: Who, message: &str, emoji: &str) -> Did {
        let (target, emoji) = (message.to_owned(), emoji.to_owned());
        self.about(message, What::Reaction { target, emoji }, Some(who))
    }

    async fn reactions(&self, message: &str) -> Vec<String> {
        self.platform
            .state()
            .reactions
            .get(message)
            .cloned()
            .unwrap_or_default()
    }

    async fn press(&self, room: Room, who: Who, button: &str) -> Did {
        if self.rich {
            self.platform.press(room, who, button);
            Did::Done
        } else {
            Did::NotOffered
        }
    }

    async fn presses(&self) -> Vec<Pressed> {
        self.platform.state().presses.clone()
    }

    async fn marks(&self) -> Option<Vec<String>> {
        Some(self.platform.state().marks.clone())
    }

    async fn shown(&self) -> Shown {
        let mut all = Shown::default();
        for shown in self.platform.state().shown.values() {
            all.typing += shown.typing;
            all.drafts.extend(shown.drafts.clone());
        }
        all
    }

    async fn shown_in(&self, room: Room) -> Option<Shown> {
        let shown = self.platform.state().shown.get(&room).cloned();
        Some(shown.unwrap_or_default())
    }

    async fn fail_next(&self, fault: Fault) -> Did {
        self.platform.state().faults.push_back(fault);
        Did::Done
    }

    async fn fail_shows(&self) -> Did {
        self.platform.state().shows_fail = true;
        Did::Done
    }

    async fn wire(&self, wire: Wire) -> Did {
        self.platform.set_wire(wire);
        Did::Done
    }

    async fn revoke(&self, revoked: bool) -> Did {
        self.platform.revoke(revoked);
        Did::Done
    }

    async fn connections(&self) -> Option<usize> {
        Some(self.platform.state().lines)
    }
}
