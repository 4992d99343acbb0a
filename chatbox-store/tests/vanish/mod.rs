//! A way to a server on which the machine behind it vanishes: what is open goes dead without a word, and what is opened
//! afterwards reaches its successor.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub(crate) struct Way {
    pub(crate) url: String,
    machine: Arc<AtomicUsize>,
}

impl Way {
    pub(crate) fn to(database: &str) -> Self {
        let (before, rest) = database.split_once('@').expect("a user");
        let (place, name) = rest.split_once('/').expect("a database");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("an address");
        let (machine, place) = (Arc::new(AtomicUsize::new(0)), place.to_owned());
        let now = machine.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let far = TcpStream::connect(&place).expect("the database");
                let born = now.load(Ordering::SeqCst);
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let from = from.try_clone().expect("a socket");
                    let to = to.try_clone().expect("a socket");
                    let now = now.clone();
                    std::thread::spawn(move || {
                        carry(from, to, || now.load(Ordering::SeqCst) == born);
                    });
                }
            }
        });
        let url = format!("{before}@{own}/{name}");
        Self { url, machine }
    }

    pub(crate) fn vanish(&self) {
        self.machine.fetch_add(1, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_there: impl Fn() -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        while !is_there() {
            std::thread::sleep(Duration::from_secs(60));
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
