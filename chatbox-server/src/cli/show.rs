//! How answers look: JSON for programs, plain aligned text for people, with nothing that moves a terminal.

use crate::client::Client;
use crate::doctor::Report;
use crate::failure::{Exit, Failure, Place};
use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::Write;

/// One thing with named parts, in the order they were answered.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Row(serde_json::Map<String, Value>);

/// What a command shows.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Shown {
    /// One thing.
    One(Row),
    /// Several of a kind.
    Many {
        /// Which.
        items: Vec<Row>,
    },
}

/// A list as the server answers it.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    pub(super) items: Vec<Row>,
    #[serde(default)]
    next_cursor: Option<String>,
}

impl List {
    /// So many items of a list of the server, in as many parts as it takes.
    pub(super) async fn of(client: &Client, path: &str, most: usize) -> Result<Vec<Row>, Failure> {
        const PART: usize = 500;
        let mut items = Vec::new();
        let mut cursor = String::new();
        let sign = if path.contains('?') { '&' } else { '?' };
        while items.len() < most {
            let limit = (most - items.len()).min(PART);
            let part = format!("{path}{sign}limit={limit}{cursor}");
            let list: Self = client.ask(Method::GET, &part, None::<&()>).await?;
            items.extend(list.items);
            match list.next_cursor {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        Ok(items)
    }
}

impl Row {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// All of it as text, to be compared.
    pub(super) fn said(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn lines(&self) -> String {
        let shown = self.0.iter().filter(|(_, value)| !value.is_null());
        let line = |(name, value): (&String, &Value)| format!("  {name:<14} {}\n", plain(value));
        shown.map(line).collect::<Vec<_>>().concat()
    }
}

impl Shown {
    pub(super) fn one(row: Row) -> Self {
        Self::One(row)
    }

    pub(super) fn many(items: Vec<Row>) -> Self {
        Self::Many { items }
    }
}

/// A value as people read it. What others wrote cannot move the cursor or change colours.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(parts) => {
            let parts = parts.iter().filter(|(_, value)| !value.is_null());
            parts
                .map(|(name, value)| format!("{name} {}", plain(value)))
                .collect::<Vec<_>>()
                .join(", ")
        }
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    };
    tame(&text)
}

/// A text without what moves the cursor, changes colours or turns the direction of writing.
fn tame(text: &str) -> String {
    let turns = |c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| {
            if c.is_control() || turns(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// Shows an answer.
pub(super) fn show(shown: &Shown, json: bool) -> Result<(), Failure> {
    let text = match (json, shown) {
        (true, shown) => format!(
            "{}\n",
            serde_json::to_string(shown).expect("what is shown is JSON")
        ),
        (false, Shown::One(row)) => row.lines(),
        (false, Shown::Many { items }) if items.is_empty() => "  none\n".to_owned(),
        (false, Shown::Many { items }) => {
            items.iter().map(Row::lines).collect::<Vec<_>>().join("\n")
        }
    };
    print(&text)
}

/// Shows what `doctor` found.
pub(super) fn report(report: &Report, json: bool) -> Result<(), Failure> {
    if json {
        return print(&format!(
            "{}\n",
            serde_json::to_string(report).expect("a report is JSON")
        ));
    }
    let lines = report.findings.iter().map(|finding| {
        let severity = format!("{:?}", finding.severity).to_lowercase();
        let cause = tame(&finding.cause);
        format!(
            "  {severity:<8} {}: {cause}\n           fix: {}\n",
            finding.id, finding.fix
        )
    });
    let end = if report.ok {
        "  everything works\n"
    } else {
        "  mend the above and run `chatbox doctor` again\n"
    };
    print(&format!("{}{end}", lines.collect::<Vec<_>>().concat()))
}

/// Prints; a reader that went away is no error.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::io("cannot write the answer", &error).exit(Exit::Io))
        }
        _ => Ok(()),
    }
}

/// Shows an error: one line for people, and the line of the configuration it is about; an object for programs.
pub(super) fn failure(failure: &Failure, json: bool) {
    if json {
        let text = serde_json::json!({ "error": failure }).to_string();
        // Nobody is left to tell when the terminal is gone.
        let _ = print(&format!("{text}\n"));
    } else {
        let line = failure.to_string().replace('\n', " ");
        let _ = writeln!(std::io::stderr(), "{}", tame(&line));
        if let Some(place) = &failure.place {
            let _ = write!(std::io::stderr(), "{}", excerpt(place));
        }
    }
}

/// The line, and a mark below what is meant.
fn excerpt(place: &Place) -> String {
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    let text = tame(&place.text.replace('\t', " "));
    let (before, mark) = (" ".repeat(place.caret), "^".repeat(place.width));
    format!("  {margin} |\n  {number} | {text}\n  {margin} | {before}{mark}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_cannot_move_a_terminal() {
        let hostile = "\u{1b}[2J\u{9b}31m\u{7}\r\u{202e}ada\n";
        let inner = serde_json::json!({"name": hostile, "list": [hostile]});
        let row = Row::new().with("from", hostile).with("more", inner);
        let lines = row.lines();
        assert_eq!(lines.matches('\n').count(), 2, "{lines:?}");
        assert_eq!(lines.matches("ada").count(), 3);
        let moves = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!lines.contains(moves), "{lines:?}");
    }
}
