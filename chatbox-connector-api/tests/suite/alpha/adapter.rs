//! The five methods.

use super::{Alpha, Undone, failed};
use crate::platform::{CAPTION, Failure, LIMIT};
use crate::vendor::{person, room};
use async_trait::async_trait;
use chatbox_connector_api::conformance::Who;
use chatbox_connector_api::id::EventId;
use chatbox_connector_api::markup::Unit;
use chatbox_connector_api::{
    AdapterError, Capabilities, ChannelAdapter, Cursor, DeliveryClass, ErrorKind, Identity,
    Inbound, Incoming, Limits, Outbound, Receipt, Result, TextLimit, Verb,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::sync::atomic::Ordering;
use std::time::Duration;

#[async_trait]
impl ChannelAdapter for Alpha {
    fn platform(&self) -> chatbox_connector_api::id::Platform {
        "alpha".into()
    }

    fn capabilities(&self) -> Capabilities {
        let limit = |max| TextLimit {
            max,
            unit: Unit::Utf16,
        };
        let most = match self.twist {
            "claims a longer text than the wire's" => LIMIT + 100,
            _ => LIMIT,
        };
        let class = match self.asks {
            true => DeliveryClass::Reconcilable,
            false => DeliveryClass::Ambiguous,
        };
        let mut can = Capabilities::new(class, limit(most));
        let any = Some(Limits::default());
        can.caption = Some(limit(match self.twist {
            "claims a longer caption than the wire's" => LIMIT,
            _ => CAPTION,
        }));
        can.reply = any;
        can.edit = any;
        can.delete = any;
        can.react = any;
        can.media = Some(Limits {
            max_count: Some(10),
            ..Limits::default()
        });
        can.media_in = can.media;
        can.typing = any;
        let paced = Some(Limits {
            pace: Some(Duration::from_millis(50)),
            ..Limits::default()
        });
        match self.asks {
            true => can.grow = paced,
            false => can.draft = paced,
        }
        can.heartbeat = Some(Duration::from_millis(300));
        can.buttons = any;
        can.answer = any;
        can.mark_read = any;
        match self.twist {
            "answers Ok to a deletion it does not claim" => can.delete = None,
            "answers Ok to a button it does not claim" => can.answer = None,
            "answers Ok to a mark it does not claim" | "calls the unsupported invalid" => {
                can.mark_read = None;
            }
            _ => {}
        }
        can
    }

    async fn probe(&self) -> Result<Identity> {
        let asked = match self.platform.who(&self.token).await {
            Err(_) if self.is("proves nothing") => Ok(Who::US),
            asked => asked,
        };
        let who = asked.map_err(|failure| self.error(&failure))?;
        let id = if self.is("is somebody else each time") {
            chatbox_connector_api::id::ExternalId::new(chatbox_connector_api::id::code(6))
        } else {
            person(who)
        };
        Ok(Identity {
            id,
            name: "alpha".to_owned(),
            link: None,
            notes: Vec::new(),
        })
    }

    async fn open(&self, resume: Option<Cursor>) -> Result<Inbound> {
        let stored = resume
            .and_then(|cursor| cursor.0.split('?').next()?.parse().ok())
            .unwrap_or(0);
        let head = self.platform.head();
        let first = self.memory.highest.load(Ordering::SeqCst) == 0;
        self.repeat_itself(first).await;
        let after = match self.twist {
            "forgets its cursor" => 0,
            "goes one too far" if stored > 0 => stored + 1,
            "goes one back" => usize::saturating_sub(stored, 1),
            "begins with what is new" => head,
            "begins with what is new after a loss" if !first => head,
            "keeps a place of its own" => stored.max(self.memory.highest.load(Ordering::SeqCst)),
            _ => stored,
        };
        if self.is("shows life before it heard any") {
            let this = self.clone();
            let late = stream::once(async move { this.lines(after).await }).try_flatten();
            return Ok(stream::once(async { Ok(Incoming::Alive) })
                .chain(late)
                .boxed());
        }
        self.lines(after).await
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let done = self.act(out).await;
        done.map_err(|error| error.unwrap_or_else(|failure| self.error(&failure)))
            .map(|message| Receipt {
                message: message.map(EventId::new),
                degraded: None,
            })
    }
}

impl Alpha {
    async fn act(&self, out: &Outbound) -> std::result::Result<Option<String>, Undone> {
        let nowhere = || failed(Failure::NotFound);
        let room = room(&out.chat).ok_or_else(nowhere)?;
        match &out.verb {
            Verb::Send(message) => self.say(room, out.id, message).await.map(Some),
            Verb::Answer { token, text } if self.capabilities().answer.is_some() => {
                self.answer(token, text).await
            }
            Verb::MarkRead { target } if self.capabilities().mark_read.is_some() => {
                self.mark(target).await
            }
            Verb::Edit { target, message } => self.edit(room, target, message).await,
            Verb::Delete { target } => self.delete(target).await,
            Verb::React { target, emoji } => self.react(target, emoji).await,
            Verb::Typing => self.show(room, None).await,
            Verb::Draft { markup, .. } if self.capabilities().draft.is_some() => {
                self.show(room, Some(self.text(markup))).await
            }
            verb => self.unclaimed(verb),
        }
    }

    fn unclaimed(&self, verb: &Verb) -> std::result::Result<Option<String>, Undone> {
        let kind = match (self.twist, verb) {
            ("answers Ok to a button it does not claim", Verb::Answer { .. })
            | ("answers Ok to a mark it does not claim", Verb::MarkRead { .. }) => return Ok(None),
            ("calls the unsupported invalid", _) => ErrorKind::Invalid,
            _ => ErrorKind::Unsupported,
        };
        Err(Ok(AdapterError::new(
            kind,
            format!("alpha has no `{}`", verb.name()),
        )))
    }
}
