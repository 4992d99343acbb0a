//! The five methods of an adapter, and the optional skills carried beside it.

use super::{Capabilities, Cursor, Inbound, Ingress, Outbound, Receipt, Result};
use crate::connector::ByteStream;
use crate::event::Event;
use crate::id::{EventId, ExternalId, Handle, Platform};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::sync::Arc;

/// Code for one platform. No method has a default, so nothing can silently succeed.
#[async_trait]
pub trait ChannelAdapter: Debug + Send + Sync + 'static {
    /// The network it speaks to. Constant.
    fn platform(&self) -> Platform;

    /// The most it can do. Asking for anything else is answered `Unsupported` before the adapter is called.
    fn capabilities(&self) -> Capabilities;

    /// Asks the platform who we are. Proves that the credential works; changes nothing.
    async fn probe(&self) -> Result<Identity>;

    /// Starts to listen, from just after `resume`.
    ///
    /// The stream yields [`super::Incoming::Alive`] whenever the platform shows life on *this* connection, and ends
    /// or errs when it is lost; it is then opened again, later and later. Dropping the stream disconnects. An adapter
    /// that is only ever called (a webhook) returns a stream that never yields.
    async fn open(&self, resume: Option<Cursor>) -> Result<Inbound>;

    /// Does one thing on the platform, once. Never retries: an error says what is known and the outbox decides.
    async fn perform(&self, out: &Outbound) -> Result<Receipt>;
}

/// Who a credential belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The platform's stable identifier of the account.
    pub id: ExternalId,
    /// A name for people.
    pub name: String,
    /// Where a person can reach it, if there is a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What the operator should know, such as which group messages it sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Fetches a file the platform holds.
#[async_trait]
pub trait MediaSource: Debug + Send + Sync + 'static {
    /// Streams the bytes of a [`crate::event::Media::Pending`] source, within the platform's limit.
    async fn fetch(&self, source: &str) -> Result<ByteStream>;
}

/// Reads what was said while nobody listened.
#[async_trait]
pub trait History: Debug + Send + Sync + 'static {
    /// Events of a chat after the one named, oldest first, each marked `late`.
    async fn since(&self, chat: &Handle, after: Option<&EventId>) -> Result<Vec<Event>>;
}

/// Finds out what became of a send whose answer was lost.
#[async_trait]
pub trait Reconcile: Debug + Send + Sync + 'static {
    /// The receipt if the platform has it, `None` if it certainly has not.
    async fn look_up(&self, out: &Outbound) -> Result<Option<Receipt>>;
}

/// Stops in order, where the platform forgets what it has handed over and what is on its way would be lost.
pub trait Leave: Debug + Send + Sync + 'static {
    /// Nothing more is to be handed over: the open stream, if there is one, hands on what is on its way, and ends. Must not block.
    fn leave(&self);
}

/// What the operator clicks next.
pub trait Setup: Debug + Send + Sync + 'static {
    /// A link that carries a pairing code to the platform, so that opening it makes the person known.
    fn pairing_link(&self, identity: &Identity, code: &str) -> Option<String>;
}

/// A built adapter and its optional skills.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The adapter.
    pub adapter: Arc<dyn ChannelAdapter>,
    /// Reads what the platform posts to an address of ours.
    pub ingress: Option<Arc<dyn Ingress>>,
    /// Fetches files.
    pub media: Option<Arc<dyn MediaSource>>,
    /// Reads the past.
    pub history: Option<Arc<dyn History>>,
    /// Resolves doubt.
    pub reconcile: Option<Arc<dyn Reconcile>>,
    /// Stops in order.
    pub leave: Option<Arc<dyn Leave>>,
    /// Knows the next click.
    pub setup: Option<Arc<dyn Setup>>,
}

impl Parts {
    /// An adapter with no further skill.
    pub fn new(adapter: Arc<dyn ChannelAdapter>) -> Self {
        Self {
            adapter,
            ingress: None,
            media: None,
            history: None,
            reconcile: None,
            leave: None,
            setup: None,
        }
    }
}
