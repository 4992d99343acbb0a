//! What people see while a turn runs: that somebody writes, and the reply as it grows. A draft is never stored. Where there
//! are no drafts and a message may be changed as often as one likes, the beginning of the reply is a message like any other,
//! committed under the turn's fence; what it grows by is shown by edits that are never stored, and how it ends is committed
//! with the turn.

use crate::backend::Growing;
use crate::connector::{self, AdapterError, Limits, Outbound, Verb};
use crate::event::Content;
use crate::house::House;
use crate::id::{EventId, Seq};
use crate::lease::Lease;
use crate::link::Link;
use crate::markup::{self, Markup};
use crate::router::{self, Say, Terms};
use crate::store::{Author, Chat, Pending, StoreError, Under};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// A reply that is there sooner than this is not shown growing.
const FIRST_DRAFT: Duration = Duration::from_millis(20);
/// A reply that is there sooner than this does not begin as a message of its own.
const FIRST_PIECE: Duration = Duration::from_millis(700);
/// A person sees that somebody is writing after this.
const FIRST_TYPING: Duration = Duration::from_millis(150);
/// How often "is writing" is said again while nothing else shows.
const TYPING_AGAIN: Duration = Duration::from_secs(4);

/// Where a turn is shown.
pub(super) struct Stage<'a> {
    house: &'a House,
    link: &'a Link,
    chat: Chat,
    author: Author,
    /// The same for all drafts of this turn.
    draft: i64,
    terms: Terms,
}

/// The beginning of a reply, which is a message already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Begun {
    /// Its row.
    pub(super) seq: Seq,
    /// As far as the reply has grown. Nothing where an earlier attempt began it.
    pub(super) text: String,
}

/// What was shown of a reply by edits.
#[derive(Default)]
struct Grown {
    begun: Option<Seq>,
    name: Option<EventId>,
    shown: Markup,
    given_up: bool,
}

impl<'a> Stage<'a> {
    pub(super) fn new(house: &'a House, link: &'a Link, lease: &Lease, pending: &Pending) -> Self {
        let under = Under {
            lane: lease.lane.clone(),
            fence: lease.fence,
        };
        // What the agent said since the last turn stands before it where what is pending was read, and not where it just came.
        let first = pending.rows.iter().find(|row| row.wakes);
        Self {
            house,
            link,
            chat: pending.chat.clone(),
            author: Author::Mailbox {
                id: pending.chat.mailbox.clone(),
            },
            draft: pending.upto.0,
            terms: Terms {
                under: Some(under),
                key: first.map(|row| key(&pending.chat, row.seq)),
            },
        }
    }

    /// What an earlier attempt at this reply began and could not end.
    pub(super) async fn left_over(&self) -> Result<Option<Begun>, StoreError> {
        let Some(key) = self.terms.key.as_ref().filter(|_| self.grows()) else {
            return Ok(None);
        };
        let said = self.house.store.said(key).await?;
        let text = String::new();
        Ok(said.map(|seq| Begun { seq, text }))
    }

    /// Shows that a reply is being written, and the reply itself as it grows, at the platform's pace, until the turn is over.
    /// Then nothing of it is under way any more.
    pub(super) async fn show(
        &self,
        mut growing: watch::Receiver<Growing>,
        over: &CancellationToken,
    ) -> Option<Begun> {
        let mut grown = Grown::default();
        let mut wait = FIRST_TYPING;
        while let Some(change) = over
            .run_until_cancelled(timeout(wait, growing.changed()))
            .await
        {
            wait = TYPING_AGAIN;
            match change {
                Err(_) => self.flash(Verb::Typing, over).await,
                // Nothing grows any more.
                Ok(Err(_)) => over.cancelled().await,
                Ok(Ok(())) => {
                    let (first, pace) = self.pace(&grown);
                    if over.run_until_cancelled(sleep(first)).await.is_none() {
                        break;
                    }
                    let text = growing.borrow_and_update().text.clone();
                    match self.grows() {
                        true => self.grow(&text, &mut grown).await,
                        false => self.flash(self.draft(&text), over).await,
                    }
                    over.run_until_cancelled(sleep(pace)).await;
                }
            }
        }
        let text = growing.borrow().text.clone();
        grown.begun.map(|seq| Begun { seq, text })
    }

    /// How long until a change is shown, so that others go with it, and until the next one may be.
    fn pace(&self, grown: &Grown) -> (Duration, Duration) {
        let can = &self.link.capabilities;
        let pace = |limits: Limits| limits.pace.unwrap_or_default();
        let first = match self.grows() && grown.begun.is_none() {
            true => FIRST_PIECE,
            false => FIRST_DRAFT,
        };
        (first, can.draft.or(can.grow).map(pace).unwrap_or_default())
    }

    /// Whether a reply is shown by edits.
    fn grows(&self) -> bool {
        let can = &self.link.capabilities;
        can.draft.is_none() && can.grow.is_some() && can.edit.is_some()
    }

    fn draft(&self, text: &str) -> Verb {
        let (id, markup) = (self.draft, markup::parse(text));
        Verb::Draft { id, markup }
    }

    /// Shows what goes away by itself, so that nobody waits for it once the turn is over.
    async fn flash(&self, verb: Verb, over: &CancellationToken) {
        if let Some(Err(error)) = over.run_until_cancelled(self.ask(verb)).await {
            self.heed(&error);
            tracing::debug!(%error, "what grows was not shown");
        }
    }

    /// Begins the reply as a message, or changes that.
    async fn grow(&self, text: &str, grown: &mut Grown) {
        let parts = markup::split(
            &markup::parse(text),
            &*self.link.dialect,
            self.link.capabilities.text.max,
        );
        let Some(piece) = parts.into_iter().next().filter(|_| !grown.given_up) else {
            return;
        };
        let Some(begun) = grown.begun else {
            return self.begin(text, grown).await;
        };
        if grown.name.is_none() {
            let names = self.house.store.names_of(begun).await;
            grown.name = names.ok().and_then(|names| names.into_iter().next());
        }
        let Some(target) = grown.name.clone() else {
            return;
        };
        // What has outgrown one message shows no more than fits into it; the rest follows at the end.
        if piece == grown.shown {
            return;
        }
        let message = connector::OutMessage {
            markup: piece.clone(),
            ..connector::OutMessage::default()
        };
        match self.ask(Verb::Edit { target, message }).await {
            // What was not shown for now is shown with the next change, or at the end.
            Ok(()) => grown.shown = piece,
            Err(error) => {
                self.heed(&error);
                grown.given_up = error.retry_after().is_none();
                tracing::debug!(%error, "how a reply grows was not shown");
            }
        }
    }

    async fn begin(&self, text: &str, grown: &mut Grown) {
        if !self.can_be_seen() {
            return;
        }
        if !self.link.may_begin() {
            grown.given_up = true;
            return;
        }
        let mut fits = text;
        while self.parts_of(fits) > 1 {
            fits = &fits[..fits.floor_char_boundary(fits.len() / 2)];
        }
        let say = Say::Message(Content::text(fits));
        let (author, terms) = (self.author.clone(), self.terms.clone());
        match router::say(self.house, &self.chat, author, say, terms).await {
            Ok(seq) => grown.begun = Some(seq),
            Err(error) => {
                grown.given_up = true;
                tracing::debug!(%error, "a reply was not begun");
            }
        }
    }

    fn parts_of(&self, text: &str) -> usize {
        let (dialect, max) = (&*self.link.dialect, self.link.capabilities.text.max);
        markup::split(&markup::parse(text), dialect, max).len()
    }

    /// The chat is left alone for as long as the platform asks, also with what is said; others are not held up by what is
    /// only shown.
    fn heed(&self, error: &AdapterError) {
        if let Some(wait) = error.retry_after() {
            self.link.rest(&self.chat.handle, wait);
        }
    }

    /// Whether anything can be shown here and now.
    fn can_be_seen(&self) -> bool {
        let rests = || self.link.rests_until(&self.chat.handle);
        self.link.is_up() && self.link.paused_until().is_none() && rests().is_none()
    }

    /// Shows something that is never stored, if the platform can; whether it worked matters to nobody.
    async fn ask(&self, verb: Verb) -> connector::Result<()> {
        let link = self.link;
        connector::check(&link.capabilities, &verb)?;
        if !self.can_be_seen() {
            return Ok(());
        }
        let out = Outbound {
            id: None,
            chat: self.chat.handle.clone(),
            verb,
        };
        link.parts.adapter.perform(&out).await.map(drop)
    }
}

/// What is begun of the reply that this message asked for first is begun once, however many attempts there are.
fn key(chat: &Chat, first: Seq) -> String {
    format!("begun/{}/{first}", chat.id)
}
