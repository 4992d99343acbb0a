//! Slack's shapes, as far as they are read. What is not needed is not asked for, so that its absence stops nothing.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A field that is nothing to us where it has another shape than ours.
fn lenient<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let json = Box::<RawValue>::deserialize(from)?;
    Ok(serde_json::from_str(json.get()).unwrap_or_default())
}

/// What comes over a socket.
#[derive(Debug, Deserialize)]
pub(crate) struct Frame<'a> {
    #[serde(rename = "type", default)]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) envelope_id: Option<String>,
    #[serde(borrow, default)]
    pub(crate) payload: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// What an event is wrapped in.
#[derive(Debug, Deserialize)]
pub(crate) struct Callback<'a> {
    #[serde(rename = "type", default)]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) team_id: Option<String>,
    #[serde(default)]
    pub(crate) authorizations: Vec<Installed>,
    #[serde(default)]
    pub(crate) event_id: Option<String>,
    #[serde(borrow, default)]
    pub(crate) event: Option<&'a RawValue>,
}

/// Whose an event is, where it is several apps'.
#[derive(Debug, Deserialize)]
pub(crate) struct Installed {
    #[serde(default)]
    pub(crate) team_id: Option<String>,
}

/// The kind of an event.
#[derive(Debug, Deserialize)]
pub(super) struct Kind {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) subtype: Option<String>,
}

/// Where an event happened, whatever else it says.
#[derive(Debug, Deserialize)]
pub(super) struct Somewhere {
    pub(super) channel: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) channel_type: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) event_ts: Option<Ts>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) ts: Option<Ts>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) thread_ts: Option<Ts>,
}

/// A message of the past, whatever else it says.
#[derive(Debug, Deserialize)]
pub(crate) struct Dated {
    pub(crate) ts: Ts,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) thread_ts: Option<Ts>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) latest_reply: Option<Ts>,
}

/// A timestamp: seconds since 1970, and a number that makes it unique within a conversation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Ts(pub(crate) String);

impl Ts {
    /// A timestamp, if it is one.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let sound = text.len() <= 20
            && text.split_once('.').is_some_and(|(seconds, number)| {
                seconds.len() == 10 && digits(seconds) && number.len() == 6 && digits(number)
            });
        sound.then(|| Self(text.to_owned()))
    }

    /// When it was given, in milliseconds since 1970.
    pub(crate) fn millis(&self) -> i64 {
        let (seconds, number) = self.0.split_once('.').unwrap_or((&self.0, "0"));
        let whole = |part: &str| part.parse::<i64>().unwrap_or(0);
        whole(seconds) * 1000 + whole(number) / 1000
    }
}

impl<'de> Deserialize<'de> for Ts {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        Self::of(&text).ok_or_else(|| serde::de::Error::custom("not a timestamp of Slack's"))
    }
}

/// A message, as events and history have it.
#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) ts: Ts,
    #[serde(default)]
    pub(crate) channel: Option<String>,
    #[serde(default)]
    pub(crate) channel_type: Option<String>,
    #[serde(default)]
    pub(crate) subtype: Option<String>,
    #[serde(default)]
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) bot_id: Option<String>,
    #[serde(default)]
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) files: Vec<File>,
    #[serde(default)]
    pub(crate) thread_ts: Option<Ts>,
    #[serde(default)]
    pub(crate) parent_user_id: Option<String>,
    #[serde(default)]
    pub(crate) edited: Option<Edited>,
    #[serde(default)]
    pub(crate) reactions: Vec<Counted>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) metadata: Option<Metadata>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Edited {
    pub(crate) ts: Ts,
}

/// What the sender hid in a message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Metadata {
    pub(crate) event_type: String,
    pub(crate) event_payload: Hidden,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Hidden {
    pub(crate) key: Option<String>,
}

/// A reaction on a message, by all.
#[derive(Debug, Deserialize)]
pub(crate) struct Counted {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) users: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct File {
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) mimetype: Option<String>,
    #[serde(default)]
    pub(crate) size: Option<u64>,
    #[serde(default)]
    pub(crate) url_private_download: Option<String>,
    #[serde(default)]
    pub(crate) url_private: Option<String>,
}

/// A message that is another now, or gone.
#[derive(Debug, Deserialize)]
pub(super) struct Changed {
    pub(super) channel: String,
    #[serde(default)]
    pub(super) channel_type: Option<String>,
    #[serde(default)]
    pub(super) message: Option<Message>,
    #[serde(default)]
    pub(super) previous_message: Option<Message>,
    #[serde(default)]
    pub(super) deleted_ts: Option<Ts>,
    pub(super) event_ts: Ts,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reaction {
    pub(super) user: String,
    pub(super) reaction: String,
    pub(super) item: Item,
    pub(super) event_ts: Ts,
}

#[derive(Debug, Deserialize)]
pub(super) struct Item {
    #[serde(default)]
    pub(super) channel: Option<String>,
    #[serde(default)]
    pub(super) ts: Option<Ts>,
}

/// Somebody came or went.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    pub(super) user: String,
    pub(super) channel: String,
    pub(super) event_ts: Ts,
}

/// A pressed button.
#[derive(Debug, Deserialize)]
pub(super) struct Pressed {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) team: Option<Named>,
    pub(super) user: Named,
    #[serde(default)]
    pub(super) channel: Option<Named>,
    #[serde(default)]
    pub(super) message: Option<Message>,
    #[serde(default)]
    pub(super) actions: Vec<Button>,
    #[serde(default)]
    pub(super) response_url: Option<String>,
    #[serde(default)]
    pub(super) trigger_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Button {
    #[serde(default)]
    pub(super) action_id: Option<String>,
    #[serde(default)]
    pub(super) value: Option<String>,
    #[serde(default)]
    pub(super) selected_option: Option<Chosen>,
    #[serde(default)]
    pub(super) action_ts: Option<Ts>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    pub(super) value: Option<String>,
}

/// A command.
#[derive(Debug, Deserialize)]
pub(super) struct Command {
    #[serde(default)]
    pub(super) team_id: Option<String>,
    pub(super) channel_id: String,
    pub(super) user_id: String,
    #[serde(default)]
    pub(super) user_name: Option<String>,
    pub(super) command: String,
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) response_url: Option<String>,
    pub(super) trigger_id: String,
}

/// A conversation, as lists have it.
#[derive(Debug, Deserialize)]
pub(crate) struct Channel {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) is_im: bool,
    #[serde(default)]
    pub(crate) is_archived: bool,
}
