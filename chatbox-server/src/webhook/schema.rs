//! What is posted to webhooks and subscriptions, as a JSON schema: made of the types that write it.

use super::event::{EventBody, Trial};
use chatbox_backends::webhook::Body;
use schemars::generate::SchemaSettings;
use schemars::{Schema, json_schema};

/// The schema of every body. A body may get more fields in time: nothing is forbidden that is not named.
pub fn schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut made = settings.into_generator();
    let bodies = [
        made.subschema_for::<Body>(),
        made.subschema_for::<EventBody<'_>>(),
        made.subschema_for::<Trial<'_>>(),
    ];
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What chatbox posts to webhooks and subscriptions",
        "oneOf": bodies,
        "$defs": made.take_definitions(true),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_of_the_events_schema_is_of_today() {
        let text = serde_json::to_string_pretty(&schema()).expect("a schema is JSON") + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events.schema.json");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &text).expect("the copy can be written");
        }
        let copy = std::fs::read_to_string(path).unwrap_or_default();
        let how =
            "write it anew: UPDATE=1 cargo test -p chatbox-server the_copy_of_the_events_schema";
        assert!(
            copy == text,
            "docs/events.schema.json is of another day; {how}"
        );
    }
}
