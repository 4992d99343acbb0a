//! What a subscription is told, and what a trial says.

use bytes::Bytes;
use chatbox_backends::webhook::WebhookId;
use chatbox_core::id::{ConnectionId, MailboxId, Millis};
use chatbox_core::store::{Chat, ServiceEvent, ServiceKind};
use chatbox_core::template::rfc3339;
use schemars::JsonSchema;
use serde::Serialize;

/// The JSON of one service event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ServiceEvent")]
pub(super) struct EventBody<'a> {
    /// What happened.
    #[serde(rename = "type")]
    kind: ServiceKind,
    /// The same in every attempt.
    #[schemars(with = "String")]
    id: WebhookId,
    /// When it happened, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    timestamp: String,
    /// What it is about.
    data: Data<'a>,
}

/// What it is about.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Data<'a> {
    /// In which mailbox.
    #[schemars(with = "String")]
    mailbox_id: &'a MailboxId,
    /// In which chat: what `switch_chat` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    chat_id: Option<String>,
    /// The chat's title. Written by others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    chat_name: Option<&'a str>,
    /// On which connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    connection_id: Option<&'a ConnectionId>,
    /// To which delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    delivery_id: Option<String>,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    reason: Option<&'a str>,
}

/// The bytes that are signed and sent.
pub(super) fn body(id: WebhookId, at: Millis, event: &ServiceEvent, chat: Option<&Chat>) -> Bytes {
    let body = EventBody {
        kind: event.kind,
        id,
        timestamp: rfc3339(at),
        data: Data {
            mailbox_id: &event.mailbox,
            chat_id: chat.map(|chat| chat.address().to_string()),
            chat_name: chat.and_then(|chat| chat.name.as_deref()),
            connection_id: event.connection.as_ref(),
            delivery_id: event.delivery.map(|id| format!("dlv_{id}")),
            reason: event.reason.as_deref(),
        },
    };
    let json = serde_json::to_vec(&body);
    json.expect("texts are always JSON").into()
}

/// The JSON of a trial, which is posted once when somebody asks for it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Trial<'a> {
    /// That it is a trial.
    #[serde(rename = "type")]
    kind: TrialKind,
    /// Whose webhook is tried.
    #[schemars(with = "String")]
    mailbox_id: &'a MailboxId,
    /// When it was asked for, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    timestamp: String,
    /// Says that nothing was said.
    content: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum TrialKind {
    Test,
}

/// The bytes of a trial.
pub(crate) fn trial(mailbox: &MailboxId, at: Millis) -> Bytes {
    let trial = Trial {
        kind: TrialKind::Test,
        mailbox_id: mailbox,
        timestamp: rfc3339(at),
        content: "This is a trial: nothing was said.",
    };
    let json = serde_json::to_vec(&trial);
    json.expect("texts are always JSON").into()
}
