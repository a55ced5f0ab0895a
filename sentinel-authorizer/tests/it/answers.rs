//! Responses, byte for byte.

use sentinel_authorizer::ResponseFormat::{Policy, Simple};
use serde_json::{Value, json};

use crate::world::{HTTP_ARN, REST_ARN, World, http, rest};

fn context(session: &sentinel_store::Session) -> Value {
    json!({
        "session": session.handle.to_string(),
        "user": "alice",
        "profile": "production",
        "account": "111122223333",
        "principal": "arn:aws:iam::111122223333:user/alice",
        "source_identity": "sentinel-alice-abcdefgh",
        "expires": "2999-01-01T00:00:00Z",
    })
}

#[tokio::test]
async fn a_valid_session_is_allowed_in_simple_format_with_its_context() {
    let world = World::new(Simple);
    let (session, id) = world.session().await;
    let answer = world.send(&http(&json!({ "x-sentinel-session-id": id }), &Value::Null)).await;
    assert_eq!(answer, Ok(json!({ "isAuthorized": true, "context": context(&session) })));
    assert!(world.sink.records().is_empty());
}

#[tokio::test]
async fn a_valid_session_is_allowed_by_policy_on_the_requested_route() {
    let world = World::new(Policy);
    let (session, id) = world.session().await;
    let expected = |arn| {
        json!({
            "principalId": "alice",
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    { "Action": "execute-api:Invoke", "Effect": "Allow", "Resource": arn }
                ],
            },
            "context": context(&session),
        })
    };
    let by_header = http(&json!({ "X-Sentinel-Session-ID": id }), &Value::Null);
    assert_eq!(world.send(&by_header).await, Ok(expected(HTTP_ARN)));
    let by_query = rest(&json!({}), &json!({ "sentinel_session_id": [id] }));
    assert_eq!(world.send(&by_query).await, Ok(expected(REST_ARN)));
    let token = json!({ "type": "TOKEN", "methodArn": REST_ARN, "authorizationToken": id });
    assert_eq!(world.send(&token).await, Ok(expected(REST_ARN)));
}

#[tokio::test]
async fn a_rest_event_is_answered_by_policy_even_if_simple_is_configured() {
    let world = World::new(Simple);
    let (_, id) = world.session().await;
    let answer = world.send(&rest(&json!({ "X-Sentinel-Session-ID": [id] }), &json!({}))).await;
    let answer = answer.unwrap();
    assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Allow");
    assert_eq!(answer.get("isAuthorized"), None);
}

#[tokio::test]
async fn every_context_value_is_a_string_as_rest_apis_require() {
    let world = World::new(Policy);
    let (_, id) = world.session().await;
    let answer = world.send(&rest(&json!({ "X-Sentinel-Session-ID": [id] }), &json!({}))).await;
    let answer = answer.unwrap();
    assert!(answer["context"].as_object().unwrap().values().all(Value::is_string));
}
