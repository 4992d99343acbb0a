//! The documents that are for pasting, run as they stand.

mod program;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a whole document may take.
const MOST: Duration = Duration::from_secs(120);

fn house(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// What a document says is to be typed.
fn typed(document: &str) -> String {
    let text = std::fs::read_to_string(house(document)).expect("a document");
    let blocks = text.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().expect("its end"));
    let typed: Vec<_> = blocks.collect();
    assert!(!typed.is_empty(), "{document} has nothing to type");
    typed.join("\n")
}

/// Types it into a fresh shell, and says what was on the screen.
fn run(document: &str, folder: &Path) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_chatbox")).parent();
    let programs = programs.expect("a folder").display();
    let (screen, tail) = (folder.join("screen"), "\nset +e; : the end\n");
    let out = std::fs::File::create(&screen).expect("a file");
    let mut shell = Command::new("bash");
    shell
        .env_clear()
        .env("HOME", folder)
        .env("PATH", format!("{programs}:/usr/bin:/bin"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(out.try_clone().expect("the same file"))
        .stderr(out);
    // Whatever was left running ends with the shell. A line that should fail begins with `!`, which `-e` lets pass: here it
    // counts.
    let script = typed(document).lines().map(strict).collect::<Vec<_>>();
    let script = script.join("\n");
    let start = "trap 'kill $(jobs -p) 2>/dev/null' EXIT\nset -euxo pipefail\n";
    shell.arg("-c").arg(format!("{start}{script}{tail}"));
    let mut shell = shell.spawn().expect("bash");
    let began = Instant::now();
    let status = loop {
        if let Some(status) = shell.try_wait().expect("its state") {
            break Some(status);
        }
        if began.elapsed() > MOST {
            shell.kill().expect("it ends");
            shell.wait().expect("it ends");
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let said = std::fs::read_to_string(screen).expect("what it said");
    assert!(status.is_some_and(|it| it.success()), "{status:?}\n{said}");
    assert!(said.contains("+ : the end\n"), "{said}");
    said
}

/// A line that must fail, as one that fails where it does not.
fn strict(line: &str) -> String {
    match line.strip_prefix("! ") {
        Some(failing) => format!("if {}\nthen false; fi", failing.trim_end()),
        None => line.to_owned(),
    }
}

#[test]
fn the_smoke_test_works_as_it_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = run("docs/SMOKE_TEST.md", folder.path());
    for wanted in ["everything works", "\"duplicate\":true", "messages "] {
        assert!(said.contains(wanted), "{wanted} is not in\n{said}");
    }
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn the_quick_start_with_postgresql_works_as_it_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = chatbox_test_postgres::server().await;
    let url = server.database().await;
    let example = std::fs::read_to_string(house("deploy/.env.example")).expect("a file");
    let usual = "postgres://chatbox:chatbox@127.0.0.1:5434/chatbox";
    assert!(example.contains(usual) && example.contains("PORT=8000\n"));
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    // Another database and port, since there may be something on the usual ones; nothing else.
    let example = example.replace(usual, &url);
    let example = example.replace("PORT=8000\n", &format!("PORT={port}\n"));
    std::fs::create_dir(folder.path().join("deploy")).expect("a folder");
    std::fs::write(folder.path().join("deploy/.env.example"), example).expect("a file");
    let said = run("docs/POSTGRESQL.md", folder.path());
    assert!(said.contains("\"status\":\"ok\""), "{said}");
    assert!(said.contains("\"id\":\"main\""), "{said}");
    let rows = server
        .connect(url.rsplit('/').next().expect("a name"))
        .await;
    drop(rows.expect("the database is there"));
}
