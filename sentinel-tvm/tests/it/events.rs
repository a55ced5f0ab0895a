//! The kinds of events, and what is trusted in them.

use serde_json::{Value, json};

use crate::world::{ORIGIN, World, code, http, rest};

#[tokio::test]
async fn a_rest_api_event_is_understood_with_its_parameters_in_two_maps() {
    let world = World::new();
    let event = rest("alice", "GET", "/", &json!({ "profile": ["production"] }));
    assert_eq!(code(&world.send(&event).await), "OK");
    let event = rest("alice", "GET", "/", &json!({ "profile": ["production", "staging"] }));
    assert_eq!(code(&world.send(&event).await), "INVALID_REQUEST");
    let mut event = rest("alice", "GET", "/", &Value::Null);
    event["queryStringParameters"] = json!({ "profile": "production" });
    assert_eq!(code(&world.send(&event).await), "OK");
    let response =
        world.send(&rest("bob", "GET", "/", &json!({ "profile": ["production"] }))).await;
    assert!(response.body.contains("c6af9ac6-7b61-11e6-9a41-93e8deadbeef"));
}

const INTERNAL: &str = r#"
version: "1"
rules:
  - { name: vpc, effect: allow, conditions: { profiles: [internal], source_vpc: [vpc-1a2b3c4d] } }
  - { name: endpoint, effect: allow, conditions: { profiles: [internal], source_vpce: [vpce-1a2b3c4d] } }
"#;

#[tokio::test]
async fn the_vpc_and_the_endpoint_of_a_private_rest_api_are_evaluated() {
    let world = World::with_policy(INTERNAL);
    let query = json!({ "profile": ["internal"] });
    let identity = |key: &str, id: Value| {
        let mut event = rest("alice", "GET", "/", &query);
        event["requestContext"]["identity"][key] = id;
        event
    };
    for (event, expected) in [
        (identity("vpcId", json!("vpc-1a2b3c4d")), "OK"),
        (identity("vpceId", json!("vpce-1a2b3c4d")), "OK"),
        (identity("vpcId", json!("vpc-1a2b3c4e")), "POLICY_DENY"),
        (identity("vpceId", json!("vpc-1a2b3c4d")), "POLICY_DENY"),
        (identity("vpcId", Value::Null), "POLICY_DENY"),
        (rest("alice", "GET", "/", &query), "POLICY_DENY"),
    ] {
        assert_eq!(code(&world.send(&event).await), expected, "{event}");
    }
}

#[tokio::test]
async fn a_vpc_is_read_only_where_api_gateway_writes_it() {
    let world = World::with_policy(INTERNAL);
    let mut event = http("alice", "GET", "/", "profile=internal");
    event["requestContext"]["identity"] = json!({ "vpcId": "vpc-1a2b3c4d" });
    event["requestContext"]["http"]["vpcId"] = json!("vpc-1a2b3c4d");
    event["headers"]["x-amzn-vpc-id"] = json!("vpc-1a2b3c4d");
    assert_eq!(code(&world.send(&event).await), "POLICY_DENY");
    let mut event = rest("alice", "GET", "/", &json!({ "profile": ["internal"] }));
    event["headers"]["x-amzn-vpc-id"] = json!("vpc-1a2b3c4d");
    assert_eq!(code(&world.send(&event).await), "POLICY_DENY");
}

#[tokio::test]
async fn a_function_url_event_is_understood() {
    let world = World::new();
    let mut event = http("alice", "GET", "/", "profile=production");
    event["requestContext"]["domainName"] = json!("id.lambda-url.us-east-1.on.aws");
    event["requestContext"]["authorizer"]["iam"] = json!({
        "accessKey": "AKIAEXAMPLE",
        "accountId": "111122223333",
        "callerId": "AIDAEXAMPLE",
        "userArn": "arn:aws:iam::111122223333:user/alice",
        "userId": "AIDAEXAMPLE",
    });
    assert_eq!(code(&world.send(&event).await), "OK");
}

#[tokio::test]
async fn joined_parameters_are_separated_if_the_raw_query_is_missing() {
    let world = World::new();
    let mut event = http("alice", "GET", "/", "");
    event["queryStringParameters"] = json!({ "profile": "production,production" });
    assert_eq!(code(&world.send(&event).await), "OK");
    event["queryStringParameters"] = json!({ "profile": "production,staging" });
    assert_eq!(code(&world.send(&event).await), "INVALID_REQUEST");
}

#[tokio::test]
async fn stage_and_mapping_prefixes_are_not_part_of_the_path() {
    let world = World::new();
    for (route_key, proxy, raw_path, stage, expected) in [
        ("$default", None, "/profiles", "$default", "OK"),
        ("$default", None, "/prod/profiles", "prod", "OK"),
        ("$default", None, "/production/profiles", "prod", "NOT_FOUND"),
        ("$default", None, "/prod", "prod", "MISSING_PROFILE"),
        ("GET /profiles", None, "/mapped/profiles", "prod", "OK"),
        ("ANY /{proxy+}", Some("profiles"), "/mapped/profiles", "$default", "OK"),
        (
            "ANY /{proxy+}",
            Some("sessions/revoke"),
            "/m/sessions/revoke",
            "prod",
            "METHOD_NOT_ALLOWED",
        ),
        ("ANY /", None, "/mapped", "$default", "MISSING_PROFILE"),
        ("$default", None, "/mapped/profiles", "$default", "NOT_FOUND"),
    ] {
        let mut event = http("alice", "GET", raw_path, "");
        event["routeKey"] = json!(route_key);
        event["requestContext"]["stage"] = json!(stage);
        if let Some(proxy) = proxy {
            event["pathParameters"] = json!({ "proxy": proxy });
        }
        assert_eq!(code(&world.send(&event).await), expected, "{route_key} {raw_path} {stage}");
    }
    let mut event = rest("alice", "GET", "/mapped/profiles", &Value::Null);
    event["pathParameters"] = json!({ "proxy": "profiles" });
    assert_eq!(code(&world.send(&event).await), "OK");
    let mut event = rest("alice", "GET", "/mapped", &Value::Null);
    event["resource"] = json!("/");
    assert_eq!(code(&world.send(&event).await), "MISSING_PROFILE");
}

/// An event of each kind, with the path in the form in which AWS sends it.
fn events(sent: &str, decoded: &str) -> [(&'static str, Value); 6] {
    let proxied = |mut event: Value, proxy: &str| {
        event["routeKey"] = json!("ANY /{proxy+}");
        event["pathParameters"] = json!({ "proxy": proxy.trim_start_matches('/') });
        event
    };
    let mut url = http("alice", "GET", sent, "");
    url["requestContext"]["domainName"] = json!("id.lambda-url.us-east-1.on.aws");
    let mut mapped = http("alice", "GET", &format!("/mapped{decoded}"), "");
    mapped["requestContext"]["stage"] = json!("prod");
    [
        ("HTTP API, $default", http("alice", "GET", decoded, "")),
        ("HTTP API, {proxy+}", proxied(http("alice", "GET", decoded, ""), decoded)),
        ("HTTP API, mapped", proxied(mapped, decoded)),
        ("HTTP API, should it encode", proxied(http("alice", "GET", sent, ""), decoded)),
        ("REST API", proxied(rest("alice", "GET", sent, &Value::Null), sent)),
        ("function URL", url),
    ]
}

#[tokio::test]
async fn an_encoded_path_is_the_same_request_in_every_kind_of_event() {
    let world = World::new();
    for (sent, decoded, expected) in [
        ("/profiles", "/profiles", "OK"),
        ("/%70rofiles", "/profiles", "OK"),
        ("/sessions/revoke", "/sessions/revoke", "METHOD_NOT_ALLOWED"),
        ("/sessions%2Frevoke", "/sessions/revoke", "METHOD_NOT_ALLOWED"),
        ("/sessions%2frevoke", "/sessions/revoke", "METHOD_NOT_ALLOWED"),
        ("/sessions%20revoke", "/sessions revoke", "NOT_FOUND"),
        ("/profiles%23x", "/profiles#x", "NOT_FOUND"),
        ("/%CE%BB", "/λ", "NOT_FOUND"),
        ("/profiles/", "/profiles/", "NOT_FOUND"),
    ] {
        for (kind, event) in events(sent, decoded) {
            assert_eq!(code(&world.send(&event).await), expected, "{kind}: {sent}");
        }
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_decoded_matches_no_route() {
    let world = World::new();
    for path in ["/profiles%", "/profiles%2", "/profiles%zz", "/%FF", "/sessions%252Frevoke"] {
        assert_eq!(code(&world.send(&http("alice", "GET", path, "")).await), "NOT_FOUND", "{path}");
        let event = rest("alice", "GET", path, &Value::Null);
        assert_eq!(code(&world.send(&event).await), "NOT_FOUND", "{path}");
    }
}

#[tokio::test]
async fn events_that_iam_did_not_verify_are_refused() {
    let world = World::new();
    let good = || http("alice", "GET", "/", "profile=production");
    let mut unverified = vec![
        json!({ "profile": "production" }),
        json!({}),
        json!([]),
        json!("profile"),
        Value::Null,
        json!({ "version": "2.0" }),
        http("alice", "GET", "/", "profile=production&X-Amz-Signature=0"),
        http("alice", "GET", "/", "profile=production&x-amz-credential=A"),
    ];
    let mut without = good();
    without["requestContext"]["authorizer"] = Value::Null;
    unverified.push(without);
    let mut jwt = good();
    jwt["requestContext"]["authorizer"] = json!({ "jwt": { "claims": { "sub": "alice" } } });
    unverified.push(jwt);
    let mut cognito = good();
    cognito["requestContext"]["authorizer"]["iam"]["cognitoIdentity"] =
        json!({ "identityId": "us-east-1:1" });
    unverified.push(cognito);
    let mut cognito = rest("alice", "GET", "/", &json!({ "profile": ["production"] }));
    cognito["requestContext"]["identity"]["cognitoIdentityId"] = json!("us-east-1:1");
    unverified.push(cognito);
    let mut header = http("mallory", "GET", "/", "profile=production&user=alice");
    header["headers"]["x-user-arn"] = json!("arn:aws:iam::111122223333:user/alice");
    header["requestContext"]["authorizer"] = Value::Null;
    unverified.push(header);
    for arn in ["arn:aws:iam::111122223333:root", "arn:aws:sts::111122223333:federated-user/alice"]
    {
        let mut other = good();
        other["requestContext"]["authorizer"]["iam"]["userArn"] = json!(arn);
        unverified.push(other);
    }
    for event in unverified {
        let response = world.send(&event).await;
        assert_eq!(
            (response.status_code, code(&response).as_str()),
            (403, "IAM_AUTH_REQUIRED"),
            "{event}"
        );
    }
}

#[tokio::test]
async fn an_account_that_is_not_trusted_is_forbidden() {
    let world = World::new();
    let mut event = http("alice", "GET", "/", "profile=production");
    let iam = &mut event["requestContext"]["authorizer"]["iam"];
    iam["accountId"] = json!("444455556666");
    iam["userArn"] = json!("arn:aws:iam::444455556666:user/alice");
    assert_eq!(code(&world.send(&event).await), "FORBIDDEN");
}

#[tokio::test]
async fn with_an_origin_secret_only_events_with_the_secret_are_served() {
    let world = World::with_origin(Some(ORIGIN));
    let mut event = http("alice", "GET", "/", "profile=production");
    assert_eq!(code(&world.send(&event).await), "IAM_AUTH_REQUIRED");
    event["stageVariables"] = json!({ "sentinelOrigin": ORIGIN.replace('0', "1") });
    assert_eq!(code(&world.send(&event).await), "IAM_AUTH_REQUIRED");
    event["stageVariables"] = json!({ "sentinelOrigin": ORIGIN });
    assert_eq!(code(&world.send(&event).await), "OK");
}
