//! Mistakes in the configuration, shown where they were made: the place, the line itself, and what to write instead.

use crate::failure::{Failure, Place};
use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::de::{DeTable, DeValue, Deserializer, Error};

/// The most of a line that is shown, in characters.
const SHOWN: usize = 160;

/// A mistake that was seen after reading, and whose it is.
#[derive(Debug)]
pub(super) struct Mistake {
    failure: Failure,
    path: Vec<String>,
    spot: Spot,
}

#[derive(Debug, Clone, Copy)]
enum Spot {
    Key,
    Value,
}

impl Mistake {
    /// A mistake in what stands there.
    pub(super) fn value(path: &[&str]) -> impl FnOnce(Failure) -> Self + use<> {
        Self::at(path, Spot::Value)
    }

    /// A mistake in that it stands there.
    pub(super) fn key(path: &[&str]) -> impl FnOnce(Failure) -> Self + use<> {
        Self::at(path, Spot::Key)
    }

    fn at(path: &[&str], spot: Spot) -> impl FnOnce(Failure) -> Self + use<> {
        let path = path.iter().map(|key| (*key).to_owned()).collect();
        move |failure| Self {
            failure,
            path,
            spot,
        }
    }

    /// With its place in the text it was read from.
    pub(super) fn placed(self, text: &str) -> Failure {
        match find(text, &self.path, self.spot) {
            Some(span) => placed(self.failure, text, span),
            None => self.failure,
        }
    }
}

/// Reads a configuration. What cannot be read is told with its place.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    let table = DeTable::parse(text).map_err(|error| unreadable(&error, text))?;
    T::deserialize(Deserializer::from(table)).map_err(|error| unfit(&error, text))
}

/// Where a key stands, or what it holds; the nearest table around it, where it is not written at all.
fn find(text: &str, path: &[String], spot: Spot) -> Option<Range<usize>> {
    let root = DeTable::parse(text).ok()?.into_inner();
    let mut table = &root;
    let mut found = None;
    for (depth, name) in path.iter().enumerate() {
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name.as_str())
        else {
            break;
        };
        let last = depth + 1 == path.len();
        found = match spot {
            Spot::Value if last => Some(value.span()),
            _ => Some(key.span()),
        };
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    found
}

/// What is no TOML.
fn unreadable(error: &Error, text: &str) -> Failure {
    let message = error.message().trim();
    let failure = if message.contains("duplicate key") {
        let fix = "keep one of the two; a table is begun once";
        Failure::new("duplicate_key", message, fix)
    } else if looks_like_yaml(text) {
        let fix = "the file is TOML: write `key = \"value\"`, not `key: value`";
        Failure::new("looks_like_yaml", message, fix)
    } else {
        let fix = "write `key = \"value\"`, numbers and true or false without quotes, and tables as [name]";
        Failure::new("config_syntax", message, fix)
    };
    placed_by(failure, error, text)
}

/// What is TOML and no configuration.
fn unfit(error: &Error, text: &str) -> Failure {
    let message = error.message().trim();
    let failure = if let Some((unknown, known)) = named(message, "unknown field `") {
        let fix = match super::schema::home_of(&unknown) {
            Some(table) if !known.contains(&unknown) => table,
            _ => meant(&unknown, &known),
        };
        Failure::new("unknown_key", format!("unknown key `{unknown}`"), fix)
    } else if let Some((unknown, known)) = named(message, "unknown variant `") {
        let what = format!("`{unknown}` is not possible here");
        Failure::new("invalid_value", what, meant(&unknown, &known))
    } else if let Some((missing, _)) = named(message, "missing field `") {
        let what = format!("`{missing}` is missing from this table");
        Failure::new("missing_key", what, format!("add `{missing} = …`"))
    } else if message.starts_with("relative URL without a base") {
        Failure::new(
            "invalid_origin",
            "this is not the address of a web site",
            super::ORIGIN,
        )
    } else if message.starts_with("invalid type") {
        Failure::new("wrong_type", plainly(message), type_fix(message))
    } else {
        let fix = "correct it; `chatbox config schema` says what each key takes";
        Failure::new("invalid_value", plainly(message), fix)
    };
    placed_by(failure, error, text)
}

/// The library's words without this program's inner names.
fn plainly(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once("expected ") else {
        return message.to_owned();
    };
    let expected = match expected {
        "u32" | "u64" | "usize" => "a whole number, not below 0",
        "a map" => "a table",
        table if table.starts_with("struct ") => "a table",
        other => other,
    };
    format!("{found}expected {expected}")
}

fn type_fix(message: &str) -> &'static str {
    let expected = message.rsplit_once("expected ").map_or("", |(_, it)| it);
    match expected {
        "a string" => "write it in quotes",
        "a boolean" => "write true or false, without quotes",
        "u32" | "u64" | "usize" => "write a number, without quotes",
        it if it.starts_with("struct ") || it == "a map" => {
            "write a table: [name], and its keys below"
        }
        it if it.contains("path") => "write it in quotes",
        it if it.starts_with("a time") => "write it in quotes with its unit, such as \"120s\"",
        _ => "correct it; `chatbox config schema` says what each key takes",
    }
}

fn placed_by(failure: Failure, error: &Error, text: &str) -> Failure {
    match error.span() {
        Some(span) => placed(failure, text, span),
        None => failure,
    }
}

fn placed(mut failure: Failure, text: &str, span: Range<usize>) -> Failure {
    let place = place(text, span);
    failure.what = format!(
        "line {}, column {}: {}",
        place.line, place.column, failure.what
    );
    failure.place = Some(place);
    failure
}

/// The line at a place of the text. What may be a secret is not repeated.
fn place(text: &str, span: Range<usize>) -> Place {
    // A file that ends too early is at fault at the end of its last line.
    let start = text.floor_char_boundary(span.start.min(text.trim_end().len()));
    let end = text.floor_char_boundary(span.end.clamp(start, text.len()));
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let line = text[line_start..line_end].trim_end_matches('\r');
    let column = text[line_start..start].chars().count();
    let width = text[start..end.min(line_end)].chars().count().max(1);
    let shown = concealed(line);
    let whole = shown.chars().count();
    Place {
        line: text[..line_start].matches('\n').count() + 1,
        column: column + 1,
        text: shown.chars().take(SHOWN).collect(),
        caret: column.min(whole).min(SHOWN),
        width: width.min(whole.saturating_sub(column)).max(1),
    }
}

/// A line as it may be shown: without what a secret's key holds, and without an address's password.
fn concealed(line: &str) -> String {
    let Some((key, value)) = line.split_once('=') else {
        return line.to_owned();
    };
    let secret = names_a_secret(key.trim().trim_matches(['"', '\'']));
    let password = value.contains("://") && value.contains('@');
    match secret || password {
        true => format!("{key}= …"),
        false => line.to_owned(),
    }
}

/// Whether a key of this name holds a secret itself.
pub(super) fn names_a_secret(key: &str) -> bool {
    ["token", "password", "secret", "api_key"]
        .iter()
        .any(|word| key.ends_with(word))
}

/// The name in question and those that there are, from `unknown field `x`, expected one of `a`, `b``.
fn named(message: &str, start: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix(start)?;
    let (unknown, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2);
    Some((unknown.to_owned(), known.map(str::to_owned).collect()))
}

/// What was probably meant, or what there is.
pub(super) fn meant(unknown: &str, known: &[String]) -> String {
    let near = known
        .iter()
        .max_by(|a, b| similarity(a, unknown).total_cmp(&similarity(b, unknown)));
    match near.filter(|near| similarity(near, unknown) > 0.6) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "take it out".to_owned(),
        None => format!("use one of: {}", known.join(", ")),
    }
}

fn similarity(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

fn looks_like_yaml(text: &str) -> bool {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut lines = lines.take(3).peekable();
    lines.peek().is_some()
        && lines
            .all(|line| line == "---" || line == "{" || line.contains(": ") || line.ends_with(':'))
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::failure::Failure;

    fn failure(text: &str) -> Failure {
        Config::parse(text).expect_err("it should be refused")
    }

    /// The line and the marks below it.
    fn shown(text: &str) -> (usize, String, String) {
        let failure = failure(text);
        let place = failure
            .place
            .unwrap_or_else(|| panic!("{} has no place", failure.what));
        let marks = " ".repeat(place.caret) + &"^".repeat(place.width);
        (place.line, place.text, marks)
    }

    #[test]
    fn every_mistake_is_shown_on_its_line() {
        let cases = [
            (
                "# a\nlog_levl = \"info\"\n",
                2,
                "log_levl = \"info\"",
                "^^^^^^^^",
            ),
            ("listen = 8080\n", 1, "listen = 8080", "         ^^^^"),
            ("listen = \n", 1, "listen = ", "        ^"),
            ("a = 1\na = 2\n", 2, "a = 2", "^"),
            (
                "\n\nlisten = \"0.0.0.0:1\"\n",
                3,
                "listen = \"0.0.0.0:1\"",
                "         ^^^^^^^^^^^",
            ),
            (
                "log_level = \"loud\"",
                1,
                "log_level = \"loud\"",
                "            ^^^^^^",
            ),
            (
                "[backend]\ntimeout = \"0s\"\n",
                2,
                "timeout = \"0s\"",
                "          ^^^^",
            ),
            (
                "[backend]\nkind = \"ech\"\r\n",
                2,
                "kind = \"ech\"",
                "       ^^^^^",
            ),
            (
                "[backend]\nkind = \"echo\"\n[webhook]\nurl = \"https://a.test/\"\n",
                3,
                "[webhook]",
                " ^^^^^^^",
            ),
            (
                "[webhook]\nurl = \"nonsense\"\n",
                2,
                "url = \"nonsense\"",
                "      ^^^^^^^^^^",
            ),
            (
                "[channels.pigeon]\n",
                1,
                "[channels.pigeon]",
                "          ^^^^^^",
            ),
            (
                "public_url = \"x\"",
                1,
                "public_url = \"x\"",
                "             ^^^",
            ),
        ];
        for (text, line, there, marks) in cases {
            let expected = (line, there.to_owned(), marks.to_owned());
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn every_mistake_says_what_to_write_instead() {
        for (text, code, fix) in [
            ("listen = 8080", "wrong_type", "in quotes"),
            ("behind_proxy = \"yes\"", "wrong_type", "true or false"),
            ("backend = \"echo\"", "wrong_type", "a table"),
            (
                "[limits]\nconnections = \"many\"",
                "wrong_type",
                "without quotes",
            ),
            (
                "[limits]\nheader_timeout = \"10\"",
                "invalid_value",
                "config schema",
            ),
            (
                "[backend]\nkind = \"ech\"",
                "invalid_value",
                "did you mean `echo`?",
            ),
            (
                "[backend]\nlisten = \"127.0.0.1:1\"",
                "unknown_key",
                "before the first table",
            ),
            ("model = \"m\"", "unknown_key", "[backend]"),
            ("[webhook]\n", "missing_key", "add `url = …`"),
            ("xyzzy = 1", "unknown_key", "use one of"),
        ] {
            let failure = failure(text);
            assert_eq!(failure.code, code, "{text}: {failure}");
            assert!(failure.fix.contains(fix), "{text}: {failure}");
        }
    }

    #[test]
    fn traces_need_a_build_that_has_them() {
        let good = "[telemetry]\notlp_endpoint = \"http://127.0.0.1:4318\"";
        let bad = "[telemetry]\notlp_endpoint = \"ftp://127.0.0.1\"";
        let code = |text| Config::parse(text).map_err(|failure| failure.code).err();
        let (first, second) = match cfg!(feature = "otel") {
            true => (None, Some("invalid_endpoint")),
            false => (Some("feature_missing"), Some("feature_missing")),
        };
        assert_eq!(code(good).as_deref(), first);
        assert_eq!(code(bad).as_deref(), second);
    }

    #[test]
    fn no_secret_is_repeated() {
        for text in [
            "[channels.telegram]\ntoken = \"hunter2\"\n",
            "[channels.telegram]\n\"bot_token\" = \"hunter2\"\n",
            "database_url = \"postgres://ada:hunter2@db.test/house\nlisten = 1",
            "[backend]\napi_key = \"hunter2\"\n",
        ] {
            let said = format!("{:?}", failure(text));
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn a_line_without_end_is_shown_in_part() {
        let long = format!("nonsense = [{}]", "1, ".repeat(10_000));
        let (_, text, marks) = shown(&long);
        assert_eq!(text.chars().count(), super::SHOWN);
        assert_eq!(marks, "^^^^^^^^");
        let far = format!("listen = {}7", " ".repeat(10_000));
        let (_, text, marks) = shown(&far);
        assert!(marks.len() <= text.len() + 1, "{marks:?}");
    }

    #[test]
    fn letters_of_any_width_do_not_break_it() {
        for text in [
            "läuft = \"ü\u{1f600}\"",
            "listen = \"\u{1f600}\"",
            "[ü",
            "\u{feff}x",
        ] {
            let _ = failure(text);
        }
    }
}
