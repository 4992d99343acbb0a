//! A part of `cargo xtask test`, and what it finds.

use anyhow::{Context, Result};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::Built;

/// One check with a name.
pub(crate) struct Part {
    /// What `--only` takes.
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) about: &'static str,
    /// How.
    pub(crate) check: fn(&House) -> Result<Outcome>,
}

/// One test that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) end: End,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Passed,
    Failed,
    Skipped(String),
}

/// What a part found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) tests: Vec<Test>,
    /// Lines for people: versions, measures, what to install.
    pub(crate) notes: Vec<String>,
}

impl Outcome {
    /// The part is one test, and it passed or did not.
    pub(crate) fn one(name: &str, passed: bool) -> Self {
        let mut outcome = Self::default();
        outcome.add(name, if passed { End::Passed } else { End::Failed });
        outcome
    }

    /// The part cannot run: `what` is missing and `how` gets it. Where nothing may be skipped, that is a failure.
    pub(crate) fn missing(house: &House, name: &str, what: &str, how: &str) -> Self {
        let why = format!("{what} is missing; {how}");
        let mut outcome = Self::default();
        if house.strict {
            outcome.notes.push(why);
            outcome.add(name, End::Failed);
        } else {
            outcome.add(name, End::Skipped(why));
        }
        outcome
    }

    pub(crate) fn add(&mut self, name: &str, end: End) {
        self.tests.push(Test {
            name: name.to_owned(),
            end,
        });
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.tests.extend(other.tests);
        self.notes.extend(other.notes);
    }

    pub(crate) fn count(&self, wanted: fn(&End) -> bool) -> usize {
        self.tests.iter().filter(|test| wanted(&test.end)).count()
    }

    pub(crate) fn failed(&self) -> usize {
        self.count(|end| matches!(end, End::Failed))
    }
}

/// The workspace and where its things are.
pub(crate) struct House {
    /// The workspace's folder.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// Whether a missing tool is a failure.
    pub(crate) strict: bool,
    built: OnceCell<Built>,
}

impl House {
    /// The workspace this program was compiled in, or the one we stand in.
    pub(crate) fn find() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here
            .parent()
            .context("a workspace around xtask")?
            .to_owned();
        let target = std::env::var_os("CARGO_TARGET_DIR");
        let target = target.map_or_else(|| root.join("target"), |it| root.join(it));
        std::fs::create_dir_all(target.join("xtask"))?;
        let strict = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
        Ok(Self {
            root,
            target,
            strict,
            built: OnceCell::new(),
        })
    }

    /// Where this program keeps logs and lists.
    pub(crate) fn folder(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// `cargo VERB` in the workspace.
    pub(crate) fn cargo(&self, verb: &str) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.arg(verb).current_dir(&self.root);
        // What cargo told this program about itself is not meant for the next one.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&*name);
            }
        }
        command
    }

    /// Every test, binary and example of the workspace, compiled once.
    pub(crate) fn built(&self) -> Result<&Built> {
        if let Some(built) = self.built.get() {
            return Ok(built);
        }
        let built = crate::build::build(self)?;
        Ok(self.built.get_or_init(|| built))
    }

    /// A compiled binary of the workspace.
    pub(crate) fn binary(&self, name: &str) -> Result<PathBuf> {
        let path = self.built()?.programs.get(name).cloned();
        path.with_context(|| {
            format!("{name} was not built: its package needs a test that starts it")
        })
    }
}
