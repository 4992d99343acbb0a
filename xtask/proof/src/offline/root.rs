//! A machine with nothing on it: a folder that holds the program, the libraries it is linked with, an empty home and
//! an empty `/tmp`. No certificates, no resolver, no `/proc`, no `/dev`.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long a start may take under a tracer, on a machine that is busy with other things.
const START: Duration = Duration::from_secs(60);
const PROGRAM: &str = "/bin/chatbox";
/// What could carry words away. `io_uring_setup` is listed because what goes through a ring is seen by no tracer.
const CALLS: &str =
    "trace=network,write,writev,pwrite64,pwritev,pwritev2,sendfile,splice,io_uring_setup";

/// The folder, and beside it what the tracer and the program say.
pub(crate) struct Root {
    place: TempDir,
}

impl Root {
    /// Holds this program and nothing else.
    pub(crate) async fn holding(program: &Path) -> Result<Self> {
        let root = Self {
            place: tempfile::tempdir()?,
        };
        for folder in ["bin", "home", "tmp"] {
            fs::create_dir_all(root.folder().join(folder))?;
        }
        fs::copy(program, root.at(Path::new(PROGRAM)))?;
        let linked = Command::new("ldd").arg(program).output().await;
        let linked = linked.context("ldd cannot be started")?;
        ensure!(
            linked.status.success(),
            "ldd does not know {}",
            program.display()
        );
        for library in libraries(&String::from_utf8(linked.stdout)?) {
            let to = root.at(&library);
            fs::create_dir_all(to.parent().context("a library has a folder")?)?;
            fs::copy(&library, to)?;
        }
        Ok(root)
    }

    fn folder(&self) -> PathBuf {
        self.place.path().join("root")
    }

    /// Where something of the bare machine is on this one.
    fn at(&self, path: &Path) -> PathBuf {
        self.folder().join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The data folder of a program that was told nothing.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("home/.local/share/chatbox")
    }

    /// What the tracer saw.
    pub(crate) fn trace(&self) -> Result<String> {
        Ok(fs::read_to_string(self.place.path().join("trace"))?)
    }

    /// Starts the program without a word, and waits for its login link.
    pub(crate) async fn start(&self, environment: &[(&str, String)]) -> Result<Running> {
        let said = self.place.path().join("said");
        let out = File::create(&said)?;
        let mut command = Command::new("strace");
        command.args(["-f", "-yy", "-s", "1048576", "-e", CALLS, "-o"]);
        command.arg(self.place.path().join("trace"));
        command.arg("chroot").arg(self.folder()).arg(PROGRAM);
        // For the tracer to find `chroot`; in the folder it leads nowhere.
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", "/home");
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out);
        let mut tracer = command.spawn().context("strace cannot be started")?;
        let until = Instant::now() + START;
        loop {
            let text = fs::read_to_string(&said)?;
            if let Some((url, code)) = link(&text) {
                let own = fs::read_to_string(self.data().join("serve.json"))?;
                let own: Value = serde_json::from_str(&own)?;
                let pid = own["pid"].as_u64().context("it says who it is")?;
                return Ok(Running {
                    tracer,
                    pid,
                    url,
                    code,
                });
            }
            if let Some(status) = tracer.try_wait()? {
                bail!("it ended at once with {status}: {text}");
            }
            ensure!(Instant::now() < until, "it does not start: {text}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The running program.
pub(crate) struct Running {
    tracer: Child,
    pid: u64,
    /// Where it listens.
    pub(crate) url: String,
    /// What lets one person in, once.
    pub(crate) code: String,
}

impl Running {
    /// Asks it to end, and waits until its tracer has written everything down.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill")
            .arg(self.pid.to_string())
            .status()
            .await?;
        ensure!(asked.success(), "it was gone before it was asked to stop");
        let ended = timeout(Duration::from_secs(15), self.tracer.wait()).await;
        ended.context("it does not stop within 15 s")??;
        Ok(())
    }
}

/// The login link a start prints: where, and the code.
fn link(said: &str) -> Option<(String, String)> {
    let (before, after) = said.split_once("/login#")?;
    let url = before.rsplit(' ').next()?;
    // The line is there as a whole once something stands behind the code.
    let (code, _) = after.split_once(' ')?;
    Some((url.to_owned(), code.to_owned()))
}

/// The files `ldd` names.
fn libraries(said: &str) -> Vec<PathBuf> {
    let path = |line: &str| {
        let mut words = line.split_whitespace();
        words.find(|word| word.starts_with('/')).map(PathBuf::from)
    };
    said.lines().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_what_ldd_says() {
        let said = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\t\
                    /lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        let expected = [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(libraries(said), expected.map(PathBuf::from));
    }

    #[test]
    fn the_link_is_read_once_its_line_is_whole() {
        let said = "  backend  echo\n  web chat http://127.0.0.1:7700/login#7qkm2f9x";
        assert_eq!(link(said), None);
        let whole = format!("{said}   (works once)\n");
        let expected = ("http://127.0.0.1:7700".to_owned(), "7qkm2f9x".to_owned());
        assert_eq!(link(&whole), Some(expected));
    }
}
