//! The daemon's shapes, as far as they are read. Everything may be missing: a shape that changed is no reason to stop.

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a `receive` notification carries: directly, or, to a subscription, within `result`.
#[derive(Deserialize)]
pub(crate) struct Notified<'a> {
    #[serde(default, borrow)]
    pub(crate) envelope: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) account: Option<String>,
    #[serde(default, borrow)]
    pub(crate) result: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Envelope {
    pub(crate) source: Option<String>,
    pub(crate) source_number: Option<String>,
    pub(crate) source_uuid: Option<String>,
    pub(crate) source_name: Option<String>,
    pub(crate) source_device: Option<i64>,
    pub(crate) timestamp: i64,
    pub(crate) data_message: Option<DataMessage>,
    pub(crate) edit_message: Option<EditMessage>,
    pub(crate) receipt_message: Option<ReceiptMessage>,
    pub(crate) sync_message: Option<Present>,
    pub(crate) typing_message: Option<Present>,
    pub(crate) call_message: Option<Present>,
    pub(crate) story_message: Option<Present>,
}

/// Something that is there, whatever it says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Present {}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DataMessage {
    pub(crate) timestamp: i64,
    pub(crate) message: Option<String>,
    pub(crate) is_expiration_update: Option<bool>,
    pub(crate) reaction: Option<Reaction>,
    pub(crate) quote: Option<Quote>,
    pub(crate) mentions: Vec<Mention>,
    pub(crate) attachments: Vec<File>,
    pub(crate) group_info: Option<GroupInfo>,
    pub(crate) remote_delete: Option<RemoteDelete>,
    pub(crate) text_styles: Vec<Style>,
    pub(crate) sticker: Option<Present>,
    pub(crate) contacts: Option<Vec<Present>>,
    pub(crate) payment: Option<Present>,
    pub(crate) poll_create: Option<Present>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EditMessage {
    pub(crate) target_sent_timestamp: i64,
    pub(crate) data_message: DataMessage,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReceiptMessage {
    pub(crate) is_read: bool,
    pub(crate) is_viewed: bool,
    pub(crate) timestamps: Vec<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Reaction {
    pub(crate) emoji: String,
    pub(crate) target_author: Option<String>,
    pub(crate) target_author_number: Option<String>,
    pub(crate) target_author_uuid: Option<String>,
    pub(crate) target_sent_timestamp: i64,
    pub(crate) is_remove: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Quote {
    pub(crate) id: i64,
    pub(crate) author: Option<String>,
    pub(crate) author_number: Option<String>,
    pub(crate) author_uuid: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Mention {
    pub(crate) name: Option<String>,
    pub(crate) number: Option<String>,
    pub(crate) uuid: Option<String>,
    pub(crate) start: usize,
    pub(crate) length: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct File {
    pub(crate) content_type: Option<String>,
    pub(crate) filename: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) size: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GroupInfo {
    pub(crate) group_id: String,
    pub(crate) group_name: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RemoteDelete {
    pub(crate) timestamp: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Style {
    pub(crate) style: String,
    pub(crate) start: usize,
    pub(crate) length: usize,
}
