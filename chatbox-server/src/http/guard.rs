//! The outermost layer: which host names and pages may speak to this server at all. For every path and method.

use super::problem::Problem;
use super::words::in_words;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use url::Url;

/// The longest address, in bytes.
const ADDRESS: usize = 8 * 1024;
/// The longest headers, all together, in bytes.
const HEADERS: usize = 32 * 1024;

/// Names by which this server may be called.
#[derive(Debug, Clone, Default)]
pub struct Names {
    public: Option<Url>,
}

impl Names {
    /// This machine's own names, and the public address if there is one.
    pub fn new(public: Option<Url>) -> Self {
        Self { public }
    }

    /// The public address, if there is one.
    pub(super) fn public(&self) -> Option<&Url> {
        self.public.as_ref()
    }

    fn allows_host(&self, host: &Authority) -> bool {
        is_loopback(host.host())
            || self
                .public_authority()
                .is_some_and(|public| public == *host)
    }

    /// The page's origin must be this very server, by the name it was called.
    fn allows_origin(&self, origin: &str, host: &Authority) -> bool {
        let Ok(origin) = Url::parse(origin) else {
            return false;
        };
        if self
            .public
            .as_ref()
            .is_some_and(|public| public.origin() == origin.origin())
        {
            return true;
        }
        let authority = authority_of(&origin);
        origin.scheme() == "http" && is_loopback(host.host()) && authority.as_ref() == Some(host)
    }

    fn public_authority(&self) -> Option<Authority> {
        self.public.as_ref().and_then(authority_of)
    }
}

fn authority_of(url: &Url) -> Option<Authority> {
    let host = url.host_str()?;
    let authority = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    authority.parse().ok()
}

fn is_loopback(host: &str) -> bool {
    matches!(
        host.to_ascii_lowercase().as_str(),
        "localhost" | "127.0.0.1" | "[::1]"
    )
}

/// Refuses foreign hosts and pages, credentials in addresses and what is too long, before anything else looks at the
/// request.
pub(super) async fn check(
    State(names): State<Arc<Names>>,
    request: Request,
    next: Next,
) -> Response {
    // A body in chunks may have come with a length too, which the parser took away: what a proxy then takes for the
    // next request must find no connection.
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut response = match refuse(&names, &request) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    if chunked {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

fn refuse(names: &Names, request: &Request) -> Option<Problem> {
    too_long(request)
        .or_else(|| foreign(names, request))
        .or_else(|| unreadable(request))
}

/// What no honest client sends is not looked at any closer.
fn too_long(request: &Request) -> Option<Problem> {
    let address = request
        .uri()
        .path_and_query()
        .map_or(0, |it| it.as_str().len());
    if address > ADDRESS {
        return Some(in_words(StatusCode::URI_TOO_LONG));
    }
    let headers = request.headers().iter();
    let bytes: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    (bytes > HEADERS).then(|| in_words(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE))
}

fn unreadable(request: &Request) -> Option<Problem> {
    if token_in_url(request) {
        let detail = "a credential stands in the address, where logs and histories keep it";
        let hint = "send it as `Authorization: Bearer …` and replace it: it may have been seen";
        let status = StatusCode::BAD_REQUEST;
        return Some(Problem::new(status, "token_in_url", detail, hint));
    }
    let mut encodings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    encodings
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
        .then(|| in_words(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

fn foreign(names: &Names, request: &Request) -> Option<Problem> {
    let host = match one(request.headers(), &header::HOST) {
        Ok(Some(host)) => host.to_owned(),
        Ok(None) => request
            .uri()
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default(),
        Err(()) => return Some(bad_host("there is more than one Host header")),
    };
    // A name before the host is for people who are to be fooled.
    let plain = host.parse::<Authority>().ok();
    let Some(host) = plain.filter(|host| !host.as_str().contains('@')) else {
        return Some(bad_host("the Host header is missing or is not a host"));
    };
    if !names.allows_host(&host) {
        let hint = "call the server by a loopback name, or set public_url to the name you use";
        let detail = "this server does not answer to that host name";
        return Some(Problem::new(
            StatusCode::FORBIDDEN,
            "host_not_allowed",
            detail,
            hint,
        ));
    }
    let origin = one(request.headers(), &header::ORIGIN);
    if !matches!(origin, Ok(None))
        && !origin.is_ok_and(|o| o.is_some_and(|o| names.allows_origin(o, &host)))
    {
        let detail = "a page from elsewhere may not speak to this server";
        let hint = "open the page from this server itself";
        return Some(Problem::new(
            StatusCode::FORBIDDEN,
            "origin_not_allowed",
            detail,
            hint,
        ));
    }
    None
}

fn bad_host(detail: &str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "bad_host",
        detail,
        "send exactly one Host header",
    )
}

/// The header's value where it stands once; `Err` where it stands more often or is not text.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

fn token_in_url(request: &Request) -> bool {
    const NAMES: [&str; 8] = [
        "access_token",
        "token",
        "ticket",
        "api_key",
        "agent_secret",
        "secret",
        "password",
        "code",
    ];
    let query = request.uri().query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| NAMES.iter().any(|it| it.eq_ignore_ascii_case(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn verdict(names: &Names, host: &[&str], origin: Option<&str>) -> Option<String> {
        let mut request = Request::builder().uri("/v1/connections");
        for host in host {
            request = request.header("host", *host);
        }
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let request = request
            .body(Body::empty())
            .expect("the request is well formed");
        refuse(names, &request).map(|problem| problem.code)
    }

    #[test]
    fn only_own_names_are_answered() {
        let names = Names::new(Url::parse("https://chat.example.org").ok());
        for good in [
            "127.0.0.1:7700",
            "localhost",
            "LOCALHOST:1",
            "[::1]:7700",
            "chat.example.org",
        ] {
            assert_eq!(verdict(&names, &[good], None), None, "{good}");
        }
        for evil in [
            "evil.test",
            "127.evil.com",
            "localhost.evil.com",
            "127.0.0.1.evil.com",
            "[::2]",
            "0.0.0.0",
            "chat.example.org:1",
        ] {
            assert_eq!(
                verdict(&names, &[evil], None).as_deref(),
                Some("host_not_allowed"),
                "{evil}"
            );
        }
        for bad in ["user@127.0.0.1", "127.0.0.1@evil.test", "@127.0.0.1", "a b"] {
            let verdict = verdict(&names, &[bad], None);
            assert_eq!(verdict.as_deref(), Some("bad_host"), "{bad}");
        }
        assert_eq!(verdict(&names, &[], None).as_deref(), Some("bad_host"));
        assert_eq!(
            verdict(&names, &["localhost", "localhost"], None).as_deref(),
            Some("bad_host")
        );
    }

    #[test]
    fn only_own_pages_may_speak() {
        let names = Names::new(Url::parse("https://chat.example.org").ok());
        let from = |origin| verdict(&names, &["127.0.0.1:7700"], Some(origin));
        assert_eq!(from("http://127.0.0.1:7700"), None);
        assert_eq!(from("https://chat.example.org"), None);
        for evil in [
            "null",
            "http://evil.test",
            "http://127.0.0.1:9999",
            "http://localhost:7700",
            "http://127.0.0.1:7700.evil.com",
            "https://127.0.0.1:7700",
            "file://",
        ] {
            assert_eq!(from(evil).as_deref(), Some("origin_not_allowed"), "{evil}");
        }
    }

    fn code(
        build: impl FnOnce(axum::http::request::Builder) -> axum::http::request::Builder,
    ) -> Option<String> {
        let request = build(Request::builder().header("host", "localhost"));
        let request = request.body(Body::empty()).expect("a request");
        refuse(&Names::default(), &request).map(|problem| problem.code)
    }

    #[test]
    fn a_credential_in_an_address_is_seen_however_it_is_written() {
        for query in [
            "token=x",
            "Token=x",
            "%74oken=x",
            "a=b&ACCESS_TOKEN=x",
            "password=",
        ] {
            let code = code(|request| request.uri(format!("/v1/connections?{query}")));
            assert_eq!(code.as_deref(), Some("token_in_url"), "{query}");
        }
        assert_eq!(code(|request| request.uri("/v1/deliveries?limit=1")), None);
    }

    #[test]
    fn what_is_too_long_or_packed_is_not_looked_at() {
        let long = "a".repeat(ADDRESS);
        assert_eq!(
            code(|it| it.uri(format!("/{long}"))).as_deref(),
            Some("uri_too_long")
        );
        assert_eq!(code(|it| it.uri(format!("/{}", &long[2..]))), None);
        let large = "a".repeat(HEADERS);
        let headers = code(|it| it.uri("/").header("x", &large));
        assert_eq!(headers.as_deref(), Some("header_too_large"));
        let packed =
            |encoding: &'static str| code(|it| it.uri("/").header("content-encoding", encoding));
        assert_eq!(packed("gzip").as_deref(), Some("unsupported_media_type"));
        assert_eq!(packed("identity"), None);
    }
}
