//! The listener: every connection has a place, and its time to say what it wants.

use super::Problem;
use super::slow::{Late, Timed};
use super::wire::{Answer, Answering, Wire, refuse};
use super::words::in_words;
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::serve::Listener;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// The most that is read before a request must have ended its headers, in bytes. An address of 64 KiB fits, so that it
/// can be called too long.
const HEAD: usize = 128 * 1024;

/// What connections may take.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How long a request's headers may take, and how long an open connection may be silent.
    #[serde(deserialize_with = "duration")]
    #[schemars(schema_with = "crate::config::duration")]
    pub header_timeout: Duration,
    /// How long a body may take, and a second more for every 16 KiB of it.
    #[serde(deserialize_with = "duration")]
    #[schemars(schema_with = "crate::config::duration")]
    pub body_timeout: Duration,
    /// How many connections may be open.
    pub connections: usize,
    /// How many of them from one address. Unless set it is 64, and this machine, where a proxy may stand, has no limit
    /// of its own.
    pub connections_per_address: Option<usize>,
    /// How many bytes the files of messages may take together. One that does not fit is told as failed, with its message.
    pub media_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            connections: 10_000,
            connections_per_address: None,
            media_bytes: 20_000_000_000,
        }
    }
}

impl Limits {
    fn from(&self, address: IpAddr) -> usize {
        let usual = match address.is_loopback() {
            true => self.connections,
            false => 64,
        };
        self.connections_per_address.unwrap_or(usual)
    }
}

/// A time as people write it.
pub(crate) fn duration<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(text)?;
    let duration = humantime::parse_duration(&text).ok();
    let wrong = || serde::de::Error::custom("a time is written as \"10s\", and is not 0");
    duration.filter(|it| !it.is_zero()).ok_or_else(wrong)
}

// ---- Places ------------------------------------------------------------------------------------

#[derive(Debug, Clone, Default)]
struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by: HashMap<IpAddr, usize>,
}

/// One place, until it is dropped.
#[derive(Debug)]
struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, address: IpAddr, limits: &Limits) -> Result<Place, StatusCode> {
        let address = neighbourhood(address);
        let mut taken = self.taken();
        if taken.all >= limits.connections {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        let own = taken.by.entry(address).or_default();
        if *own >= limits.from(address) {
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        *own += 1;
        taken.all += 1;
        let places = self.clone();
        Ok(Place { places, address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        if let Some(own) = taken.by.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.by.remove(&self.address);
            }
        }
    }
}

/// Whom an address belongs to: of IPv6, whoever has one has its whole network.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64))
        }
        other => other,
    }
}

// ---- Connections -------------------------------------------------------------------------------

/// Serves `router` until `stop`, then lets every request that has begun end.
pub async fn listen(
    mut listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let (places, open, limits) = (Places::default(), TaskTracker::new(), Arc::new(limits));
    loop {
        let (stream, peer) = tokio::select! {
            accepted = Listener::accept(&mut listener) => accepted,
            () = stop.cancelled() => break,
        };
        match places.take(peer.ip(), &limits) {
            Ok(place) => {
                let one = converse(stream, place, router.clone(), limits.clone(), stop.clone());
                open.spawn(one);
            }
            Err(status) => drop(tokio::spawn(refuse(stream, Some(status)))),
        }
    }
    drop(listener);
    open.close();
    open.wait().await;
}

async fn converse(
    stream: TcpStream,
    place: Place,
    router: Router,
    limits: Arc<Limits>,
    stop: CancellationToken,
) {
    // Waiting for more to send together would hold every answer back.
    let _ = stream.set_nodelay(true);
    let answering = Answering::default();
    let wire = Wire::new(stream, answering.clone(), place);
    let allowance = limits.body_timeout;
    let service = service_fn(move |request| {
        let (router, answer) = (router.clone(), answering.one());
        async move { Ok::<_, Infallible>(respond(router, request, allowance, answer).await) }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(wire), service)
        .with_upgrades();
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    let Err(error) = ended else {
        return;
    };
    let Some(parts) = connection.into_parts() else {
        return;
    };
    let wire = parts.io.into_inner();
    match error.is_timeout() && !parts.read_buf.is_empty() {
        true => wire.refuse(StatusCode::REQUEST_TIMEOUT).await,
        false => wire.part().await,
    }
}

async fn respond(
    router: Router,
    request: Request<Incoming>,
    allowance: Duration,
    answer: Answer,
) -> Response<Answered> {
    let late = Late::default();
    let request = request.map(|body| match body.is_end_stream() {
        true => Body::empty(),
        false => Body::new(Timed::new(body, allowance, late.clone())),
    });
    let response = router.oneshot(request).await;
    let mut response = response.unwrap_or_else(|never| match never {});
    if late.is() && response.status().is_client_error() {
        response = timed_out(in_words(StatusCode::REQUEST_TIMEOUT));
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        answer.never_ends();
    }
    response.map(|body| Answered {
        body,
        _answer: answer,
    })
}

fn timed_out(problem: Problem) -> Response<Body> {
    let mut response = problem.into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// A body that says when it has gone.
#[derive(Debug)]
struct Answered {
    body: Body,
    _answer: Answer,
}

impl HttpBody for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
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

    fn take(places: &Places, address: &str, limits: &Limits) -> Result<Place, StatusCode> {
        places.take(address.parse().expect("an address"), limits)
    }

    #[test]
    fn an_address_has_its_places_and_all_together_too() {
        let places = Places::default();
        let limits = Limits {
            connections: 70,
            ..Limits::default()
        };
        let mut held: Vec<Place> = (0..64)
            .map(|_| take(&places, "192.0.2.1", &limits).expect("a place"))
            .collect();
        let more = |address| take(&places, address, &limits).map(drop);
        assert_eq!(more("192.0.2.1"), Err(StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(more("::ffff:192.0.2.1"), Err(StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(more("192.0.2.2"), Ok(()));
        held.extend((0..6).map(|_| take(&places, "127.0.0.1", &limits).expect("a place")));
        assert_eq!(more("192.0.2.2"), Err(StatusCode::SERVICE_UNAVAILABLE));
        held.clear();
        assert_eq!(more("192.0.2.1"), Ok(()));
        assert!(places.taken().by.is_empty());
    }

    #[test]
    fn a_network_is_one_neighbour() {
        let of = |address: &str| neighbourhood(address.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
