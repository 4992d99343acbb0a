//! Runs the compiled test programs and reads what they say of each test.

use crate::build::TestProgram;
use crate::matrix;
use crate::part::{End, House, Outcome};
use crate::shell::{self, tail};
use crate::tool;
use anyhow::Result;
use std::process::Command;
use std::time::Duration;

const MOST: Duration = Duration::from_secs(15 * 60);

/// Tests of the server that need a database of both engines, or one that several processes can share.
const ON_BOTH: [&str; 2] = ["nodes", "schemas"];

/// The store's own suite, and what needs its databases as well.
fn is_store_suite(program: &TestProgram) -> bool {
    let target = program.target.as_str();
    program.integration && (program.package == "chatbox-store" || ON_BOTH.contains(&target))
}

fn is_conformance(program: &TestProgram) -> bool {
    program.target == "conformance"
        || (program.package == "chatbox-connector-api" && program.target == "suite")
}

fn is_example(program: &TestProgram) -> bool {
    program.package == "chatbox-examples" && program.integration && !is_conformance(program)
}

/// Everything that has no part of its own.
pub(crate) fn tests(house: &House) -> Result<Outcome> {
    run_all(house, |program| {
        !is_store_suite(program) && !is_conformance(program) && !is_example(program)
    })
}

/// The store suite on each engine.
pub(crate) fn store(house: &House) -> Result<Outcome> {
    let postgres = tool::postgres();
    let is_postgres = |program: &TestProgram| {
        program.target == "postgres" || ON_BOTH.contains(&program.target.as_str())
    };
    let mut outcome = run_all(house, |program| {
        is_store_suite(program) && (postgres.is_some() || !is_postgres(program))
    })?;
    if postgres.is_none() {
        let how = "install it: apt-get install postgresql; or set CHATBOX_TEST_PG_BIN";
        outcome.merge(Outcome::missing(
            house,
            "store on PostgreSQL",
            "PostgreSQL",
            how,
        ));
    }
    Ok(outcome)
}

/// Every adapter against the suite, and the suite against planted faults; and whether the README shows what was found.
pub(crate) fn conformance(house: &House) -> Result<Outcome> {
    matrix::forget(house)?;
    let mut outcome = run_all(house, is_conformance)?;
    outcome.merge(matrix::part(house)?);
    Ok(outcome)
}

/// `cargo xtask conformance`: the adapters alone, and what they show written into the README, or compared with it.
pub(crate) fn show_conformance(house: &House, check: bool) -> Result<bool> {
    matrix::forget(house)?;
    let outcome = run_all(house, |program| {
        program.target == "conformance" && matrix::is_shown(house, &program.folder)
    })?;
    for note in &outcome.notes {
        println!("{note}");
    }
    let told = outcome.failed() == 0 && matrix::tell(house, check)?;
    Ok(told)
}

fn run_all(house: &House, wanted: impl Fn(&TestProgram) -> bool) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for program in house
        .built()?
        .tests
        .iter()
        .filter(|program| wanted(program))
    {
        outcome.merge(run(house, program)?);
    }
    anyhow::ensure!(!outcome.tests.is_empty(), "there are no such tests");
    Ok(outcome)
}

fn run(house: &House, program: &TestProgram) -> Result<Outcome> {
    let label = program.label();
    let mut command = Command::new(&program.path);
    command
        .current_dir(&program.folder)
        .env("CARGO_MANIFEST_DIR", &program.folder)
        .env("CHATBOX_CONFORMANCE_DIR", matrix::folder(house));
    command.arg("--show-output");
    let done = shell::run(house, &label, command, MOST)?;
    let mut outcome = Outcome::default();
    for line in done.out.lines() {
        if let Some((name, end)) = test_line(line) {
            outcome.add(&format!("{label} {name}"), end);
        } else if line.starts_with("PostgreSQL ") && !outcome.notes.iter().any(|note| note == line)
        {
            outcome.notes.push(line.to_owned());
        }
    }
    if !done.ok {
        if outcome.failed() == 0 {
            outcome.add(&label, End::Failed);
        }
        outcome = outcome.note(format!("{label} said:\n{}", failures(&done)));
    }
    Ok(outcome)
}

/// From the first failure on, or the end of what was said.
fn failures(done: &shell::Done) -> String {
    let at = done
        .out
        .rfind("\nfailures:\n\n----")
        .or_else(|| done.out.find("\nfailures:\n"));
    match at {
        Some(at) => {
            let lines: Vec<&str> = done.out[at..].lines().take(80).collect();
            lines.join("\n")
        }
        None => tail(&done.said(), 40),
    }
}

/// `test NAME ... ok`, as test programs say it.
pub(crate) fn test_line(line: &str) -> Option<(String, End)> {
    let rest = line.strip_prefix("test ")?;
    let (name, end) = rest.rsplit_once(" ... ")?;
    let end = match end.split([',', ' ', '<']).next().unwrap_or_default() {
        "ok" => End::Passed,
        "ignored" => End::Skipped(
            end.trim_start_matches("ignored")
                .trim_start_matches(", ")
                .to_owned(),
        ),
        "FAILED" => End::Failed,
        _ => return None,
    };
    Some((name.trim_end_matches(" - should panic").to_owned(), end))
}

/// Every example, run as a reader would run it.
pub(crate) fn examples(house: &House) -> Result<Outcome> {
    run_all(house, is_example)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_about_a_test_is_read() {
        let read = test_line;
        assert_eq!(
            read("test a::b ... ok"),
            Some(("a::b".to_owned(), End::Passed))
        );
        assert_eq!(
            read("test a ... FAILED"),
            Some(("a".to_owned(), End::Failed))
        );
        assert_eq!(
            read("test a - should panic ... ok"),
            Some(("a".to_owned(), End::Passed))
        );
        assert_eq!(
            read("test a ... ignored, slow"),
            Some(("a".to_owned(), End::Skipped("slow".to_owned())))
        );
        assert_eq!(read("test result: ok. 3 passed; 0 failed"), None);
        assert_eq!(read("testing"), None);
    }
}
