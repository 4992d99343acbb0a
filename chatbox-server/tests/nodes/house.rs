//! Several servers on one database, and a way between that can be cut.

use crate::program::Running;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chatbox_test_postgres as pg;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a node may be silent here before another takes over.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// A fresh database and what its nodes share.
pub(crate) struct House {
    pub(crate) database: String,
    lease: &'static str,
    pub(crate) key: String,
}

/// One server. Dropping it kills it.
pub(crate) struct Node {
    pub(crate) running: Running,
    pub(crate) folder: tempfile::TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with_lease("3s").await
    }

    pub(crate) async fn with_lease(lease: &'static str) -> Self {
        Self {
            lease,
            ..Self::on(pg::server().await.database().await)
        }
    }

    /// One on a database that is there.
    pub(crate) fn on(database: String) -> Self {
        Self {
            database,
            lease: "3s",
            key: STANDARD.encode(rand::random::<[u8; 32]>()),
        }
    }

    pub(crate) fn node(&self, config: &str) -> Node {
        self.node_by(&self.database, config)
    }

    /// A node that reaches the database by this address.
    pub(crate) fn node_by(&self, database: &str, config: &str) -> Node {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("served");
        let made = std::fs::DirBuilder::new().mode(0o700).create(&data);
        made.expect("a folder");
        private(&data.join("vault.key"), &self.key);
        self.start(folder, database, config)
    }

    /// A node on the data of one that has gone.
    pub(crate) fn again(&self, folder: tempfile::TempDir, config: &str) -> Node {
        self.start(folder, &self.database, config)
    }

    fn start(&self, folder: tempfile::TempDir, database: &str, config: &str) -> Node {
        let lease = self.lease;
        let config =
            format!("database_url = \"{database}\"\n[nodes]\nlease = \"{lease}\"\n{config}");
        let running = Running::start(folder.path(), &config);
        Node { running, folder }
    }
}

fn private(path: &Path, text: &str) {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.expect("a file");
    file.write_all(text.as_bytes()).expect("it is written");
}

impl Node {
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.running.pid().to_string();
        let sent = Command::new("kill")
            .args([format!("-{name}"), pid])
            .status();
        assert!(sent.expect("kill").success());
    }

    /// How a connection of this platform stands here, if it is known here.
    pub(crate) fn state(&self, platform: &str) -> Option<String> {
        let health = self.running.get("/health");
        let (_, health) = health.split_once("\r\n\r\n")?;
        let health: Value = serde_json::from_str(health).ok()?;
        let mut all = health["connections"].as_array()?.iter();
        let its = all.find(|it| it["platform"] == platform)?;
        its["state"].as_str().map(str::to_owned)
    }
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, within: Duration, is_so: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

/// The way to a database: while it is cut nothing comes through, and nobody is told.
pub(crate) struct Way {
    pub(crate) url: String,
    cut: Arc<AtomicBool>,
}

impl Way {
    pub(crate) fn to(database: &str) -> Self {
        let (before, rest) = database.split_once('@').expect("a user");
        let (place, name) = rest.split_once('/').expect("a database");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("an address");
        let (cut, place) = (Arc::new(AtomicBool::new(false)), place.to_owned());
        let is_cut = cut.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let far = TcpStream::connect(&place).expect("the database");
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let from = from.try_clone().expect("a socket");
                    let to = to.try_clone().expect("a socket");
                    let is_cut = is_cut.clone();
                    std::thread::spawn(move || carry(from, to, &is_cut));
                }
            }
        });
        let url = format!("{before}@{own}/{name}");
        Self { url, cut }
    }

    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    pub(crate) fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_cut: &AtomicBool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        while is_cut.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
