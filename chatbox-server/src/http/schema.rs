//! What the document says of values whose types know nothing of it.

use super::ask::ID;
use chatbox_core::event::ChatKind;
use chatbox_core::store::{DeliveryState, ServiceKind};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

/// An id as this server makes them.
pub(super) fn id() -> Object {
    let text = text().min_length(Some(1)).max_length(Some(ID));
    text.pattern(Some("^[a-z0-9_-]+$")).build()
}

/// The name of a platform.
pub(super) fn platform() -> Object {
    let text = text().min_length(Some(1)).max_length(Some(32));
    text.pattern(Some("^[a-z0-9-]+$")).build()
}

/// Where a delivery stands.
pub(super) fn state() -> Object {
    let names = DeliveryState::ALL.map(DeliveryState::as_str);
    text().enum_values(Some(names)).build()
}

/// Kinds of service events.
pub(super) fn events() -> utoipa::openapi::schema::Array {
    let names = ServiceKind::ALL.map(ServiceKind::as_str);
    let one = text().enum_values(Some(names)).build();
    utoipa::openapi::schema::ArrayBuilder::new()
        .items(one)
        .min_items(Some(1))
        .build()
}

/// What kind of conversation a chat is.
pub(super) fn kind() -> Object {
    let kinds = [
        ChatKind::Dm,
        ChatKind::Group,
        ChatKind::Channel,
        ChatKind::Thread,
    ];
    let names = kinds.map(|kind| serde_json::to_value(kind).expect("a kind has a name"));
    text().enum_values(Some(names)).build()
}
