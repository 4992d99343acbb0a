//! The two programs of this crate start and say what they do not know.

use std::process::{Command, Output};

fn said(program: &str, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .output()
        .expect("it starts")
}

#[test]
fn an_unknown_proof_is_an_error() {
    let done = said(env!("CARGO_BIN_EXE_chatbox-proof"), &["nonsense"]);
    assert_eq!(done.status.code(), Some(2));
}

#[test]
fn an_unknown_sabotage_is_an_error_and_starts_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, config) = (
        folder.path().join("data"),
        folder.path().join("config.toml"),
    );
    std::fs::write(&config, "").expect("a file");
    let words = [
        "--data-dir",
        data.to_str().expect("a path"),
        "--config",
        config.to_str().expect("a path"),
        "--listen",
        "127.0.0.1:0",
        "--sabotage",
        "nonsense",
    ];
    let done = said(env!("CARGO_BIN_EXE_chatbox-sabotage"), &words);
    assert!(!done.status.success());
    assert!(String::from_utf8_lossy(&done.stderr).contains("no sabotage nonsense"));
}
