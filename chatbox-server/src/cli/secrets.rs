//! The secrets a channel's manifest names, each from a file, standard input, the environment or a prompt: never from the
//! command line, which others on the machine can read.

use super::show::print;
use crate::failure::{Exit, Failure};
use crate::paths::{secret_from_env, secret_from_file};
use chatbox_core::connector::{Manifest, SecretSpec};
use chatbox_core::secret::Secret;
use clap::Args;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The longest text that is read where secrets are due, in bytes.
const MOST: u64 = 64 * 1024;

/// Where the secrets are, as given at the command line.
#[derive(Debug, Args)]
pub(super) struct Given {
    /// A file that holds the secret, where the channel has one; - reads it from standard input
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// A file that holds one of several secrets; - reads it from standard input, which has a line for each in the order
    /// they are asked for
    #[arg(long = "secret-file", value_name = "NAME=PATH", value_parser = pair::<PathBuf>)]
    secret_files: Vec<(String, PathBuf)>,
}

/// Reads `NAME=VALUE`.
pub(super) fn pair<T: FromStr>(text: &str) -> Result<(String, T), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("write it as NAME=VALUE")?;
    let value = value.parse().map_err(|_| "write it as NAME=VALUE")?;
    Ok((name.to_owned(), value))
}

/// Every secret the channel needs.
pub(super) fn gather(
    manifest: &Manifest,
    given: &Given,
    json: bool,
) -> Result<BTreeMap<String, Secret>, Failure> {
    let specs = &manifest.secrets;
    let files = given.files(manifest)?;
    let of_stdin = |spec: &&SecretSpec| files.get(&spec.name).is_some_and(|it| is_stdin(it));
    let piped = specs.iter().filter(of_stdin).count();
    let mut lines = match piped {
        0 => Vec::new(),
        count => from_stdin(count)?,
    }
    .into_iter();
    let mut guided = json;
    let mut secrets = BTreeMap::new();
    for spec in specs {
        let secret = match files.get(&spec.name) {
            Some(path) if is_stdin(path) => Some(lines.next().ok_or_else(|| missing(spec, specs))?),
            Some(path) => Some(secret_from_file(path)?),
            None => match secret_from_env(&spec.env)? {
                Some(secret) => Some(secret.trim().to_owned()),
                None => typed(manifest, spec, &mut guided)?,
            },
        };
        if let Some(secret) = secret {
            secrets.insert(spec.name.clone(), Secret::new(secret));
        }
    }
    Ok(secrets)
}

impl Given {
    /// The files by the name of the secret in them.
    fn files(&self, manifest: &Manifest) -> Result<BTreeMap<String, PathBuf>, Failure> {
        let (specs, platform) = (&manifest.secrets, &manifest.platform);
        let mut files = BTreeMap::new();
        if let Some(path) = &self.token_file {
            let [only] = specs.as_slice() else {
                let what = format!(
                    "{platform} has {} secrets, and --token-file is for one",
                    specs.len()
                );
                return Err(Failure::new("secret_ambiguous", what, options(specs)));
            };
            files.insert(only.name.clone(), path.clone());
        }
        for (name, path) in &self.secret_files {
            if specs.iter().all(|spec| spec.name != *name) {
                let what = format!("{platform} has no secret `{name}`");
                return Err(Failure::new("unknown_secret", what, options(specs)));
            }
            if files.insert(name.clone(), path.clone()).is_some() {
                let what = format!("the secret `{name}` is given twice");
                return Err(Failure::new("ambiguous_secret", what, "give it once"));
            }
        }
        Ok(files)
    }
}

/// How secrets are given with files.
fn options(specs: &[SecretSpec]) -> String {
    match specs {
        [] => "leave it away: nothing secret is needed".to_owned(),
        [_] => "give it with --token-file PATH".to_owned(),
        several => {
            let each = several.iter();
            let each = each.map(|spec| format!("--secret-file {}=PATH", spec.name));
            format!("give {}", each.collect::<Vec<_>>().join(" "))
        }
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn missing(spec: &SecretSpec, specs: &[SecretSpec]) -> Failure {
    let (name, variable) = (&spec.name, &spec.env);
    let options = match specs {
        [_] => "--token-file PATH, --token-file -".to_owned(),
        _ => format!("--secret-file {name}=PATH, --secret-file {name}=-"),
    };
    let fix = format!("give it with {options} or {variable}");
    let what = format!("there is no {name} and nobody to ask");
    Failure::new("secret_missing", what, fix)
}

/// Asks a person, and says first where to find it. One that the channel can do without may be left empty.
fn typed(
    manifest: &Manifest,
    spec: &SecretSpec,
    guided: &mut bool,
) -> Result<Option<String>, Failure> {
    let missing = || match spec.optional {
        true => Ok(None),
        false => Err(missing(spec, &manifest.secrets)),
    };
    if !std::io::stdin().is_terminal() {
        return missing();
    }
    if !std::mem::replace(guided, true) {
        let steps = manifest.guide.iter().enumerate();
        let steps = steps.map(|(nth, step)| format!("  {}. {step}\n", nth + 1));
        print(&steps.collect::<String>())?;
    }
    let or_not = if spec.optional { " (may be empty)" } else { "" };
    let Ok(typed) = rpassword::prompt_password(format!("  {}{or_not}: ", spec.name)) else {
        return missing();
    };
    match typed.trim() {
        "" => missing(),
        typed => Ok(Some(typed.to_owned())),
    }
}

/// So many secrets from standard input: one alone, or a line for each.
fn from_stdin(count: usize) -> Result<Vec<String>, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(MOST + 1).read_to_string(&mut text);
    read.map_err(|error| Failure::io("cannot read the secret", &error).exit(Exit::Usage))?;
    if text.len() as u64 > MOST {
        let what = "standard input goes on and on";
        let fix = "a secret is shorter than 64 KiB";
        return Err(Failure::new("too_large", what, fix));
    }
    split(&text, count)
}

fn split(text: &str, count: usize) -> Result<Vec<String>, Failure> {
    let text = text.trim();
    if text.is_empty() {
        let fix = "pipe the secret in, alone on one line";
        return Err(Failure::new(
            "secret_missing",
            "standard input is empty",
            fix,
        ));
    }
    if count == 1 {
        return Ok(vec![text.to_owned()]);
    }
    let lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    if lines.len() == count && lines.iter().all(|line| !line.is_empty()) {
        return Ok(lines);
    }
    let what = format!(
        "standard input has {} lines where {count} secrets are due",
        lines.len()
    );
    let fix = "pipe them in, one a line, in the order they are asked for";
    Err(Failure::new("secret_missing", what, fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(names: &[&str]) -> Manifest {
        let spec = |name: &&str| SecretSpec {
            name: (*name).to_owned(),
            title: (*name).to_owned(),
            env: format!("CHATBOX_ALPHA_{}_THAT_NOBODY_SETS", name.to_uppercase()),
            optional: false,
        };
        Manifest {
            platform: "alpha".into(),
            title: "Alpha".to_owned(),
            secrets: names.iter().map(spec).collect(),
            settings: Vec::new(),
            guide: Vec::new(),
        }
    }

    fn given(token: Option<&Path>, named: &[(&str, &Path)]) -> Given {
        let named = named.iter();
        Given {
            token_file: token.map(Path::to_owned),
            secret_files: named
                .map(|(name, path)| ((*name).to_owned(), (*path).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn each_secret_of_several_comes_from_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, second) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&first, "one\n").expect("a file");
        std::fs::write(&second, "two\n").expect("a file");
        let both = manifest(&["bot_token", "app_token"]);
        let files = given(None, &[("app_token", &second), ("bot_token", &first)]);
        let secrets = gather(&both, &files, true).expect("both are there");
        let told: Vec<_> = secrets
            .iter()
            .map(|(name, it)| (name.as_str(), it.expose()))
            .collect();
        assert_eq!(told, [("app_token", "two"), ("bot_token", "one")]);
    }

    #[test]
    fn what_is_not_asked_for_is_refused_with_the_way_out() {
        let path = Path::new("x");
        let refused = |names: &[&str], files: Given| {
            let failure = gather(&manifest(names), &files, true).expect_err("it is refused");
            (failure.code, failure.fix)
        };
        let (code, fix) = refused(&["a", "b"], given(Some(path), &[]));
        assert_eq!(code, "secret_ambiguous");
        assert_eq!(fix, "give --secret-file a=PATH --secret-file b=PATH");
        let (code, fix) = refused(&[], given(Some(path), &[]));
        assert_eq!(
            (&*code, fix.contains("leave it away")),
            ("secret_ambiguous", true)
        );
        let (code, _) = refused(&["a"], given(None, &[("c", path)]));
        assert_eq!(code, "unknown_secret");
        let (code, _) = refused(&["a"], given(Some(path), &[("a", path)]));
        assert_eq!(code, "ambiguous_secret");
        assert!(
            gather(&manifest(&[]), &given(None, &[]), true)
                .expect("nothing is asked for")
                .is_empty()
        );
    }

    #[test]
    fn one_that_may_be_left_out_is_left_out_where_nobody_gives_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "one\n").expect("a file");
        let mut both = manifest(&["needed", "other"]);
        both.secrets[1].optional = true;
        // Nobody can be asked: a test has no terminal, or one that says nothing.
        let files = given(None, &[("needed", &path)]);
        if !std::io::stdin().is_terminal() {
            let secrets = gather(&both, &files, true).expect("the one is enough");
            assert_eq!(secrets.keys().collect::<Vec<_>>(), ["needed"]);
            let without = gather(&both, &given(None, &[("other", &path)]), true);
            assert_eq!(without.expect_err("it is needed").code, "secret_missing");
        }
        let files = given(None, &[("needed", &path), ("other", &path)]);
        let secrets = gather(&both, &files, true).expect("both are there");
        assert_eq!(secrets.len(), 2);
    }

    #[test]
    fn lines_are_shared_out_in_order() {
        assert_eq!(split("only\n", 1).expect("one"), ["only"]);
        assert_eq!(
            split("first\r\nsecond\n", 2).expect("two"),
            ["first", "second"]
        );
        for bad in ["", "first\n", "first\n\nsecond\n", "a\nb\nc\n"] {
            assert_eq!(split(bad, 2).expect_err(bad).code, "secret_missing");
        }
    }
}
