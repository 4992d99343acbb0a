//! Proofs with programs of others, driven by Python: bots and clients against the fakes, a browser against the page, and
//! the agents' protocol's own client against its door. What they need is installed into a virtual environment in the
//! target folder.

use super::proof;
use crate::part::{House, Outcome};
use crate::tool;
use anyhow::Result;
use std::process::Command;

fn python(house: &House, name: &str) -> Result<std::path::PathBuf, Outcome> {
    let found = tool::PYTHON.find();
    found.ok_or_else(|| Outcome::missing(house, name, "Python", tool::PYTHON.how))
}

/// The fakes against bots and clients written by others.
pub(crate) fn fakes(house: &House) -> Result<Outcome> {
    let python = match python(house, "fakes") {
        Ok(python) => python,
        Err(outcome) => return Ok(outcome),
    };
    let mut command = Command::new(python);
    command.arg(house.root.join("chatbox-fakes/proof/run.py"));
    command.arg("--fakes").arg(house.binary("chatbox-fakes")?);
    command.arg("--venv").arg(house.folder().join("venv-fakes"));
    proof::run(house, "fakes", command)
}

/// The page in a real browser.
pub(crate) fn browser(house: &House) -> Result<Outcome> {
    let python = match python(house, "browser") {
        Ok(python) => python,
        Err(outcome) => return Ok(outcome),
    };
    let Some(chromium) = tool::CHROMIUM.find() else {
        return Ok(Outcome::missing(
            house,
            "browser",
            "Chromium",
            tool::CHROMIUM.how,
        ));
    };
    let mut command = Command::new(python);
    command.arg(house.root.join("xtask/browser/run.py"));
    command.arg("--chromium").arg(chromium);
    command.arg("--chatbox").arg(house.binary("chatbox")?);
    command.arg("--fakes").arg(house.binary("chatbox-fakes")?);
    command
        .arg("--venv")
        .arg(house.folder().join("venv-browser"));
    command.arg("--screens").arg(house.target.join("screens"));
    proof::run(house, "browser", command)
}

/// The agents' door with the protocol's own client.
pub(crate) fn mcp(house: &House) -> Result<Outcome> {
    let python = match python(house, "mcp") {
        Ok(python) => python,
        Err(outcome) => return Ok(outcome),
    };
    let mut command = Command::new(python);
    command.arg(house.root.join("xtask/mcp/run.py"));
    command.arg("--chatbox").arg(house.binary("chatbox")?);
    command.arg("--venv").arg(house.folder().join("venv-mcp"));
    proof::run(house, "mcp", command)
}
