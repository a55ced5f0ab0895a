//! `StsIssuer` against the stand-in, over HTTP. A proxy is between them if an answer must differ
//! from STS's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use sentinel_broker::{AssumeRole, IssueError, Issued, Issuer, SourceIdentityFormat};
use sentinel_policy::RoleArn;
use sentinel_store::{CallerKey, Causes, ProfileName, SessionHandle};
use sentinel_testkit::proxy::{Fault, Proxy, Rule, WrongAnswer};
use sentinel_testkit::sts::{Setup, StandIn};
use sentinel_tvm::StsIssuer;
use serde_json::json;

use crate::fixed::Fixed;
use crate::roles::{PROTECTED, SECRET, TOKEN, TVM_KEY, role, setup, trust, tvm_policy};
use sentinel_testkit::signed;

/// An issuer that signs as the function does.
pub(crate) fn issuer(url: &str) -> StsIssuer {
    let credentials = Credentials::new(TVM_KEY, SECRET, Some(TOKEN.into()), None, "test");
    issuer_as(url, credentials, "us-east-1")
}

pub(crate) fn issuer_as(url: &str, credentials: Credentials, region: &str) -> StsIssuer {
    let config = SdkConfig::builder()
        .behavior_version(
            aws_smithy_runtime_api::client::behavior_version::BehaviorVersion::latest(),
        )
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(sentinel_store::aws::http_client())
        .endpoint_url(url)
        .build();
    StsIssuer::new(&config)
}

/// The broker's request for alice.
pub(crate) fn request() -> AssumeRole {
    let caller = CallerKey::parse("alice").unwrap();
    let handle = SessionHandle::new(caller.hash(), [7; 10]);
    let source_identity = SourceIdentityFormat::default().of_session(&caller, &handle);
    let profile = ProfileName::parse("production").unwrap();
    AssumeRole::new(RoleArn::parse(PROTECTED).unwrap(), source_identity, "alice", profile)
        .with_session_tag(handle.to_string())
}

fn is_about(at: DateTime<Utc>, expected: DateTime<Utc>) -> bool {
    (at - expected).abs() < TimeDelta::seconds(30)
}

/// The kind of an error, and its whole text.
fn kind_and_text(result: Result<Issued, IssueError>) -> (&'static str, String) {
    let error = result.expect_err("credentials were issued");
    let kind = match &error {
        IssueError::Throttled(_) => "throttled",
        IssueError::Refused(_) => "refused",
        IssueError::Unavailable(_) => "unavailable",
    };
    let text = format!("{} {error:?}", Causes(&error));
    for secret in [SECRET, TOKEN] {
        assert!(!text.contains(secret), "{text}");
    }
    (kind, text)
}

#[tokio::test]
async fn credentials_come_with_every_stamp() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let request = request();
    let issued = issuer(&stand_in.url()).assume_role(&request).await.unwrap();
    let requests = stand_in.requests();
    assert_eq!(requests.len(), 1);
    let stamp = request.source_identity.as_str();
    let sent: Vec<_> =
        requests[0].parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        sent,
        [
            ("Action", "AssumeRole"),
            ("DurationSeconds", "3600"),
            ("RoleArn", PROTECTED),
            ("RoleSessionName", stamp),
            ("SourceIdentity", stamp),
            ("Tags.member.1.Key", "SentinelSession"),
            ("Tags.member.1.Value", request.session_tag.as_str()),
            ("Tags.member.2.Key", "SentinelUser"),
            ("Tags.member.2.Value", "alice"),
            ("Tags.member.3.Key", "SentinelProfile"),
            ("Tags.member.3.Value", "production"),
            ("Tags.member.4.Key", "SentinelAccess"),
            ("Tags.member.4.Value", "direct"),
            ("TransitiveTagKeys.member.1", "SentinelUser"),
            ("TransitiveTagKeys.member.2", "SentinelProfile"),
            ("TransitiveTagKeys.member.3", "SentinelAccess"),
            ("Version", "2011-06-15"),
        ]
    );
    assert_eq!(issued.request_id.as_ref(), Some(&requests[0].request_id));
    assert!(is_about(issued.credentials.expiration, Utc::now() + TimeDelta::hours(1)));
    // The credentials belong to the principal that the answer names.
    let vended = Credentials::new(
        &issued.credentials.access_key_id,
        issued.credentials.secret_access_key.reveal(),
        Some(issued.credentials.session_token.reveal().to_owned()),
        None,
        "test",
    );
    let form = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let whoami = signed::post(&stand_in.url(), &vended, &form).await.unwrap();
    let arn =
        format!("arn:aws:sts::111122223333:assumed-role/SentinelProtected-production/{stamp}");
    assert_eq!(whoami.element("Arn"), Some(arn.as_str()));
}

#[tokio::test]
async fn an_end_is_sent_as_the_inline_policy() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let end = Utc::now() + TimeDelta::minutes(3);
    let request = request().with_seconds(900).with_end(end);
    issuer(&stand_in.url()).assume_role(&request).await.unwrap();
    let sent = &stand_in.requests()[0].parameters;
    assert_eq!(sent.get("Policy"), request.session_policy().as_ref());
    assert_eq!(sent["DurationSeconds"], "900");
}

/// A changed setup.
fn changed(change: impl FnOnce(&mut Setup)) -> Setup {
    let mut setup = setup();
    change(&mut setup);
    setup
}

#[tokio::test]
async fn a_refusal_by_sts_is_a_refusal_and_the_log_names_what_to_check() {
    let without_second = |mut document: serde_json::Value| {
        document["Statement"].as_array_mut().unwrap().truncate(1);
        document
    };
    let without_set = |mut document: serde_json::Value| {
        document["Statement"][0]["Action"] = json!("sts:AssumeRole");
        document
    };
    let of_colons = |mut document: serde_json::Value| {
        document["Statement"][0]["Condition"]["StringLike"]["sts:SourceIdentity"] =
            json!("sentinel:*");
        document
    };
    let cases: Vec<(&str, Setup, AssumeRole, &[&str])> = vec![
        (
            "no such role",
            changed(|setup| setup.roles.clear()),
            request(),
            &["AccessDenied", "sts:AssumeRole is not allowed", "trust policy"],
        ),
        (
            "trust without SetSourceIdentity",
            changed(|setup| setup.roles[0].trust = without_set(trust())),
            request(),
            &["AccessDenied", "sts:SetSourceIdentity is not allowed", "trust policy"],
        ),
        (
            "identity without SetSourceIdentity",
            changed(|setup| setup.callers[0].policies = vec![without_set(tvm_policy())]),
            request(),
            &["AccessDenied", "sts:SetSourceIdentity", "no policy of this function's role"],
        ),
        (
            "trust without TagSession",
            changed(|setup| setup.roles[0].trust = without_second(trust())),
            request(),
            &["AccessDenied", "sts:TagSession is not allowed", "trust policy"],
        ),
        (
            "the guide's condition, with a colon",
            changed(|setup| setup.roles[0].trust = of_colons(trust())),
            request(),
            &["AccessDenied", "sts:AssumeRole is not allowed", "trust policy"],
        ),
        (
            "a caller with a source identity",
            changed(|setup| setup.callers[0].source_identity = Some("sentinel-bob-1".into())),
            request(),
            &["AccessDenied", "own session has a source identity"],
        ),
        (
            "chaining over an hour",
            setup(),
            request().with_seconds(3601),
            &["ValidationError", "at most an hour"],
        ),
        (
            "longer than the role",
            changed(|setup| {
                setup.roles = vec![role(PROTECTED, trust())];
                setup.roles[0].max_session_duration = 3600;
            }),
            request().with_seconds(3601),
            &["ValidationError", "MaxSessionDuration"],
        ),
        (
            "longer than STS allows",
            setup(),
            request().with_seconds(43_201),
            &["ValidationError", "STS does not accept the duration"],
        ),
        (
            "more than a number can contain",
            setup(),
            request().with_seconds(u32::MAX),
            &["DurationSeconds is out of range"],
        ),
        (
            "a tag that STS refuses",
            setup(),
            request().with_session_tag("a,b"),
            &["ValidationError"],
        ),
        (
            "expired",
            changed(|setup| setup.callers[0].expires = Some(Utc::now() - TimeDelta::seconds(1))),
            request(),
            &["ExpiredToken", "own credentials have expired"],
        ),
        (
            "unknown",
            changed(|setup| setup.callers.clear()),
            request(),
            &["InvalidClientTokenId", "STS does not know"],
        ),
    ];
    for (what, setup, request, words) in cases {
        let stand_in = StandIn::start(&setup).await.unwrap();
        let (kind, text) = kind_and_text(issuer(&stand_in.url()).assume_role(&request).await);
        assert_eq!(kind, "refused", "{what}: {text}");
        for word in words {
            assert!(text.contains(word), "{what}: `{word}` is not in: {text}");
        }
        assert!(stand_in.requests().len() <= 1, "{what}: a refusal was retried");
    }
}

#[tokio::test]
async fn a_colon_in_a_source_identity_is_refused_by_sts() {
    // The type cannot contain a colon, so the request is sent without it. The stand-in answers as
    // STS would.
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let credentials = Credentials::new(TVM_KEY, SECRET, Some(TOKEN.into()), None, "test");
    let form = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", PROTECTED),
        ("RoleSessionName", "sentinel:alice:abc123"),
        ("SourceIdentity", "sentinel:alice:abc123"),
    ];
    let answer = signed::post(&stand_in.url(), &credentials, &form).await.unwrap();
    assert_eq!(answer.outcome(), "ValidationError");
    let message = answer.element("Message").unwrap();
    assert!(message.contains("sourceIdentity") && message.contains("roleSessionName"), "{message}");
    assert!(SourceIdentityFormat::with_separator(":").is_none());
}

#[tokio::test]
async fn another_region_or_secret_is_refused() {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let good = Credentials::new(TVM_KEY, SECRET, Some(TOKEN.into()), None, "test");
    let wrong = Credentials::new(TVM_KEY, "another", Some(TOKEN.into()), None, "test");
    for (credentials, region) in [(wrong, "us-east-1"), (good, "eu-west-1")] {
        let issuer = issuer_as(&stand_in.url(), credentials, region);
        let (kind, text) = kind_and_text(issuer.assume_role(&request()).await);
        assert!(kind == "refused" && text.contains("SignatureDoesNotMatch"), "{kind} {text}");
    }
}

/// A stand-in and a proxy in front of it.
async fn behind_proxy() -> (StandIn, Proxy) {
    let stand_in = StandIn::start(&setup()).await.unwrap();
    let proxy = Proxy::start(&stand_in.url()).await.unwrap();
    (stand_in, proxy)
}

#[tokio::test]
async fn errors_are_distinguished_by_what_the_caller_can_do() {
    let (_stand_in, proxy) = behind_proxy().await;
    let issuer = issuer(&proxy.url());
    for (fault, expected) in [
        (Fault::Throttled, "throttled"),
        (Fault::Error(400, "ThrottlingException"), "throttled"),
        (Fault::Error(503, "SlowDown"), "throttled"),
        (Fault::Error(429, "Whatever"), "throttled"),
        (Fault::Unavailable(429), "throttled"),
        (Fault::Refused, "refused"),
        (Fault::Error(400, "MalformedPolicyDocument"), "refused"),
        (Fault::Error(400, "PackedPolicyTooLarge"), "refused"),
        (Fault::Error(403, "RegionDisabledException"), "refused"),
        (Fault::Error(400, "ValidationError"), "refused"),
        (Fault::Error(403, "ExpiredToken"), "refused"),
        (Fault::Error(400, "ExpiredTokenException"), "refused"),
        (Fault::Error(403, "InvalidClientTokenId"), "refused"),
        (Fault::Error(403, "OptInRequired"), "refused"),
        (Fault::Error(400, "SomethingNew"), "refused"),
        (Fault::Error(500, "InternalFailure"), "unavailable"),
        (Fault::Error(503, "ServiceUnavailable"), "unavailable"),
        (Fault::Error(400, "RequestTimeout"), "unavailable"),
        (Fault::Unavailable(500), "unavailable"),
        (Fault::Unavailable(503), "unavailable"),
        (Fault::Unavailable(403), "unavailable"),
        (Fault::CutShort, "unavailable"),
        (Fault::Reset, "unavailable"),
    ] {
        proxy.clear_faults();
        proxy.inject(Rule::service("sts", fault.clone()));
        let (kind, text) = kind_and_text(issuer.assume_role(&request()).await);
        assert_eq!(kind, expected, "{fault:?}: {text}");
    }
    proxy.clear_faults();
    assert!(issuer.assume_role(&request()).await.is_ok());
}

#[tokio::test]
async fn an_endpoint_without_a_listener_is_unavailable_immediately() {
    let url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let started = Instant::now();
    assert_eq!(kind_and_text(issuer(&url).assume_role(&request()).await).0, "unavailable");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_failed_attempt_is_retried_and_at_most_three_are_made() {
    let (_stand_in, proxy) = behind_proxy().await;
    for fault in [Fault::Throttled, Fault::Unavailable(503), Fault::Reset, Fault::CutShort] {
        // A separate client, because the SDK keeps a budget of retries per client.
        let issuer = issuer(&proxy.url());
        proxy.clear_faults();
        proxy.clear_calls();
        proxy.inject(Rule::operation("sts", "AssumeRole", fault.clone()).calls(1..=2));
        assert!(issuer.assume_role(&request()).await.is_ok(), "{fault:?}");
        assert_eq!(proxy.count("sts", "AssumeRole"), 3, "{fault:?}");
        proxy.clear_calls();
        proxy.inject(Rule::operation("sts", "AssumeRole", fault.clone()));
        assert!(issuer.assume_role(&request()).await.is_err(), "{fault:?}");
        assert_eq!(proxy.count("sts", "AssumeRole"), 3, "{fault:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_respond_in_time_is_unavailable_within_ten_seconds() {
    let faults = [
        Fault::SlowBefore(Duration::from_secs(10)),
        Fault::SlowAfter(Duration::from_secs(10)),
        Fault::Silent,
        Fault::Stalled,
    ];
    // Concurrently, because each takes the maximum time.
    let requests = faults.map(|fault| async move {
        let (_stand_in, proxy) = behind_proxy().await;
        proxy.inject(Rule::all(fault.clone()));
        let started = Instant::now();
        let (kind, text) = kind_and_text(issuer(&proxy.url()).assume_role(&request()).await);
        assert_eq!(kind, "unavailable", "{fault:?}: {text}");
        let took = started.elapsed();
        assert!(took < Duration::from_secs(11), "{fault:?}: {took:?}");
    });
    futures_util::future::join_all(requests).await;
}

#[tokio::test]
async fn a_slow_first_attempt_leaves_room_for_a_second() {
    let (_stand_in, proxy) = behind_proxy().await;
    proxy.inject(Rule::all(Fault::Silent).calls(1..=1));
    assert!(issuer(&proxy.url()).assume_role(&request()).await.is_ok());
}

#[tokio::test]
async fn no_wrong_answer_becomes_credentials() {
    let (_stand_in, proxy) = behind_proxy().await;
    // The answer for another caller, which the proxy returns for this one.
    let other = CallerKey::parse("bob").unwrap();
    let handle = SessionHandle::new(other.hash(), [9; 10]);
    let mut others = request();
    others.source_identity = SourceIdentityFormat::default().of_session(&other, &handle);
    issuer(&proxy.url()).assume_role(&others).await.unwrap();
    for wrong in WrongAnswer::PLAIN {
        proxy.clear_faults();
        proxy.inject(Rule::all(Fault::WrongAnswer(wrong.clone())));
        let (kind, text) = kind_and_text(issuer(&proxy.url()).assume_role(&request()).await);
        assert_eq!(kind, "unavailable", "{wrong:?}: {text}");
    }
}

/// The answer with the text of an element replaced, or without the element.
fn with(name: &'static str, text: Option<&'static str>) -> WrongAnswer {
    WrongAnswer::edited(move |answer| {
        let (opening, closing) = (format!("<{name}>"), format!("</{name}>"));
        let (before, rest) = answer.split_once(&opening).unwrap();
        let (_, after) = rest.split_once(&closing).unwrap();
        match text {
            Some(text) => format!("{before}{opening}{text}{closing}{after}"),
            None => format!("{before}{after}"),
        }
    })
}

#[tokio::test]
async fn an_incomplete_or_malformed_answer_is_an_error() {
    let (_stand_in, proxy) = behind_proxy().await;
    let other =
        "arn:aws:sts::111122223333:assumed-role/SentinelProtected-production/sentinel-bob-abcdefgh";
    for (name, text) in [
        ("Credentials", None),
        ("Credentials", Some("")),
        ("AccessKeyId", None),
        ("AccessKeyId", Some("")),
        ("AccessKeyId", Some("ASIA SHORT AND SPACED")),
        ("AccessKeyId", Some("ASIASHORT")),
        ("SecretAccessKey", None),
        ("SecretAccessKey", Some("")),
        ("SecretAccessKey", Some("two words")),
        ("SessionToken", None),
        ("SessionToken", Some("")),
        ("Expiration", None),
        ("Expiration", Some("")),
        ("Expiration", Some("soon")),
        ("Expiration", Some("2020-01-01T00:00:00Z")),
        ("Expiration", Some("2999-01-01T00:00:00Z")),
        ("Expiration", Some("99999-01-01T00:00:00Z")),
        ("AssumedRoleUser", None),
        ("AssumedRoleUser", Some("")),
        ("Arn", Some("")),
        ("Arn", Some(other)),
        ("AssumedRoleId", Some("AROA3XFRBF535PLBIFPI4:sentinel-bob-abcdefgh")),
        ("AssumedRoleId", Some("")),
        ("SourceIdentity", Some("sentinel-bob-abcdefgh")),
        ("SourceIdentity", Some("")),
        ("AssumeRoleResult", Some("")),
    ] {
        proxy.clear_faults();
        proxy.inject(Rule::all(Fault::WrongAnswer(with(name, text))));
        let (kind, message) = kind_and_text(issuer(&proxy.url()).assume_role(&request()).await);
        assert_eq!(kind, "unavailable", "{name} {text:?}: {message}");
    }
    // Emulators do not repeat the source identity. The session name is the same text, and it was
    // compared.
    proxy.clear_faults();
    proxy.inject(Rule::all(Fault::WrongAnswer(with("SourceIdentity", None))));
    assert!(issuer(&proxy.url()).assume_role(&request()).await.is_ok());
}

/// A truncated answer yields the credentials that it contained, or none.
#[tokio::test]
async fn a_truncated_answer_never_becomes_other_credentials() {
    let (_stand_in, proxy) = behind_proxy().await;
    let seen = Arc::new(std::sync::Mutex::new(String::new()));
    let issuer = issuer(&proxy.url());
    for end in (0..1400).step_by(9) {
        let seen = Arc::clone(&seen);
        let kept = Arc::clone(&seen);
        proxy.clear_faults();
        proxy.inject(Rule::all(Fault::WrongAnswer(WrongAnswer::edited(move |answer| {
            *kept.lock().unwrap() = answer.to_owned();
            answer.chars().take(end).collect()
        }))));
        if let Ok(issued) = issuer.assume_role(&request()).await {
            let whole = seen.lock().unwrap().clone();
            let credentials = issued.credentials;
            for text in [
                &*credentials.access_key_id,
                credentials.secret_access_key.reveal(),
                credentials.session_token.reveal(),
            ] {
                assert!(
                    whole.contains(&format!(">{text}<")),
                    "at {end}: a part was taken for whole"
                );
            }
        }
    }
}

#[tokio::test]
async fn only_the_code_the_id_and_known_words_of_an_sts_error_are_used() {
    for code in ["AccessDenied", "ValidationError", "Throttling", "InternalFailure", TOKEN] {
        let echo = format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>sts:TagSession {TOKEN} {SECRET}\
             </Message></Error><RequestId>{TOKEN}</RequestId></ErrorResponse>"
        );
        let server = Fixed::start(400, &[("x-amzn-requestid", TOKEN)], &echo).await;
        let (_, text) = kind_and_text(issuer(&server.url).assume_role(&request()).await);
        let explained = text.contains("sts:TagSession is not allowed");
        assert_eq!(explained, code == "AccessDenied", "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// STS accepts the source identity of every caller key, also as a session name.
    #[test]
    fn every_source_identity_is_accepted_by_sts(
        name in "\\PC{1,80}",
        random in any::<[u8; 10]>(),
        separator in prop::sample::select(vec!["-", "_", ".", ",", "@", "+", "="]),
    ) {
        let Ok(caller) = CallerKey::parse(&name) else { return Ok(()) };
        let format = SourceIdentityFormat::with_separator(separator).unwrap();
        let handle = SessionHandle::new(caller.hash(), random);
        let mut request = request();
        request.source_identity = format.of_session(&caller, &handle);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let any = changed(|setup| {
                setup.callers[0].policies = vec![json!({ "Statement":
                    { "Effect": "Allow", "Action": "sts:*", "Resource": "*" } })];
                setup.roles[0].trust = json!({ "Statement":
                    { "Effect": "Allow", "Principal": "*", "Action": "sts:*" } });
            });
            let stand_in = StandIn::start(&any).await.unwrap();
            let issued = issuer(&stand_in.url()).assume_role(&request).await;
            assert!(issued.is_ok(), "{}: {issued:?}", request.source_identity);
        });
    }
}
