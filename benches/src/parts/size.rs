//! What the program weighs, and what it is built from. Recorded; nothing is asked.

use super::Bench;
use anyhow::{Context, Result, ensure};
use chatbox_benches::process::program;
use chatbox_benches::report::{Aim, Figure};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Instant;

#[expect(clippy::unused_async, reason = "the other parts await")]
pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    // A build takes as long as it takes; nothing else is measured meanwhile.
    tokio::task::block_in_place(|| sizes(bench))
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn sizes(bench: &Bench) -> Result<Vec<Figure>> {
    let alone = |name: &str, unit, value: f64| Figure::alone(name, unit, &[value], Aim::None);
    let bytes = std::fs::metadata(program("chatbox")?)?.len();
    let mut figures = vec![
        alone("size binary", "MB", bytes as f64 / 1024.0 / 1024.0),
        alone("size dependencies", "crates", dependencies()? as f64),
    ];
    if bench.full {
        figures.push(alone("size cold build", "s", cold_build(bench)?));
    }
    Ok(figures)
}

/// Crates that the server is built from, with its usual features, our own not counted.
fn dependencies() -> Result<usize> {
    let tree = [
        "tree",
        "-p",
        "chatbox-server",
        "-e",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    let output = cargo().args(tree).output()?;
    ensure!(output.status.success(), "the dependencies cannot be listed");
    let text = String::from_utf8(output.stdout)?;
    let foreign = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("chatbox"));
    let each: BTreeSet<String> = foreign
        .map(|line| line.split(" (").next().unwrap_or(line).to_owned())
        .collect();
    Ok(each.len())
}

fn cold_build(bench: &Bench) -> Result<f64> {
    let folder = bench.target.join("bench").join("cold");
    let _ = std::fs::remove_dir_all(&folder);
    let began = Instant::now();
    let built = cargo()
        .args(["build", "--release", "-p", "chatbox-server", "--target-dir"])
        .arg(&folder)
        .status()
        .context("cargo runs")?;
    ensure!(built.success(), "the cold build failed");
    let seconds = began.elapsed().as_secs_f64();
    let _ = std::fs::remove_dir_all(&folder);
    Ok(seconds)
}
