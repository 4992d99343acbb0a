//! The few walls that Cargo's own dependency lists do not keep by themselves, and a check that those lists stay as
//! they are.

use crate::part::{End, House, Outcome};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A crate that is not an adapter, and what its manifest must not list.
const FORBIDDEN: [(&str, &[&str]); 6] = [
    (
        "chatbox-core",
        &[
            "sqlx",
            "axum",
            "reqwest",
            "hyper",
            "teloxide-core",
            "genai",
            "clap",
            "chatbox-",
        ],
    ),
    (
        "chatbox-store",
        &[
            "axum",
            "reqwest",
            "teloxide-core",
            "genai",
            "chatbox-connector-api",
            "chatbox-server",
        ],
    ),
    (
        "chatbox-backends",
        &[
            "sqlx",
            "axum",
            "teloxide-core",
            "chatbox-store",
            "chatbox-server",
        ],
    ),
    (
        "chatbox-connector-api",
        &[
            "sqlx",
            "teloxide-core",
            "genai",
            "chatbox-store",
            "chatbox-server",
        ],
    ),
    ("chatbox-server", &["sqlx", "teloxide-core", "genai"]),
    ("chatbox-fakes", &["chatbox-"]),
];

/// What a crate may list only for those who ask for it.
const OPTIONAL: [(&str, &str); 1] = [("chatbox-connector-api", "axum")];

/// Crates that decide by capability: only one file of theirs may say a platform's name.
const DECIDES_BY_CAPABILITY: [&str; 4] = [
    "chatbox-core",
    "chatbox-store",
    "chatbox-backends",
    "chatbox-server",
];

/// Where platforms are named, and words of the command line and its help that a person types.
const NAMES_PLATFORMS: [&str; 1] = ["chatbox-server/src/compose.rs"];

const PLATFORMS: [&str; 4] = ["telegram", "discord", "slack", "signal"];

pub(crate) fn walls(house: &House) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut say = |name: &str, faults: Vec<String>| {
        outcome.add(
            name,
            if faults.is_empty() {
                End::Passed
            } else {
                End::Failed
            },
        );
        outcome.notes.extend(faults);
    };
    say("walls forbidden dependencies", forbidden(&house.root)?);
    say("walls adapters know one crate", adapters(&house.root)?);
    say("walls platform names", names(&house.root)?);
    say("walls no test doors", doors(&house.root)?);
    say("walls no unsafe", unsafes(&house.root)?);
    Ok(outcome)
}

fn dependencies(manifest: &Path, table: &str) -> Result<Vec<String>> {
    let text = fs::read_to_string(manifest)
        .with_context(|| format!("{} cannot be read", manifest.display()))?;
    let toml: toml::Table = toml::from_str(&text)?;
    let names = toml.get(table).and_then(toml::Value::as_table);
    Ok(names
        .into_iter()
        .flat_map(|table| table.keys().cloned())
        .collect())
}

fn forbidden(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for (package, never) in FORBIDDEN {
        for name in dependencies(&root.join(package).join("Cargo.toml"), "dependencies")? {
            let is = |never: &&str| {
                name == **never || (never.ends_with('-') && name.starts_with(*never))
            };
            if never.iter().any(is) {
                faults.push(format!("{package} depends on {name}"));
            }
        }
    }
    for (package, optional) in OPTIONAL {
        let manifest = fs::read_to_string(root.join(package).join("Cargo.toml"))?;
        let asked_for = manifest
            .lines()
            .any(|line| line.starts_with(optional) && line.contains("optional = true"));
        if !asked_for {
            faults.push(format!("{package} has {optional} for everybody"));
        }
    }
    Ok(faults)
}

/// Adapters: crates beside the named ones that list the adapter author's crate and are no program of ours.
fn adapters(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut found = 0;
    for entry in fs::read_dir(root)? {
        let folder = entry?.path();
        let name = folder
            .file_name()
            .and_then(|it| it.to_str())
            .unwrap_or_default()
            .to_owned();
        let known = FORBIDDEN.iter().any(|(package, _)| *package == name);
        if known || !name.starts_with("chatbox-") || !folder.join("Cargo.toml").exists() {
            continue;
        }
        found += 1;
        for dependency in dependencies(&folder.join("Cargo.toml"), "dependencies")? {
            if dependency.starts_with("chatbox-") && dependency != "chatbox-connector-api" {
                faults.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    if found == 0 {
        faults.push("no adapter was found: is this the workspace's folder?".to_owned());
    }
    Ok(faults)
}

/// Rust files of a crate's `src`.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(sources(&path)?);
        } else if path.extension().is_some_and(|it| it == "rs") {
            all.push(path);
        }
    }
    all.sort();
    Ok(all)
}

/// The code of a file without its comments, `#[cfg(feature …)]` lines and test module.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = product
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn names(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut read = 0;
    for package in DECIDES_BY_CAPABILITY {
        for path in sources(&root.join(package).join("src"))? {
            let shown = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            read += 1;
            if NAMES_PLATFORMS.contains(&shown.as_str()) {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            for (number, line) in code(&text) {
                if PLATFORMS.iter().any(|name| decides(line, name)) {
                    faults.push(format!(
                        "{shown}:{number} decides by a platform's name: {}",
                        line.trim()
                    ));
                }
            }
        }
    }
    if read < 50 {
        faults.push(format!(
            "only {read} files were read: is this the workspace's folder?"
        ));
    }
    Ok(faults)
}

/// Whether a line compares or matches with a platform's name, or uses its crate. Words shown to a person do not decide.
fn decides(line: &str, name: &str) -> bool {
    let quoted = format!("\"{name}\"");
    line.contains(&quoted) && !line.contains("chatbox_") && !line.contains("println!")
        || line.contains(&format!("chatbox_{name}::"))
}

fn doors(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for entry in fs::read_dir(root)? {
        let folder = entry?.path().join("src");
        let package = folder
            .parent()
            .and_then(|it| it.file_name()?.to_str())
            .unwrap_or_default();
        if !package.starts_with("chatbox-") || !folder.is_dir() {
            continue;
        }
        for path in sources(&folder)? {
            let text = fs::read_to_string(&path)?;
            let shown = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            for (number, line) in code(&text) {
                let door = line.contains("cfg!(test)")
                    || line.contains("_for_test")
                    || line.contains("feature = \"sabotage\"");
                if door {
                    faults.push(format!("{shown}:{number} is a door for tests"));
                }
            }
        }
    }
    Ok(faults)
}

fn unsafes(root: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(root.join("Cargo.toml"))?;
    let toml: toml::Table = toml::from_str(&text)?;
    let mut faults = Vec::new();
    let forbids = text.contains("unsafe_code = \"forbid\"");
    if !forbids {
        faults.push("the workspace does not forbid unsafe code".to_owned());
    }
    let members = toml
        .get("workspace")
        .and_then(|it| it.get("members"))
        .and_then(toml::Value::as_array);
    for member in members
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_str)
    {
        let manifest = fs::read_to_string(root.join(member).join("Cargo.toml"))?;
        if !manifest.contains("[lints]\nworkspace = true") {
            faults.push(format!("{member} does not take the workspace's lints"));
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_decides_is_told_from_one_that_speaks() {
        assert!(decides("if platform == \"telegram\" {", "telegram"));
        assert!(decides("let x = chatbox_telegram::Telegram;", "telegram"));
        assert!(!decides(
            "println!(\"  next     chatbox channels add telegram\");",
            "telegram"
        ));
        assert!(!decides("/// telegram, http …", "telegram"));
    }

    #[test]
    fn comments_and_tests_are_no_code() {
        let text = "a\n// b\n#[cfg(test)]\nmod tests { c }";
        assert_eq!(code(text).map(|(_, line)| line).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn the_house_keeps_its_walls() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("a workspace");
        assert_eq!(forbidden(root).expect("manifests"), Vec::<String>::new());
        assert_eq!(adapters(root).expect("manifests"), Vec::<String>::new());
    }
}
