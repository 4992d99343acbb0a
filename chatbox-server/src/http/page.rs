//! Long lists in parts. A cursor says after which item the next part begins: its id, or its number.

use super::Problem;
use super::ask::limit;
use super::connections::List;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

/// The most that one answer lists.
const MOST: u32 = 500;

/// The longest cursor, in bytes.
const CURSOR: usize = 64;

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// The `next_cursor` of the part before; the first part unless set.
    #[serde(default)]
    #[param(pattern = "^[A-Za-z0-9_-]{1,64}$")]
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
            all.retain(|it| key(it) > after);
        }
        let more = all.len() > limit;
        all.truncate(limit);
        let last = all.last().filter(|_| more);
        let next_cursor = last.map(|it| key(it).to_owned());
        Ok(List {
            items: all,
            next_cursor,
        })
    }
}

/// Which part of a list that is numbered, newest first.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Numbered {
    /// The `next_cursor` of the part before; the newest unless set.
    #[serde(default)]
    #[param(pattern = "^[0-9]{1,18}$")]
    cursor: Option<String>,
    /// At most so many; 100 unless set.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

impl Numbered {
    /// Before which number it begins, and how much of it is wanted.
    pub(super) fn part(&self) -> Result<(Option<i64>, u32), Problem> {
        let before = self.cursor.as_deref().map(number).transpose()?;
        Ok((before, limit(self.limit, MOST)?))
    }
}

/// The number that a cursor is.
pub(super) fn number(cursor: &str) -> Result<i64, Problem> {
    let digits = (1..=18).contains(&cursor.len()) && cursor.bytes().all(|it| it.is_ascii_digit());
    let number = cursor.parse().ok().filter(|_| digits);
    number.ok_or_else(invalid)
}

fn read(cursor: &str) -> Result<&str, Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match (1..=CURSOR).contains(&cursor.len()) && cursor.bytes().all(plain) {
        true => Ok(cursor),
        false => Err(invalid()),
    }
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
        for wrong in ["%", "", "\u{e9}"] {
            page.cursor = Some(wrong.to_owned());
            let problem = page.of(all(), |it| it).expect_err(wrong);
            assert_eq!(problem.code, "invalid_cursor");
        }
    }
}
