//! What was found, for people and for tests.

use serde::Serialize;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs, io};

/// The environment variable that names the folder where reports are gathered.
const GATHERED: &str = "CHATBOX_CONFORMANCE_DIR";

/// How much of the behaviour an adapter shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Messages come in once and go out once, nothing is lost on the way, nothing leaks.
    Bronze,
    /// It holds when the platform fails, and everything else it claims works.
    Silver,
    /// It is pleasant, and holds under load.
    Gold,
}

/// What became of one rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not, and why.
    Failed(String),
    /// The adapter or its platform does not offer what the rule is about.
    NotClaimed(String),
    /// The vendor's side of the test cannot show it: nothing is proven.
    NotSimulated(String),
}

/// One rule and what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// Its short name.
    pub id: &'static str,
    /// What it asks.
    pub title: &'static str,
    /// Its level.
    pub level: Level,
    /// What became of it.
    pub outcome: Outcome,
}

/// Everything that was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[must_use = "a report that nobody reads proves nothing"]
pub struct Report {
    /// One per rule, in the suite's order.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The highest level shown: every rule up to it passed or is not claimed.
    pub fn level(&self) -> Option<Level> {
        let levels = [Level::Bronze, Level::Silver, Level::Gold];
        let reached = |level: &Level| {
            self.of(*level)
                .all(|finding| matches!(finding.outcome, Outcome::Passed | Outcome::NotClaimed(_)))
        };
        levels.into_iter().take_while(reached).last()
    }

    /// What became of a rule.
    pub fn outcome(&self, id: &str) -> Option<&Outcome> {
        let found = self.findings.iter().find(|finding| finding.id == id);
        found.map(|finding| &finding.outcome)
    }

    /// Whether no rule of any level failed.
    pub fn is_clean(&self) -> bool {
        !self
            .findings
            .iter()
            .any(|finding| matches!(finding.outcome, Outcome::Failed(_)))
    }

    /// Prints the report. Where `CHATBOX_CONFORMANCE_DIR` names a folder, it is also written there as JSON, under the name of
    /// the package's folder, for whoever gathers the reports of several adapters.
    ///
    /// # Panics
    /// When a rule failed, or one up to this level was not simulated; or when that folder cannot be written to.
    pub fn require(&self, level: Level) {
        println!("{self}");
        if let Some(folder) = env::var_os(GATHERED) {
            let written = self.write(&PathBuf::from(folder));
            written.expect("the report can be written where it is gathered");
        }
        assert!(
            self.is_clean() && self.level() >= Some(level),
            "the adapter does not show {level:?}:\n{self}"
        );
    }

    /// The same, and every rule but these passed: what is not claimed is named.
    ///
    /// # Panics
    /// As [`Report::require`]; and when another rule did not pass, or one of these did.
    pub fn require_all_but(&self, level: Level, not_claimed: &[&str]) {
        self.require(level);
        let findings = self.findings.iter();
        let others = findings.filter(|it| it.outcome != Outcome::Passed);
        let others: Vec<&str> = others.map(|it| it.id).collect();
        assert_eq!(others, not_claimed, "the rules that did not pass");
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let name = package.as_deref().and_then(Path::file_name);
        let name = name.ok_or_else(|| io::Error::other("cargo does not say whose test this is"))?;
        fs::create_dir_all(folder)?;
        let path = folder.join(name).with_extension("json");
        fs::write(path, serde_json::to_vec_pretty(self)?)
    }

    fn of(&self, level: Level) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |finding| finding.level == level)
    }

    fn count(&self, wanted: fn(&Outcome) -> bool) -> usize {
        let outcomes = self.findings.iter().map(|finding| &finding.outcome);
        outcomes.filter(|outcome| wanted(outcome)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let (word, why) = match &finding.outcome {
                Outcome::Passed => ("passed", ""),
                Outcome::Failed(why) => ("FAILED", why.as_str()),
                Outcome::NotClaimed(what) => ("not claimed", what.as_str()),
                Outcome::NotSimulated(what) => ("not simulated", what.as_str()),
            };
            let level = format!("{:?}", finding.level);
            write!(f, "{level:7} {word:14} {:20} {}", finding.id, finding.title)?;
            let colon = if why.is_empty() { "" } else { ": " };
            writeln!(f, "{colon}{why}")?;
        }
        write!(
            f,
            "{} passed, {} failed, {} not claimed, {} not simulated:",
            self.count(|it| matches!(it, Outcome::Passed)),
            self.count(|it| matches!(it, Outcome::Failed(_))),
            self.count(|it| matches!(it, Outcome::NotClaimed(_))),
            self.count(|it| matches!(it, Outcome::NotSimulated(_))),
        )?;
        for (level, comma) in [
            (Level::Bronze, ","),
            (Level::Silver, ","),
            (Level::Gold, ""),
        ] {
            let passed = self.of(level).filter(|it| it.outcome == Outcome::Passed);
            write!(
                f,
                " {level:?} {}/{}{comma}",
                passed.count(),
                self.of(level).count()
            )?;
        }
        Ok(())
    }
}
