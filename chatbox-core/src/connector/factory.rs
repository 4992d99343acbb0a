//! How an adapter is described, configured and built.

use super::{AdapterError, ErrorKind, Parts, Result, Transcript};
use crate::event::Attachment;
use crate::id::{ConnectionId, MediaId, Platform};
use crate::markup::Dialect;
use crate::secret::Secret;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::sync::Arc;

/// Builds the adapter of one platform.
#[async_trait]
pub trait AdapterFactory: Debug + Send + Sync + 'static {
    /// What the platform is and needs. Wizard, command line and checks are derived from it.
    fn manifest(&self) -> Manifest;

    /// How the platform measures a text once it is rendered.
    fn dialect(&self) -> Arc<dyn Dialect>;

    /// Builds an adapter. Checks the settings; does not speak to the platform.
    async fn build(
        &self,
        context: AdapterContext,
        settings: Settings,
        secrets: Secrets,
    ) -> Result<Parts>;
}

/// A platform, described for people and programs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Its name in addresses, settings and metrics.
    pub platform: Platform,
    /// Its name for people.
    pub title: String,
    /// The secrets it needs.
    #[serde(default)]
    pub secrets: Vec<SecretSpec>,
    /// The settings it takes.
    #[serde(default)]
    pub settings: Vec<SettingSpec>,
    /// What a person does first, one line a step.
    #[serde(default)]
    pub guide: Vec<String>,
}

/// One secret an adapter needs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SecretSpec {
    /// Its key.
    pub name: String,
    /// What to ask for.
    pub title: String,
    /// The environment variable that may hold it; the same with `_FILE` names a file.
    pub env: String,
    /// Whether the adapter can do without. What it needs one of several for, it says when it is built.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// One setting an adapter takes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SettingSpec {
    /// Its key.
    pub name: String,
    /// What it does.
    pub title: String,
    /// What it is when absent.
    #[serde(default)]
    pub default: Option<String>,
}

/// An adapter's settings as written, read by its own crate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(Arc<RawValue>);

impl Settings {
    /// Settings from something that serialises to a JSON object.
    ///
    /// # Errors
    /// `Invalid` when it does not.
    pub fn new(settings: &impl Serialize) -> Result<Self> {
        serde_json::value::to_raw_value(settings)
            .map(|raw| Self(raw.into()))
            .map_err(invalid)
    }

    /// Settings from JSON text.
    ///
    /// # Errors
    /// `Invalid` when it is not JSON.
    pub fn from_json(json: &str) -> Result<Self> {
        RawValue::from_string(json.to_owned())
            .map(|raw| Self(raw.into()))
            .map_err(invalid)
    }

    /// No settings: every default holds.
    pub fn none() -> Self {
        Self(
            RawValue::from_string("{}".to_owned())
                .expect("an empty object is JSON")
                .into(),
        )
    }

    /// The settings as the adapter's own type.
    ///
    /// # Errors
    /// `Invalid` with the place of the mistake.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.0.get()).map_err(invalid)
    }

    /// The settings as JSON text.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

fn invalid(error: serde_json::Error) -> AdapterError {
    AdapterError::new(
        ErrorKind::Invalid,
        format!("the settings cannot be read: {error}"),
    )
    .with_source(error)
}

/// An adapter's secrets by key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secrets(pub BTreeMap<String, Secret>);

impl Secrets {
    /// One secret.
    ///
    /// # Errors
    /// `Unauthorized` when it is missing or empty.
    pub fn require(&self, name: &str) -> Result<&Secret> {
        let missing = || {
            AdapterError::new(
                ErrorKind::Unauthorized,
                format!("the secret `{name}` is missing"),
            )
        };
        self.get(name).ok_or_else(missing)
    }

    /// One secret, if it was given and is not empty.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name).filter(|secret| !secret.is_empty())
    }
}

/// What the house gives an adapter.
#[derive(Clone, Debug)]
pub struct AdapterContext {
    /// Whose adapter it is.
    pub connection: ConnectionId,
    /// Where its requests may go.
    pub egress: Egress,
    /// Its own small memory.
    pub state: Arc<dyn AdapterState>,
    /// Files.
    pub blobs: Arc<dyn Blobs>,
    /// The log of its own chats.
    pub transcript: Arc<dyn Transcript>,
}

/// Where requests may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Egress {
    /// Public addresses only.
    #[default]
    Public,
    /// This machine and private networks as well: for servers the operator runs and named.
    Private,
}

/// How often a value was written; 0 when never.
pub type Revision = i64;

/// An adapter's own small memory: sealed, by key, written by compare-and-swap.
#[async_trait]
pub trait AdapterState: Debug + Send + Sync + 'static {
    /// The value and its revision.
    async fn load(&self, key: &str)
    -> std::result::Result<Option<(Revision, Vec<u8>)>, StateError>;
    /// Writes if nobody else has since `revision`; answers whether it did.
    async fn save(
        &self,
        key: &str,
        revision: Revision,
        value: &[u8],
    ) -> std::result::Result<bool, StateError>;
}

/// The adapter's memory cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("the adapter's state cannot be reached: {0}")]
pub struct StateError(pub String);

/// A file's bytes as they come.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// Files, by id.
#[async_trait]
pub trait Blobs: Debug + Send + Sync + 'static {
    /// Stores a file as it streams in and names it. `name` and `mime` are what the sender claims; the answer says what
    /// was kept. At most `max` bytes.
    async fn put(
        &self,
        name: &str,
        mime: &str,
        max: u64,
        bytes: ByteStream,
    ) -> std::result::Result<Attachment, BlobError>;
    /// A stored file's bytes and their number.
    async fn open(&self, id: &MediaId) -> std::result::Result<(u64, ByteStream), BlobError>;
    /// Forgets a file that no message will name. One that is not there is forgotten already.
    async fn remove(&self, id: &MediaId) -> std::result::Result<(), BlobError>;
}

/// Why a file could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No file has this id.
    #[error("there is no file {0}")]
    NotFound(MediaId),
    /// More bytes than allowed.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// All files together would take more bytes than they may.
    #[error("there is no room for it: files may take {0} bytes together")]
    NoRoom(u64),
    /// The disk or the stream failed.
    #[error("the file could not be read or written: {0}")]
    Io(#[from] io::Error),
}
