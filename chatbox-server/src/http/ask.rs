//! What stands in a request's address: the id in its path and its query, read as strictly as a body.

use super::Problem;
use super::body::{misfit, said};
use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use url::form_urlencoded;

/// The longest id, in bytes.
const ID: usize = 64;

/// The one id in an address. Ids are made here and have one form.
#[derive(Debug)]
pub(crate) struct Id(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id = path.map(|Path(id)| id).unwrap_or_default();
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if id.is_empty() || id.len() > ID || !id.bytes().all(plain) {
            let detail = "the address holds no id as this server makes them";
            let hint = "copy the id as it was answered: a-z, 0-9, _ and -";
            let status = StatusCode::BAD_REQUEST;
            return Err(Problem::new(status, "invalid_id", detail, hint));
        }
        Ok(Self(id))
    }
}

/// The query of an address.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let mut names = HashSet::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name.contains('\0') || value.contains('\0') {
            let detail = "the query holds U+0000";
            return Err(Problem::invalid("control_character", detail));
        }
        let shown = said(&name);
        if !names.insert(name) {
            let detail = format!("`{shown}` stands twice in the query");
            let hint = "send it once";
            let status = StatusCode::BAD_REQUEST;
            return Err(Problem::new(status, "duplicate_key", detail, hint));
        }
    }
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs)
        .map_err(|error| misfit(&error.path().to_string(), &error.inner().to_string()))
}

/// How many are wanted, of `most` that one answer lists.
pub(super) fn limit(wanted: Option<u32>, most: u32) -> Result<u32, Problem> {
    let limit = wanted.unwrap_or(most.min(100));
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("`limit` must be 1 to {most}");
    Err(Problem::invalid("out_of_range", detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Which {
        #[serde(default)]
        limit: Option<u32>,
        #[serde(default)]
        dead: bool,
    }

    #[test]
    fn a_query_is_read_strictly() {
        let which: Which = read("limit=7&dead=true").expect("it fits");
        assert_eq!((which.limit, which.dead), (Some(7), true));
        for (query, code, says) in [
            ("limit=abc", "out_of_range", "`limit`"),
            ("limit=", "out_of_range", "`limit`"),
            ("limit=-1", "out_of_range", "`limit`"),
            ("limit=9007199254740993", "out_of_range", "`limit`"),
            ("limit=1e3", "out_of_range", "`limit`"),
            ("limt=1", "unknown_field", "`limt`"),
            ("dead=perhaps", "invalid_field", "`dead`"),
            ("limit=1&limit=2", "duplicate_key", "`limit`"),
            ("limit=%00", "control_character", "U+0000"),
        ] {
            let problem = read::<Which>(query).expect_err(query);
            assert_eq!(problem.code, code, "{query}: {}", problem.detail);
            assert!(problem.detail.contains(says), "{query}: {}", problem.detail);
        }
    }

    #[test]
    fn a_limit_has_its_range() {
        assert_eq!(limit(None, 1000).ok(), Some(100));
        assert_eq!(limit(Some(1000), 1000).ok(), Some(1000));
        for wrong in [0, 1001, u32::MAX] {
            assert_eq!(
                limit(Some(wrong), 1000).expect_err("out").code,
                "out_of_range"
            );
        }
    }
}
