//! Where requests may go: every way of writing an address that is known to have fooled somebody.

use chatbox_connector_api::Egress;
use chatbox_connector_api::kit::status::{Idempotent, failed};
use chatbox_connector_api::kit::{egress, http};
use chatbox_connector_api::{ErrorKind, kit};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

const REFUSED: &[&str] = &[
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://0.1.2.3/",
    "http://10.0.0.1/",
    "http://10.255.255.255/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://100.127.255.255/",
    "http://127.255.255.254/",
    "http://168.63.129.16/",
    "http://169.254.169.254/latest/meta-data",
    "http://169.254.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.0.0.1/",
    "http://192.0.0.170/",
    "http://192.0.2.1/",
    "http://192.88.99.1/",
    "http://192.168.0.1/",
    "http://198.18.0.1/",
    "http://198.19.255.255/",
    "http://198.51.100.7/",
    "http://203.0.113.7/",
    "http://224.0.0.1/",
    "http://239.255.255.255/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://127.0.0.1./",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:0.0.0.0]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[100::1]/",
    "http://[2001::1]/",
    "http://[2001:2::1]/",
    "http://[2001:10::1]/",
    "http://[2001:20::1]/",
    "http://[2001:db8::1]/",
    "http://[2002:7f00:1::]/",
    "http://[3fff::1]/",
    "http://[5f00::1]/",
    "http://[fc00::1]/",
    "http://[fd00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[ff0e::1]/",
    "http://localhost/",
    "http://localhost./",
    "http://LOCALHOST/",
    "http://a.localhost/",
    "http://printer.local/",
    "http://metadata.google.internal/",
    "http://router.home.arpa/",
    "http://\u{ff11}\u{ff12}\u{ff17}.\u{ff10}.\u{ff10}.\u{ff11}/",
    "http://\u{2460}\u{2461}\u{2466}.0.0.1/",
    "http://127\u{3002}0\u{3002}0\u{3002}1/",
    "http://good.example@127.0.0.1/",
    "http://127.0.0.1#@good.example",
    "http://127.0.0.1\\@good.example/",
    "http://user:pass@example.org/",
    "http://user@example.org/",
    "http://example.org:0/",
    "file:///etc/passwd",
    "gopher://example.org/",
    "ftp://example.org/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "unix:/run/x.sock",
];

const ALLOWED: &[&str] = &[
    "https://example.org/",
    "https://example.org:8443/",
    "wss://example.org/socket",
    "http://127.evil.example/",
    "http://10.evil.example/",
    "http://localhost.example/",
    "http://notlocalhost/",
    "http://internal.example/",
    "http://8.8.8.8/",
    "http://9.255.255.255/",
    "http://11.0.0.1/",
    "http://100.63.255.255/",
    "http://100.128.0.1/",
    "http://172.15.255.255/",
    "http://172.32.0.1/",
    "http://192.167.255.255/",
    "http://198.17.255.255/",
    "http://198.20.0.1/",
    "http://223.255.255.255/",
    "http://[2001:4860:4860::8888]/",
    "http://[2606:4700:4700::1111]/",
    "http://[2a00:1450:4001::1]/",
];

/// Addresses the URL reader itself turns away.
const UNREADABLE: &[&str] = &[
    "http://example.org:65536/",
    "http://example.org:80:443/",
    "http://[fe80::1%25eth0]/",
    "http://256.1.1.1/",
    "http://",
];

#[test]
fn no_spelling_of_a_home_address_is_public() {
    for text in REFUSED {
        let url = Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let error = egress::check(&url, Egress::Public).expect_err(text);
        assert_eq!(*error.kind(), ErrorKind::Invalid, "{text}");
        assert!(!error.to_string().contains("example"), "{error}");
    }
    assert!(REFUSED.len() >= 60);
}

#[test]
fn public_addresses_pass() {
    for text in ALLOWED {
        let url = Url::parse(text).expect(text);
        egress::check(&url, Egress::Public).expect(text);
    }
}

#[test]
fn what_is_no_address_is_not_read_as_one() {
    for text in UNREADABLE {
        assert!(Url::parse(text).is_err(), "{text}");
    }
}

#[test]
fn an_operators_own_servers_are_reachable_and_the_clouds_credentials_are_not() {
    for text in [
        "http://127.0.0.1:8080/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://[fd00::1]/",
        "http://localhost/",
    ] {
        egress::check(&Url::parse(text).expect(text), Egress::Private).expect(text);
    }
    for text in [
        "http://169.254.169.254/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://224.0.0.1/",
    ] {
        let url = Url::parse(text).expect(text);
        assert!(egress::check(&url, Egress::Private).is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_name_that_leads_home_is_not_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let client = http::client(Egress::Public, Duration::from_secs(2)).expect("a client");
    // Straight to the client: the resolver alone must hold.
    let error = client
        .get(format!("http://localhost:{port}/secret"))
        .send()
        .await
        .expect_err("refused");
    let error = failed(error, Idempotent::Yes, "ask");
    assert_eq!(*error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no public address"), "{error}");
    let dialled = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(dialled.is_err(), "somebody was dialled");
}

/// Answers every connection with these bytes and closes it.
async fn serve(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut asked = [0; 1024];
            let _ = socket.read(&mut asked).await;
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}/bot123:SECRET/send")
}

async fn ask(url: &str, idempotent: Idempotent) -> chatbox_connector_api::AdapterError {
    let client = http::client(Egress::Private, Duration::from_millis(500)).expect("a client");
    match client.get(url).send().await {
        Err(error) => failed(error, idempotent, "send"),
        Ok(answer) if answer.status().is_success() => http::body(answer, 8, idempotent)
            .await
            .expect_err("too long or cut"),
        Ok(answer) => kit::status::refused(answer.status(), answer.headers(), idempotent, "send"),
    }
}

#[tokio::test]
async fn what_is_lost_is_in_doubt_and_names_no_address() {
    let unreachable = "http://127.0.0.1:1/bot123:SECRET/send".to_owned();
    let cut = serve("").await;
    let half = serve("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nhalf").await;
    let long = serve("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789").await;
    let busy =
        serve("HTTP/1.1 429 Too Many\r\nretry-after: 0.5\r\ncontent-length: 0\r\n\r\n").await;
    let moved =
        serve("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
            .await;
    for (url, idempotent, kind) in [
        (&unreachable, Idempotent::No, ErrorKind::Unavailable),
        (&cut, Idempotent::No, ErrorKind::Ambiguous),
        (&cut, Idempotent::Yes, ErrorKind::Unavailable),
        (&half, Idempotent::No, ErrorKind::Ambiguous),
        (&long, Idempotent::No, ErrorKind::Malformed),
        (&busy, Idempotent::No, ErrorKind::RateLimited),
        (&moved, Idempotent::No, ErrorKind::Invalid),
    ] {
        let error = ask(url, idempotent).await;
        assert_eq!(*error.kind(), kind, "{error}");
        let everything = format!("{error} {error:?}");
        assert!(!everything.contains("SECRET"), "{everything}");
    }
    let wait = ask(&busy, Idempotent::No).await.retry_after();
    assert_eq!(wait, Some(Duration::from_millis(500)));
}
