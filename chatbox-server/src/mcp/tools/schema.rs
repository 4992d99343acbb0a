//! Schemas as every client reads them: whole in themselves, and with no words that only some know.

use rmcp::model::JsonObject;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value;
use std::sync::Arc;

/// What a tool takes.
pub(super) fn taken<T: JsonSchema>() -> Arc<JsonObject> {
    schema::<T>(SchemaSettings::draft2020_12())
}

/// What a tool gives.
pub(super) fn given<T: JsonSchema>() -> Arc<JsonObject> {
    schema::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn schema<T: JsonSchema>(mut settings: SchemaSettings) -> Arc<JsonObject> {
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let generator = settings.with_transform(Plain).into_generator();
    let Value::Object(mut schema) = generator.into_root_schema_for::<T>().to_value() else {
        unreachable!("a type with fields has a schema with properties");
    };
    schema.remove("title");
    schema.remove("description");
    Arc::new(schema)
}

/// Takes out the width of numbers, which is Rust's affair and unknown to validators.
#[derive(Clone, Debug)]
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        schema.remove("format");
        transform_subschemas(self, schema);
    }
}
