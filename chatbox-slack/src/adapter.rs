//! The five methods and the three skills. It only sequences: translation is in `inbound` and `outbound`, the wire in `client`,
//! the connection in `link`.

use crate::client::{Client, read};
use crate::config::Config;
use crate::emoji;
use crate::error::{self, is_about_blocks, is_so_already};
use crate::factory::SCOPES;
use crate::history;
use crate::inbound::{Me, Message, Reader, Ts};
use crate::ingress::Posts;
use crate::link::quiet::{self, Notes, Quiet};
use crate::link::{self, Memory, Opening, Place};
use crate::outbound::{
    self, MARK, MAX_FILES, MAX_REACTIONS, MAX_TEXT, MAX_UPLOAD, Spot, Target, Words, message_name,
    slack_ts,
};
use crate::upload;
use async_trait::async_trait;
use bytes::Bytes;
use chatbox_connector_api::event::Event;
use chatbox_connector_api::id::{EventId, ExternalId, Handle, Platform};
use chatbox_connector_api::kit::http;
use chatbox_connector_api::kit::status::Idempotent;
use chatbox_connector_api::markup::{Markup, Unit};
use chatbox_connector_api::{
    AdapterError, AdapterState, Blobs, ByteStream, Capabilities, ChannelAdapter, Cursor,
    DeliveryClass, ErrorKind, History, Identity, Inbound, Ingress, Limits, MediaSource, OutMessage,
    Outbound, Parts, Receipt, Reconcile, Result, TextLimit, Verb,
};
use serde::Deserialize;
use serde_json::json;
use slack_morphism::api::{
    SlackApiChatDeleteRequest, SlackApiReactionsAddRequest, SlackApiReactionsRemoveRequest,
};
use slack_morphism::prelude::{SlackChannelId, SlackReactionName};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// The platform's name.
pub(crate) const PLATFORM: &str = "slack";
/// The largest file that is fetched, in bytes.
const MAX_DOWNLOAD: u64 = 100 * 1024 * 1024;
/// How long a file may take to come.
const DOWNLOAD_TIME: Duration = Duration::from_secs(300);
/// How often a message that grows is changed: `chat.update` may be asked some 50 times a minute in a workspace.
const GROW_PACE: Duration = Duration::from_millis(1500);
/// How many replies a minute grow: each ends with a change too.
const GROWING: usize = 12;
/// How often any message is changed for growing: the rest of what a workspace allows is for replies that are whole.
const GROW_SHARE: Duration = Duration::from_secs(2);
/// The longest answer to a button, in characters.
const MAX_ANSWER: usize = 3000;
/// What is lost where blocks are refused.
const WITHOUT: &str = "said without Slack's markdown";
/// Where to say that there is an address.
const POSTS: &str = "at https://api.slack.com/apps, paste this connection's hook_url as Request URL under Event Subscriptions, and \
     under Interactivity & Shortcuts if there will be buttons; Slack posts there while Socket Mode is off";
/// Before every timestamp.
const BEGINNING: &str = "0000000000.000000";

/// One app in one workspace.
#[derive(Debug)]
pub struct SlackAdapter {
    client: Arc<Client>,
    config: Arc<Config>,
    blobs: Arc<dyn Blobs>,
    memory: Arc<Mutex<Memory>>,
    /// Where is noted, where Slack posts, up to where everything is safe.
    notes: Option<Notes>,
    /// Of several connections each would hear a part.
    alone: Arc<Semaphore>,
    /// When a message may grow next.
    grows: Mutex<Option<Instant>>,
}

/// Who a token belongs to.
#[derive(Deserialize)]
struct Found {
    user_id: String,
    team_id: String,
    #[serde(default)]
    bot_id: Option<String>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    team: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

impl SlackAdapter {
    /// An app with its settings, reading the files it sends from `blobs`. Speaks to nobody yet.
    ///
    /// # Errors
    /// `Unavailable` when no HTTP client can be made.
    pub fn new(config: Config, blobs: Arc<dyn Blobs>) -> Result<Self> {
        Ok(Self {
            client: Arc::new(Client::new(&config)?),
            config: Arc::new(config),
            blobs,
            memory: Arc::default(),
            notes: None,
            alone: Arc::new(Semaphore::new(1)),
            grows: Mutex::default(),
        })
    }

    /// The same with a memory of its own: where Slack posts to an address of ours, what was missed is read from where it says.
    #[must_use]
    pub fn with_state(mut self, state: Arc<dyn AdapterState>) -> Self {
        self.notes = Some(Notes::new(state));
        self
    }

    /// The adapter with all its skills.
    pub fn parts(self: Arc<Self>) -> Parts {
        let posts = self.config.signing.as_ref().map(|signing| {
            let (client, memory) = (Arc::clone(&self.client), Arc::clone(&self.memory));
            let posts = Posts::new(client, memory, signing);
            // Over a socket a cursor says what is safe.
            let notes = self.notes.clone().filter(|_| self.config.app.is_none());
            Arc::new(posts.noting(notes, self.config.note)) as Arc<dyn Ingress>
        });
        Parts {
            ingress: posts,
            media: Some(Arc::clone(&self) as Arc<dyn MediaSource>),
            history: Some(Arc::clone(&self) as Arc<dyn History>),
            reconcile: Some(Arc::clone(&self) as Arc<dyn Reconcile>),
            ..Parts::new(self)
        }
    }

    /// Who we are, in the workspace we should be in, and what we may do.
    async fn who(&self) -> Result<(Found, Option<String>)> {
        let (found, scopes): (Found, _) = self.client.who().await?;
        let wrong = |sentence: String| Err(AdapterError::new(ErrorKind::Unauthorized, sentence));
        if found.bot_id.is_none() {
            return wrong(
                "this token is a person's and not a bot's; copy the Bot User OAuth Token from https://api.slack.com/apps, OAuth & \
                 Permissions"
                    .to_owned(),
            );
        }
        if let Some(team) = self.config.team.as_ref().filter(|it| **it != found.team_id) {
            return wrong(format!(
                "the bot's token belongs to the workspace {} and not to {team}; install the app there, or change `team_id`",
                found.team_id
            ));
        }
        Ok((found, scopes))
    }

    async fn reader(&self) -> Result<Reader> {
        let (found, _) = self.who().await?;
        Ok(Reader::new(Me {
            user: found.user_id,
            team: found.team_id,
        }))
    }

    /// Where a message goes: into the thread of the message it answers, or of its chat. And what is lost on the way.
    async fn spot(&self, chat: &Handle, message: &OutMessage) -> Result<(Spot, Option<String>)> {
        let mut spot = Spot::of(chat)?;
        let Some(target) = &message.reply_to else {
            return Ok((spot, None));
        };
        let elsewhere = "the message it answers is not in this conversation".to_owned();
        let target = match Target::of(target) {
            Ok(target) if target.channel == spot.channel => target,
            _ => return Ok((spot, Some(elsewhere))),
        };
        if spot.thread.is_some() {
            return Ok((spot, None));
        }
        // A thread is named by its first message, which this one may not be.
        match history::one(&self.client, &target.channel, &target.ts).await {
            Ok(Some(answered)) => {
                spot.thread = Some(answered.thread_ts.unwrap_or(target.ts));
                Ok((spot, None))
            }
            Ok(None) => Ok((spot, Some("the message it answers is gone".to_owned()))),
            Err(error) if *error.kind() == ErrorKind::NotFound => {
                Ok((spot, Some("the message it answers is gone".to_owned())))
            }
            Err(error) => Err(error),
        }
    }

    async fn say(&self, out: &Outbound, message: &OutMessage) -> Result<Receipt> {
        let (spot, lost) = self.spot(&out.chat, message).await?;
        if !message.attachments.is_empty() {
            let words = outbound::words_of(&message.markup);
            let words = Some(words).filter(|it| !it.trim().is_empty());
            let files = &message.attachments;
            upload::send(&self.client, &*self.blobs, &spot, files, words).await?;
            // Slack does not say which message they became.
            return Ok(Receipt {
                message: None,
                degraded: lost,
            });
        }
        let key = out.id.map(|id| outbound::key(id, &message.markup));
        let key = key.as_deref();
        let (answer, plain) = match self.post(&spot, message, Words::Markdown, key).await {
            // Refused, which is certain: the same is said without.
            Err(error) if is_about_blocks(&error) => {
                let said = self.post(&spot, message, Words::Mrkdwn, key).await?;
                (said, Some(WITHOUT.to_owned()))
            }
            said => (said?, None),
        };
        // It is sent even if the answer names none.
        let ts = read::<Sent>(&answer).ok().map(|sent| sent.ts);
        Ok(Receipt {
            message: ts.map(|ts| message_name(&spot.channel, &ts.0)),
            degraded: lost.or(plain),
        })
    }

    async fn post(
        &self,
        spot: &Spot,
        message: &OutMessage,
        words: Words,
        key: Option<&str>,
    ) -> Result<Bytes> {
        let request = outbound::send(spot, &message.markup, words, key)?;
        let request = outbound::with_buttons(request, &message.choices);
        let method = "chat.postMessage";
        self.client.tell(method, &request, Idempotent::No).await
    }

    async fn update(&self, to: &Target, markup: &Markup, words: Words) -> Result<()> {
        let request = outbound::edit(to, markup, words)?;
        let done = self.client.tell("chat.update", &request, Idempotent::Yes);
        done.await.map(drop)
    }

    /// Whether a message may be changed now only to show it growing.
    fn may_grow(&self) -> bool {
        let mut grows = self.grows.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let may = grows.is_none_or(|next| next <= now);
        if may {
            *grows = Some(now + GROW_SHARE);
        }
        may
    }

    async fn change(&self, target: &EventId, message: &OutMessage) -> Result<Receipt> {
        let to = Target::of(target)?;
        let markup = &message.markup;
        let plain = match self.update(&to, markup, Words::Markdown).await {
            Err(error) if is_about_blocks(&error) => {
                self.update(&to, markup, Words::Mrkdwn).await?;
                Some(WITHOUT.to_owned())
            }
            said => said.map(|()| None)?,
        };
        let files = !message.attachments.is_empty();
        let files = files.then(|| "an edit changes the text, not the files".to_owned());
        Ok(Receipt {
            message: Some(target.clone()),
            degraded: files.or(plain),
        })
    }

    async fn take_back(&self, target: &EventId) -> Result<()> {
        let to = Target::of(target)?;
        let channel = SlackChannelId(to.channel);
        let request = SlackApiChatDeleteRequest::new(channel, slack_ts(&to.ts));
        let done = self
            .client
            .tell("chat.delete", &request, Idempotent::Yes)
            .await;
        match done {
            // Gone is gone, whoever took it.
            Err(error) if *error.kind() == ErrorKind::NotFound => Ok(()),
            done => done.map(drop),
        }
    }

    /// Slack adds and removes one reaction at a time: first what stands there is asked for.
    async fn react(&self, target: &EventId, wanted: &[String]) -> Result<()> {
        let to = Target::of(target)?;
        let named = |sign: &String| {
            emoji::name(sign).ok_or_else(|| {
                let sentence = format!("Slack has no name for {sign:?}");
                AdapterError::new(ErrorKind::Invalid, sentence)
            })
        };
        let wanted: Vec<String> = wanted.iter().map(named).collect::<Result<_>>()?;
        let ours = self.ours(&to).await?;
        let (channel, ts) = (SlackChannelId(to.channel), slack_ts(&to.ts));
        for name in ours.iter().filter(|it| !wanted.contains(it)) {
            let request = SlackApiReactionsRemoveRequest {
                channel: Some(channel.clone()),
                timestamp: Some(ts.clone()),
                ..SlackApiReactionsRemoveRequest::new(SlackReactionName(name.clone()))
            };
            self.set("reactions.remove", &request).await?;
        }
        for name in wanted.iter().filter(|it| !ours.contains(it)) {
            let name = SlackReactionName(name.clone());
            let request = SlackApiReactionsAddRequest::new(channel.clone(), name, ts.clone());
            self.set("reactions.add", &request).await?;
        }
        Ok(())
    }

    /// The names of our reactions to a message.
    async fn ours(&self, to: &Target) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Standing {
            message: Message,
        }
        let (found, _) = self.who().await?;
        let with = [
            ("channel", to.channel.clone()),
            ("timestamp", to.ts.0.clone()),
            ("full", "true".to_owned()),
        ];
        let standing: Standing = self.client.ask("reactions.get", &with).await?;
        let ours = standing.message.reactions.into_iter();
        let ours = ours.filter(|it| it.users.contains(&found.user_id));
        Ok(ours.map(|it| it.name).collect())
    }

    async fn set(&self, method: &str, request: &impl serde::Serialize) -> Result<()> {
        match self.client.tell(method, request, Idempotent::Yes).await {
            Err(error) if is_so_already(&error) => Ok(()),
            done => done.map(drop),
        }
    }

    /// A button was told that it was heard when its envelope was acknowledged: only words are left to be said.
    async fn answer(&self, place: &str, text: &str) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let text: String = text.chars().take(MAX_ANSWER).collect();
        let said = json!({
            "response_type": "ephemeral", "replace_original": false, "text": outbound::escape(&text),
        });
        self.client.respond(place, &said).await
    }

    fn best(&self, resume: Option<Cursor>, bot: &str) -> Option<Place> {
        let stored = resume.and_then(|cursor| Place::read(&cursor, bot));
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.best(stored, bot)
    }
}

#[derive(Deserialize)]
struct Sent {
    ts: Ts,
}

#[async_trait]
impl ChannelAdapter for SlackAdapter {
    fn platform(&self) -> Platform {
        PLATFORM.into()
    }

    fn capabilities(&self) -> Capabilities {
        let limit = TextLimit {
            max: MAX_TEXT,
            unit: Unit::Utf16,
        };
        let any = Some(Limits::default());
        let mut can = Capabilities::new(DeliveryClass::Reconcilable, limit);
        can.reply = any;
        can.edit = any;
        can.grow = Some(Limits {
            pace: Some(GROW_PACE),
            max_count: Some(GROWING),
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
        // What is posted comes whenever it comes.
        can.heartbeat = self.config.app.is_some().then_some(self.config.heartbeat);
        can
    }

    async fn probe(&self) -> Result<Identity> {
        let (found, scopes) = self.who().await?;
        let mut notes = Vec::new();
        if let Some(scopes) = scopes {
            let granted: Vec<&str> = scopes.split(',').map(str::trim).collect();
            for (scope, why) in SCOPES.iter().filter(|(scope, _)| !granted.contains(scope)) {
                let sentence = format!("the bot lacks {scope}, {why}: {}", error::lacking(scope));
                // Without this one nothing can be said at all.
                if *scope == "chat:write" {
                    return Err(AdapterError::new(ErrorKind::Unauthorized, sentence));
                }
                notes.push(sentence);
            }
        }
        // Asks for an address and connects to nothing: it proves the other token, and that Socket Mode is on.
        if self.config.app.is_some() {
            self.client.connection().await?;
        }
        if self.config.signing.is_some() {
            notes.push(POSTS.to_owned());
        }
        let name = found.user.unwrap_or_else(|| found.user_id.clone());
        let team = found.team.unwrap_or_else(|| found.team_id.clone());
        notes.insert(
            0,
            format!("it is in the workspace {team}; in a channel, write /invite @{name} first"),
        );
        let home = found.url.filter(|url| url.starts_with("https://"));
        Ok(Identity {
            link: home.map(|url| format!("{url}team/{}", found.user_id)),
            id: ExternalId::new(found.user_id),
            name,
            notes,
        })
    }

    async fn open(&self, resume: Option<Cursor>) -> Result<Inbound> {
        let alone = Arc::clone(&self.alone).try_acquire_owned();
        let alone = alone.map_err(|_| {
            AdapterError::new(ErrorKind::Conflict, "this app is already listened to here")
        })?;
        let reader = self.reader().await?;
        let place = self.best(resume, &reader.me.user);
        if self.config.app.is_none() {
            return quiet::open(Quiet {
                client: Arc::clone(&self.client),
                memory: Arc::clone(&self.memory),
                reader,
                place,
                notes: self.notes.clone(),
                every: self.config.note,
                _alone: alone,
            })
            .await;
        }
        let opening = Opening {
            client: Arc::clone(&self.client),
            config: Arc::clone(&self.config),
            memory: Arc::clone(&self.memory),
            reader,
            place,
            alone,
        };
        link::open(opening).await
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let done = match &out.verb {
            Verb::Send(message) => return self.say(out, message).await,
            Verb::Edit { target, message } => {
                if out.id.is_none() && !self.may_grow() {
                    return Ok(Receipt {
                        message: Some(target.clone()),
                        degraded: Some("other messages grow; this one is shown later".to_owned()),
                    });
                }
                return self.change(target, message).await;
            }
            Verb::Delete { target } => self.take_back(target).await,
            Verb::React { target, emoji } => self.react(target, emoji).await,
            Verb::Answer { token, text } => self.answer(token, text).await,
            other => {
                let sentence = format!("Slack has no `{}` for bots", other.name());
                Err(AdapterError::new(ErrorKind::Unsupported, sentence))
            }
        };
        done.map(|()| Receipt::default())
    }
}

#[async_trait]
impl MediaSource for SlackAdapter {
    async fn fetch(&self, source: &str) -> Result<ByteStream> {
        let answer = self.client.download(source, DOWNLOAD_TIME).await?;
        Ok(http::stream(answer, MAX_DOWNLOAD))
    }
}

#[async_trait]
impl History for SlackAdapter {
    async fn since(&self, chat: &Handle, after: Option<&EventId>) -> Result<Vec<Event>> {
        let spot = Spot::of(chat)?;
        let after = after.map(Target::of).transpose()?;
        let after = after.map_or_else(|| Ts(BEGINNING.to_owned()), |target| target.ts);
        let messages = match &spot.thread {
            Some(root) => {
                history::replies(&self.client, &spot.channel, root, &after)
                    .await?
                    .0
            }
            None => {
                let from = history::From {
                    own: after.clone(),
                    threads: [].into(),
                    others: after,
                };
                let past = history::read(&self.client, &spot.channel, &from).await?;
                past.messages
            }
        };
        let mut reader = self.reader().await?;
        let events = messages
            .iter()
            .filter_map(|message| reader.late(&spot.channel, message));
        Ok(events.filter(|event| event.chat.handle == *chat).collect())
    }
}

#[async_trait]
impl Reconcile for SlackAdapter {
    async fn look_up(&self, out: &Outbound) -> Result<Option<Receipt>> {
        let message = match (&out.verb, out.id) {
            (Verb::Send(message), Some(_)) if message.attachments.is_empty() => message,
            (Verb::Send(_) | Verb::Answer { .. }, _) => {
                let sentence = "Slack cannot be asked what became of files and answers";
                return Err(AdapterError::new(ErrorKind::Ambiguous, sentence));
            }
            // Done twice it does no more than once.
            _ => return Ok(None),
        };
        // A request whose answer was lost may still be on its way.
        sleep(self.config.settle).await;
        let (spot, degraded) = self.spot(&out.chat, message).await?;
        if message.reply_to.is_some() && spot.thread.is_none() {
            // Which thread it went to is not known any more.
            let sentence = "the message it answers is gone, and with it where to look";
            return Err(AdapterError::new(ErrorKind::Ambiguous, sentence));
        }
        let key = out.id.map(|id| outbound::key(id, &message.markup));
        let marked = |it: &Message| is_marked(it, key.as_deref());
        let (channel, thread) = (&spot.channel, spot.thread.as_ref());
        let ours = history::find(&self.client, channel, thread, marked).await?;
        Ok(ours.map(|it| Receipt {
            message: Some(message_name(&spot.channel, &it.ts.0)),
            degraded,
        }))
    }
}

fn is_marked(message: &Message, key: Option<&str>) -> bool {
    let mark = message.metadata.as_ref();
    mark.is_some_and(|it| it.event_type == MARK && it.event_payload.key.as_deref() == key)
}
