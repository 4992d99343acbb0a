//! What a mailbox's push door says: templates, checked when they are set, rendered for one event.
//!
//! [`Written`] is what somebody wrote, [`Templates`] what became of it, [`Moment`] what is rendered, [`Rendered`] what
//! comes out. Pure: no clock, no store. What a message says is put in and never read as a template again.
//!
//! ```
//! use chatbox_core::template::{Templates, Written};
//!
//! let mut written = Written::default();
//! written.push("focal_message", "$SENDER_NAME: $TEXT");
//! assert!(Templates::parse(&written).is_ok());
//!
//! written.push("reaction", "$SENDER_NAM reacted $EMOJI");
//! let error = Templates::parse(&written).expect_err("there is no such placeholder");
//! assert_eq!(
//!     error.to_string(),
//!     "template `reaction`, line 1, column 1: there is no placeholder $SENDER_NAM; did you mean $SENDER_NAME?"
//! );
//! ```

mod chat_list;
mod error;
mod event_type;
#[cfg(feature = "jinja")]
mod jinja;
mod key;
mod moment;
mod placeholder;
mod plain;
mod sample;
mod set;
mod show;
mod words;
mod written;

pub use chat_list::{ChatLine, chat_list};
pub use error::{Fault, Place, TemplateError};
pub use event_type::EventType;
pub use key::Key;
pub use moment::{Moment, Who};
pub use placeholder::Placeholder;
pub use set::{Rendered, Templates};
pub use show::rfc3339;
pub use words::preview;
pub use written::Written;

/// The longest template, in bytes.
pub const SOURCE_MOST: usize = 64 * 1024;
/// The longest outcome, in bytes.
pub const OUTPUT_MOST: usize = 256 * 1024;
/// How much of a message's text is rendered, in bytes. The rest is read with a tool.
pub const TEXT_MOST: usize = 32 * 1024;
