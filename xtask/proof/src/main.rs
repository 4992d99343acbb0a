//! Proofs against the running program. Each prints `ok NAME` or `FAIL NAME  why` for what it shows, and ends with 1 if
//! anything failed.
//!
//! The program under proof is started as anybody would start it; the fakes run in this process, so that a send can be
//! held, refused or cut at will. What happened is read from the rows of a copy of the database, never from what was
//! meant to happen.

mod book;
mod fsync;
mod hook;
mod kill;
mod metrics;
mod offline;
mod pause;
mod report;
mod sabotage;
mod server;
mod web;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;

/// Proofs against the running program.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    proof: Proof,
}

#[derive(Debug, Args)]
struct Subject {
    /// The program under proof
    #[arg(long, value_name = "PATH")]
    chatbox: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Proof {
    /// Kills it at random moments under load
    Kill {
        #[command(flatten)]
        subject: Subject,
        /// How often
        #[arg(long, default_value_t = 20)]
        times: u32,
        /// Repeats a run
        #[arg(long)]
        seed: Option<u64>,
        /// Leave out the holder that is stopped for longer than its lease
        #[arg(long)]
        without_pause: bool,
    },
    /// Kills it between taking a message in and posting it to a webhook
    KillWebhook {
        #[command(flatten)]
        subject: Subject,
        /// How often
        #[arg(long, default_value_t = 10)]
        times: u32,
        /// Repeats a run
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Stops it for longer than its leases last
    Pause {
        #[command(flatten)]
        subject: Subject,
    },
    /// Watches its system calls: on disk before answered
    Fsync {
        #[command(flatten)]
        subject: Subject,
        /// How many messages
        #[arg(long, default_value_t = 1000)]
        times: u32,
    },
    /// Breaks each promise from outside and shows that a test notices
    Sabotage {
        #[command(flatten)]
        subject: Subject,
        /// The program that breaks promises
        #[arg(long, value_name = "PATH")]
        saboteur: PathBuf,
    },
    /// Talks to it on a machine that has nothing but loopback, and watches where the words go
    Offline {
        #[command(flatten)]
        subject: Subject,
    },
    /// Writes down `/metrics` after one message
    Metrics {
        #[command(flatten)]
        subject: Subject,
        /// Where to
        #[arg(long, value_name = "PATH")]
        to: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    // The one TLS provider. A second call would only find the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut report = Report::default();
    if let Err(error) = prove(Cli::parse().proof, &mut report).await {
        report.fail("proof", &format!("{error:#}"));
    }
    if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn prove(proof: Proof, report: &mut Report) -> Result<()> {
    match proof {
        Proof::Kill {
            subject,
            times,
            seed,
            without_pause,
        } => {
            let seed = seed.unwrap_or_else(rand::random);
            kill::run(&subject.chatbox, times, seed, report).await?;
            if !without_pause {
                pause::run(&subject.chatbox, report).await?;
            }
            Ok(())
        }
        Proof::KillWebhook {
            subject,
            times,
            seed,
        } => {
            let seed = seed.unwrap_or_else(rand::random);
            hook::run(&subject.chatbox, times, seed, report).await
        }
        Proof::Pause { subject } => pause::run(&subject.chatbox, report).await,
        Proof::Fsync { subject, times } => fsync::run(&subject.chatbox, times, report).await,
        Proof::Offline { subject } => offline::run(&subject.chatbox, report).await,
        Proof::Sabotage { saboteur, .. } => sabotage::run(&saboteur, report).await,
        Proof::Metrics { subject, to } => metrics::run(&subject.chatbox, &to).await,
    }
}
