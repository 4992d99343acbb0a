//! Errors for people at a command line: a stable code, what happened, what to do, and an exit status.

use serde::Serialize;
use std::fmt;
use std::process::ExitCode;

/// Something that ends a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// A stable short name, such as `unknown_key`.
    pub code: String,
    /// What happened.
    pub what: String,
    /// What to do.
    pub fix: String,
    /// What a person scans as a QR code to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<String>,
    /// Where in the configuration.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The process's exit status.
    #[serde(skip)]
    pub exit: Exit,
}

/// A place in the configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// The line itself, as far as it may be shown.
    #[serde(skip)]
    pub text: String,
    /// Where in the text the mark begins, from 0.
    #[serde(skip)]
    pub caret: usize,
    /// How long the mark is.
    #[serde(skip)]
    pub width: usize,
}

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exit {
    /// 2: the command line or the configuration is wrong.
    #[default]
    Usage = 2,
    /// 3: another chatbox has the data, or the data is newer than this program.
    Taken = 3,
    /// 4: nothing has that name.
    NotFound = 4,
    /// 5: reading or writing failed.
    Io = 5,
    /// 6: the server cannot be reached or did not answer as expected.
    NoServer = 6,
    /// 7: not allowed.
    Rights = 7,
    /// 8: it was done before, and is done once.
    Before = 8,
    /// 9: what was kept is damaged.
    Damaged = 9,
}

impl Failure {
    /// An error of usage or configuration.
    pub fn new(code: &str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            what: what.into(),
            fix: fix.into(),
            scan: None,
            place: None,
            exit: Exit::Usage,
        }
    }

    /// With another exit status.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// A failed read or write.
    pub fn io(doing: &str, error: &std::io::Error) -> Self {
        let fix = "check that the place exists, has room, and belongs to you";
        Self::new("io_error", format!("{doing}: {error}"), fix).exit(Exit::Io)
    }

    /// The exit status for the process.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}; fix: {}", self.code, self.what, self.fix)
    }
}

impl std::error::Error for Failure {}

impl From<chatbox_core::store::StoreError> for Failure {
    fn from(error: chatbox_core::store::StoreError) -> Self {
        use chatbox_core::store::StoreError;
        match error {
            StoreError::Refused { code, what, fix } => {
                let exit = match code {
                    "already_running" | "schema_too_new" => Exit::Taken,
                    "io_error" => Exit::Io,
                    "damaged" => Exit::Damaged,
                    _ => Exit::Usage,
                };
                Self::new(code, what, fix).exit(exit)
            }
            other => Self::new(
                "store_failed",
                other.to_string(),
                "see the log; the data is safe",
            )
            .exit(Exit::Io),
        }
    }
}
