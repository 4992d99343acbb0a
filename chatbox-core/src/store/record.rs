//! What people set up and the engine only keeps: records with a revision, and the notes of who changed what.

use crate::connector::Revision;
use crate::id::{AccountId, Millis};
use serde::{Deserialize, Serialize};

/// What a record is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// How a mailbox is handed its messages. Its id is the mailbox's.
    Mailbox,
    /// A sealed secret that others name.
    Credential,
    /// Where service events go. Its id is the subscription's.
    Subscription,
    /// What an agent asked people, and what came of it.
    Question,
    /// What the agents of a mailbox want to hear of when it changes. Its id is the mailbox's.
    Watched,
}

impl RecordKind {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mailbox => "mailbox",
            Self::Credential => "credential",
            Self::Subscription => "subscription",
            Self::Question => "question",
            Self::Watched => "watched",
        }
    }
}

/// A record as it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// What it is.
    pub kind: RecordKind,
    /// Whose.
    pub account: AccountId,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How often it was written.
    pub rev: Revision,
    /// What it says, as its maker wrote it.
    pub body: String,
    /// The credentials it names.
    pub uses: Vec<String>,
    /// When it was first written.
    pub at: Millis,
}

/// A reply as it was remembered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Remembered {
    /// What was asked, as a hash.
    pub asked: String,
    /// What was answered.
    pub reply: String,
}

/// Who did what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Note {
    /// In which account.
    pub account: AccountId,
    /// Who.
    pub by: String,
    /// What, such as `put_mailbox`.
    pub action: String,
    /// To what: an id.
    pub target: String,
}

/// A note as it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Noted {
    /// Its place.
    pub id: i64,
    /// When.
    pub at: Millis,
    /// Who did what.
    #[serde(flatten)]
    pub note: Note,
}
