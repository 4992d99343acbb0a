//! What a socket costs while nothing happens. Alone in its process, so that the process's size means something.

#[path = "common/client.rs"]
mod client;
mod common;

use chatbox_webchat::Limits;
use client::frame;
use common::{House, serve};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;

const SOCKETS: usize = 1000;
/// The most memory of one idle socket, both ends' kernel buffers left out, in bytes.
const MOST: u64 = 10 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_socket_is_small() {
    let house = House::new(Limits::default(), "{}").await;
    let address = serve(house.webchat.routes()).await;
    let open = |nth: usize| {
        let ticket = house.door.ticket_for(&format!("person{nth}"));
        move || small_client(address, &ticket)
    };
    // Threads, allocator arenas and code pages are paid for once.
    let mut clients = Vec::new();
    for nth in 0..50 {
        clients.push(
            tokio::task::spawn_blocking(open(nth))
                .await
                .expect("it opens"),
        );
    }
    let Some(before) = resident() else {
        eprintln!("skipped: this system does not tell a process's size");
        return;
    };
    for nth in 50..50 + SOCKETS {
        clients.push(
            tokio::task::spawn_blocking(open(nth))
                .await
                .expect("it opens"),
        );
    }
    let grown = resident().expect("it told before") - before;
    assert_eq!(house.webchat.sockets(), clients.len());
    let each = grown / SOCKETS as u64;
    eprintln!("{each} bytes each");
    assert!(each < MOST, "{each} bytes each");
}

/// A greeted client that costs this process a file descriptor and nothing more.
fn small_client(address: std::net::SocketAddr, ticket: &str) -> TcpStream {
    let mut tcp = TcpStream::connect(address).expect("it listens");
    let request = format!(
        "GET /chat/ws HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    tcp.write_all(request.as_bytes()).expect("it is open");
    until(&mut tcp, b"\r\n\r\n");
    let hello = json!({"type": "hello", "ticket": ticket}).to_string();
    tcp.write_all(&frame(0x81, hello.as_bytes()))
        .expect("it is open");
    until(&mut tcp, b"\"files\":10}}");
    tcp
}

fn until(tcp: &mut TcpStream, end: &[u8]) {
    let mut got = Vec::new();
    let mut byte = [0];
    while !got.ends_with(end) {
        assert_eq!(
            tcp.read(&mut byte).expect("it is open"),
            1,
            "it ended early"
        );
        got.push(byte[0]);
    }
}

/// This process's resident memory, in bytes.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
