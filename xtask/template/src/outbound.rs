//! From our words to the service's. Pure. The service shows text as it is, so markup is written as plain text.

use chatbox_connector_api::id::DeliveryId;
use chatbox_connector_api::markup::{PlainDialect, Unit, plain};
use chatbox_connector_api::{Capabilities, DeliveryClass, Limits, OutMessage, TextLimit};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest text, in characters.
pub(crate) const LONGEST: usize = 2000;

/// How a text is measured as it will be sent.
pub(crate) const DIALECT: PlainDialect = PlainDialect::new(Unit::Scalar);

/// What the service can do. A claim is tested; claim nothing else.
pub(crate) fn capabilities(heartbeat: Duration) -> Capabilities {
    let text = TextLimit {
        max: LONGEST,
        unit: Unit::Scalar,
    };
    let mut can = Capabilities::new(DeliveryClass::Idempotent, text);
    can.reply = Some(Limits::default());
    can.typing = Some(Limits::default());
    can.heartbeat = Some(heartbeat);
    can
}

/// A message as the service takes it.
#[derive(Debug, Serialize)]
pub(crate) struct Post {
    text: String,
    reply_to: Option<String>,
    /// The service answers a key it knows with the message it became then.
    key: Option<i64>,
    previews: bool,
}

/// What the service made of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Posted {
    pub(crate) id: String,
}

/// The message of one delivery.
pub(crate) fn post(delivery: Option<DeliveryId>, message: &OutMessage) -> Post {
    Post {
        text: plain(&message.markup),
        reply_to: message.reply_to.as_ref().map(ToString::to_string),
        key: delivery.map(|id| id.0),
        previews: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatbox_connector_api::markup::parse;

    #[test]
    fn markup_is_written_as_people_read_it() {
        let message = OutMessage {
            markup: parse("**Well**, `yes`"),
            ..OutMessage::default()
        };
        let post = post(Some(DeliveryId(3)), &message);
        assert_eq!(
            (post.text.as_str(), post.key, post.previews),
            ("Well, yes", Some(3), false)
        );
    }
}
