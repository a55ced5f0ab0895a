//! Requests for credentials that `sentinel exec` and `sentinel serve` receive from programs, and from
//! whatever else can connect to the loopback address.

#[path = "../../../sentinel-cli/src/container/request.rs"]
mod request;

use std::net::SocketAddr;
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use http::header::{AUTHORIZATION, HOST, HeaderName};
use http::{HeaderValue, Request};
use regex::bytes::Regex;

use crate::made;

const TOKENS: [(&str, &[u8]); 2] = [
    ("/production", b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"),
    ("/staging", b"GFEDCBAzyxwvutsrqponmlkjihgfedcba9876543210"),
];

/// Only a GET to a loopback address with the port of the endpoint, with the path of a source and its
/// token, each given once, has credentials: those of that source.
pub fn container_request(bytes: &[u8]) {
    made(bytes, |u| {
        let port = *u.choose(&[8788_u16, 80, 1, 65_535])?;
        let local = SocketAddr::new([127, 0, 0, 1].into(), port);
        let method = match u.int_in_range(0..=7_u8)? {
            6 => *u.choose(&["POST", "HEAD", "PUT", "get", "OPTIONS", "CONNECT"])?,
            7 => u.arbitrary()?,
            _ => "GET",
        };
        let uri = match u.int_in_range(0..=7_u8)? {
            0..=3 => "/production".to_owned(),
            4 => "/staging".to_owned(),
            5 => {
                (*u.choose(&["/production?x=1", "http://rebound.example/production", "*", "/"])?)
                    .to_owned()
            }
            6 => format!("/production{}", u.arbitrary::<&str>()?),
            _ => u.arbitrary::<&str>()?.to_owned(),
        };
        let mut request = Request::builder().method(method).uri(uri);
        for _ in 0..u.int_in_range(0..=4)? {
            let (name, value) = header(u, port)?;
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request = request.header(name, value);
            }
        }
        let Ok(request) = request.body(()) else { return Ok(()) };
        let (parts, ()) = request.into_parts();
        let found = request::source(
            &parts,
            local,
            &TOKENS,
            |(path, _)| path,
            |(_, token), sent| *token == sent,
        );
        let values = |name| -> Vec<&[u8]> {
            parts.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
        };
        let is_addressed = matches!(*values(HOST), [host] if is_endpoint(host, port));
        let wanted = TOKENS.iter().find(|(path, token)| {
            is_addressed
                && parts.method == "GET"
                && parts.uri.path() == *path
                && values(AUTHORIZATION) == [*token]
        });
        assert_eq!(found.ok(), wanted, "{parts:?}");
        Ok(())
    });
}

fn header(u: &mut Unstructured<'_>, port: u16) -> Result<(HeaderName, Vec<u8>)> {
    Ok(match u.int_in_range(0..=7_u8)? {
        0 => (HOST, format!("127.0.0.1:{port}").into_bytes()),
        1 => {
            let hosts = [
                "127.0.0.1",
                "127.0.0.2",
                "[::1]",
                "::1",
                "localhost",
                "[::ffff:127.0.0.1]",
                "[::2]",
                "10.0.0.1",
                "0.0.0.0",
                "127.1",
                "2130706433",
                "rebound.example",
                "user@127.0.0.1",
                "[::ffff:10.0.0.1]",
                "[fe80::1%1]",
                "[::127.0.0.1]",
            ];
            let host = *u.choose(&hosts)?;
            let port = *u.choose(&["", ":80", ":8788", ":08788", ":+80", ":65535", ":", ":1:1"])?;
            (HOST, format!("{host}{port}").into_bytes())
        }
        2 => (HOST, u.arbitrary::<&[u8]>()?.to_vec()),
        3 | 4 => (AUTHORIZATION, TOKENS[0].1.to_vec()),
        5 => (AUTHORIZATION, TOKENS[1].1.to_vec()),
        6 => {
            let mut token = TOKENS[0].1.to_vec();
            let place = u.choose_index(token.len())?;
            token[place] = u.arbitrary()?;
            token.truncate(u.int_in_range(0..=token.len())?);
            (AUTHORIZATION, token)
        }
        _ => (AUTHORIZATION, u.arbitrary::<&[u8]>()?.to_vec()),
    })
}

/// Whether a Host header is a loopback address with that port, in one of the forms that clients send.
fn is_endpoint(host: &[u8], port: u16) -> bool {
    static V4: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?-u)\A127(?:\.(?:0|[1-9][0-9]{0,2})){3}(?::(?P<port>[0-9]{1,5}))?\z").unwrap()
    });
    static V6: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?-u)\A\[(?P<address>[0-9A-Fa-f:.]+)\](?::(?P<port>[0-9]{1,5}))?\z").unwrap()
    });
    let text = String::from_utf8_lossy(host);
    let (address, shown) = if let Some(found) = V4.captures(host) {
        (text.split(':').next().unwrap().to_owned(), found.name("port"))
    } else if let Some(found) = V6.captures(host) {
        (String::from_utf8_lossy(&found["address"]).into_owned(), found.name("port"))
    } else if !text.contains('[') && text.contains("::") {
        // An IPv6 address without brackets has no port.
        (text.into_owned(), None)
    } else {
        return false;
    };
    let is_loopback = address.parse::<std::net::IpAddr>().is_ok_and(|ip| match ip {
        std::net::IpAddr::V4(ip) => ip.octets()[0] == 127,
        std::net::IpAddr::V6(ip) => {
            ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.octets()[0] == 127)
        }
    });
    let shown =
        shown.map_or(Some(80), |shown| String::from_utf8_lossy(shown.as_bytes()).parse().ok());
    is_loopback && shown == Some(port)
}
