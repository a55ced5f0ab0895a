//! Which requests a browser may have sent for the page: the address that it used, the page that sent the
//! request, and the token.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Method};

/// The header with the token. A page of another origin cannot send it without the permission of this
/// server (CORS), which is never given.
pub(crate) const TOKEN: HeaderName = HeaderName::from_static("sentinel-console");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The address of the request, if it is one of this server: a loopback literal with the port. A name,
/// which DNS can direct to this machine, is refused.
pub(crate) fn authority(headers: &HeaderMap, listening: SocketAddr) -> Option<&str> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    if hosts.next().is_some() {
        return None;
    }
    let address = match (SocketAddr::from_str(host), listening.port()) {
        (Ok(address), _) => address,
        // Browsers omit the default port of http.
        (Err(_), 80) => SocketAddr::new(literal(host)?, 80),
        (Err(_), _) => return None,
    };
    (address.port() == listening.port() && address.ip().is_loopback()).then_some(host)
}

fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']')?.parse().ok(),
        None => host.parse().ok(),
    }
}

/// Whether the page of this server may have sent the request, by what the browser states about it.
pub(crate) fn is_from_page(headers: &HeaderMap, authority: &str) -> bool {
    let own = format!("http://{authority}");
    let all = |name: &HeaderName, expected: &str| {
        headers.get_all(name).iter().all(|value| value.as_bytes() == expected.as_bytes())
    };
    all(&ORIGIN, &own) && all(&FETCH_SITE, "same-origin")
}

/// Whether the body is JSON, which no form of a page can send.
pub(crate) fn is_json(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET
        || headers
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"application/json"))
}

/// The token of the request. Empty if there is none.
pub(crate) fn token(headers: &HeaderMap) -> &str {
    headers.get(TOKEN).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_a_loopback_literal_with_the_port_is_an_address_of_the_console() {
        let listening = SocketAddr::from(([0, 0, 0, 0], 8787));
        for host in ["127.0.0.1:8787", "127.1.2.3:8787", "[::1]:8787"] {
            assert_eq!(authority(&with(HOST, &[host]), listening), Some(host));
        }
        for host in [
            "127.0.0.1",
            "127.0.0.1:8788",
            "localhost:8787",
            "localtest.me:8787",
            "127.0.0.1.evil.example:8787",
            "evil.example:8787",
            "10.0.0.1:8787",
            "0.0.0.0:8787",
            "[::ffff:7f00:1]:8787",
            "2130706433:8787",
            "127.1:8787",
            "a@127.0.0.1:8787",
            "127.0.0.1:8787 ",
            "",
        ] {
            assert_eq!(authority(&with(HOST, &[host]), listening), None, "{host}");
        }
        let twice = with(HOST, &["127.0.0.1:8787", "evil.example:8787"]);
        assert_eq!(authority(&twice, listening), None);
        assert_eq!(authority(&HeaderMap::new(), listening), None);
        let default = SocketAddr::from(([127, 0, 0, 1], 80));
        for host in ["127.0.0.1", "[::1]", "127.0.0.1:80"] {
            assert_eq!(authority(&with(HOST, &[host]), default), Some(host));
        }
        assert_eq!(authority(&with(HOST, &["evil.example"]), default), None);
    }

    #[test]
    fn a_request_of_another_page_is_recognized() {
        let own = "127.0.0.1:8787";
        assert!(is_from_page(&HeaderMap::new(), own));
        assert!(is_from_page(&with(ORIGIN, &["http://127.0.0.1:8787"]), own));
        assert!(is_from_page(&with(FETCH_SITE, &["same-origin"]), own));
        for origin in
            ["http://127.0.0.1:8788", "https://127.0.0.1:8787", "null", "http://evil.example"]
        {
            assert!(!is_from_page(&with(ORIGIN, &[origin]), own), "{origin}");
        }
        for site in ["same-site", "cross-site", "none"] {
            assert!(!is_from_page(&with(FETCH_SITE, &[site]), own), "{site}");
        }
        assert!(!is_from_page(&with(ORIGIN, &["http://127.0.0.1:8787", "null"]), own));
    }
}
