//! One attempt against receivers of every sort.

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, Response};
use bytes::Bytes;
use chatbox_backends::webhook::{
    Attempt, Endpoint, EndpointError, ID, SIGNATURE, Sender, Signer, TIMEOUT, TIMESTAMP, Verdict,
    Verifier, WebhookId, fresh_key_pair, fresh_secret, public_key,
};
use chatbox_core::connector::Egress;
use chatbox_core::secret::Secret;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout};

/// Long enough for a busy machine.
const SOON: Duration = Duration::from_secs(20);
const BODY: &[u8] = b"{\"content\":\"\xc3\xa9 \\u0000\"}";

/// What a receiver got.
struct Got {
    from: SocketAddr,
    headers: HeaderMap,
    body: Bytes,
}

/// A receiver that answers with the status its path names, and with the headers that follow it: `/429/retry-after/7`.
struct Sink {
    address: String,
    got: mpsc::UnboundedReceiver<Got>,
}

impl Sink {
    async fn open() -> Self {
        let (send, got) = mpsc::unbounded_channel();
        let app = Router::new().fallback(move |ConnectInfo(from), request: Request<Body>| {
            let send = send.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20)
                    .await
                    .expect("a small body");
                let headers = parts.headers;
                send.send(Got {
                    from,
                    headers,
                    body,
                })
                .expect("somebody looks");
                answer(parts.uri.path())
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, got }
    }

    fn at(&self, path: &str) -> Endpoint {
        private(&format!("{}{path}", self.address))
    }

    fn got(&mut self) -> Got {
        self.got.try_recv().expect("something came")
    }
}

fn answer(path: &str) -> Response<Body> {
    let mut parts = path.trim_start_matches('/').split('/');
    let status: u16 = parts
        .next()
        .and_then(|it| it.parse().ok())
        .expect("a status");
    let mut response = Response::builder().status(status);
    if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        response = response.header(name, value.replace('+', " ").replace('|', "/"));
    }
    response.body(Body::from("ok")).expect("an answer")
}

fn private(address: &str) -> Endpoint {
    Endpoint::new(address, Egress::Private, None, None).expect("a good address")
}

fn sender() -> Sender {
    Sender::new(Egress::Private).expect("TLS is there")
}

fn id() -> WebhookId {
    WebhookId::new("dlv_7").expect("a good id")
}

async fn send(endpoint: &Endpoint) -> Attempt {
    let (sender, id) = (sender(), id());
    let attempt = sender.attempt(endpoint, &id, Bytes::from_static(BODY));
    timeout(SOON, attempt).await.expect("an attempt ends")
}

/// Accepts connections, reads a request's first bytes, and does something with the socket.
async fn raw<F, Fut>(then: F) -> String
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let _ = socket.read(&mut asked).await;
            tokio::spawn(then(socket));
        }
    });
    format!("{address}/hook/SECRET")
}

#[tokio::test]
async fn a_delivery_is_signed_and_brings_its_credential() {
    let mut sink = Sink::open().await;
    let (old, new) = (fresh_secret(), fresh_key_pair());
    let signer = Signer::new([&new, &old]).expect("two secrets");
    let address = format!("{}/204", sink.address);
    let bearer = Secret::new("hunter2");
    let endpoint = Endpoint::new(&address, Egress::Private, Some(signer), Some(&bearer));
    let endpoint = endpoint.expect("a good endpoint");
    let attempt = send(&endpoint).await;
    assert_eq!(
        (attempt.verdict, attempt.status),
        (Verdict::Delivered, Some(204))
    );

    let got = sink.got();
    let header = |name: &str| got.headers[name].to_str().expect("text");
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("authorization"), "Bearer hunter2");
    assert_eq!(got.body, BODY);
    let public = Secret::new(public_key(&new).expect("a key pair"));
    for secret in [&old, &public] {
        let verifier = Verifier::new([secret]).expect("a good secret");
        let (id, at, signatures) = (header(ID), header(TIMESTAMP), header(SIGNATURE));
        let verdict = verifier.verify(id, at, signatures, &got.body, SystemTime::now());
        assert_eq!(verdict, Ok(()));
    }
    let other = standardwebhooks::Webhook::new(old.expose()).expect("a good secret");
    other
        .verify(&got.body, &got.headers)
        .expect("another implementation agrees");
}

#[tokio::test]
async fn every_attempt_has_the_same_id_and_body() {
    let mut sink = Sink::open().await;
    let endpoint = sink.at("/503");
    send(&endpoint).await;
    send(&endpoint).await;
    let (first, second) = (sink.got(), sink.got());
    assert_eq!(first.headers[ID], second.headers[ID]);
    assert_eq!(first.body, second.body);
    assert!(!first.headers.contains_key(SIGNATURE) && !first.headers.contains_key("authorization"));
}

#[tokio::test]
async fn one_connection_serves_many_attempts() {
    let mut sink = Sink::open().await;
    let (sender, id) = (sender(), id());
    for path in ["/200", "/503", "/204", "/429"] {
        let endpoint = sink.at(path);
        sender
            .attempt(&endpoint, &id, Bytes::from_static(BODY))
            .await;
    }
    let first = sink.got().from;
    for _ in 0..3 {
        assert_eq!(sink.got().from, first);
    }
}

#[tokio::test]
async fn an_answer_is_taken_for_what_it_is() {
    let sink = Sink::open().await;
    for (status, verdict) in [
        (200, Verdict::Delivered),
        (201, Verdict::Delivered),
        (400, Verdict::Failed),
        (401, Verdict::Failed),
        (408, Verdict::Retry),
        (410, Verdict::Gone),
        (429, Verdict::SlowDown),
        (500, Verdict::Retry),
        (502, Verdict::SlowDown),
        (504, Verdict::SlowDown),
    ] {
        let attempt = send(&sink.at(&format!("/{status}"))).await;
        assert_eq!((attempt.verdict, attempt.status), (verdict, Some(status)));
        assert!(attempt.reason.contains(&status.to_string()), "{attempt:?}");
    }
}

#[tokio::test]
async fn the_wait_an_endpoint_asks_for_is_believed_up_to_a_day() {
    let sink = Sink::open().await;
    let day = Duration::from_secs(24 * 60 * 60);
    for (asked, wait) in [
        ("7", Some(Duration::from_secs(7))),
        ("86401", Some(day)),
        ("Thu,+31+Dec+2099+23:59:59+GMT", Some(day)),
        ("-5", None),
        ("banana", None),
        ("Thu,+01+Jan+1970+00:00:00+GMT", None),
    ] {
        let attempt = send(&sink.at(&format!("/503/retry-after/{asked}"))).await;
        assert_eq!(attempt.retry_after, wait, "{asked}");
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let mut trap = Sink::open().await;
    let target = format!("{}/200", trap.address).replace('/', "|");
    let sink = Sink::open().await;
    for status in [301, 302, 303, 307, 308] {
        let attempt = send(&sink.at(&format!("/{status}/location/{target}"))).await;
        assert_eq!(attempt.verdict, Verdict::Failed);
        assert!(
            attempt.reason.contains("redirects are not followed"),
            "{attempt:?}"
        );
    }
    assert!(trap.got.try_recv().is_err(), "somebody followed");
}

#[tokio::test]
async fn an_endpoint_that_is_silent_is_given_up_after_fifteen_seconds() {
    let asked = Arc::new(Notify::new());
    let told = Arc::clone(&asked);
    let address = raw(move |socket| {
        told.notify_one();
        async move {
            std::future::pending::<()>().await;
            drop(socket);
        }
    })
    .await;
    let begun = Instant::now();
    let attempt = tokio::spawn(async move { send(&private(&format!("http://{address}"))).await });
    asked.notified().await;
    tokio::time::pause();
    let attempt = attempt.await.expect("no panic");
    assert_eq!((attempt.verdict, attempt.status), (Verdict::Retry, None));
    assert!(
        attempt.reason.contains("did not answer in time"),
        "{attempt:?}"
    );
    assert!(begun.elapsed() >= TIMEOUT && begun.elapsed() < TIMEOUT * 11 / 10);
}

#[tokio::test]
async fn an_endpoint_that_drips_is_given_up_as_well() {
    let asked = Arc::new(Notify::new());
    let told = Arc::clone(&asked);
    let address = raw(move |mut socket| {
        told.notify_one();
        async move {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
            while socket.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    })
    .await;
    let begun = Instant::now();
    let attempt = tokio::spawn(async move { send(&private(&format!("http://{address}"))).await });
    asked.notified().await;
    tokio::time::pause();
    let attempt = attempt.await.expect("no panic");
    assert_eq!((attempt.verdict, attempt.status), (Verdict::Retry, None));
    assert!(begun.elapsed() < TIMEOUT * 11 / 10);
}

#[tokio::test]
async fn what_cannot_be_reached_or_hangs_up_is_tried_again() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let refused = nobody.local_addr().expect("bound").to_string();
    drop(nobody);
    let hangs_up = raw(|socket| async move { drop(socket) }).await;
    let babbles = raw(|mut socket| async move {
        let _ = socket.write_all(b"what?\r\n\r\n").await;
    })
    .await;
    for (scheme, address, reason) in [
        ("http", &refused, "cannot be reached"),
        ("http", &hangs_up, "answer was lost"),
        ("http", &babbles, "answer was lost"),
        // It speaks no TLS: nothing is sent in the clear instead.
        ("https", &babbles, "cannot be reached"),
        ("http", &"name.invalid/x".to_owned(), "cannot be reached"),
    ] {
        let attempt = send(&private(&format!("{scheme}://{address}"))).await;
        assert_eq!((attempt.verdict, attempt.status), (Verdict::Retry, None));
        assert!(attempt.reason.contains(reason), "{address}: {attempt:?}");
        assert!(!attempt.reason.contains("SECRET"), "{attempt:?}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read() {
    let written = Arc::new(AtomicUsize::new(0));
    let ended = Arc::new(Notify::new());
    let (count, end) = (Arc::clone(&written), Arc::clone(&ended));
    let address = raw(move |mut socket| {
        let (count, end) = (Arc::clone(&count), Arc::clone(&end));
        async move {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n";
            let _ = socket.write_all(head).await;
            while socket.write_all(&[b'x'; 64 * 1024]).await.is_ok() {
                count.fetch_add(64 * 1024, Ordering::Relaxed);
            }
            end.notify_one();
        }
    })
    .await;
    let attempt = send(&private(&format!("http://{address}"))).await;
    assert_eq!(attempt.verdict, Verdict::Delivered);
    timeout(SOON, ended.notified()).await.expect("we hung up");
    // What fits into the sockets' buffers, and no gigabyte.
    assert!(written.load(Ordering::Relaxed) < 32 << 20);
}

#[tokio::test]
async fn nothing_is_sent_home_unless_home_is_open() {
    for address in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.0.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://metadata.google.internal/",
        "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
        "http://example.org:0/",
    ] {
        let error = Endpoint::new(address, Egress::Public, None, None).expect_err(address);
        assert_eq!(error.code(), "url_blocked", "{address}: {error}");
    }
    for address in ["https://example.org/hook", "http://127.evil.example/"] {
        Endpoint::new(address, Egress::Public, None, None).expect(address);
    }
    let mut sink = Sink::open().await;
    // An endpoint from a time when home was open.
    let endpoint = sink.at("/200");
    let public = Sender::new(Egress::Public).expect("TLS is there");
    let attempt = public
        .attempt(&endpoint, &id(), Bytes::from_static(BODY))
        .await;
    assert_eq!((attempt.verdict, attempt.status), (Verdict::Failed, None));
    assert!(sink.got.try_recv().is_err(), "it was dialled");
}

#[test]
fn an_endpoint_is_refused_with_its_reason() {
    let long = format!("https://example.org/{}", "x".repeat(8 * 1024));
    for (address, error) in [
        ("", EndpointError::Unreadable),
        ("example.org", EndpointError::Unreadable),
        ("ftp://example.org/", EndpointError::Unreadable),
        ("wss://example.org/", EndpointError::Unreadable),
        ("javascript:alert(1)", EndpointError::Unreadable),
        ("http://example.org:65536/", EndpointError::Unreadable),
        (
            "https://user:hunter2@example.org/",
            EndpointError::Credential,
        ),
        ("https://user@example.org/", EndpointError::Credential),
        (&long, EndpointError::TooLong),
    ] {
        for egress in [Egress::Public, Egress::Private] {
            let found = Endpoint::new(address, egress, None, None).expect_err(address);
            assert_eq!(found, error, "{address}");
            assert!(!found.to_string().contains("hunter2"));
        }
    }
    for bearer in ["", "a b", "a\r\nx: y", "é", &"x".repeat(16 * 1024)] {
        let bearer = Secret::new(bearer);
        let found = Endpoint::new("https://example.org/", Egress::Public, None, Some(&bearer));
        assert_eq!(found.expect_err("no header"), EndpointError::Bearer);
    }
}

#[test]
fn an_endpoint_prints_no_secret() {
    let secret = fresh_secret();
    let endpoint = Endpoint::new(
        "https://example.org/hook/SECRET?key=SECRET",
        Egress::Public,
        Some(Signer::new([&secret]).expect("a secret")),
        Some(&Secret::new("SECRET")),
    );
    let endpoint = endpoint.expect("a good endpoint");
    assert_eq!(format!("{endpoint:?}"), "Endpoint(example.org:443)");
}
