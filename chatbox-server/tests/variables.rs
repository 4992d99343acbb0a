//! Variables that services of this kind know: each is honoured, refused with the way out, or said to do nothing.

mod program;

use program::{Program, run};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A server that was started with these variables and nothing else. Dropping it ends it.
struct Started {
    child: Child,
    url: String,
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with(folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Program::new(folder).command();
    command.env("CHATBOX_DATA_DIR", folder.join("data"));
    command.envs(variables.iter().copied());
    command
}

fn start(folder: &Path, variables: &[(&str, &str)]) -> Started {
    let log = std::fs::File::create(folder.join("log")).expect("a file");
    let mut command = with(folder, variables);
    let child = command.stdout(Stdio::null()).stderr(log).spawn();
    let mut started = Started {
        child: child.expect("it starts"),
        url: String::new(),
    };
    let began = Instant::now();
    while started.url.is_empty() {
        let said = std::fs::read(folder.join("data/serve.json")).unwrap_or_default();
        let said: Value = serde_json::from_slice(&said).unwrap_or_default();
        started.url = said["url"].as_str().unwrap_or_default().to_owned();
        assert!(began.elapsed() < SOON, "{variables:?}: {}", log_of(folder));
        std::thread::sleep(Duration::from_millis(10));
    }
    started
}

fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).expect("a log")
}

fn free_port() -> String {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    free.local_addr().expect("an address").port().to_string()
}

#[test]
fn what_is_honoured_is_and_nothing_has_to_be_set() {
    let folder = || tempfile::tempdir().expect("a folder");
    let is_there = |folder: &Path, name: &str| folder.join(name).exists();

    let here = folder();
    let started = start(here.path(), &[]);
    assert!(
        started.url.starts_with("http://127.0.0.1:"),
        "{}",
        started.url
    );
    for made in ["data/chatbox.db", "data/vault.key"] {
        assert!(is_there(here.path(), made), "{made}");
    }

    let (here, port) = (folder(), free_port());
    let started = start(here.path(), &[("CHATBOX_API_PORT", &port)]);
    assert_eq!(started.url, format!("http://127.0.0.1:{port}"));

    let (here, port) = (folder(), free_port());
    let address = [
        ("CHATBOX_API_HOST", "127.0.0.2"),
        ("CHATBOX_API_PORT", &*port),
    ];
    let started = start(here.path(), &address);
    assert_eq!(started.url, format!("http://127.0.0.2:{port}"));

    let (here, port) = (folder(), free_port());
    let database = format!("sqlite:{}", here.path().join("mine.db").display());
    let own = [
        ("CHATBOX_API_PORT", &*port),
        ("CHATBOX_DB_URL", &database),
        ("CHATBOX_VAULT_KEY", KEY),
    ];
    let started = start(here.path(), &own);
    assert!(is_there(here.path(), "mine.db") && !is_there(here.path(), "data/chatbox.db"));
    assert!(!is_there(here.path(), "data/vault.key"));
    drop(started);

    for (level, says) in [("INFO", true), ("ERROR", false)] {
        let (here, port) = (folder(), free_port());
        let own = [
            ("CHATBOX_API_PORT", &*port),
            ("CHATBOX_LOG_LEVEL", level),
            ("PORT", "8080"),
        ];
        let _started = start(here.path(), &own);
        assert_eq!(log_of(here.path()).contains("PORT is set"), says, "{level}");
    }
}

/// A file in the data folder where nothing is said, and nothing of it where the variable names a server.
#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_a_file_unless_its_variable_names_a_postgresql() {
    use chatbox_test_postgres as pg;
    let server = pg::server().await;
    let url = server.database().await;
    let listen = ("CHATBOX_LISTEN", "127.0.0.1:0");
    for (database, is_file) in [(None, true), (Some(&*url), false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let database = database.map(|url| ("CHATBOX_DB_URL", url));
        let variables: Vec<_> = [Some(listen), database].into_iter().flatten().collect();
        let _started = start(folder.path(), &variables);
        assert_eq!(folder.path().join("data/chatbox.db").exists(), is_file);
        let psql = Command::new(pg::program("psql"))
            .args(["-XAtq", "-c", "SELECT id FROM chatbox.readers", &url])
            .output();
        let psql = psql.expect("psql");
        let mailboxes = String::from_utf8_lossy(&psql.stdout);
        assert_eq!(mailboxes.trim() == "main", !is_file, "{psql:?}");
    }
}

#[test]
fn what_cannot_be_honoured_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, value, code) in [
        ("CHATBOX_API_HOST", "0.0.0.0", "insecure_bind"),
        ("CHATBOX_API_HOST", "", "env_unset"),
        ("CHATBOX_API_PORT", "http", "invalid_listen"),
        ("CHATBOX_DB_URL", "mysql://a/b", "unknown_database"),
        ("CHATBOX_LOG_LEVEL", "LOUD", "invalid_log_level"),
        ("CHATBOX_VAULT_KEY", "c2hvcnQ=", "vault"),
    ] {
        let done = run(&mut with(folder.path(), &[(name, value)]));
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{name}={value}: {said}");
        assert!(
            said.contains(code) && said.contains("fix:"),
            "{name}={value}: {said}"
        );
    }
}

#[test]
fn what_does_nothing_here_is_said_and_not_read() {
    const NONE: [&str; 13] = [
        "PORT",
        "DB_PATH",
        "JWT_SECRET",
        "WEBCHAT_ENABLED",
        "WEBCHAT_DIR",
        "CORS_ALLOWED_ORIGINS",
        "MAX_UPLOAD_SIZE",
        "APNS_KEY_PATH",
        "APNS_KEY_ID",
        "APNS_TEAM_ID",
        "FCM_SERVICE_ACCOUNT",
        "VAPID_PUBLIC_KEY",
        "VAPID_PRIVATE_KEY",
    ];
    const INSTEAD: [(&str, &str); 3] = [
        ("PORT", "fix: set CHATBOX_API_PORT"),
        ("DB_PATH", "fix: set CHATBOX_DB_URL=sqlite:PATH"),
        ("CORS_ALLOWED_ORIGINS", "fix: set public_url"),
    ];
    let listen = ("CHATBOX_LISTEN", "127.0.0.1:0");
    for name in NONE
        .into_iter()
        .chain(["CHATBOX_API_HOST", "CHATBOX_API_PORT"])
    {
        let folder = tempfile::tempdir().expect("a folder");
        let _started = start(folder.path(), &[listen, (name, "hunter2")]);
        let log = log_of(folder.path());
        assert!(
            log.contains(&format!("{name} is set and not used; fix: ")),
            "{name}: {log}"
        );
        assert!(!log.contains("hunter2"), "{name}: {log}");
        for (known, instead) in INSTEAD {
            let says = log.contains(instead);
            assert_eq!(says, name == known, "{name} is not {known}: {log}");
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let _started = start(folder.path(), &[listen]);
    assert!(!log_of(folder.path()).contains("not used"));
}
