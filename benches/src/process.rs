//! Processes that are measured: ours, the limits', the stand-ins'. Each ends when its handle is dropped.

use crate::http::{Wire, request};
use crate::load::Target;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long a process may take until it answers.
const STARTED: Duration = Duration::from_secs(120);

/// A program that was built beside this one.
///
/// # Errors
/// It was not built.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let mut folder = own.parent().context("a program lies in a folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("deps lies in a folder")?;
    }
    let path = folder.join(name);
    ensure!(path.exists(), "{} was not built", path.display());
    Ok(path)
}

/// A running process that listens.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Running {
    /// Starts a program whose first line says where it listens.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(name: &str, arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(program(name)?)
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let out = child.stdout.take().context("its output is piped")?;
        let mut lines = BufReader::new(out).lines();
        let line = lines
            .next_line()
            .await?
            .with_context(|| format!("{name} ended at once"))?;
        let url = line
            .strip_prefix("listening http://")
            .context("an address first")?;
        let address = url.parse()?;
        Ok(Self { child, address })
    }

    /// Starts our server on a data folder and waits until it is ready.
    ///
    /// # Errors
    /// It does not become ready.
    pub async fn serve(data: &Path) -> Result<Self> {
        let (mut running, _) = Self::launch(data)?;
        running.ready().await?;
        Ok(running)
    }

    /// Starts our server and does not wait.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn launch(data: &Path) -> Result<(Self, Instant)> {
        let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let began = Instant::now();
        let child = ours(data)?
            .args(["--listen", &free.to_string(), "--log-level", "error"])
            .arg("serve")
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok((
            Self {
                child,
                address: free,
            },
            began,
        ))
    }

    /// Waits for the first 200 on `/health/ready`.
    ///
    /// # Errors
    /// It ends, or takes too long.
    pub async fn ready(&mut self) -> Result<()> {
        let asked = Instant::now();
        while asked.elapsed() < STARTED {
            if let Ok(mut wire) = Wire::open(self.address).await {
                let ask = request("GET", self.address, "/health/ready", "", "");
                if let Ok((200, _)) = wire.ask(&ask).await {
                    return Ok(());
                }
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}");
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        bail!("the server is not ready")
    }

    /// What it occupies in memory, in bytes.
    ///
    /// # Errors
    /// It has ended.
    pub fn resident(&self) -> Result<u64> {
        let pid = self.child.id().context("it runs")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.context("a process has a size")?.trim();
        let kilobytes = kilobytes.trim_end_matches("kB").trim().parse::<u64>()?;
        Ok(kilobytes * 1024)
    }

    /// Ends it as a service manager would, and waits.
    ///
    /// # Errors
    /// It does not end.
    pub async fn stop(mut self) -> Result<()> {
        let pid = self.child.id().context("it runs")?;
        let told = Command::new("kill")
            .arg("-TERM")
            .arg(pid.to_string())
            .status();
        ensure!(told.await?.success(), "it could not be told to stop");
        tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await??;
        Ok(())
    }

    /// Ends it at once, as a power cut would.
    ///
    /// # Errors
    /// It had ended.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// Our program on a data folder, with nothing of this user's in its environment.
fn ours(data: &Path) -> Result<Command> {
    let mut command = Command::new(program("chatbox")?);
    command
        .env_clear()
        .env("HOME", data)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .arg("--data-dir")
        .arg(data);
    let config = data.join("bench.toml");
    if config.exists() {
        command.arg("--config").arg(config);
    }
    Ok(command)
}

/// Makes a data folder whose mailbox is answered by `backend`.
///
/// # Errors
/// The folder cannot be written.
pub fn configure(data: &Path, backend: &str) -> Result<()> {
    configure_whole(data, &format!("[backend]\nkind = \"{backend}\"\n"))
}

/// Makes a data folder with this configuration.
///
/// # Errors
/// The folder cannot be written.
pub fn configure_whole(data: &Path, text: &str) -> Result<()> {
    std::fs::create_dir_all(data)?;
    Ok(std::fs::write(data.join("bench.toml"), text)?)
}

/// Runs one of our commands beside a running server; its JSON.
///
/// # Errors
/// The command fails.
pub async fn command(data: &Path, arguments: &[&str], typed: &str) -> Result<Value> {
    use tokio::io::AsyncWriteExt;
    let mut child = ours(data)?
        .args(arguments)
        .arg("--json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().context("its input is piped")?;
    input.write_all(typed.as_bytes()).await?;
    drop(input);
    let output = child.wait_with_output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{arguments:?} said {text}");
    Ok(serde_json::from_str(&text)?)
}

/// Adds a connection for messages over HTTP to the running server.
///
/// # Errors
/// The command fails.
pub async fn add_feed(data: &Path, running: &Running) -> Result<Target> {
    let added = command(data, &["channels", "add", "http", "bench"], "").await?;
    let text = |field: &str| added[field].as_str().unwrap_or_default().to_owned();
    Ok(Target {
        address: running.address,
        connection: text("id"),
        token: text("inbound_token"),
    })
}
