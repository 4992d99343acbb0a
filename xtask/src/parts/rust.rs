//! What cargo itself checks.

use crate::part::{End, House, Outcome};
use crate::shell::{self, tail};
use anyhow::Result;
use std::process::Command;
use std::time::Duration;

const MOST: Duration = Duration::from_secs(30 * 60);

/// A command that is one test.
pub(super) fn plain(house: &House, name: &str, command: Command) -> Result<Outcome> {
    let done = shell::run(house, name, command, MOST)?;
    let mut outcome = Outcome::one(name, done.ok);
    if !done.ok {
        outcome = outcome.note(tail(&done.said(), 60));
    }
    Ok(outcome)
}

pub(crate) fn fmt(house: &House) -> Result<Outcome> {
    let mut cargo = house.cargo("fmt");
    cargo.args(["--all", "--check"]);
    plain(house, "fmt", cargo)
}

pub(crate) fn clippy(house: &House) -> Result<Outcome> {
    let mut cargo = house.cargo("clippy");
    cargo.args([
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]);
    plain(house, "clippy", cargo)
}

pub(crate) fn rustdoc(house: &House) -> Result<Outcome> {
    let mut cargo = house.cargo("doc");
    cargo.args(["--workspace", "--all-features", "--no-deps"]);
    cargo.env("RUSTDOCFLAGS", "-D warnings");
    plain(house, "rustdoc", cargo)
}

/// Examples in the documentation.
pub(crate) fn doc(house: &House) -> Result<Outcome> {
    let mut cargo = house.cargo("test");
    cargo.args(["--workspace", "--all-features", "--doc", "--no-fail-fast"]);
    let done = shell::run(house, "doc", cargo, MOST)?;
    let mut outcome = Outcome::default();
    for line in done.out.lines() {
        if let Some((name, end)) = super::suites::test_line(line) {
            outcome.add(&format!("doc {name}"), end);
        }
    }
    if !done.ok {
        outcome.add("doc", End::Failed);
        outcome = outcome.note(tail(&done.said(), 60));
    }
    Ok(outcome)
}
