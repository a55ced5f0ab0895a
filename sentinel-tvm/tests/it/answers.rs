//! Responses, byte for byte.

use sentinel_store::Record;
use serde_json::json;

use crate::world::{World, body, code, http};

#[tokio::test]
async fn credentials_have_the_form_of_the_guide() {
    let world = World::new();
    let response = world.send(&http("alice", "GET", "/", "profile=production")).await;
    assert_eq!(response.status_code, 200);
    assert_eq!(response.headers["content-type"], "application/json");
    assert_eq!(response.headers["cache-control"], "no-store");
    assert!(response.headers["x-sentinel-session-id"].starts_with("session-"));
    let body = body(&response);
    let value = |key: &str| body[key].as_str().unwrap().to_owned();
    // The order of the keys, and no other keys.
    assert_eq!(
        response.body,
        format!(
            r#"{{"AccessKeyId":"{}","SecretAccessKey":"{}","Token":"{}","Expiration":"{}"}}"#,
            value("AccessKeyId"),
            value("SecretAccessKey"),
            value("Token"),
            value("Expiration")
        )
    );
    let expiration = value("Expiration");
    assert_eq!(expiration.len(), "2026-01-25T14:30:00Z".len());
    assert!(expiration.ends_with('Z'));
}

#[tokio::test]
async fn a_refusal_has_code_message_and_request_id_and_nothing_else() {
    let world = World::new();
    let response = world.send(&http("mallory", "GET", "/", "profile=production")).await;
    assert_eq!(response.status_code, 403);
    let body = body(&response);
    let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["Code", "Message", "RequestId"]);
    assert_eq!(body["Code"], "POLICY_DENY");
    assert_eq!(body["RequestId"], "JKJaXmPLvHcESHA=");
    assert!(!response.headers.contains_key("x-sentinel-session-id"));
}

#[tokio::test]
async fn invalid_parameters_are_refused_with_their_code() {
    let world = World::new();
    for (query, status, expected) in [
        ("", 400, "MISSING_PROFILE"),
        ("profile=", 400, "MISSING_PROFILE"),
        ("profile=a%2Fb", 400, "INVALID_PROFILE"),
        ("profile=-a", 400, "INVALID_PROFILE"),
        ("profile=arn:aws:iam::111122223333:role/x", 400, "INVALID_PROFILE"),
        ("profile=production&duration=", 400, "INVALID_DURATION"),
        ("profile=production&duration=899", 400, "INVALID_DURATION"),
        ("profile=production&duration=43201", 400, "INVALID_DURATION"),
        ("profile=production&duration=1h", 400, "INVALID_DURATION"),
        ("profile=production&duration=-900", 400, "INVALID_DURATION"),
        ("profile=production&duration=%2B900", 400, "INVALID_DURATION"),
        ("profile=production&profile=staging", 400, "INVALID_REQUEST"),
        ("profile=production&profile=production", 200, "OK"),
        ("profile=production&duration=43200", 200, "OK"),
        ("profile=production&duration=900", 200, "OK"),
    ] {
        let response = world.send(&http("alice", "GET", "/", query)).await;
        assert_eq!((response.status_code, code(&response).as_str()), (status, expected), "{query}");
    }
}

#[tokio::test]
async fn a_body_may_be_json_or_a_form_and_must_agree_with_the_query() {
    let world = World::new();
    for (content_type, body, query, expected) in [
        ("application/json", r#"{"profile":"production","duration":900}"#, "", "OK"),
        ("application/json", r#"{"profile":"production","duration":"900"}"#, "duration=900", "OK"),
        ("application/json; charset=utf-8", r#"{"profile":"production"}"#, "", "OK"),
        ("application/x-www-form-urlencoded", "profile=production&duration=900", "", "OK"),
        ("application/x-www-form-urlencoded", r#"{"profile":"production"}"#, "", "OK"),
        ("", "profile=production", "", "OK"),
        ("application/json", r#"{"profile":"production"}"#, "profile=staging", "INVALID_REQUEST"),
        (
            "application/json",
            r#"{"profile":"staging","profile":"production"}"#,
            "",
            "INVALID_REQUEST",
        ),
        ("application/json", r#"{"profile":7}"#, "", "INVALID_PROFILE"),
        ("application/json", r#"{"profile":"production","duration":1.5}"#, "", "INVALID_DURATION"),
        (
            "application/json",
            r#"{"profile":"production","duration":[900]}"#,
            "",
            "INVALID_DURATION",
        ),
        ("application/json", r#"{"profile":null}"#, "", "MISSING_PROFILE"),
        ("application/json", r#"["production"]"#, "", "INVALID_REQUEST"),
        ("application/json", r#"{"profile":"production"} {}"#, "", "INVALID_REQUEST"),
        ("text/xml", "<profile/>", "", "INVALID_REQUEST"),
    ] {
        let mut event = http("alice", "POST", "/", query);
        event["headers"]["Content-Type"] = json!(content_type);
        event["body"] = json!(body);
        let response = world.send(&event).await;
        assert_eq!(code(&response), expected, "{content_type} {body} {query}");
    }
}

#[tokio::test]
async fn a_body_may_be_base64() {
    let world = World::new();
    let mut event = http("alice", "POST", "/", "");
    event["isBase64Encoded"] = json!(true);
    event["body"] = json!("eyJwcm9maWxlIjoicHJvZHVjdGlvbiJ9");
    assert_eq!(code(&world.send(&event).await), "OK");
    event["body"] = json!("*not base64*");
    assert_eq!(code(&world.send(&event).await), "INVALID_REQUEST");
}

#[tokio::test]
async fn an_unknown_path_is_404_and_an_unknown_method_405_with_allow() {
    let world = World::new();
    let response = world.send(&http("alice", "GET", "/nothing", "")).await;
    assert_eq!((response.status_code, code(&response).as_str()), (404, "NOT_FOUND"));
    for (path, allow) in [("/", "GET, POST"), ("/profiles", "GET"), ("/sessions/revoke", "POST")] {
        let response = world.send(&http("alice", "DELETE", path, "")).await;
        assert_eq!((response.status_code, code(&response).as_str()), (405, "METHOD_NOT_ALLOWED"));
        assert_eq!(response.headers["allow"], allow);
    }
}

#[tokio::test]
async fn an_operator_lists_revokes_and_reinstates() {
    let world = World::new();
    world.send(&http("alice", "GET", "/", "profile=production")).await;
    let listed = world.send(&http("carol", "GET", "/sessions", "user=alice&state=active")).await;
    let sessions = body(&listed);
    let session = &sessions["sessions"][0];
    let mut keys: Vec<_> = session.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "account",
            "created",
            "expires",
            "principal",
            "profile",
            "session",
            "source_identity",
            "state",
            "user"
        ]
    );
    let mut revoke = http("carol", "POST", "/sessions/revoke", "");
    revoke["body"] =
        json!(json!({ "session": session["session"], "reason": "lost", "for_s": 600 }).to_string());
    let revoked = body(&world.send(&revoke).await);
    assert_eq!(
        (&revoked["user"], &revoked["profile"], &revoked["epoch"]),
        (&json!("alice"), &json!("production"), &json!(1))
    );
    assert!(revoked["blocked_until"].is_string());
    let refused = world.send(&http("alice", "GET", "/", "profile=production")).await;
    assert_eq!(code(&refused), "SESSION_REVOKED");
    let mut reinstate = http("carol", "POST", "/sessions/reinstate", "");
    reinstate["body"] = json!(r#"{"user":"alice","profile":"production","reason":"found"}"#);
    let back = world.send(&reinstate).await;
    assert_eq!(back.body, r#"{"user":"alice","profile":"production","epoch":1}"#);
    assert_eq!(code(&world.send(&http("alice", "GET", "/", "profile=production")).await), "OK");
}

#[tokio::test]
async fn a_revocation_names_exactly_one_target_and_a_reason() {
    let world = World::new();
    for body in [
        r#"{}"#,
        r#"{"user":"alice"}"#,
        r#"{"user":"alice","reason":" "}"#,
        r#"{"reason":"r"}"#,
        r#"{"profile":"production","reason":"r"}"#,
        r#"{"user":"alice","session":"x","reason":"r"}"#,
        r#"{"session":"session-unknown","reason":"r"}"#,
        r#"{"user":"alice","reason":"r","for_s":0}"#,
        r#"{"user":"alice","reason":"r","for_s":"60"}"#,
        r#"{"user":"alice","profil":"production","reason":"r"}"#,
        r#"{"user":"ci/build-7","reason":"r"}"#,
        r#"{"user":"al*","reason":"r"}"#,
        r#"{"user":"alice","profile":null,"reason":"r"}"#,
    ] {
        let mut event = http("carol", "POST", "/sessions/revoke", "");
        event["body"] = json!(body);
        assert_eq!(code(&world.send(&event).await), "INVALID_REQUEST", "{body}");
    }
    // A profile in the query must not be ignored: alice would be revoked as a whole.
    let mut event = http("carol", "POST", "/sessions/revoke", "profile=production");
    event["body"] = json!(r#"{"user":"alice","reason":"r"}"#);
    assert_eq!(code(&world.send(&event).await), "INVALID_REQUEST");
}

#[tokio::test]
async fn whoami_reports_how_the_caller_is_identified() {
    let world = World::new();
    let response = world.send(&http("Carol", "GET", "/whoami", "")).await;
    assert_eq!(
        body(&response),
        json!({
            "user": "Carol",
            "caller": "carol",
            "account": "111122223333",
            "principal": "arn:aws:iam::111122223333:user/Carol",
            // Case matters in a policy: `Carol` is not `carol`.
            "operator": false,
        })
    );
}

#[tokio::test]
async fn every_request_is_counted_without_its_user_and_a_lost_count_changes_nothing() {
    let (world, sink) = World::metered();
    world.send(&http("alice", "GET", "/", "profile=production")).await;
    world.send(&http("alice", "GET", "/nothing", "")).await;
    let lines: Vec<String> =
        sink.take().iter().map(|r| serde_json::to_string(r).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert!(line.contains(r#""Requests":1,"Errors":0,"LatencyMs":"#), "{line}");
        assert!(line.contains(r#""Namespace":"Sentinel""#) && !line.contains("alice"), "{line}");
    }
    sink.set_failing(true);
    let response = world.send(&http("alice", "GET", "/", "profile=production")).await;
    assert_eq!(code(&response), "OK");
    assert!(sink.records().iter().all(|record| matches!(record, Record::Metrics(_))));
}
