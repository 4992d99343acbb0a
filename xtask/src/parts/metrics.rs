//! `/metrics` of a server that has just answered somebody, as the tool of the format's makers sees it.

use super::proof;
use crate::part::{House, Outcome};
use crate::shell::{self, tail};
use crate::tool;
use anyhow::Result;
use std::process::Command;
use std::time::Duration;

const NAME: &str = "metrics promtool";

pub(crate) fn metrics(house: &House) -> Result<Outcome> {
    let Some(promtool) = tool::PROMTOOL.find() else {
        return Ok(Outcome::missing(
            house,
            NAME,
            "promtool",
            tool::PROMTOOL.how,
        ));
    };
    let page = house.folder().join("metrics.txt");
    let mut live = proof::command(house, "metrics")?;
    live.arg("--to").arg(&page);
    let done = shell::run(house, "metrics-live", live, Duration::from_secs(60))?;
    if !done.ok {
        return Ok(Outcome::one(NAME, false).note(tail(&done.said(), 20)));
    }
    let mut check = Command::new("sh");
    check
        .args(["-c", "exec \"$1\" check metrics <\"$2\"", "promtool"])
        .arg(promtool)
        .arg(page);
    let done = shell::run(house, "promtool", check, Duration::from_secs(60))?;
    let clean = done.ok && done.said().trim().is_empty();
    let outcome = Outcome::one(NAME, clean);
    Ok(if clean {
        outcome
    } else {
        outcome.note(done.said())
    })
}
