//! The heart of chatbox: one log, one dispatcher, one outbox.
//!
//! Everything said is a row of one commit-ordered log; readers hold two positions per chat; a lane lets one worker at
//! a time act for a reader; everything that leaves for elsewhere goes through one outbox.
//!
//! ```
//! use chatbox_core::backend::Answer;
//! use chatbox_core::loopback::Loopback;
//! use chatbox_core::store::MemoryStore;
//! use chatbox_core::{Chatbox, Connect, Options};
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), chatbox_core::Error> {
//! let chatbox = Chatbox::start(Options::new(MemoryStore::new()));
//! let echo = Answer(|said: &str| format!("You said: {said}"));
//! chatbox.mailbox("main", Some(Arc::new(echo))).await?;
//! let (platform, mut person) = Loopback::new("console");
//! chatbox.connect(Connect::new(platform, "main")).await?;
//! person.say("hello");
//! assert_eq!(person.hear().await.as_deref(), Some("You said: hello"));
//! # Ok(())
//! # }
//! ```
//!
//! The pure rooms take values and return values: [`admit`], [`focus`], [`markup`], [`plan`], [`session`], [`template`],
//! [`turn`], [`wake`]. The rooms that await are `router`, `dispatch`, `outbox` and `supervise`, behind [`Chatbox`].

pub mod admit;
pub mod backend;
pub mod blobs;
mod chatbox;
pub mod connector;
mod dispatch;
pub mod event;
pub mod focus;
mod house;
pub mod id;
mod lease;
mod link;
pub mod loopback;
pub mod markup;
pub mod meters;
mod neighbours;
mod outbox;
mod places;
pub mod plan;
pub mod push;
pub mod rate;
mod room;
mod router;
pub mod seal;
pub mod secret;
pub mod session;
mod state;
pub mod store;
mod supervise;
pub mod template;
mod transcript;
pub mod turn;
mod turn_token;
pub mod wake;

pub use chatbox::{Added, Adding, Answer, Chatbox, Connect, Options, Switched};
pub use house::{Error, Tuning};
pub use link::{Health, Link};
pub use router::Say;
pub use turn_token::RunningTurn;
