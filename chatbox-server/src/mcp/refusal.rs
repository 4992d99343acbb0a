//! A call that cannot be done, said so that the agent knows what to call next.

use chatbox_core::Error;
use chatbox_core::connector::{ErrorKind, Verdict};
use chatbox_core::store::StoreError;
use rmcp::model::{CallToolResult, ContentBlock};
use std::fmt;

/// Why a tool did nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    /// A stable short name.
    pub(super) code: &'static str,
    says: String,
    next: String,
}

impl Refusal {
    pub(super) fn new(
        code: &'static str,
        says: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            code,
            says: says.into(),
            next: next.into(),
        }
    }

    /// A value outside its bounds.
    pub(super) fn out_of_range(field: &str, least: u64, most: u64) -> Self {
        let says = format!("{field} must be {least} to {most}");
        Self::new("out_of_range", says, "Call again with another value.")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}. {}", self.code, self.says, self.next)
    }
}

impl From<Refusal> for CallToolResult {
    fn from(refusal: Refusal) -> Self {
        Self::error(vec![ContentBlock::text(refusal.to_string())])
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed a call");
        let says = "the store cannot answer now; nothing was done";
        Self::new("try_later", says, "Make the same call again in a moment.")
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Adapter(error) if *error.kind() == ErrorKind::Unsupported => Self::new(
                "unsupported",
                format!("this chat's platform does not offer that: {error}"),
                "Call send_message and say it in words instead.",
            ),
            Error::Adapter(error) if error.verdict() == Verdict::Never => Self::new(
                "invalid",
                error.to_string(),
                "Correct the arguments and call again.",
            ),
            Error::TurnOver => Self::new(
                "turn_over",
                "the turn you work for is over, so nothing was done; what it was to answer is answered by another turn",
                "Call nothing more, and end.",
            ),
            Error::NotRunning(_) => Self::new(
                "chat_unavailable",
                "this chat's connection is not running",
                "Tell your operator, or call list_chats and use another chat.",
            ),
            Error::Unfocused(_) => Self::new(
                "no_focus",
                "a backend answers this mailbox, so you can look and not act",
                "Call read_messages, or ask your operator for a mailbox without a backend.",
            ),
            Error::NotFound(what) => Self::new(
                "not_found",
                format!("there is no {what}"),
                "Call read_messages to see what there is.",
            ),
            other => {
                tracing::error!(error = %other, "a call failed");
                Self::new(
                    "failed",
                    other.to_string(),
                    "Tell your operator; the server's log has more.",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_begins_with_its_code_and_ends_with_the_next_call() {
        let refusal = Refusal::new("no_focal_chat", "you look at no chat", "Call switch_chat.");
        let result = CallToolResult::from(refusal);
        assert_eq!(result.is_error, Some(true));
        let text = result.content[0].as_text().expect("a text").text.clone();
        assert_eq!(
            text,
            "no_focal_chat: you look at no chat. Call switch_chat."
        );
    }
}
