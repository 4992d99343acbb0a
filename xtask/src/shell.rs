//! Runs a program to its end or to its deadline, and keeps what it says in a log.

use crate::part::House;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Done {
    /// Whether it ended well, and in time.
    pub(crate) ok: bool,
    /// Its exit code, if it had one.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

impl Done {
    /// Both, for a person who looks for the reason.
    pub(crate) fn said(&self) -> String {
        format!("{}\n{}", self.out.trim_end(), self.err.trim_end())
    }
}

/// Runs it without input, at most for `most`. What it says is also in `target/xtask/NAME.out` and `.err`.
pub(crate) fn run(house: &House, name: &str, mut command: Command, most: Duration) -> Result<Done> {
    let place = |kind: &str| {
        house
            .folder()
            .join(format!("{}.{kind}", name.replace(['/', ':', ' '], "-")))
    };
    let (out, err) = (place("out"), place("err"));
    command
        .stdin(Stdio::null())
        .stdout(File::create(&out)?)
        .stderr(File::create(&err)?);
    // A group of its own: a deadline ends what it started as well.
    command.process_group(0);
    let shown = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .spawn()
        .with_context(|| format!("{shown} cannot be started"))?;
    let status = wait(&mut child, most)?;
    let text = |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let (out, mut err) = (text(out)?, text(err)?);
    if status.is_none() {
        err.push_str(&format!(
            "\n{shown} did not end within {} s and was stopped",
            most.as_secs()
        ));
    }
    Ok(Done {
        ok: status.is_some_and(|status| status.success()),
        code: status.and_then(|status| status.code()),
        out,
        err,
    })
}

fn wait(child: &mut Child, most: Duration) -> Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() > most {
            // The whole group, by its id; the child leads it.
            let _ = Command::new("kill")
                .args(["-9", "--", &format!("-{}", child.id())])
                .status();
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// The last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
