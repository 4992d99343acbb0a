//! `cargo xtask test`: the list first, then every part, then one line with the sum.

use crate::part::{End, House, Outcome, Part};
use crate::{parts, rows};
use anyhow::{Result, bail};
use std::time::{Duration, Instant};

pub(crate) fn test(house: &House, list: bool, only: &[String]) -> Result<bool> {
    let parts = chosen(only)?;
    let width = parts.iter().map(|part| part.name.len()).max().unwrap_or(0);
    println!("parts:");
    for part in &parts {
        println!("  {:width$}  {}", part.name, part.about);
    }
    if list {
        return Ok(true);
    }
    println!();
    if only.is_empty() {
        rows::forget(house)?;
    }
    let mut sum = Outcome::default();
    for part in &parts {
        let began = Instant::now();
        let outcome = (part.check)(house)
            .unwrap_or_else(|error| Outcome::one(part.name, false).note(format!("{error:#}")));
        report(part, &outcome, began.elapsed(), width);
        rows::remember(house, part.name, &outcome)?;
        sum.merge(outcome);
    }
    let (passed, failed) = (sum.count(|end| matches!(end, End::Passed)), sum.failed());
    let skipped = sum.count(|end| matches!(end, End::Skipped(_)));
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    Ok(failed == 0)
}

fn chosen(only: &[String]) -> Result<Vec<Part>> {
    let mut all = parts::all();
    if let Some(unknown) = only
        .iter()
        .find(|name| all.iter().all(|part| part.name != **name))
    {
        bail!("there is no part {unknown}; `cargo xtask test --list` shows them");
    }
    if !only.is_empty() {
        all.retain(|part| only.iter().any(|name| name == part.name));
    }
    Ok(all)
}

fn report(part: &Part, outcome: &Outcome, took: Duration, width: usize) {
    let failed = outcome.failed();
    let passed = outcome.count(|end| matches!(end, End::Passed));
    let reasons: Vec<&str> = outcome
        .tests
        .iter()
        .filter_map(|test| why_skipped(&test.end))
        .collect();
    let word = if failed > 0 {
        "FAILED".to_owned()
    } else if passed == 0 && !reasons.is_empty() {
        format!("skipped ({})", reasons[0])
    } else {
        "ok".to_owned()
    };
    println!(
        "{:width$}  {:>6.1} s  {passed:>4} passed {failed:>3} failed  {word}",
        part.name,
        took.as_secs_f64()
    );
    for note in outcome.notes.iter().flat_map(|note| note.lines()) {
        println!("{:width$}    {note}", "");
    }
    for test in outcome.tests.iter().filter(|test| test.end == End::Failed) {
        println!("{:width$}    FAILED {}", "", test.name);
    }
    if passed > 0 {
        for test in &outcome.tests {
            if let Some(why) = why_skipped(&test.end) {
                println!("{:width$}    skipped {} ({why})", "", test.name);
            }
        }
    }
}

fn why_skipped(end: &End) -> Option<&str> {
    match end {
        End::Skipped(why) => Some(why),
        End::Passed | End::Failed => None,
    }
}
