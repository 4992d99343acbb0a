//! The program, started as anybody starts it, and the smallest client that can post.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod agent;
pub(crate) mod sink;

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a command may take before it is called hung.
const MOST: Duration = Duration::from_secs(30);

/// How the program is run: with this home and nothing else of ours.
pub(crate) struct Program {
    home: PathBuf,
}

impl Program {
    pub(crate) fn new(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
        }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatbox"));
        command
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null()).current_dir(&self.home);
        command
    }
}

/// A fresh data folder, which goes away with its keeper.
pub(crate) fn empty_folder() -> (Option<tempfile::TempDir>, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    (Some(folder), path)
}

/// Gives a command something to read.
pub(crate) fn give(command: &mut Command, folder: &Path, text: Option<&str>) {
    let Some(text) = text else {
        return;
    };
    let path = folder.join("typed");
    std::fs::write(&path, text).expect("a file");
    command.stdin(std::fs::File::open(path).expect("a file"));
}

/// Runs a command to its end; one that hangs is ended and reported with no status of its own.
pub(crate) fn run(command: &mut Command) -> Output {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let began = Instant::now();
    while child.try_wait().expect("its state").is_none() {
        if began.elapsed() > MOST {
            child.kill().expect("it ends");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("what it said")
}

/// A command beside the running server: its status, and what it says to programs.
pub(crate) fn beside(
    running: &Running,
    folder: &Path,
    arguments: &[&str],
    typed: Option<&str>,
) -> (Option<i32>, Value) {
    let mut command = Program::new(folder).command();
    command.arg("--data-dir").arg(running.data()).arg("--json");
    command.args(arguments);
    give(&mut command, folder, typed);
    let done = run(&mut command);
    let said = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| {
        let (out, err) = (&done.stdout, &done.stderr);
        let [out, err] = [out, err].map(|it| String::from_utf8_lossy(it).into_owned());
        panic!("{arguments:?}: {error}: {out} {err}")
    });
    (done.status.code(), said)
}

/// A running server. Dropping it ends it.
pub(crate) struct Running {
    child: Child,
    data: PathBuf,
    address: String,
}

/// A connection for a program that posts messages.
pub(crate) struct Feed {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Running {
    pub(crate) fn start(folder: &Path, config: &str) -> Self {
        Self::start_into(folder, config, Stdio::null())
    }

    /// One whose start lines go there.
    pub(crate) fn start_into(folder: &Path, config: &str, lines: Stdio) -> Self {
        Self::start_with(folder, config, lines, Stdio::inherit())
    }

    /// The same, with its log going elsewhere too.
    pub(crate) fn start_with(folder: &Path, config: &str, lines: Stdio, log: Stdio) -> Self {
        let (data, path) = (folder.join("served"), folder.join("served.toml"));
        std::fs::write(&path, config).expect("a file");
        let mut command = Program::new(folder).command();
        command
            .arg("--data-dir")
            .arg(&data)
            .arg("--config")
            .arg(path)
            .args(["--listen", "127.0.0.1:0"]);
        command
            .env("CHATBOX_LOG_LEVEL", "error")
            .stdout(lines)
            .stderr(log);
        let child = command.spawn().expect("it starts");
        let began = Instant::now();
        let address = loop {
            let said = std::fs::read(data.join("serve.json")).unwrap_or_default();
            let said: Value = serde_json::from_slice(&said).unwrap_or_default();
            if let Some(url) = said["url"].as_str() {
                break url.trim_start_matches("http://").to_owned();
            }
            assert!(began.elapsed() < MOST, "it does not start");
            std::thread::sleep(Duration::from_millis(10));
        };
        Self {
            child,
            data,
            address,
        }
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Ends it in the midst of whatever it does.
    pub(crate) fn killed(self) {
        let sign = self.data.join("serve.json");
        drop(self);
        std::fs::remove_file(sign).expect("the sign of the one that was killed");
    }

    /// How the connection to this platform stands, once it is as wanted.
    pub(crate) fn until_health(&self, platform: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until_health_within(MOST, platform, wanted)
    }

    pub(crate) fn until_health_within(
        &self,
        most: Duration,
        platform: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let began = Instant::now();
        loop {
            let list = self.ask("GET", "/v1/connections", &self.operator()).json();
            let rows = list["items"].as_array().into_iter().flatten();
            let row = rows.into_iter().find(|row| row["platform"] == platform);
            let health = row.map(|row| row["health"].clone()).unwrap_or_default();
            if wanted(&health) {
                return health;
            }
            assert!(began.elapsed() < most, "{platform}: {health}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What `doctor` finds: the causes and fixes of this name.
    pub(crate) fn findings(&self, id: &str) -> Vec<(String, String)> {
        let report = self.ask("GET", "/v1/doctor", &self.operator()).json();
        let all = report["findings"].as_array().cloned().unwrap_or_default();
        let of = all.into_iter().filter(|it| it["id"] == id);
        let text = |it: &Value, field: &str| it[field].as_str().unwrap_or_default().to_owned();
        of.map(|it| (text(&it, "cause"), text(&it, "fix")))
            .collect()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self, within: Duration) -> Option<std::process::ExitStatus> {
        let began = Instant::now();
        while began.elapsed() < within {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// Sends bytes and reads the whole answer.
    pub(crate) fn exchange(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(MOST)).expect("a time");
        // An answer may come before everything was read.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The same for what may be no whole request: whoever waits for the rest of it is not waited for.
    pub(crate) fn exchange_broken(&self, request: &[u8]) -> String {
        const PATIENCE: Duration = Duration::from_millis(50);
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        // An answer may come before everything was read.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        if stream.read_to_end(&mut answer).is_err() {
            let _ = stream.shutdown(std::net::Shutdown::Write);
            stream.set_read_timeout(Some(MOST)).expect("a time");
            let _ = stream.read_to_end(&mut answer);
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.exchange(
            format!(
                "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                self.address
            )
            .as_bytes(),
        )
    }

    pub(crate) fn post(&self, path: &str, tokens: &[&str], kind: &str, body: &[u8]) -> Answer {
        let tokens: String = tokens
            .iter()
            .map(|it| format!("Authorization: Bearer {it}\r\n"))
            .collect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{tokens}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        Answer(self.exchange(&[head.as_bytes(), body].concat()))
    }

    /// The operator's token.
    pub(crate) fn operator(&self) -> String {
        let token = std::fs::read_to_string(self.data.join("operator.token"));
        token.expect("a token").trim().to_owned()
    }

    /// A request without a body.
    pub(crate) fn ask(&self, method: &str, path: &str, token: &str) -> Answer {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n",
            self.address
        );
        Answer(self.exchange(request.as_bytes()))
    }

    /// A request with a body of JSON, as whoever has this token.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let body = body.to_string();
        let more: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let own = &self.address;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{more}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Answer(self.exchange(request.as_bytes()))
    }

    /// Makes a token of the API: its id, and the whole.
    pub(crate) fn add_token(&self, name: &str, scope: &str) -> (String, String) {
        let body = json!({"name": name, "scope": scope}).to_string();
        let kind = "application/json";
        let answer = self.post("/v1/tokens", &[&self.operator()], kind, body.as_bytes());
        let made: Value = serde_json::from_str(answer.body()).expect("JSON");
        let text = |field: &str| made[field].as_str().expect("a text").to_owned();
        (text("id"), text("token"))
    }

    /// Makes a connection for a program that posts messages.
    pub(crate) fn add_feed(&self, name: &str) -> Feed {
        let token = self.operator();
        let body = json!({"platform": "http", "name": name}).to_string();
        let answer = self.post(
            "/v1/connections",
            &[&token],
            "application/json",
            body.as_bytes(),
        );
        let added: Value = serde_json::from_str(answer.body()).expect("JSON");
        let text = |field: &str| added[field].as_str().expect("a text").to_owned();
        Feed {
            id: text("id"),
            token: text("inbound_token"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a server answered.
pub(crate) struct Answer(String);

impl Answer {
    pub(crate) fn new(whole: String) -> Self {
        Self(whole)
    }

    pub(crate) fn status(&self) -> u16 {
        self.0
            .split(' ')
            .nth(1)
            .and_then(|it| it.parse().ok())
            .unwrap_or(0)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.body()).unwrap_or_default()
    }

    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap_or_default();
        let mut pairs = head.lines().filter_map(|line| line.split_once(':'));
        pairs
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}
