//! Webhooks: how a row or a service event becomes a signed POST to whoever set one up.

mod event;
mod hook;
mod schema;
mod settings;

pub(crate) use event::trial;
pub(crate) use hook::Hook;
pub use schema::schema;
pub use settings::WebhookSettings;

use crate::app::MAILBOX;
use crate::records::{self, MailboxRecord, SubscriptionRecord, Unusable};
use async_trait::async_trait;
use bytes::Bytes;
use chatbox_backends::webhook::schedule::{self, Next};
use chatbox_backends::webhook::{Attempt, Body, Sender, WebhookId};
use chatbox_core::connector::Egress;
use chatbox_core::id::{Address, ChatId, MailboxId};
use chatbox_core::push::{self, HandOut, Handed, Item};
use chatbox_core::seal::Seal;
use chatbox_core::store::{Chat, LogRow, Overview, RecordKind, ServiceEvent, Store, StoreError};
use chatbox_core::template::{ChatLine, EventType, Moment, Placeholder, Templates, preview};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many chats a template may list.
const CHATS: u32 = 50;
/// How long what was set up is believed without asking the store: what changed here is asked at once.
const BELIEVED: Duration = Duration::from_secs(1);
/// How soon it is tried again where the store or a secret could not be read.
const LATER: Duration = Duration::from_secs(1);
/// How long one waits for a receiver that cannot be used: somebody has to correct it.
const CORRECTED: Duration = Duration::from_secs(60);

/// Every webhook of this server.
#[derive(Debug)]
pub struct Webhooks {
    store: Arc<dyn Store>,
    seal: Arc<dyn Seal>,
    /// Of the mailbox that the configuration sets up.
    main: Option<Arc<Hook>>,
    /// Where the others may lead.
    egress: Egress,
    known: Mutex<HashMap<String, (Arc<Hook>, Instant)>>,
    public: OnceLock<Sender>,
    private: OnceLock<Sender>,
}

impl Webhooks {
    /// `main` is the one that the configuration sets up, `egress` where those of the API may lead.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        seal: Arc<dyn Seal>,
        main: Option<Hook>,
        egress: Egress,
    ) -> Self {
        Self {
            store,
            seal,
            main: main.map(Arc::new),
            egress,
            known: Mutex::default(),
            public: OnceLock::new(),
            private: OnceLock::new(),
        }
    }

    /// Where the webhooks of the API may lead.
    pub(crate) fn egress(&self) -> Egress {
        self.egress
    }

    /// What is believed of this mailbox or subscription is read anew.
    pub(crate) fn forget(&self, owner: &str) {
        if let Some((_, until)) = self.known().get_mut(owner) {
            *until = Instant::now();
        }
    }

    /// What is believed of any is read anew.
    pub(crate) fn forget_all(&self) {
        let now = Instant::now();
        self.known()
            .values_mut()
            .for_each(|(_, until)| *until = now);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, (Arc<Hook>, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn hook(&self, owner: &str, kind: RecordKind) -> Result<Arc<Hook>, Unusable> {
        if let (MAILBOX, Some(main)) = (owner, &self.main) {
            return Ok(main.clone());
        }
        let known = self.known().get(owner).cloned();
        if let Some((hook, until)) = known
            && until > Instant::now()
        {
            return Ok(hook);
        }
        let record = self.store.record(kind, owner).await?;
        let record = record.ok_or(Unusable::Nowhere)?;
        let record = match kind {
            RecordKind::Subscription => {
                let subscription: Option<SubscriptionRecord> = records::body(&record);
                subscription.map(|it| MailboxRecord {
                    webhook_url: Some(it.url),
                    signing: it.signing,
                    ..MailboxRecord::default()
                })
            }
            _ => records::body(&record),
        };
        let record = record.ok_or(Unusable::Nowhere)?;
        let seal = self.seal.as_ref();
        let receiver = records::receiver(self.store.as_ref(), seal, &record, self.egress).await?;
        let mut hook = Hook::new(receiver.0, receiver.1, self.egress);
        let mut known = self.known();
        if let Some((before, _)) = known.get(owner) {
            hook = hook.instead_of(before);
        }
        let hook = Arc::new(hook);
        // One that rests, or is being asked and may be told to, is needed for that.
        known.retain(|_, (hook, until)| {
            *until > Instant::now() || hook.is_resting() || Arc::strong_count(hook) > 1
        });
        known.insert(owner.to_owned(), (hook.clone(), Instant::now() + BELIEVED));
        Ok(hook)
    }

    /// Made when it is first needed: a client costs memory.
    fn sender(&self, egress: Egress) -> Result<&Sender, String> {
        let place = match egress {
            Egress::Private => &self.private,
            _ => &self.public,
        };
        if place.get().is_none() {
            let sender = Sender::new(egress).map_err(|error| error.to_string())?;
            // Somebody else may have been faster: theirs is as good.
            let _ = place.set(sender);
        }
        place.get().ok_or_else(String::new)
    }

    /// Posts something to a mailbox's webhook once, now, and says what came of it: whether it can be reached at all.
    ///
    /// # Errors
    /// Nothing is set up, or it cannot be used.
    pub(crate) async fn test(&self, mailbox: &MailboxId, body: Bytes) -> Result<Attempt, Unusable> {
        let hook = self.hook(mailbox.as_str(), RecordKind::Mailbox).await?;
        let id = WebhookId::new(chatbox_core::id::fresh("test"));
        let id = id.map_err(|_| Unusable::Nowhere)?;
        let sender = self.sender(hook.egress).map_err(StoreError::Failed)?;
        Ok(sender.attempt(&hook.endpoint, &id, body).await)
    }

    async fn post(&self, hook: &Hook, hand_out: &HandOut, body: Bytes) -> Handed {
        let sender = match self.sender(hook.egress) {
            Ok(sender) => sender,
            Err(reason) => return later(LATER, reason),
        };
        hook.rested().await;
        let id = WebhookId::from(hand_out.delivery);
        let attempt = sender.attempt(&hook.endpoint, &id, body).await;
        let reason = attempt.reason.clone();
        match schedule::next(&attempt, hand_out.attempts + 1, rand::random()) {
            Next::Done => Handed::Delivered,
            Next::Fail => Handed::Failed { reason },
            Next::Pause => Handed::Gone { reason },
            Next::Again { wait, rest } => {
                rest.into_iter().for_each(|rest| hook.rest(rest));
                later(wait, reason)
            }
        }
    }

    async fn row(&self, hook: &Hook, hand_out: &HandOut, said: Said<'_>) -> Result<Bytes, Unsaid> {
        let around = self.around(&hook.templates, &said).await?;
        let moment = Moment {
            focus: around.focus,
            unread: around.unread,
            chats: &around.lines,
            ..Moment::of_row(said.chat, said.row)
        };
        let rendered = hook.templates.render(&moment);
        let rendered = rendered.map_err(|error| Unsaid::Never(error.to_string()))?;
        let id = WebhookId::from(hand_out.delivery);
        Ok(Body::new(id, said.mailbox.clone(), &moment, rendered).to_bytes())
    }

    /// What the templates name of how the mailbox stands. Whether it looked at the row's chat is as it was when the row came
    /// in, for every attempt alike.
    async fn around(&self, templates: &Templates, said: &Said<'_>) -> Result<Around, StoreError> {
        let event = EventType::of(&said.row.body);
        let names = |it| templates.name(event, said.focal, it);
        let (lists, counts) = (
            names(Placeholder::ChatList),
            names(Placeholder::UnreadCount),
        );
        let elsewhere = names(Placeholder::FocalChatId);
        let looks_at = match said.focal {
            true => Some(said.chat.id),
            false if lists || elsewhere => self.looks_at(said.mailbox).await?,
            false => None,
        };
        let looks_at = looks_at.filter(|it| said.focal || *it != said.chat.id);
        let focus = match looks_at {
            Some(_) if said.focal => Some(said.chat.address()),
            Some(chat) if elsewhere => self.store.chat(chat).await?.map(|it| it.address()),
            _ => None,
        };
        let chats = match lists || counts {
            true => self.store.overview(said.mailbox, CHATS).await?,
            false => Vec::new(),
        };
        let here = chats.iter().find(|it| it.chat.id == said.chat.id);
        Ok(Around {
            focus,
            unread: here.map_or(0, |it| it.unread),
            lines: chats.iter().map(|it| line(it, looks_at)).collect(),
        })
    }

    async fn looks_at(&self, mailbox: &MailboxId) -> Result<Option<ChatId>, StoreError> {
        let mailbox = self.store.mailbox(mailbox).await?;
        Ok(mailbox.and_then(|mailbox| mailbox.focus.chat))
    }

    async fn event(&self, hand_out: &HandOut, event: &ServiceEvent) -> Result<Bytes, Unsaid> {
        let chat = match event.chat {
            Some(chat) => self.store.chat(chat).await?,
            None => None,
        };
        let id = WebhookId::from(hand_out.delivery);
        Ok(event::body(id, hand_out.at, event, chat.as_ref()))
    }
}

/// A row on its way.
struct Said<'a> {
    mailbox: &'a MailboxId,
    focal: bool,
    chat: &'a Chat,
    row: &'a LogRow,
}

/// How its mailbox stands.
struct Around {
    focus: Option<Address>,
    unread: u64,
    lines: Vec<ChatLine>,
}

/// Why there is nothing to post.
enum Unsaid {
    /// The store cannot answer now.
    Later(StoreError),
    /// There will never be anything.
    Never(String),
}

impl From<StoreError> for Unsaid {
    fn from(error: StoreError) -> Self {
        Self::Later(error)
    }
}

fn later(after: Duration, reason: String) -> Handed {
    Handed::Retry { after, reason }
}

#[async_trait]
impl push::Endpoint for Webhooks {
    async fn hand(&self, hand_out: &HandOut) -> Handed {
        let hook = match &hand_out.item {
            Item::Row { mailbox, .. } => self.hook(mailbox.as_str(), RecordKind::Mailbox).await,
            Item::Event { subscription, .. } => {
                self.hook(subscription, RecordKind::Subscription).await
            }
        };
        let hook = match hook {
            Ok(hook) => hook,
            Err(Unusable::Store(error)) => return later(LATER, error.to_string()),
            Err(unusable) => return later(CORRECTED, unusable.to_string()),
        };
        let body = match &hand_out.item {
            Item::Event { event, .. } => self.event(hand_out, event).await,
            Item::Row {
                mailbox,
                focal,
                chat,
                row,
            } => {
                let said = Said {
                    mailbox,
                    focal: *focal,
                    chat,
                    row,
                };
                self.row(&hook, hand_out, said).await
            }
        };
        match body {
            Ok(body) => self.post(&hook, hand_out, body).await,
            Err(Unsaid::Later(error)) => later(LATER, error.to_string()),
            Err(Unsaid::Never(reason)) => Handed::Failed { reason },
        }
    }
}

fn line(overview: &Overview, looks_at: Option<ChatId>) -> ChatLine {
    ChatLine {
        id: overview.chat.address().to_string(),
        name: overview.chat.name.clone(),
        focal: Some(overview.chat.id) == looks_at,
        unread: overview.unread,
        muted: overview.muted,
        preview: overview.last.as_ref().map(|row| preview(&row.body)),
    }
}
