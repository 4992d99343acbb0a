//! What was found, for people and for tests.

use std::fmt;

/// How much of the behaviour an adapter shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Messages come in once and go out once, nothing is lost on the way, nothing leaks.
    Bronze,
    /// It holds when the platform fails, and everything else it claims works.
    Silver,
    /// It is pleasant, and holds under load.
    Gold,
}

/// What became of one rule.
#[derive(Clone, PartialEq, Eq, Debug)]
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
#[derive(Clone, PartialEq, Eq, Debug)]
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
#[derive(Clone, PartialEq, Eq, Debug)]
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

    /// Prints the report.
    ///
    /// # Panics
    /// When a rule failed, or one up to this level was not simulated.
    pub fn require(&self, level: Level) {
        println!("{self}");
        assert!(
            self.is_clean() && self.level() >= Some(level),
            "the adapter does not show {level:?}:\n{self}"
        );
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
