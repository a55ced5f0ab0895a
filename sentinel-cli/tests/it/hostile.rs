//! Hostile clients: for any input, the server responds within its limits or closes
//! the connection, and continues to serve.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::running::Dev;
use crate::wire::{Request, exchange};

/// Checks that the server still runs and responds correctly.
fn serves(dev: &Dev) {
    let response = Request::new("GET", "/whoami", b"")
        .signed(dev.address, &dev.key("alice"), "execute-api")
        .send(dev.address);
    assert_eq!(response.status, 200, "{response:?}");
}

#[test]
fn malformed_requests_are_refused_and_the_server_continues() {
    let dev = Dev::start();
    let many_headers: String = (0..200).map(|i| format!("x-{i}: y\r\n")).collect();
    let requests: [Vec<u8>; 13] = [
        b"GET / HTTP/1.1\r\nhost: x\r\nx-folded: a\r\n b\r\n\r\n".to_vec(),
        b"\r\n\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        b"CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nhost: [::1\r\nauthorization: AWS4-HMAC-SHA256 x\r\nconnection: close\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_vec(),
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{many_headers}\r\n").into_bytes(),
        format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(200_000)).into_bytes(),
    ];
    for request in requests {
        let head = String::from_utf8_lossy(&request).chars().take(60).collect::<String>();
        let mut stream = TcpStream::connect(dev.address).unwrap();
        drop(stream.write_all(&request));
        // The request ends here, so that the server does not wait for more.
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut response = Vec::new();
        drop(stream.read_to_end(&mut response));
        let text = String::from_utf8_lossy(&response);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{head}: {text}");
    }
    serves(&dev);
}

#[test]
fn a_body_above_a_mebibyte_is_413_with_or_without_a_content_length() {
    let dev = Dev::start();
    let announced =
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1048577\r\nconnection: close\r\n\r\n";
    let response = exchange(dev.address, announced).unwrap();
    assert_eq!((response.status, response.code().as_str()), (413, "REQUEST_TOO_LARGE"));
    let mut chunked =
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            .to_vec();
    for _ in 0..17 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend(vec![b'x'; 65_536]);
        chunked.extend_from_slice(b"\r\n");
    }
    let response = exchange(dev.address, &chunked).unwrap();
    assert_eq!(response.status, 413);
    let large = Request::new("POST", "/sessions/revoke", &vec![b'x'; 1 << 20])
        .signed(dev.address, &dev.key("alice"), "execute-api")
        .send(dev.address);
    assert_eq!(large.code(), "REQUEST_TOO_LARGE", "the limit of the TVM is lower");
    serves(&dev);
}

#[test]
fn a_line_or_header_that_is_too_long_is_413_in_sentinels_format() {
    let dev = Dev::start();
    let long = "a".repeat(40_000);
    let many: String = (0..120).map(|i| format!("x-{i}: y\r\n")).collect();
    for request in [
        format!("GET /{long} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        format!("GET /?profile={long} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\nconnection: close\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{many}connection: close\r\n\r\n"),
    ] {
        let head: String = request.chars().take(40).collect();
        let response = exchange(dev.address, request.as_bytes()).unwrap();
        assert_eq!(
            (response.status, response.code().as_str()),
            (413, "REQUEST_TOO_LARGE"),
            "{head}"
        );
    }
    serves(&dev);
}

#[test]
fn slow_clients_are_closed_and_exclude_no_other_client() {
    let dev = Dev::start();
    let started = Instant::now();
    // As many as the server accepts. A new client must wait for them, but
    // not longer than their limit.
    let mut slow: Vec<TcpStream> = (0..256)
        .map(|_| {
            let mut stream = TcpStream::connect(dev.address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: ").unwrap();
            stream
        })
        .collect();
    serves(&dev);
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
    let mut rest = Vec::new();
    slow[0].set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    drop(slow[0].read_to_end(&mut rest));
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn a_connection_is_kept_for_more_than_one_request() {
    let dev = Dev::start();
    let mut stream = TcpStream::connect(dev.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET /downstream HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).unwrap();
        assert!(buffer[..read].starts_with(b"HTTP/1.1 401 "));
    }
}
