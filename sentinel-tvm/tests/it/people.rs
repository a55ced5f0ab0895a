//! The routes of approval requests and break-glass grants, as events.

use serde_json::{Value, json};

use crate::world::{World, body, code, http};

const POLICY: &str = r#"
version: "1"
rules:
  - { name: ask, effect: require_approval, conditions: { profiles: [production] } }
approvals:
  - { name: leads, profiles: [production], approvers: [alice], max_duration: 1h }
break_glass:
  - { name: incidents, profiles: [production], users: [bob], reason_codes: [incident], cooldown: 10m }
operators:
  - { name: ops, users: [carol], may: [revoke_approval, close_break_glass, review_break_glass] }
"#;

fn post(user: &str, path: &str, content: &Value) -> Value {
    let mut event = http(user, "POST", path, "");
    event["headers"]["content-type"] = json!("application/json");
    event["body"] = json!(content.to_string());
    event
}

#[tokio::test]
async fn a_request_is_created_read_approved_and_revoked_and_a_vend_follows_it() {
    let world = World::with_policy(POLICY);
    let response = world.send(&http("bob", "GET", "/", "profile=production")).await;
    assert_eq!((response.status_code, code(&response).as_str()), (403, "APPROVAL_REQUIRED"));
    let order = json!({ "profile": "production", "reason": "deploy", "duration_s": 1800 });
    let created = world.send(&post("bob", "/requests", &order)).await;
    assert_eq!((created.status_code, &body(&created)["state"]), (201, &json!("pending")));
    let path = format!("/requests/{}", body(&created)["id"].as_str().unwrap());
    let shown = world.send(&http("alice", "GET", &path, "")).await;
    assert_eq!((shown.status_code, &body(&shown)["user"]), (200, &json!("bob")));
    let approve = post("alice", &format!("{path}/approve"), &json!({ "comment": "ok" }));
    let approved = world.send(&approve).await;
    assert_eq!((approved.status_code, &body(&approved)["state"]), (200, &json!("approved")));
    assert_eq!(body(&approved)["decided"][0]["by"], "alice");
    let vended = world.send(&http("bob", "GET", "/", "profile=production")).await;
    assert_eq!(vended.status_code, 200, "{}", vended.body);
    let revoked = world.send(&post("carol", &format!("{path}/revoke"), &json!({}))).await;
    assert_eq!((revoked.status_code, &body(&revoked)["state"]), (200, &json!("revoked")));
    let response = world.send(&http("bob", "GET", "/", "profile=production")).await;
    assert_eq!(code(&response), "APPROVAL_REQUIRED");
}

#[tokio::test]
async fn a_request_is_cancelled_and_another_one_is_denied() {
    let world = World::with_policy(POLICY);
    for (user, action, state) in [("bob", "cancel", "cancelled"), ("alice", "deny", "denied")] {
        let order = json!({ "profile": "production", "reason": "deploy" });
        let created = body(&world.send(&post("bob", "/requests", &order)).await);
        let path = format!("/requests/{}/{action}", created["id"].as_str().unwrap());
        // A body is optional.
        let response = world.send(&http(user, "POST", &path, "")).await;
        assert_eq!((response.status_code, &body(&response)["state"]), (200, &json!(state)));
        let response = world.send(&http(user, "POST", &path, "")).await;
        assert_eq!((response.status_code, code(&response).as_str()), (409, "CONFLICT"));
    }
    let listed = world.send(&http("bob", "GET", "/requests", "state=denied")).await;
    assert_eq!(body(&listed)["requests"].as_array().unwrap().len(), 1, "{}", listed.body);
}

#[tokio::test]
async fn a_grant_is_opened_listed_closed_and_reviewed() {
    let world = World::with_policy(POLICY);
    let order = json!({
        "profile": "production",
        "reason_code": "incident",
        "justification": "database is down, ticket 42",
    });
    let opened = world.send(&post("bob", "/break-glass", &order)).await;
    assert_eq!((opened.status_code, &body(&opened)["state"]), (201, &json!("active")));
    let again = world.send(&post("bob", "/break-glass", &order)).await;
    assert_eq!((again.status_code, code(&again).as_str()), (429, "COOLDOWN"));
    let seconds: u32 = again.headers["retry-after"].parse().unwrap();
    assert!((590..=600).contains(&seconds), "{seconds}");
    let listed = world.send(&http("bob", "GET", "/break-glass", "state=active")).await;
    assert_eq!(body(&listed)["grants"].as_array().unwrap().len(), 1, "{}", listed.body);
    let path = format!("/break-glass/{}", body(&opened)["id"].as_str().unwrap());
    let closed = world.send(&post("carol", &format!("{path}/close"), &json!({}))).await;
    assert_eq!((closed.status_code, &body(&closed)["state"]), (200, &json!("closed")));
    let reviewed = world.send(&post("carol", &format!("{path}/review"), &json!({}))).await;
    assert_eq!((reviewed.status_code, &body(&reviewed)["reviewed"]["by"]), (200, &json!("carol")));
}

#[tokio::test]
async fn invalid_bodies_and_ids_are_refused_with_their_code() {
    let world = World::with_policy(POLICY);
    let long = "x".repeat(1001);
    for (path, content, status, expected) in [
        ("/requests", json!({ "reason": "r" }), 400, "MISSING_PROFILE"),
        ("/requests", json!({ "profile": "a/b", "reason": "r" }), 400, "INVALID_PROFILE"),
        ("/requests", json!({ "profile": "production" }), 400, "INVALID_REQUEST"),
        ("/requests", json!({ "profile": "production", "reason": long }), 400, "INVALID_REQUEST"),
        (
            "/requests",
            json!({ "profile": "production", "reason": "r", "duration_s": 0 }),
            400,
            "INVALID_DURATION",
        ),
        (
            "/requests",
            json!({ "profile": "production", "reason": "r", "duration_s": 3601 }),
            400,
            "INVALID_DURATION",
        ),
        (
            "/requests",
            json!({ "profile": "production", "reason": "r", "not_before": "tomorrow" }),
            400,
            "INVALID_REQUEST",
        ),
        (
            "/requests",
            json!({ "profile": "production", "reason": "r", "approvers": ["bob"] }),
            400,
            "INVALID_REQUEST",
        ),
        ("/break-glass", json!({ "profile": "production" }), 400, "INVALID_REQUEST"),
        (
            "/break-glass",
            json!({ "profile": "production", "reason_code": "Incident", "justification": long }),
            400,
            "INVALID_REQUEST",
        ),
        ("/requests/x/approve", json!({}), 404, "NOT_FOUND"),
        ("/requests/x/approve", json!({ "comment": long }), 404, "NOT_FOUND"),
        ("/break-glass/grant-x/close", json!({}), 404, "NOT_FOUND"),
        ("/requests/x", json!({}), 405, "METHOD_NOT_ALLOWED"),
        ("/requests//approve", json!({}), 404, "NOT_FOUND"),
        ("/requests/x/y/approve", json!({}), 404, "NOT_FOUND"),
        ("/requests/x/open", json!({}), 404, "NOT_FOUND"),
    ] {
        let response = world.send(&post("bob", path, &content)).await;
        let seen = (response.status_code, code(&response));
        assert_eq!(seen, (status, expected.to_owned()), "{path} {content}");
    }
}

#[tokio::test]
async fn an_id_that_does_not_exist_is_refused_like_a_text_that_is_not_an_id() {
    let world = World::with_policy(POLICY);
    let unknown = format!("/requests/request-{}", "a".repeat(42));
    let seen = world.send(&http("bob", "GET", &unknown, "")).await;
    let malformed = world.send(&http("bob", "GET", "/requests/alice", "")).await;
    assert_eq!((seen.status_code, &seen.body), (404, &malformed.body));
}
