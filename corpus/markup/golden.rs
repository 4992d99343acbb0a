//! Snippets of CommonMark, and how each platform is told them: one file beside this one for each, read by people.
//!
//! `UPDATE=1 cargo test golden` writes the files anew; what has changed is looked at before it is committed.

use chatbox_connector_api::markup::{Dialect, Markup, parse, plain, split};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// So many snippets there are at least.
const SNIPPETS: usize = 60;
/// What stands before a name.
const MARK: &str = "==== ";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../corpus/markup/{name}.txt"))
}

/// Names and what stands below them.
fn read(name: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file(name)).unwrap_or_default();
    let between = format!("\n{MARK}");
    let parts = text.strip_prefix(MARK).unwrap_or_default();
    let parts = parts.split(&between).filter(|it| !it.is_empty());
    let part = |part: &str| {
        let (name, text) = part.split_once('\n').unwrap_or((part, ""));
        (name.to_owned(), text.trim_end_matches('\n').to_owned())
    };
    parts.map(part).collect()
}

/// Whether each snippet is told as the file of this name shows it, every address in it whole.
pub(crate) fn check(name: &str, tell: impl Fn(&Markup) -> String) {
    let snippets = read("snippets");
    assert!(snippets.len() >= SNIPPETS, "{} snippets", snippets.len());
    let told = snippets.into_iter().map(|(name, text)| {
        let tree = parse(&text);
        let told = tell(&tree);
        leads_where_it_led(&tree, &told);
        (name, told.trim_end_matches('\n').to_owned())
    });
    let told: Vec<(String, String)> = told.collect();
    if std::env::var_os("UPDATE").is_some() {
        let mut text = String::new();
        for (name, told) in &told {
            writeln!(text, "{MARK}{name}\n{told}").expect("a text takes more");
        }
        std::fs::write(file(name), text).expect("the corpus can be written");
    }
    let golden = read(name);
    for (nth, (name, told)) in told.iter().enumerate() {
        let golden = golden.get(nth).map(|it| (it.0.as_str(), it.1.as_str()));
        assert_eq!(golden, Some((name.as_str(), told.as_str())), "{name}");
    }
    assert_eq!(golden.len(), told.len(), "snippets that are no more");
}

/// Whether the parts of every snippet fit, lose no letter, and leave no fence open.
pub(crate) fn check_parts(
    dialect: &dyn Dialect,
    least: usize,
    written: impl Fn(&Markup) -> String,
) {
    for (name, text) in read("snippets") {
        let tree = parse(&text);
        for limit in [least, least * 2, least * 5] {
            let parts = split(&tree, dialect, limit);
            let shown: String = parts.iter().map(plain).collect();
            let mut letters = shown.chars();
            let mut wanted = plain(&tree).chars().collect::<Vec<_>>();
            wanted.retain(|c| c.is_alphanumeric());
            // Some come twice: a table's head, a style that is cut.
            let lost = wanted.iter().find(|c| !letters.any(|it| it == **c));
            assert_eq!(lost, None, "{name} in parts of {limit}: {shown}");
            for part in &parts {
                let measured = dialect.measure(part);
                assert!(measured <= limit, "{name}: {measured} of {limit}");
                let written = written(part);
                assert!(is_closed(&written), "{name} in parts of {limit}: {written}");
            }
        }
    }
}

fn is_closed(text: &str) -> bool {
    let mut open = None;
    for line in text.lines() {
        let line = line.trim_start_matches(['>', ' ']);
        let ticks = line.len() - line.trim_start_matches('`').len();
        match open {
            None if ticks >= 3 => open = Some(ticks),
            Some(of) if ticks >= of && line.len() == ticks => open = None,
            _ => {}
        }
    }
    open.is_none()
}

fn leads_where_it_led(tree: &Markup, told: &str) {
    let mut told = told.replace('\\', "");
    for (written, sign) in [("&amp;", "&"), ("%28", "("), ("%29", ")")] {
        told = told.replace(written, sign);
    }
    let tree = serde_json::to_value(tree).expect("a tree is JSON");
    for address in addresses(&tree) {
        let address = address.trim_end_matches('/');
        assert!(told.contains(address), "{address} in {told}");
    }
}

fn addresses(tree: &Value) -> Vec<String> {
    match tree {
        Value::Array(all) => all.iter().flat_map(addresses).collect(),
        Value::Object(all) => {
            let own = all.get("href").and_then(Value::as_str).map(str::to_owned);
            own.into_iter()
                .chain(all.values().flat_map(addresses))
                .collect()
        }
        _ => Vec::new(),
    }
}
