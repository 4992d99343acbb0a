//! How answers look: JSON for programs, plain aligned text for people, with nothing that moves a terminal.

use crate::client::Client;
use crate::doctor::Report;
use crate::failure::{Exit, Failure, Place};
use axum::http::Method;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::Write;
use std::time::{Duration, SystemTime};

/// When the year 10000 begins, in seconds since 1970.
const YEAR_10000: u64 = 253_402_300_800;

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

    fn shown(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().filter(|(_, value)| !value.is_null())
    }

    /// A line for each part, the values below one another.
    fn lines(&self, width: usize) -> String {
        let line =
            |(name, value): (&String, &Value)| format!("  {name:<width$} {}\n", part(name, value));
        self.shown().map(line).collect::<Vec<_>>().concat()
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

/// How wide the column of names is: one width for all that is shown together.
fn width<'a>(rows: impl IntoIterator<Item = &'a Row>) -> usize {
    const USUAL: usize = 14;
    let names = rows.into_iter().flat_map(Row::shown);
    names.map(|(name, _)| name.len()).fold(USUAL, usize::max)
}

/// A named value as people read it: what is a time is shown as one.
fn part(name: &str, value: &Value) -> String {
    let since = match name {
        "at" | "until" | "expires" | "last_success_at" | "last_failure_at"
        | "oldest_pending_at" => value.as_u64().map(Duration::from_millis),
        "alive_at" | "message_at" => value.as_u64().map(Duration::from_secs),
        _ => None,
    };
    // Later than that there is no time of four digits for the year.
    let since = since.filter(|since| since.as_secs() < YEAR_10000);
    match since {
        Some(since) => {
            humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since).to_string()
        }
        None => plain(value),
    }
}

/// A value as people read it. What others wrote cannot move the cursor or change colours.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(parts) if parts.is_empty() => "none".to_owned(),
        Value::Object(parts) => {
            let parts = parts.iter().filter(|(_, value)| !value.is_null());
            parts
                .map(|(name, value)| format!("{name} {}", part(name, value)))
                .collect::<Vec<_>>()
                .join(", ")
        }
        Value::Array(items) if items.is_empty() => "none".to_owned(),
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
        (false, Shown::One(row)) => row.lines(width([row])),
        (false, Shown::Many { items }) if items.is_empty() => "  none\n".to_owned(),
        (false, Shown::Many { items }) => {
            let width = width(items);
            let rows = items.iter().map(|row| row.lines(width));
            rows.collect::<Vec<_>>().join("\n")
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
        if let Some(code) = failure.scan.as_deref().and_then(qr_code) {
            let _ = write!(std::io::stderr(), "{code}");
        }
    }
}

/// The link as a QR code, light on dark as most terminals are; a scanner reads either. `None` for what is too long for one.
fn qr_code(link: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(link, EcLevel::L).ok()?;
    let mut drawn = code.render::<Dense1x2>();
    drawn
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark);
    Some(format!("\n{}\n", drawn.build()))
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
    fn a_link_to_scan_is_drawn_in_blocks() {
        let drawn = qr_code("sgnl://linkdevice?uuid=one&pub_key=two").expect("it is short");
        let rows: Vec<&str> = drawn.lines().filter(|it| !it.is_empty()).collect();
        let width = rows[0].chars().count();
        assert!(
            rows.iter().all(|row| row.chars().count() == width),
            "{drawn}"
        );
        assert_eq!(rows.len(), width.div_ceil(2), "two modules a letter");
        assert!(drawn.chars().all(|c| " \n▀▄█".contains(c)), "{drawn}");
        assert_eq!(qr_code(&"x".repeat(5000)), None);
    }

    #[test]
    fn what_people_wrote_cannot_move_a_terminal() {
        let hostile = "\u{1b}[2J\u{9b}31m\u{7}\r\u{202e}ada\n";
        let inner = serde_json::json!({"name": hostile, "list": [hostile]});
        let row = Row::new().with("from", hostile).with("more", inner);
        let lines = row.lines(14);
        assert_eq!(lines.matches('\n').count(), 2, "{lines:?}");
        assert_eq!(lines.matches("ada").count(), 3);
        let moves = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!lines.contains(moves), "{lines:?}");
    }

    #[test]
    fn a_time_is_shown_as_one_and_in_json_as_it_is() {
        let health = serde_json::json!({"alive_at": 1_700_000_000, "losses": 0});
        let row = Row::new()
            .with("at", 1_700_000_000_123_u64)
            .with("health", health);
        let row = row.with("expires", u64::MAX).with("attempts", 3);
        assert_eq!(
            row.lines(8),
            "  at       2023-11-14T22:13:20Z\n  health   alive_at 2023-11-14T22:13:20Z, losses 0\n  \
             expires  18446744073709551615\n  attempts 3\n"
        );
        assert!(row.said().contains("1700000000123"));
    }

    #[test]
    fn values_stand_below_one_another_and_nothing_is_said_as_none() {
        let few = Row::new().with("id", "main");
        let more = Row::new()
            .with("consecutive_failures", 0)
            .with("templates", serde_json::json!({}));
        let width = width([&few, &more]);
        assert_eq!(few.lines(width), "  id                   main\n");
        assert_eq!(
            more.lines(width),
            "  consecutive_failures 0\n  templates            none\n"
        );
    }
}
