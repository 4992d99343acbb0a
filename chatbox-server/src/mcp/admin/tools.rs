//! The tools: which request each one is.

use axum::http::Method;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};
use std::sync::Arc;
use url::form_urlencoded::byte_serialize;

/// A request to the API, and which part of its answer is passed on.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    pub(super) show: Option<&'static str>,
}

/// What a tool takes.
#[derive(Clone, Copy, Debug)]
struct Field {
    name: &'static str,
    kind: &'static str,
    says: &'static str,
    is_needed: bool,
}

/// One tool.
#[derive(Debug)]
pub(super) struct Entry {
    name: &'static str,
    title: &'static str,
    says: &'static str,
    takes: &'static [Field],
    changes: bool,
    make: fn(&Taken) -> Call,
}

/// The arguments, as they fit.
#[derive(Debug)]
struct Taken(JsonObject);

const fn field(name: &'static str, kind: &'static str, says: &'static str) -> Field {
    Field {
        name,
        kind,
        says,
        is_needed: true,
    }
}

const fn maybe(name: &'static str, kind: &'static str, says: &'static str) -> Field {
    Field {
        is_needed: false,
        ..field(name, kind, says)
    }
}

const MAILBOX: Field = field(
    "mailbox_id",
    "string",
    "The mailbox, as list_mailboxes names it.",
);
const CHAT: Field = field(
    "chat_id",
    "string",
    "The chat, as list_chats names it: cht_ and a number.",
);
const SUBSCRIPTION: Field = field(
    "subscription_id",
    "string",
    "The subscription, as list_subscriptions names it.",
);
const LIMIT: Field = maybe(
    "limit",
    "integer",
    "At most so many, 1 to 500; 50 unless set.",
);

static ALL: [Entry; 13] = [
    Entry {
        name: "list_mailboxes",
        title: "List mailboxes",
        says: "Every mailbox of the account: how it is answered, and whether it is paused.",
        takes: &[],
        changes: false,
        make: |_| get("/v1/mailboxes"),
    },
    Entry {
        name: "get_mailbox_health",
        title: "See how a mailbox stands",
        says: "How hand-outs to a mailbox's webhook go: failures in a row, what waits, and why the last one failed.",
        takes: &[MAILBOX],
        changes: false,
        make: |it| get(format!("/v1/mailboxes/{}/health", it.id("mailbox_id"))),
    },
    Entry {
        name: "unpause_mailbox",
        title: "Go on with a mailbox",
        says: "Goes on handing out to a mailbox that was paused; what waits comes first, in order.",
        takes: &[MAILBOX],
        changes: true,
        make: |it| post(format!("/v1/mailboxes/{}/unpause", it.id("mailbox_id"))),
    },
    Entry {
        name: "list_connections",
        title: "List connections",
        says: "Every connection to a platform, and whether it hears it.",
        takes: &[],
        changes: false,
        make: |_| get("/v1/connections"),
    },
    Entry {
        name: "list_chats",
        title: "List chats",
        says: "The chats of a mailbox, the one with the newest message first.",
        takes: &[MAILBOX, LIMIT],
        changes: false,
        make: |it| {
            let limit = it.limit();
            get(format!(
                "/v1/mailboxes/{}/chats?limit={limit}",
                it.id("mailbox_id")
            ))
        },
    },
    Entry {
        name: "mute_chat",
        title: "Mute a chat",
        says: "From now on the chat's mailbox is not told of what is said there. It is kept, and counts as unread.",
        takes: &[CHAT],
        changes: true,
        make: |it| mute(it, true),
    },
    Entry {
        name: "unmute_chat",
        title: "Hear of a chat again",
        says: "From now on the chat's mailbox is told again of what is said there.",
        takes: &[CHAT],
        changes: true,
        make: |it| mute(it, false),
    },
    Entry {
        name: "get_templates",
        title: "See templates",
        says: "What a mailbox's webhook says, by template, where it is not this server's own wording.",
        takes: &[MAILBOX],
        changes: false,
        make: |it| Call {
            show: Some("templates"),
            ..get(format!("/v1/mailboxes/{}", it.id("mailbox_id")))
        },
    },
    Entry {
        name: "update_template",
        title: "Change a template",
        says: "Sets one template of a mailbox, or takes it away with null. One that names a placeholder there is not is refused.",
        takes: &[
            MAILBOX,
            field(
                "key",
                "string",
                "Which template, such as notification or focal_message.",
            ),
            field(
                "template",
                "string|null",
                "The text with its placeholders, or null.",
            ),
        ],
        changes: true,
        make: |it| Call {
            method: Method::PUT,
            path: format!(
                "/v1/mailboxes/{}/templates/{}",
                it.id("mailbox_id"),
                it.id("key")
            ),
            body: Some(json!({"template": it.0.get("template")})),
            show: Some("templates"),
        },
    },
    Entry {
        name: "list_recent_deliveries",
        title: "List recent deliveries",
        says: "What was handed to a mailbox's webhook, newest first, and what became of it.",
        takes: &[MAILBOX, LIMIT],
        changes: false,
        make: |it| {
            let limit = it.limit();
            get(format!(
                "/v1/deliveries?mailbox={}&limit={limit}",
                it.id("mailbox_id")
            ))
        },
    },
    Entry {
        name: "list_subscriptions",
        title: "List subscriptions",
        says: "Who is told what happens in the account.",
        takes: &[],
        changes: false,
        make: |_| get("/v1/subscriptions"),
    },
    Entry {
        name: "create_subscription",
        title: "Tell somebody what happens",
        says: "From now on these service events are posted to this address, signed. The credential that signs is named; \
               give it a secret of your own with PUT /v1/credentials/{id}.",
        takes: &[
            field("url", "string", "Where to."),
            field(
                "events",
                "array",
                "Which: new_chat, delivery_failed, mailbox_paused and others.",
            ),
            maybe(
                "signing_credential_ids",
                "array",
                "The credentials that sign; one is made where none is named.",
            ),
        ],
        changes: true,
        make: |it| Call {
            body: Some(Value::Object(it.0.clone())),
            ..post("/v1/subscriptions")
        },
    },
    Entry {
        name: "delete_subscription",
        title: "End a subscription",
        says: "Nothing more is posted there; what waits is dropped.",
        takes: &[SUBSCRIPTION],
        changes: true,
        make: |it| Call {
            method: Method::DELETE,
            ..get(format!("/v1/subscriptions/{}", it.id("subscription_id")))
        },
    },
];

fn get(path: impl Into<String>) -> Call {
    Call {
        method: Method::GET,
        path: path.into(),
        body: None,
        show: None,
    }
}

fn post(path: impl Into<String>) -> Call {
    Call {
        method: Method::POST,
        ..get(path)
    }
}

fn mute(taken: &Taken, muted: bool) -> Call {
    Call {
        method: Method::PUT,
        body: Some(json!({"muted": muted})),
        ..get(format!("/v1/chats/{}/muted", taken.id("chat_id")))
    }
}

impl Taken {
    /// An id as it stands in a path.
    fn id(&self, name: &str) -> String {
        let id = self.0.get(name).and_then(Value::as_str).unwrap_or_default();
        byte_serialize(id.as_bytes()).collect()
    }

    fn limit(&self) -> i64 {
        self.0.get("limit").and_then(Value::as_i64).unwrap_or(50)
    }
}

/// The tools, as they are listed.
pub(super) fn list() -> Vec<Tool> {
    ALL.iter().map(Entry::tool).collect()
}

/// The tool of this name.
pub(super) fn named(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}

/// What is written down of a tool that the API writes nothing down of itself.
pub(super) fn noted(entry: &Entry) -> Option<Call> {
    (!entry.changes).then(|| Call {
        body: Some(json!({"action": entry.name})),
        ..post("/v1/audit")
    })
}

impl Entry {
    fn tool(&self) -> Tool {
        let property = |field: &Field| {
            let schema = match field.kind {
                "array" => json!({
                    "type": "array", "items": {"type": "string"}, "description": field.says,
                }),
                "string|null" => json!({"type": ["string", "null"], "description": field.says}),
                kind => json!({"type": kind, "description": field.says}),
            };
            (field.name.to_owned(), schema)
        };
        let properties: JsonObject = self.takes.iter().map(property).collect();
        let needed = self.takes.iter().filter(|field| field.is_needed);
        let needed: Vec<&str> = needed.map(|field| field.name).collect();
        let mut schema = JsonObject::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("properties".to_owned(), Value::Object(properties));
        schema.insert("required".to_owned(), json!(needed));
        schema.insert("additionalProperties".to_owned(), json!(false));
        let hints = ToolAnnotations::new().read_only(!self.changes);
        Tool::new(self.name, self.says, Arc::new(schema))
            .with_title(self.title)
            .with_annotations(hints.destructive(self.name.starts_with("delete")))
    }

    /// The request that these arguments make, or what is wrong with them.
    pub(super) fn call(&self, arguments: JsonObject) -> Result<Call, String> {
        let wrong = |says: String| {
            format!(
                "invalid_arguments: {says}. Call again with arguments that fit the tool's input schema."
            )
        };
        for name in arguments.keys() {
            if !self.takes.iter().any(|field| field.name == name) {
                return Err(wrong(format!("there is no argument {name:?}")));
            }
        }
        for field in self.takes {
            let fits = match (arguments.get(field.name), field.kind) {
                (None, _) => !field.is_needed,
                (Some(value), "string") => value.as_str().is_some_and(|it| !it.is_empty()),
                (Some(value), "integer") => value.is_i64(),
                (Some(value), "array") => value.is_array(),
                (Some(value), _) => value.is_string() || value.is_null(),
            };
            if !fits {
                return Err(wrong(format!(
                    "{} must be given as {}",
                    field.name, field.kind
                )));
            }
        }
        Ok((self.make)(&Taken(arguments)))
    }
}

/// What the API answered, without what it shows once: an agent's context is no place for a secret.
pub(super) fn told(bytes: &[u8], show: Option<&'static str>) -> CallToolResult {
    let mut value: Value = serde_json::from_slice(bytes).unwrap_or_else(|_| json!({"done": true}));
    if let Some(fields) = value.as_object_mut() {
        fields.remove("signing_secret");
    }
    // Nor for what people say to others.
    let items = value.get_mut("items").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
        item.remove("last");
    }
    if let Some(part) = show {
        value = json!({part: value.get(part)});
    }
    let mut result = CallToolResult::success(vec![ContentBlock::text(value.to_string())]);
    result.structured_content = Some(value);
    result
}

/// Why the API refused, with what to do.
pub(super) fn refused(bytes: &[u8]) -> CallToolResult {
    let problem: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let part = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    let text = format!("{}: {}. {}", part("code"), part("detail"), part("hint"));
    CallToolResult::error(vec![ContentBlock::text(text)])
}
