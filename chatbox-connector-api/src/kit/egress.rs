//! Where requests may go. The address that was checked is the address that is dialled: names are resolved by
//! [`Resolver`], and an address written into a URL is looked at by [`check`].

use crate::{AdapterError, Egress, ErrorKind, Result};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use url::{Host, Url};

/// Names that never mean a public machine, whatever a resolver says.
const HOME_NAMES: [&str; 6] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "home.arpa",
];

/// Whether a request may go to this URL at all. Names are looked at again when they are resolved.
///
/// # Errors
/// `Invalid`, with a sentence that does not repeat the URL.
pub fn check(url: &Url, egress: Egress) -> Result<()> {
    if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
        return Err(refused("its scheme is none of http, https, ws, wss"));
    }
    if url.port() == Some(0) {
        return Err(refused("its port is 0"));
    }
    if egress == Egress::Public && !(url.username().is_empty() && url.password().is_none()) {
        return Err(refused("it names a user"));
    }
    let allowed = match url.host() {
        None => return Err(refused("it names no host")),
        Some(Host::Ipv4(ip)) => reachable(ip.into(), egress),
        Some(Host::Ipv6(ip)) => reachable(ip.into(), egress),
        Some(Host::Domain(name)) => egress == Egress::Private || !is_home_name(name),
    };
    if allowed {
        Ok(())
    } else {
        Err(refused("it leads to an address that is not public"))
    }
}

fn refused(why: &str) -> AdapterError {
    AdapterError::new(
        ErrorKind::Invalid,
        format!("this address is not requested: {why}"),
    )
}

fn is_home_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let inside = |home: &&str| {
        let before = name.strip_suffix(*home);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    name.is_empty() || HOME_NAMES.iter().any(inside)
}

/// Whether an address may be dialled under this policy. Clouds keep credentials at link-local addresses, so those are
/// closed to everybody.
pub fn reachable(ip: IpAddr, egress: Egress) -> bool {
    match egress {
        Egress::Public => is_public(ip),
        Egress::Private => !is_never(ip),
    }
}

/// Whether an address belongs to the public internet, by the special-purpose registries.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    !matches!(
        ip.octets(),
        [0 | 10 | 127 | 224..=255, ..]              // this network, private, loopback, multicast, reserved
            | [100, 64..=127, ..]                   // shared by carriers
            | [169, 254, ..]                        // link-local
            | [172, 16..=31, ..]                    // private
            | [192, 0, 0 | 2, _]                    // protocols, examples
            | [192, 88, 99, _]                      // 6to4 relays
            | [192, 168, ..]                        // private
            | [198, 18..=19, ..]                    // benchmarks
            | [198, 51, 100, _]                     // examples
            | [203, 0, 113, _]                      // examples
            | [168, 63, 129, 16] // a cloud's own services
    )
}

/// Only global unicast is public, and of that not what carries another address or belongs to a protocol.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        [0x2001, 0x0000..=0x01ff | 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0x0000..=0x0fff, ..] => {
            false
        } // examples
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

/// What no policy opens: many at once, nobody, and the neighbours' credentials.
fn is_never(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast() || ip.is_link_local(),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(inner) => is_never(inner.into()),
            None => {
                let first = ip.segments()[0];
                let link_local = first & 0xffc0 == 0xfe80;
                let metadata = ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
                ip.is_multicast() || link_local || metadata
            }
        },
    }
}

/// Resolves names to the addresses that may be dialled, and to no other.
#[derive(Clone, Copy, Debug)]
pub struct Resolver(pub Egress);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self(egress) = *self;
        Box::pin(async move {
            let name = name.as_str().to_owned();
            if egress == Egress::Public && is_home_name(&name) {
                return Err(not_public(&name).into());
            }
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0))
                .await?
                .filter(|address| reachable(address.ip(), egress))
                .collect();
            if found.is_empty() {
                return Err(not_public(&name).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The addresses behind a URL that may be dialled: for what is no HTTP request.
///
/// # Errors
/// When its name cannot be resolved, or leads to no address that may be dialled.
pub async fn addresses(url: &Url, egress: Egress) -> io::Result<Vec<SocketAddr>> {
    let port = url.port_or_known_default().unwrap_or(443);
    let found: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(ip)) => vec![(IpAddr::from(ip), port).into()],
        Some(Host::Ipv6(ip)) => vec![(IpAddr::from(ip), port).into()],
        Some(Host::Domain(name)) => tokio::net::lookup_host((name, port)).await?.collect(),
        None => Vec::new(),
    };
    let allowed: Vec<SocketAddr> = found
        .into_iter()
        .filter(|it| reachable(it.ip(), egress))
        .collect();
    match allowed.is_empty() {
        true => Err(io::Error::other(
            "its name leads to no address that may be dialled",
        )),
        false => Ok(allowed),
    }
}

fn not_public(name: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("`{name}` has no public address"),
    )
}
