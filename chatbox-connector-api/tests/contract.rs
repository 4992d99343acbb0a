//! The contract's document says what the code reads: every example in it is read, and written back with nothing lost.

use chatbox_connector_api::event::EventBody;
use chatbox_connector_api::wire::{
    About, Asked, Confirmed, Failed, Fetch, Found, Line, Open, Probed,
};
use chatbox_connector_api::{Receipt, wire};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Deserializer, Value};

const DOCUMENT: &str = include_str!("../../docs/CONNECTOR_CONTRACT.md");

/// The examples, each under the name of its type.
fn examples() -> Vec<(&'static str, &'static str)> {
    let marked = DOCUMENT.split("<!-- ").skip(1);
    let example = |text: &'static str| {
        let (name, rest) = text.split_once(" -->").expect("a mark has an end");
        let block = rest.trim_start().strip_prefix("```json\n");
        let block = block.unwrap_or_else(|| panic!("{name} is followed by JSON"));
        (name, block.split("```").next().unwrap_or_default())
    };
    marked.map(example).collect()
}

/// What the code makes of an example: nothing in it may be unknown, and nothing may be lost.
fn same<T: DeserializeOwned + Serialize>(value: &Value) -> Result<(), String> {
    let read: T = serde_json::from_str(&value.to_string()).map_err(|error| error.to_string())?;
    let written = serde_json::to_value(read).expect("it is JSON");
    lost("", value, &written)
}

fn lost(at: &str, said: &Value, kept: &Value) -> Result<(), String> {
    match (said, kept) {
        (Value::Object(said), Value::Object(kept)) => said.iter().try_for_each(|(key, value)| {
            lost(
                &format!("{at}/{key}"),
                value,
                kept.get(key).unwrap_or(&Value::Null),
            )
        }),
        (Value::Array(said), Value::Array(kept)) if said.len() == kept.len() => {
            let mut pairs = said.iter().zip(kept);
            pairs.try_for_each(|(said, kept)| lost(&format!("{at}/[]"), said, kept))
        }
        // What is said by default need not be written.
        (Value::Null | Value::Bool(false), Value::Null) => Ok(()),
        (said, kept) if said == kept => Ok(()),
        (said, kept) => Err(format!("{at}: {said} became {kept}")),
    }
}

#[test]
fn every_example_of_the_document_is_what_the_code_reads() {
    let examples = examples();
    assert!(examples.len() >= 11, "{examples:?}");
    for (name, text) in examples {
        for value in Deserializer::from_str(text).into_iter::<Value>() {
            let value = value.unwrap_or_else(|error| panic!("{name}: {error}"));
            let checked = match name {
                "About" => same::<About>(&value),
                "Asked" => same::<Asked>(&value),
                "Confirmed" => same::<Confirmed>(&value),
                "EventBody" => same::<EventBody>(&value),
                "Failed" => same::<Failed>(&value),
                "Fetch" => same::<Fetch>(&value),
                "Found" => same::<Found>(&value),
                "Line" => line(&value),
                "Open" => same::<Open>(&value),
                "Probed" => same::<Probed>(&value),
                "Receipt" => same::<Receipt>(&value),
                other => panic!("there is no type {other}"),
            };
            checked.unwrap_or_else(|error| panic!("{name} {value}: {error}"));
        }
    }
}

fn line(value: &Value) -> Result<(), String> {
    same::<Line>(value)?;
    let line: Line = serde_json::from_str(&value.to_string()).expect("it was read before");
    match line.kind.as_str() {
        "event" => line.event().map(drop),
        _ => Ok(()),
    }
}

/// The tree of markup as the document writes it.
#[test]
fn the_markup_of_the_document_is_what_the_code_writes() {
    let text = "# a\n\n**b** *c* ~~d~~ `e` [f](g)\nh\n\n```py\ni\n```\n\n> j\n\n3. k\n\n- l\n\n| m |\n|---|\n| n |\n\n---";
    let tree = serde_json::to_value(chatbox_connector_api::markup::parse(text)).expect("JSON");
    let tree = tree.to_string();
    for word in [
        "paragraph",
        "heading",
        "level",
        "content",
        "code",
        "lang",
        "quote",
        "list",
        "start",
        "items",
        "table",
        "header",
        "rows",
        "rule",
        "text",
        "strong",
        "emphasis",
        "strike",
        "link",
        "href",
        "break",
    ] {
        let quoted = format!("\"{word}\"");
        assert!(tree.contains(&quoted), "{word}: {tree}");
        assert!(DOCUMENT.contains(&quoted), "{word}");
    }
}

#[test]
fn the_numbers_of_the_document_are_the_codes() {
    assert!(DOCUMENT.contains(&format!("`{}`", wire::ROOT)));
    assert_eq!(wire::LONGEST, 1024 * 1024);
    assert_eq!((wire::BEAT.as_secs(), wire::SILENCE.as_secs()), (10, 30));
    assert_eq!((wire::ANSWER.as_secs(), wire::FILE.as_secs()), (30, 300));
    for said in [
        "at most 1 MiB",
        "An answer has 30 seconds, a file that is brought five\n  minutes",
        "when you sent nothing for 10 seconds. After 30 seconds without a line",
    ] {
        assert!(DOCUMENT.contains(said), "{said}");
    }
}
