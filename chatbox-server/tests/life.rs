//! How the program begins and ends.

mod program;

use program::{Program, Running};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
    assert!(sent.expect("kill").success());
}

#[test]
fn without_arguments_it_serves_and_prints_one_login_link() {
    let home = tempfile::tempdir().expect("a folder");
    let mut child = Program::new(home.path()).command();
    child
        .env("CHATBOX_LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = child.spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("an output")).lines();
    let mut said = Vec::new();
    while !said.iter().any(|line: &String| line.contains("next ")) {
        said.push(lines.next().expect("it goes on").expect("text"));
    }
    signal(child.id(), "TERM");
    assert!(child.wait().expect("it ends").success());
    let links = said.iter().filter(|line| line.contains("/login#")).count();
    assert_eq!(links, 1, "{said:#?}");
    let data = home.path().join(".local/share/chatbox");
    let mode = |path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(data.clone()), 0o700);
    assert_eq!(mode(data.join("media")), 0o700);
    for file in ["chatbox.db", "vault.key", "operator.token"] {
        assert_eq!(mode(data.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_signal_lets_it_finish_and_a_second_ends_it() {
    for name in ["TERM", "INT"] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut running = Running::start(folder.path(), "");
        let began = Instant::now();
        signal(running.pid(), name);
        let status = running.ended(Duration::from_secs(15)).expect("it ends");
        assert!(status.success(), "{name}: {status:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "{name}");
        assert!(
            !running.data().join("serve.json").exists(),
            "it takes its sign down"
        );
    }
}

#[test]
fn nobody_reading_is_no_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    for arguments in [
        &["channels", "list"][..],
        &["doctor"],
        &["--help"],
        &["nonsense"],
    ] {
        let mut command = Program::new(folder.path()).command();
        command
            .arg("--data-dir")
            .arg(running.data())
            .args(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stdout.take());
        let done = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
}

#[test]
fn an_argument_that_is_no_text_is_a_path_or_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let odd = OsStr::from_bytes(b"a\xffb");
    let mut command = Program::new(folder.path()).command();
    command
        .arg("--data-dir")
        .arg(folder.path().join(odd))
        .arg("doctor");
    let done = program::run(&mut command);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!said.contains("panicked"), "{said}");
    assert!(
        done.status.code().is_some_and(|code| code <= 7),
        "{:?} {said}",
        done.status
    );
    let mut command = Program::new(folder.path()).command();
    let done = program::run(command.arg(odd));
    assert_eq!(done.status.code(), Some(2));
}

#[test]
fn no_file_and_no_line_holds_a_secret_as_it_was_given() {
    const CANARY: &str = "7000009:canary-canary-canary-canary-canary-x";
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let mut command = Program::new(folder.path()).command();
    command.arg("--data-dir").arg(running.data());
    // Nobody listens there: the token is tried and not kept.
    command.args([
        "channels",
        "add",
        "telegram",
        "--token-file",
        "-",
        "--api-base",
        "http://127.0.0.1:9",
    ]);
    program::give(&mut command, folder.path(), Some(CANARY));
    let done = program::run(&mut command);
    std::fs::remove_file(folder.path().join("typed")).expect("what was typed goes");
    assert!(!done.status.success());
    let feed = running.add_feed("alpha");
    for text in [&done.stdout, &done.stderr] {
        assert!(
            !String::from_utf8_lossy(text).contains("canary"),
            "{}",
            String::from_utf8_lossy(text)
        );
    }
    let pages = [running.get("/metrics"), running.get("/health")];
    for page in pages {
        assert!(
            !page.contains("canary") && !page.contains(&feed.token),
            "{page}"
        );
    }
    let mut files = vec![running.data().to_owned()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                std::fs::read_dir(path)
                    .expect("a folder")
                    .map(|it| it.expect("an entry").path()),
            );
            continue;
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        for secret in ["canary", feed.token.as_str()] {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds a secret", path.display());
        }
    }
}
