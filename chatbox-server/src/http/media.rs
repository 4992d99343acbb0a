//! Files, to those who are logged in: never as something a browser would run.

use super::Problem;
use super::ask::Id;
use crate::app::App;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chatbox_core::connector::BlobError;
use futures_util::StreamExt;
use std::sync::Arc;

/// Types a browser may show where it stands; everything else is downloaded.
const SHOWN: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// One file.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if app.visitor(&headers).await.is_none() {
        return Err(Problem::unauthorized("you are not logged in"));
    }
    let (size, mut bytes) = app
        .chatbox
        .blobs()
        .open(&id.as_str().into())
        .await
        .map_err(|error| match error {
            BlobError::NotFound(_) => Problem::not_found("file"),
            other => {
                tracing::error!(error = %other, "a file could not be read");
                let hint = "try again in a moment";
                Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "try_later",
                    "the file could not be read",
                    hint,
                )
            }
        })?;
    let head = bytes
        .next()
        .await
        .transpose()
        .unwrap_or_default()
        .unwrap_or_default();
    let found = infer::get(&head).map_or("application/octet-stream", |found| found.mime_type());
    let shown = SHOWN.contains(&found);
    let rest = futures_util::stream::once(async move { Ok(head) }).chain(bytes);
    let mut response = Body::from_stream(rest).into_response();
    let headers = response.headers_mut();
    let kind = if shown {
        found
    } else {
        "application/octet-stream"
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    let disposition = if shown { "inline" } else { "attachment" };
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static(disposition),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=31536000, immutable"),
    );
    Ok(response)
}
