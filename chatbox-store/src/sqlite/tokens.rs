//! Credentials that were read: asked for with every request, and hardly ever written. Nobody else has the file, so what was
//! read stands until a step writes one.

use chatbox_core::store::{Admin, Step, Token};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many are kept; they are few, but somebody may try many.
const MOST: usize = 4096;

/// What was read. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    by_prefix: HashMap<String, Token>,
    /// How often any were written.
    writes: u64,
}

/// When a read began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Begun(u64);

impl Tokens {
    /// What is known, or from when on it is read.
    pub(super) fn known(&self, prefix: &str) -> Result<Token, Begun> {
        let known = self.locked();
        let token = known.by_prefix.get(prefix).cloned();
        token.ok_or(Begun(known.writes))
    }

    /// Keeps what was read, unless some were written since.
    pub(super) fn read(&self, token: &Token, Begun(writes): Begun) {
        let mut known = self.locked();
        if known.writes != writes {
            return;
        }
        if known.by_prefix.len() >= MOST {
            known.by_prefix.clear();
        }
        known.by_prefix.insert(token.prefix.clone(), token.clone());
    }

    /// Some were written, or may have been: before whoever wrote them is answered.
    pub(super) fn written(&self) {
        let mut known = self.locked();
        known.by_prefix.clear();
        known.writes += 1;
    }

    fn locked(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a step writes a credential.
pub(super) fn writes(step: &Step) -> bool {
    let one = |admin: &Admin| matches!(admin, Admin::PutToken(_) | Admin::RemoveToken { .. });
    match step {
        Step::Admin(admin) => one(admin),
        Step::Together { all } => all.iter().any(one),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(prefix: &str, hash: &str) -> Token {
        Token {
            prefix: prefix.to_owned(),
            hash: hash.to_owned(),
            account: "main".into(),
            principal: "somebody".to_owned(),
            scopes: Vec::new(),
            until: None,
        }
    }

    #[test]
    fn what_was_read_stands_until_one_is_written() {
        let tokens = Tokens::default();
        let begun = tokens.known("a").expect_err("nothing was read");
        tokens.read(&token("a", "1"), begun);
        assert_eq!(tokens.known("a").map(|it| it.hash), Ok("1".to_owned()));
        tokens.written();
        assert!(tokens.known("a").is_err());
    }

    #[test]
    fn what_was_read_before_a_write_is_not_kept_after_it() {
        let tokens = Tokens::default();
        let begun = tokens.known("a").expect_err("nothing was read");
        tokens.written();
        tokens.read(&token("a", "old"), begun);
        assert!(tokens.known("a").is_err());
    }

    #[test]
    fn no_more_than_a_bound_is_kept() {
        let tokens = Tokens::default();
        for nth in 0..2 * MOST {
            let begun = tokens.known("none").expect_err("nobody has it");
            tokens.read(&token(&nth.to_string(), "x"), begun);
        }
        assert!(tokens.locked().by_prefix.len() <= MOST);
    }
}
