//! The page and what it needs, inside the binary: fixed types, entity tags, and a policy under which nothing but our own
//! script runs.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What the pages may do.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     connect-src 'self'; img-src 'self' blob:; media-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'";

struct Asset {
    name: &'static str,
    mime: &'static str,
    body: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const PAGE: Asset = Asset {
    name: "index.html",
    mime: HTML,
    body: include_str!("../page/index.html"),
};
const LOGIN: Asset = Asset {
    name: "login.html",
    mime: HTML,
    body: include_str!("../page/login.html"),
};
const ASSETS: [Asset; 7] = [
    Asset {
        name: "chat.js",
        mime: SCRIPT,
        body: include_str!("../page/chat.js"),
    },
    Asset {
        name: "dom.js",
        mime: SCRIPT,
        body: include_str!("../page/dom.js"),
    },
    Asset {
        name: "markup.js",
        mime: SCRIPT,
        body: include_str!("../page/markup.js"),
    },
    Asset {
        name: "wire.js",
        mime: SCRIPT,
        body: include_str!("../page/wire.js"),
    },
    Asset {
        name: "chat.css",
        mime: "text/css; charset=utf-8",
        body: include_str!("../page/chat.css"),
    },
    Asset {
        name: "login.js",
        mime: SCRIPT,
        body: include_str!("../page/login.js"),
    },
    Asset {
        name: "icon.svg",
        mime: "image/svg+xml",
        body: include_str!("../page/icon.svg"),
    },
];

/// The chat page.
pub(crate) async fn page(headers: HeaderMap) -> Response {
    std::future::ready(respond(&PAGE, &headers)).await
}

/// The page that takes a one-time code from the address and logs in with it. For the server to mount at `GET /login`,
/// beside its own `POST /login`, which takes `{"code"}` as JSON and answers 2xx with the session's cookie.
pub async fn login_page(headers: HeaderMap) -> Response {
    std::future::ready(respond(&LOGIN, &headers)).await
}

/// One of the page's files.
pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    let not_found = || StatusCode::NOT_FOUND.into_response();
    std::future::ready(asset.map_or_else(not_found, |asset| respond(asset, &headers))).await
}

fn respond(asset: &Asset, request: &HeaderMap) -> Response {
    let mut hash = DefaultHasher::new();
    asset.body.hash(&mut hash);
    let tag = format!("\"{:016x}\"", hash.finish());
    let known = request
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let known = known.is_some_and(|tags| tags.split(',').any(|it| it.trim() == tag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        asset.body.into_response()
    };
    let fixed = |text| HeaderValue::from_static(text);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, fixed(asset.mime));
    headers.insert(
        header::ETAG,
        HeaderValue::try_from(tag).expect("hexadecimal is a header value"),
    );
    headers.insert(header::CACHE_CONTROL, fixed("no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        fixed(CONTENT_SECURITY_POLICY),
    );
    response
}
