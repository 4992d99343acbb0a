//! Long lists in parts. A cursor is opaque: it says after which item the next part begins.

use super::Problem;
use super::ask::limit;
use super::connections::List;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use utoipa::IntoParams;

/// The most that one answer lists.
const MOST: u32 = 500;

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// The `next_cursor` of the part before; the first part unless set.
    #[serde(default)]
    #[param(min_length = 1, max_length = 512)]
    cursor: Option<String>,
    /// At most so many; 100 unless set.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

impl Page {
    /// The part after `cursor`.
    pub(super) fn new(cursor: Option<String>, limit: Option<u32>) -> Self {
        Self { cursor, limit }
    }

    /// This part of what is in order of `key`.
    pub(super) fn of<T>(
        &self,
        mut all: Vec<T>,
        key: impl Fn(&T) -> &str,
    ) -> Result<List<T>, Problem> {
        let limit = limit(self.limit, MOST)? as usize;
        let after = self.cursor.as_deref().map(read).transpose()?;
        all.sort_by(|a, b| key(a).cmp(key(b)));
        if let Some(after) = after {
            all.retain(|it| key(it) > after.as_str());
        }
        let more = all.len() > limit;
        all.truncate(limit);
        let last = all.last().filter(|_| more);
        let next_cursor = last.map(|it| cursor(key(it)));
        Ok(List {
            items: all,
            next_cursor,
        })
    }

    /// Where a part of a numbered list begins, and how much of it is wanted.
    pub(super) fn numbered(&self) -> Result<(Option<i64>, u32), Problem> {
        let limit = limit(self.limit, MOST)?;
        let after = self.cursor.as_deref().map(read).transpose()?;
        let after = after.map(|it| it.parse().map_err(|_| invalid()));
        Ok((after.transpose()?, limit))
    }
}

/// What the next part begins after.
pub(super) fn cursor(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

fn read(cursor: &str) -> Result<String, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    String::from_utf8(bytes).map_err(|_| invalid())
}

fn invalid() -> Problem {
    let detail = "the cursor is none that was answered here";
    let hint = "send `next_cursor` of the part before, or none for the first part";
    Problem::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_in_one_part() {
        let all = || vec!["c", "a", "e", "b", "d"];
        let mut page = Page {
            cursor: None,
            limit: Some(2),
        };
        let mut seen = Vec::new();
        loop {
            let list = page.of(all(), |it| it).expect("a part");
            seen.extend(list.items);
            match list.next_cursor {
                Some(next) => page.cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, ["a", "b", "c", "d", "e"]);
        for wrong in ["%", "_w"] {
            page.cursor = Some(wrong.to_owned());
            let problem = page.of(all(), |it| it).expect_err(wrong);
            assert_eq!(problem.code, "invalid_cursor");
        }
    }
}
