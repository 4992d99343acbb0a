//! A page that shows the API's document: nothing in it comes from elsewhere.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page and its two files.
pub(super) fn routes() -> Router {
    let page = || async { file("text/html; charset=utf-8", include_str!("page.html")) };
    let style = || async { file("text/css; charset=utf-8", include_str!("page.css")) };
    let script = || async { file("text/javascript; charset=utf-8", include_str!("page.js")) };
    Router::new()
        .route("/docs/api", get(page))
        .route("/docs/api.css", get(style))
        .route("/docs/api.js", get(script))
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}
