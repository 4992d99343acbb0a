//! The platform's side of a test: what an adapter's author writes.

use crate::id::{ExternalId, Handle};
use crate::{AdapterFactory, Secrets, Settings};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Somebody on the platform, by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Who(pub u32);

impl Who {
    /// The account the adapter speaks for.
    pub const US: Self = Self(0);
}

/// A conversation on the platform.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Room {
    /// Of this person and the account.
    Dm(Who),
    /// Of several people and the account, by number.
    Group(u32),
}

/// A file, as a person sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub mime: String,
    /// What is in it.
    pub bytes: Bytes,
}

/// Something a person says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Said {
    /// Where.
    pub room: Room,
    /// Who. [`Who::US`] where the platform shows an account its own messages.
    pub sender: Who,
    /// What, in plain text.
    pub text: String,
    /// Whether the account is mentioned, where that matters.
    pub addressed: bool,
    /// The message it answers, by the name [`Vendor::say`] gave it, or [`Sent::id`] for one of the account's own.
    pub reply_to: Option<String>,
    /// What belongs together, where the platform has albums.
    pub album: Option<String>,
    /// Files.
    pub files: Vec<File>,
    /// Whether the files can be listed and not fetched.
    pub files_gone: bool,
}

impl Said {
    /// A plain text, addressed to the account.
    pub fn new(room: Room, sender: Who, text: impl Into<String>) -> Self {
        Self {
            room,
            sender,
            text: text.into(),
            addressed: true,
            reply_to: None,
            album: None,
            files: Vec::new(),
            files_gone: false,
        }
    }
}

/// Something the platform took from the adapter, as people see it now.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Sent {
    /// The platform's name for it.
    pub id: String,
    /// Where.
    pub room: Room,
    /// What people read: markup applied and gone, as of the last edit.
    pub text: String,
    /// Files, in order.
    pub files: Vec<File>,
    /// The buttons below it, as they read.
    pub buttons: Vec<String>,
    /// The message it answers, by the platform's name.
    pub reply_to: Option<String>,
    /// Whether it was taken back.
    pub deleted: bool,
    /// How often it was changed.
    pub edits: u32,
    /// Whether the platform would show a preview of links, if it can tell.
    pub preview: Option<bool>,
}

impl Sent {
    /// A plain text.
    pub fn new(id: impl Into<String>, room: Room, text: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            room,
            text: text.into(),
            files: Vec::new(),
            buttons: Vec::new(),
            reply_to: None,
            deleted: false,
            edits: 0,
            preview: None,
        }
    }
}

/// What was shown and is not kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shown {
    /// How often "is writing" was shown.
    pub typing: usize,
    /// Drafts of replies, each as people saw it.
    pub drafts: Vec<String>,
}

/// A button that somebody pressed, and what they saw of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pressed {
    /// The button's value.
    pub button: String,
    /// Every answer the platform got for this press: the text shown, empty for none. A button waits until the first.
    pub answers: Vec<String>,
}

/// What goes wrong with the next request that sends, edits, deletes or reacts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Too fast: wait so long. Nothing is done.
    RateLimited(Duration),
    /// It is done, and the answer is lost.
    CutAfterAccept,
    /// Nothing is done, and the adapter can know: the connection is refused, or the platform says so.
    Unreachable,
    /// The platform fails without saying whether it is done. Here it is not.
    ServerError,
    /// The platform says no, for good. Nothing is done.
    Refused,
}

/// How the adapter and the platform hear each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Wire {
    /// As usual.
    Up,
    /// Not at all: everything open is closed, everything new is refused, in both directions.
    Down,
    /// Open and dead: nothing is answered, nothing comes, nothing is closed.
    Silent,
    /// Everything open is closed now; then as usual.
    Cut,
}

/// What a vendor did about a wish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Did {
    /// It is so.
    Done,
    /// This platform has no such thing: the rule is not claimed.
    NotOffered,
    /// This test has no such thing: the rule is not proven.
    NotSimulated,
}

/// The platform's side of a fresh world: what people do there, what they see, and what goes wrong.
///
/// On a native platform, where the append is the delivery, this is the people's side: their windows. What they say is
/// said again until it is acknowledged, [`Vendor::confirmed`] is what was acknowledged, [`Vendor::sent`] is what the
/// windows show, and [`Vendor::wire`] is what lies between the windows and the adapter.
///
/// Messages are named by the platform's own names, as text. Methods with a default are for what not every platform has
/// and not every test can show; the rules they serve are then reported and not passed.
#[async_trait]
pub trait Vendor: Send + Sync {
    /// Builds the adapter under test.
    fn factory(&self) -> Arc<dyn AdapterFactory>;
    /// The adapter's settings, short times chosen: a heartbeat of more than 2 s is not waited for.
    fn settings(&self) -> Settings;
    /// Secrets the platform takes.
    fn secrets(&self) -> Secrets;
    /// Secrets the platform refuses; `None` where there are no secrets at all.
    fn wrong_secrets(&self) -> Option<Secrets>;
    /// How the adapter names this person.
    fn person(&self, who: Who) -> ExternalId;
    /// How the adapter names this conversation.
    fn handle(&self, room: Room) -> Handle;

    /// Somebody says something. Its name, or `None` where this platform has no such thing.
    async fn say(&self, said: Said) -> Option<String>;
    /// Everything the platform took from the adapter, oldest first.
    async fn sent(&self) -> Vec<Sent>;

    /// Whether the platform sends again what it was never told to be safe.
    fn resends(&self) -> bool {
        true
    }
    /// The messages the platform believes to be safe with us; `None` where it never learns.
    async fn confirmed(&self) -> Option<Vec<String>> {
        None
    }
    /// Shows a message to the adapter once more, as platforms do now and then.
    async fn redeliver(&self, _message: &str) -> Did {
        Did::NotSimulated
    }
    /// Shows the adapter something it cannot read: a kind nobody knows, a missing field.
    async fn say_garbage(&self, _room: Room) -> Did {
        Did::NotSimulated
    }
    /// Somebody changes what they said.
    async fn change(&self, _message: &str, _text: &str) -> Did {
        Did::NotSimulated
    }
    /// Somebody takes back what they said.
    async fn take_back(&self, _message: &str) -> Did {
        Did::NotSimulated
    }
    /// Somebody reacts to a message.
    async fn react(&self, _who: Who, _message: &str, _emoji: &str) -> Did {
        Did::NotSimulated
    }
    /// The account's own reactions to a message.
    async fn reactions(&self, _message: &str) -> Vec<String> {
        Vec::new()
    }
    /// Somebody presses a button, by its value, under the newest thing the account said in this conversation, or under
    /// something it once said there.
    async fn press(&self, _room: Room, _who: Who, _button: &str) -> Did {
        Did::NotSimulated
    }
    /// Every button that was pressed, oldest first.
    async fn presses(&self) -> Vec<Pressed> {
        Vec::new()
    }
    /// The messages the account marked as read, by their names, one for each mark, oldest first; `None` where this test
    /// cannot see marks.
    async fn marks(&self) -> Option<Vec<String>> {
        None
    }
    /// What was shown and is not kept.
    async fn shown(&self) -> Shown {
        Shown::default()
    }
    /// What was shown in one conversation; `None` where this test cannot tell conversations apart.
    async fn shown_in(&self, _room: Room) -> Option<Shown> {
        None
    }
    /// What goes wrong next. Faults queue up.
    async fn fail_next(&self, _fault: Fault) -> Did {
        Did::NotSimulated
    }
    /// From now on every draft and every "is writing" fails.
    async fn fail_shows(&self) -> Did {
        Did::NotSimulated
    }
    /// How adapter and platform hear each other from now on.
    async fn wire(&self, _wire: Wire) -> Did {
        Did::NotSimulated
    }
    /// From now on the platform refuses the credential, or takes it again.
    async fn revoke(&self, _revoked: bool) -> Did {
        Did::NotSimulated
    }
    /// How many listening connections the platform holds for the account at this moment.
    async fn connections(&self) -> Option<usize> {
        None
    }
}
