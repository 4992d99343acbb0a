//! A client of HTTP/1.1 that costs as little as it can: one connection kept open, a request in one write, the answer
//! read by its length. Knows nothing that our answers and the limits' do not need.

use anyhow::{Context, Result, bail, ensure};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
    head: usize,
}

impl Wire {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            read: Vec::with_capacity(4096),
            head: 0,
        })
    }

    /// Sends a whole request and reads the answer: its status, and its body until the next question.
    ///
    /// # Errors
    /// The connection ends, or the answer has no length.
    pub async fn ask(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.read.clear();
        let (mut length, mut head) = (0, None);
        loop {
            if head.is_none()
                && let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n")
            {
                head = Some(end + 4);
                length = content_length(&self.read[..end])?;
            }
            if let Some(head) = head
                && self.read.len() >= head + length
            {
                self.head = head;
                return Ok((status(&self.read)?, &self.read[head..head + length]));
            }
            let count = self.stream.read_buf(&mut self.read).await?;
            ensure!(count > 0, "the server hung up");
        }
    }

    /// The head of the last answer.
    pub fn head(&self) -> String {
        String::from_utf8_lossy(&self.read[..self.head]).into_owned()
    }
}

/// A whole request with a JSON body; `extra` are header lines, each with its end.
pub fn request(method: &str, address: SocketAddr, path: &str, extra: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{extra}Content-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn status(read: &[u8]) -> Result<u16> {
    let digits = read.get(9..12).context("the answer is too short")?;
    Ok(std::str::from_utf8(digits)?.parse()?)
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    for line in head.lines() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok(value.trim().parse()?);
        }
    }
    if head.starts_with("HTTP/1.1 204") {
        return Ok(0);
    }
    bail!("the answer has no length: {head}")
}
