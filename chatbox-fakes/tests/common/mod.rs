//! What the tests of both servers share: a bare HTTP client.

use std::sync::Once;

use serde_json::Value;

/// A client of no library the servers were written with.
pub(crate) fn client() -> reqwest::Client {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A second test of the same process finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client without options builds")
}

/// Status and JSON body of an answer.
pub(crate) async fn read(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.json().await.expect("every answer is JSON");
    (status, body)
}
