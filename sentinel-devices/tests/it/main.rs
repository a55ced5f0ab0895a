//! The service as a server on a real socket, whose responses the test writes byte by byte.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and reports where")]

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sentinel_broker::{
    Broker, Call, DeviceId, DeviceSource, ErrorCode, Home, LocalIssuer, OsRandom, Parts,
    RegisteredDevice, Settings, Vend, VerifiedIdentity,
};
use sentinel_devices::{Endpoint, EndpointError, HttpDevices};
use sentinel_policy::DeviceFacts;
use sentinel_store::memory::{MemoryPolicies, MemorySink};
use sentinel_store::{CallerKey, Causes, PolicyPath, ProfileName, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LAPTOP: &str =
    r#"{"device":"laptop","owner":"alice","mdm_enrolled":true,"os_version":"14.2"}"#;

/// A server that sends the same bytes to each client, and keeps the requests.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `bytes` is sent after the head of the request was read. The connection stays open for `then`.
    async fn start(bytes: impl Into<Vec<u8>>, then: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, bytes) = (Arc::clone(&requests), bytes.into());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (kept, bytes) = (Arc::clone(&kept), bytes.clone());
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    kept.lock().unwrap().push(String::from_utf8(head).unwrap());
                    // The client may have closed the connection.
                    drop(stream.write_all(&bytes).await);
                    tokio::time::sleep(then).await;
                });
            }
        });
        Self { url, requests }
    }

    /// A response with that status line, body and length.
    async fn responding(status: &str, body: &str) -> Self {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n");
        Self::start(format!("{head}\r\n{body}"), Duration::ZERO).await
    }

    fn devices(&self) -> HttpDevices {
        HttpDevices::new(self.url.parse().unwrap())
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn laptop() -> DeviceId {
    DeviceId::parse("laptop").unwrap()
}

fn alice() -> CallerKey {
    CallerKey::parse("alice").unwrap()
}

/// The text of the failure.
async fn failure(devices: &HttpDevices) -> String {
    let error = devices.device(&laptop()).await.unwrap_err();
    assert!(error.source().is_some());
    Causes(&error).to_string()
}

#[tokio::test]
async fn a_device_is_read_with_its_owner_and_facts() {
    let server = Server::responding("200 OK", LAPTOP).await;
    let devices = server.devices().with_authorization("Bearer s3cr3t");
    let facts = DeviceFacts::default().with_mdm_enrolled(true).with_os_version("14.2");
    let device = devices.device(&laptop()).await.unwrap();
    assert_eq!(device, Some(RegisteredDevice::new(alice(), facts)));
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let request = requests[0].to_ascii_lowercase();
    assert!(request.starts_with("get /v1/devices/laptop http/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nauthorization: bearer s3cr3t\r\n"), "{request}");
    assert!(!format!("{devices:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn the_owner_is_a_caller_key() {
    for (owner, expected) in [
        ("Alice", Some("alice")),
        ("Alice@corp.com", Some("alice@corp.com")),
        ("111122223333/CI", Some("111122223333/CI")),
        ("", None),
    ] {
        let body = LAPTOP.replace("\"alice\"", &format!("\"{owner}\""));
        let server = Server::responding("200 OK", &body).await;
        let device = server.devices().device(&laptop()).await;
        match expected {
            Some(key) => assert_eq!(device.unwrap().unwrap().owner.as_str(), key),
            None => assert!(device.is_err(), "{owner:?}"),
        }
    }
}

#[tokio::test]
async fn a_device_that_the_service_does_not_have_is_unknown() {
    let server = Server::responding("404 Not Found", "no such device").await;
    assert_eq!(server.devices().device(&laptop()).await.unwrap(), None);
}

#[tokio::test]
async fn any_other_status_is_a_failure_and_redirects_are_not_followed() {
    let other = Server::responding("200 OK", LAPTOP).await;
    for status in ["201 Created", "204 No Content", "401 Unauthorized", "429 Slow", "500 Oops"] {
        let server = Server::responding(status, LAPTOP).await;
        let text = failure(&server.devices()).await;
        assert!(text.contains(status.split_once(' ').unwrap().0), "{text}");
    }
    let location = format!("302 Found\r\nlocation: {}/devices/laptop", other.url);
    let server = Server::responding(&location, "").await;
    assert!(failure(&server.devices()).await.contains("302"));
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_body_that_is_not_exactly_one_device_is_a_failure() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "not json",
        r#"{"device":"laptop"}"#,
        r#"{"owner":"alice"}"#,
        &LAPTOP.replace("laptop", "other"),
        &LAPTOP.replace("laptop", "Laptop"),
        &LAPTOP.replace("mdm_enrolled", "mdm_enroled"),
        &LAPTOP.replace("true", "\"true\""),
        &LAPTOP.replace("true", "1"),
        &LAPTOP.replace("\"14.2\"", "14.2"),
        &LAPTOP.replace("\"mdm_enrolled\":true", "\"mdm_enrolled\":true,\"mdm_enrolled\":true"),
        &LAPTOP.replace("\"owner\"", "\"owner\":\"bob\",\"owner\""),
        &format!("{LAPTOP}{LAPTOP}"),
        LAPTOP.strip_suffix('}').unwrap(),
    ] {
        let server = Server::responding("200 OK", body).await;
        failure(&server.devices()).await;
    }
    let null = LAPTOP.replace("true", "null");
    let server = Server::responding("200 OK", &null).await;
    let device = server.devices().device(&laptop()).await.unwrap().unwrap();
    assert_eq!(device.facts.mdm_enrolled, None);
}

#[tokio::test]
async fn a_response_is_bounded_in_size_and_time() {
    // Trailing spaces are JSON: the size alone is the reason.
    let fits = format!("{LAPTOP}{}", " ".repeat(16 * 1024 - LAPTOP.len()));
    let server = Server::responding("200 OK", &fits).await;
    assert!(server.devices().device(&laptop()).await.unwrap().is_some());
    let server = Server::responding("200 OK", &format!("{fits} ")).await;
    failure(&server.devices()).await;
    // Without a length, and without an end.
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(1 << 20));
    let server = Server::start(endless, Duration::from_secs(60)).await;
    failure(&server.devices()).await;

    // No response, half a head, and half a body.
    for bytes in ["", "HTTP/1.1 200 OK\r\ncont", "HTTP/1.1 200 OK\r\ncontent-length: 70\r\n\r\n{"] {
        let server = Server::start(bytes, Duration::from_secs(60)).await;
        let devices = server.devices().with_timeout(Duration::from_millis(100));
        let begin = Instant::now();
        failure(&devices).await;
        assert!(begin.elapsed() < Duration::from_secs(5), "{bytes:?} {:?}", begin.elapsed());
    }
    // A connection that ends early, and a port without a server.
    let server =
        Server::start("HTTP/1.1 200 OK\r\ncontent-length: 70\r\n\r\n{", Duration::ZERO).await;
    failure(&server.devices()).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    failure(&HttpDevices::new(format!("http://{closed}").parse().unwrap())).await;
}

#[test]
fn an_address_is_https_or_on_this_machine() {
    for address in ["https://devices.example.com/v1", "http://127.0.0.1:8080", "http://localhost"] {
        assert!(address.parse::<Endpoint>().is_ok(), "{address}");
    }
    for address in
        ["http://devices.example.com", "http://10.0.0.1", "http://127.0.0.1.evil.example"]
    {
        assert_eq!(address.parse::<Endpoint>(), Err(EndpointError::Clear), "{address}");
    }
}

const POLICY: &str = r#"
version: "1"
rules:
  - { name: managed, effect: allow, conditions: { profiles: [production], device: { require_mdm: true } } }
"#;

async fn code(devices: HttpDevices, user: &str) -> Option<ErrorCode> {
    let (path, policies) = (PolicyPath::new("/sentinel/policies/main"), MemoryPolicies::new());
    policies.put(&path, POLICY);
    let issuer = LocalIssuer::new([7; 32], Arc::new(SystemClock), Arc::new(OsRandom));
    let parts = Parts::new(Arc::new(policies), Arc::new(issuer), Arc::new(MemorySink::new()))
        .with_devices(Arc::new(devices) as Arc<dyn DeviceSource>);
    let broker = Broker::new(Settings::new(path), parts);
    let (arn, account) = (format!("arn:aws:iam::111122223333:user/{user}"), "111122223333");
    let deadline = Instant::now() + Duration::from_secs(25);
    let call = Call::new("r-1", Home::from_arn(&arn).unwrap(), deadline);
    let caller = broker.identify(&call, &VerifiedIdentity::new(&arn, account)).unwrap();
    let vend = Vend::new(ProfileName::parse("production").unwrap()).with_device(laptop());
    broker.vend(&call, &caller, &vend).await.err().map(|denial| denial.code)
}

#[tokio::test]
async fn a_broker_vends_by_the_facts_of_the_service() {
    let server = Server::responding("200 OK", LAPTOP).await;
    assert_eq!(code(server.devices(), "alice").await, None);
    assert_eq!(code(server.devices(), "bob").await, Some(ErrorCode::PolicyDeny));
    let failing = Server::responding("500 Oops", LAPTOP).await;
    assert_eq!(code(failing.devices(), "alice").await, Some(ErrorCode::PolicyDeny));
    assert_eq!((server.requests().len(), failing.requests().len()), (2, 1));
}
