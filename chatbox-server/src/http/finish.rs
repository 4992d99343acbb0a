//! What was asked for is done to its end, though whoever asked hangs up meanwhile: what was stored is begun with it, and what
//! it ends is ended.

use super::words::in_words;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::panic::resume_unwind;
use tracing::Instrument;

/// Lets a request that changes something go on by itself. One that only looks is for nobody but whoever asks.
pub(super) async fn layer(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let done = tokio::spawn(next.run(request).in_current_span()).await;
    done.unwrap_or_else(|broken| match broken.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        // The server stops.
        Err(_) => in_words(StatusCode::SERVICE_UNAVAILABLE).into_response(),
    })
}
