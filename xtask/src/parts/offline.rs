//! A clean machine without a network: what the README's one command installs is started there, and a person talks to it.

use super::proof;
use crate::part::{House, Outcome};
use crate::shell::{self, tail};
use crate::tool;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const INSTALLS: &str = "offline one command installs it";
const TALKS: &str = "offline";

pub(crate) fn offline(house: &House) -> Result<Outcome> {
    for tool in [tool::STRACE, tool::IP, tool::UNSHARE] {
        if tool.find().is_none() {
            return Ok(Outcome::missing(house, TALKS, tool.names[0], tool.how));
        }
    }
    let Some(alone) = alone() else {
        let how = "be root, or allow it: sysctl -w kernel.unprivileged_userns_clone=1";
        return Ok(Outcome::missing(
            house,
            TALKS,
            "the right to make a network namespace",
            how,
        ));
    };
    let (mut outcome, program) = install(house)?;
    if let Some(program) = program {
        let mut command = alone;
        command.arg(house.binary("chatbox-proof")?).arg("offline");
        command.arg("--chatbox").arg(program);
        outcome.merge(proof::run(house, "offline", command)?);
    }
    Ok(outcome)
}

/// `unshare`, as root or as the root of a namespace of our own.
fn alone() -> Option<Command> {
    let ways: [&[&str]; 2] = [&["--net"], &["--net", "--map-root-user"]];
    let unshare = |way: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(way);
        command
    };
    let works = |way: &&[&str]| {
        unshare(way)
            .arg("true")
            .output()
            .is_ok_and(|it| it.status.success())
    };
    ways.into_iter().find(works).map(unshare)
}

/// Runs the README's command into a folder of its own. The only differences: without optimisation, and not into `~`.
fn install(house: &House) -> Result<(Outcome, Option<PathBuf>)> {
    let readme = fs::read_to_string(house.root.join("README.md"))?;
    let words = command(&readme).context("the README does not say how to install")?;
    let folder = house.folder().join("installed");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut cargo = house.cargo("install");
    cargo
        .args(words)
        .args(["--debug", "--no-track", "--root"])
        .arg(&folder);
    cargo.arg("--target-dir").arg(&house.target);
    let done = shell::run(house, "install", cargo, Duration::from_secs(15 * 60))?;
    let program = folder.join(Path::new("bin/chatbox"));
    let installed = done.ok && program.exists();
    let outcome = Outcome::one(INSTALLS, installed);
    Ok(if installed {
        (outcome, Some(program))
    } else {
        (outcome.note(tail(&done.said(), 30)), None)
    })
}

/// What the README puts behind `$ cargo install`.
fn command(readme: &str) -> Option<Vec<&str>> {
    let mut lines = readme.lines();
    let rest = lines.find_map(|line| line.strip_prefix("$ cargo install "))?;
    let words = rest.split('#').next().unwrap_or_default();
    Some(words.split_whitespace().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_says_how_to_install() {
        let expected = Some(vec!["--locked", "--path", "chatbox-server"]);
        assert_eq!(
            command("a\n$ cargo install --locked --path chatbox-server  # once\n$ chatbox"),
            expected
        );
        assert_eq!(command("cargo install nothing"), None);
    }
}
