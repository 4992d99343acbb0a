//! Somebody's webhook in this process: answers at once, and tells whoever waits for a message that it arrived.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What the mark of a message begins with; it ends with an `x`.
const MARK: &[u8] = b"hook-";

/// A listening one.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Where to post.
    pub url: String,
    waits: Arc<Mutex<Waits>>,
}

#[derive(Debug, Default)]
struct Waits {
    open: HashMap<String, oneshot::Sender<()>>,
    /// Deliveries that nobody waited for: there must be none.
    strays: usize,
}

impl Sink {
    /// Opens one for as long as this process runs.
    ///
    /// # Errors
    /// There is no port.
    pub async fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let waits = Arc::<Mutex<Waits>>::default();
        let router = Router::new()
            .route("/hook", post(arrive))
            .with_state(waits.clone());
        let listener = listener.tap_io(|io| drop(io.set_nodelay(true)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, waits })
    }

    /// Ends when the message with this mark has arrived. To be called before it is sent.
    pub fn expect(&self, mark: &str) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        lock(&self.waits).open.insert(mark.to_owned(), tell);
        told
    }

    /// Nothing arrived twice, and everything that was waited for did.
    ///
    /// # Errors
    /// Something did, or did not.
    pub fn is_even(&self) -> Result<()> {
        let waits = lock(&self.waits);
        let (open, strays) = (waits.open.len(), waits.strays);
        ensure!(
            open == 0 && strays == 0,
            "{open} messages did not arrive, and {strays} arrived that nobody waited for"
        );
        Ok(())
    }
}

/// The mark of a message, unlike any other's.
pub fn mark(run: &str, caller: usize, nth: usize) -> String {
    format!("hook-{run}-{caller}-{nth}x")
}

fn lock(waits: &Mutex<Waits>) -> MutexGuard<'_, Waits> {
    waits.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn arrive(State(waits): State<Arc<Mutex<Waits>>>, body: Bytes) -> StatusCode {
    let mut waits = lock(&waits);
    let waiting = marked(&body).ok().and_then(|mark| waits.open.remove(mark));
    match waiting {
        // Whoever went away does not want to know.
        Some(tell) => drop(tell.send(())),
        None => waits.strays += 1,
    }
    StatusCode::NO_CONTENT
}

fn marked(body: &[u8]) -> Result<&str> {
    let from = body.windows(MARK.len()).position(|it| it == MARK);
    let rest = &body[from.context("a mark")?..];
    let to = rest.iter().position(|byte| *byte == b'x');
    Ok(std::str::from_utf8(&rest[..=to.context("an end")?])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_where_it_stands() {
        let mark = mark("7", 3, 41);
        let body = format!("{{\"content\":\"message from p in bench:c, {mark} lorem x\"}}");
        assert_eq!(marked(body.as_bytes()).ok(), Some(&*mark));
        assert!(marked(b"{\"content\":\"nothing\"}").is_err());
    }
}
