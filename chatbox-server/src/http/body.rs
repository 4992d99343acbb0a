//! A request's body: one JSON value, read strictly. What is wrong with it is named with its place.

use super::Problem;
use super::words::in_words;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;

/// How deep a body may nest: what is kept as it came must be readable by everybody who gets it.
const DEPTH: usize = 64;
/// How many values a body may hold.
const VALUES: usize = 100_000;
/// How much of a name that others chose is said back, in characters.
const SAID: usize = 60;

/// JSON as it is sent and answered.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        declared(request.headers())?;
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|rejection| in_words(rejection.status()))?;
        read(&body).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

pub(super) fn declared(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "the body is not declared as JSON",
        "send Content-Type: application/json",
    ))
}

fn bad(code: &str, detail: impl Into<String>) -> Problem {
    let hint = "send one JSON object in UTF-8";
    Problem::new(StatusCode::BAD_REQUEST, code, detail, hint)
}

/// Reads a body.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let detail = format!("byte {} is not UTF-8", error.valid_up_to());
        bad("invalid_utf8", detail)
    })?;
    if text.starts_with('\u{feff}') {
        let detail = "a byte order mark stands before the JSON";
        return Err(bad("invalid_json", detail));
    }
    if text.trim().is_empty() {
        return Err(bad("invalid_json", "the body is empty"));
    }
    walk(text)?;
    // A list would be taken for the fields in their order.
    if text.trim_start().starts_with('[') {
        return Err(misfit("", "invalid type: sequence, expected a JSON object"));
    }
    // Where it does not fit is asked only when it does not.
    serde_json::from_str(text).or_else(|_| {
        let mut json = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize(&mut json)
            .map_err(|error| misfit(&error.path().to_string(), &error.inner().to_string()))
    })
}

// ---- What no reader of JSON should have to take ------------------------------------------------

/// Looks at every value once: how deep, how many, no name twice, nothing that cannot be stored.
fn walk(text: &str) -> Result<(), Problem> {
    let (left, found) = (Cell::new(VALUES), RefCell::new(None));
    let walk = Walk {
        depth: 0,
        left: &left,
        found: &found,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let walked = walk.deserialize(&mut json).and_then(|()| json.end());
    match (walked, found.take()) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(problem)) => Err(problem),
        (Err(error), None) => Err(broken(text, &error)),
    }
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    depth: usize,
    left: &'a Cell<usize>,
    found: &'a RefCell<Option<Problem>>,
}

impl Walk<'_> {
    /// Ends the walk.
    fn stop<E: serde::de::Error>(self, problem: Problem) -> E {
        *self.found.borrow_mut() = Some(problem);
        E::custom("stopped")
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > DEPTH {
            return Err(self.stop(bad("too_deep", format!("it nests deeper than {DEPTH}"))));
        }
        Ok(Self { depth, ..self })
    }

    fn one_more<E: serde::de::Error>(self) -> Result<(), E> {
        let Some(left) = self.left.get().checked_sub(1) else {
            let detail = format!("it holds more than {VALUES} values");
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return Err(self.stop(Problem::new(
                status,
                "too_large",
                detail,
                "send less at once",
            )));
        };
        self.left.set(left);
        Ok(())
    }

    fn text<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            return Err(self.stop(Problem::invalid(
                "control_character",
                "a text holds U+0000, which cannot be stored",
            )));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        self.one_more()?;
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        while items.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        let mut names = HashSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            self.text(&name)?;
            fields.next_value_seed(inside)?;
            if names.contains(&name) {
                let detail = format!("`{}` stands twice in one object", said(&name));
                return Err(self.stop(bad("duplicate_key", detail)));
            }
            names.insert(name);
        }
        Ok(())
    }
}

/// What the parser could not read.
fn broken(text: &str, error: &serde_json::Error) -> Problem {
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or_default();
    let at = place(text, error);
    if reason == "number out of range" {
        let detail = format!("the number that ends at byte {at} is too large");
        return Problem::invalid("out_of_range", detail);
    }
    if reason.contains("surrogate") || reason == "unexpected end of hex escape" {
        let detail = format!("half a character is escaped before byte {at}");
        return bad("invalid_utf8", detail);
    }
    bad("invalid_json", format!("{reason} at byte {at}"))
}

/// The byte an error stands at, counted from 0.
fn place(text: &str, error: &serde_json::Error) -> usize {
    if error.is_eof() {
        return text.len();
    }
    let lines = text.split_inclusive('\n');
    let before: usize = lines
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    before + error.column().saturating_sub(1)
}

// ---- What does not fit here --------------------------------------------------------------------

/// A value that is JSON and not what is taken, from serde's words: never with the value, which may be a secret.
pub(super) fn misfit(path: &str, reason: &str) -> Problem {
    let reason = reason.split(" at line ").next().unwrap_or_default();
    let root = matches!(path, "." | "");
    let here = match root {
        true => "the body".to_owned(),
        false => format!("`{}`", said(path)),
    };
    let (what, expected) = reason.split_once(", expected ").unwrap_or((reason, ""));
    if what.starts_with("unknown field") {
        let known = match expected.trim_start_matches("one of ") {
            "" => "nothing is taken here".to_owned(),
            names => format!("known are {names}"),
        };
        return Problem::invalid("unknown_field", format!("{here} is not known; {known}"));
    }
    if let Some(name) = what.strip_prefix("missing field ") {
        let name = name.trim_matches('`');
        let name = match root {
            true => name.to_owned(),
            false => format!("{}.{name}", said(path)),
        };
        return Problem::invalid("invalid_field", format!("`{name}` is missing"));
    }
    let number = |word: &str| matches!(word.as_bytes(), [b'u' | b'i', b'0'..=b'9', ..] | b"usize");
    let numeric = ["invalid value: integer", "invalid type: floating point"];
    let parsed = ["digit", "too large", "too small", "empty string"];
    let is_number = number(expected) && numeric.iter().any(|start| what.starts_with(start));
    if is_number || parsed.iter().any(|part| what.contains(part)) {
        let detail = format!("{here} must be a whole number in its range");
        return Problem::invalid("out_of_range", detail);
    }
    let detail = match expected {
        "" => format!("{here} is of no kind that is taken"),
        it if it.starts_with("struct ") => format!("{here} must be an object"),
        it if number(it) => format!("{here} must be a whole number"),
        it => format!("{here} must be {it}"),
    };
    Problem::invalid("invalid_field", detail)
}

/// A whole number, also where it is written as 7.0: to JSON that is the same.
pub(super) fn whole<'de, D: Deserializer<'de>>(json: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(json)? else {
        return Ok(None);
    };
    let exact = number.as_f64().filter(|it| it.fract() == 0.0);
    let exact = exact.filter(|it| (0.0..9_007_199_254_740_992.0).contains(it));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and in range"
    )]
    let whole = number.as_u64().or_else(|| exact.map(|it| it as u64));
    let wrong = || serde::de::Error::invalid_value(Unexpected::Other("integer"), &"u64");
    whole.map(Some).ok_or_else(wrong)
}

/// A name that others chose, short and on one line.
pub(super) fn said(name: &str) -> String {
    let short: String = name.chars().take(SAID).collect();
    short.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        name: String,
        #[serde(default)]
        amount: u32,
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(default)]
        rest: Option<Box<serde_json::value::RawValue>>,
        #[serde(default)]
        secrets: BTreeMap<String, String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        size: u8,
    }

    fn refused(body: &[u8]) -> (String, String) {
        let problem = read::<Order>(body).expect_err("it should be refused");
        assert!(!problem.hint.is_empty());
        (problem.code, problem.detail)
    }

    #[test]
    fn a_list_is_no_object() {
        #[derive(Debug, Deserialize)]
        struct Free {
            #[serde(default)]
            _limit: Option<u32>,
        }
        assert!(read::<Free>(b"{}").is_ok());
        for list in ["[]", " [null]", "[1]"] {
            let problem = read::<Free>(list.as_bytes()).expect_err(list);
            assert_eq!(problem.code, "invalid_field");
        }
    }

    #[test]
    fn what_fits_is_read() {
        let body = br#" {"name":"a\nb","amount":7,"inner":{"size":255},"rest":{"n":[1,-2,3.5,null,true,"x"]}} "#;
        let order: Order = read(body).expect("it fits");
        assert_eq!((order.name.as_str(), order.amount), ("a\nb", 7));
        assert_eq!(order.inner.map(|inner| inner.size), Some(255));
        let rest = order.rest.map(|rest| rest.get().to_owned());
        assert_eq!(rest.as_deref(), Some(r#"{"n":[1,-2,3.5,null,true,"x"]}"#));
        assert!(order.secrets.is_empty());
    }

    #[test]
    fn each_fault_has_its_code_and_its_place() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let many = format!("[{}0]", "0,".repeat(VALUES));
        let cases: [(&[u8], &str, &str); 26] = [
            (b"", "invalid_json", "empty"),
            (b" \n", "invalid_json", "empty"),
            (b"{\"a\":", "invalid_json", "byte 5"),
            (b"{\n\"name\" 1}", "invalid_json", "byte 9"),
            (b"{}{}", "invalid_json", "byte 2"),
            (b"{'name':1}", "invalid_json", "byte 1"),
            (b"\xef\xbb\xbf{}", "invalid_json", "byte order mark"),
            (b"{\"name\":\"\xff\"}", "invalid_utf8", "byte 9"),
            (br#"{"name":"\ud800"}"#, "invalid_utf8", "half a character"),
            (br#"{"name":"\ud800x"}"#, "invalid_utf8", "half a character"),
            (br#"{"rest":"\udc00"}"#, "invalid_utf8", "half a character"),
            (br#"{"name":"a\u0000b"}"#, "control_character", "U+0000"),
            (br#"{"rest":{"a\u0000":1}}"#, "control_character", "U+0000"),
            (br#"{"name":"a","name":"b"}"#, "duplicate_key", "`name`"),
            (br#"{"rest":[{"x":1,"x":1}]}"#, "duplicate_key", "`x`"),
            (br#"{"name":"a","nmae":1}"#, "unknown_field", "`nmae`"),
            (
                br#"{"name":"a","inner":{"size":1,"x":2}}"#,
                "unknown_field",
                "`inner.x`",
            ),
            (br#"{}"#, "invalid_field", "`name` is missing"),
            (
                br#"{"name":"a","inner":{}}"#,
                "invalid_field",
                "`inner.size` is missing",
            ),
            (br#"{"name":7}"#, "invalid_field", "`name` must be a string"),
            (br#"[]"#, "invalid_field", "the body"),
            (br#"{"name":"a","amount":-1}"#, "out_of_range", "`amount`"),
            (br#"{"name":"a","amount":-0}"#, "out_of_range", "`amount`"),
            (br#"{"name":"a","rest":1e400}"#, "out_of_range", "too large"),
            (deep.as_bytes(), "too_deep", "64"),
            (many.as_bytes(), "too_large", "values"),
        ];
        for (body, code, says) in cases {
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
            let (got, detail) = refused(body);
            assert_eq!(got, code, "{shown}: {detail}");
            assert!(detail.contains(says), "{shown}: {detail}");
        }
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        #[derive(Debug, Deserialize)]
        struct Life {
            #[serde(default, deserialize_with = "whole")]
            seconds: Option<u64>,
        }
        for (body, seconds) in [
            ("{}", None),
            (r#"{"seconds":null}"#, None),
            (r#"{"seconds":7}"#, Some(7)),
            (r#"{"seconds":7.0}"#, Some(7)),
            (r#"{"seconds":7e2}"#, Some(700)),
        ] {
            let life: Life = read(body.as_bytes()).expect(body);
            assert_eq!(life.seconds, seconds, "{body}");
        }
        for wrong in ["7.5", "-1", "1e30"] {
            let body = format!(r#"{{"seconds":{wrong}}}"#);
            let problem = read::<Life>(body.as_bytes()).expect_err(wrong);
            assert_eq!(problem.code, "out_of_range", "{wrong}: {}", problem.detail);
        }
    }

    #[test]
    fn a_value_is_never_said_back() {
        let (_, detail) = refused(br#"{"name":"a","secrets":"hunter2"}"#);
        assert_eq!(detail, "`secrets` must be a map");
        let (_, detail) = refused(br#"{"name":"a","secrets":{"token":["hunter2"]}}"#);
        assert_eq!(detail, "`secrets.token` must be a string");
    }

    #[test]
    fn the_deepest_that_is_taken_is_read_by_everybody() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!("{{\"name\":\"a\",\"rest\":{open}{close}}}")
        };
        assert!(read::<Order>(nested(DEPTH - 1).as_bytes()).is_ok());
        assert_eq!(refused(nested(DEPTH).as_bytes()).0, "too_deep");
    }
}
