//! Events of API Gateway and of function URLs, for both functions.

use arbitrary::{Result, Unstructured};
use sentinel_authorizer::ResponseFormat;
use serde_json::{Value, json};

use crate::{block_on, json, made};

// The worlds of the tests of both functions: all parts in memory.
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../../sentinel-authorizer/tests/it/world.rs"]
mod authorizer_world;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../../sentinel-tvm/tests/it/world.rs"]
mod tvm_world;

/// Maximum size of a response. API Gateway accepts 10 MB; the lists of these worlds are short.
const RESPONSE: usize = 64 * 1024;

/// The words of events, and values that routes read.
const WORDS: &[&str] = &[
    "version",
    "2.0",
    "1.0",
    "rawPath",
    "rawQueryString",
    "requestContext",
    "authorizer",
    "iam",
    "userArn",
    "accountId",
    "http",
    "method",
    "httpMethod",
    "path",
    "stage",
    "headers",
    "multiValueHeaders",
    "body",
    "isBase64Encoded",
    "queryStringParameters",
    "multiValueQueryStringParameters",
    "stageVariables",
    "sentinelOrigin",
    "identity",
    "sourceIp",
    "vpceId",
    "cognitoIdentity",
    "domainName",
    "requestId",
    "/",
    "/profiles",
    "/whoami",
    "/requests",
    "/break-glass",
    "/sessions",
    "/sessions/revoke",
    "/prod/whoami",
    "GET",
    "POST",
    "$default",
    "prod",
    "profile=production",
    "duration=900",
    "limit=1",
    "{\"profile\":\"production\"}",
    "eyJwcm9maWxlIjoicHJvZHVjdGlvbiJ9",
    "reason",
    "duration_s",
    "arn:aws:iam::111122223333:user/mallory",
    "arn:aws:iam::444455556666:user/mallory",
    "arn:aws:sts::111122223333:assumed-role/ci/build-7",
    "111122223333",
    "444455556666",
    "192.0.2.7",
    "::1",
    "content-type",
    "application/json",
    "application/x-www-form-urlencoded",
    "X-Sentinel-Session-ID",
    "sentinel_session_id",
    "authorizationToken",
    "session-",
    "type",
    "TOKEN",
    "REQUEST",
    "methodArn",
    "routeArn",
    "identitySource",
    authorizer_world::HTTP_ARN,
    authorizer_world::REST_ARN,
];

/// The routes, with their bodies.
const CALLS: &[(&str, &str, &str)] = &[
    ("GET", "/", ""),
    ("POST", "/", r#"{"profile":"production","duration":"3600"}"#),
    ("GET", "/profiles", ""),
    ("GET", "/whoami", ""),
    (
        "POST",
        "/requests",
        r#"{"profile":"production","reason":"r","duration_s":60,"ticket":"T-1"}"#,
    ),
    ("GET", "/requests", ""),
    (
        "POST",
        "/break-glass",
        r#"{"profile":"production","reason_code":"incident","justification":"down since noon today"}"#,
    ),
    ("GET", "/break-glass", ""),
    ("GET", "/sessions", ""),
    ("POST", "/sessions/revoke", r#"{"user":"alice","reason":"r","for_s":60}"#),
    ("POST", "/sessions/reinstate", r#"{"user":"alice","reason":"r"}"#),
];

/// Any event has a JSON response with a known status and of bounded size. Only alice, who is named in
/// the policy, gets credentials: by her unchanged event, and never by an event that names another caller.
pub fn tvm_event(bytes: &[u8]) {
    made(bytes, |u| {
        let (method, path, body) = *u.choose(CALLS)?;
        let user = *u.choose(&["mallory", "mallory", "alice"])?;
        let valid = event(u, user, method, path, body)?;
        let event = if u.int_in_range(0..=15_u8)? == 15 {
            serde_json::from_str(u.arbitrary()?).unwrap_or_default()
        } else {
            let mut event = valid.clone();
            json::change(u, &mut event, WORDS)?;
            event
        };
        let response = block_on(tvm_world::World::new().send(&event));
        let body: Value = serde_json::from_str(&response.body).unwrap();
        let known = [200, 201, 400, 403, 404, 405, 409, 413, 429];
        assert!(body.is_object() && known.contains(&response.status_code), "{body} {event}");
        assert!(response.body.len() <= RESPONSE, "{} bytes", response.body.len());
        assert_eq!(response.headers["cache-control"], "no-store");
        let has_credentials = response.body.contains("SecretAccessKey");
        assert!(!has_credentials || is_alice(&event), "{event}");
        if event == valid && user == "alice" && path == "/" {
            assert!(has_credentials, "{body} {event}");
        }
        Ok(())
    });
}

/// An event of one of the three formats.
fn event(
    u: &mut Unstructured<'_>,
    user: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Result<Value> {
    // A body has the parameters of a POST.
    let query = if body.is_empty() { "profile=production" } else { "" };
    let mut event = match u.int_in_range(0..=2_u8)? {
        0 => tvm_world::http(user, method, path, query),
        1 if body.is_empty() => {
            tvm_world::rest(user, method, path, &json!({ "profile": ["production"] }))
        }
        1 => tvm_world::rest(user, method, path, &Value::Null),
        // A function URL: an HTTP API event with another host.
        _ => {
            let mut event = tvm_world::http(user, method, path, query);
            event["requestContext"]["domainName"] = json!("abc.lambda-url.us-east-1.on.aws");
            event
        }
    };
    if !body.is_empty() {
        event["body"] = json!(body);
        event["headers"]["content-type"] = json!("application/json");
    }
    Ok(event)
}

/// Whether the verified identity of an event, in either place of it, is alice.
fn is_alice(event: &Value) -> bool {
    let arns = ["/requestContext/authorizer/iam/userArn", "/requestContext/identity/userArn"];
    arns.iter().any(|place| {
        let arn = event.pointer(place).and_then(Value::as_str);
        arn.is_some_and(|arn| arn.rsplit('/').next() == Some("alice"))
    })
}

/// An event of one of the four formats is allowed only if it contains the id of the session. Its unchanged
/// event is allowed. No response contains the id.
pub fn authorizer_event(bytes: &[u8]) {
    made(bytes, |u| {
        let world = authorizer_world::World::new(if u.arbitrary()? {
            ResponseFormat::Policy
        } else {
            ResponseFormat::Simple
        });
        let (_, id) = block_on(world.session());
        let shown = match u.int_in_range(0..=3_u8)? {
            0 => id.clone(),
            1 => {
                let mut other = id.clone().into_bytes();
                let place = u.choose_index(other.len())?;
                other[place] = *u.choose(b"abcdefghijklmnopqrstuvwxyz234567 ,A")?;
                String::from_utf8(other).unwrap()
            }
            2 => format!("session-{}", u.arbitrary::<&str>()?),
            _ => u.arbitrary::<&str>()?.to_owned(),
        };
        let valid = authorizer_event_of(u, &shown)?;
        let mut event = valid.clone();
        json::change(u, &mut event, WORDS)?;
        let response = block_on(world.send(&event));
        let text = response.as_ref().map_or_else(ToString::to_string, ToString::to_string);
        let is_allowed = response.as_ref().is_ok_and(authorizer_world::allows);
        let contains_id = event.to_string().contains(&id);
        assert!(!is_allowed || contains_id, "{event} {text}");
        // A policy names the ARN of the method, which API Gateway writes.
        let is_arn = ["methodArn", "routeArn"].iter().any(|it| event[it].to_string().contains(&id));
        assert!(!text.contains(&id) || is_arn, "{text}");
        assert!(text.len() <= RESPONSE, "{} bytes", text.len());
        if event == valid && shown == id {
            assert!(is_allowed, "{event} {text}");
        }
        Ok(())
    });
}

/// An event of one of the four formats, with that id.
fn authorizer_event_of(u: &mut Unstructured<'_>, id: &str) -> Result<Value> {
    Ok(match u.int_in_range(0..=4_u8)? {
        0 => authorizer_world::http(&json!({ "x-sentinel-session-id": id }), &json!({})),
        1 => authorizer_world::http(&json!({}), &json!({ "sentinel_session_id": id })),
        2 => authorizer_world::rest(&json!({ "X-Sentinel-Session-ID": [id] }), &json!({})),
        3 => authorizer_world::rest(&json!({}), &json!({ "sentinel_session_id": [id] })),
        _ => json!({
            "type": "TOKEN",
            "authorizationToken": id,
            "methodArn": authorizer_world::REST_ARN,
        }),
    })
}
