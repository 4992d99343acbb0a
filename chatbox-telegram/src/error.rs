//! What went wrong between us and the Bot API, and what that means for the outbox.
//!
//! It turns transport failures and the API's answers into [`AdapterError`]s. It owns the one rule that matters most: a
//! send whose fate is unknown is never called certain. No sentence built here holds the token or a URL.

use chatbox_connector_api::id::Handle;
use chatbox_connector_api::{AdapterError, ErrorKind, Scope};
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// Whether doing it twice is seen by people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Each time says something new. A lost answer leaves doubt.
    Once,
    /// The second time changes nothing: edits, deletions, reactions, questions.
    Repeatable,
}

/// The API's "no".
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Refusal {
    /// Its error code, which follows HTTP.
    pub(crate) code: u16,
    /// Its sentence, without the token.
    pub(crate) description: String,
    /// How long it wants us to be silent.
    pub(crate) retry_after: Option<Duration>,
    /// The chat's new number.
    pub(crate) migrate_to: Option<i64>,
}

/// Why a call has no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing reached the platform.
    NotSent(String),
    /// The request left and no answer came back.
    Lost(String),
    /// The platform answered with an error.
    Refused(Refusal),
    /// The platform answered something that is not its API.
    Garbled(String),
    /// A file of ours could not be read; the platform saw half a request at most.
    Unreadable(String),
    /// What we were asked is wrong before any request.
    Invalid(String),
}

/// The `parameters` of an error answer.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Parameters {
    /// Seconds.
    #[serde(default)]
    pub(crate) retry_after: Option<u64>,
    /// The chat's new number.
    #[serde(default)]
    pub(crate) migrate_to_chat_id: Option<i64>,
}

impl Failure {
    /// A transport error. The URL, which holds the token, is taken out first.
    pub(crate) fn transport(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let sentence = describe(&error);
        // `is_builder` is a request that could not even be put together; `is_connect` one that found nobody.
        if error.is_connect() || error.is_builder() {
            Self::NotSent(sentence)
        } else {
            Self::Lost(sentence)
        }
    }

    /// The API's refusal, if that is what it is.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// What the house needs to know.
    pub(crate) fn into_error(self, effect: Effect) -> AdapterError {
        match self {
            Self::NotSent(why) => AdapterError::new(
                ErrorKind::Unavailable,
                format!("Telegram cannot be reached: {why}"),
            ),
            Self::Lost(why) => AdapterError::new(
                doubt(effect, ErrorKind::Ambiguous),
                format!("Telegram's answer was lost: {why}"),
            ),
            Self::Garbled(why) => AdapterError::new(
                doubt(effect, ErrorKind::Malformed),
                format!("Telegram's answer makes no sense: {why}"),
            ),
            Self::Unreadable(why) => AdapterError::new(
                ErrorKind::Unavailable,
                format!("a file of ours could not be read: {why}"),
            ),
            Self::Invalid(why) => AdapterError::new(ErrorKind::Invalid, why),
            Self::Refused(refusal) => refusal.into_error(effect),
        }
    }
}

/// What an unknown fate means: nothing to a repeatable request, doubt to any other.
fn doubt(effect: Effect, certain: ErrorKind) -> ErrorKind {
    match effect {
        Effect::Repeatable => ErrorKind::Unavailable,
        Effect::Once => certain,
    }
}

impl Refusal {
    /// Whether the complaint is about the formatting and not about the text.
    pub(crate) fn blames_entities(&self) -> bool {
        self.code == 400 && self.says(&["entit", "wrong url", "wrong http url"])
    }

    /// Whether a picture is refused as a picture, though it may go as a file.
    pub(crate) fn blames_photo(&self) -> bool {
        self.code == 400 && self.says(&["photo_", "image_process_failed"])
    }

    /// Whether an edit asked for what is there already.
    pub(crate) fn is_unmodified(&self) -> bool {
        self.code == 400 && self.says(&["message is not modified"])
    }

    /// Whether an edited message has a caption instead of a text.
    pub(crate) fn wants_caption(&self) -> bool {
        self.code == 400 && self.says(&["there is no text in the message"])
    }

    fn says(&self, words: &[&str]) -> bool {
        let said = self.description.to_ascii_lowercase();
        words.iter().any(|word| said.contains(word))
    }

    fn into_error(self, effect: Effect) -> AdapterError {
        let sentence = format!("Telegram says {}: {}", self.code, self.description);
        let error = AdapterError::new(self.kind(effect), sentence);
        match self.retry_after {
            // The limit is counted per bot: another chat would be refused as well.
            Some(wait) => error.after(wait).with_scope(Scope::Connection),
            None if self.code == 429 => error.with_scope(Scope::Connection),
            None => error,
        }
    }

    fn kind(&self, effect: Effect) -> ErrorKind {
        if let Some(to) = self.migrate_to {
            return ErrorKind::Moved(Handle::new(to.to_string()));
        }
        match self.code {
            400 => self.bad_request(),
            403 => ErrorKind::Forbidden,
            404 if self.says(&["method"]) => ErrorKind::Unsupported,
            // A token Telegram never issued is answered 404, not 401.
            401 | 404 => ErrorKind::Unauthorized,
            409 => ErrorKind::Conflict,
            429 => ErrorKind::RateLimited,
            // A gateway that gave up waiting says nothing about what happened behind it.
            500..=599 => doubt(effect, ErrorKind::Ambiguous),
            _ => ErrorKind::Invalid,
        }
    }

    fn bad_request(&self) -> ErrorKind {
        const GONE: &[&str] = &[
            "not found",
            "message_id_invalid",
            "peer_id_invalid",
            "query is too old",
            "topic_deleted",
        ];
        const BARRED: &[&str] = &[
            "not enough rights",
            "have no rights",
            "chat_write_forbidden",
            "administrator rights",
            "topic_closed",
            "can't be deleted",
        ];
        if self.says(GONE) {
            ErrorKind::NotFound
        } else if self.says(BARRED) {
            ErrorKind::Forbidden
        } else {
            ErrorKind::Invalid
        }
    }
}

/// An error with its causes on one line.
pub(crate) fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    struct Chain<'a>(&'a (dyn std::error::Error + 'static));
    impl fmt::Display for Chain<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}", self.0)?;
            match self.0.source() {
                Some(cause) => write!(f, ": {}", Chain(cause)),
                None => Ok(()),
            }
        }
    }
    Chain(error).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatbox_connector_api::Verdict;

    fn refused(code: u16, description: &str) -> Refusal {
        Refusal {
            code,
            description: description.to_owned(),
            ..Refusal::default()
        }
    }

    fn kind(code: u16, description: &str, effect: Effect) -> ErrorKind {
        let failure = Failure::Refused(refused(code, description));
        failure.into_error(effect).kind().clone()
    }

    #[test]
    fn each_answer_has_its_kind() {
        use Effect::{Once, Repeatable};
        let cases = [
            (400, "Bad Request: chat not found", ErrorKind::NotFound),
            (
                400,
                "Bad Request: message to edit not found",
                ErrorKind::NotFound,
            ),
            (400, "Bad Request: MESSAGE_ID_INVALID", ErrorKind::NotFound),
            (
                400,
                "Bad Request: not enough rights to send text messages",
                ErrorKind::Forbidden,
            ),
            (400, "Bad Request: message is too long", ErrorKind::Invalid),
            (401, "Unauthorized", ErrorKind::Unauthorized),
            (
                403,
                "Forbidden: bot was blocked by the user",
                ErrorKind::Forbidden,
            ),
            (404, "Not Found", ErrorKind::Unauthorized),
            (404, "Not Found: method not found", ErrorKind::Unsupported),
            (
                409,
                "Conflict: terminated by other getUpdates request",
                ErrorKind::Conflict,
            ),
            (413, "Request Entity Too Large", ErrorKind::Invalid),
            (
                429,
                "Too Many Requests: retry after 3",
                ErrorKind::RateLimited,
            ),
            (502, "Bad Gateway", ErrorKind::Ambiguous),
        ];
        for (code, description, expected) in cases {
            assert_eq!(
                kind(code, description, Once),
                expected,
                "{code} {description}"
            );
        }
        assert_eq!(kind(502, "Bad Gateway", Repeatable), ErrorKind::Unavailable);
    }

    #[test]
    fn a_limit_names_its_wait_and_reach() {
        let mut refusal = refused(429, "Too Many Requests: retry after 7");
        refusal.retry_after = Some(Duration::from_secs(7));
        let error = Failure::Refused(refusal).into_error(Effect::Once);
        assert_eq!(
            error.verdict(),
            Verdict::Retry(Some(Duration::from_secs(7)))
        );
        assert_eq!(error.scope(), Scope::Connection);
    }

    #[test]
    fn a_moved_chat_is_followed() {
        let mut refusal = refused(
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
        );
        refusal.migrate_to = Some(-1001);
        let error = Failure::Refused(refusal).into_error(Effect::Once);
        assert_eq!(error.verdict(), Verdict::Follow(Handle::new("-1001")));
    }

    #[test]
    fn a_lost_answer_is_doubt_only_where_it_matters() {
        let lost = || Failure::Lost("timed out".to_owned());
        assert_eq!(lost().into_error(Effect::Once).verdict(), Verdict::Unknown);
        assert_eq!(
            lost().into_error(Effect::Repeatable).verdict(),
            Verdict::Retry(None)
        );
    }
}
