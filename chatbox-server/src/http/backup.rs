//! Saving everything while it is in use. It writes a file on this machine, so it is the operator's own door, and none of
//! the API.

use super::body::Json;
use super::{Bearer, Problem};
use crate::app::App;
use crate::failure::Failure;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// A backup to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBackup {
    /// The file to be made on the server's machine, from the root on. It must not exist.
    path: PathBuf,
}

/// A backup as made.
#[derive(Debug, Serialize)]
pub(crate) struct BackupView {
    /// The file.
    path: PathBuf,
    /// Its size.
    bytes: u64,
    /// Messages in it.
    messages: u64,
}

/// Writes the whole database into a new file on the server's machine, and checks it.
pub(crate) async fn make(
    State(app): State<Arc<App>>,
    Bearer(token): Bearer,
    Json(new): Json<NewBackup>,
) -> Result<(StatusCode, Json<BackupView>), Problem> {
    if !app.auth.is_operator(&token) {
        let detail = "a file on the server's machine is made only for its operator";
        let hint = "run `chatbox backup PATH` there";
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "operator_only",
            detail,
            hint,
        ));
    }
    if !new.path.is_absolute() || new.path.file_name().is_none() {
        let detail = "`path` is not the whole path of a file";
        return Err(Problem::invalid("invalid_path", detail));
    }
    // It is finished, or taken away, whether somebody waits for the answer or not.
    let (database, to) = (app.database.clone(), new.path.clone());
    let saved = tokio::spawn(async move { database.save(&to).await }).await;
    let saved = saved.map_err(|_| Failure::new("io_error", "the backup broke off", "see the log"));
    let saved = saved.and_then(|saved| saved)?;
    let view = BackupView {
        path: new.path,
        bytes: saved.bytes,
        messages: saved.messages,
    };
    Ok((StatusCode::CREATED, Json(view)))
}
