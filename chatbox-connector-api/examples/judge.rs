//! Judges a connector process, in whatever language, and prints the report.
//!
//! ```console
//! $ cargo run -p chatbox-connector-api --features conformance,remote --example judge -- python3 mine.py --port 0
//! ```

use chatbox_connector_api::conformance::{self, Process};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let command: Vec<String> = std::env::args().skip(1).collect();
    if command.is_empty() {
        eprintln!("say how the connector is started: judge COMMAND [ARGUMENT…]");
        return ExitCode::from(2);
    }
    let report = conformance::run(|| Box::new(Process::new(command.clone()))).await;
    println!("{report}");
    match report.is_clean() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
