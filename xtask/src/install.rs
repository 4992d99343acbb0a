//! Programs of others that come from a registry: installed into the target folder, and again when the list changes.

use crate::part::{House, Outcome};
use crate::shell::{self, tail};
use crate::tool;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A slow network, twice.
const MOST: Duration = Duration::from_secs(10 * 60);

/// What a part needs, or what it says without: a program of this machine is missing.
pub(crate) type Installed = Result<std::result::Result<PathBuf, Outcome>>;

/// The Python of a virtual environment that holds what `requirements.txt` in `folder` lists. `part` is who asks.
pub(crate) fn python(house: &House, part: &str, folder: &str) -> Installed {
    let Some(python) = tool::PYTHON.find() else {
        return Ok(Err(Outcome::missing(
            house,
            part,
            "Python",
            tool::PYTHON.how,
        )));
    };
    let wanted = house.root.join(folder).join("requirements.txt");
    let place = house.folder().join(format!("python-{}", flat(folder)));
    once(&wanted, &place, || {
        let mut made = Command::new(python);
        made.args(["-m", "venv"]).arg(&place);
        ran(house, "venv", made)?;
        let mut pip = Command::new(place.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        pip.arg("--no-cache-dir").arg("-r").arg(&wanted);
        ran(house, "pip", pip)
    })?;
    Ok(Ok(place.join("bin/python")))
}

/// The folder that holds the `node_modules` of the `package-lock.json` in `folder`. Scripts of packages are not run.
pub(crate) fn node(house: &House, part: &str, folder: &str) -> Installed {
    let Some(npm) = tool::NPM.find() else {
        return Ok(Err(Outcome::missing(house, part, "npm", tool::NPM.how)));
    };
    let (from, place) = (
        house.root.join(folder),
        house.folder().join(format!("node-{}", flat(folder))),
    );
    once(&from.join("package-lock.json"), &place, || {
        fs::create_dir_all(&place)?;
        for name in ["package.json", "package-lock.json"] {
            fs::copy(from.join(name), place.join(name))?;
        }
        let mut npm = Command::new(npm);
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        npm.current_dir(&place);
        ran(house, "npm", npm)
    })?;
    Ok(Ok(place))
}

/// Fills `place` unless it was filled from the same list before.
fn once(list: &Path, place: &Path, fill: impl FnOnce() -> Result<()>) -> Result<()> {
    let wanted = fs::read(list).with_context(|| format!("{} cannot be read", list.display()))?;
    let installed = place.join("installed.txt");
    if fs::read(&installed).is_ok_and(|it| it == wanted) {
        return Ok(());
    }
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fill()?;
    Ok(fs::write(installed, wanted)?)
}

fn ran(house: &House, name: &str, command: Command) -> Result<()> {
    let done = shell::run(house, name, command, MOST)?;
    if !done.ok {
        bail!("{name} could not install: {}", tail(&done.said(), 12));
    }
    Ok(())
}

fn flat(folder: &str) -> String {
    folder.replace('/', "-")
}
