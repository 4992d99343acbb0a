//! Programs of others: where they are, and how to get them.

use std::path::PathBuf;

/// A program that some part needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    /// Names it may have.
    pub(crate) names: &'static [&'static str],
    /// How to get it.
    pub(crate) how: &'static str,
}

pub(crate) const CHROMIUM: Tool = Tool {
    names: &["chromium", "chromium-browser", "google-chrome"],
    how: "install it: apt-get install chromium",
};
pub(crate) const STRACE: Tool = Tool {
    names: &["strace"],
    how: "install it: apt-get install strace",
};
pub(crate) const IP: Tool = Tool {
    names: &["ip"],
    how: "install it: apt-get install iproute2",
};
pub(crate) const UNSHARE: Tool = Tool {
    names: &["unshare"],
    how: "install it: apt-get install util-linux",
};
pub(crate) const PROMTOOL: Tool = Tool {
    names: &["promtool"],
    how: "install it: apt-get install prometheus",
};
pub(crate) const PYTHON: Tool = Tool {
    names: &["python3"],
    how: "install it: apt-get install python3 python3-venv",
};

pub(crate) const NPM: Tool = Tool {
    names: &["npm"],
    how: "install it: apt-get install nodejs npm",
};

impl Tool {
    /// Where it is, if it is there.
    pub(crate) fn find(self) -> Option<PathBuf> {
        self.names.iter().find_map(|name| in_path(name))
    }
}

/// A program in `PATH`.
pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let here = std::env::split_paths(&path).map(|folder| folder.join(name));
    here.into_iter().find(|file| file.is_file())
}

/// The folder of PostgreSQL's own programs, of the newest version there is.
pub(crate) fn postgres() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib/postgresql").ok();
    let folders = folders
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let mut found: Vec<PathBuf> = folders
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    found.sort_by_key(|folder| {
        let version = folder
            .parent()
            .and_then(|it| it.file_name()?.to_str()?.parse::<u32>().ok());
        version.unwrap_or(0)
    });
    let asked = std::env::var_os("CHATBOX_TEST_PG_BIN").map(PathBuf::from);
    asked
        .or_else(|| found.pop())
        .or_else(|| in_path("initdb").and_then(|it| it.parent().map(PathBuf::from)))
}
