//! A listener whose connections can be cut at any byte.
//!
//! Owns sockets and the life of a server task. Knows nothing of what is spoken over them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A server task; ends, with all its connections, when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    addr: SocketAddr,
    stop: CancellationToken,
}

impl Running {
    /// Binds `addr` and serves `router` until stopped.
    pub(crate) async fn start(addr: SocketAddr, router: Router) -> io::Result<Self> {
        let tcp = TcpListener::bind(addr).await?;
        let addr = tcp.local_addr()?;
        let stop = CancellationToken::new();
        let listener = CutListener {
            tcp,
            all: stop.clone(),
        };
        let service = router.into_make_service_with_connect_info::<Line>();
        let ended = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                result = axum::serve(listener, service) => drop(result),
                () = ended.cancelled() => {}
            }
        });
        Ok(Self { addr, stop })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The handler's grip on the connection its request came over.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    cut: CancellationToken,
}

impl Line {
    /// Resets the connection: bytes not yet written never arrive.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }
}

impl Connected<IncomingStream<'_, CutListener>> for Line {
    fn connect_info(stream: IncomingStream<'_, CutListener>) -> Self {
        Self {
            cut: stream.io().cut.clone(),
        }
    }
}

pub(crate) struct CutListener {
    tcp: TcpListener,
    all: CancellationToken,
}

impl Listener for CutListener {
    type Io = CutStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (CutStream, SocketAddr) {
        loop {
            match self.tcp.accept().await {
                Ok((tcp, addr)) => return (CutStream::new(tcp, self.all.child_token()), addr),
                // Out of descriptors: the condition passes when a connection ends.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

pub(crate) struct CutStream {
    tcp: TcpStream,
    cut: CancellationToken,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl CutStream {
    fn new(tcp: TcpStream, cut: CancellationToken) -> Self {
        // Failing to set it only costs latency.
        let _ = tcp.set_nodelay(true);
        let ended = Box::pin(cut.clone().cancelled_owned());
        Self { tcp, cut, ended }
    }

    /// An error once the line was cut; registers the task to be woken by the cut.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.cut.is_cancelled() || self.ended.as_mut().poll(cx).is_ready() {
            // Zero linger makes the close a reset, as a dying server's would be.
            let _ = self.tcp.set_zero_linger();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for CutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for CutStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
