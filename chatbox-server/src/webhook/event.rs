//! What a subscription is told.

use bytes::Bytes;
use chatbox_backends::webhook::WebhookId;
use chatbox_core::id::{ConnectionId, MailboxId, Millis};
use chatbox_core::store::{Chat, ServiceEvent, ServiceKind};
use chatbox_core::template::rfc3339;
use serde::Serialize;

/// The JSON of one service event.
#[derive(Debug, Serialize)]
pub(super) struct EventBody<'a> {
    #[serde(rename = "type")]
    kind: ServiceKind,
    /// The same in every attempt.
    id: WebhookId,
    /// When it happened, RFC 3339.
    timestamp: String,
    data: Data<'a>,
}

/// What it is about.
#[derive(Debug, Serialize)]
struct Data<'a> {
    mailbox_id: &'a MailboxId,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_id: Option<String>,
    /// The chat's title. Written by others.
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<&'a ConnectionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
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
