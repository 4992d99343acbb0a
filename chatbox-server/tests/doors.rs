//! Who may knock at all: host names and origins, on every door and with every method.

mod program;

use futures_util::{SinkExt, StreamExt};
use program::Running;
use tokio_tungstenite::tungstenite::Message;

const DOORS: [(&str, &str); 14] = [
    ("GET", "/"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/chat/ws"),
    ("POST", "/chat/ticket"),
    ("POST", "/chat/media"),
    ("GET", "/chat/assets/chat.js"),
    ("GET", "/v1/connections"),
    ("POST", "/v1/connections/x/messages"),
    ("POST", "/mcp/main"),
    ("GET", "/mcp/main"),
    ("GET", "/metrics"),
    ("GET", "/health"),
    ("OPTIONS", "/nowhere"),
];

fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|it| it.parse().ok())
        .unwrap_or(0)
}

fn knock(running: &Running, method: &str, path: &str, headers: &str) -> u16 {
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: 0\r\n\r\n"
    );
    status(&running.exchange(request.as_bytes()))
}

#[test]
fn every_door_refuses_foreign_hosts_and_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let own = running.address().to_owned();
    let port = own.rsplit(':').next().expect("a port");
    let hosts = [
        "evil.test".to_owned(),
        format!("evil.test:{port}"),
        "127.evil.com".to_owned(),
        format!("localhost.evil.com:{port}"),
        format!("127.0.0.1.evil.com:{port}"),
        "0.0.0.0".to_owned(),
        format!("[::ffff:127.0.0.1]:{port}"),
        "127.0.0.1@evil.test".to_owned(),
        "192.168.0.1".to_owned(),
    ];
    let origins = [
        "null".to_owned(),
        "http://evil.test".to_owned(),
        format!("https://{own}"),
        "http://127.0.0.1:1".to_owned(),
        format!("http://localhost.evil.com:{port}"),
        format!("http://{own}.evil.com"),
        "file://".to_owned(),
        "chrome-extension://abc".to_owned(),
    ];
    let mut faults = Vec::new();
    for (method, path) in DOORS {
        for host in &hosts {
            let got = knock(&running, method, path, &format!("Host: {host}\r\n"));
            if got != 403 && got != 400 {
                faults.push(format!("{method} {path} for {host}: {got}"));
            }
        }
        for origin in &origins {
            let got = knock(
                &running,
                method,
                path,
                &format!("Host: {own}\r\nOrigin: {origin}\r\n"),
            );
            if got != 403 {
                faults.push(format!("{method} {path} from {origin}: {got}"));
            }
        }
        for headers in [
            "",
            "Host: \r\n",
            &format!("Host: {own}\r\nHost: evil.test\r\n"),
        ] {
            let got = knock(&running, method, path, headers);
            if got != 400 && got != 403 {
                faults.push(format!("{method} {path} with {headers:?}: {got}"));
            }
        }
        for good in [
            format!("Host: {own}\r\n"),
            format!("Host: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n"),
        ] {
            let got = knock(&running, method, path, &good);
            if got == 403 || got == 0 {
                faults.push(format!("{method} {path} with {good:?}: {got}"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_credential_in_an_address_is_refused_everywhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    for (method, path) in DOORS {
        for query in ["token=x", "access_token=x", "agent_secret=x"] {
            let host = format!("Host: {}\r\n", running.address());
            let got = knock(&running, method, &format!("{path}?{query}"), &host);
            assert_eq!(got, 400, "{method} {path}?{query}");
        }
    }
}

#[test]
fn operators_doors_open_for_the_operator_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let feed = running.add_feed("alpha");
    let host = format!("Host: {}\r\n", running.address());
    for (method, path) in [
        ("GET", "/v1/connections"),
        ("POST", "/v1/connections"),
        ("DELETE", "/v1/connections/x"),
        ("GET", "/v1/pairing"),
        ("GET", "/v1/deliveries"),
        ("DELETE", "/v1/deliveries"),
        ("POST", "/v1/login-links"),
        ("GET", "/v1/mailboxes"),
        ("POST", "/v1/mailboxes/main/mcp-token"),
        ("GET", "/v1/messages/msg_1/trace"),
        ("GET", "/v1/doctor"),
    ] {
        assert_eq!(
            knock(&running, method, path, &host),
            401,
            "{method} {path} with nothing"
        );
        let with_feed = format!("{host}Authorization: Bearer {}\r\n", feed.token);
        assert_eq!(
            knock(&running, method, path, &with_feed),
            401,
            "{method} {path} with a feed's token"
        );
    }
}

#[tokio::test]
async fn an_agents_token_opens_no_persons_door() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let token = running.add_feed("alpha").token;
    let own = running.address();
    let cookie = format!("Host: {own}\r\nOrigin: http://{own}\r\nCookie: chatbox={token}\r\n");
    assert_eq!(knock(&running, "POST", "/chat/ticket", &cookie), 401);
    let wire = tokio_tungstenite::connect_async(format!("ws://{own}/chat/ws")).await;
    let (mut wire, _) = wire.expect("anybody may knock");
    let hello = format!(r#"{{"type":"hello","ticket":"{token}"}}"#);
    wire.send(Message::text(hello)).await.expect("it is open");
    let answer = wire.next().await.expect("an answer").expect("a frame");
    let Message::Close(Some(close)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(u16::from(close.code), 4401, "{close:?}");
}

#[test]
fn what_a_stranger_sends_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let head = |path: &str, length: usize| {
        let own = running.address();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\nAuthorization: Bearer x.y\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let feed = running.exchange(head("/v1/connections/x/messages", 1024 * 1024).as_bytes());
    assert_eq!(status(&feed), 401, "{feed}");
    let some = "x".repeat(8192);
    let login = running.exchange((head("/login", 1024 * 1024) + &some).as_bytes());
    assert_eq!(status(&login), 413, "{login}");
}

#[test]
fn what_a_proxy_passes_on_does_not_see_the_counters() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "public_url = \"https://chat.example.org\"\n");
    let own = running.address().to_owned();
    for host in ["chat.example.org", &own] {
        let got = |path| knock(&running, "GET", path, &format!("Host: {host}\r\n"));
        assert_eq!(got("/metrics"), 401, "{host}");
        assert_eq!(got("/health"), 401, "{host}");
        assert_eq!(got("/health/live"), 200, "{host}");
    }
}

#[test]
fn the_apis_page_needs_nothing_from_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let mut parts = vec!["/docs/api".to_owned()];
    let page = running.get("/docs/api");
    let named = page.split(['"', ' ']).filter(|it| it.starts_with("/docs/"));
    parts.extend(named.map(str::to_owned));
    assert_eq!(parts.len(), 3, "{page}");
    for part in parts {
        let answer = running.get(&part);
        assert_eq!(status(&answer), 200, "{part}");
        assert!(
            answer.contains("content-security-policy: default-src 'none'"),
            "{part}"
        );
        assert!(
            !answer.contains("//www") && !answer.contains("://"),
            "{part} names another place"
        );
    }
    let document = running.get("/openapi.json");
    assert!(
        document.contains("content-type: application/json"),
        "{document}"
    );
}

fn files(running: &Running) -> usize {
    let media = std::fs::read_dir(running.data().join("media")).expect("a folder");
    media.count()
}

#[test]
fn files_of_a_message_that_is_not_taken_in_are_not_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let feed = running.add_feed("alarms");
    let path = format!("/v1/connections/{}/messages", feed.id);
    let say = |event: &str, second: &str| {
        let body = format!(
            r#"{{"event_id":"{event}","chat":{{"handle":"c"}},"sender":{{"id":"p"}},"attachments":[
            {{"filename":"a","content_type":"text/plain","data_b64":"eA=="}},
            {{"filename":"b","content_type":"text/plain","data_b64":"{second}"}}]}}"#
        );
        let answer = running.post(&path, &[&feed.token], "application/json", body.as_bytes());
        answer.status()
    };
    assert_eq!((say("1", "eQ=="), files(&running)), (200, 2));
    assert_eq!(
        (say("1", "eQ=="), files(&running)),
        (200, 2),
        "a repetition"
    );
    assert_eq!((say("2", "?"), files(&running)), (422, 2), "half of it");
    let answers: Vec<u16> = (3..40).map(|n| say(&n.to_string(), "eQ==")).collect();
    assert!(answers.contains(&429), "{answers:?}");
    let taken = answers.iter().filter(|status| **status == 200).count();
    assert_eq!(files(&running), 2 + 2 * taken, "too fast");
}

#[test]
fn whatever_was_not_delivered_is_listed_as_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let feed = running.add_feed("alarms");
    let body = r#"{"event_id":"1","chat":{"handle":"c"},"sender":{"id":"p"},"text":"it is hot"}"#;
    let path = format!("/v1/connections/{}/messages", feed.id);
    let taken = running.post(&path, &[&feed.token], "application/json", body.as_bytes());
    assert_eq!(taken.status(), 200);
    let list = |which: &str| {
        let program = program::Program::new(folder.path());
        let mut command = program.command();
        command.arg("--data-dir").arg(running.data());
        let listed = program::run(
            command
                .args(["deliveries", "list", "--json"])
                .args(which.split(' ')),
        );
        assert!(listed.status.success(), "{which}: {listed:?}");
        String::from_utf8(listed.stdout).expect("text")
    };
    // The echo to a program that only posts cannot be sent.
    let began = std::time::Instant::now();
    while !list("--failed").contains("dlv_") {
        assert!(began.elapsed().as_secs() < 10, "the reply is not listed");
    }
    assert!(!list("--state superseded").contains("dlv_"));
}
