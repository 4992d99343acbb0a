//! The rules. Each makes its own world, does what people and platforms do, and looks at what both sides see.

mod asked;
mod failing;
mod inbound;
mod link;
mod load;
mod media;
mod native;
mod outbound;
mod resuming;
mod showing;
mod verbs;

use super::report::Level;
use super::world::Bench;
use futures_util::future::LocalBoxFuture;
use std::fmt::Display;

/// One rule.
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) level: Level,
    pub(crate) title: &'static str,
    pub(crate) check: Check,
}

type Check = for<'a> fn(&'a Bench<'a>) -> LocalBoxFuture<'a, Checked>;

/// What judging comes to.
pub(crate) type Checked = Result<(), Miss>;

/// Why a rule did not pass.
#[derive(Debug)]
pub(crate) enum Miss {
    Failed(String),
    NotClaimed(String),
    NotSimulated(String),
}

impl Miss {
    pub(crate) fn failed(why: &str) -> Self {
        Self::Failed(why.to_owned())
    }

    /// A failure for an error of the engine.
    pub(crate) fn because<E: Display>(what: &str) -> impl Fn(E) -> Self {
        move |error| Self::Failed(format!("{what}: {error}"))
    }
}

/// Fails unless it is so.
pub(crate) fn ensure(holds: bool, why: impl FnOnce() -> String) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(Miss::Failed(why()))
    }
}

/// Fails unless both are the same.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should: &T) -> Checked {
    ensure(is == should, || {
        format!("{what}: is {is:?}, should be {should:?}")
    })
}

/// What is claimed, or a reason to skip.
pub(crate) fn claimed<T>(ability: Option<T>, name: &str) -> Result<T, Miss> {
    ability.ok_or_else(|| Miss::NotClaimed(name.to_owned()))
}

macro_rules! rules {
    ($($level:ident $id:literal $check:path, $title:literal;)*) => {
        vec![$(Rule {
            id: $id,
            level: Level::$level,
            title: $title,
            check: |bench| Box::pin($check(bench)),
        }),*]
    };
}

/// Every rule, in the order of the report.
pub(crate) fn all() -> Vec<Rule> {
    rules! {
        Bronze "probe" inbound::probe, "a credential is proven, and a refused one is Unauthorized";
        Bronze "arrives" inbound::arrives, "a message comes in once, with its place, sender, time and text";
        Bronze "whole" inbound::whole, "a long text comes in whole, and lines stay lines";
        Bronze "order-in" inbound::order, "messages of a chat come in in order";
        Bronze "own-echo" inbound::own_echo, "what we say ourselves does not come in";
        Bronze "stranger" inbound::stranger, "a stranger is told nothing and holds up nobody";
        Bronze "garbage" inbound::garbage, "what cannot be read holds up nothing";
        Bronze "commit-first" resuming::commit_first, "the platform is told after the commit, and not before";
        Bronze "failed-commit" resuming::failed_commit, "what could not be committed comes again";
        Bronze "resumes" resuming::resumes, "a new start goes on where the old one ended";
        Bronze "repeated" resuming::repeated, "a repetition is no second message";
        Bronze "origin" outbound::origin, "a reply goes where the message came from, and nowhere else";
        Bronze "order-out" outbound::order, "replies arrive in order";
        Bronze "long-text" outbound::long_text, "a long text arrives whole, in parts within the limit";
        Bronze "catches-up" native::catches_up, "a window that was away shows what it missed, once and in order";
        Bronze "own-chat" native::own_chat, "a window shows its own chat, and no other";
        Bronze "markup" outbound::markup, "every kind of markup arrives with all its words";
        Bronze "code" outbound::code, "code arrives as it was written";
        Bronze "unsupported" outbound::unsupported, "what is not claimed is answered Unsupported";
        Bronze "secrets" outbound::secrets, "no secret is printed";
        Silver "rate-limited" failing::rate_limited, "a limit is waited out and costs no message";
        Silver "cut-after-accept" failing::cut_after_accept, "a send in doubt is not sent twice";
        Silver "found-again" failing::found_again, "a send found after doubt can be changed";
        Silver "hanging" failing::hanging, "a send without an answer holds up no end, and ends itself";
        Silver "unreachable" failing::unreachable, "a send that never left is tried again";
        Silver "server-error" failing::server_error, "a failing platform gets no message twice and loses none unseen";
        Silver "refused" failing::refused, "a refused send fails, once and visibly";
        Silver "revoked" failing::revoked, "a revoked credential needs attention and causes no storm";
        Silver "reconnects" link::reconnects, "a cut connection is opened again and nothing is lost";
        Silver "outage" link::outage, "an outage is seen, and what was said meanwhile comes in";
        Silver "alive" link::alive, "an idle connection counts as alive";
        Silver "silence" link::silence, "a dead connection is noticed within two heartbeats";
        Silver "waits" link::waits, "waiting for a lost connection costs no attempt";
        Silver "expires" link::expires, "what waited too long is not sent";
        Silver "reply" verbs::reply, "a reply names the message it answers";
        Silver "reply-in" verbs::reply_in, "a person's reply names the message it answers";
        Silver "edit" verbs::edit, "our message can be changed";
        Silver "edit-fails" verbs::edit_fails, "a change that goes wrong is tried again, or fails visibly";
        Silver "delete" verbs::delete, "our message can be taken back";
        Silver "react" verbs::react, "we can react, and stop reacting";
        Silver "buttons" asked::buttons, "choices are buttons, and a press says which one of which message";
        Silver "answer" asked::answer, "a pressed button is answered, once and at once";
        Silver "answer-words" asked::answer_words, "a button is answered with the words given, and not unasked";
        Silver "mark-read" asked::mark_read, "what we read is marked, and nothing else";
        Silver "edit-in" verbs::edit_in, "a person changes what they said";
        Silver "delete-in" verbs::delete_in, "a person takes back what they said";
        Silver "reaction-in" verbs::reaction_in, "a person reacts";
        Silver "media-out" media::out, "files arrive with equal bytes and names";
        Silver "media-in" media::incoming, "files come in with equal bytes and names";
        Silver "media-gone" media::gone, "a file that does not come holds up no text";
        Gold "drafts" showing::drafts, "a reply is shown while it grows, and said once";
        Gold "grows" showing::grows, "a reply without drafts grows in one message";
        Gold "shows-fail" showing::shows_fail, "a reply is said though showing it fails";
        Gold "typing" showing::typing, "people see that a reply is being written";
        Gold "previews" showing::previews, "links are sent without previews";
        Gold "mentions" load::mentions, "in a group only what is meant for us is answered";
        Gold "albums" load::albums, "an album is one turn";
        Gold "flood" load::flood, "1,000 messages, thrice each, in any order, over restarts, come in once";
        Gold "sockets" load::sockets, "reconnecting leaves no connection behind";
    }
}
