//! How long the server waits, and for how many: raw sockets against the program with short limits.

mod program;

use program::{Answer, Running};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const SHORT: &str = "[limits]\nheader_timeout = \"500ms\"\nbody_timeout = \"500ms\"\n";

fn connect(running: &Running) -> TcpStream {
    let stream = TcpStream::connect(running.address()).expect("it listens");
    let most = Some(Duration::from_secs(20));
    stream.set_read_timeout(most).expect("a time");
    stream
}

/// Sends a byte every `pause` until the server has enough; what it said, and how long it took.
fn drip(mut stream: TcpStream, bytes: &[u8], pause: Duration) -> (Answer, Duration) {
    let began = Instant::now();
    let mut listening = stream.try_clone().expect("a second handle");
    let listener = std::thread::spawn(move || {
        let mut answer = Vec::new();
        let _ = listening.read_to_end(&mut answer);
        (
            String::from_utf8_lossy(&answer).into_owned(),
            began.elapsed(),
        )
    });
    for byte in bytes {
        if listener.is_finished() || stream.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(pause);
    }
    let (answer, took) = listener.join().expect("it listens to the end");
    (Answer::new(answer), took)
}

fn is_timely(took: Duration) -> bool {
    (Duration::from_millis(450)..Duration::from_secs(5)).contains(&took)
}

#[test]
fn a_request_that_takes_its_time_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), SHORT);
    let head = format!(
        "GET /health/live HTTP/1.1\r\nHost: {}\r\nX: ",
        running.address()
    );
    let slow = [head.as_bytes(), &[b'x'; 1000]].concat();
    let (answer, took) = drip(connect(&running), &slow, Duration::from_millis(10));
    assert_eq!(answer.status(), 408);
    assert!(
        answer.body().contains("request_timeout"),
        "{}",
        answer.body()
    );
    assert!(is_timely(took), "{took:?}");

    // One that says nothing is told nothing.
    let (answer, took) = drip(connect(&running), b"", Duration::ZERO);
    assert_eq!(answer.status(), 0);
    assert!(is_timely(took), "{took:?}");
    assert_eq!(Answer::new(running.get("/health/live")).status(), 200);
}

#[test]
fn a_body_that_takes_its_time_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), SHORT);
    let head = |length: usize| {
        format!(
            "POST /v1/connections HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
            running.address(),
            running.operator()
        )
    };
    let mut stream = connect(&running);
    stream.write_all(head(1000).as_bytes()).expect("it reads");
    let (answer, took) = drip(stream, &[b' '; 1000], Duration::from_millis(10));
    assert_eq!(answer.status(), 408, "{}", answer.body());
    assert!(
        answer.body().contains("request_timeout"),
        "{}",
        answer.body()
    );
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(is_timely(took), "{took:?}");
}

#[test]
fn a_connection_is_used_again_and_what_follows_is_judged_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let good = format!(
        "GET /health/live HTTP/1.1\r\nHost: {}\r\n\r\n",
        running.address()
    );
    let answer = running.exchange(format!("{good}{good}\u{1}\r\n\r\n").as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    let last = answer
        .rfind("HTTP/1.1 ")
        .map(|at| Answer::new(answer[at..].to_owned()));
    let last = last.expect("a last answer");
    assert_eq!(last.status(), 400, "{answer}");
    assert!(last.body().contains("\"code\":\"bad_request\""), "{answer}");
}

#[test]
fn an_address_has_its_connections_whatever_it_claims() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "[limits]\nconnections_per_address = 3\n");
    let live = |nth: usize| {
        let own = running.address();
        let request = format!(
            "GET /health/live HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.{nth}\r\n\r\n"
        );
        Answer::new(running.exchange(request.as_bytes()))
    };
    let held: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = connect(&running);
            // An answer says that the place is taken.
            let request = format!(
                "GET /health/live HTTP/1.1\r\nHost: {}\r\n\r\n",
                running.address()
            );
            stream.write_all(request.as_bytes()).expect("it reads");
            let read = stream.read(&mut [0; 1024]).expect("it answers");
            assert!(read > 0);
            stream
        })
        .collect();
    for nth in 1..4 {
        let answer = live(nth);
        assert_eq!(answer.status(), 429, "{}", answer.body());
        assert!(answer.body().contains("too_many_connections"));
    }
    drop(held);
    let began = Instant::now();
    while live(1).status() != 200 {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "places are not given back"
        );
    }
}

#[test]
fn another_protocol_is_shown_the_door() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(folder.path(), "");
    let opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let resets = b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08".repeat(10_000);
    let began = Instant::now();
    let answer = running.exchange(&[opening.as_slice(), &resets].concat());
    assert!(!answer.contains(" 200 "), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(5), "it is not closed");
    assert_eq!(Answer::new(running.get("/health/live")).status(), 200);
}
