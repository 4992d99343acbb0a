//! What agents call things: `<platform>:<handle>`, `msg_42`, a cursor. Models write numbers and texts as they please, so
//! both are read.

use super::refusal::Refusal;
use chatbox_core::id::{Address, Seq};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;

/// The longest name that is looked at, in bytes.
const LONGEST: usize = 1024;

/// A name as it was given: a text, or a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Name(String);

/// A chat, or with `null` none. It must be given: forgetting it is not the same as choosing none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Target(pub(super) Option<Name>);

impl Name {
    /// A name as a text.
    pub(super) fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// As a chat's address.
    pub(super) fn address(&self) -> Result<Address, Refusal> {
        let parsed = match self.0.len() {
            ..=LONGEST => self.0.parse::<Address>().ok(),
            _ => None,
        };
        let plain = parsed.filter(|address| !address.handle.as_str().contains('\0'));
        plain.ok_or_else(|| {
            Refusal::new(
                "invalid_chat_id",
                "a chat is called <platform>:<handle>",
                "Call list_chats and copy a chat_id from it.",
            )
        })
    }

    /// As a message: `msg_42`, `42`.
    pub(super) fn message(&self) -> Result<Seq, Refusal> {
        self.number("msg_").ok_or_else(|| {
            Refusal::new(
                "invalid_message_id",
                "a message is called msg_ and a number",
                "Call read_messages and copy a message_id from it.",
            )
        })
    }

    /// As a file of a message, counted from nought: `msg_42.1` is the first.
    pub(super) fn file(&self) -> Result<(Seq, usize), Refusal> {
        let parts = self.0.split_once('.').and_then(|(message, nth)| {
            let message = Self(message.to_owned()).message().ok()?;
            let nth = Self(nth.to_owned()).number("")?.0;
            Some((message, usize::try_from(nth).ok()?.checked_sub(1)?))
        });
        parts.ok_or_else(|| {
            Refusal::new(
                "media_ref_invalid",
                "a file is called msg_, a number, a point and a number",
                "Call read_messages and copy the id of a file from it.",
            )
        })
    }

    /// As a place in the log.
    pub(super) fn cursor(&self) -> Result<Seq, Refusal> {
        self.number("").ok_or_else(invalid_cursor)
    }

    fn number(&self, prefix: &str) -> Option<Seq> {
        let digits = self.0.strip_prefix(prefix).unwrap_or(&self.0);
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok().map(Seq)).flatten()
    }
}

/// A place in the log that this mailbox was never given.
pub(super) fn invalid_cursor() -> Refusal {
    Refusal::new(
        "invalid_cursor",
        "this cursor was not given to you by this mailbox",
        "Call list_chats and use the cursor it returns.",
    )
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a whole number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Name, E> {
        Ok(Name::new(text))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Name, E> {
        Ok(Name(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Name, E> {
        Ok(Name(number.to_string()))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

struct TextOrNull;

impl Visitor<'_> for TextOrNull {
    type Value = Target;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Target, E> {
        Ok(Target(None))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Target, E> {
        Text.visit_str(text).map(|name| Target(Some(name)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Target, E> {
        Text.visit_i64(number).map(|name| Target(Some(name)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Target, E> {
        Text.visit_u64(number).map(|name| Target(Some(name)))
    }
}

impl<'de> Deserialize<'de> for Target {
    // Not by way of `Option`: a field that is missing would be taken for null.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNull)
    }
}

impl JsonSchema for Name {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] })
    }
}

impl JsonSchema for Target {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "integer" }, { "type": "null" }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(json: &str) -> Name {
        serde_json::from_str(json).expect("it is a name")
    }

    #[test]
    fn a_message_is_named_by_number_or_text() {
        for json in ["42", "\"42\"", "\"msg_42\"", "\" msg_42 \""] {
            assert_eq!(name(json).message(), Ok(Seq(42)), "{json}");
        }
        for json in [
            "\"\"",
            "\"msg_\"",
            "-1",
            "\"msg_-1\"",
            "\"99999999999999999999\"",
            "\"x\"",
        ] {
            let refusal = name(json).message().expect_err(json);
            assert_eq!(refusal.code, "invalid_message_id", "{json}");
        }
    }

    #[test]
    fn a_file_is_named_by_its_message_and_its_place_there() {
        assert_eq!(name("\"msg_42.1\"").file(), Ok((Seq(42), 0)));
        for json in [
            "\"msg_42\"",
            "\"msg_42.0\"",
            "\"msg_42.-1\"",
            "\"msg_42.1.1\"",
            "\"../msg_42.1\"",
            "\"file_abc\"",
            "42",
        ] {
            let refusal = name(json).file().expect_err(json);
            assert_eq!(refusal.code, "media_ref_invalid", "{json}");
        }
    }

    #[test]
    fn a_chat_is_named_by_platform_and_handle() {
        let address = name("\"alpha:a:b/c\"").address().expect("an address");
        assert_eq!(address.to_string(), "alpha:a:b/c");
        let long = format!("\"alpha:{}\"", "x".repeat(LONGEST));
        for json in [
            "\"alpha:\"",
            "\":1\"",
            "\"1\"",
            "7",
            "\"Alpha:1\"",
            "\"alpha:\\u0000\"",
            &long,
        ] {
            let refusal = name(json).address().expect_err(json);
            assert_eq!(refusal.code, "invalid_chat_id", "{json}");
        }
    }

    #[test]
    fn no_chat_must_be_said() {
        #[derive(Deserialize, Debug)]
        struct Arguments {
            chat_id: Target,
        }
        let none: Arguments = serde_json::from_str(r#"{"chat_id":null}"#).expect("null is said");
        assert_eq!(none.chat_id, Target(None));
        assert!(serde_json::from_str::<Arguments>("{}").is_err());
    }

    #[test]
    fn what_is_neither_text_nor_whole_number_is_no_name() {
        for json in ["1.5", "true", "{}", "[]", "null"] {
            assert!(serde_json::from_str::<Name>(json).is_err(), "{json}");
        }
    }
}
