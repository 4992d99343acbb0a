//! Compiles everything that is run, once and with one set of flags, and remembers which test program is whose.

use crate::part::House;
use crate::shell;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A compile on two slow cores from nothing.
const MOST: Duration = Duration::from_secs(40 * 60);

/// What was compiled.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// Test programs.
    pub(crate) tests: Vec<TestProgram>,
    /// Programs and examples, by name. Cargo builds them for the tests of their package, and in the same features.
    pub(crate) programs: BTreeMap<String, PathBuf>,
}

/// One compiled program.
#[derive(Clone, Debug)]
pub(crate) struct TestProgram {
    /// Its package.
    pub(crate) package: String,
    /// Its target: the crate, or a file of `tests/`.
    pub(crate) target: String,
    /// Whether it is of `tests/`.
    pub(crate) integration: bool,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its package's folder.
    pub(crate) folder: PathBuf,
}

impl TestProgram {
    /// What stands before its tests' names: `chatbox-core`, `chatbox-core::admission`.
    pub(crate) fn label(&self) -> String {
        if self.integration {
            format!("{}::{}", self.package, self.target)
        } else {
            self.package.clone()
        }
    }
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    target: Option<Target>,
    executable: Option<PathBuf>,
    profile: Option<Profile>,
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

pub(crate) fn build(house: &House) -> Result<Built> {
    let mut cargo = house.cargo("test");
    cargo.args([
        "--workspace",
        "--all-features",
        "--no-run",
        "--message-format=json",
    ]);
    let done = shell::run(house, "build", cargo, MOST)?;
    let mut built = Built::default();
    let mut errors = String::new();
    for line in done.out.lines().filter(|line| line.starts_with('{')) {
        let Ok(message) = serde_json::from_str::<Message>(line) else {
            continue;
        };
        if let Some(said) = message.message.as_ref().filter(|it| it.level == "error") {
            errors.push_str(said.rendered.as_deref().unwrap_or_default());
        }
        remember(&mut built, message)?;
    }
    if !done.ok {
        bail!(
            "the workspace does not compile\n{errors}\n{}",
            shell::tail(&done.err, 15)
        );
    }
    built.tests.sort_by_key(TestProgram::label);
    Ok(built)
}

fn remember(built: &mut Built, message: Message) -> Result<()> {
    let (Some(target), Some(path)) = (message.target, message.executable) else {
        return Ok(());
    };
    if message.reason != "compiler-artifact" {
        return Ok(());
    }
    let folder = message
        .manifest_path
        .parent()
        .context("a manifest has a folder")?;
    let is = |kind: &str| target.kind.iter().any(|it| it == kind);
    let program = TestProgram {
        package: package(folder, &message.manifest_path)?,
        integration: is("test"),
        path,
        folder: folder.to_owned(),
        target: target.name.clone(),
    };
    let is_test = message.profile.is_some_and(|profile| profile.test);
    if is_test {
        built.tests.push(program);
    } else if is("bin") || is("example") {
        built.programs.insert(program.target, program.path);
    }
    Ok(())
}

fn package(folder: &Path, manifest: &Path) -> Result<String> {
    let text = std::fs::read_to_string(manifest)?;
    let table: toml::Table = toml::from_str(&text)?;
    let name = table.get("package").and_then(|it| it.get("name"));
    let name = name.and_then(toml::Value::as_str).map(str::to_owned);
    name.with_context(|| format!("{} has no name", folder.display()))
}
