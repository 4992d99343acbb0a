//! What a webhook says.

use super::id::WebhookId;
use bytes::Bytes;
use chatbox_core::id::MailboxId;
use chatbox_core::template::{EventType, Moment, Rendered, rfc3339};
use serde::{Deserialize, Serialize};

/// The JSON of one delivery.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Delivery")
)]
pub struct Body {
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// The delivery: the same in every attempt.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub id: WebhookId,
    /// Whose agent is told.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub mailbox_id: MailboxId,
    /// Where it happened: what `switch_chat` takes.
    pub chat_id: String,
    /// What the agent's tools and the API call the message: `msg_<number>`.
    pub message_id: String,
    /// Whether the mailbox looked at this chat.
    pub focal: bool,
    /// When it happened, RFC 3339.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub timestamp: String,
    /// What the template made of it.
    pub content: String,
    /// What the template for what is not kept made of it; absent where none is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub ephemeral: Option<String>,
    /// `true` where the text was longer than a webhook carries; absent otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// `true` where the text or a name holds characters that show something else than they say; absent otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspicious_unicode: bool,
}

impl Body {
    /// The body of a rendered event.
    pub fn new(
        id: WebhookId,
        mailbox_id: MailboxId,
        moment: &Moment<'_>,
        rendered: Rendered,
    ) -> Self {
        Self {
            event_type: moment.event_type(),
            id,
            mailbox_id,
            chat_id: moment.chat.to_string(),
            message_id: moment.message_id.clone(),
            focal: moment.is_focal(),
            timestamp: rfc3339(moment.at),
            content: rendered.content,
            ephemeral: rendered.ephemeral,
            truncated: rendered.truncated,
            suspicious_unicode: rendered.suspicious_unicode,
        }
    }

    /// The bytes that are signed and sent.
    pub fn to_bytes(&self) -> Bytes {
        let json = serde_json::to_vec(self);
        json.expect("texts and truths are always JSON").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatbox_core::event::{ChatKind, Content, EventBody};
    use chatbox_core::id::{Address, Millis};
    use chatbox_core::template::{Templates, Who, Written};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::sync::LazyLock;

    fn templates(ephemeral: bool) -> Templates {
        let mut written = Written::default();
        written.push("focal_message", "$SENDER_NAME: $TEXT");
        if ephemeral {
            written.push("ephemeral", "$UNREAD_COUNT unread\n$CHAT_LIST");
        }
        Templates::parse(&written).expect("good templates")
    }

    fn body(templates: &Templates, text: &str, name: &str) -> Body {
        let chat = Address {
            platform: "alpha".into(),
            handle: "7".into(),
        };
        let said = EventBody::Message(Content::text(text));
        let moment = Moment {
            focus: Some(chat.clone()),
            chat,
            chat_name: None,
            chat_kind: ChatKind::Dm,
            sender: Some(Who {
                id: "u7",
                name: Some(name),
            }),
            body: &said,
            message_id: "msg_42".to_owned(),
            reply_to: None,
            at: Millis(1_700_000_000_000),
            unread: 3,
            chats: &[],
        };
        let rendered = templates.render(&moment).expect("it renders");
        let id = WebhookId::new("dlv_1").expect("a good id");
        Body::new(id, "agent".into(), &moment, rendered)
    }

    #[test]
    fn the_wire_is_this() {
        let json = body(&templates(false), "hi \"you\"", "Ann").to_bytes();
        assert_eq!(
            String::from_utf8_lossy(&json),
            r#"{"type":"message","id":"dlv_1","mailbox_id":"agent","chat_id":"alpha:7","#
                .to_owned()
                + r#""message_id":"msg_42","focal":true,"timestamp":"2023-11-14T22:13:20.000Z","#
                + r#""content":"Ann: hi \"you\""}"#
        );
    }

    #[test]
    fn ephemeral_is_a_sibling_that_moves_nothing() {
        let without = body(&templates(false), "hi", "Ann").to_bytes();
        let with = body(&templates(true), "hi", "Ann").to_bytes();
        let until_the_end = &without[..without.len() - 1];
        let rest = with
            .strip_prefix(until_the_end)
            .expect("the same bytes first");
        assert_eq!(rest, br#","ephemeral":"3 unread"}"#);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn whatever_is_said_stays_one_string_of_the_body(
            text in prop_oneof![
                any::<String>(),
                Just("\"}],\"admin\":true,{\"x\":\"".to_owned()),
                Just("\0\u{2028}\\u0022,\"focal\":false".to_owned()),
            ],
            name in "\\PC{1,10}",
        ) {
            static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| templates(true));
            let body = body(&TEMPLATES, &text, &name);
            let bytes = body.to_bytes();
            let keys: BTreeMap<String, serde::de::IgnoredAny> =
                serde_json::from_slice(&bytes).expect("an object");
            let extra = ["suspicious_unicode", "truncated"];
            let keys: Vec<&str> = keys.keys().map(String::as_str).filter(|it| !extra.contains(it)).collect();
            prop_assert_eq!(keys, ["chat_id", "content", "ephemeral", "focal", "id", "mailbox_id",
                "message_id", "timestamp", "type"]);
            prop_assert!(body.content.ends_with(&text));
            prop_assert_eq!(serde_json::from_slice::<Body>(&bytes).expect("a body"), body);
        }
    }
}
