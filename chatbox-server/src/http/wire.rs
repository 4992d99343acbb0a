//! A connection's bytes. What cannot even be read as a request is answered in our words: the parser's own answer, a
//! status and nothing more, is exchanged for ours on its way out.

use super::words::raw;
use axum::http::StatusCode;
use bytes::{Buf, Bytes};
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

/// The longest answer of the parser's own, in bytes.
const LONGEST: usize = 256;
/// How long a refused client may go on sending: what is not read would make the system throw the answer away.
const PARTING: Duration = Duration::from_secs(1);

/// How many answers are being made on a connection. The parser speaks for itself only while there is none.
#[derive(Debug, Clone, Default)]
pub(super) struct Answering(Arc<AtomicUsize>);

/// One answer being made, until it is dropped.
#[derive(Debug)]
pub(super) struct Answer(Answering);

impl Answering {
    pub(super) fn one(&self) -> Answer {
        self.0.fetch_add(1, Ordering::Relaxed);
        Answer(self.clone())
    }

    fn none(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Answer {
    /// From here on nothing on the wire is the parser's.
    pub(super) fn never_ends(&self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection's bytes, and `P`, which is held as long as it is open.
#[derive(Debug)]
pub(super) struct Wire<P> {
    stream: TcpStream,
    answering: Answering,
    instead: Bytes,
    _place: P,
}

impl<P: Unpin> Wire<P> {
    pub(super) fn new(stream: TcpStream, answering: Answering, place: P) -> Self {
        Self {
            stream,
            answering,
            instead: Bytes::new(),
            _place: place,
        }
    }

    /// Says a last word.
    pub(super) async fn refuse(self, status: StatusCode) {
        refuse(self.stream, Some(status)).await;
    }

    /// Lets what was said arrive.
    pub(super) async fn part(self) {
        refuse(self.stream, None).await;
    }

    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        while self.instead.has_remaining() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.instead))?;
            if written == 0 {
                return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
            }
            self.instead.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the parser's own answer, so that ours goes out.
    fn exchange(&mut self, said: &[u8]) -> bool {
        let status = match self.answering.none() {
            true => unworded(said),
            false => None,
        };
        self.instead = status.map(raw).unwrap_or_default().into();
        status.is_some()
    }
}

/// Says a last word to a client, and reads on for a moment, so that it arrives.
pub(super) async fn refuse(mut stream: TcpStream, status: Option<StatusCode>) {
    let parting = async {
        if let Some(status) = status {
            stream.write_all(&raw(status)).await?;
            stream.shutdown().await?;
        }
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Whoever went away needs no answer.
    let _ = tokio::time::timeout(PARTING, parting).await;
}

/// The status of an answer that is the parser's own.
fn unworded(said: &[u8]) -> Option<StatusCode> {
    if said.len() > LONGEST || !said.starts_with(b"HTTP/1.1 4") {
        return None;
    }
    let head = std::str::from_utf8(said).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.get(9..12)?;
    let own = ["connection: ", "content-length: 0", "date: "];
    lines
        .all(|line| own.iter().any(|start| line.starts_with(start)))
        .then(|| status.parse().ok())
        .flatten()
}

impl<P: Unpin> AsyncRead for Wire<P> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<P: Unpin> AsyncWrite for Wire<P> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        ready!(self.poll_instead(cx))?;
        if self.exchange(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        ready!(self.poll_instead(cx))?;
        let first = bufs.iter().find(|buf| !buf.is_empty());
        if let Some(first) = first
            && self.exchange(first)
        {
            return Poll::Ready(Ok(first.len()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.poll_instead(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.poll_instead(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parsers_own_answer_is_exchanged() {
        let own = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\
                    date: Sat, 21 Nov 2026 18:00:00 GMT\r\n\r\n";
        let status = unworded(own);
        assert_eq!(status, Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        for other in [
            &own[..own.len() - 1],
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nmore",
            b"",
        ] {
            assert_eq!(unworded(other), None);
        }
    }
}
