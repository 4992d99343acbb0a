//! What a server counts, and that the dashboard and the alerts ask for just that. Needs promtool.
#![cfg(feature = "telegram")]

mod program;

use chatbox_fakes::telegram::{self, Bot, Entity, Fault, Say};
use program::{Program, Running};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const TOKEN: &str = "7000001:TEST-token-TEST-token";
const ADA: i64 = 42;
const EVE: i64 = 666;
const SOON: Duration = Duration::from_secs(20);

/// Waits until the page says all of this.
fn until(running: &Running, wanted: &[&str]) -> String {
    let began = Instant::now();
    loop {
        let page = running.get("/metrics");
        let page = page.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let missing: Vec<_> = wanted.iter().filter(|it| !page.contains(**it)).collect();
        if missing.is_empty() {
            return page.to_owned();
        }
        assert!(began.elapsed() < SOON, "{missing:?} is not in\n{page}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Calls a tool of the mailbox.
fn call(running: &Running, token: &str, tool: &str, arguments: &Value) -> String {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
    "name": tool, "arguments": arguments, "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }}});
    let body = body.to_string();
    let head = format!(
        "POST /mcp/main HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\nContent-Length: {}\r\n\r\n",
        running.address(),
        body.len()
    );
    running.exchange(format!("{head}{body}").as_bytes())
}

fn mcp_token(folder: &Path) -> String {
    let mut command = Program::new(folder).command();
    command.arg("--data-dir").arg(folder.join("served"));
    let done = program::run(command.args(["--json", "mailboxes", "mcp-token", "main"]));
    let said: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    said["mcp_token"]
        .as_str()
        .or(said["token"].as_str())
        .expect("a token")
        .to_owned()
}

/// What a server counts that answers people of a platform: one greets, one is a stranger, one formats too much.
async fn answering() -> String {
    let options = telegram::Options {
        bots: vec![Bot::new(TOKEN, "test_bot")],
        ..telegram::Options::default()
    };
    let platform = telegram::Server::start(options).await.expect("a free port");
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "[backend]\nkind = \"echo\"\n[channels.telegram]\napi_base = \"{}\"\n",
        platform.base_url()
    );
    let running = Running::start(folder.path(), &config);
    let mut add = Program::new(folder.path()).command();
    add.arg("--data-dir").arg(running.data());
    add.args(["--json", "channels", "add", "telegram", "--token-file", "-"]);
    program::give(&mut add, folder.path(), Some(TOKEN));
    let said: Value = serde_json::from_slice(&program::run(&mut add).stdout).expect("JSON");
    let code = said["pairing_link"]
        .as_str()
        .and_then(|it| it.rsplit('=').next());
    platform.say(ADA, ADA, &format!("/start {}", code.expect("a code")));
    let welcome = platform.until_messages(ADA, 1, SOON).await;
    welcome.expect("the owner is welcomed");
    let before = until(&running, &["chatbox_turns_total"]);
    platform.say(EVE, EVE, "let me in, hunter2");
    let refused = Fault::Refuse {
        code: 400,
        description: "Bad Request: can't parse entities: nonsense".to_owned(),
    };
    platform.fault("sendMessage", refused);
    let bold = vec![Entity::new("bold", 0, 7)];
    platform.say_with(Say::new(ADA, ADA, "hunter2 in bold").with_entities(bold));
    let said = platform.until_messages(ADA, 2, SOON).await;
    said.expect("an answer");
    let wanted = [
        r#"chatbox_degraded_total{platform="telegram",verb="send"} 1"#,
        r#"chatbox_turns_total{outcome="done"}"#,
        r#"chatbox_connection_up{platform="telegram"} 1"#,
        r#"chatbox_connections{platform="telegram"} 1"#,
        r#"chatbox_inbound_messages_total{platform="telegram",type="message",outcome="accepted"}"#,
        r#"chatbox_messages_total{platform="telegram",direction="out",outcome="unknown"} 0"#,
        "chatbox_turn_seconds_bucket",
    ];
    let page = until(&running, &wanted);
    assert!(
        !page.contains("hunter2"),
        "nothing that was said is in it: {page}"
    );
    only_rising(&before, &page);
    page
}

/// What a server counts whose mailbox is pushed to an endpoint that is not there, and whose agent calls tools.
fn pushing() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "[webhook]\nurl = \"http://127.0.0.1:9/\"\nallow_private = true\n";
    let running = Running::start(folder.path(), config);
    let feed = running.add_feed("alarms");
    let message = |id: &str| {
        let body = json!({"event_id": id, "chat": {"handle": "room"}, "sender": {"id": id}, "text": "hot"});
        let path = format!("/v1/connections/{}/messages", feed.id);
        let kind = "application/json";
        running.post(&path, &[&feed.token], kind, body.to_string().as_bytes());
    };
    message("1");
    message("1");
    let token = mcp_token(folder.path());
    call(
        &running,
        &token,
        "switch_chat",
        &json!({"chat_id": "alarms:room"}),
    );
    call(&running, &token, "say_hunter2", &json!({}));
    call(
        &running,
        &token,
        "read_messages",
        &json!({"nonsense": "hunter2"}),
    );
    message("2");
    let wanted = [
        r#"chatbox_mcp_calls_total{tool="switch_chat",outcome="done"} 1"#,
        r#"chatbox_mcp_calls_total{tool="unknown",outcome="unknown_tool"} 1"#,
        r#"chatbox_mcp_calls_total{tool="read_messages",outcome="invalid_arguments"} 1"#,
        r#"chatbox_inbound_messages_total{platform="alarms",type="message",outcome="accepted"} 2"#,
        r#"chatbox_inbound_messages_total{platform="alarms",type="message",outcome="duplicate"} 1"#,
        r#"chatbox_mailboxes{status="active"} 1"#,
        r#"chatbox_mailboxes{status="paused"} 0"#,
        "chatbox_delivery_queue_depth 1",
        "chatbox_outbox_depth 1",
        "chatbox_focus_switches_total 1",
        "chatbox_delivery_attempts_total",
        "chatbox_delivery_seconds_bucket",
        r#"chatbox_deliveries_total{outcome="failed"} 0"#,
    ];
    let page = until(&running, &wanted);
    assert!(
        !page.contains("hunter2"),
        "what an agent thinks up is no label: {page}"
    );
    page
}

/// What counts never counts back.
fn only_rising(before: &str, after: &str) {
    let counters = |page: &str| -> BTreeMap<String, f64> {
        let typed = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let typed = typed.filter_map(|it| it.split_once(' '));
        let names: Vec<&str> = typed.filter(|it| it.1 != "gauge").map(|it| it.0).collect();
        let counts = |line: &&str| names.iter().any(|name| line.starts_with(name));
        let pairs = page
            .lines()
            .filter(counts)
            .filter_map(|line| line.rsplit_once(' '));
        let number = |text: &str| text.parse().expect("a number");
        pairs
            .map(|(name, count)| (name.to_owned(), number(count)))
            .collect()
    };
    let (before, after) = (counters(before), counters(after));
    assert!(before.len() > 5, "{before:?}");
    for (name, count) in before {
        let now = after.get(&name).copied().unwrap_or(f64::NEG_INFINITY);
        assert!(now >= count, "{name} was {count} and is {now}");
    }
}

fn promtool(arguments: &[&str], folder: &Path) -> String {
    let mut command = Command::new("promtool");
    let done = command.args(arguments).current_dir(folder).output();
    let done = done.expect("install it: apt-get install prometheus");
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(done.status.success(), "promtool {arguments:?}: {said}");
    said
}

fn deployed(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/monitoring");
    folder.join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(deployed(name)).expect("it is deployed")
}

/// Every metric of a page with its labels. A histogram's parts are metrics of their own.
fn counted(pages: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let lines = pages.iter().flat_map(|page| page.lines());
    for line in lines.filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name: String = line.chars().take_while(|c| name_has(*c)).collect();
        let labels = line
            .split_once('{')
            .and_then(|(_, rest)| rest.split_once('}'));
        let labels = labels.map_or("", |(labels, _)| labels);
        let keys = labels
            .split("\",")
            .filter_map(|pair| pair.split('=').next());
        let known = all.entry(name).or_default();
        known.extend(keys.filter(|it| !it.is_empty()).map(str::to_owned));
        // Every scrape has them.
        known.extend(["instance".to_owned(), "job".to_owned()]);
    }
    all
}

fn name_has(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Every metric of ours that an expression asks for, with the labels it selects by.
fn asked(expression: &str) -> Vec<(String, Vec<String>)> {
    let starts = expression.match_indices("chatbox_").map(|(at, _)| at);
    let ours = starts.map(|at| {
        let rest = &expression[at..];
        let end = rest.find(|c| !name_has(c)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let labels = rest.strip_prefix('{').and_then(|it| it.split_once('}'));
        let labels = labels.map_or("", |(labels, _)| labels);
        let keys = labels
            .split(", ")
            .filter_map(|pair| pair.split(['=', '!']).next());
        let keys = keys.filter(|it| !it.is_empty()).map(str::to_owned);
        (name.to_owned(), keys.collect())
    });
    ours.collect()
}

/// The expressions of the dashboard, as they are asked.
fn dashboard() -> Vec<String> {
    fn within(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(parts) => {
                let own = parts.get("expr").and_then(Value::as_str);
                found.extend(own.map(str::to_owned));
                parts.values().for_each(|part| within(part, found));
            }
            Value::Array(items) => items.iter().for_each(|item| within(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).expect("JSON");
    within(&dashboard, &mut found);
    let filled = found.iter().map(|it| {
        it.replace("$__rate_interval", "5m")
            .replace("$instance", ".*")
    });
    filled.collect()
}

/// What stands behind a word on the lines of the alerts.
fn alerts(word: &str) -> Vec<String> {
    let text = read("alerts.yml");
    let lines = text
        .lines()
        .filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(word));
    lines.map(|it| it.trim().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_and_the_alerts_ask_for_what_is_counted() {
    let pages = [answering().await, pushing()];
    let folder = tempfile::tempdir().expect("a folder");
    for page in &pages {
        std::fs::write(folder.path().join("page"), page).expect("a file");
        let check = Command::new("sh")
            .args(["-c", "promtool check metrics <page"])
            .current_dir(folder.path())
            .output();
        let check = check.expect("install it: apt-get install prometheus");
        let said = String::from_utf8_lossy(&check.stderr).into_owned();
        assert!(check.status.success() && said.is_empty(), "{said}");
    }
    let counted = counted(&pages);
    let expressions = [dashboard(), alerts("expr:")].concat();
    assert!(expressions.len() > 25, "{expressions:#?}");
    let rules = expressions
        .iter()
        .enumerate()
        .map(|(nth, expression)| json!({"record": format!("rule_{nth}"), "expr": expression}));
    let rules = json!({"groups": [{"name": "all", "rules": rules.collect::<Vec<_>>()}]});
    std::fs::write(folder.path().join("rules.json"), rules.to_string()).expect("a file");
    promtool(&["check", "rules", "rules.json"], folder.path());
    let mut used = BTreeSet::new();
    for (name, labels) in expressions.iter().flat_map(|it| asked(it)) {
        let known = counted
            .get(&name)
            .unwrap_or_else(|| panic!("nobody counts {name}"));
        for label in labels {
            assert!(
                known.contains(&label),
                "{name} has no {label}, but {known:?}"
            );
        }
        used.insert(name);
    }
    let family = |name: &str| {
        let ends = ["_bucket", "_sum", "_count"];
        let end = ends.iter().find_map(|end| name.strip_suffix(end));
        end.unwrap_or(name).to_owned()
    };
    let shown: BTreeSet<String> = used.iter().map(|it| family(it)).collect();
    let forgotten: Vec<String> = counted
        .keys()
        .map(|name| family(name))
        .filter(|name| !shown.contains(name) && name != "chatbox_build_info")
        .collect();
    assert!(
        forgotten.is_empty(),
        "counted and never shown: {forgotten:?}"
    );
}

#[test]
fn every_alert_is_raised_by_what_it_is_about_and_by_nothing_else() {
    let folder = deployed("");
    promtool(&["check", "rules", "alerts.yml"], &folder);
    promtool(&["test", "rules", "alerts.test.yml"], &folder);
    let tests = read("alerts.test.yml");
    for alert in alerts("alert:") {
        let raised = format!("alertname: {alert}\n        exp_alerts:");
        assert!(tests.contains(&raised), "no test raises {alert}");
    }
}
