//! The tools: what each is called, takes and gives.

mod act;
mod ask;
mod files;
mod look;
pub(super) mod platform;
mod say;
mod schema;
mod turn;
mod wait;

pub(super) use look::{chats, messages};
pub(super) use wait::{LOOK, ended};

use super::desk::Desk;
use super::refusal::Refusal;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::LazyLock;

/// One thing an agent can do.
trait Verb: 'static {
    /// What it is called.
    const NAME: &'static str;
    /// What people see.
    const TITLE: &'static str;
    /// What the agent is told.
    const SAYS: &'static str;
    /// What it takes.
    type Takes: DeserializeOwned + JsonSchema + Send + 'static;
    /// What it gives.
    type Gives: Serialize + JsonSchema + Send + 'static;

    /// How careful one must be with it.
    fn hints() -> ToolAnnotations;

    /// Does it.
    fn run(
        desk: &Desk,
        takes: Self::Takes,
    ) -> impl Future<Output = Result<Self::Gives, Refusal>> + Send;

    /// What the model reads of the answer.
    fn told(gives: &Self::Gives) -> String {
        serde_json::to_string(gives).expect("what a tool gives is JSON")
    }
}

/// A tool of the table.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// What it is called.
    pub(super) name: &'static str,
    tool: fn() -> Tool,
    call: for<'a> fn(&'a Desk, JsonObject) -> BoxFuture<'a, Result<CallToolResult, Refusal>>,
}

/// The tools every mailbox has.
pub(super) const ALL: [Entry; 10] = [
    entry::<look::ListChats>(),
    entry::<turn::SwitchChat>(),
    entry::<look::ReadMessages>(),
    entry::<look::SearchMessages>(),
    entry::<wait::WaitForEvents>(),
    entry::<say::SendMessage>(),
    entry::<ask::AskHuman>(),
    entry::<act::React>(),
    entry::<act::EditMessage>(),
    entry::<act::DeleteMessage>(),
];

/// The tool of this name that every mailbox has.
pub(super) fn named(name: &str) -> Option<Entry> {
    ALL.into_iter().find(|entry| entry.name == name)
}

impl Entry {
    /// As it is listed.
    pub(super) fn tool(self) -> Tool {
        static MADE: LazyLock<HashMap<&str, Tool>> =
            LazyLock::new(|| ALL.into_iter().map(|it| (it.name, (it.tool)())).collect());
        MADE[self.name].clone()
    }

    /// Whether it is anything for whoever asks: a turn has its one chat, and what comes next is the next turn's.
    pub(super) fn fits(self, desk: &Desk) -> bool {
        let waits = [wait::WaitForEvents::NAME, ask::AskHuman::NAME].contains(&self.name);
        !desk.in_turn() || !(self.turns() || waits)
    }

    /// Whether it turns to another chat.
    pub(super) fn turns(self) -> bool {
        self.name == turn::SwitchChat::NAME
    }
}

/// Does it, or says why not. Whatever is not another switch ends the repetition of the last recap.
pub(super) async fn run(
    entry: Entry,
    desk: &Desk,
    arguments: JsonObject,
) -> Result<CallToolResult, Refusal> {
    if !entry.turns() {
        desk.settle().await?;
    }
    (entry.call)(desk, arguments).await
}

/// For a tool that a turn does not have.
pub(super) fn not_in_a_turn() -> Refusal {
    let says = "a turn has the one chat it answers, and waits for nothing";
    let next = "Call read_messages or send_message, or end the turn.";
    Refusal::new("not_in_a_turn", says, next)
}

const fn entry<V: Verb>() -> Entry {
    Entry {
        name: V::NAME,
        tool: tool::<V>,
        call: |desk, arguments| call::<V>(desk, arguments).boxed(),
    }
}

fn tool<V: Verb>() -> Tool {
    Tool::new(V::NAME, V::SAYS, schema::taken::<V::Takes>())
        .with_raw_output_schema(schema::given::<V::Gives>())
        .with_title(V::TITLE)
        .with_annotations(V::hints())
}

async fn call<V: Verb>(desk: &Desk, arguments: JsonObject) -> Result<CallToolResult, Refusal> {
    let gives = V::run(desk, takes(arguments)?).await?;
    let mut result = CallToolResult::success(vec![ContentBlock::text(V::told(&gives))]);
    let structured = serde_json::to_value(&gives).expect("what a tool gives is JSON");
    result.structured_content = Some(structured);
    Ok(result)
}

fn takes<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(serde_json::Value::Object(arguments)).map_err(|error| {
        let says = match error.path().to_string().as_str() {
            "." => error.inner().to_string(),
            path => format!("{path}: {}", error.inner()),
        };
        let next = "Call again with arguments that fit the tool's input schema.";
        Refusal::new("invalid_arguments", says, next)
    })
}

/// A tool that changes nothing.
fn reads() -> ToolAnnotations {
    let hints = ToolAnnotations::new().read_only(true).destructive(false);
    hints.idempotent(true).open_world(true)
}

/// A tool that adds something.
fn adds() -> ToolAnnotations {
    let hints = ToolAnnotations::new().read_only(false).destructive(false);
    hints.idempotent(false).open_world(true)
}

/// A number within its bounds, or the usual one.
fn bounded(field: &str, given: Option<u32>, usual: u32, most: u32) -> Result<u32, Refusal> {
    match given {
        None => Ok(usual),
        Some(number) if (1..=most).contains(&number) => Ok(number),
        Some(_) => Err(Refusal::out_of_range(field, 1, most.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_tool_says_what_it_takes_and_gives() {
        let mut names = HashSet::new();
        for entry in ALL {
            let tool = entry.tool();
            assert!(
                names.insert(tool.name.clone()),
                "{} stands twice",
                tool.name
            );
            assert!(
                tool.title.is_some() && tool.annotations.is_some(),
                "{}",
                tool.name
            );
            assert!(
                tool.description.as_ref().is_some_and(|it| it.len() > 40),
                "{}",
                tool.name
            );
            let output = tool.output_schema.as_ref().expect("a schema");
            for schema in [&tool.input_schema, output] {
                let text = serde_json::to_string(schema).expect("JSON");
                for word in ["\"format\"", "\"$ref\"", "\"$defs\""] {
                    assert!(!text.contains(word), "{} has {word}: {text}", tool.name);
                }
                assert_eq!(schema["type"], "object", "{}", tool.name);
            }
            assert_eq!(
                tool.input_schema["additionalProperties"], false,
                "{}",
                tool.name
            );
        }
    }

    #[test]
    fn a_wrong_argument_is_named() {
        #[derive(serde::Deserialize, Debug)]
        #[serde(deny_unknown_fields)]
        struct Takes {
            #[serde(rename = "limit")]
            _limit: u32,
        }
        let wrong = |json: &str| {
            let arguments = serde_json::from_str(json).expect("an object");
            takes::<Takes>(arguments).expect_err(json).to_string()
        };
        assert!(wrong(r#"{"limit":"x"}"#).starts_with("invalid_arguments: limit: "));
        assert!(wrong("{}").contains("limit"), "{}", wrong("{}"));
        assert!(wrong(r#"{"limit":1,"else":2}"#).contains("else"));
    }
}
