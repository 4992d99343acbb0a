//! Where everything lives: one folder, readable by its owner alone.

use crate::failure::Failure;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The data folder and the files in it.
#[derive(Debug, Clone)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// The folder named, or the usual one: `$XDG_DATA_HOME/chatbox`, else `~/.local/share/chatbox`.
    ///
    /// # Errors
    /// `no_home` when none is named and there is no home folder.
    pub fn locate(named: Option<PathBuf>) -> Result<Self, Failure> {
        if let Some(root) = named {
            return Ok(Self { root });
        }
        home("XDG_DATA_HOME", ".local/share").map(|base| Self {
            root: base.join("chatbox"),
        })
    }

    /// Makes the folder and the one for media in it, mode 0700; whether it is new.
    ///
    /// # Errors
    /// `io_error`; `not_ours` for a folder that others use for other things, which is left as it is.
    pub fn create(&self) -> Result<bool, Failure> {
        let new = !self.root.exists();
        if !new && !self.may_be_closed() {
            let what = format!("{} holds other things", self.root.display());
            let fix = "name an empty folder, or one that does not exist yet, with --data-dir";
            return Err(Failure::new("not_ours", what, fix));
        }
        for folder in [&self.root, &self.media()] {
            private(folder).map_err(|error| {
                Failure::io(&format!("cannot make {}", folder.display()), &error)
            })?;
        }
        Ok(new)
    }

    /// Whether nobody misses anything when the folder is closed to others: it is this user's and no place where everybody
    /// writes, is empty, or has our data.
    fn may_be_closed(&self) -> bool {
        let own = fs::metadata(&self.root).is_ok_and(|folder| {
            let ours = me().is_none_or(|me| me == folder.uid());
            ours && folder.permissions().mode() & 0o002 == 0
        });
        let empty = || fs::read_dir(&self.root).is_ok_and(|mut all| all.next().is_none());
        own || self.database().exists() || self.vault_key().exists() || empty()
    }

    /// What the webhook is signed with, unless the configuration names another file.
    pub fn webhook_secret(&self) -> PathBuf {
        self.root.join("webhook.secret")
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.root.join("chatbox.db")
    }

    /// The key that seals secrets.
    pub fn vault_key(&self) -> PathBuf {
        self.root.join("vault.key")
    }

    /// The token by which the command line speaks to the server.
    pub fn operator_token(&self) -> PathBuf {
        self.root.join("operator.token")
    }

    /// What a running server says of itself.
    pub fn serve_json(&self) -> PathBuf {
        self.root.join("serve.json")
    }

    /// Files sent and received.
    pub fn media(&self) -> PathBuf {
        self.root.join("media")
    }
}

/// Makes a folder that nobody else may enter, and closes one that is there.
fn private(folder: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// The number of the user who runs this, where the system says it.
pub fn me() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|own| own.uid())
}

/// The configuration file that is read when none is named.
pub fn usual_config() -> Option<PathBuf> {
    home("XDG_CONFIG_HOME", ".config")
        .ok()
        .map(|base| base.join("chatbox/config.toml"))
}

fn home(variable: &str, below: &str) -> Result<PathBuf, Failure> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set(variable)
        .or_else(|| set("HOME").map(|home| home.join(below)))
        .ok_or_else(|| {
            Failure::new(
                "no_home",
                format!("neither {variable} nor HOME is set"),
                "name a folder with --data-dir",
            )
        })
}

/// Writes a file that only its owner reads, whole or not at all.
///
/// # Errors
/// `io_error`.
pub fn write_private(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    write(path, contents, |_| Ok(())).map(drop)
}

/// The same, held for as long as this process keeps what it is given: from the moment at which the file has its name.
///
/// # Errors
/// `io_error`.
pub fn write_held(path: &Path, contents: &[u8]) -> Result<fs::File, Failure> {
    write(path, contents, fs::File::lock)
}

fn write(
    path: &Path,
    contents: &[u8],
    before: impl FnOnce(&fs::File) -> std::io::Result<()>,
) -> Result<fs::File, Failure> {
    let failed = |error| Failure::io(&format!("cannot write {}", path.display()), &error);
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&draft).map_err(failed)?;
    file.write_all(contents)
        .and_then(|()| file.sync_all())
        .and_then(|()| before(&file))
        .map_err(failed)?;
    fs::rename(&draft, path).map_err(failed)?;
    // That it has its name now must outlast the power, too.
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.map_or(Ok(()), |it| fs::File::open(it)?.sync_all());
    folder.map_err(failed)?;
    Ok(file)
}

/// Whether somebody holds the file. Who was killed does not, whatever runs under its number or at its port now.
pub fn is_held(path: &Path) -> bool {
    fs::File::open(path)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
}

/// A small file's text without its trailing newline, or `None` where there is no file.
///
/// # Errors
/// `io_error`, or `too_large` beyond 64 KiB.
pub fn read_small(path: &Path) -> Result<Option<String>, Failure> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure::io(
                &format!("cannot read {}", path.display()),
                &error,
            ));
        }
        Ok(meta) if !meta.is_file() => {
            let what = format!("{} is not a file", path.display());
            return Err(Failure::new("not_a_file", what, "name a regular file"));
        }
        Ok(meta) if meta.len() > 64 * 1024 => {
            let what = format!("{} is {} bytes long", path.display(), meta.len());
            return Err(Failure::new(
                "too_large",
                what,
                "a secret or token is shorter than 64 KiB",
            ));
        }
        Ok(_) => {}
    }
    let text = fs::read_to_string(path);
    let text =
        text.map_err(|error| Failure::io(&format!("cannot read {}", path.display()), &error))?;
    Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
}

/// The secret in an environment variable, or in the file that the same variable with `_FILE` names.
///
/// # Errors
/// `ambiguous_secret` when both are set, `env_unset` when one is empty, or the file's trouble.
pub fn secret_from_env(name: &str) -> Result<Option<String>, Failure> {
    match (variable(name)?, variable(&format!("{name}_FILE"))?) {
        (Some(_), Some(_)) => {
            let what = format!("both {name} and {name}_FILE are set");
            Err(Failure::new("ambiguous_secret", what, "set one of them"))
        }
        (Some(value), None) => value.into_string().map(Some).map_err(|_| {
            let what = format!("{name} is not UTF-8");
            Failure::new("not_utf8", what, "set it to the secret as text")
        }),
        (None, None) => Ok(None),
        (None, Some(file)) => secret_from_file(Path::new(&file)).map(Some),
    }
}

/// A variable. Set and empty is a mistake of whatever set it, and no wish for a default.
///
/// # Errors
/// `env_unset`.
pub fn variable(name: &str) -> Result<Option<OsString>, Failure> {
    match std::env::var_os(name) {
        Some(value) if value.is_empty() => {
            let what = format!("{name} is set and empty");
            let fix = "give it its value, or do not set it";
            Err(Failure::new("env_unset", what, fix))
        }
        value => Ok(value),
    }
}

/// The secret in a file.
///
/// # Errors
/// `secret_missing` when there is none, or the file's trouble.
pub fn secret_from_file(path: &Path) -> Result<String, Failure> {
    let text = read_small(path)?.filter(|text| !text.trim().is_empty());
    let missing = || {
        let what = format!("{} is missing or empty", path.display());
        Failure::new(
            "secret_missing",
            what,
            "write the secret into it, alone on one line",
        )
    };
    text.map(|text| text.trim().to_owned()).ok_or_else(missing)
}
