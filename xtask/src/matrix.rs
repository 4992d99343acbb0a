//! The table of adapters and rules in the README: made of what the suites reported, and stale when it says anything else.

use crate::part::{End, House, Outcome};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the table begins in the README.
const BEGIN: &str = "<!-- conformance: written by `cargo xtask conformance` -->\n";
/// Where it ends.
const END: &str = "<!-- end of conformance -->\n";
/// The levels, lowest first.
const LEVELS: [&str; 3] = ["bronze", "silver", "gold"];
/// The test that compares them.
const NAME: &str = "conformance README";

/// What a suite reported of an adapter.
#[derive(Debug, Deserialize)]
struct Report {
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    id: String,
    title: String,
    level: String,
    outcome: Found,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Found {
    Passed,
    Failed(String),
    NotClaimed(String),
    NotSimulated(String),
}

impl Found {
    fn mark(&self) -> &'static str {
        match self {
            Self::Passed => "✓",
            Self::Failed(_) => "✗",
            Self::NotClaimed(_) => "–",
            Self::NotSimulated(_) => "?",
        }
    }
}

/// Where test programs leave their reports.
pub(crate) fn folder(house: &House) -> PathBuf {
    house.folder().join("conformance")
}

/// Forgets earlier reports.
pub(crate) fn forget(house: &House) -> Result<()> {
    let folder = folder(house);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}

/// Whether a package is one of the adapters that are shown: those of the program, not the template or an example.
pub(crate) fn is_shown(house: &House, package: &Path) -> bool {
    let name = package.file_name().and_then(|it| it.to_str());
    package.parent() == Some(&house.root) && name.is_some_and(|it| it.starts_with("chatbox-"))
}

/// Whether the README shows what was reported.
pub(crate) fn part(house: &House) -> Result<Outcome> {
    let (is, should) = both(house)?;
    let mut outcome = Outcome::default();
    if is == should {
        outcome.add(NAME, End::Passed);
    } else {
        outcome.add(NAME, End::Failed);
        outcome = outcome.note("the README shows something else: run `cargo xtask conformance`");
    }
    Ok(outcome)
}

/// Writes the table, or says whether it is the one there.
pub(crate) fn tell(house: &House, check: bool) -> Result<bool> {
    let (is, should) = both(house)?;
    let is_fresh = is == should;
    match (is_fresh, check) {
        (true, _) => println!("the README shows what was found"),
        (false, true) => println!("the README shows something else: run `cargo xtask conformance`"),
        (false, false) => {
            fs::write(readme(house), should)?;
            println!("the README was changed");
        }
    }
    Ok(is_fresh || !check)
}

fn readme(house: &House) -> PathBuf {
    house.root.join("README.md")
}

/// The README as it is and as it should be.
fn both(house: &House) -> Result<(String, String)> {
    let is = fs::read_to_string(readme(house))?;
    let should = spliced(&is, &table(&reports(house)?)?)?;
    Ok((is, should))
}

/// The reports of the adapters that are shown, by name.
fn reports(house: &House) -> Result<BTreeMap<String, Report>> {
    let mut reports = BTreeMap::new();
    for entry in fs::read_dir(folder(house))? {
        let path = entry?.path();
        let package = path.file_stem().and_then(|it| it.to_str());
        let package = package.unwrap_or_default();
        let name = package.strip_prefix("chatbox-");
        let Some(name) = name.filter(|_| {
            house
                .root
                .join(package)
                .join("tests/conformance.rs")
                .exists()
        }) else {
            continue;
        };
        let report = serde_json::from_slice(&fs::read(&path)?);
        let report = report.with_context(|| format!("{} is no report", path.display()))?;
        reports.insert(name.to_owned(), report);
    }
    ensure!(!reports.is_empty(), "no adapter's suite reported");
    Ok(reports)
}

fn table(reports: &BTreeMap<String, Report>) -> Result<String> {
    let names: Vec<&str> = reports.keys().map(String::as_str).collect();
    let first = reports.values().next().context("a report")?;
    let ids = |report: &Report| {
        report
            .findings
            .iter()
            .map(|it| it.id.clone())
            .collect::<Vec<_>>()
    };
    let same = reports.values().all(|report| ids(report) == ids(first));
    ensure!(same, "the suites did not judge by the same rules");
    let mut text = format!(
        "| | {} |\n|---{}|\n",
        names.join(" | "),
        "|:-:".repeat(names.len())
    );
    row(
        &mut text,
        "**level**",
        reports.values().map(|it| it.level().to_owned()),
    );
    for level in LEVELS {
        let of = |report: &Report| {
            let of = report.findings.iter().filter(|it| it.level == level);
            let passed = of.clone().filter(|it| it.outcome == Found::Passed).count();
            format!("{passed} of {}", of.count())
        };
        row(&mut text, level, reports.values().map(of));
    }
    text.push_str("\n<details><summary>Every rule</summary>\n\n✓ shown, – not claimed\n\n");
    text.push_str(&format!(
        "| rule | | {} |\n|---|---{}|\n",
        names.join(" | "),
        "|:-:".repeat(names.len())
    ));
    for level in LEVELS {
        for (nth, rule) in first
            .findings
            .iter()
            .enumerate()
            .filter(|(_, it)| it.level == level)
        {
            let marks = reports
                .values()
                .map(|it| it.findings[nth].outcome.mark().to_owned());
            row(&mut text, &format!("{} | {level}", rule.title), marks);
        }
    }
    text.push_str("\n</details>\n");
    Ok(text)
}

impl Report {
    /// The highest level at which, and below which, all that is claimed was shown.
    fn level(&self) -> &'static str {
        let shown = |level: &&&str| {
            let mut of = self.findings.iter().filter(|it| it.level == ***level);
            of.all(|it| matches!(it.outcome, Found::Passed | Found::NotClaimed(_)))
        };
        LEVELS
            .iter()
            .take_while(shown)
            .last()
            .copied()
            .unwrap_or("none")
    }
}

fn row(text: &mut String, head: &str, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.collect();
    text.push_str(&format!("| {head} | {} |\n", cells.join(" | ")));
}

/// The text with the table between its marks.
fn spliced(text: &str, table: &str) -> Result<String> {
    let (before, rest) = text
        .split_once(BEGIN)
        .context("the README has no place for the table")?;
    let (_, after) = rest
        .split_once(END)
        .context("the place for the table has no end")?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: [&str; 3]) -> Report {
        let finding = |(nth, outcome): (usize, &str)| {
            format!(
                r#"{{"id": "r{nth}", "title": "rule {nth}", "level": "{}", "outcome": {outcome}}}"#,
                LEVELS[nth]
            )
        };
        let findings: Vec<String> = outcomes.into_iter().enumerate().map(finding).collect();
        let text = format!(r#"{{"findings": [{}]}}"#, findings.join(","));
        serde_json::from_str(&text).expect("a report")
    }

    #[test]
    fn a_table_shows_levels_and_marks() {
        let passed = r#""passed""#;
        let reports = BTreeMap::from([
            (
                "alpha".to_owned(),
                report([passed, r#"{"not_claimed": "no drafts"}"#, passed]),
            ),
            (
                "beta".to_owned(),
                report([passed, r#"{"not_simulated": "?"}"#, passed]),
            ),
        ]);
        let table = table(&reports).expect("the same rules");
        assert!(
            table.starts_with("| | alpha | beta |\n|---|:-:|:-:|\n| **level** | gold | bronze |\n"),
            "{table}"
        );
        assert!(table.contains("| bronze | 1 of 1 | 1 of 1 |\n"), "{table}");
        assert!(table.contains("| rule 1 | silver | – | ? |\n"), "{table}");
    }

    #[test]
    fn only_what_is_between_the_marks_is_written() {
        let text = format!("a\n{BEGIN}old\n{END}b\n");
        let new = spliced(&text, "new\n").expect("marks");
        assert_eq!(new, format!("a\n{BEGIN}new\n{END}b\n"));
        assert_eq!(spliced(&new, "new\n").expect("marks"), new);
        assert!(spliced("a\nb\n", "new\n").is_err());
    }
}
