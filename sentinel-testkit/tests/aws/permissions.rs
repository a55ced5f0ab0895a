//! The calls of each holder of an IAM document are exactly the calls that the document allows:
//! every route of the TVM, every path of the authorizer, every step of the administrator's
//! commands, through proxies that record.
//!
//! ministack and the stand-in refuse what the documents do not allow. The comparison finds what
//! they allow and no call needs.

use sentinel_testkit::call::RecordedCall;
use sentinel_testkit::emulator::Kind;
use sentinel_testkit::permissions::{Difference, differences};
use sentinel_testkit::recorded::{Holder, deployment, place};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::deployed::{Sandbox, World};

fn between(holder: Holder, calls: &[RecordedCall]) -> Vec<String> {
    let deployment = deployment().unwrap();
    let document = deployment.document(holder.document());
    let differences = differences(&document, calls, &place(&deployment));
    differences.iter().map(Difference::to_string).collect()
}

fn nothing() -> Vec<String> {
    Vec::new()
}

/// Every route of the TVM, with each of its outcomes.
async fn every_route(sandbox: &Sandbox) -> Vec<RecordedCall> {
    let about = |profile: &str| json!({ "user": "alice", "profile": profile, "reason": "a test" });
    for (user, method, path, body, expected) in [
        ("alice", "GET", "/?profile=production", None, "OK"),
        ("alice", "POST", "/", Some(json!({ "profile": "production" })), "OK"),
        // Profiles with their own documents: encrypted, in the policy table, and missing.
        ("alice", "GET", "/?profile=staging", None, "OK"),
        ("alice", "GET", "/?profile=bulky", None, "OK"),
        ("alice", "GET", "/?profile=nowhere", None, "POLICY_DENY"),
        ("mallory", "GET", "/?profile=production", None, "POLICY_DENY"),
        ("alice", "GET", "/?profile=production&duration=900", None, "OK"),
        // This role does not exist: the session is marked as ended.
        ("alice", "GET", "/?profile=other-1", None, "CREDENTIAL_ERROR"),
        ("alice", "GET", "/profiles", None, "OK"),
        ("alice", "GET", "/whoami", None, "OK"),
        ("alice", "GET", "/sessions", None, "OK"),
        ("carol", "GET", "/sessions", None, "OK"),
        ("carol", "GET", "/sessions?user=alice", None, "OK"),
        ("carol", "POST", "/sessions/revoke", Some(about("production")), "OK"),
        ("alice", "GET", "/?profile=production", None, "SESSION_REVOKED"),
        ("carol", "POST", "/sessions/reinstate", Some(about("production")), "OK"),
        ("mallory", "POST", "/sessions/revoke", Some(about("production")), "FORBIDDEN"),
    ] {
        let answer = sandbox.ask(user, method, path, body).await;
        assert_eq!(answer.code(), expected, "{user} {method} {path}: {answer:?}");
    }
    let handle = sandbox.vend("alice", "production").await.handle();
    let body = json!({ "session": handle, "reason": "a test" });
    let answer = sandbox.ask("carol", "POST", "/sessions/revoke", Some(body)).await;
    assert_eq!(answer.code(), "OK", "{answer:?}");
    an_approval_and_a_grant(sandbox).await;
    sandbox.calls()
}

/// Every route of requests and grants: an approval that is used and revoked, and a grant that is used
/// and closed.
async fn an_approval_and_a_grant(sandbox: &Sandbox) {
    let done = async |user: &str, method: &str, path: &str, body: Option<Value>| {
        let answer = sandbox.ask(user, method, path, body).await;
        assert_eq!(answer.code(), "OK", "{user} {method} {path}: {answer:?}");
        answer.body
    };
    let order = json!({ "profile": "production", "reason": "a test" });
    let request = done("frank", "POST", "/requests", Some(order)).await;
    let path = format!("/requests/{}", request["id"].as_str().unwrap());
    done("frank", "GET", "/requests", None).await;
    let pending = done("dave", "GET", "/requests?state=pending&cursor=others%3A", None).await;
    assert_eq!(pending["requests"][0]["id"], request["id"], "{pending}");
    done("dave", "POST", &format!("{path}/approve"), Some(json!({}))).await;
    done("frank", "GET", "/?profile=production", None).await;
    done("carol", "POST", &format!("{path}/revoke"), Some(json!({}))).await;
    let order = json!({
        "profile": "production",
        "reason_code": "incident",
        "justification": "the database is down",
    });
    let grant = done("frank", "POST", "/break-glass", Some(order)).await;
    done("frank", "GET", "/?profile=production", None).await;
    let open = done("carol", "GET", "/break-glass", None).await;
    assert_eq!(open["grants"][0]["id"], grant["id"], "{open}");
    let path = format!("/break-glass/{}/close", grant["id"].as_str().unwrap());
    done("carol", "POST", &path, Some(json!({}))).await;
}

#[tokio::test]
async fn the_tvm_makes_exactly_the_calls_that_its_document_allows() {
    let world = World::start(Kind::Ministack).await;
    let calls = every_route(&world.tvm(&[]).await).await;
    assert_eq!(between(Holder::Tvm, &calls), nothing());
    // Only the calls for the missing role and the missing documents were answered with an error.
    let known = |call: &RecordedCall| {
        let missing = call.is("sts", "AssumeRole") || call.is("ssm", "GetParameter");
        // A call has no status if its client no longer waits for it. If a gate exists, the first
        // write of a revocation fails.
        let refused = call.is("dynamodb", "PutItem") && call.status == Some(400);
        missing || refused || [None, Some(200)].contains(&call.status)
    };
    assert_eq!(calls.iter().find(|call| !known(call)), None);

    // Both directions: without the calls of one kind, the document allows too much, and a call with
    // another stamp is not allowed.
    for kind in ["AssumeRole", "PutItem", "UpdateItem", "GetParametersByPath", "GetParameter"] {
        let without: Vec<RecordedCall> =
            calls.iter().filter(|call| call.operation != kind).cloned().collect();
        let differences = between(Holder::Tvm, &without);
        assert!(
            differences.iter().any(|differences| differences.starts_with("too many: ")),
            "{kind}: {differences:?}"
        );
    }
    let changed = |name: &str, value: Value| {
        let mut calls = calls.clone();
        let assumed = calls.iter_mut().filter(|call| call.is("sts", "AssumeRole"));
        for call in assumed {
            call.parameters[name] = value.clone();
        }
        between(Holder::Tvm, &calls)
    };
    let role = "on `arn:aws:iam::111122223333:role/";
    for (name, value, action) in [
        ("SourceIdentity", json!("alice"), "sts:AssumeRole"),
        ("SourceIdentity", json!("alice"), "sts:SetSourceIdentity"),
        ("Tags.member.1.Key", json!("Team"), "sts:TagSession"),
        ("RoleArn", json!("arn:aws:iam::111122223333:role/Admin"), "sts:AssumeRole"),
    ] {
        let differences = changed(name, value);
        let wanted = format!("missing: no statement allows `{action}` {role}");
        assert!(
            differences.iter().any(|differences| differences.starts_with(&wanted)),
            "{name}: {differences:?}"
        );
    }
}

#[tokio::test]
async fn the_authorizer_makes_exactly_the_calls_that_its_document_allows() {
    let world = World::start(Kind::Ministack).await;
    let sandbox = world.tvm(&[]).await;
    let id = sandbox.vend("alice", "production").await.session.unwrap();
    let authorizer_sandbox = world.authorizer().await;
    let other = format!("session-{}{}", "a".repeat(42), "b".repeat(26));
    for (header, query, admitted) in [
        (Some(&*id), None, Some(true)),
        (None, Some(&*id), Some(true)),
        (Some(&*other), None, Some(false)),
        (Some("session-xxx"), None, Some(false)),
        (Some(&*id), Some(&*other), Some(false)),
        (None, None, None),
    ] {
        assert_eq!(
            authorizer_sandbox.admits(header, query).await,
            admitted,
            "{header:?} {query:?}"
        );
    }
    let body = json!({ "user": "alice", "reason": "a test" });
    assert_eq!(sandbox.ask("carol", "POST", "/sessions/revoke", Some(body)).await.code(), "OK");
    assert_eq!(authorizer_sandbox.admits(Some(&id), None).await, Some(false));
    let calls = authorizer_sandbox.data.calls();
    assert_eq!(between(Holder::Authorizer, &calls), nothing());
    assert!(calls.iter().all(|call| call.status == Some(200)));
}

#[tokio::test]
async fn the_recorded_calls_of_a_run_are_compared_with_the_documents() {
    let world = World::start(Kind::Ministack).await;
    let calls = every_route(&world.tvm(&[]).await).await;
    let folder = tempfile::tempdir().unwrap();
    let lines = calls.iter().map(|call| serde_json::to_string(call).unwrap() + "\n");
    // Under both names, as the guide's run and the tests record them.
    let lines: Vec<String> = lines.collect();
    let (some, others) = lines.split_at(lines.len() / 2);
    std::fs::write(folder.path().join("tvm.jsonl"), some.concat()).unwrap();
    std::fs::write(folder.path().join("sentinel-tvm.jsonl"), others.concat()).unwrap();
    let program = env!("CARGO_BIN_EXE_recorded-calls");
    let output = Command::new(program).arg(folder.path()).output().await.unwrap();
    let output_text = String::from_utf8(output.stdout).unwrap();
    let exact = format!("tvm: {} calls, which its document allows exactly", calls.len());
    assert!(output_text.contains(&exact), "{output_text}");
    // No calls of the other holders were recorded, which is a difference.
    assert_eq!(output.status.code(), Some(1));
    let idle =
        "authorizer: too many: no call needed `dynamodb:GetItem` of the statement `ReadSessions`";
    assert!(output_text.contains(idle), "{output_text}");
    assert!(output_text.contains("not compared: the statement `Logs`"), "{output_text}");
    for arguments in [vec![], vec!["/nowhere"]] {
        let output = Command::new(program).args(arguments).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
    }
}
