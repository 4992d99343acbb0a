//! The five methods and the two skills. It only sequences: translation is in `inbound` and `outbound`, the wire in
//! `client`, the loop in `poll`.

use crate::client::Client;
use crate::config::Config;
use crate::error::{Effect, Failure, Refusal};
use crate::inbound::MAX_DOWNLOAD;
use crate::inbound::wire::User;
use crate::outbound::{self, MAX_ALBUM, MAX_CAPTION, MAX_TEXT, MAX_UPLOAD, Request};
use crate::{poll, upload};
use async_trait::async_trait;
use chatbox_connector_api::id::{EventId, ExternalId, Platform};
use chatbox_connector_api::markup::Unit;
use chatbox_connector_api::{
    AdapterError, Blobs, ByteStream, Capabilities, ChannelAdapter, Cursor, DeliveryClass,
    ErrorKind, Identity, Inbound, Limits, MediaSource, Outbound, Parts, Receipt, Result, Setup,
    TextLimit, Verb,
};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The platform's name.
pub(crate) const PLATFORM: &str = "telegram";
/// How long a message can be taken back.
const DELETE_AGE: Duration = Duration::from_secs(48 * 3600);
/// How long a file may take to come.
const DOWNLOAD_TIME: Duration = Duration::from_secs(300);

/// One bot.
#[derive(Debug)]
pub struct TelegramAdapter {
    client: Arc<Client>,
    config: Arc<Config>,
    blobs: Arc<dyn Blobs>,
    /// Two loops with one token would take turns in shutting each other out.
    alone: Arc<Semaphore>,
}

impl TelegramAdapter {
    /// A bot with its settings, reading the files it sends from `blobs`. Speaks to nobody yet.
    ///
    /// # Errors
    /// `Invalid` when no HTTP client can be made of the settings.
    pub fn new(config: Config, blobs: Arc<dyn Blobs>) -> Result<Self> {
        Ok(Self {
            client: Arc::new(Client::new(&config)?),
            config: Arc::new(config),
            blobs,
            alone: Arc::new(Semaphore::new(1)),
        })
    }

    /// It with its skills.
    pub fn parts(self: Arc<Self>) -> Parts {
        Parts {
            media: Some(Arc::clone(&self) as Arc<dyn MediaSource>),
            setup: Some(Arc::clone(&self) as Arc<dyn Setup>),
            ..Parts::new(self)
        }
    }

    async fn me(&self) -> Result<User> {
        let me = self
            .client
            .call("getMe", &json!({}), self.config.request)
            .await;
        me.map_err(|failure| failure.into_error(Effect::Repeatable))
    }

    /// Sends a request and, where the platform refused its form, the same in a plainer one. A refusal has no effect,
    /// so nothing is said twice.
    async fn send(&self, mut request: Request) -> Result<(Request, Box<RawValue>)> {
        loop {
            let timeout = self.config.request;
            let answer = upload::send(&self.client, &*self.blobs, &request, timeout).await;
            let failure = match answer {
                Ok(result) => return Ok((request, result)),
                Err(failure) => failure,
            };
            // Each plainer form has less to refuse, so this ends.
            let plainer = failure
                .refusal()
                .and_then(|refusal| outbound::second_try(&request, refusal));
            let Some(plainer) = plainer else {
                return unchanged(request, failure);
            };
            if let (Some(lost), Some(refusal)) = (&plainer.lost, failure.refusal()) {
                let (method, said) = (&request.method, &refusal.description);
                tracing::warn!(target: "chatbox_telegram::fallback", %method, said, lost, "sent in a plainer form");
            }
            request = plainer;
        }
    }
}

#[async_trait]
impl ChannelAdapter for TelegramAdapter {
    fn platform(&self) -> Platform {
        PLATFORM.into()
    }

    fn capabilities(&self) -> Capabilities {
        let limit = |max| TextLimit {
            max,
            unit: Unit::Utf16,
        };
        let any = Some(Limits::default());
        let mut can = Capabilities::new(DeliveryClass::Ambiguous, limit(MAX_TEXT));
        can.caption = Some(limit(MAX_CAPTION));
        can.reply = any;
        can.edit = any;
        can.delete = Some(Limits {
            max_age: Some(DELETE_AGE),
            ..Limits::default()
        });
        can.react = Some(Limits {
            max_count: Some(1),
            ..Limits::default()
        });
        can.media = Some(Limits {
            max_bytes: Some(MAX_UPLOAD),
            max_count: Some(MAX_ALBUM),
            ..Limits::default()
        });
        can.media_in = Some(Limits {
            max_bytes: Some(MAX_DOWNLOAD),
            ..Limits::default()
        });
        can.buttons = Some(Limits {
            max_count: Some(outbound::MAX_BUTTONS),
            ..Limits::default()
        });
        can.answer = any;
        can.typing = any;
        can.draft = any;
        // Every poll is answered, at the latest when its time is over.
        can.heartbeat = Some(self.config.poll + self.config.poll_grace / 2);
        can
    }

    async fn probe(&self) -> Result<Identity> {
        let me = self.me().await?;
        let link = me
            .username
            .as_ref()
            .map(|name| format!("https://t.me/{name}"));
        Ok(Identity {
            id: ExternalId::new(me.id.to_string()),
            name: me.first_name.clone(),
            link,
            notes: notes(&me),
        })
    }

    async fn open(&self, resume: Option<Cursor>) -> Result<Inbound> {
        let alone = Arc::clone(&self.alone).try_acquire_owned().map_err(|_| {
            AdapterError::new(ErrorKind::Conflict, "this bot is already listened to here")
        })?;
        let me = self.me().await?;
        let (client, config) = (Arc::clone(&self.client), Arc::clone(&self.config));
        Ok(poll::listen(client, config, me, resume, alone))
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let request = outbound::request(out)?;
        let (request, result) = self.send(request).await?;
        let message = match &out.verb {
            Verb::Send(_) => sent(&result),
            Verb::Edit { target, .. } => Some(target.clone()),
            _ => None,
        };
        Ok(Receipt {
            message,
            degraded: request.lost,
        })
    }
}

#[async_trait]
impl MediaSource for TelegramAdapter {
    async fn fetch(&self, source: &str) -> Result<ByteStream> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            file_size: Option<u64>,
            #[serde(default)]
            file_path: Option<String>,
        }
        let failed = |failure: Failure| failure.into_error(Effect::Repeatable);
        let body = json!({ "file_id": source });
        let file = self
            .client
            .call("getFile", &body, self.config.request)
            .await;
        let file: File = file.map_err(failed)?;
        if let Some(size) = file.file_size.filter(|size| *size > MAX_DOWNLOAD) {
            return Err(too_large(size));
        }
        let path = file.file_path.filter(|path| is_inside(path)).ok_or_else(|| {
            let sentence = "Telegram names no file we may ask for; a self-hosted server in local mode keeps files to itself";
            AdapterError::new(ErrorKind::Unsupported, sentence)
        })?;
        let response = self
            .client
            .download(&path, DOWNLOAD_TIME)
            .await
            .map_err(failed)?;
        if let Some(size) = response
            .content_length()
            .filter(|size| *size > MAX_DOWNLOAD)
        {
            return Err(too_large(size));
        }
        Ok(capped(response))
    }
}

impl Setup for TelegramAdapter {
    fn pairing_link(&self, identity: &Identity, code: &str) -> Option<String> {
        let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let good = (1..=64).contains(&code.len()) && code.bytes().all(letter);
        let link = identity.link.as_ref().filter(|_| good)?;
        Some(format!("{link}?start={code}"))
    }
}

/// An edit that changes nothing is done; any other failure is one.
fn unchanged(request: Request, failure: Failure) -> Result<(Request, Box<RawValue>)> {
    let done = failure.refusal().is_some_and(Refusal::is_unmodified);
    if done && request.method.starts_with("editMessage") {
        return Ok((request, RawValue::NULL.to_owned()));
    }
    Err(failure.into_error(request.effect))
}

/// What the operator should know of a bot.
fn notes(me: &User) -> Vec<String> {
    let groups = match me.can_read_all_group_messages {
        Some(true) => "privacy mode is off: in groups it sees every message",
        _ => {
            "privacy mode is on: in groups it sees commands, mentions and replies to it (BotFather: /setprivacy)"
        }
    };
    let mut notes = vec![groups.to_owned()];
    if me.can_join_groups == Some(false) {
        notes.push("it cannot be added to groups (BotFather: /setjoingroups)".to_owned());
    }
    notes
}

/// The name of the message a send made; the first one's of an album. It is sent even if the answer names none.
fn sent(result: &RawValue) -> Option<EventId> {
    #[derive(Deserialize)]
    struct Chat {
        id: i64,
    }
    #[derive(Deserialize)]
    struct Message {
        message_id: i64,
        chat: Chat,
    }
    let one = |json: &str| serde_json::from_str::<Message>(json).ok();
    let first = |json: &str| {
        let all: Vec<Message> = serde_json::from_str(json).ok()?;
        all.into_iter().next()
    };
    let message = one(result.get()).or_else(|| first(result.get()))?;
    Some(outbound::message_name(message.chat.id, message.message_id))
}

/// Whether a path stays below the file folder of the server.
fn is_inside(path: &str) -> bool {
    let step = |step: &str| !step.is_empty() && step != "." && step != "..";
    path.len() <= 512
        && path.split('/').all(step)
        && !path.contains(|c: char| c.is_control() || matches!(c, '\\' | ':'))
}

fn capped(response: reqwest::Response) -> ByteStream {
    let mut seen = 0_u64;
    response
        .bytes_stream()
        .map(move |piece| {
            let piece = piece.map_err(|error| io::Error::other(error.without_url()))?;
            seen += piece.len() as u64;
            if seen > MAX_DOWNLOAD {
                return Err(io::Error::other(too_large(seen)));
            }
            Ok(piece)
        })
        .boxed()
}

fn too_large(size: u64) -> AdapterError {
    let sentence = format!(
        "Telegram gives bots files up to {MAX_DOWNLOAD} bytes; this one has {size} or more"
    );
    AdapterError::new(ErrorKind::Invalid, sentence)
}
