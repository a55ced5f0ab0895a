//! Checks of a request, before anything is vended.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use super::endpoint::Source;
use super::response::Problem;

/// The source of the credentials that the request may have. `local` is the address of the endpoint.
pub(super) fn source<'a>(
    parts: &Parts,
    local: SocketAddr,
    sources: &'a [Source],
) -> Result<&'a Source, Problem> {
    // A page whose host name resolves to this machine sends that name.
    if !only(&parts.headers, HOST).is_some_and(|host| is_endpoint(host, local)) {
        let message = format!("send requests to `http://{local}`, not to a host name");
        return Err(Problem::new(StatusCode::FORBIDDEN, "FORBIDDEN", message));
    }
    if parts.method != Method::GET {
        let (status, code) = (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
        return Err(Problem::new(status, code, "the method is GET"));
    }
    let Some(source) = sources.iter().find(|source| source.path() == parts.uri.path()) else {
        let message =
            "no profile has this path: use the value of AWS_CONTAINER_CREDENTIALS_FULL_URI";
        return Err(Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", message));
    };
    match only(&parts.headers, AUTHORIZATION) {
        Some(sent) if source.allows(sent) => Ok(source),
        Some(_) | None => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "the token is wrong: AWS_CONTAINER_AUTHORIZATION_TOKEN must be the one that `sentinel` \
             set or printed when it started",
        )),
    }
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
