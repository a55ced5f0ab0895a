//! A TVM with all of its parts in memory, and events for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_broker::{Broker, Home, LocalIssuer, OsRandom, Parts, SessionTable, Settings};
use sentinel_store::memory::{
    MemoryGrants, MemoryPolicies, MemoryRequests, MemorySessions, MemorySink,
};
use sentinel_store::{AccountId, Clock, GrantStore, PolicyPath, RequestStore, Secret, SystemClock};
use sentinel_tvm::{Invocation, Response, Tvm};
use serde_json::{Value, json};

pub(crate) const ORIGIN: &str = "0123456789abcdef0123456789abcdef";

const POLICY: &str = r#"
version: "1"
rules:
  - { name: alice, effect: allow, conditions: { profiles: [production], users: [alice] } }
operators:
  - { name: ops, users: [carol], may: [list_sessions, revoke, reinstate] }
"#;

pub(crate) struct World {
    tvm: Tvm,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_origin(None)
    }

    pub(crate) fn with_origin(origin: Option<&str>) -> Self {
        Self::with(POLICY, origin, Arc::new(SystemClock))
    }

    /// A world with that clock.
    pub(crate) fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::with(POLICY, None, clock)
    }

    /// One with this main document.
    pub(crate) fn with_policy(policy: &str) -> Self {
        Self::with(policy, None, Arc::new(SystemClock))
    }

    fn with(policy: &str, origin: Option<&str>, clock: Arc<dyn Clock>) -> Self {
        let parameter = PolicyPath::new("/sentinel/policies/main");
        let policies = MemoryPolicies::new();
        policies.put(&parameter, policy);
        let settings = Settings::new(parameter);
        let issuer = LocalIssuer::new([1; 32], clock.clone(), Arc::new(OsRandom));
        let sessions = SessionTable::new("sentinel-sessions", Arc::new(MemorySessions::new()));
        let sink = Arc::new(MemorySink::new());
        let parts = Parts::new(Arc::new(policies), Arc::new(issuer), sink)
            .with_sessions(sessions)
            .with_requests(Arc::new(MemoryRequests::new()) as Arc<dyn RequestStore>)
            .with_grants(Arc::new(MemoryGrants::new()) as Arc<dyn GrantStore>)
            .with_clock(clock);
        Self { tvm: Tvm::new(Broker::new(settings, parts), origin.map(Secret::new)) }
    }

    /// The same world, with a line of metrics in that sink for every request.
    pub(crate) fn metered() -> (Self, Arc<MemorySink>) {
        let sink = Arc::new(MemorySink::new());
        let Self { tvm } = Self::new();
        (Self { tvm: tvm.with_metrics(sink.clone()) }, sink)
    }

    pub(crate) async fn send(&self, event: &Value) -> Response {
        let home = Home::new("aws", AccountId::parse("111122223333").unwrap());
        let deadline = Instant::now() + Duration::from_secs(30);
        self.tvm.handle(event, &Invocation::new("runtime-1", home, deadline)).await
    }
}

/// The code of a refusal.
pub(crate) fn code(response: &Response) -> String {
    let body: Value = serde_json::from_str(&response.body).unwrap();
    body["Code"].as_str().unwrap_or("OK").to_owned()
}

pub(crate) fn body(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap()
}

/// An HTTP API event of payload format 2.0, as IAM authorization makes it.
pub(crate) fn http(user: &str, method: &str, path: &str, query: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": { "host": "abc123.execute-api.us-east-1.amazonaws.com" },
        "requestContext": {
            "accountId": "111122223333",
            "apiId": "abc123",
            "authorizer": { "iam": {
                "accessKey": "AKIAEXAMPLE",
                "accountId": "111122223333",
                "callerId": "AIDAEXAMPLE",
                "cognitoIdentity": null,
                "principalOrgId": "aws:PrincipalOrgID",
                "userArn": format!("arn:aws:iam::111122223333:user/{user}"),
                "userId": "AIDAEXAMPLE",
            } },
            "domainName": "abc123.execute-api.us-east-1.amazonaws.com",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.7",
                "userAgent": "curl/8",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "02/Mar/2026:10:00:00 +0000",
            "timeEpoch": 1_772_445_600_000_u64,
        },
        "isBase64Encoded": false,
    })
}

/// A REST API event, as IAM authorization makes it.
pub(crate) fn rest(user: &str, method: &str, path: &str, query: &Value) -> Value {
    json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": { "Host": "abc123.execute-api.us-east-1.amazonaws.com" },
        "multiValueHeaders": {},
        "queryStringParameters": null,
        "multiValueQueryStringParameters": query,
        "pathParameters": null,
        "stageVariables": null,
        "requestContext": {
            "accountId": "111122223333",
            "apiId": "abc123",
            "httpMethod": method,
            "identity": {
                "accessKey": "AKIAEXAMPLE",
                "accountId": "111122223333",
                "caller": "AIDAEXAMPLE",
                "cognitoAuthenticationProvider": null,
                "cognitoAuthenticationType": null,
                "cognitoIdentityId": null,
                "cognitoIdentityPoolId": null,
                "sourceIp": "192.0.2.7",
                "user": "AIDAEXAMPLE",
                "userArn": format!("arn:aws:iam::111122223333:user/{user}"),
            },
            "path": format!("/prod{path}"),
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "resourcePath": "/{proxy+}",
            "stage": "prod",
        },
        "body": null,
        "isBase64Encoded": false,
    })
}
