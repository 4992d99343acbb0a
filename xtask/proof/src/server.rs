//! The program under proof: started, asked, killed.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long a start may take, on a machine that is busy with other things.
const START: Duration = Duration::from_secs(60);

/// Where and how it runs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The program.
    pub(crate) program: PathBuf,
    /// What stands before it on the command line, such as a tracer.
    pub(crate) before: Vec<OsString>,
    /// Its data folder.
    pub(crate) data: PathBuf,
    /// Its configuration.
    pub(crate) config: PathBuf,
}

/// A running one.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    place: Place,
    /// Where it listens.
    pub(crate) url: String,
    /// Its process; the child is its tracer where there is one.
    pub(crate) pid: u32,
    http: reqwest::Client,
}

/// A connection for a program that posts messages.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    /// Its id.
    pub(crate) id: String,
    /// Its token.
    pub(crate) token: String,
}

impl Place {
    /// In a folder of its own, with this configuration.
    pub(crate) fn new(program: &Path, folder: &Path, config: &str) -> Result<Self> {
        let place = Self {
            program: program.to_owned(),
            before: Vec::new(),
            data: folder.join("data"),
            config: folder.join("config.toml"),
        };
        std::fs::create_dir_all(folder)?;
        std::fs::write(&place.config, config)?;
        Ok(place)
    }

    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.data.join("chatbox.db")
    }

    /// Starts it and waits until it says where it listens.
    pub(crate) async fn start(&self) -> Result<Server> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.data.with_extension("log"))?;
        let mut words = self
            .before
            .iter()
            .cloned()
            .chain([self.program.clone().into_os_string()]);
        let mut command = Command::new(words.next().context("there is a program")?);
        command
            .args(words)
            .arg("--data-dir")
            .arg(&self.data)
            .arg("--config")
            .arg(&self.config);
        command
            .args(["--listen", "127.0.0.1:0"])
            .env("CHATBOX_LOG_LEVEL", "warn");
        for name in [
            "CHATBOX_TELEGRAM_TOKEN",
            "CHATBOX_DB_URL",
            "OPENAI_API_KEY",
            "ANTHROPIC_API_KEY",
        ] {
            command.env_remove(name);
        }
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let said = self.data.join("serve.json");
        let _ = std::fs::remove_file(&said);
        let mut child = command.spawn().context("the program cannot be started")?;
        let until = Instant::now() + START;
        loop {
            if let Ok(text) = std::fs::read_to_string(&said)
                && let Ok(said) = serde_json::from_str::<Value>(&text)
            {
                let url = said["url"]
                    .as_str()
                    .context("it says where it listens")?
                    .to_owned();
                let pid = said["pid"].as_u64().context("it says who it is")?;
                let http = reqwest::Client::builder()
                    .no_proxy()
                    .timeout(Duration::from_secs(20))
                    .build()?;
                return Ok(Server {
                    child,
                    place: self.clone(),
                    url,
                    pid: u32::try_from(pid)?,
                    http,
                });
            }
            if let Some(status) = child.try_wait()? {
                bail!("it ended at once with {status}: {}", self.log_tail());
            }
            if Instant::now() > until {
                bail!("it does not start: {}", self.log_tail());
            }
            sleep(Duration::from_millis(3)).await;
        }
    }

    /// The end of its log.
    pub(crate) fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(self.data.with_extension("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Server {
    /// Ends it as a power cut ends a process: at once, wherever it is.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }

    /// Sends it a signal by name.
    pub(crate) async fn signal(&self, name: &str) -> Result<()> {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.pid.to_string()])
            .status()
            .await?;
        anyhow::ensure!(sent.success(), "the signal {name} was not sent");
        Ok(())
    }

    /// Asks it to end, and waits.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.signal("TERM").await?;
        let ended = timeout(Duration::from_secs(15), self.child.wait()).await;
        ended.context("it does not stop within 15 s")??;
        Ok(())
    }

    /// Asks as the operator.
    pub(crate) async fn operate(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        let token = std::fs::read_to_string(self.place.data.join("operator.token"))?;
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(token.trim());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        anyhow::ensure!(status.is_success(), "{path} answered {status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Makes a connection for a program that posts messages.
    pub(crate) async fn add_feed(&self, name: &str) -> Result<Feed> {
        let added = self
            .operate(
                "POST",
                "/v1/connections",
                Some(json!({"platform": "http", "name": name})),
            )
            .await?;
        let text = |field: &str| {
            added[field]
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("no {field}"))
        };
        Ok(Feed {
            id: text("id")?,
            token: text("inbound_token")?,
        })
    }
}

/// A message as a connector posts it.
pub(crate) fn message(event: &str, chat: &str, sender: &str, text: &str) -> Value {
    json!({
        "event_id": event,
        "chat": {"handle": chat, "kind": "dm"},
        "sender": {"id": sender},
        "text": text,
    })
}
