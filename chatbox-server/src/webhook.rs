//! The webhook of the mailbox: what the configuration says of it, and how a row becomes a signed POST.

use crate::failure::Failure;
use crate::paths::{DataDir, read_small, secret_from_file, write_private};
use async_trait::async_trait;
use chatbox_backends::webhook::schedule::{self, Next};
use chatbox_backends::webhook::{Body, Endpoint, Sender, Signer, WebhookId, fresh_secret};
use chatbox_core::connector::Egress;
use chatbox_core::id::ChatId;
use chatbox_core::push::{self, HandOut, Handed};
use chatbox_core::secret::Secret;
use chatbox_core::store::{Overview, Store, StoreError};
use chatbox_core::template::{ChatLine, Moment, Templates, Written, preview};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How many chats a template may list.
const CHATS: u32 = 50;
/// An endpoint that is asked too much rests at most so long before the next chat's turn; more is for its own row to wait.
const REST: Duration = Duration::from_secs(10);
/// What to do about most mistakes.
const FIX: &str = "correct the [webhook] table";

/// The `[webhook]` table: every message of the mailbox is posted there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where to.
    pub url: String,
    /// A file with the secret that signs, `whsec_…` or `whsk_…`, or with several while one replaces another, a line each.
    /// One is made in the data folder unless this is set.
    #[serde(default)]
    pub secrets_file: Option<PathBuf>,
    /// A file with a credential that goes along as `Authorization: Bearer`.
    #[serde(default)]
    pub bearer_file: Option<PathBuf>,
    /// Whether `url` may lead to this machine or a private network.
    #[serde(default)]
    pub allow_private: bool,
    /// What is posted, by template.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>", default)]
    pub templates: Written,
}

impl WebhookSettings {
    /// Looks for every mistake that can be seen without asking anybody.
    ///
    /// # Errors
    /// The address or a template cannot be used.
    pub fn check(&self) -> Result<(), Failure> {
        self.templates()?;
        Endpoint::new(&self.url, self.egress(), None, None)
            .map(drop)
            .map_err(|error| Failure::new(error.code(), error.to_string(), self.way_out()))
    }

    fn way_out(&self) -> &'static str {
        match self.allow_private {
            true => FIX,
            false => {
                "correct the [webhook] table; for an endpoint on this machine or a private network set allow_private = true"
            }
        }
    }

    fn templates(&self) -> Result<Templates, Failure> {
        let wrong = |error: chatbox_core::template::TemplateError| {
            Failure::new("invalid_template", error.to_string(), FIX)
        };
        Templates::parse(&self.templates).map_err(wrong)
    }

    fn egress(&self) -> Egress {
        match self.allow_private {
            true => Egress::Private,
            false => Egress::Public,
        }
    }

    /// The webhook, with its secrets read.
    ///
    /// # Errors
    /// A mistake, a file that cannot be read, or TLS that cannot be set up.
    pub fn open(&self, data: &DataDir, store: Arc<dyn Store>) -> Result<Webhook, Failure> {
        let secrets = self.secrets(data)?;
        let bearer = self.bearer_file.as_deref().map(secret_from_file);
        let bearer = bearer.transpose()?.map(Secret::new);
        let leaks = self.templates.keep_out(secrets.iter().chain(&bearer));
        leaks.map_err(|error| Failure::new("secret_in_template", error.to_string(), FIX))?;
        let signer = Signer::new(&secrets);
        let signer = signer.map_err(|error| Failure::new(error.code(), error.to_string(), FIX))?;
        let endpoint = Endpoint::new(&self.url, self.egress(), Some(signer), bearer.as_ref());
        let endpoint = endpoint
            .map_err(|error| Failure::new(error.code(), error.to_string(), self.way_out()))?;
        let sender = Sender::new(self.egress());
        let sender = sender
            .map_err(|error| Failure::new("start_failed", error.to_string(), "see the log"))?;
        Ok(Webhook {
            store,
            sender,
            endpoint,
            templates: self.templates()?,
            rest: Mutex::new(None),
        })
    }

    fn secrets(&self, data: &DataDir) -> Result<Vec<Secret>, Failure> {
        let text = match &self.secrets_file {
            Some(path) => secret_from_file(path)?,
            None => own_secret(data)?,
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(lines.map(Secret::new).collect())
    }
}

/// The secret in the data folder, made if there is none.
fn own_secret(data: &DataDir) -> Result<String, Failure> {
    let path = data.webhook_secret();
    if let Some(secret) = read_small(&path)?.filter(|secret| !secret.trim().is_empty()) {
        return Ok(secret);
    }
    let secret = fresh_secret().expose().to_owned();
    write_private(&path, secret.as_bytes())?;
    Ok(secret)
}

/// Posts rows to an agent that lives elsewhere.
#[derive(Debug)]
pub struct Webhook {
    store: Arc<dyn Store>,
    sender: Sender,
    endpoint: Endpoint,
    templates: Templates,
    /// Until when nothing is sent, since the endpoint has too much to do.
    rest: Mutex<Option<Instant>>,
}

impl Webhook {
    /// What the start line says.
    pub fn line(&self) -> String {
        format!("webhook {}", self.endpoint.place())
    }

    async fn body(&self, hand_out: &HandOut, id: WebhookId) -> Result<Body, Unsaid> {
        let mailbox = self.store.mailbox(&hand_out.mailbox).await?;
        let looks_at = mailbox.and_then(|mailbox| mailbox.focus.chat);
        let chats = self.store.overview(&hand_out.mailbox, CHATS).await?;
        let focal = chats.iter().find(|it| Some(it.chat.id) == looks_at);
        let unread = chats.iter().find(|it| it.chat.id == hand_out.chat.id);
        let lines: Vec<ChatLine> = chats.iter().map(|it| line(it, looks_at)).collect();
        // Whether the mailbox looked there is as it was when the row came in, for every attempt alike.
        let focus = match hand_out.focal {
            true => Some(hand_out.chat.address()),
            false => focal
                .filter(|it| it.chat.id != hand_out.chat.id)
                .map(|it| it.chat.address()),
        };
        let moment = Moment {
            focus,
            unread: unread.map_or(0, |it| it.unread),
            chats: &lines,
            ..Moment::of_row(&hand_out.chat, &hand_out.row)
        };
        let rendered = self.templates.render(&moment);
        let rendered = rendered.map_err(|error| Unsaid::Never(error.to_string()))?;
        Ok(Body::new(id, hand_out.mailbox.clone(), &moment, rendered))
    }

    async fn rested(&self) {
        let until = *self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            sleep_until(until).await;
        }
    }

    fn rest(&self, rest: Duration) {
        let until = Instant::now() + rest.min(REST);
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
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

#[async_trait]
impl push::Endpoint for Webhook {
    async fn hand(&self, hand_out: &HandOut) -> Handed {
        let id = WebhookId::from(hand_out.delivery);
        let body = match self.body(hand_out, id.clone()).await {
            Ok(body) => body,
            Err(Unsaid::Later(error)) => {
                let (after, reason) = (Duration::from_secs(1), error.to_string());
                return Handed::Retry { after, reason };
            }
            Err(Unsaid::Never(reason)) => return Handed::Failed { reason },
        };
        self.rested().await;
        let attempt = self.sender.attempt(&self.endpoint, &id, body.to_bytes());
        let attempt = attempt.await;
        let reason = attempt.reason.clone();
        match schedule::next(&attempt, hand_out.attempts + 1, rand::random()) {
            Next::Done => Handed::Delivered,
            Next::Fail => Handed::Failed { reason },
            Next::Pause => Handed::Gone { reason },
            Next::Again { wait, rest } => {
                rest.into_iter().for_each(|rest| self.rest(rest));
                let after = wait;
                Handed::Retry { after, reason }
            }
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
