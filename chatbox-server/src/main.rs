//! The chatbox binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The one TLS provider, before anything opens a connection. A second call would only find the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(chatbox_server::cli::run(std::env::args_os())),
        Err(_) => ExitCode::from(5),
    }
}

/// Half of the processors: the other half is for the database's threads, which otherwise take turns with ours.
fn workers() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (processors / 2).max(1)
}
