//! `docs/requirements.toml`: what is required, in our own words, and the tests that prove it. A row called done whose
//! tests did not run and pass in the last `cargo xtask test` is a lie, and fails. So is a bad input of `corpus/INDEX.toml`
//! that names such a test.

use crate::part::{End, House, Outcome};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Requirements {
    row: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    statement: String,
    status: Status,
    #[serde(default)]
    tests: Vec<String>,
    /// What is still missing, for an open row.
    #[serde(default)]
    missing: Option<String>,
}

/// Bad inputs, and the test that shows each, where one does.
#[derive(Deserialize)]
struct Corpus {
    row: Vec<BadInput>,
}

#[derive(Deserialize)]
struct BadInput {
    id: String,
    test: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Done,
    Open,
}

fn ran(house: &House) -> PathBuf {
    house.folder().join("ran.txt")
}

/// Forgets the last run: a whole one begins.
pub(crate) fn forget(house: &House) -> Result<()> {
    Ok(fs::write(ran(house), "")?)
}

/// Keeps the names of what ran, one a line: part, name and end, with tabs between. An earlier run of the part is
/// replaced.
pub(crate) fn remember(house: &House, part: &str, outcome: &Outcome) -> Result<()> {
    let before = fs::read_to_string(ran(house)).unwrap_or_default();
    let others = before
        .lines()
        .filter(|line| line.split('\t').next() != Some(part));
    let mut text: String = others.map(|line| format!("{line}\n")).collect();
    for test in &outcome.tests {
        let end = match test.end {
            End::Passed => "ok",
            End::Failed => "FAILED",
            End::Skipped(_) => "skipped",
        };
        text.push_str(&format!("{part}\t{}\t{end}\n", test.name));
    }
    Ok(fs::write(ran(house), text)?)
}

/// Ends of tests by name; one that failed anywhere failed.
fn ends(text: &str) -> BTreeMap<&str, bool> {
    let mut ends = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split('\t').skip(1);
        if let (Some(name), Some(end)) = (fields.next(), fields.next()) {
            let passed = ends.entry(name).or_insert(true);
            *passed &= end == "ok";
        }
    }
    ends
}

/// Why a test is no proof.
fn unproven(test: &str, ran: &BTreeMap<&str, bool>) -> Option<String> {
    match ran.get(test) {
        Some(true) => None,
        Some(false) => Some(format!("`{test}` did not pass")),
        None => Some(format!("`{test}` did not run")),
    }
}

/// What is wrong with the index of bad inputs.
fn corpus_faults(rows: &[BadInput], ran: &BTreeMap<&str, bool>) -> Vec<String> {
    let fault = |row: &BadInput| {
        let why = unproven(row.test.as_deref()?, ran)?;
        Some(format!("bad input {}: {why}", row.id))
    };
    rows.iter().filter_map(fault).collect()
}

/// What is wrong with a row.
fn faults(row: &Row, ran: &BTreeMap<&str, bool>) -> Vec<String> {
    let mut faults = Vec::new();
    if row.statement.trim().is_empty() {
        faults.push(format!("{} says nothing", row.id));
    }
    match row.status {
        Status::Open if row.missing.is_none() => faults.push(format!(
            "{} is open and does not say what is missing",
            row.id
        )),
        Status::Open => {}
        Status::Done if row.tests.is_empty() => {
            faults.push(format!("{} is called done and names no test", row.id));
        }
        Status::Done => {
            let not = row.tests.iter().filter_map(|test| unproven(test, ran));
            faults.extend(not.map(|why| format!("{} is called done, but {why}", row.id)));
        }
    }
    faults
}

fn load(house: &House) -> Result<Vec<Row>> {
    let path = house.root.join("docs/requirements.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let requirements: Requirements = toml::from_str(&text)?;
    let mut seen = BTreeSet::new();
    for row in &requirements.row {
        anyhow::ensure!(
            seen.insert(row.id.clone()),
            "{} stands twice in {}",
            row.id,
            path.display()
        );
    }
    Ok(requirements.row)
}

fn load_corpus(house: &House) -> Result<Vec<BadInput>> {
    let path = house.root.join("corpus/INDEX.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let corpus: Corpus = toml::from_str(&text)?;
    anyhow::ensure!(!corpus.row.is_empty(), "{} is empty", path.display());
    Ok(corpus.row)
}

/// `cargo xtask rows`.
pub(crate) fn show(house: &House) -> Result<bool> {
    let rows = load(house)?;
    let text = fs::read_to_string(ran(house)).context("run `cargo xtask test` first")?;
    let ran = ends(&text);
    let mut wrong = Vec::new();
    for row in &rows {
        let status = if row.status == Status::Done {
            "done"
        } else {
            "open"
        };
        println!("{:5} {status}  {}", row.id, row.statement);
        for test in &row.tests {
            let mark = ran
                .get(test.as_str())
                .map_or("did not run", |ok| if *ok { "ok" } else { "FAILED" });
            println!("            {mark:11} {test}");
        }
        if let Some(missing) = &row.missing {
            println!("            missing: {missing}");
        }
        wrong.extend(faults(row, &ran));
    }
    wrong.extend(corpus_faults(&load_corpus(house)?, &ran));
    let done = rows.iter().filter(|row| row.status == Status::Done).count();
    println!(
        "\n{done} done, {} open, {} wrong",
        rows.len() - done,
        wrong.len()
    );
    for fault in &wrong {
        println!("  {fault}");
    }
    Ok(wrong.is_empty())
}

/// The same as a part, after all the others.
pub(crate) fn part(house: &House) -> Result<Outcome> {
    let rows = load(house)?;
    let text = fs::read_to_string(ran(house)).unwrap_or_default();
    let ran = ends(&text);
    let mut outcome = Outcome::default();
    let mut open = Vec::new();
    for row in &rows {
        let faults = faults(row, &ran);
        let name = format!("row {}", row.id);
        if !faults.is_empty() {
            outcome.notes.extend(faults);
            outcome.add(&name, End::Failed);
        } else if row.status == Status::Done {
            outcome.add(&name, End::Passed);
        } else {
            open.push(row.id.as_str());
        }
    }
    let faults = corpus_faults(&load_corpus(house)?, &ran);
    outcome.add(
        "rows bad inputs have tests that ran",
        if faults.is_empty() {
            End::Passed
        } else {
            End::Failed
        },
    );
    outcome.notes.extend(faults);
    if !open.is_empty() {
        outcome = outcome.note(format!("open: {}", open.join(", ")));
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(status: Status, tests: &[&str]) -> Row {
        let tests = tests.iter().map(|it| (*it).to_owned()).collect();
        Row {
            id: "X-1".to_owned(),
            statement: "It works.".to_owned(),
            status,
            tests,
            missing: None,
        }
    }

    #[test]
    fn a_row_called_done_needs_tests_that_ran_and_passed() {
        let ran = ends("tests\ta good\tok\ntests\ta bad\tFAILED\n");
        assert!(faults(&row(Status::Done, &["a good"]), &ran).is_empty());
        assert_eq!(faults(&row(Status::Done, &[]), &ran).len(), 1);
        assert_eq!(
            faults(&row(Status::Done, &["a good", "a bad"]), &ran).len(),
            1
        );
        assert!(faults(&row(Status::Done, &["a ghost"]), &ran)[0].contains("did not run"));
    }

    #[test]
    fn a_bad_input_needs_the_test_it_names() {
        let ran = ends("tests\ta good\tok\ntests\ta bad\tFAILED\n");
        let named = |test: Option<&str>| BadInput {
            id: "W01".to_owned(),
            test: test.map(str::to_owned),
        };
        assert!(corpus_faults(&[named(Some("a good")), named(None)], &ran).is_empty());
        let faults = corpus_faults(&[named(Some("a bad")), named(Some("a ghost"))], &ran);
        assert!(faults[0].contains("did not pass") && faults[1].contains("did not run"));
    }

    #[test]
    fn an_open_row_says_what_is_missing() {
        let mut open = row(Status::Open, &[]);
        assert_eq!(faults(&open, &BTreeMap::new()).len(), 1);
        open.missing = Some("the other half".to_owned());
        assert!(faults(&open, &BTreeMap::new()).is_empty());
    }
}
