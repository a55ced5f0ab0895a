//! Services that refuse, fail, return wrong answers and hang. Each failure has a distinct error,
//! and none of them opens a gate.

use std::time::{Duration, Instant};

use sentinel_store::dynamodb::{DynamoPolicies, DynamoSessions};
use sentinel_store::ssm::SsmPolicies;
use sentinel_store::{
    Causes, Gate, PolicyPath, PolicyStore, PolicyWriter, SessionHandle, SessionStore, StoreError,
    aws::Timing,
};
use serde_json::{Value, json};

use crate::{
    canned::{self, Answer, Canned},
    stores::{any_session, caller},
};

/// Short, because some of these services never answer, and long enough for those that do.
const SHORT_TIMEOUTS: Timing = Timing::new(Duration::from_secs(20))
    .with_connect(Duration::from_secs(2))
    .with_attempt(Duration::from_secs(5))
    .with_attempts(2);

const SHORTEST_TIMEOUTS: Timing = Timing::new(Duration::from_millis(1500))
    .with_connect(Duration::from_millis(500))
    .with_attempt(Duration::from_millis(300))
    .with_attempts(2);

fn consumed() -> Value {
    json!({"TableName": "t", "CapacityUnits": 0.5})
}

/// The kind of an error, as one word.
/// The kind of failure, without the record and the store.
fn word(error: &StoreError) -> String {
    let text = error.to_string();
    text.split_once(": ").map_or(text.clone(), |(word, _)| word.to_owned())
}

fn error(status: u16, code: &str) -> Answer {
    Answer::error(status, code, "why")
}

fn status(status: u16, body: &str) -> Answer {
    Answer::Status(status, body.to_owned())
}

/// Every failure of a service, and the expected error.
fn failures() -> Vec<(&'static str, Answer)> {
    let cut_off = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"Item\":{\"pk\":";
    vec![
        ("throttled", error(400, "ThrottlingException")),
        ("throttled", error(400, "RequestLimitExceeded")),
        ("throttled", error(400, "TooManyRequestsException")),
        ("throttled", status(429, "slow down")),
        ("refused", error(400, "AccessDeniedException")),
        ("refused", error(400, "ResourceNotFoundException")),
        ("refused", error(400, "ValidationException")),
        ("refused", error(400, "UnrecognizedClientException")),
        ("refused", error(400, "ExpiredTokenException")),
        ("refused", error(400, "InvalidSignatureException")),
        ("refused", status(403, "<html>Forbidden</html>")),
        ("unavailable", error(500, "InternalServerError")),
        ("unavailable", error(400, "InternalServerError")),
        ("unavailable", error(503, "ServiceUnavailable")),
        ("unavailable", status(502, "<html>Bad Gateway</html>")),
        ("unavailable", status(500, "")),
        ("unavailable", status(200, "")),
        ("unavailable", status(200, "{}")),
        ("unavailable", status(200, "[]")),
        ("unavailable", status(200, "null")),
        ("unavailable", status(200, "<html>Welcome</html>")),
        ("unavailable", status(200, "{\"Item\":{\"pk\":")),
        ("unavailable", status(200, "{\"Item\":5,\"Parameter\":5}")),
        ("unavailable", status(200, "{\"Items\":5,\"Parameters\":5}")),
        ("unavailable", Answer::Raw(cut_off.to_owned())),
        ("unavailable", Answer::Raw("HTTP/1.1 200".to_owned())),
        ("unavailable", Answer::Raw("no HTTP at all\r\n\r\n".to_owned())),
        ("unavailable", Answer::Raw(String::new())),
    ]
}

async fn throughout(stores: impl AsyncFn(&aws_types::SdkConfig) -> Vec<StoreError>) {
    for (expected, answer) in failures() {
        let given = answer.clone();
        let server = Canned::new(move |_| given.clone()).await;
        for error in stores(&server.config()).await {
            assert_eq!(word(&error), expected, "{answer:?}: {}", Causes(&error));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_dynamodb_are_distinguished_and_open_no_gate() {
    throughout(async |config| {
        let store = DynamoSessions::new(config, "t").with_timing(SHORT_TIMEOUTS);
        let alice = caller("alice");
        let handle = SessionHandle::new(alice.hash(), [1; 10]);
        let listing = sentinel_store::Listing::Caller(alice.clone());
        vec![
            store.gate(&alice).await.unwrap_err(),
            store.session(&handle).await.unwrap_err(),
            store.sessions(&listing, None).await.unwrap_err(),
            store.create_session(&any_session(&handle)).await.unwrap_err(),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_ssm_and_the_policy_table_are_distinguished() {
    throughout(async |config| {
        let root = PolicyPath::new("/sentinel/policies");
        let path = root.join("production");
        let ssm = SsmPolicies::new(config).with_timing(SHORT_TIMEOUTS);
        let table = DynamoPolicies::new(config, "t").with_timing(SHORT_TIMEOUTS);
        vec![
            ssm.policy(&path).await.unwrap_err(),
            ssm.list(&root, None).await.unwrap_err(),
            ssm.put(&path, b"text", None).await.unwrap_err(),
            ssm.history(&path, None).await.unwrap_err(),
            table.policy(&path).await.unwrap_err(),
            table.list(&root, None).await.unwrap_err(),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn error_codes_of_single_services_are_distinguished() {
    let parameter = |mut parameter: Value| {
        if parameter["Name"].is_null() {
            parameter["Name"] = json!("/sentinel/production");
        }
        Answer::ok(&json!({"Parameter": parameter}))
    };
    let cases = [
        ("throttled", error(400, "ProvisionedThroughputExceededException")),
        ("throttled", error(400, "TooManyUpdates")),
        ("not found", error(400, "ParameterNotFound")),
        ("refused", error(400, "InvalidKeyId")),
        ("corrupt", parameter(json!({}))),
        ("corrupt", parameter(json!({"Type": "String", "Version": 1}))),
        ("corrupt", parameter(json!({"Type": "StringList", "Value": "a,b", "Version": 1}))),
        ("unavailable", Answer::ok(&json!({"Parameter": {"Type": "String", "Value": "x"}}))),
        (
            "unavailable",
            parameter(json!({"Name": "/sentinel/other", "Type": "String", "Value": "x"})),
        ),
    ];
    for (expected, answer) in cases {
        let given = answer.clone();
        let server = Canned::new(move |_| given.clone()).await;
        let ssm = SsmPolicies::new(&server.config()).with_timing(SHORT_TIMEOUTS);
        let error = ssm.policy(&PolicyPath::new("/sentinel/production")).await.unwrap_err();
        assert_eq!(word(&error), expected, "{answer:?}");
    }
    let items = [
        json!({}),
        json!({"pk": {"S": "x"}, "sk": {"S": "gate"}}),
        json!({"format": {"N": "1"}, "record": {"S": "x"}}),
        json!({"format": {"S": "1"}, "record": {"M": {}}}),
    ];
    for item in items {
        let answer = json!({"Item": item, "ConsumedCapacity": consumed()});
        let server = Canned::new(move |_| Answer::ok(&answer)).await;
        let store = DynamoSessions::new(&server.config(), "t").with_timing(SHORT_TIMEOUTS);
        let error = store.gate(&caller("alice")).await.unwrap_err();
        assert_eq!(word(&error), "corrupt", "{item}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_respond_times_out() {
    let server = Canned::new(|_| Answer::Silence).await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        canned::config(listener.local_addr().unwrap())
    };
    for config in [server.config(), closed] {
        let begun = Instant::now();
        let store = DynamoSessions::new(&config, "t").with_timing(SHORTEST_TIMEOUTS);
        let error = store.gate(&caller("alice")).await.unwrap_err();
        assert_eq!(word(&error), "unavailable", "{}", Causes(&error));
        let ssm = SsmPolicies::new(&config).with_timing(SHORTEST_TIMEOUTS);
        let error = ssm.policy(&PolicyPath::new("/sentinel/production")).await.unwrap_err();
        assert_eq!(word(&error), "unavailable", "{}", Causes(&error));
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
    assert_eq!(server.operations(), ["GetItem", "GetItem", "GetParameter", "GetParameter"]);
}

#[test]
fn the_timeouts_leave_time_for_the_documented_response_times() {
    // The authorizer answers within 4 s, the TVM within 25 s.
    assert!(Timing::DYNAMODB.operation < Duration::from_secs(4));
    assert!(Timing::SSM.operation < Duration::from_secs(25));
    for timing in [Timing::DYNAMODB, Timing::SSM] {
        // After an attempt that hung, there is time for another attempt.
        assert!(timing.attempt * 2 <= timing.operation);
        assert!(timing.connect <= timing.attempt);
    }
}

/// The message of a wrong signature repeats the request's headers.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_what_to_fix_and_quotes_nothing_that_was_sent() {
    let secret = "x-amz-security-token:hunter2";
    let quoting = ["InvalidSignatureException", "ValidationException", "InternalServerError"];
    for code in quoting {
        let message = format!("The Canonical String should have been\n{secret} {secret}");
        let server = Canned::new(move |_| Answer::error(400, code, &message)).await;
        let store = DynamoSessions::new(&server.config(), "t").with_timing(SHORT_TIMEOUTS);
        let error = store.gate(&caller("alice")).await.unwrap_err();
        let text = format!("{error:?} {}", Causes(&error));
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains(code), "{text}");
    }
    let message = "User: arn:x is not authorized to perform: dynamodb:GetItem\nhunter2";
    let server = Canned::new(|_| Answer::error(400, "AccessDeniedException", message)).await;
    let store = DynamoSessions::new(&server.config(), "t").with_timing(SHORT_TIMEOUTS);
    let error = store.gate(&caller("alice")).await.unwrap_err();
    assert_eq!(
        Causes(&error).to_string(),
        "refused: gate of `alice` in the DynamoDB table `t`: `GetItem`: AccessDeniedException: \
         User: arn:x is not authorized to perform: dynamodb:GetItem"
    );
}

/// A table that performs each write and loses the answer to the first. `since` may change the
/// stored item, as if other clients had written since.
async fn losing_first_answer(since: impl Fn(Value) -> Value + Send + Sync + 'static) -> Canned {
    let stored = std::sync::Mutex::new(None::<Value>);
    Canned::new(move |request| {
        let mut stored = stored.lock().unwrap();
        match (request.operation.as_str(), stored.clone()) {
            ("GetItem", None) => Answer::ok(&json!({"ConsumedCapacity": consumed()})),
            ("GetItem", Some(item)) => {
                Answer::ok(&json!({"Item": item, "ConsumedCapacity": consumed()}))
            }
            ("PutItem", None) => {
                *stored = Some(since(request.body["Item"].clone()));
                error(500, "InternalServerError")
            }
            ("PutItem", Some(_)) => error(400, "ConditionalCheckFailedException"),
            other => panic!("{other:?}"),
        }
    })
    .await
}

fn revoke() -> sentinel_store::GateChange {
    let at = chrono::DateTime::from_timestamp(1_769_342_400, 0).unwrap();
    let block = sentinel_store::Block::new("carol", at).with_reason("stolen");
    sentinel_store::GateChange::revoke(sentinel_store::Scope::Caller, block)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_gate_whose_answer_was_lost_is_made_once() {
    let others: [fn(Value) -> Value; 2] = [
        |item| item,
        // Another operator changed the gate after this write, and before it was sent again.
        |mut item| {
            let ours = item["write"].take();
            item["write"] = json!({"S": "another"});
            item["before"] = json!({"L": [{"S": "one"}, ours]});
            item["revision"] = json!({"N": "3"});
            item
        },
    ];
    for since in others {
        let server = losing_first_answer(since).await;
        let store = DynamoSessions::new(&server.config(), "t").with_timing(SHORT_TIMEOUTS);
        let mut expected = Gate::open(caller("alice"));
        expected.apply(&revoke()).unwrap();
        assert_eq!(store.change_gate(&caller("alice"), &revoke()).await.unwrap(), expected);
        assert_eq!(server.operations(), ["PutItem", "PutItem", "GetItem"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_answer_was_lost_is_written_and_another_session_is_a_conflict() {
    let handle = SessionHandle::new(caller("alice").hash(), [1; 10]);
    let server = losing_first_answer(|item| item).await;
    let store = DynamoSessions::new(&server.config(), "t").with_timing(SHORT_TIMEOUTS);
    store.create_session(&any_session(&handle)).await.unwrap();

    let server = losing_first_answer(|mut item| {
        item["write"] = json!({"S": "another"});
        item
    })
    .await;
    let store = DynamoSessions::new(&server.config(), "t").with_timing(SHORT_TIMEOUTS);
    let written = store.create_session(&any_session(&handle)).await;
    assert!(matches!(written, Err(StoreError::Conflict(_))), "{written:?}");
}

/// SSM with one parameter of two versions. The second version was written in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_another_writer_changed_is_restored() {
    let server = Canned::new(|request| {
        let entry = |version, text| {
            json!({
                "Name": "/sentinel/production", "Type": "SecureString", "KeyId": "alias/policies",
                "Version": version, "Value": text, "Tier": "Standard",
            })
        };
        match request.operation.as_str() {
            "GetParameter" => Answer::ok(&json!({"Parameter": entry(1, "one")})),
            "GetParameterHistory" => {
                Answer::ok(&json!({"Parameters": [entry(1, "one"), entry(2, "theirs")]}))
            }
            "PutParameter" if request.body["Value"] == "mine" => Answer::ok(&json!({"Version": 3})),
            "PutParameter" => Answer::ok(&json!({"Version": 4})),
            other => panic!("{other}"),
        }
    })
    .await;
    let store = SsmPolicies::new(&server.config()).with_timing(SHORT_TIMEOUTS);
    let path = PolicyPath::new("/sentinel/production");
    let written = store.put(&path, b"mine", Some("1")).await;
    assert!(matches!(written, Err(StoreError::Conflict(_))), "{written:?}");
    let last = server.requests().pop().unwrap();
    assert_eq!(last.operation, "PutParameter");
    assert_eq!(last.body["Value"], "theirs");
    assert_eq!(last.body["Overwrite"], true);
    assert_eq!(last.body["Type"], "SecureString");
    assert_eq!(last.body["KeyId"], "alias/policies");
}

/// The client repeats a write if no answer arrived. Then the version in between is its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_whose_answer_was_lost_is_no_conflict() {
    let parameter = |version, text| {
        let name = "/sentinel/production";
        json!({"Name": name, "Type": "String", "Version": version, "Value": text})
    };
    let server = Canned::new(move |request| match request.operation.as_str() {
        "GetParameter" => Answer::ok(&json!({"Parameter": parameter(1, "one")})),
        "GetParameterHistory" => {
            Answer::ok(&json!({"Parameters": [parameter(1, "one"), parameter(2, "two")]}))
        }
        "PutParameter" if request.body["Overwrite"] == true => Answer::ok(&json!({"Version": 3})),
        "PutParameter" => error(400, "ParameterAlreadyExists"),
        other => panic!("{other}"),
    })
    .await;
    let store = SsmPolicies::new(&server.config()).with_timing(SHORT_TIMEOUTS);
    let path = PolicyPath::new("/sentinel/production");
    assert_eq!(store.put(&path, b"two", Some("1")).await.unwrap(), "3");
    assert_eq!(store.put(&path, b"one", None).await.unwrap(), "1");
    let other = store.put(&path, b"other", None).await;
    assert!(matches!(other, Err(StoreError::Conflict(_))), "{other:?}");
}
