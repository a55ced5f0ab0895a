//! The proxy: what it forwards, what it records, and the faults that it injects.

use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use sentinel_testkit::proxy::{Fault, Proxy, Rule, WrongAnswer};
use sentinel_testkit::sts::StandIn;

use crate::fixed::Fixed;
use crate::roles::{PROTECTED, SECRET, TOKEN, TVM_KEY, setup};
use sentinel_testkit::signed;

const ITEM: &str = r#"{"Item":{"pk":{"S":"alice"},"n":{"N":"1"}}}"#;
const PARAMETER: &str = r#"{"Parameter":{"Name":"/sentinel/policies/main","Type":"SecureString","Value":"x","Version":1}}"#;
const JSON: &[(&str, &str)] = &[("content-type", "application/x-amz-json-1.0")];

fn credentials() -> Credentials {
    Credentials::new(TVM_KEY, SECRET, Some(TOKEN.into()), None, "test")
}

fn config(url: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials()))
        .http_client(sentinel_store::aws::http_client())
        .retry_config(RetryConfig::disabled())
        .endpoint_url(url)
        .build()
}

/// The key of the item that was read; `None` if there is no item.
async fn get_item(url: &str, key: &str) -> Result<Option<String>, aws_sdk_dynamodb::Error> {
    let client = aws_sdk_dynamodb::Client::new(&config(url));
    let key = AttributeValue::S(key.to_owned());
    let answer = client.get_item().table_name("t").key("pk", key).send().await?;
    Ok(answer.item.map(|item| item["pk"].as_s().unwrap().clone()))
}

async fn whoami(url: &str) -> signed::Answer {
    let form = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    signed::post(url, &credentials(), &form).await.unwrap()
}

#[tokio::test]
async fn a_signed_request_still_verifies_behind_the_proxy() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let proxy = Proxy::start(&stand_in.url()).await.unwrap();
    let answer = whoami(&proxy.url()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.element("Arn").unwrap().ends_with("/sentinel-tvm"));
}

#[tokio::test]
async fn a_call_is_recorded_with_its_parameters_and_no_secret() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let proxy = Proxy::start(&stand_in.url()).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    proxy.record(file.reopen().unwrap());
    let form = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", PROTECTED),
        ("RoleSessionName", "s-1"),
    ];
    let answer = signed::post(&proxy.url(), &credentials(), &form).await.unwrap();
    assert_eq!(answer.status, 403);
    let calls = proxy.calls();
    assert_eq!(calls.len(), 1);
    let call = &calls[0];
    assert!(call.is("sts", "AssumeRole") && proxy.count("sts", "AssumeRole") == 1);
    assert_eq!(call.parameters["RoleArn"], PROTECTED);
    assert_eq!(call.parameters["RoleSessionName"], "s-1");
    assert_eq!((call.status, call.fault.as_ref()), (Some(403), None));
    assert_eq!(call.access_key_id.as_deref(), Some(TVM_KEY));
    assert_eq!(call.region.as_deref(), Some("us-east-1"));
    let text = std::fs::read_to_string(file.path()).unwrap();
    assert_eq!(sentinel_testkit::call::read_record(&text).unwrap(), calls);
    for secret in [SECRET, TOKEN, "Signature="] {
        assert!(!text.contains(secret) && !format!("{calls:?}").contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn each_protocol_is_recognized_by_its_headers() {
    let upstream = Fixed::start(200, JSON, PARAMETER).await;
    let proxy = Proxy::start(&upstream.url).await.unwrap();
    let ssm = aws_sdk_ssm::Client::new(&config(&proxy.url()));
    ssm.get_parameter().name("/sentinel/policies/main").with_decryption(true).send().await.unwrap();
    get_item(&proxy.url(), "alice").await.unwrap();
    whoami(&proxy.url()).await;
    signed::send(&proxy.url(), &credentials(), "application/json", &[], "{}".into(), "lambda")
        .await
        .unwrap();
    let calls = proxy.calls();
    let operations: Vec<_> =
        calls.iter().map(|call| (call.service.as_str(), call.operation.as_str())).collect();
    assert_eq!(
        operations,
        [
            ("ssm", "GetParameter"),
            ("dynamodb", "GetItem"),
            ("sts", "GetCallerIdentity"),
            ("lambda", "POST /"),
        ]
    );
    assert_eq!(calls[0].parameters["WithDecryption"], true);
    assert_eq!(calls[0].parameter_types, ["SecureString"]);
    assert_eq!(calls[1].parameters["Key"]["pk"]["S"], "alice");
    assert!(calls[1].parameter_types.is_empty());
}

#[tokio::test]
async fn overlapping_calls_are_recognized() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let proxy = Proxy::start(&stand_in.url()).await.unwrap();
    let url = proxy.url();
    proxy.inject(Rule::all(Fault::SlowBefore(Duration::from_millis(200))));
    tokio::join!(whoami(&url), whoami(&url));
    whoami(&url).await;
    let calls = proxy.calls();
    assert!(calls[0].overlaps(&calls[1]) && calls[1].overlaps(&calls[0]));
    assert!(!calls[1].overlaps(&calls[2]) && !calls[2].overlaps(&calls[0]));
}

#[tokio::test]
async fn a_fault_is_injected_into_the_selected_calls_only() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let proxy = Proxy::start(&stand_in.url()).await.unwrap();
    let url = proxy.url();
    let unavailable = || Fault::Unavailable(503);
    proxy.inject(Rule::service("ssm", unavailable()));
    proxy.inject(Rule::operation("sts", "AssumeRole", unavailable()));
    proxy.inject(Rule::operation("sts", "GetCallerIdentity", unavailable()).calls(2..=3));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(whoami(&url).await.status);
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
    let faults: Vec<_> = proxy.calls().into_iter().map(|call| call.fault).collect();
    let fault = Some("Unavailable(503)".to_owned());
    assert_eq!(faults, [None, fault.clone(), fault, None]);
    proxy.inject(Rule::all(unavailable()));
    assert_eq!(whoami(&url).await.status, 503);
    proxy.clear_faults();
    assert_eq!(whoami(&url).await.status, 200);
    proxy.clear_calls();
    assert_eq!(proxy.calls(), []);
}

#[tokio::test]
async fn errors_have_the_format_of_each_service() {
    let upstream = Fixed::start(200, JSON, ITEM).await;
    let proxy = Proxy::start(&upstream.url).await.unwrap();
    let url = proxy.url();
    let ssm = aws_sdk_ssm::Client::new(&config(&url));
    for (fault, dynamodb, of_ssm, sts) in [
        (
            Fault::Throttled,
            "ProvisionedThroughputExceededException",
            "ThrottlingException",
            "Throttling",
        ),
        (Fault::Refused, "AccessDeniedException", "AccessDeniedException", "AccessDenied"),
        (Fault::Error(400, "SomethingElse"), "SomethingElse", "SomethingElse", "SomethingElse"),
    ] {
        proxy.clear_faults();
        proxy.inject(Rule::all(fault));
        let error = get_item(&url, "alice").await.unwrap_err();
        assert_eq!(error.code(), Some(dynamodb));
        let error = ssm.get_parameter().name("p").send().await.unwrap_err();
        assert_eq!(error.code(), Some(of_ssm));
        let answer = whoami(&url).await;
        assert_eq!(answer.outcome(), sts);
        assert!(answer.element("Type").is_some() && answer.element("RequestId").is_some());
    }
}

#[tokio::test]
async fn no_wrong_answer_about_an_item_is_accepted() {
    let upstream = Fixed::start(200, JSON, ITEM).await;
    let proxy = Proxy::start(&upstream.url).await.unwrap();
    let url = proxy.url();
    let alices = Some("alice".to_owned());
    assert_eq!(get_item(&url, "bob").await.unwrap(), alices);
    for wrong in WrongAnswer::PLAIN {
        proxy.clear_faults();
        proxy.inject(Rule::all(Fault::WrongAnswer(wrong.clone())));
        let answer = get_item(&url, "alice").await;
        match wrong {
            // An item: only its reader can detect that it is another one.
            WrongAnswer::Another => assert_eq!(answer.unwrap(), alices),
            // An answer that contains no item.
            WrongAnswer::Empty => assert_eq!(answer.unwrap(), None),
            WrongAnswer::Malformed
            | WrongAnswer::Truncated
            | WrongAnswer::Halved
            | WrongAnswer::WrongTypes
            | WrongAnswer::Html
            | WrongAnswer::Edited(_) => assert!(answer.is_err(), "{wrong:?}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn another_answer_is_of_other_parameters_or_none() {
    let upstream = Fixed::start(200, JSON, ITEM).await;
    let proxy = Proxy::start(&upstream.url).await.unwrap();
    get_item(&proxy.url(), "alice").await.unwrap();
    proxy.inject(Rule::all(Fault::WrongAnswer(WrongAnswer::Another)));
    assert!(get_item(&proxy.url(), "alice").await.is_err(), "it is the only one");
    assert_eq!(proxy.calls()[1].status, Some(502));
    assert!(get_item(&proxy.url(), "bob").await.is_ok());
}

#[tokio::test]
async fn a_half_dead_endpoint_returns_no_complete_answer() {
    let upstream = Fixed::start(200, JSON, ITEM).await;
    let proxy = Proxy::start(&upstream.url).await.unwrap();
    let url = proxy.url();
    for (fault, ends) in [
        (Fault::Silent, false),
        (Fault::Stalled, false),
        (Fault::CutShort, true),
        (Fault::Reset, true),
        (Fault::WrongAnswer(WrongAnswer::Truncated), true),
    ] {
        proxy.clear_faults();
        proxy.inject(Rule::all(fault.clone()));
        // A fault that ends the connection ends it promptly, however busy the machine is. Any other
        // does not end it within half a second.
        let within = Duration::from_millis(if ends { 5000 } else { 500 });
        let waited = tokio::time::timeout(within, get_item(&url, "alice")).await;
        assert_eq!(waited.is_ok(), ends, "{fault:?}");
        if let Ok(answer) = waited {
            assert!(answer.is_err(), "{fault:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_delay_is_before_or_after_the_effect_of_a_call() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let proxy = Proxy::start(&stand_in.url()).await.unwrap();
    let delay = Duration::from_millis(300);
    for (fault, done) in [(Fault::SlowBefore(delay), 0), (Fault::SlowAfter(delay), 1)] {
        proxy.clear_faults();
        proxy.inject(Rule::all(fault.clone()));
        let before = stand_in.requests().len();
        let url = proxy.url();
        let (started, asking) = (Instant::now(), tokio::spawn(async move { whoami(&url).await }));
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(stand_in.requests().len() - before, done, "{fault:?}");
        assert_eq!(asking.await.unwrap().status, 200);
        assert!(started.elapsed() >= delay, "{fault:?}");
    }
}

#[tokio::test]
async fn a_call_whose_client_timed_out_is_recorded_without_a_status() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let proxy = Proxy::start(&stand_in.url()).await.unwrap();
    proxy.inject(Rule::all(Fault::Silent));
    let url = proxy.url();
    let asking = tokio::time::timeout(Duration::from_secs(1), get_item(&url, "alice"));
    assert!(asking.await.is_err());
    let mut calls = proxy.calls();
    for _ in 0..250 {
        if !calls.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        calls = proxy.calls();
    }
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].status, calls[0].fault.as_deref()), (None, Some("Silent")));
}

#[tokio::test]
async fn an_endpoint_must_be_a_plain_address() {
    for wrong in ["", "127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://127.0.0.1:1/path"] {
        assert!(Proxy::start(wrong).await.is_err(), "{wrong}");
    }
}
