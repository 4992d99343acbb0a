//! How the program begins and ends.

mod program;

use program::{Program, Running};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};
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

/// A command to a running server.
fn asking(running: &Running, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Program::new(folder).command();
    command
        .arg("--data-dir")
        .arg(running.data())
        .args(arguments);
    command
}

fn said(done: &Output) -> String {
    let texts = [&done.stdout, &done.stderr];
    texts.map(|text| String::from_utf8_lossy(text)).concat()
}

#[test]
fn no_room_for_an_answer_is_said_and_no_room_for_the_start_lines_ends_nothing() {
    let full = || File::create("/dev/full").expect("it is there");
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start_into(folder.path(), "", full().into());
    let mut command = asking(&running, folder.path(), &["channels", "list"]);
    let done = command.stdout(full()).output().expect("it runs");
    assert_eq!(done.status.code(), Some(5), "{}", said(&done));
    assert!(said(&done).contains("io_error"), "{}", said(&done));
    let mut command = asking(&running, folder.path(), &["channels", "list"]);
    assert!(program::run(&mut command).status.success());
}

#[test]
fn what_is_no_terminal_gets_plain_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = |arguments: &[&str]| {
        let mut command = Program::new(folder.path()).command();
        command.env("COLUMNS", "20").env("TERM", "xterm-256color");
        command.args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let mut serving = plain(&["--listen", "127.0.0.1:0"])
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(serving.stdout.take().expect("an output")).lines();
    while !lines
        .next()
        .expect("it goes on")
        .expect("text")
        .contains("next ")
    {}
    signal(serving.id(), "TERM");
    let logged = said(&serving.wait_with_output().expect("it ends"));
    assert!(logged.contains("stopping"), "{logged:?}");
    let asked = ["--help", "nonsense", "doctor"];
    let asked = asked.map(|it| said(&plain(&[it]).output().expect("it runs")));
    for said in asked.iter().chain([&logged]) {
        assert!(!said.is_empty() && !said.contains('\u{1b}'), "{said:?}");
    }
}

#[test]
fn a_server_of_another_version_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let sign = running.data().join("serve.json");
    let good = std::fs::read_to_string(&sign).expect("it is there");
    let own = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(good.contains(&own), "{good}");
    std::fs::write(&sign, good.replace(&own, "\"version\":\"0.0.0\"")).expect("a file");
    let list = || program::run(&mut asking(&running, folder.path(), &["channels", "list"]));
    let done = list();
    assert_eq!(done.status.code(), Some(6), "{}", said(&done));
    assert!(said(&done).contains("version_mismatch"), "{}", said(&done));
    std::fs::write(&sign, good).expect("a file");
    assert!(list().status.success());
}

#[test]
fn a_token_that_is_not_the_operators_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let feed = running.add_feed("alpha").token;
    let file = running.data().join("operator.token");
    let good = std::fs::read_to_string(&file).expect("it is there");
    let list = || program::run(&mut asking(&running, folder.path(), &["channels", "list"]));
    for (token, code) in [
        ("operator_x", "unauthorized"),
        (&feed, "unauthorized"),
        ("", "token_missing"),
    ] {
        std::fs::write(&file, token).expect("a file");
        let done = list();
        assert_eq!(done.status.code(), Some(7), "{}", said(&done));
        assert!(said(&done).contains(code), "{}", said(&done));
    }
    std::fs::write(&file, good).expect("a file");
    assert!(list().status.success());
}

#[test]
fn a_long_list_may_be_broken_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    for number in 0..360 {
        running.add_feed(&format!("feed-{number}"));
    }
    let list = || asking(&running, folder.path(), &["channels", "list"]);
    let whole = list().output().expect("it runs").stdout;
    assert!(whole.len() > 64 * 1024, "a pipe holds {}", whole.len());
    let mut child = list();
    child.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().expect("it starts");
    let mut reader = BufReader::new(child.stdout.take().expect("an output"));
    let mut first = String::new();
    reader.read_line(&mut first).expect("a line");
    drop(reader);
    let done = child.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{:?}", done.status);
    assert_eq!(said(&done), "", "and without a word");
}

#[test]
fn a_token_that_never_ends_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let add = ["channels", "add", "telegram", "--token-file", "-"];
    let mut command = asking(&running, folder.path(), &add);
    command.stdin(File::open("/dev/zero").expect("it is there"));
    let done = program::run(&mut command);
    assert_eq!(done.status.code(), Some(2), "{}", said(&done));
    assert!(said(&done).contains("too_large"), "{}", said(&done));
}

#[test]
fn the_systems_owner_is_warned() {
    let root = std::fs::metadata("/proc/self").expect("Linux").uid() == 0;
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Program::new(folder.path()).command();
    command.args(["--listen", "127.0.0.1:0"]);
    command.env("CHATBOX_VAULT_KEY", "too short");
    let done = program::run(&mut command);
    assert!(said(&done).contains("weak_key"), "{}", said(&done));
    assert_eq!(
        said(&done).contains("running as root"),
        root,
        "{}",
        said(&done)
    );
}

#[test]
fn whoever_has_a_killed_servers_number_and_port_gets_no_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = Running::start(folder.path(), "");
    let (pid, address) = (running.pid(), running.address().to_owned());
    signal(pid, "KILL");
    running.ended(Duration::from_secs(5)).expect("it is dead");
    let sign = running.data().join("serve.json");
    let said = std::fs::read_to_string(&sign).expect("the dead one left it");
    let ours = format!("\"pid\":{}", std::process::id());
    std::fs::write(&sign, said.replace(&format!("\"pid\":{pid}"), &ours)).expect("a file");
    let thief = std::net::TcpListener::bind(address).expect("the port is free");
    thief.set_nonblocking(true).expect("it can");
    let done = program::run(&mut asking(&running, folder.path(), &["channels", "list"]));
    assert!(thief.accept().is_err(), "it was asked, with the token");
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn a_folder_of_others_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let shared = folder.path().join("shared");
    std::fs::create_dir(&shared).expect("a folder");
    std::fs::write(shared.join("theirs"), "x").expect("a file");
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o1777)).expect("rights");
    let program = Program::new(folder.path());
    let ended = program::run(program.command().arg("--data-dir").arg(&shared));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("holds other things"), "{said}");
    assert_eq!(ended.status.code(), Some(2));
    let mode = std::fs::metadata(&shared)
        .expect("it is there")
        .permissions();
    assert_eq!(mode.mode() & 0o7777, 0o1777);
    let own = folder.path().join("own");
    std::fs::create_dir(&own).expect("a folder");
    std::fs::write(own.join("config.toml"), "").expect("a file");
    let ended = program::run(program.command().arg("--data-dir").arg(&own).arg("doctor"));
    assert!(
        ended.status.success(),
        "a folder of one's own is closed and used"
    );
    assert!(own.join("chatbox.db").exists());
}
