//! What a proof says: one line for each thing it shows, to be read by people and by `cargo xtask test`.

use std::io::Write;

/// The lines so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    failed: u32,
}

impl Report {
    /// `name` holds if `faults` is empty.
    pub(crate) fn check(&mut self, name: &str, faults: &[String]) {
        match faults {
            [] => self.line(&format!("ok {name}")),
            [only] => self.fail(name, only),
            [first, rest @ ..] => self.fail(name, &format!("{first} (and {} more)", rest.len())),
        }
    }

    /// `name` does not hold.
    pub(crate) fn fail(&mut self, name: &str, why: &str) {
        self.failed += 1;
        self.line(&format!("FAIL {name}  {}", why.replace('\n', " | ")));
    }

    /// Something to know.
    #[expect(clippy::unused_self, reason = "who may speak holds the report")]
    pub(crate) fn line(&self, text: &str) {
        let mut out = std::io::stdout();
        // Nobody listens any more: nothing is left to say.
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    pub(crate) fn is_good(&self) -> bool {
        self.failed == 0
    }
}
