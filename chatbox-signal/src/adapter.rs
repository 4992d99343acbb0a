//! The five methods and the two skills. It only sequences: translation is in `inbound` and `outbound`, the wire in
//! `client`, the listening in `listen`.

use crate::client::Client;
use crate::config::Config;
use crate::error::{Effect, Failure, Outcome};
use crate::inbound::{MAX_FILE, Source, message_name};
use crate::link::{Link, Linking, Seen};
use crate::listen::{self, Account, Nothing};
use crate::outbound::{self, File, MAX_FILES, MAX_TEXT, Request};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chatbox_connector_api::id::{EventId, ExternalId, Platform};
use chatbox_connector_api::markup::Unit;
use chatbox_connector_api::{
    AdapterError, BlobError, Blobs, ByteStream, Capabilities, ChannelAdapter, Cursor,
    DeliveryClass, ErrorKind, Identity, Inbound, Leave, Limits, MediaSource, Outbound, Parts,
    Receipt, Result, TextLimit, Verb,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep, timeout};

/// The platform's name.
pub(crate) const PLATFORM: &str = "signal";
/// How long a message can be changed or taken back: other people's clients ignore it afterwards.
const CHANGE_AGE: Duration = Duration::from_secs(24 * 3600);
/// How often a daemon that starts is looked for.
const LOOK: Duration = Duration::from_millis(500);
/// How long the daemon may take to ask Signal's servers for a code to scan.
const CODE: Duration = Duration::from_secs(10);
/// How a phone lists us.
const DEVICE: &str = "chatbox";
/// The slowest transfer we wait for, in bytes a second.
const SLOWEST: u64 = 64 * 1024;
/// How often the daemon shows life over HTTP, with room.
const HTTP_BEAT: Duration = Duration::from_secs(20);

/// One account.
#[derive(Debug)]
pub struct SignalAdapter {
    client: Arc<Client>,
    config: Arc<Config>,
    blobs: Arc<dyn Blobs>,
    /// Two listeners would take each other's messages.
    alone: Arc<Semaphore>,
    /// Tells the listener, if there is one, that nothing more is to be handed over.
    leave: Arc<Notify>,
    link: Mutex<Link>,
    /// Whether it was ever to be listened to. Who is asked before that is being set up.
    opened: AtomicBool,
    /// Until when a daemon that nobody has reached may still be starting; `None` once it was reached.
    starting: Mutex<Option<Instant>>,
}

impl SignalAdapter {
    /// An account with its settings, reading the files it sends from `blobs`. Speaks to nobody yet.
    ///
    /// # Errors
    /// `Invalid` when no HTTP client can be made of the settings.
    pub fn new(config: Config, blobs: Arc<dyn Blobs>) -> Result<Self> {
        Ok(Self {
            client: Arc::new(Client::new(&config)?),
            starting: Mutex::new(Some(Instant::now() + config.start)),
            config: Arc::new(config),
            blobs,
            alone: Arc::new(Semaphore::new(1)),
            leave: Arc::default(),
            link: Mutex::new(Link::Unlinked),
            opened: AtomicBool::new(false),
        })
    }

    /// It with its skills.
    pub fn parts(self: Arc<Self>) -> Parts {
        Parts {
            media: Some(Arc::clone(&self) as Arc<dyn MediaSource>),
            leave: Some(Arc::clone(&self) as Arc<dyn Leave>),
            ..Parts::new(self)
        }
    }

    /// How the account stands with its daemon, as far as it was seen.
    pub fn link(&self) -> Link {
        self.link
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn saw(&self, seen: Seen) -> Link {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        *link = link.clone().after(seen);
        link.clone()
    }

    /// Asks the daemon for our account.
    async fn find(&self) -> std::result::Result<Result<String>, Failure> {
        let most = self.config.request.min(Duration::from_secs(10));
        let accounts: Vec<Account> = self.client.call("listAccounts", &Nothing {}, most).await?;
        let numbers: Vec<String> = accounts.into_iter().map(|it| it.number).collect();
        let found = match (&self.config.account, numbers.as_slice()) {
            (Some(ours), all) => all.iter().find(|it| *it == ours),
            (None, [only]) => Some(only),
            (None, []) => None,
            (None, several) => {
                let all = several.join(", ");
                let sentence =
                    format!("signal-cli has several accounts; set `account` to one of {all}");
                return Ok(Err(AdapterError::new(ErrorKind::Invalid, sentence)));
            }
        };
        Ok(match found {
            Some(account) => {
                self.saw(Seen::Account(account.clone()));
                Ok(account.clone())
            }
            None => Err(self.saw(Seen::NoAccount).refusal()),
        })
    }

    /// Why there is no account, with a code to scan where the daemon has one for us. One that was started for a single
    /// account has none.
    async fn begin_linking(&self, refusal: AdapterError) -> AdapterError {
        let Ok(Ok(linking)) = timeout(CODE, Linking::start(&self.config)).await else {
            return refusal;
        };
        let refusal = self.saw(Seen::Code(linking.uri().to_owned())).refusal();
        // The daemon waits for the phone; whoever scanned adds the account anew.
        tokio::spawn(async move {
            match linking.finish(DEVICE).await {
                Ok(_) => tracing::info!("a phone has linked signal-cli"),
                Err(error) => tracing::info!(%error, "no phone has linked signal-cli"),
            }
        });
        refusal
    }

    /// Our account, as last seen or asked for.
    async fn account(&self) -> Result<String> {
        if let Link::Ready { account } = self.link() {
            return Ok(account);
        }
        let found = self.find().await;
        found.map_err(|failure| failure.into_error(Effect::Repeatable))?
    }

    /// Our account, of a daemon that may still be starting.
    async fn account_once_started(&self) -> Result<String> {
        loop {
            let starting = *self.starting.lock().unwrap_or_else(PoisonError::into_inner);
            match self.find().await {
                Err(Failure::NotSent(_)) if starting.is_some_and(|it| it > Instant::now()) => {
                    sleep(LOOK).await;
                }
                Err(failure) => return Err(failure.into_error(Effect::Repeatable)),
                Ok(found) => {
                    *self.starting.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    return found;
                }
            }
        }
    }

    /// What a failure means, once it is noted whether the account is gone.
    fn failed(&self, failure: Failure, effect: Effect) -> AdapterError {
        match failure.is_no_account() {
            true => self.saw(Seen::NoAccount).refusal(),
            false => failure.into_error(effect),
        }
    }

    /// The file as a data URI, and its size.
    async fn read(&self, file: &File) -> Result<(String, u64)> {
        let (size, bytes) = self.blobs.open(&file.id).await.map_err(unreadable)?;
        if size > MAX_FILE {
            let sentence = format!("a file of {size} bytes is larger than the {MAX_FILE} we send");
            return Err(AdapterError::new(ErrorKind::Invalid, sentence));
        }
        let bytes: Vec<Bytes> = bytes
            .try_collect()
            .await
            .map_err(|error| unreadable(BlobError::Io(error)))?;
        let mut uri = file.head.clone();
        STANDARD.encode_string(bytes.concat(), &mut uri);
        Ok((uri, size))
    }

    async fn send(&self, mut request: Request) -> Result<Receipt> {
        let mut most = self.config.request;
        for file in std::mem::take(&mut request.files) {
            let (uri, size) = self.read(&file).await?;
            request.params.attachments.push(uri);
            most += Duration::from_secs(size / SLOWEST);
        }
        let Request {
            method,
            params,
            effect,
            ..
        } = &request;
        let answer: std::result::Result<Outcome, _> = self.client.call(method, params, most).await;
        let outcome = answer.map_err(|failure| self.failed(failure, *effect))?;
        if let Some(refusal) = outcome.failure() {
            return Err(self.failed(Failure::Refused(refusal), *effect));
        }
        let lost = [request.lost, outcome.lost()].into_iter().flatten();
        let lost: Vec<String> = lost.collect();
        Ok(Receipt {
            message: Some(message_name(&request.params.account, outcome.timestamp)),
            degraded: (!lost.is_empty()).then(|| lost.join("; ")),
        })
    }

    async fn act(&self, request: &Request) -> Result<()> {
        let (method, most) = (request.method, self.config.request);
        let done: std::result::Result<IgnoredAny, _> =
            self.client.call(method, &request.params, most).await;
        done.map(drop)
            .map_err(|failure| self.failed(failure, request.effect))
    }
}

#[async_trait]
impl ChannelAdapter for SignalAdapter {
    fn platform(&self) -> Platform {
        PLATFORM.into()
    }

    fn capabilities(&self) -> Capabilities {
        let text = TextLimit {
            max: MAX_TEXT,
            unit: Unit::Utf8,
        };
        let any = Some(Limits::default());
        let change = Some(Limits {
            max_age: Some(CHANGE_AGE),
            ..Limits::default()
        });
        let mut can = Capabilities::new(DeliveryClass::Ambiguous, text);
        can.caption = Some(text);
        can.reply = any;
        can.edit = change;
        can.delete = change;
        can.react = Some(Limits {
            max_count: Some(1),
            ..Limits::default()
        });
        can.media = Some(Limits {
            max_bytes: Some(MAX_FILE),
            max_count: Some(MAX_FILES),
            ..Limits::default()
        });
        can.media_in = Some(Limits {
            max_bytes: Some(MAX_FILE),
            ..Limits::default()
        });
        can.mark_read = any;
        can.typing = any;
        can.heartbeat = Some(match self.client.is_http() {
            true => HTTP_BEAT,
            // Asked for so often, and answered at once.
            false => self.config.beat + self.config.beat / 2,
        });
        can
    }

    async fn probe(&self) -> Result<Identity> {
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let found = self.find().await;
        let found = found.map_err(|failure| failure.into_error(Effect::Repeatable))?;
        let number = match found {
            Err(refusal)
                if *refusal.kind() == ErrorKind::Unauthorized
                    && !self.opened.load(Ordering::Relaxed) =>
            {
                return Err(self.begin_linking(refusal).await);
            }
            found => found?,
        };
        let most = self.config.request;
        let version: std::result::Result<Version, _> =
            self.client.call("version", &Nothing {}, most).await;
        let version = version.map_err(|failure| failure.into_error(Effect::Repeatable))?;
        Ok(Identity {
            id: ExternalId::new(number.clone()),
            link: Some(format!("https://signal.me/#p/{number}")),
            name: number,
            notes: vec![
                format!("signal-cli {}", version.version),
                "start it with `--receive-mode manual`: otherwise it fetches messages while nobody listens, and they are lost"
                    .to_owned(),
            ],
        })
    }

    async fn open(&self, _resume: Option<Cursor>) -> Result<Inbound> {
        self.opened.store(true, Ordering::Relaxed);
        let alone = Arc::clone(&self.alone).try_acquire_owned().map_err(|_| {
            AdapterError::new(
                ErrorKind::Conflict,
                "this account is already listened to here",
            )
        })?;
        let account = self.account_once_started().await?;
        let (client, config) = (Arc::clone(&self.client), Arc::clone(&self.config));
        let leave = Arc::clone(&self.leave);
        let opened = listen::listen(client, config, account, leave, alone).await;
        opened.map_err(|failure| self.failed(failure, Effect::Repeatable))
    }

    async fn perform(&self, out: &Outbound) -> Result<Receipt> {
        let request = outbound::request(out, &self.account().await?)?;
        match &out.verb {
            Verb::Send(_) => self.send(request).await,
            Verb::Edit { target, .. } => {
                // Later changes name the first text as well.
                let message: Option<EventId> = Some(target.clone());
                let receipt = self.send(request).await?;
                Ok(Receipt { message, ..receipt })
            }
            _ => self.act(&request).await.map(|()| Receipt::default()),
        }
    }
}

impl Leave for SignalAdapter {
    fn leave(&self) {
        self.leave.notify_one();
    }
}

#[async_trait]
impl MediaSource for SignalAdapter {
    async fn fetch(&self, source: &str) -> Result<ByteStream> {
        let read = Source::read(source)
            .ok_or_else(|| AdapterError::new(ErrorKind::NotFound, "this is no file of Signal's"))?;
        let most = self.config.request + Duration::from_secs(MAX_FILE / SLOWEST);
        let bytes = listen::fetch(&self.client, &self.account().await?, &read, most).await?;
        Ok(stream::once(async { Ok(Bytes::from(bytes)) }).boxed())
    }
}

fn unreadable(error: BlobError) -> AdapterError {
    let kind = match error {
        BlobError::Io(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Invalid,
    };
    AdapterError::new(kind, format!("a file of ours could not be read: {error}"))
}
