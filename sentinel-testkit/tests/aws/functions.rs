//! The two functions as processes, with a Runtime API: the failures that no event and no
//! environment may cause.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use sentinel_testkit::runtime_api::{Function, InvocationResult, Start};
use serde_json::{Value, json};

pub(crate) const TVM: &str = env!("CARGO_BIN_EXE_tvm-under-test");
pub(crate) const AUTHORIZER: &str = env!("CARGO_BIN_EXE_authorizer-under-test");
const PANICKING: &str = env!("CARGO_BIN_EXE_panicking-function");

const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const SESSION_TOKEN: &str = "FwoGZXIvYXdzEXAMPLETOKENaDHJhbmRvbQ";
/// A session id that parses.
const SESSION_ID: &str =
    "session-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbba";

/// A function with credentials that uses this address for AWS.
fn start(program: &str, endpoint: &str) -> Start {
    Start::new(program)
        .with("AWS_REGION", "us-east-1")
        .with("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .with("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .with("AWS_SESSION_TOKEN", SESSION_TOKEN)
        .with("AWS_ENDPOINT_URL", endpoint)
        .with("SENTINEL_SESSION_TABLE", "sentinel-sessions")
        .with("SENTINEL_POLICY_PARAMETER", "/sentinel/policies/main")
}

/// An endpoint that accepts connections and never answers.
struct Silent(TcpListener);

impl Silent {
    fn new() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).unwrap())
    }

    fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }
}

fn http_event(method: &str, path: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "ANY /{proxy+}",
        "rawPath": path,
        "rawQueryString": "profile=production",
        "headers": { "host": "abc.execute-api.us-east-1.amazonaws.com" },
        "requestContext": {
            "stage": "$default",
            "requestId": "JKJaXmPLvHcESHA=",
            "http": { "method": method, "sourceIp": "203.0.113.9" },
            "authorizer": { "iam": {
                "userArn": "arn:aws:iam::111122223333:user/alice",
                "accountId": "111122223333",
            } },
        },
        "isBase64Encoded": false,
    })
}

pub(crate) fn authorizer_event(id: Option<&str>) -> Value {
    let mut headers = json!({ "host": "abc.execute-api.us-east-1.amazonaws.com" });
    if let Some(id) = id {
        headers["x-sentinel-session-id"] = id.into();
    }
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:us-east-1:111122223333:abc/$default/GET/sensitive",
        "headers": headers,
        "requestContext": { "requestId": "JKJaXmPLvHcESHA=" },
    })
}

/// The status and the code of a TVM's answer.
pub(crate) fn code(outcome: &InvocationResult) -> (u64, String) {
    let answer = outcome.response().unwrap();
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    (answer["statusCode"].as_u64().unwrap(), body["Code"].as_str().unwrap().to_owned())
}

/// The JSON lines of a function's standard output.
pub(crate) fn records(function: &Function) -> Vec<Value> {
    let stdout = function.stdout().unwrap();
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_configuration_error_is_named_and_every_request_is_answered_config_error() {
    let start = Start::new(TVM)
        .with("AWS_REGION", "us-east-1")
        .with("SENTINEL_GENERATION", "seven")
        .with("SENTINEL_POLICY_TABLE", "no table")
        .with("SENTINEL_ORIGIN_SECRET", "too-short");
    let mut tvm = Function::start(start).await.unwrap();
    for (method, path) in [("GET", "/"), ("GET", "/"), ("POST", "/sessions/revoke"), ("GET", "/x")]
    {
        let outcome = tvm.invoke(&http_event(method, path)).await.unwrap();
        assert_eq!(code(&outcome), (500, "CONFIG_ERROR".to_owned()));
        let body = outcome.response().unwrap()["body"].as_str().unwrap();
        assert!(body.contains("JKJaXmPLvHcESHA="), "{body}");
    }
    let stderr = tvm.stderr().unwrap();
    for variable in [
        "SENTINEL_POLICY_PARAMETER",
        "SENTINEL_POLICY_TABLE",
        "SENTINEL_GENERATION",
        "SENTINEL_ORIGIN_SECRET",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ] {
        assert_eq!(stderr.matches(&format!("error={variable}: ")).count(), 1, "{stderr}");
    }
    assert!(!stderr.contains("too-short") && !stderr.contains('\u{1b}'), "{stderr}");
    let errors: Vec<_> = records(&tvm).iter().map(|line| line["Errors"].clone()).collect();
    assert_eq!(errors, [1, 1, 1, 1]);
}

#[tokio::test]
async fn a_faulty_authorizer_refuses_in_the_format_that_is_configured() {
    let start = Start::new(AUTHORIZER)
        .with("SENTINEL_AUTHORIZER_RESPONSE", "simple")
        .with("SENTINEL_GENERATION", "-1");
    let mut authorizer = Function::start(start).await.unwrap();
    let outcome = authorizer.invoke(&authorizer_event(Some(SESSION_ID))).await.unwrap();
    assert_eq!(
        outcome,
        InvocationResult::Response(json!({ "isAuthorized": false, "context": {} }))
    );
    let outcome = authorizer.invoke(&authorizer_event(None)).await.unwrap();
    assert_eq!(outcome.error_message(), Some("Unauthorized"));
    let stderr = authorizer.stderr().unwrap();
    for variable in ["SENTINEL_SESSION_TABLE", "SENTINEL_GENERATION", "AWS_REGION"] {
        assert_eq!(stderr.matches(&format!("error={variable}: ")).count(), 1, "{stderr}");
    }
    let records = records(&authorizer);
    assert_eq!(records[0]["event"], "authorizer_refusal");
    assert_eq!(records[1]["AuthorizerRefusals"], 1);
    assert_eq!(records.len(), 2);
}

#[tokio::test]
async fn variables_without_effect_are_reported_by_name_at_startup() {
    let endpoint = Silent::new();
    for (program, event, other) in [
        (TVM, json!({}), "SENTINEL_AUTHORIZER_RESPONSE: has no effect: the authorizer reads it"),
        (AUTHORIZER, authorizer_event(None), "SENTINEL_POLICY_PARAMETER: has no effect: the TVM"),
    ] {
        let start = start(program, &endpoint.url())
            .with("SENTINEL_AUTHORIZER_RESPONSE", "simple")
            .with("SENTINEL_MDM_API_TOKEN", "not-for-the-log")
            .with("SENTINEL_SESSION_TABLES", "not-for-the-log")
            .with("SENTINEL_GENERATION", "");
        let mut function = Function::start(start).await.unwrap();
        function.invoke(&event).await.unwrap();
        let stderr = function.stderr().unwrap();
        for warning in [
            other,
            "SENTINEL_MDM_API_TOKEN: has no effect: a variable of the Go project",
            "SENTINEL_SESSION_TABLES: has no effect: unknown to ",
            "did you mean `SENTINEL_SESSION_TABLE`?",
        ] {
            assert_eq!(stderr.matches(warning).count(), 1, "{warning}: {stderr}");
        }
        assert!(!stderr.contains("not-for-the-log"), "{stderr}");
        assert!(!stderr.contains("SENTINEL_GENERATION"), "{stderr}");
        let roles = stderr.matches("SENTINEL_SESSION_NAME_ROLES: `AWSReservedSSO_").count();
        assert_eq!(roles, usize::from(program == TVM), "{stderr}");
    }
}

#[tokio::test]
async fn the_authorizer_reads_only_its_three_variables() {
    let endpoint = Silent::new();
    let start = start(AUTHORIZER, &endpoint.url())
        .with("SENTINEL_POLICY_TABLE", "no table")
        .with("SENTINEL_MAX_DURATION", "soon")
        .with("SENTINEL_ORIGIN_SECRET", "short");
    let mut authorizer = Function::start(start).await.unwrap();
    let outcome = authorizer.invoke(&authorizer_event(None)).await.unwrap();
    assert_eq!(outcome.error_message(), Some("Unauthorized"));
    // None of these variables is an error. Each is reported as a variable of the TVM.
    let stderr = authorizer.stderr().unwrap();
    let of_the_tvm = "has no effect: the TVM reads it, the authorizer does not";
    assert_eq!(stderr.lines().count(), 4, "{stderr}");
    assert!(stderr.lines().all(|line| line.ends_with(of_the_tvm)), "{stderr}");
}

#[tokio::test]
async fn no_payload_ends_a_function() {
    let endpoint = Silent::new();
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut host = http_event("GET", "/whoami");
    host["requestContext"]["authorizer"] = Value::Null;
    for program in [TVM, AUTHORIZER] {
        let mut function = Function::start(start(program, &endpoint.url())).await.unwrap();
        let payloads: [Vec<u8>; 8] = [
            b"no JSON".to_vec(),
            b"".to_vec(),
            b"\xff\xfe{}".to_vec(),
            b"null".to_vec(),
            b"{\"version\":2.0,\"type\":[],\"headers\":7}".to_vec(),
            deep.clone().into_bytes(),
            format!("{{\"body\":\"{}\"}}", "x".repeat(6 << 20)).into_bytes(),
            format!("[{}1]", "{},".repeat(500_000)).into_bytes(),
        ];
        for payload in payloads {
            let shown = String::from_utf8_lossy(&payload[..payload.len().min(20)]).into_owned();
            let outcome = function.invoke_bytes(payload).await.unwrap();
            match outcome {
                // Not `Unauthorized`, which is only for a missing id.
                InvocationResult::Error(error) => {
                    assert_ne!(error["errorMessage"], "Unauthorized", "{shown}");
                }
                InvocationResult::Response(answer) => {
                    let refused = answer["statusCode"] == 403
                        || answer["policyDocument"]["Statement"][0]["Effect"] == "Deny";
                    assert!(refused, "{shown}: {answer}");
                }
            }
        }
        for name in ["x.127.0.0.1", "a b", "[::1", "", "\u{0}", "é\r\nx: y"] {
            host["headers"]["host"] = name.into();
            host["requestContext"]["domainName"] = name.into();
            if program == TVM {
                let outcome = function.invoke(&host).await.unwrap();
                assert_eq!(code(&outcome), (403, "IAM_AUTH_REQUIRED".to_owned()), "{name}");
            } else {
                let mut event = authorizer_event(None);
                event["headers"]["host"] = name.into();
                let outcome = function.invoke(&event).await.unwrap();
                assert_eq!(outcome.error_message(), Some("Unauthorized"), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_process_continues() {
    let mut function = Function::start(Start::new(PANICKING)).await.unwrap();
    assert_eq!(
        function.invoke(&json!(1)).await.unwrap(),
        InvocationResult::Response(json!("built"))
    );
    let outcome = function.invoke(&json!("panic")).await.unwrap();
    assert!(outcome.error_message().unwrap().contains("panicked"));
    assert_eq!(
        function.invoke(&json!(2)).await.unwrap(),
        InvocationResult::Response(json!("built"))
    );
    let outcome = function.invoke(&json!("fail")).await.unwrap();
    assert_eq!(outcome.error_message(), Some("this one fails"));
}

#[tokio::test]
async fn a_panic_at_startup_is_answered_by_the_fallback() {
    let start = Start::new(PANICKING).with("PANIC", "build");
    let mut function = Function::start(start).await.unwrap();
    assert_eq!(
        function.invoke(&json!(1)).await.unwrap(),
        InvocationResult::Response(json!("instead"))
    );
    assert!(function.stderr().unwrap().contains("failed to build the function"));
}

#[tokio::test]
async fn a_function_that_is_started_by_hand_reports_what_it_is() {
    let output = tokio::process::Command::new(TVM).env_clear().output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: this program runs in AWS Lambda"), "{stderr}");
    assert!(stderr.contains("AWS_LAMBDA_RUNTIME_API"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_answered_in_time() {
    let endpoint = Silent::new();
    let started = Instant::now();
    let mut authorizer = Function::start(start(AUTHORIZER, &endpoint.url())).await.unwrap();
    let outcome = authorizer.invoke(&authorizer_event(Some(SESSION_ID))).await.unwrap();
    let answer = outcome.response().unwrap();
    assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Deny");
    assert!(started.elapsed() < Duration::from_millis(4_500), "{:?}", started.elapsed());

    // One second before the deadline of the context.
    let started = Instant::now();
    let mut start = start(TVM, &endpoint.url());
    start.timeout = Duration::from_millis(2_500);
    let mut tvm = Function::start(start).await.unwrap();
    let outcome = tvm.invoke(&http_event("GET", "/")).await.unwrap();
    assert_eq!(code(&outcome), (503, "STORE_UNAVAILABLE".to_owned()));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn invariant_6_no_secret_is_written_whatever_the_level() {
    let endpoint = Silent::new();
    for (program, event) in
        [(TVM, http_event("GET", "/")), (AUTHORIZER, authorizer_event(Some(SESSION_ID)))]
    {
        let mut start = start(program, &endpoint.url()).with("RUST_LOG", "trace");
        start.timeout = Duration::from_millis(1_500);
        let mut function = Function::start(start).await.unwrap();
        function.invoke(&event).await.unwrap();
        let written = function.stdout().unwrap() + &function.stderr().unwrap();
        assert!(!written.is_empty());
        for secret in [SECRET_KEY, SESSION_TOKEN, SESSION_ID] {
            assert!(!written.contains(secret), "{written}");
        }
    }
}
