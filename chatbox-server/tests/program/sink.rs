//! Somebody's web server, which takes webhooks.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Came {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(it, _)| it.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }
}

/// Somebody's web server. Answers each request with the next status it was told, then with 204.
pub(crate) struct Sink {
    pub(crate) url: String,
    came: Arc<Mutex<Vec<Came>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Sink {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (came, answers) = (Arc::default(), Arc::default());
        let sink = Self { url, came, answers };
        let (came, answers) = (sink.came.clone(), sink.answers.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (came, answers) = (came.clone(), answers.clone());
                std::thread::spawn(move || serve(stream, &came, &answers));
            }
        });
        sink
    }

    pub(crate) fn answer_next(&self, statuses: &[u16]) {
        self.answers.lock().expect("whole").extend(statuses);
    }

    /// What came, once it is so many.
    pub(crate) fn wait(&self, count: usize) -> Vec<Came> {
        let began = Instant::now();
        loop {
            let came = self.came.lock().expect("whole").clone();
            if came.len() >= count {
                return came;
            }
            assert!(
                began.elapsed() < SOON,
                "{} of {count}: {came:?}",
                came.len()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn serve(mut stream: TcpStream, came: &Mutex<Vec<Came>>, answers: &Mutex<Vec<u16>>) {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let request = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = request.split_once("\r\n\r\n") {
            let one = Came {
                head: head.to_owned(),
                body: body.to_owned(),
            };
            let length = one.header("content-length").and_then(|it| it.parse().ok());
            if length.is_some_and(|length: usize| body.len() >= length) {
                let mut answers = answers.lock().expect("whole");
                let status = if answers.is_empty() {
                    204
                } else {
                    answers.remove(0)
                };
                drop(answers);
                came.lock().expect("whole").push(one);
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes());
                return;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => text.extend_from_slice(&buffer[..count]),
        }
    }
}
