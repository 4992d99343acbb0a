//! The five methods and the two skills. It only sequences: translation is in `inbound` and `outbound`, the wire in
//! `client`, the connection in `gateway`.

use crate::client::Client;
use crate::config::Config;
use crate::gateway::{self, Memory, Opening, Place};
use crate::history;
use crate::inbound::{Message, Reader};
use crate::outbound::{self, MAX_FILES, MAX_REACTIONS, MAX_TEXT, MAX_UPLOAD, Target, message_name};
use crate::upload;
use async_trait::async_trait;
use bytes::Bytes;
use chatbox_connector_api::event::{Attachment, Event};
use chatbox_connector_api::id::{EventId, ExternalId, Handle, Platform};
use chatbox_connector_api::kit::http;
use chatbox_connector_api::kit::status::Idempotent;
use chatbox_connector_api::markup::Unit;
use chatbox_connector_api::{
    AdapterError, Blobs, ByteStream, Capabilities, ChannelAdapter, Cursor, DeliveryClass,
    ErrorKind, History, Identity, Inbound, Limits, MediaSource, OutMessage, Outbound, Parts,
    Receipt, Result, TextLimit, Verb,
};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use serenity::http::Route;
use serenity::model::id::InteractionId;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The platform's name.
pub(crate) const PLATFORM: &str = "discord";
/// The largest file that is fetched, in bytes.
const MAX_DOWNLOAD: u64 = 100 * 1024 * 1024;
/// How long a file may take to come.
const DOWNLOAD_TIME: Duration = Duration::from_secs(300);
/// How often a message that grows is changed: a channel takes five changes in five seconds, of all its messages.
const GROW_PACE: Duration = Duration::from_millis(1200);
/// What the bot is asked in for: see, write and read channels, threads, files, reactions.
const PERMISSIONS: u64 = 1 << 10 | 1 << 11 | 1 << 15 | 1 << 16 | 1 << 6 | 1 << 38;
/// The application's flags for reading messages: granted, or granted to small bots.
const CONTENT_FLAGS: u64 = 1 << 18 | 1 << 19;

/// One bot.
#[derive(Debug)]
pub struct DiscordAdapter {
    client: Arc<Client>,
    config: Arc<Config>,
    blobs: Arc<dyn Blobs>,
    memory: Arc<Mutex<Memory>>,
    /// Two connections with one token would each hear everything.
    alone: Arc<Semaphore>,
}

/// Who a token belongs to.
#[derive(Deserialize)]
struct Me {
    id: String,
    username: String,
}

impl DiscordAdapter {
    /// A bot with its settings, reading the files it sends from `blobs`. Speaks to nobody yet.
    ///
    /// # Errors
    /// `Unavailable` when no HTTP client can be made.
    pub fn new(config: Config, blobs: Arc<dyn Blobs>) -> Result<Self> {
        Ok(Self {
            client: Arc::new(Client::new(&config)?),
            config: Arc::new(config),
            blobs,
            memory: Arc::default(),
            alone: Arc::new(Semaphore::new(1)),
        })
    }

    /// It with its skills.
    pub fn parts(self: Arc<Self>) -> Parts {
        Parts {
            media: Some(Arc::clone(&self) as Arc<dyn MediaSource>),
            history: Some(Arc::clone(&self) as Arc<dyn History>),
            ..Parts::new(self)
        }
    }

    async fn me(&self) -> Result<(u64, Me)> {
        let me: Me = self.client.get(Route::UserMe, &[]).await?;
        let id = me.id.parse().ok().filter(|id| *id != 0);
        let id = id.ok_or_else(|| {
            AdapterError::new(ErrorKind::Unavailable, "Discord names us by no number")
        })?;
        Ok((id, me))
    }

    async fn reader(&self) -> Result<Reader> {
        let (me, _) = self.me().await?;
        Ok(Reader::new(me, self.config.allowed_guilds.clone()))
    }

    /// A request with a body, or with files beside it.
    async fn post(
        &self,
        (method, route): (Method, Route<'_>),
        body: String,
        files: &[Attachment],
        effect: Idempotent,
    ) -> Result<Bytes> {
        let request = self.client.request(method, route, &[])?;
        if files.is_empty() {
            let request = request
                .header(reqwest::header::CONTENT_TYPE, "application/json")
                .body(body);
            return self.client.send(request, effect, Duration::ZERO).await;
        }
        let (form, more) = upload::form(&*self.blobs, body, files).await?;
        self.client
            .send(request.multipart(form), effect, more)
            .await
    }

    async fn say(&self, out: &Outbound, message: &OutMessage) -> Result<Receipt> {
        #[derive(Deserialize)]
        struct Sent {
            id: String,
        }
        let place = outbound::channel(&out.chat)?;
        let (said, degraded) = outbound::send(out.id, place, message)?;
        let route = Route::ChannelMessages { channel_id: place };
        let effect = if out.id.is_some() {
            Idempotent::Yes
        } else {
            Idempotent::No
        };
        let body = outbound::payload(&said)?;
        let answer = self
            .post((Method::POST, route), body, &message.attachments, effect)
            .await?;
        // It is sent even if the answer names none.
        let sent = serde_json::from_slice::<Sent>(&answer).ok();
        let id = sent.and_then(|sent| sent.id.parse().ok());
        Ok(Receipt {
            message: id.map(|id| message_name(place.get(), id)),
            degraded,
        })
    }

    async fn change(&self, target: &EventId, message: &OutMessage) -> Result<Receipt> {
        let to = Target::of(target)?;
        let (said, degraded) = outbound::edit(message)?;
        let route = Route::ChannelMessage {
            channel_id: to.channel,
            message_id: to.message,
        };
        let body = outbound::payload(&said)?;
        self.post((Method::PATCH, route), body, &[], Idempotent::Yes)
            .await?;
        Ok(Receipt {
            message: Some(target.clone()),
            degraded,
        })
    }

    async fn take_back(&self, target: &EventId) -> Result<()> {
        let to = Target::of(target)?;
        let route = Route::ChannelMessage {
            channel_id: to.channel,
            message_id: to.message,
        };
        match self.bare(Method::DELETE, route).await {
            // Gone is gone, whoever took it.
            Err(error) if *error.kind() == ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    async fn bare(&self, method: Method, route: Route<'_>) -> Result<()> {
        let request = self
            .client
            .request(method, route, &[])?
            .header(reqwest::header::CONTENT_LENGTH, 0);
        self.client
            .send(request, Idempotent::Yes, Duration::ZERO)
            .await
            .map(drop)
    }

    /// Discord adds and removes one reaction at a time: first what stands there is asked for.
    async fn react(&self, target: &EventId, wanted: &[String]) -> Result<()> {
        let Target { channel, message } = Target::of(target)?;
        let (channel_id, message_id) = (channel, message);
        let now: Message = self
            .client
            .get(
                Route::ChannelMessage {
                    channel_id,
                    message_id,
                },
                &[],
            )
            .await?;
        let ours = now.reactions.iter().filter(|it| it.me);
        let ours: Vec<String> = ours.filter_map(|it| it.emoji.key()).collect();
        let gone = ours
            .iter()
            .filter(|it| !wanted.contains(it))
            .map(|it| (Method::DELETE, it));
        let new = wanted
            .iter()
            .filter(|it| !ours.contains(it))
            .map(|it| (Method::PUT, it));
        for (method, emoji) in gone.chain(new) {
            let reaction = &*outbound::escaped(emoji);
            self.bare(
                method,
                Route::ChannelMessageReactionMe {
                    channel_id,
                    message_id,
                    reaction,
                },
            )
            .await?;
        }
        Ok(())
    }

    /// A button without words is only told that it was heard; a command must be answered with some.
    async fn answer(&self, token: &str, text: &str) -> Result<()> {
        let missing = || {
            AdapterError::new(
                ErrorKind::NotFound,
                "this is not the token of a Discord interaction",
            )
        };
        let mut parts = token.splitn(3, '/');
        let (kind, id, key) = (parts.next(), parts.next(), parts.next());
        let id: u64 = id
            .and_then(|id| id.parse().ok())
            .filter(|id| *id != 0)
            .ok_or_else(missing)?;
        let token = outbound::escaped(key.ok_or_else(missing)?);
        let body = match (kind, text) {
            (Some("3"), "") => json!({"type": 6}),
            (_, text) => {
                let text = if text.is_empty() { "✓" } else { text };
                let text: String = text.chars().take(MAX_TEXT).collect();
                json!({"type": 4, "data": {"content": text, "flags": 64 | 4, "allowed_mentions": {"parse": []}}})
            }
        };
        let route = Route::InteractionResponse {
            interaction_id: InteractionId::new(id),
            token: &token,
        };
        let request = self.client.nameless(Method::POST, route)?.json(&body);
        self.client
            .send(request, Idempotent::Yes, Duration::ZERO)
            .await
            .map(drop)
    }
}

#[async_trait]
impl ChannelAdapter for DiscordAdapter {
    fn platform(&self) -> Platform {
        PLATFORM.into()
    }

    fn capabilities(&self) -> Capabilities {
        let limit = TextLimit {
            max: MAX_TEXT,
            unit: Unit::Scalar,
        };
        let any = Some(Limits::default());
        let mut can = Capabilities::new(DeliveryClass::Idempotent, limit);
        can.caption = Some(limit);
        can.reply = any;
        can.edit = any;
        can.grow = Some(Limits {
            pace: Some(GROW_PACE),
            ..Limits::default()
        });
        can.delete = any;
        can.react = Some(Limits {
            max_count: Some(MAX_REACTIONS),
            ..Limits::default()
        });
        can.media = Some(Limits {
            max_bytes: Some(MAX_UPLOAD),
            max_count: Some(MAX_FILES),
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
        can.heartbeat = Some(self.config.heartbeat);
        can
    }

    async fn probe(&self) -> Result<Identity> {
        #[derive(Deserialize)]
        struct Application {
            id: String,
            #[serde(default)]
            flags: u64,
        }
        let (id, me) = self.me().await?;
        let application: Application = self
            .client
            .get(Route::Oauth2ApplicationCurrent, &[])
            .await?;
        let link = format!(
            "https://discord.com/oauth2/authorize?client_id={}&scope=bot&permissions={PERMISSIONS}",
            application.id
        );
        let mut notes = vec![format!(
            "invite it to a server: {link}; who shares one with it can write to it directly"
        )];
        if self.config.message_content && application.flags & CONTENT_FLAGS == 0 {
            notes.push(
                "it may not read messages yet: switch on Message Content Intent in the developer portal under Bot, or \
                 set `message_content = false`"
                    .to_owned(),
            );
        }
        Ok(Identity {
            id: ExternalId::new(id.to_string()),
            name: me.username,
            link: Some(link),
            notes,
        })
    }

    async fn open(&self, resume: Option<Cursor>) -> Result<Inbound> {
        let alone = Arc::clone(&self.alone).try_acquire_owned();
        let alone = alone.map_err(|_| {
            AdapterError::new(ErrorKind::Conflict, "this bot is already listened to here")
        })?;
        let reader = self.reader().await?;
        let stored = resume.and_then(|cursor| Place::read(&cursor, reader.me));
        let memory = self
            .memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .best(stored, reader.me);
        let opening = Opening {
            client: Arc::clone(&self.client),
            config: Arc::clone(&self.config),
            memory: Arc::clone(&self.memory),
            reader,
            place: memory,
            alone,
        };
        gateway::open(opening).await
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let done = match &out.verb {
            Verb::Send(message) => return self.say(out, message).await,
            Verb::Edit { target, message } => return self.change(target, message).await,
            Verb::Delete { target } => self.take_back(target).await,
            Verb::React { target, emoji } => self.react(target, emoji).await,
            Verb::Answer { token, text } => self.answer(token, text).await,
            Verb::Typing => {
                let route = Route::ChannelTyping {
                    channel_id: outbound::channel(&out.chat)?,
                };
                self.bare(Method::POST, route).await
            }
            other => {
                let sentence = format!("Discord has no `{}` for bots", other.name());
                Err(AdapterError::new(ErrorKind::Unsupported, sentence))
            }
        };
        done.map(|()| Receipt::default())
    }
}

#[async_trait]
impl MediaSource for DiscordAdapter {
    async fn fetch(&self, source: &str) -> Result<ByteStream> {
        let answer = self.client.download(source, DOWNLOAD_TIME).await?;
        Ok(http::stream(answer, MAX_DOWNLOAD))
    }
}

#[async_trait]
impl History for DiscordAdapter {
    async fn since(&self, chat: &Handle, after: Option<&EventId>) -> Result<Vec<Event>> {
        history::since(&self.client, self.reader().await?, chat, after).await
    }
}
