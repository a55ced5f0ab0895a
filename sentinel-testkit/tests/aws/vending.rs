//! The TVM with credentials from STS: what a client receives and what is logged when STS throttles,
//! refuses or returns a wrong answer.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sentinel_broker::{Broker, Home, Parts, SessionTable, Settings};
use sentinel_store::PolicyPath;
use sentinel_store::memory::{MemoryPolicies, MemorySessions, MemorySink};
use sentinel_testkit::proxy::{Fault, Proxy, Rule, WrongAnswer};
use sentinel_testkit::sts::StandIn;
use sentinel_tvm::{Invocation, Response, Tvm};
use serde_json::{Value, json};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;

use crate::issuer::issuer;
use crate::roles::{SECRET, TOKEN, setup};

const POLICY: &str = r#"
version: "1"
rules:
  - { name: alice, effect: allow, conditions: { profiles: [production], users: [alice] } }
"#;

fn tvm(sts: &str) -> (Tvm, Arc<MemorySink>) {
    let parameter = PolicyPath::new("/sentinel/policies/main");
    let policies = MemoryPolicies::new();
    policies.put(&parameter, POLICY);
    let sink = Arc::new(MemorySink::new());
    let sessions = SessionTable::new("sentinel-sessions", Arc::new(MemorySessions::new()));
    let parts =
        Parts::new(Arc::new(policies), Arc::new(issuer(sts)), sink.clone()).with_sessions(sessions);
    (Tvm::new(Broker::new(Settings::new(parameter), parts), None), sink)
}

async fn vend(tvm: &Tvm) -> Response {
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "rawQueryString": "profile=production",
        "headers": {},
        "requestContext": {
            "accountId": "111122223333",
            "authorizer": { "iam": {
                "accessKey": "AKIAEXAMPLE",
                "accountId": "111122223333",
                "callerId": "AIDAEXAMPLE",
                "userArn": "arn:aws:iam::111122223333:user/alice",
                "userId": "AIDAEXAMPLE",
            } },
            "http": { "method": "GET", "path": "/", "sourceIp": "192.0.2.7" },
            "requestId": "r-1",
            "stage": "$default",
        },
        "isBase64Encoded": false,
    });
    let home = Home::from_arn("arn:aws:lambda:us-east-1:111122223333:function:tvm").unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    tvm.handle(&event, &Invocation::new("runtime-1", home, deadline)).await
}

fn body(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap()
}

/// The log.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Captures our own crates at the finest level, and all others from `DEBUG`. Below that level, the
/// SDK logs what it signs, including the session token.
fn listen() -> (Heard, tracing::subscriber::DefaultGuard) {
    let heard = Heard::default();
    let writer = heard.clone();
    let targets =
        Targets::new().with_default(LevelFilter::DEBUG).with_target("sentinel", LevelFilter::TRACE);
    let layer =
        tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    let subscriber = tracing_subscriber::registry().with(targets).with(layer);
    (heard, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn credentials_of_sts_are_returned_with_their_session() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let (tvm, sink) = tvm(&stand_in.url());
    let response = vend(&tvm).await;
    assert_eq!(response.status_code, 200, "{}", response.body);
    assert!(body(&response)["AccessKeyId"].as_str().unwrap().starts_with("ASIA"));
    let session = &response.headers["x-sentinel-session-id"];
    let requests = stand_in.requests();
    assert_eq!(requests.len(), 1);
    let tag = &requests[0].parameters["Tags.member.1.Value"];
    assert!(session.starts_with(&format!("session-{tag}")), "the tag is the handle");
    assert!(!session.ends_with(tag), "and not the whole id");
    let records = serde_json::to_string(&sink.records()).unwrap();
    assert!(records.contains(&requests[0].request_id), "{records}");
}

#[tokio::test]
async fn throttling_by_sts_is_429_with_retry_after() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let proxy = Proxy::start(&stand_in.url()).await.unwrap();
    proxy.inject(Rule::service("sts", Fault::Throttled));
    let (tvm, _) = tvm(&proxy.url());
    let response = vend(&tvm).await;
    assert_eq!(
        (response.status_code, body(&response)["Code"].as_str()),
        (429, Some("RATE_LIMITED"))
    );
    assert_eq!(response.headers["retry-after"], "2");
    assert!(!response.headers.contains_key("x-sentinel-session-id"));
}

#[tokio::test]
async fn what_to_check_is_logged_and_not_returned() {
    let mut setup = setup();
    setup.roles[0].trust["Statement"][0]["Action"] = json!("sts:AssumeRole");
    let stand_in = StandIn::start(&setup).await.unwrap();
    let (tvm, sink) = tvm(&stand_in.url());
    let (heard, guard) = listen();
    let response = vend(&tvm).await;
    drop(guard);
    assert_eq!(
        (response.status_code, body(&response)["Code"].as_str()),
        (500, Some("CREDENTIAL_ERROR"))
    );
    for word in ["sts:", "SetSourceIdentity", "AccessDenied", "trust", "SentinelProtected", "arn:"]
    {
        assert!(!response.body.contains(word), "{word}: {}", response.body);
    }
    let log = heard.text();
    for word in [
        "AccessDenied",
        "sts:SetSourceIdentity is not allowed",
        "the role's trust policy does not allow it",
        "SentinelProtected-production",
        &stand_in.requests()[0].request_id,
    ] {
        assert!(log.contains(word), "{word}: {log}");
    }
    let records = serde_json::to_string(&sink.records()).unwrap();
    assert!(records.contains("CREDENTIAL_ERROR") && !records.contains("\"OK\""), "{records}");
}

#[tokio::test]
async fn no_secret_of_sts_is_logged_for_any_answer() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let proxy = Proxy::start(&stand_in.url()).await.unwrap();
    let (heard, guard) = listen();
    let mut secrets = vec![SECRET.to_owned(), TOKEN.to_owned()];
    let mut left = String::new();
    let faults = [Fault::Throttled, Fault::Refused, Fault::Unavailable(503), Fault::CutShort];
    let wrong_answers = WrongAnswer::PLAIN.into_iter().map(Fault::WrongAnswer);
    for fault in std::iter::once(None).chain(faults.into_iter().chain(wrong_answers).map(Some)) {
        proxy.clear_faults();
        let seen: Arc<Mutex<String>> = Arc::default();
        let kept = Arc::clone(&seen);
        match fault {
            Some(fault) => proxy.inject(Rule::all(fault)),
            // A true answer except for its expiration, which is in the past. Its credentials must
            // not be logged or returned.
            None => {
                proxy.inject(Rule::all(Fault::WrongAnswer(WrongAnswer::edited(move |answer| {
                    *kept.lock().unwrap() = answer.to_owned();
                    answer.replace("<Expiration>2", "<Expiration>1")
                }))))
            }
        }
        let (tvm, sink) = tvm(&proxy.url());
        let response = vend(&tvm).await;
        assert_ne!(response.status_code, 200, "{:?}", proxy.calls().last());
        left.push_str(&response.body);
        left.push_str(&format!("{tvm:?} {}", serde_json::to_string(&sink.records()).unwrap()));
        let seen = seen.lock().unwrap();
        for name in ["SecretAccessKey", "SessionToken"] {
            let after = seen.split_once(&format!("<{name}>")).map(|(_, after)| after);
            secrets.extend(after.and_then(|after| after.split('<').next()).map(str::to_owned));
        }
    }
    drop(guard);
    left.push_str(&heard.text());
    left.push_str(&format!("{:?} {proxy:?}", proxy.calls()));
    assert_eq!(secrets.len(), 4);
    for secret in secrets {
        assert!(!left.contains(&secret), "{secret}");
    }
}
