//! What is said from outside a connection or a turn: events handed in, and words handed out.

use super::Chatbox;
use crate::connector::Fate;
use crate::event::{Content, Event};
use crate::house::{Error, millis};
use crate::id::{ChatId, ConnectionId, DeliveryId, MailboxId, Platform, Seq};
use crate::link::Link;
use crate::router::{self, Say, Terms};
use crate::secret::Secret;
use crate::store::{Admin, Author, Chat, Done, Outcome, StoreError};
use crate::turn_token::RunningTurn;

impl Chatbox {
    /// Takes one event in for a running connection, and answers when its fate is certain.
    ///
    /// # Errors
    /// `NotRunning`, or the store: then nothing is known to be stored.
    pub async fn receive(&self, id: &ConnectionId, event: Event) -> Result<Fate, Error> {
        let link = self.house.running(id)?;
        let fates = self.take(&link, vec![event], true).await?;
        Ok(fates.into_iter().next().ok_or(StoreError::Closed)?)
    }

    /// Says something in a mailbox's name, or as the house, outside a turn. Answers with the row it became.
    ///
    /// # Errors
    /// What the platform does not offer, a chat or message that does not exist, or the store.
    pub async fn say(&self, chat: ChatId, author: Author, say: Say) -> Result<Seq, Error> {
        let chat = self.chat(chat).await?;
        router::say(&self.house, &chat, author, say, Terms::default()).await
    }

    /// The same in a chat that was read already.
    ///
    /// # Errors
    /// As [`Chatbox::say`].
    pub async fn say_in(&self, chat: &Chat, author: Author, say: Say) -> Result<Seq, Error> {
        router::say(&self.house, chat, author, say, Terms::default()).await
    }

    /// The turn that a token names, if it is a turn token of this mailbox. Whether it still runs is for
    /// [`Chatbox::runs`] to say.
    pub fn turn(&self, mailbox: &MailboxId, token: &Secret) -> Option<RunningTurn> {
        RunningTurn::of(&*self.house.seal, mailbox, token)
    }

    /// Whether a turn still runs.
    ///
    /// # Errors
    /// The store.
    pub async fn runs(&self, turn: &RunningTurn) -> Result<bool, Error> {
        Ok(self.house.store.runs(&turn.under).await?)
    }

    /// Says something in the mailbox's name before a turn of it ends, in the turn's origin.
    ///
    /// # Errors
    /// `TurnOver` where the turn does not run any more: nothing was said then, whatever was known before. Else as
    /// [`Chatbox::say`].
    pub async fn say_in_turn(&self, turn: &RunningTurn, say: Say) -> Result<Seq, Error> {
        let chat = self.chat(turn.chat).await?;
        let author = Author::Mailbox {
            id: chat.mailbox.clone(),
        };
        let terms = Terms {
            under: Some(turn.under.clone()),
            key: None,
        };
        router::say(&self.house, &chat, author, say, terms).await
    }

    /// Says something as [`Chatbox::say`] does, under a key: what was said under it before, within the week for which keys are
    /// remembered, is not said again. Answers with the row it became.
    ///
    /// # Errors
    /// What the platform does not offer, a chat or message that does not exist, or the store.
    pub async fn say_once(
        &self,
        chat: ChatId,
        author: Author,
        say: Say,
        key: String,
    ) -> Result<Seq, Error> {
        let chat = self.chat(chat).await?;
        let terms = Terms {
            under: None,
            key: Some(key),
        };
        router::say(&self.house, &chat, author, say, terms).await
    }

    async fn chat(&self, id: ChatId) -> Result<Chat, Error> {
        let chat = self.house.store.chat(id).await?;
        chat.ok_or_else(|| Error::NotFound("such chat".to_owned()))
    }

    /// Says one text in the newest one-to-one chat of every connection of a mailbox, or of the platforms named. One
    /// that fails does not stop the others.
    pub async fn broadcast(
        &self,
        mailbox: &MailboxId,
        content: &Content,
        platforms: Option<&[Platform]>,
    ) -> Vec<(ConnectionId, Result<Seq, Error>)> {
        let mut results = Vec::new();
        for link in self.links() {
            let meant = platforms.is_none_or(|platforms| platforms.contains(&link.platform));
            if link.mailbox == *mailbox && meant {
                results.push((link.id.clone(), self.say_newest(&link, content).await));
            }
        }
        results
    }

    async fn say_newest(&self, link: &Link, content: &Content) -> Result<Seq, Error> {
        let chat = router::newest_dm(&self.house, &link.mailbox, link).await?;
        let chat = chat.ok_or_else(|| Error::NotFound(format!("chat on {} yet", link.platform)))?;
        let author = Author::Mailbox {
            id: link.mailbox.clone(),
        };
        let say = Say::Message(content.clone());
        router::say(&self.house, &chat, author, say, Terms::default()).await
    }

    /// Sends a delivery once more that failed, expired or is unknown: a person's decision.
    ///
    /// # Errors
    /// `NotFound` when there is no such delivery in such a state.
    pub async fn retry(&self, delivery: DeliveryId) -> Result<(), Error> {
        let ttl_ms = millis(self.house.tuning.reply_ttl);
        match self
            .admin(Admin::RetryDelivery { delivery, ttl_ms })
            .await?
        {
            Outcome::Done(Done::Changed { count: 0 }) | Outcome::Stale => Err(Error::NotFound(
                format!("failed, expired or unknown delivery {delivery}"),
            )),
            _ => {
                self.house
                    .links()
                    .iter()
                    .for_each(|link| link.due.notify_one());
                self.house.hands_due.notify_one();
                Ok(())
            }
        }
    }
}
