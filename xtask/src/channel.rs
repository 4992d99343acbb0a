//! `cargo xtask new-channel NAME`: copies the template adapter, which is compiled and tested like every other crate,
//! and gives it the new name.

use crate::part::{House, Outcome};
use crate::shell::{self, tail};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The name the template has for its platform.
const TEMPLATE: &str = "template";

/// Makes `chatbox-NAME` beside the other crates and adds it to the workspace.
fn make(root: &Path, name: &str) -> Result<()> {
    check(name)?;
    let from = root.join("xtask").join(TEMPLATE);
    let to = root.join(format!("chatbox-{name}"));
    ensure!(from.is_dir(), "the template is missing: {}", from.display());
    if to.exists() {
        bail!(
            "{} exists already; remove it or choose another name",
            to.display()
        );
    }
    copy(&from, &to, name)?;
    join(root, name)?;
    Ok(())
}

/// `cargo xtask new-channel NAME`.
pub(crate) fn make_and_tell(root: &Path, name: &str) -> Result<()> {
    make(root, name)?;
    println!("made chatbox-{name}; next:");
    println!("  1. cargo test -p chatbox-{name}          it compiles and passes as it is");
    println!("  2. write your platform's words in src/inbound.rs and src/outbound.rs");
    println!("  3. name it in chatbox-server/src/compose.rs and give it a feature there");
    Ok(())
}

/// A platform's name: what can be a crate's.
fn check(name: &str) -> Result<()> {
    let letters = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    let good = name.bytes().all(letters)
        && name.starts_with(|it: char| it.is_ascii_lowercase())
        && !name.ends_with('-');
    ensure!(
        good && name.len() <= 32,
        "`{name}` is no name; use 1 to 32 of a-z, 0-9 and -, beginning with a letter"
    );
    Ok(())
}

fn copy(from: &Path, to: &Path, name: &str) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let file = path
            .file_name()
            .and_then(|it| it.to_str())
            .context("a file has a name")?;
        let there = to.join(renamed(file, name));
        if path.is_dir() {
            copy(&path, &there, name)?;
        } else {
            let text = fs::read_to_string(&path)?;
            fs::write(there, renamed(&text, name))?;
        }
    }
    Ok(())
}

/// The template's name in each of the ways it is written, as the new one.
fn renamed(text: &str, name: &str) -> String {
    let snake = name.replace('-', "_");
    let camel: String = name.split('-').map(capital).collect();
    text.replace("chatbox-template", &format!("chatbox-{name}"))
        .replace("chatbox_template", &format!("chatbox_{snake}"))
        .replace("Template", &camel)
        .replace("TEMPLATE", &snake.to_uppercase())
        .replace("\"template\"", &format!("\"{name}\""))
        .replace(TEMPLATE, &snake)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Adds the crate to the workspace's members, after the last adapter.
fn join(root: &Path, name: &str) -> Result<()> {
    let path = root.join("Cargo.toml");
    let text = fs::read_to_string(&path)?;
    let before = "  \"chatbox-server\",\n";
    ensure!(
        text.contains(before),
        "{} lists no chatbox-server among its members",
        path.display()
    );
    let text = text.replacen(before, &format!("  \"chatbox-{name}\",\n{before}"), 1);
    Ok(fs::write(path, text)?)
}

/// As a part of the tests: makes a channel in a copy of the workspace and compiles it with its tests.
pub(crate) fn part(house: &House) -> Result<Outcome> {
    const NAME: &str = "rocket-chat";
    let copy = house.folder().join("new-channel");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    duplicate(&house.root, &copy)?;
    make(&copy, NAME)?;
    let mut cargo = house.cargo("check");
    cargo
        .current_dir(&copy)
        .env("CARGO_TARGET_DIR", &house.target);
    cargo.args([
        "--all-features",
        "--tests",
        "--package",
        &format!("chatbox-{NAME}"),
    ]);
    let done = shell::run(house, "new-channel", cargo, Duration::from_secs(1200))?;
    fs::remove_dir_all(&copy)?;
    let outcome = Outcome::one("new-channel compiles", done.ok);
    Ok(if done.ok {
        outcome
    } else {
        outcome.note(tail(&done.said(), 40))
    })
}

/// Copies what belongs to the workspace: nothing hidden, nothing made.
fn duplicate(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|it| it.to_str())
            .context("a file has a name")?;
        if name == "target" || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            duplicate(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["matrix", "irc", "rocket-chat", "x25"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "Matrix",
            "9p",
            "a b",
            "../x",
            "a-",
            "ä",
            &"a".repeat(33),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_spelling_of_the_name_is_changed() {
        let text =
            "chatbox-template chatbox_template Template TEMPLATE_URL \"template\" template.rs";
        let new = "chatbox-rocket-chat chatbox_rocket_chat RocketChat ROCKET_CHAT_URL \"rocket-chat\" rocket_chat.rs";
        assert_eq!(renamed(text, "rocket-chat"), new);
    }
}
