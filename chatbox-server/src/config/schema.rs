//! What a configuration may hold, as a JSON schema: made of the types that read it, and of what each channel says it takes.

use super::Config;
use crate::compose::Platforms;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// The schema of the whole file.
pub fn schema() -> Schema {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let settings = settings.with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), "chatbox configuration".into());
    if let Some(root) = schema.as_object_mut() {
        root.values_mut().for_each(readable);
    }
    schema
}

/// Times as they are written.
fn readable(value: &mut Value) {
    if let Some((seconds, nanos)) = time(value) {
        let time = std::time::Duration::new(seconds, nanos);
        *value = humantime::format_duration(time).to_string().into();
        return;
    }
    match value {
        Value::Object(parts) => parts.values_mut().for_each(readable),
        Value::Array(items) => items.iter_mut().for_each(readable),
        _ => {}
    }
}

fn time(value: &Value) -> Option<(u64, u32)> {
    let parts = value.as_object().filter(|parts| parts.len() == 2)?;
    let nanos = u32::try_from(parts.get("nanos")?.as_u64()?).ok()?;
    Some((parts.get("secs")?.as_u64()?, nanos))
}

/// A time with its unit.
pub(crate) fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": "^[0-9]+ *(ms|s|m|h)$"})
}

/// One table for each channel this program was built with.
pub(super) fn channels(_: &mut SchemaGenerator) -> Schema {
    let mut channels = Map::new();
    for factory in Platforms::outside().iter() {
        let manifest = factory.manifest();
        let mut settings = Map::new();
        for setting in manifest.settings {
            let mut one = json!({"type": "string", "description": setting.title});
            if let Some(default) = setting.default {
                one["default"] = default.into();
            }
            settings.insert(setting.name, one);
        }
        let table = json!({
            "type": "object", "description": manifest.title,
            "properties": settings, "additionalProperties": false,
        });
        channels.insert(manifest.platform.to_string(), table);
    }
    json_schema!({"type": "object", "properties": channels, "additionalProperties": false})
}

/// Where a key belongs that stands elsewhere.
pub(super) fn home_of(key: &str) -> Option<String> {
    let schema = schema();
    let root = schema.get("properties")?.as_object()?;
    if root.contains_key(key) {
        return Some(format!(
            "`{key}` belongs at the top of the file, before the first table"
        ));
    }
    let tables = root
        .iter()
        .filter(|(_, table)| keys(table).any(|it| it == key));
    let tables: Vec<String> = tables.map(|(name, _)| format!("[{name}]")).collect();
    (!tables.is_empty()).then(|| format!("`{key}` belongs in {}", tables.join(" or ")))
}

/// The keys of a table, which may be left out.
fn keys(table: &Value) -> impl Iterator<Item = &String> {
    let alternatives = table.get("anyOf").and_then(Value::as_array);
    let tables = std::iter::once(table).chain(alternatives.into_iter().flatten());
    let properties = tables.filter_map(|table| table.get("properties")?.as_object());
    properties.flat_map(Map::keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        serde_json::to_string_pretty(&schema()).expect("a schema is JSON") + "\n"
    }

    /// Both tests are about the program with every platform, which `cargo xtask test` builds.
    #[test]
    fn the_copy_of_the_schema_is_of_today() {
        if !Platforms::are_all() {
            return;
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/config.schema.json");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, text()).expect("the copy can be written");
        }
        let copy = std::fs::read_to_string(path).unwrap_or_default();
        let how = "write it anew: UPDATE=1 cargo test -p chatbox-server --all-features the_copy_of_the_schema";
        assert!(
            copy == text(),
            "docs/config.schema.json is of another day; {how}"
        );
    }

    #[test]
    fn the_example_in_the_documents_holds_every_key_there_is() {
        if !Platforms::are_all() {
            return;
        }
        let page = include_str!("../../../docs/configuration.md");
        let example = page.split("```toml\n").nth(1).expect("an example");
        let example = example.split("```").next().expect("its end");
        let mut written: toml::Table = example.parse().expect("the example is TOML");
        Config::parse(example).expect("the example works");
        for own in ["database_url", "public_url", "behind_proxy", "telemetry"] {
            written.insert(own.to_owned(), "in the table of variables".into());
        }
        let schema = schema();
        compare("", &written, schema.as_value());
    }

    fn compare(at: &str, written: &toml::Table, schema: &Value) {
        let mut known: Vec<&String> = keys(schema).collect();
        known.sort();
        let mut there: Vec<&String> = written.keys().collect();
        there.sort();
        if !known.is_empty() {
            assert_eq!(there, known, "in [{at}]");
        }
        for (key, value) in written {
            if let toml::Value::Table(inner) = value {
                compare(&format!("{at}.{key}"), inner, part(schema, key));
            }
        }
    }

    fn part<'a>(schema: &'a Value, key: &str) -> &'a Value {
        let of = |table: &'a Value| table.get("properties")?.get(key);
        let found = of(schema).or_else(|| schema.get("anyOf")?.as_array()?.iter().find_map(of));
        found.unwrap_or_else(|| panic!("there is no {key}"))
    }
}
