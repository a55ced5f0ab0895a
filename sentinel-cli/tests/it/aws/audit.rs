//! `sentinel audit` on records in S3 and in a log group of the emulators.

use std::io::Write;

use sentinel_store::{AuditSink, Event, EventKind, JsonLines, Record};
use sentinel_testkit::emulator::ROOT_KEY;
use serde_json::{Value, json};

use super::{Account, KINDS};
use crate::wire::{Key, Request, Response};

/// Lines of a writer, most of them about alice.
fn log(lines: u32) -> Vec<String> {
    let sink = JsonLines::new(Vec::new());
    for number in 0..lines {
        let event = Event::new(EventKind::Revocation, chrono::Utc::now())
            .with_by("carol".to_owned())
            .with_user(if number == 0 { "bob" } else { "alice" }.to_owned())
            .with_reason(format!("reason {number}"));
        sink.write(&Record::Event(Box::new(event))).unwrap();
    }
    let text = String::from_utf8(sink.into_inner().unwrap()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Sends a request to the emulator, and asserts that it succeeds.
fn send(account: &Account, request: Request, service: &str) -> Response {
    let address = account.emulator.address();
    let secret = ROOT_KEY.to_owned();
    let key = Key { id: secret.clone(), secret, token: None };
    let response = request.with("accept", "*/*").signed(address, &key, service).send(address);
    assert!(response.status < 300, "{response:?}");
    response
}

fn put(account: &Account, path: &str, body: &[u8]) {
    send(account, Request::new("PUT", path, body), "s3");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn records_are_read_in_s3() {
    for kind in KINDS {
        let account = Account::new(kind, "audit-s3");
        put(&account, "/audit-records", b"");
        let lines = log(12);
        for (number, part) in lines.chunks(3).enumerate() {
            let path = format!("/audit-records/export/a%20b/%5B1%5Dx/{number:06}.gz");
            put(&account, &path, &gzip(&(part.join("\n") + "\n")));
        }
        put(&account, "/audit-records/other/1", b"no record\n");
        let what = account.run("audit what --user alice --format json s3://audit-records/export/");
        assert_eq!(what.status, 0, "{}", what.stderr);
        assert_eq!(what.json()["activities"].as_array().unwrap().len(), 11, "{kind:?}");
        let verified = account.run("audit verify --whole s3://audit-records/export");
        assert_eq!(verified.status, 0, "{}{}", verified.stdout, verified.stderr);
        let none = account.run("audit verify s3://audit-records/other");
        assert_eq!(none.status, 3, "{}", none.stdout);
        assert!(none.stderr.contains("no records in s3://audit-records/other"), "{}", none.stderr);
        let absent = account.run("audit verify s3://no-such-bucket/");
        assert_eq!(absent.status, 3, "{}", absent.stdout);
        assert!(absent.stderr.contains("it does not exist"), "{}", absent.stderr);
    }
}

#[test]
fn records_are_read_in_a_log_group() {
    for kind in KINDS {
        let account = Account::new(kind, "audit-logs");
        let logs = |operation: &str, body: &Value| {
            let request = Request::new("POST", "/", body.to_string().as_bytes())
                .with("content-type", "application/x-amz-json-1.1")
                .with("x-amz-target", &format!("Logs_20140328.{operation}"));
            send(&account, request, "logs");
        };
        let group = "/aws/lambda/audit-tvm";
        logs("CreateLogGroup", &json!({ "logGroupName": group }));
        let stream = json!({ "logGroupName": group, "logStreamName": "2026/[1]a" });
        logs("CreateLogStream", &stream);
        let now = chrono::Utc::now().timestamp_millis();
        let lines = log(30);
        let events: Vec<Value> = (now - 60_000..)
            .zip(std::iter::once("START RequestId: 1").chain(lines.iter().map(String::as_str)))
            .map(|(timestamp, message)| json!({ "timestamp": timestamp, "message": message }))
            .collect();
        let mut body = stream;
        body["logEvents"] = Value::from(events);
        logs("PutLogEvents", &body);
        let verified = account.run(&format!("audit verify --whole logs:{group}"));
        assert_eq!(verified.status, 0, "{}{}", verified.stdout, verified.stderr);
        assert!(verified.stdout.starts_with("30 lines in 1 chains"), "{}", verified.stdout);
        // The lines are a minute old.
        let none = account.run(&format!("audit verify --logs-since 1s logs:{group}"));
        assert_eq!(none.status, 3, "{}", none.stdout);
        let absent = account.run("audit verify logs:/no/such/group");
        assert_eq!(absent.status, 3, "{}", absent.stdout);
        assert!(absent.stderr.contains("the log group does not exist"), "{}", absent.stderr);
    }
}
