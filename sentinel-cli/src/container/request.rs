//! Checks of a request, before anything is vended. This file depends on nothing but HTTP types: the fuzz
//! target `container_request` compiles it too.

use std::net::{IpAddr, SocketAddr};

use http::Method;
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName};
use http::request::Parts;

/// Why a request gets no credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request is not addressed to the endpoint.
    Host,
    /// The method is not GET.
    Method,
    /// No source has the path.
    Path,
    /// The token is missing, wrong, or given twice.
    Token,
}

/// The source whose credentials the request can have. `local` is the address of the endpoint. `path` and
/// `allows` are the path of a source, and whether it has that token.
pub(super) fn source<'a, S>(
    parts: &Parts,
    local: SocketAddr,
    sources: &'a [S],
    path: impl Fn(&S) -> &str,
    allows: impl Fn(&S, &[u8]) -> bool,
) -> Result<&'a S, Refusal> {
    // A page whose host name resolves to this machine sends that name.
    if !only(&parts.headers, HOST).is_some_and(|host| is_endpoint(host, local)) {
        return Err(Refusal::Host);
    }
    if parts.method != Method::GET {
        return Err(Refusal::Method);
    }
    let source = sources.iter().find(|source| path(source) == parts.uri.path());
    let source = source.ok_or(Refusal::Path)?;
    let sent = only(&parts.headers, AUTHORIZATION).ok_or(Refusal::Token)?;
    if allows(source, sent) { Ok(source) } else { Err(Refusal::Token) }
}

/// The value of a header that occurs once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&[u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}

/// Whether a Host header is a loopback address with the port of the endpoint. Clients omit port 80.
fn is_endpoint(host: &[u8], local: SocketAddr) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let address = host.parse().or_else(|_| {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 80))
    });
    address.is_ok_and(|address: SocketAddr| {
        address.ip().to_canonical().is_loopback() && address.port() == local.port()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_loopback_address_with_the_port_is_the_endpoint() {
        let local = "127.0.0.1:4321".parse().unwrap();
        for host in ["127.0.0.1:4321", "127.0.0.2:4321", "[::1]:4321"] {
            assert!(is_endpoint(host.as_bytes(), local), "{host}");
        }
        for host in [
            "",
            "localhost:4321",
            "127.0.0.1",
            "127.0.0.1:4322",
            "rebound.example:4321",
            "127.0.0.1.rebound.example:4321",
            "127.0.0.1:4321:4321",
            "user@127.0.0.1:4321",
            "10.0.0.1:4321",
            "[::1]",
            "\u{e9}",
        ] {
            assert!(!is_endpoint(host.as_bytes(), local), "{host}");
        }
        let usual = "127.0.0.1:80".parse().unwrap();
        assert!(is_endpoint(b"127.0.0.1", usual) && is_endpoint(b"[::1]", usual));
    }
}
