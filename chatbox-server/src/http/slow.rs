//! A body that takes its time is given up: it may take as long as an honest one of its length takes.

use axum::body::HttpBody;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// The slowest that goes on, in bytes a second.
const RATE: u64 = 16 * 1024;

/// Says whether a body was given up.
#[derive(Debug, Clone, Default)]
pub(super) struct Late(Arc<AtomicBool>);

impl Late {
    pub(super) fn is(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body with `allowance` to come in, and a second more for every 16 KiB that came.
#[derive(Debug)]
pub(super) struct Timed<B> {
    body: B,
    until: Instant,
    bytes: u64,
    sleep: Option<Pin<Box<Sleep>>>,
    late: Late,
}

impl<B> Timed<B> {
    pub(super) fn new(body: B, allowance: Duration, late: Late) -> Self {
        Self {
            body,
            until: Instant::now() + allowance,
            bytes: 0,
            sleep: None,
            late,
        }
    }

    fn deadline(&self) -> Instant {
        self.until + Duration::from_secs(self.bytes / RATE)
    }
}

impl<B> HttpBody for Timed<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if let Some(Ok(frame)) = &frame {
                self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = self.deadline();
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        if sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.late.0.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err("the body did not come in time".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use futures_util::StreamExt;

    /// A body of so many pieces, one every `every`.
    async fn arrives(pieces: usize, size: usize, every: Duration) -> bool {
        let pieces = futures_util::stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(every).await;
            Ok::<_, std::convert::Infallible>(vec![b'x'; size])
        });
        let late = Late::default();
        let body = Body::from_stream(Box::pin(pieces));
        let body = Body::new(Timed::new(body, Duration::from_secs(30), late.clone()));
        let whole = axum::body::to_bytes(body, usize::MAX).await;
        assert_eq!(whole.is_err(), late.is());
        whole.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_its_time_and_more_for_more() {
        let second = Duration::from_secs(1);
        assert!(arrives(29, 1, second).await);
        assert!(!arrives(31, 1, second).await, "a byte a second");
        assert!(!arrives(2, 1, 29 * second).await, "two pauses");
        assert!(arrives(300, RATE as usize, second).await, "a slow line");
    }
}
