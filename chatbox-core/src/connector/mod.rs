//! The contract between chatbox and a platform: what an adapter must do, may do, and says when it cannot.
//!
//! An adapter translates and nothing else. It keeps no queue, retries nothing, decides nothing about who may talk,
//! and never learns what a mailbox or a turn is.

mod adapter;
mod capability;
mod error;
mod factory;
mod guard;
mod inbound;
mod ingress;
mod outbound;
mod transcript;

pub use adapter::{ChannelAdapter, History, Identity, Leave, MediaSource, Parts, Reconcile, Setup};
pub use capability::{Capabilities, DeliveryClass, Limits, TextLimit};
pub use error::{AdapterError, ErrorKind, Scope, Verdict};
pub use factory::{
    AdapterContext, AdapterFactory, AdapterState, BlobError, Blobs, ByteStream, Egress, Manifest,
    Revision, SecretSpec, Secrets, SettingSpec, Settings, StateError,
};
pub use guard::check;
pub use inbound::{Arrival, Confirm, Cursor, Fate, Inbound, Incoming, LinkState};
pub use ingress::{Heard, Ingress, Posted, Refusal, Unread};
pub use outbound::{OutMessage, Outbound, Receipt, Verb};
pub use transcript::{Line, News, Positions, Transcript, TranscriptError, Voice};

/// The result of asking an adapter for something.
pub type Result<T> = std::result::Result<T, AdapterError>;
