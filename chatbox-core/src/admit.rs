//! Who may talk: one precedence table, deny first. Pure.
//!
//! Only the platform's stable identifiers count. Names, quotes, forwards and message text carry no authority, with one
//! exception that is itself a secret: a pairing code.

use crate::event::{ChatKind, Event, EventBody};
use crate::id::{ExternalId, Millis};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use subtle::ConstantTimeEq;

/// How long a pairing request waits, in milliseconds.
pub const REQUEST_MS: i64 = 60 * 60 * 1000;
/// How many pairing requests one connection holds.
pub const REQUESTS: usize = 3;
/// How long an owner link works, in milliseconds.
pub const LINK_MS: i64 = 10 * 60 * 1000;
/// How many wrong codes end an owner link.
pub const WRONG_CODES: u32 = 5;
/// How long a pairing code is, in characters of five bits.
pub const CODE_LENGTH: usize = 8;

/// Who may talk on one connection. Empty means nobody.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Policy {
    /// Whether the platform itself proves who writes, as a login does: everybody on it may talk.
    #[serde(default)]
    pub trusted: bool,
    /// Whether everybody in the world may talk. Only ever set by an operator who said that they understand.
    #[serde(default)]
    pub everyone: bool,
    /// Who runs this. May talk and may operate.
    #[serde(default)]
    pub owner: Option<ExternalId>,
    /// Who may talk.
    #[serde(default)]
    pub allow: BTreeSet<ExternalId>,
    /// Who may not, whatever else says they may.
    #[serde(default)]
    pub deny: BTreeSet<ExternalId>,
    /// Whether programs may talk.
    #[serde(default)]
    pub bots: bool,
    /// The owner's link, while it works.
    #[serde(default)]
    pub link: Option<OwnerLink>,
    /// Strangers who wrote.
    #[serde(default)]
    pub requests: Vec<Request>,
}

/// A link that pairs whoever opens it first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OwnerLink {
    /// SHA-256 of the code, hexadecimal.
    pub hash: String,
    /// Until when.
    pub until: Millis,
    /// Wrong codes so far.
    pub wrong: u32,
}

/// A stranger who wrote. What they wrote is not kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// What the operator types to approve it.
    pub id: String,
    /// Who.
    pub from: ExternalId,
    /// As they call themselves.
    pub name: Option<String>,
    /// Until when it waits.
    pub until: Millis,
}

/// What happens to an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It comes in.
    Admit,
    /// It does not; nothing is stored and nobody is told.
    Refuse(Refusal),
    /// It does not, and the policy becomes this.
    Remember(Box<Policy>),
    /// It was a pairing code: the sender is known from now on, and the policy becomes this.
    Pair(Box<Policy>),
}

/// Why an event does not come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// We said it ourselves.
    OwnEcho,
    /// No sender is named.
    Nameless,
    /// On the deny list.
    Denied,
    /// A program.
    Bot,
    /// Nobody we know.
    Stranger,
    /// A command that is the owner's where several people speak.
    NotOwner,
}

impl Refusal {
    /// Its name in metrics and traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OwnEcho => "own_echo",
            Self::Nameless => "nameless",
            Self::Denied => "denied",
            Self::Bot => "bot",
            Self::Stranger => "stranger",
            Self::NotOwner => "not_owner",
        }
    }
}

/// Decides about one event. `own` is who the connection itself is on the platform.
pub fn admit(policy: &Policy, own: &ExternalId, event: &Event, now: Millis) -> Decision {
    let sender = &event.sender;
    if sender.id.as_str().is_empty() {
        return Decision::Refuse(Refusal::Nameless);
    }
    if sender.id == *own {
        return Decision::Refuse(Refusal::OwnEcho);
    }
    if policy.deny.contains(&sender.id) {
        return Decision::Refuse(Refusal::Denied);
    }
    if sender.is_bot && !policy.bots {
        return Decision::Refuse(Refusal::Bot);
    }
    if let Some(decision) = owner_link(policy, event, now) {
        return decision;
    }
    if policy.may_talk(&sender.id) {
        return match rules_others(event) && !policy.may_rule(&sender.id) {
            true => Decision::Refuse(Refusal::NotOwner),
            false => Decision::Admit,
        };
    }
    stranger(policy, event, now)
}

impl Policy {
    /// Everybody the platform lets in, because it asks them to log in first.
    pub fn trusted() -> Self {
        Self {
            trusted: true,
            ..Self::default()
        }
    }

    /// Whether this person may talk, the deny list included.
    pub fn may_talk(&self, person: &ExternalId) -> bool {
        !self.deny.contains(person)
            && (self.trusted
                || self.everyone
                || self.owner.as_ref() == Some(person)
                || self.allow.contains(person))
    }

    /// Whether this person may end and begin what others take part in. Where the platform itself vouches for people,
    /// everybody may.
    pub fn may_rule(&self, person: &ExternalId) -> bool {
        self.trusted || self.owner.as_ref() == Some(person)
    }

    /// The same policy with a fresh owner link for this code.
    #[must_use]
    pub fn with_link(mut self, code: &str, now: Millis) -> Self {
        self.link = Some(OwnerLink {
            hash: hash(code),
            until: Millis(now.0 + LINK_MS),
            wrong: 0,
        });
        self
    }

    /// The same policy with a waiting request approved, or `None` if no such request waits.
    pub fn approve(mut self, request: &str, now: Millis) -> Option<Self> {
        let at = self
            .requests
            .iter()
            .position(|waiting| waiting.id == request && waiting.until > now)?;
        let request = self.requests.remove(at);
        self.allow.insert(request.from);
        Some(self)
    }
}

/// Whether this is a command by which one person would stop the turn or forget the past of all others in the chat.
fn rules_others(event: &Event) -> bool {
    let EventBody::Action(action) = &event.body else {
        return false;
    };
    event.chat.kind != ChatKind::Dm && matches!(action.name.as_str(), "new" | "stop")
}

/// What a pairing code in the event does, if a link works and the event holds what looks like a code.
fn owner_link(policy: &Policy, event: &Event, now: Millis) -> Option<Decision> {
    let link = policy
        .link
        .as_ref()
        .filter(|link| link.until > now && link.wrong < WRONG_CODES)?;
    let code = code_in(&event.body)?;
    if hash(&code).as_bytes().ct_eq(link.hash.as_bytes()).into() {
        let mut paired = policy.clone();
        paired.link = None;
        paired
            .requests
            .retain(|request| request.from != event.sender.id);
        match paired.owner {
            None => paired.owner = Some(event.sender.id.clone()),
            Some(_) => drop(paired.allow.insert(event.sender.id.clone())),
        }
        return Some(Decision::Pair(Box::new(paired)));
    }
    if policy.may_talk(&event.sender.id) {
        return None;
    }
    let mut wary = policy.clone();
    wary.link = Some(OwnerLink {
        wrong: link.wrong + 1,
        ..link.clone()
    });
    Some(Decision::Remember(Box::new(wary)))
}

/// A pairing code typed alone, or behind `/start` as a link does it.
fn code_in(body: &EventBody) -> Option<String> {
    let text = match body {
        EventBody::Action(action) if action.name == "start" => action.argument.trim(),
        EventBody::Message(content) => content.text.trim(),
        _ => return None,
    };
    let looks_right = text.len() == CODE_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric());
    looks_right.then(|| text.to_ascii_lowercase())
}

fn stranger(policy: &Policy, event: &Event, now: Millis) -> Decision {
    let refuse = Decision::Refuse(Refusal::Stranger);
    if !event.addressed || !matches!(event.body, EventBody::Message(_) | EventBody::Action(_)) {
        return refuse;
    }
    let waiting = policy.requests.iter().filter(|request| request.until > now);
    if waiting
        .clone()
        .any(|request| request.from == event.sender.id)
        || waiting.count() >= REQUESTS
    {
        return refuse;
    }
    let mut remembering = policy.clone();
    remembering.requests.retain(|request| request.until > now);
    remembering.requests.push(Request {
        id: crate::id::code(CODE_LENGTH),
        from: event.sender.id.clone(),
        name: event.sender.name.clone(),
        until: Millis(now.0 + REQUEST_MS),
    });
    Decision::Remember(Box::new(remembering))
}

/// SHA-256 in hexadecimal: how codes and tokens are kept.
pub fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
