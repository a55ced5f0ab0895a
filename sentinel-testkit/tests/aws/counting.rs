//! The calls of each route to AWS: no more than the design states, by primary key and strongly
//! consistent, and concurrent if the design states so. If two calls must overlap, one of them is
//! delayed. Then they overlap for certain if they run concurrently, and cannot overlap if one waits
//! for the other.

use std::time::Duration;

use sentinel_testkit::call::RecordedCall;
use sentinel_testkit::emulator::Kind;
use sentinel_testkit::proxy::{Fault, Rule};
use serde_json::{Value, json};

use crate::deployed::{SESSIONS, Sandbox, World};

/// How long a call is delayed.
const DELAY: Duration = Duration::from_millis(400);

/// The operation of a call, and its subject.
fn description(call: &RecordedCall) -> String {
    let RecordedCall { operation, parameters, .. } = call;
    let key =
        |at: &Value| at["sk"]["S"].as_str().map(|sk| sk.split('#').next().unwrap().to_owned());
    let about = match operation.as_str() {
        "GetItem" | "UpdateItem" => key(&parameters["Key"]),
        "PutItem" => key(&parameters["Item"]),
        "Query" => Some(parameters["IndexName"].as_str().unwrap_or("sessions").to_owned()),
        "GetParameter" => parameters["Name"].as_str().map(str::to_owned),
        "GetParametersByPath" => parameters["Path"].as_str().map(str::to_owned),
        _ => None,
    };
    format!("{operation} {}", about.unwrap_or_default()).trim_end().to_owned()
}

/// The calls since this function was last called. Each of them must be a permitted one.
fn new_calls(sandbox: &Sandbox) -> Vec<RecordedCall> {
    let calls = sandbox.calls();
    check_calls(&calls);
    calls
}

fn descriptions(calls: &[RecordedCall]) -> Vec<String> {
    calls.iter().map(description).collect()
}

/// Reads use a whole primary key and are strongly consistent. Lists are strongly consistent too,
/// unless they contain all callers. Writes are conditional.
fn check_calls(calls: &[RecordedCall]) {
    for call in calls {
        let RecordedCall { service, operation, parameters, .. } = call;
        let expected = match (service.as_str(), operation.as_str()) {
            ("dynamodb", "GetItem") => {
                let key = parameters["Key"].as_object().unwrap();
                parameters["ConsistentRead"] == true
                    && key.keys().map(String::as_str).eq(["pk", "sk"])
            }
            ("dynamodb", "PutItem" | "UpdateItem") => {
                parameters["ConditionExpression"].as_str().is_some_and(|it| !it.is_empty())
            }
            ("dynamodb", "Query") => {
                parameters["ConsistentRead"] == true || parameters["IndexName"] == "by-shard"
            }
            ("ssm", "GetParameter" | "GetParametersByPath") | ("sts", "AssumeRole") => true,
            _ => false,
        };
        assert!(expected, "{call:?}");
        // If the gate exists, the first write of a revocation fails.
        let refused = description(call) == "PutItem gate" && call.status == Some(400);
        assert!(refused || call.status == Some(200), "{call:?}");
    }
}

/// The single call with this description.
fn single_call<'a>(calls: &'a [RecordedCall], what: &str) -> &'a RecordedCall {
    let mut found = calls.iter().filter(|call| description(call) == what);
    let one = found.next().unwrap_or_else(|| panic!("no {what}: {:?}", descriptions(calls)));
    assert!(found.next().is_none(), "{what} twice: {:?}", descriptions(calls));
    one
}

fn delay(sandbox: &Sandbox, operation: &str) {
    let rule = Rule::operation("dynamodb", operation, Fault::SlowAfter(DELAY));
    sandbox.data.inject(rule);
}

/// A TVM that has vended once.
async fn warm(world: &World) -> Sandbox {
    let sandbox = world.tvm(&[]).await;
    let answer = sandbox.vend("alice", "production").await;
    assert_eq!(answer.code(), "OK", "{answer:?}");
    sandbox.calls();
    sandbox.records();
    sandbox
}

#[tokio::test]
async fn a_plain_vend_is_two_gate_reads_two_writes_and_one_assume_role_at_the_same_time() {
    let world = World::start(Kind::Ministack).await;
    let sandbox = warm(&world).await;
    delay(&sandbox, "PutItem");
    // Longer than the write, so that the calls after the write overlap with it too.
    sandbox.sts.inject(Rule::all(Fault::SlowAfter(DELAY * 3)));
    let answer = sandbox.vend("alice", "production").await;
    assert_eq!(answer.code(), "OK", "{answer:?}");
    let calls = new_calls(&sandbox);
    let mut sorted = descriptions(&calls);
    sorted.sort();
    assert_eq!(
        sorted,
        ["AssumeRole", "GetItem gate", "GetItem gate", "PutItem session", "UpdateItem rate"]
    );
    let (write, assume) =
        (single_call(&calls, "PutItem session"), single_call(&calls, "AssumeRole"));
    let gates: Vec<&RecordedCall> =
        calls.iter().filter(|call| description(call) == "GetItem gate").collect();
    assert!(write.overlaps(assume), "one waits for the other: {calls:?}");
    let count = single_call(&calls, "UpdateItem rate");
    assert!(count.overlaps(write) && count.overlaps(assume), "one waits for the other: {calls:?}");
    assert!(gates[0].end_us <= write.start_us && gates[0].end_us <= assume.start_us, "{calls:?}");
    assert!(write.end_us <= gates[1].start_us, "the second read is after the write: {calls:?}");
    assert!(gates[1].overlaps(assume), "it is in parallel with AssumeRole: {calls:?}");
    for gate in gates {
        assert_eq!(gate.parameters["TableName"], SESSIONS);
    }
}

#[tokio::test]
async fn ssm_is_not_called_within_the_ttl_and_once_after_it() {
    let world = World::start(Kind::Ministack).await;
    // Long enough for the slowest machine.
    let sandbox = world.tvm(&[("SENTINEL_POLICY_CACHE_TTL", "10m")]).await;
    assert_eq!(sandbox.vend("alice", "production").await.code(), "OK");
    let first = new_calls(&sandbox);
    assert_eq!(single_call(&first, "GetParameter /sentinel/policies/main").service, "ssm");
    for _ in 0..5 {
        assert_eq!(sandbox.vend("alice", "production").await.code(), "OK");
    }
    let within = new_calls(&sandbox);
    assert!(within.iter().all(|call| call.service != "ssm"), "{:?}", descriptions(&within));

    let sandbox = world.tvm(&[("SENTINEL_POLICY_CACHE_TTL", "2s")]).await;
    assert_eq!(sandbox.vend("alice", "production").await.code(), "OK");
    new_calls(&sandbox);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(sandbox.vend("alice", "production").await.code(), "OK");
    let after = new_calls(&sandbox);
    single_call(&after, "GetParameter /sentinel/policies/main");
    assert_eq!(after.iter().filter(|call| call.service == "ssm").count(), 1);
}

#[tokio::test]
async fn a_cold_vend_reads_the_policy_and_the_gate_concurrently() {
    let world = World::start(Kind::Ministack).await;
    let sandbox = world.tvm(&[]).await;
    sandbox.data.inject(Rule::service("ssm", Fault::SlowAfter(DELAY)));
    assert_eq!(sandbox.vend("alice", "production").await.code(), "OK");
    let calls = new_calls(&sandbox);
    let main = single_call(&calls, "GetParameter /sentinel/policies/main");
    let gate = calls.iter().find(|call| description(call) == "GetItem gate").unwrap();
    assert!(gate.overlaps(main), "one waits for the other: {calls:?}");
    assert_eq!(calls.iter().filter(|call| description(call) == "GetItem gate").count(), 2);
    // The read of the policy table for the same document runs concurrently.
    assert!(main.overlaps(single_call(&calls, "GetItem main")));
    assert_eq!(calls.len(), 7, "{:?}", descriptions(&calls));

    // A profile with its own document: all pages of the list of names from both stores, and the
    // document, which is looked up in both.
    assert_eq!(sandbox.vend("alice", "staging").await.code(), "OK");
    let calls = new_calls(&sandbox);
    let counted = |what: &str| calls.iter().filter(|call| description(call) == what).count();
    assert_eq!(counted("GetParametersByPath /sentinel/policies"), 2);
    assert_eq!(counted("GetParameter /sentinel/policies/staging"), 1);
    let table = |operation: &str| {
        let of = |call: &&RecordedCall| call.parameters["TableName"] == "sentinel-policies";
        calls.iter().filter(of).filter(|call| call.operation == operation).count()
    };
    assert_eq!((table("Query"), table("GetItem")), (1, 1));
    assert_eq!(calls.len(), 2 + 1 + 2 + 5, "{:?}", descriptions(&calls));
}

#[tokio::test]
async fn a_list_of_profiles_reads_only_the_documents_whose_texts_the_list_cannot_contain() {
    let world = World::start(Kind::Ministack).await;
    let sandbox = world.tvm(&[]).await;
    let answer = sandbox.ask("alice", "GET", "/profiles", None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let listed = answer.body["profiles"].as_array().unwrap();
    assert!(listed.iter().any(|profile| profile["name"] == "other-11"), "{answer:?}");
    let calls = sandbox.calls();
    let mut read: Vec<String> =
        descriptions(&calls).into_iter().filter(|call| call.starts_with("GetParameter")).collect();
    read.sort();
    // The main document in parallel with the list, an encrypted one, and one of the policy table.
    let root = "/sentinel/policies";
    assert_eq!(
        read,
        [
            format!("GetParameter {root}/bulky"),
            format!("GetParameter {root}/main"),
            format!("GetParameter {root}/staging"),
            format!("GetParametersByPath {root}"),
            format!("GetParametersByPath {root}"),
        ]
    );
}

#[tokio::test]
async fn invariant_5_a_denied_vend_is_one_gate_read() {
    let world = World::start(Kind::Ministack).await;
    let sandbox = warm(&world).await;
    let answer = sandbox.vend("mallory", "production").await;
    assert_eq!(answer.code(), "POLICY_DENY");
    assert_eq!(descriptions(&new_calls(&sandbox)), ["GetItem gate"]);
    assert_eq!(sandbox.records().len(), 1);
    assert!(world.sessions_of("mallory").await.is_empty());
}

#[tokio::test]
async fn all_instances_of_the_function_share_the_limit_of_a_caller() {
    let world = World::start(Kind::Ministack).await;
    // A day, so that the window hardly ends during the test.
    let rate = [("SENTINEL_CALLER_RATE", "3/24h")];
    let (one, other) = (world.tvm(&rate).await, world.tvm(&rate).await);
    for sandbox in [&one, &other, &one] {
        assert_eq!(sandbox.vend("alice", "production").await.code(), "OK");
    }
    for sandbox in [&one, &other] {
        sandbox.calls();
        // Refused by the table, and then without a write.
        for expected in [7, 1] {
            let answer = sandbox.vend("alice", "production").await;
            assert_eq!((answer.status, answer.code()), (429, "RATE_LIMITED"), "{answer:?}");
            let calls = sandbox.calls();
            assert_eq!(calls.len(), expected, "{:?}", descriptions(&calls));
        }
    }
    let sessions = world.sessions_of("alice").await;
    assert_eq!(sessions.iter().filter(|session| session.ended).count(), 2, "{sessions:?}");
    assert_eq!(sessions.len(), 5, "{sessions:?}");
}

#[tokio::test]
async fn an_unknown_profile_causes_no_additional_read() {
    let world = World::start(Kind::Ministack).await;
    let sandbox = warm(&world).await;
    assert_eq!(sandbox.vend("alice", "nowhere").await.code(), "POLICY_DENY");
    // The names are listed once per TTL.
    new_calls(&sandbox);
    for unknown in ["nowhere", "elsewhere", "prod", "main2"] {
        assert_eq!(sandbox.vend("alice", unknown).await.code(), "POLICY_DENY");
        assert_eq!(descriptions(&new_calls(&sandbox)), ["GetItem gate"], "{unknown}");
    }
}

#[tokio::test]
async fn the_authorizer_is_two_reads_at_the_same_time() {
    let world = World::start(Kind::Ministack).await;
    let answer = warm(&world).await.vend("alice", "production").await;
    let id = answer.session.as_deref().unwrap();
    let authorizer_sandbox = world.authorizer().await;
    authorizer_sandbox.data.inject(Rule::all(Fault::SlowAfter(DELAY)));
    assert_eq!(authorizer_sandbox.admits(Some(id), None).await, Some(true));
    let calls = authorizer_sandbox.data.calls();
    check_calls(&calls);
    let mut sorted = descriptions(&calls);
    sorted.sort();
    assert_eq!(sorted, ["GetItem gate", "GetItem session"]);
    assert!(calls[0].overlaps(&calls[1]), "one waits for the other: {calls:?}");

    // The query form has the same cost. A value that cannot be an id costs no call.
    authorizer_sandbox.data.clear_calls();
    assert_eq!(authorizer_sandbox.admits(None, Some(id)).await, Some(true));
    assert_eq!(authorizer_sandbox.data.calls().len(), 2);
    authorizer_sandbox.data.clear_calls();
    let other = id.replace("session-", "session-a");
    for (header, query) in
        [(Some("session-xxx"), None), (Some(id), Some("session-xxx")), (Some(&*other), None)]
    {
        assert_eq!(authorizer_sandbox.admits(header, query).await, Some(false));
    }
    assert_eq!(authorizer_sandbox.admits(None, None).await, None);
    assert!(authorizer_sandbox.data.calls().is_empty(), "{:?}", authorizer_sandbox.data.calls());
}

#[tokio::test]
async fn operators_and_lists_make_only_the_necessary_calls() {
    let world = World::start(Kind::Ministack).await;
    let sandbox = warm(&world).await;
    let handle = sandbox.vend("alice", "production").await.handle().unwrap();
    new_calls(&sandbox);
    let own_gate = "GetItem gate";
    for (user, method, path, body, expected) in [
        ("alice", "GET", "/whoami", None, vec![own_gate]),
        // The caller's sessions, and the gate that determines their state.
        ("alice", "GET", "/sessions", None, vec![own_gate, "Query sessions", "GetItem gate"]),
        (
            "carol",
            "GET",
            "/sessions?user=alice",
            None,
            vec![own_gate, "Query sessions", "GetItem gate"],
        ),
        ("mallory", "GET", "/sessions?user=alice", None, vec![own_gate]),
        (
            "mallory",
            "POST",
            "/sessions/revoke",
            Some(json!({ "user": "alice", "reason": "no" })),
            vec![own_gate],
        ),
        (
            "carol",
            "POST",
            "/sessions/revoke",
            Some(json!({ "user": "alice", "profile": "production", "reason": "lost" })),
            // No data of the caller is read before the gate is written. Then a query checks whether
            // the name is known.
            vec![own_gate, "PutItem gate", "Query sessions"],
        ),
        ("alice", "GET", "/?profile=production", None, vec![own_gate]),
        (
            "carol",
            "POST",
            "/sessions/reinstate",
            Some(json!({ "user": "alice", "profile": "production", "reason": "found" })),
            vec![own_gate, "GetItem gate", "PutItem gate"],
        ),
        (
            "carol",
            "POST",
            "/sessions/revoke",
            Some(json!({ "session": handle, "reason": "lost" })),
            // The first write fails, and the error contains the gate.
            vec![own_gate, "GetItem gate", "GetItem session", "PutItem gate", "PutItem gate"],
        ),
    ] {
        let answer = sandbox.ask(user, method, path, body).await;
        assert!([200, 403].contains(&answer.status), "{method} {path}: {answer:?}");
        let mut calls = descriptions(&new_calls(&sandbox));
        // Session and gate are read concurrently, in either order.
        if calls.len() == 5 {
            calls[1..3].sort();
        }
        assert_eq!(calls, expected, "{user} {method} {path}");
    }
    // The sessions of all callers: one query per shard, and the gate of each caller found.
    let answer = sandbox.ask("carol", "GET", "/sessions", None).await;
    assert_eq!(answer.body["sessions"].as_array().unwrap().len(), 2, "{answer:?}");
    let calls = descriptions(&new_calls(&sandbox));
    let shards = calls.iter().filter(|call| *call == "Query by-shard").count();
    assert_eq!((shards, calls.len()), (16, 18), "{calls:?}");
}
