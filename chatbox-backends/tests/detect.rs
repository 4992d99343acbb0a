//! What is found at start.
#![cfg(feature = "llm")]

mod house;

use chatbox_backends::{BackendSettings, build, detect};
use chatbox_core::backend::ReplySink;
use chatbox_fakes::model::{Options, Server};
use house::turn;
use std::time::{Duration, Instant};

#[tokio::test]
async fn an_ollama_that_runs_is_found_and_answers() {
    let server = Server::start(Options::default())
        .await
        .expect("a free port of this machine");
    let host = server.addr().to_string();
    let env = |name: &str| (name == "OLLAMA_HOST").then(|| host.clone());
    let choice = detect(&BackendSettings::default(), &env)
        .await
        .expect("it can work");
    assert_eq!(
        choice.to_string(),
        format!("ollama fake-1 at {host} (found)")
    );

    let backend = build(&choice)
        .expect("it can be built")
        .expect("there is one");
    assert_eq!(
        (backend.name().as_str(), backend.context_tokens()),
        ("ollama fake-1", 8_000)
    );
    let outcome = backend
        .turn(turn(&["hello there"]), ReplySink::nowhere())
        .await
        .expect("it answers");
    assert_eq!(outcome.replies[0].text, "hello there");
}

#[tokio::test]
async fn a_machine_with_nothing_echoes() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port of this machine");
    let host = free.local_addr().expect("it is bound").to_string();
    drop(free);
    let env = |name: &str| (name == "OLLAMA_HOST").then(|| host.clone());
    let choice = detect(&BackendSettings::default(), &env)
        .await
        .expect("it can work");
    assert_eq!(choice.to_string(), "echo - no AI found");
}

#[tokio::test]
async fn a_port_that_does_not_answer_costs_no_more_than_its_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port of this machine");
    let host = silent.local_addr().expect("it is bound").to_string();
    let env = |name: &str| (name == "OLLAMA_HOST").then(|| host.clone());
    let start = Instant::now();
    let choice = detect(&BackendSettings::default(), &env)
        .await
        .expect("it can work");
    assert_eq!(choice.to_string(), "echo - no AI found");
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}
