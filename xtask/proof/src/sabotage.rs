//! Breaks each promise from outside, by a program that composes the server with a store that lies, and shows which
//! test turns red. A proof that never fails proves nothing.

use crate::report::Report;
use crate::{fsync, kill};
use anyhow::Result;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// What is broken, the proof that is run, its arguments, and the test that must notice.
const PAIRS: [(&str, &[&str], &str); 4] = [
    (
        "forgets-duplicates",
        &["kill", "--without-pause", "--times", "4", "--seed", "1"],
        kill::ONCE,
    ),
    (
        "confirms-first",
        &["kill", "--without-pause", "--times", "6", "--seed", "2"],
        kill::ON_DISK,
    ),
    (
        "ignores-fences",
        &["kill", "--without-pause", "--times", "4", "--seed", "3"],
        kill::ONE_TURN,
    ),
    (
        "synchronous-off",
        &["fsync", "--times", "50"],
        fsync::SYNCED,
    ),
];

pub(crate) async fn run(saboteur: &Path, report: &mut Report) -> Result<()> {
    for (fault, proof, notices) in PAIRS {
        let name = format!("sabotage {fault}");
        let said = prove(saboteur, fault, proof).await?;
        let red: Vec<&str> = said
            .lines()
            .filter(|line| line.starts_with("FAIL "))
            .collect();
        match red
            .iter()
            .find(|line| line.starts_with(&format!("FAIL {notices}")))
        {
            Some(line) => {
                report.line(&format!("{fault}  turns red  {notices}"));
                report.line(&format!(
                    "    {}",
                    line.split_once("  ").map_or("", |(_, why)| why)
                ));
                report.check(&name, &[]);
            }
            None => report.fail(
                &name,
                &format!("nobody noticed; red were {red:?}; it said {said}"),
            ),
        }
    }
    Ok(())
}

/// This very program, against the one that breaks a promise.
async fn prove(saboteur: &Path, fault: &str, proof: &[&str]) -> Result<String> {
    let own = std::env::current_exe()?;
    let mut command = Command::new(own);
    command
        .args(proof)
        .arg("--chatbox")
        .arg(saboteur)
        .env("CHATBOX_SABOTAGE", fault);
    let done = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await?;
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
