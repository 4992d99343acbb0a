//! A look at the raw frames before they are assembled: fragments that carry nothing cost a sender nothing and are
//! invisible once assembled, so they are counted here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most empty frames of one unfinished message.
const MOST_EMPTY: u32 = 1000;
/// The longest frame header: two bytes, eight of length, four of mask.
const HEADER: usize = 14;

/// A message came in too many empty fragments.
#[derive(Debug, thiserror::Error)]
#[error("too many empty fragments")]
pub(crate) struct TooManyFragments;

/// A byte stream whose incoming frames are counted.
#[derive(Debug)]
pub(crate) struct Counted<S> {
    inner: S,
    scan: Scan,
}

#[derive(Debug, Default)]
struct Scan {
    header: [u8; HEADER],
    have: u8,
    skip: u64,
    empty: u32,
}

impl<S> Counted<S> {
    pub(crate) fn new(inner: S) -> Self {
        let scan = Scan::default();
        Self { inner, scan }
    }
}

impl Scan {
    /// Reads on. Errs once an unfinished message has too many empty frames.
    fn read(&mut self, mut bytes: &[u8]) -> Result<(), TooManyFragments> {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let len = bytes.len() as u64;
                let step = self.skip.min(len);
                self.skip -= step;
                bytes = &bytes[usize::try_from(step).unwrap_or(bytes.len())..];
                continue;
            }
            self.header[usize::from(self.have)] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if usize::from(self.have) == self.header_len() {
                self.have = 0;
                self.frame()?;
            }
        }
        Ok(())
    }

    fn header_len(&self) -> usize {
        if self.have < 2 {
            return HEADER;
        }
        let length = match self.header[1] & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        2 + length + mask
    }

    fn frame(&mut self) -> Result<(), TooManyFragments> {
        let h = &self.header;
        self.skip = match h[1] & 0x7F {
            126 => u64::from(u16::from_be_bytes([h[2], h[3]])),
            127 => u64::from_be_bytes([h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9]]),
            short => u64::from(short),
        };
        let (last, control) = (h[0] & 0x80 != 0, h[0] & 0x08 != 0);
        if control {
            return Ok(());
        }
        if last {
            self.empty = 0;
        } else if self.skip == 0 {
            self.empty += 1;
        }
        if self.empty > MOST_EMPTY {
            return Err(TooManyFragments);
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let this = &mut *self;
        std::task::ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let seen = this.scan.read(&buf.filled()[before..]);
        Poll::Ready(seen.map_err(io::Error::other))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload {
            0..=125 => bytes.push(0x80 | u8::try_from(payload).expect("it is small")),
            126..=65535 => {
                bytes.push(0x80 | 126);
                bytes.extend(u16::try_from(payload).expect("it fits").to_be_bytes());
            }
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend((payload as u64).to_be_bytes());
            }
        }
        bytes.extend([1, 2, 3, 4]);
        bytes.extend(std::iter::repeat_n(0, payload));
        bytes
    }

    fn scan(bytes: &[u8], step: usize) -> bool {
        let mut scan = Scan::default();
        bytes.chunks(step).all(|chunk| scan.read(chunk).is_ok())
    }

    #[test]
    fn empty_fragments_are_counted_however_they_are_cut() {
        let few: Vec<u8> = (0..999).flat_map(|_| frame(0x00, 0)).collect();
        let many: Vec<u8> = (0..1001).flat_map(|_| frame(0x00, 0)).collect();
        for step in [1, 2, 3, 5, 7, 64, 4096] {
            assert!(scan(&few, step), "{step}");
            assert!(!scan(&many, step), "{step}");
        }
    }

    #[test]
    fn a_finished_message_starts_the_count_again() {
        let one = |_| {
            let mut bytes: Vec<u8> = (0..900).flat_map(|_| frame(0x00, 0)).collect();
            bytes.extend(frame(0x80, 0));
            bytes
        };
        let bytes: Vec<u8> = (0..5).flat_map(one).collect();
        assert!(scan(&bytes, 11));
    }

    #[test]
    fn payload_is_never_taken_for_a_header() {
        let mut bytes = Vec::new();
        for payload in [0, 1, 125, 126, 300, 65535, 65536, 70000] {
            bytes.extend(frame(0x81, payload));
        }
        bytes.extend((0..1001).flat_map(|_| frame(0x00, 0)));
        for step in [1, 13, 4096] {
            assert!(!scan(&bytes, step));
            assert!(scan(&bytes[..bytes.len() - 6], step));
        }
    }
}
