//! `chatbox-benches`: measures ours beside the limits, prints one table, writes `bench.json`.

mod parts;

use anyhow::{Context, Result, ensure};
use chatbox_benches::report::{Figure, save, table};
use clap::Parser;
use parts::Bench;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Measures this house beside what the machine can do.
#[derive(Debug, Parser)]
struct Asked {
    /// Fewer messages, shorter runs: shows that everything works, says little
    #[arg(long)]
    quick: bool,
    /// Only the parts or figures whose name begins so
    #[arg(long)]
    only: Option<String>,
    /// A cold build as well, in a folder of its own
    #[arg(long)]
    full: bool,
    /// Measure what is built, and build nothing
    #[arg(long)]
    no_build: bool,
}

fn main() -> Result<()> {
    let asked = Asked::parse();
    let target = target()?;
    if !asked.no_build {
        build(
            asked
                .only
                .as_deref()
                .is_some_and(|only| only.starts_with("idle")),
        )?;
    }
    let shelf = target.join("bench");
    std::fs::create_dir_all(&shelf)?;
    let bench = Bench {
        quick: asked.quick,
        full: asked.full,
        only: asked.only.unwrap_or_default(),
        repeats: if asked.quick { 3 } else { 5 },
        time: Duration::from_millis(if asked.quick { 500 } else { 2000 }),
        target: target.clone(),
        shelf,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (mut figures, failures) = runtime.block_on(parts::all(&bench));
    figures.retain(|figure: &Figure| bench.shows(&figure.name));
    println!("{}", table(&figures));
    let path = target.join("bench.json");
    save(&figures, &path)?;
    println!("written to {}", path.display());
    ensure!(
        failures.is_empty(),
        "could not be measured: {}",
        failures.join("; ")
    );
    Ok(())
}

/// Cargo's target folder: where this program lies.
fn target() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).context("target/release/program")?;
    Ok(target.to_owned())
}

/// Builds everything that is started here, the program with every platform where that is measured.
fn build(with_all: bool) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Each by itself: built together they would share features that none of them has alone.
    for package in ["chatbox-server", "chatbox-fakes", "chatbox-benches"] {
        let mut command = Command::new(&cargo);
        command.args(["build", "--release", "--bins", "-p", package]);
        if with_all && package == "chatbox-server" {
            command.args(["--features", "discord,signal,slack"]);
        }
        if package == "chatbox-fakes" {
            // The stand-in's speed is not measured; it need not be built twice.
            command.arg("--quiet");
        }
        ensure!(command.status()?.success(), "{package} could not be built");
    }
    Ok(())
}
