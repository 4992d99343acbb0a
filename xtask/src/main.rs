//! The chores of this workspace. Depends on no product crate, so that it is compiled in seconds and can judge all of
//! them.

mod build;
mod channel;
mod install;
mod matrix;
mod part;
mod parts;
mod rows;
mod run;
mod shell;
mod tool;

use anyhow::Result;
use clap::{Parser, Subcommand};
use part::House;
use std::process::ExitCode;

/// Chores of this workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Run every check there is, and say how many passed
    Test {
        /// Print the list of parts and stop
        #[arg(long)]
        list: bool,
        /// Run only this part; repeat for more
        #[arg(long, value_name = "PART")]
        only: Vec<String>,
    },
    /// Kill the server at random moments under load, and show that nothing accepted is lost
    Kill {
        /// How often
        #[arg(long, default_value_t = 20)]
        times: u32,
        /// Repeat a run; a fresh one is printed otherwise
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Kill the server between taking a message in and posting it to a webhook, and show that nothing is lost
    KillWebhook {
        /// How often
        #[arg(long, default_value_t = 10)]
        times: u32,
        /// Repeat a run; a fresh one is printed otherwise
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Show that every accepted message is on disk before it is answered
    Fsync {
        /// How many messages
        #[arg(long, default_value_t = 1000)]
        times: u32,
    },
    /// Change every known bad input at random, many times, and show that none of it is our fault
    Mutate {
        /// How often for each row
        #[arg(long, default_value_t = 10_000)]
        per_row: u32,
        /// Repeat a run
        #[arg(long, default_value_t = 20)]
        seed: u64,
    },
    /// Break a promise from outside, and show that a test notices
    Sabotage,
    /// Judge every adapter, and write what was found into the README
    Conformance {
        /// Write nothing; fail where the README shows something else
        #[arg(long)]
        check: bool,
    },
    /// The table of requirements and the tests that prove them
    Rows,
    /// Make a new adapter crate from the template
    NewChannel {
        /// Its platform, such as matrix
        name: String,
    },
    /// Measure (all arguments go to the benchmark)
    Bench {
        /// --quick, --only NAME …
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match chore(Cli::parse().chore) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn chore(chore: Chore) -> Result<bool> {
    let house = House::find()?;
    match chore {
        Chore::Test { list, only } => run::test(&house, list, &only),
        Chore::Kill { times, seed } => parts::proof::kill(&house, "kill", times, seed),
        Chore::KillWebhook { times, seed } => {
            parts::proof::kill(&house, "kill-webhook", times, seed)
        }
        Chore::Fsync { times } => parts::proof::fsync(&house, times),
        Chore::Mutate { per_row, seed } => mutate(&house, per_row, seed),
        Chore::Sabotage => parts::proof::sabotage(&house),
        Chore::Conformance { check } => parts::suites::show_conformance(&house, check),
        Chore::Rows => rows::show(&house),
        Chore::NewChannel { name } => channel::make_and_tell(&house.root, &name).map(|()| true),
        Chore::Bench { arguments } => bench(&house, &arguments),
    }
}

fn bench(house: &House, arguments: &[String]) -> Result<bool> {
    let mut cargo = house.cargo("run");
    cargo.args(["--release", "--package", "chatbox-benches", "--"]);
    cargo.args(arguments);
    Ok(cargo.status()?.success())
}

/// The tests that mutate, with more to do.
fn mutate(house: &House, per_row: u32, seed: u64) -> Result<bool> {
    let mut good = true;
    for (package, features, target) in [
        ("chatbox-core", "jinja", "templates"),
        ("chatbox-server", "default", "mcp"),
        ("chatbox-server", "default", "corpus"),
    ] {
        let mut cargo = house.cargo("test");
        cargo.args([
            "--package",
            package,
            "--features",
            features,
            "--test",
            target,
        ]);
        cargo.args(["mutations_of_every_row", "--", "--nocapture"]);
        cargo.env("CHATBOX_MUTATE_PER_ROW", per_row.to_string());
        cargo.env("CHATBOX_MUTATE_SEED", seed.to_string());
        good &= cargo.status()?.success();
    }
    Ok(good)
}
