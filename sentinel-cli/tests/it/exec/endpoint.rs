//! The endpoint: what a request must contain, and what it gets.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::refresh::wait_until_old;
use super::{Running, TIMEOUT, decisions, dev, until};
use crate::wire::{Request, exchange};

#[test]
fn a_request_gets_the_vended_credentials_with_their_true_expiration() {
    let dev = dev("30m");
    let exec = Running::exec(&dev, "");
    let response = exec.fetch();
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.headers["content-type"], "application/json");
    assert_eq!(response.headers["cache-control"], "no-store");
    assert!(!response.headers.keys().any(|name| name.starts_with("access-control")));
    let body = response.json();
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["AccessKeyId", "Expiration", "SecretAccessKey", "Token"]);
    let records = decisions(&dev);
    assert_eq!(records.len(), 1);
    assert_eq!(body["AccessKeyId"], records[0]["access_key_id"]);
    let time = |text: &serde_json::Value| text.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    // The response has whole seconds.
    let recorded = time(&records[0]["expiration"]);
    assert_eq!(time(&body["Expiration"]).timestamp(), recorded.timestamp());
}

#[test]
fn a_request_that_is_not_the_one_of_an_sdk_with_the_token_gets_no_credentials() {
    let dev = dev("30m");
    let exec = Running::exec(&dev, "");
    let (host, token) = (exec.address().to_string(), exec.token.clone());
    let get = || Request::new("GET", exec.target(), b"");
    let rebound = format!("rebound.example:{}", exec.address().port());
    let longer = format!("{token}x");
    let bearer = format!("Bearer {token}");
    for (what, request, status) in [
        ("no token", get().with("host", &host), 401),
        ("another token", get().with("host", &host).with("authorization", &"x".repeat(43)), 401),
        ("a longer token", get().with("host", &host).with("authorization", &longer), 401),
        ("another scheme", get().with("host", &host).with("authorization", &bearer), 401),
        ("two tokens", exec.request().with("authorization", &token), 401),
        ("no path", Request { target: "/".to_owned(), ..exec.request() }, 404),
        ("another profile", Request { target: "/staging".to_owned(), ..exec.request() }, 404),
        ("a longer path", Request { target: "/production/".to_owned(), ..exec.request() }, 404),
        ("POST", Request { method: "POST".to_owned(), ..exec.request() }, 405),
        ("OPTIONS", Request { method: "OPTIONS".to_owned(), ..exec.request() }, 405),
        ("HEAD", Request { method: "HEAD".to_owned(), ..exec.request() }, 405),
        ("a rebound host", get().with("host", &rebound).with("authorization", &token), 403),
        ("a host name", get().with("host", "localhost").with("authorization", &token), 403),
        ("another port", get().with("host", "127.0.0.1:1").with("authorization", &token), 403),
        ("two hosts", exec.request().with("host", &host), 403),
        ("a huge header", exec.request().with("x", &"y".repeat(64 * 1024)), 431),
        (
            "many headers",
            (0..200).fold(exec.request(), |request, n| request.with(&format!("x-{n}"), "y")),
            431,
        ),
    ] {
        let response = request.send(exec.address());
        assert_eq!(response.status, status, "{what}: {response:?}");
        assert!(!response.body.contains("Secret"), "{what}: {response:?}");
        assert!(!response.headers.keys().any(|name| name.starts_with("access-control")), "{what}");
        if response.status != 431 && request.method != "HEAD" {
            let body = response.json();
            assert!(!body["code"].as_str().unwrap().is_empty(), "{what}");
            assert!(!body["message"].as_str().unwrap().is_empty(), "{what}");
            assert_eq!(response.headers["cache-control"], "no-store", "{what}");
        }
    }
    assert_eq!(decisions(&dev).len(), 1, "none of them vends");
    assert_eq!(exec.fetch().status, 200);
}

/// Whether the endpoint has closed a connection on which it never responded.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let read = stream.read(&mut [0]);
    !read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn clients_that_send_nothing_do_not_keep_others_from_the_endpoint() {
    let dev = dev("30m");
    let exec = Running::exec_with_open_files(&dev, 160);
    let mut closed = Vec::new();
    for _ in 0..5 {
        // More than the number of concurrent connections, which is 128 with that limit of open files.
        let idle: Vec<TcpStream> = (0..140)
            .map(|n| {
                let mut stream = TcpStream::connect(exec.address()).unwrap();
                if n % 2 == 0 {
                    stream.write_all(b"GET /production HTTP/1.1\r\nhost:").unwrap();
                }
                stream
            })
            .collect();
        assert_eq!(exec.fetch().status, 200);
        // The request did not wait until all of them had timed out. On a very slow machine they have.
        closed.push(idle.iter().filter(|stream| is_closed(stream)).count());
        if closed.last().is_some_and(|closed| *closed < 70) {
            return;
        }
    }
    panic!("of 140 connections were closed: {closed:?}");
}

#[test]
fn a_connection_serves_one_request() {
    let dev = dev("30m");
    let exec = Running::exec(&dev, "");
    let mut stream = TcpStream::connect(exec.address()).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let (target, address, token) = (exec.target(), exec.address(), &exec.token);
    let request =
        format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nauthorization: {token}\r\n\r\n");
    stream.write_all(request.repeat(2).as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 1, "{text}");
}

#[test]
fn bytes_that_are_not_http_do_not_end_the_endpoint() {
    let dev = dev("30m");
    let exec = Running::exec(&dev, "");
    for bytes in [&b"\0\xff\r\n\r\n"[..], b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00", b"\r\n\r\n\r\n"]
    {
        if let Some(response) = exchange(exec.address(), bytes) {
            assert_eq!(response.status, 400, "{response:?}");
        }
    }
    assert_eq!(exec.fetch().status, 200);
}

/// Sends that many requests concurrently. Returns the access key ids, without repetitions.
fn ids_of_concurrent_requests(exec: &Running, number: usize) -> Vec<String> {
    let (request, address) = (exec.request(), exec.address());
    let mut ids: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..number).map(|_| scope.spawn(|| request.send(address))).collect();
        threads
            .into_iter()
            .map(|thread| {
                let response = thread.join().unwrap();
                assert_eq!(response.status, 200, "{response:?}");
                response.json()["AccessKeyId"].as_str().unwrap().to_owned()
            })
            .collect()
    });
    ids.sort();
    ids.dedup();
    ids
}

#[test]
fn two_hundred_requests_at_the_time_of_a_refresh_share_one_vend() {
    let dev = dev("12s");
    let exec = Running::exec(&dev, "");
    decisions(&dev);
    let is_old = |age: Duration| age > Duration::from_secs(8);
    for _ in 0..5 {
        let first = exec.fetch();
        wait_until_old(&first, 12);
        let started = Instant::now();
        decisions(&dev);
        let ids = ids_of_concurrent_requests(&exec, 200);
        // On a very slow machine, the new credentials are old before all requests are sent.
        if !is_old(started.elapsed()) {
            // Those that do not wait for the refresh get the current ones.
            assert!(ids.len() <= 2, "{ids:?}");
            until("new credentials", || exec.fetch().body != first.body);
            if !is_old(started.elapsed()) {
                assert_eq!(decisions(&dev).len(), 1);
                return;
            }
        }
    }
    panic!("200 requests take more than 8 s");
}
