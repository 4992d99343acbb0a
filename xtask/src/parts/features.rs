//! Each adapter is a feature of the server: alone it compiles, and nothing of it is there unless it was asked for.

use super::rust::plain;
use crate::part::{End, House, Outcome};
use crate::shell::{self, tail};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Crates that only stand where names are ours.
const OURS: &str = "chatbox-";
/// Crates that many need who do not list them: the HTTP server is made of them.
const COMMON: [&str; 2] = ["hyper", "hyper-util"];

/// An adapter that can be left out.
#[derive(Debug, PartialEq, Eq)]
struct Adapter {
    /// The feature that takes it in.
    feature: String,
    /// Its crate.
    package: String,
    /// Crates that it alone lists: its vendor's.
    own: BTreeSet<String>,
}

pub(crate) fn features(house: &House) -> Result<Outcome> {
    let adapters = adapters(&house.root)?;
    let mut outcome = Outcome::default();
    // The usual one is built as a whole: it is the one that is installed later.
    for (verb, name, flags) in [
        ("check", "none", &["--no-default-features"][..]),
        ("build", "default", &[]),
        ("build", "all", &["--all-features"]),
    ] {
        outcome.merge(compiles(house, verb, name, flags)?);
        if name == "default" {
            outcome.merge(left_out(house, &adapters)?);
        }
    }
    for Adapter { feature, .. } in &adapters {
        let flags = ["--no-default-features", "--features", feature];
        outcome.merge(compiles(house, "check", feature, &flags)?);
    }
    outcome.merge(trees(house, &adapters)?);
    Ok(outcome)
}

fn compiles(house: &House, verb: &str, name: &str, flags: &[&str]) -> Result<Outcome> {
    let mut cargo = house.cargo(verb);
    cargo.args(["--package", "chatbox-server"]).args(flags);
    plain(house, &format!("features {name}"), cargo)
}

/// What the usual program was built without, it says with the way to have it. It was just built.
fn left_out(house: &House, adapters: &[Adapter]) -> Result<Outcome> {
    let server = manifest(&house.root, "chatbox-server")?;
    let usual = server.get("features").and_then(|it| it.get("default"));
    let usual = usual.and_then(toml::Value::as_array).into_iter().flatten();
    let usual: BTreeSet<&str> = usual.filter_map(toml::Value::as_str).collect();
    let mut outcome = Outcome::default();
    for Adapter { feature, .. } in adapters {
        if usual.contains(&**feature) {
            continue;
        }
        let name = format!("features usual program without {feature}");
        let config = house.folder().join(format!("without-{feature}.toml"));
        fs::write(&config, format!("[channels.{feature}]\n"))?;
        let mut program = Command::new(house.target.join("debug/chatbox"));
        program.args(["--json", "config", "check"]).arg(config);
        let done = shell::run(house, &name, program, Duration::from_secs(60))?;
        let hint = format!("--features {feature}");
        let said = done.said();
        let good = done.code == Some(2) && said.contains("feature_missing") && said.contains(&hint);
        outcome.add(&name, if good { End::Passed } else { End::Failed });
        if !good {
            outcome.notes.push(tail(&said, 20));
        }
    }
    Ok(outcome)
}

/// The server's dependencies without adapters, and with each alone.
fn trees(house: &House, adapters: &[Adapter]) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let alone = adapters.iter().map(|adapter| Some(&*adapter.feature));
    for asked in [None].into_iter().chain(alone) {
        let name = format!("features tree of {}", asked.unwrap_or("none"));
        let mut cargo = house.cargo("tree");
        cargo.args([
            "--package",
            "chatbox-server",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ]);
        cargo
            .arg("--no-default-features")
            .args(asked.map(|it| format!("--features={it}")));
        let done = shell::run(house, &name, cargo, Duration::from_secs(300))?;
        let faults = if done.ok {
            faults(&done.out, adapters, asked)
        } else {
            vec![tail(&done.said(), 20)]
        };
        outcome.add(
            &name,
            if faults.is_empty() {
                End::Passed
            } else {
                End::Failed
            },
        );
        outcome.notes.extend(faults);
    }
    Ok(outcome)
}

/// What is in a tree and was not asked for, or the other way round.
fn faults(tree: &str, adapters: &[Adapter], asked: Option<&str>) -> Vec<String> {
    let there: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let mut faults = Vec::new();
    for adapter in adapters {
        let wanted = asked == Some(&*adapter.feature);
        for name in adapter.own.iter().chain([&adapter.package]) {
            if there.contains(&**name) != wanted {
                let is = if wanted { "is not" } else { "is" };
                faults.push(format!(
                    "asked for {}, and {name} {is} there",
                    asked.unwrap_or("nothing")
                ));
            }
        }
    }
    faults
}

/// The adapters that the server's manifest makes optional.
fn adapters(root: &Path) -> Result<Vec<Adapter>> {
    let server = manifest(root, "chatbox-server")?;
    let features = server.get("features").and_then(toml::Value::as_table);
    let mut adapters = BTreeMap::new();
    for (feature, needs) in features.context("the server has features")? {
        let needs = needs
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str);
        let mut crates = needs.filter_map(|need| need.strip_prefix("dep:"));
        if let Some(package) = crates.find(|name| name.starts_with(OURS)) {
            adapters.insert(feature.clone(), package.to_owned());
        }
    }
    anyhow::ensure!(
        !adapters.is_empty(),
        "the server's manifest names no adapter"
    );
    let listed = listed(root)?;
    let own = |package: &str| {
        let elsewhere = listed.iter().filter(|(other, _)| *other != package);
        let elsewhere: BTreeSet<&String> = elsewhere.flat_map(|(_, names)| names).collect();
        let names = listed.get(package).into_iter().flatten();
        let own = names.filter(|name| !elsewhere.contains(name) && !COMMON.contains(&&***name));
        own.cloned().collect()
    };
    let adapters = adapters.into_iter().map(|(feature, package)| Adapter {
        own: own(&package),
        feature,
        package,
    });
    Ok(adapters.collect())
}

/// What each crate of the product lists.
fn listed(root: &Path) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut listed = BTreeMap::new();
    for entry in fs::read_dir(root)? {
        let package = entry?.file_name().to_string_lossy().into_owned();
        if !package.starts_with(OURS) || package == "chatbox-fakes" {
            continue;
        }
        let manifest = manifest(root, &package)?;
        let names = manifest.get("dependencies").and_then(toml::Value::as_table);
        let names = names.into_iter().flat_map(|table| table.keys().cloned());
        listed.insert(package, names.collect());
    }
    Ok(listed)
}

fn manifest(root: &Path, package: &str) -> Result<toml::Table> {
    let path = root.join(package).join("Cargo.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(toml::from_str(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(feature: &str, own: &str) -> Adapter {
        Adapter {
            feature: feature.to_owned(),
            package: format!("chatbox-{feature}"),
            own: BTreeSet::from([own.to_owned()]),
        }
    }

    #[test]
    fn a_tree_holds_what_was_asked_for_and_nothing_more() {
        let adapters = [adapter("alpha", "alpha-wire"), adapter("beta", "beta-wire")];
        let with_alpha =
            "chatbox-server v0.1.0 (/x)\nchatbox-alpha v0.1.0 (/x)\nalpha-wire v1.2.3\n";
        assert_eq!(
            faults(with_alpha, &adapters, Some("alpha")),
            Vec::<String>::new()
        );
        assert_eq!(faults(with_alpha, &adapters, None).len(), 2);
        assert_eq!(faults(with_alpha, &adapters, Some("beta")).len(), 4);
        let vendor_of_beta = format!("{with_alpha}beta-wire v1.0.0 (*)\n");
        let expected = ["asked for alpha, and beta-wire is there"];
        assert_eq!(faults(&vendor_of_beta, &adapters, Some("alpha")), expected);
    }

    #[test]
    fn the_adapters_and_their_vendors_are_read_from_the_manifests() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("a workspace");
        let adapters = adapters(root).expect("manifests");
        let telegram = adapters.iter().find(|it| it.feature == "telegram");
        let telegram = telegram.expect("an adapter for Telegram");
        assert_eq!(telegram.package, "chatbox-telegram");
        assert_eq!(telegram.own, BTreeSet::from(["teloxide-core".to_owned()]));
        assert!(adapters.iter().any(|it| it.feature == "webchat"));
    }
}
