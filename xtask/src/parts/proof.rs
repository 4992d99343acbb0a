//! Proofs against the running program: kills, syncs, sabotage. The work is done by `chatbox-proof`; here it is started
//! and read.

use crate::part::{End, House, Outcome};
use crate::shell::{self, tail};
use crate::tool;
use anyhow::Result;
use std::process::Command;
use std::time::Duration;

const MOST: Duration = Duration::from_secs(45 * 60);

/// `chatbox-proof VERB` with the programs it needs.
pub(crate) fn command(house: &House, verb: &str) -> Result<Command> {
    let mut command = Command::new(house.binary("chatbox-proof")?);
    command.current_dir(&house.root).arg(verb);
    command.arg("--chatbox").arg(house.binary("chatbox")?);
    Ok(command)
}

/// `ok NAME`, `FAIL NAME why`, `skip NAME why`: how our proofs say what they found. Everything else is a note.
pub(crate) fn read(house: &House, text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (name, why) = rest.split_once("  ").unwrap_or((rest, ""));
        match word {
            "ok" => outcome.add(name, End::Passed),
            "FAIL" => {
                outcome.add(name, End::Failed);
                outcome.notes.push(format!("{name}: {why}"));
            }
            "skip" => outcome.merge(Outcome::missing(house, name, why, "see above")),
            _ => outcome.notes.push(line.to_owned()),
        }
    }
    outcome
}

/// Runs a proof and reads it.
pub(crate) fn run(house: &House, name: &str, command: Command) -> Result<Outcome> {
    let done = shell::run(house, name, command, MOST)?;
    let mut outcome = read(house, &done.out);
    if !done.ok && outcome.failed() == 0 {
        outcome.add(name, End::Failed);
        outcome = outcome.note(format!("ended with {:?}", done.code));
    }
    if !done.ok {
        outcome = outcome.note(tail(&done.err, 30));
    }
    Ok(outcome)
}

pub(crate) fn kill_part(house: &House) -> Result<Outcome> {
    let mut command = command(house, "kill")?;
    command.args(["--times", "20"]);
    run(house, "kill", command)
}

pub(crate) fn kill_webhook_part(house: &House) -> Result<Outcome> {
    let mut command = command(house, "kill-webhook")?;
    command.args(["--times", "10"]);
    run(house, "kill-webhook", command)
}

pub(crate) fn fsync_part(house: &House) -> Result<Outcome> {
    if tool::STRACE.find().is_none() {
        return Ok(Outcome::missing(house, "fsync", "strace", tool::STRACE.how));
    }
    run(house, "fsync", command(house, "fsync")?)
}

pub(crate) fn sabotage_part(house: &House) -> Result<Outcome> {
    run(house, "sabotage", with_saboteur(house)?)
}

fn with_saboteur(house: &House) -> Result<Command> {
    let mut command = command(house, "sabotage")?;
    command
        .arg("--saboteur")
        .arg(house.binary("chatbox-sabotage")?);
    Ok(command)
}

/// `cargo xtask kill` and its like: the same, in the open.
pub(crate) fn kill(house: &House, verb: &str, times: u32, seed: Option<u64>) -> Result<bool> {
    let mut command = command(house, verb)?;
    command.args(["--times", &times.to_string()]);
    if let Some(seed) = seed {
        command.args(["--seed", &seed.to_string()]);
    }
    Ok(command.status()?.success())
}

/// `cargo xtask fsync`.
pub(crate) fn fsync(house: &House, times: u32) -> Result<bool> {
    let mut command = command(house, "fsync")?;
    command.args(["--times", &times.to_string()]);
    Ok(command.status()?.success())
}

/// `cargo xtask sabotage`.
pub(crate) fn sabotage(house: &House) -> Result<bool> {
    Ok(with_saboteur(house)?.status()?.success())
}
