//! Calls without the SDK's orchestrator: every call of a client after its first one. They are equivalent to
//! those of the SDK, and the SDK makes the further attempts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::SdkConfig;
use sentinel_broker::Issuer as _;
use sentinel_store::aws::Timing;
use sentinel_store::dynamodb::DynamoSessions;
use sentinel_store::{CallerKey, Gate, SessionStore as _, StoreError};
use sentinel_testkit::proxy::{Fault, Proxy, Rule, WrongAnswer};
use sentinel_testkit::sts::StandIn;
use serde_json::Value;

use crate::fixed::Fixed;
use crate::issuer::{issuer, request};
use crate::roles::{SECRET, TOKEN, TVM_KEY, setup};

/// There is no gate.
const NO_ITEM: &str = r#"{"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.0}}"#;
const JSON: &[(&str, &str)] = &[("content-type", "application/x-amz-json-1.0")];

/// For a busy machine: the connection and an attempt take as long as they need.
const TIMING: Timing = Timing::new(Duration::from_secs(90))
    .with_connect(Duration::from_secs(10))
    .with_attempt(Duration::from_secs(30));

fn config(url: &str) -> SdkConfig {
    config_with(url, sentinel_store::aws::http_client())
}

fn config_with(url: &str, client: SharedHttpClient) -> SdkConfig {
    let variable = |name: &str| {
        let value = match name {
            "AWS_REGION" => "us-east-1",
            "AWS_ACCESS_KEY_ID" => TVM_KEY,
            "AWS_SECRET_ACCESS_KEY" => SECRET,
            "AWS_SESSION_TOKEN" => TOKEN,
            "AWS_ENDPOINT_URL" => url,
            _ => return None,
        };
        Some(value.to_owned())
    };
    sentinel_store::aws::config(variable, client).unwrap()
}

fn sessions(url: &str, timing: Timing) -> DynamoSessions {
    DynamoSessions::new(&config(url), "t").with_timing(timing)
}

async fn gate(sessions: &DynamoSessions) -> Result<Gate, StoreError> {
    sessions.gate(&CallerKey::parse("alice").unwrap()).await
}

/// An HTTP client that shows whether anything that uses it is left.
#[derive(Debug)]
struct Watched {
    inner: SharedHttpClient,
    _used: Arc<()>,
}

impl HttpClient for Watched {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.inner.http_connector(settings, components)
    }
}

/// The route of direct calls contains the components of the client, with the observer that stores it.
#[tokio::test]
async fn a_client_that_is_dropped_leaves_nothing_behind() {
    let table = Fixed::start(200, JSON, NO_ITEM).await;
    let used = Arc::new(());
    let watched = Watched { inner: sentinel_store::aws::http_client(), _used: Arc::clone(&used) };
    let sessions =
        DynamoSessions::new(&config_with(&table.url, SharedHttpClient::new(watched)), "t")
            .with_timing(TIMING);
    for _ in 0..2 {
        gate(&sessions).await.unwrap();
    }
    assert!(Arc::strong_count(&used) > 1);
    drop(sessions);
    assert_eq!(Arc::strong_count(&used), 1);
}

/// A table behind a proxy, whose client has sent its first call.
struct Warm {
    sessions: DynamoSessions,
    proxy: Proxy,
    _table: Fixed,
}

impl Warm {
    async fn start(timing: Timing) -> Self {
        let table = Fixed::start(200, JSON, NO_ITEM).await;
        let proxy = Proxy::start(&table.url).await.unwrap();
        let sessions = sessions(&proxy.url(), timing);
        gate(&sessions).await.unwrap();
        proxy.clear_calls();
        Self { sessions, proxy, _table: table }
    }

    fn calls(&self) -> usize {
        self.proxy.count("dynamodb", "GetItem")
    }
}

/// The headers of a request by name, and its body, without what differs between any two requests.
fn content(request: &str) -> (Vec<&str>, Value) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let own = ["amz-sdk-", "authorization", "user-agent", "x-amz-date", "x-amz-user-agent"];
    let mut lines: Vec<_> =
        head.lines().filter(|line| !own.iter().any(|own| line.starts_with(own))).collect();
    lines.sort_unstable();
    // The attributes of a key are in any order.
    (lines, serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn a_direct_call_sends_what_the_sdk_sends() {
    let table = Fixed::start(200, JSON, NO_ITEM).await;
    let sessions = sessions(&table.url, TIMING);
    for _ in 0..3 {
        gate(&sessions).await.unwrap();
    }
    let requests = table.requests();
    let [first, direct @ ..] = requests.as_slice() else { panic!("no request") };
    assert!(first.contains("amz-sdk-invocation-id: "), "{first}");
    assert_eq!(direct.len(), 2);
    for request in direct {
        assert!(!request.contains("amz-sdk-"), "the SDK sent it: {request}");
        assert!(request.contains("user-agent: sentinel/"), "{request}");
        assert_eq!(content(request), content(first));
    }
}

#[tokio::test]
async fn sts_accepts_the_signatures_of_direct_calls() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let issuer = issuer(&stand_in.url());
    for _ in 0..3 {
        issuer.assume_role(&request()).await.unwrap();
    }
    assert_eq!(stand_in.requests().len(), 3);
}

#[tokio::test]
async fn a_failed_direct_call_is_repeated_once_by_the_sdk_if_that_succeeds() {
    let warm = Warm::start(TIMING).await;
    for fault in [
        Fault::Throttled,
        Fault::Unavailable(500),
        Fault::Unavailable(503),
        Fault::Error(400, "ThrottlingException"),
        Fault::Reset,
        Fault::CutShort,
        Fault::WrongAnswer(WrongAnswer::Truncated),
    ] {
        warm.proxy.clear_calls();
        warm.proxy.inject(Rule::all(fault.clone()).calls(1..=1));
        let result = gate(&warm.sessions).await;
        assert!(result.is_ok(), "{fault:?}: {result:?}");
        assert_eq!(warm.calls(), 2, "{fault:?}");
        warm.proxy.clear_faults();
    }
}

#[tokio::test]
async fn direct_calls_do_not_add_attempts() {
    let warm = Warm::start(TIMING).await;
    for fault in [Fault::Throttled, Fault::Unavailable(500), Fault::Reset] {
        warm.proxy.clear_calls();
        warm.proxy.inject(Rule::all(fault.clone()));
        gate(&warm.sessions).await.unwrap_err();
        assert_eq!(warm.calls(), 3, "{fault:?}");
        warm.proxy.clear_faults();
    }
}

#[tokio::test]
async fn what_the_service_refuses_is_sent_once() {
    let warm = Warm::start(TIMING).await;
    for fault in [Fault::Refused, Fault::Error(400, "ResourceNotFoundException")] {
        warm.proxy.clear_calls();
        warm.proxy.inject(Rule::all(fault.clone()));
        let refused = gate(&warm.sessions).await.unwrap_err();
        assert!(matches!(refused, StoreError::Refused(_)), "{fault:?}: {refused:?}");
        assert_eq!(warm.calls(), 1, "{fault:?}");
        warm.proxy.clear_faults();
    }
}

#[tokio::test]
async fn a_response_without_the_requested_data_is_not_an_open_gate() {
    let warm = Warm::start(TIMING).await;
    for wrong in
        [WrongAnswer::Empty, WrongAnswer::Html, WrongAnswer::Malformed, WrongAnswer::Halved]
    {
        warm.proxy.inject(Rule::all(Fault::WrongAnswer(wrong.clone())));
        let result = gate(&warm.sessions).await;
        assert!(matches!(result, Err(StoreError::Unavailable(_))), "{wrong:?}: {result:?}");
        warm.proxy.clear_faults();
    }
}

/// The first attempt and those of the SDK together take no longer than the timeout of the call.
#[tokio::test]
async fn a_silent_service_ends_a_direct_call_in_time() {
    let timing = Timing::new(Duration::from_secs(2))
        .with_connect(Duration::from_secs(10))
        .with_attempt(Duration::from_millis(1500));
    let warm = Warm::start(timing).await;
    warm.proxy.inject(Rule::all(Fault::Silent));
    let begun = Instant::now();
    let error = gate(&warm.sessions).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    // With the whole time for the SDK, it would take 3.5 s.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}
