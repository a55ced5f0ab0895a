//! The two functions with all backends in memory: events in, responses out, as bytes, like in Lambda.
//! The stores are in memory, and the issuer returns fixed credentials: what AWS does is free.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use sentinel_authorizer::Authorizer;
use sentinel_broker::{
    AssumeRole, Broker, CallerRate, Home, IssueError, Issued, Issuer, Parts, Random, RandomError,
    SessionTable, Settings,
};
use sentinel_store::memory::{MemoryPolicies, MemorySessions};
use sentinel_store::{
    AccountId, Clock, JsonLines, PolicyPath, PolicyStore, Secret, SessionKeys, SessionStore,
};
use sentinel_tvm::Tvm;
use sentinel_wire::Credentials;
use serde_json::{Value, json};

use crate::workload::Question;

/// The error of a world that cannot be built, or of a response that is not the expected one.
pub type Failure = Box<dyn std::error::Error>;

const ACCOUNT: &str = "111122223333";
const SESSION_KEY: &str = "0123456789abcdef0123456789abcdef";

/// The two functions, which share a table of sessions.
#[derive(Debug)]
pub struct World {
    tvm: Tvm,
    authorizer: Authorizer,
    home: Home,
}

/// The backends of the functions, in the place of AWS.
#[derive(Clone, Debug)]
pub struct Backends {
    /// The store of policy documents.
    pub policies: Arc<dyn PolicyStore>,
    /// The table of sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// The source of credentials.
    pub issuer: Arc<dyn Issuer>,
}

impl Backends {
    /// Backends in memory, with that main policy document.
    #[must_use]
    pub fn in_memory(policy: &str, clock: Arc<dyn Clock>) -> Self {
        let policies = MemoryPolicies::new();
        policies.put(&main_document(), policy);
        Self {
            policies: Arc::new(policies),
            sessions: Arc::new(MemorySessions::new()),
            issuer: Arc::new(FixedIssuer { clock }),
        }
    }
}

fn main_document() -> PolicyPath {
    PolicyPath::new("/sentinel/policies/main")
}

impl World {
    /// Builds the functions. They write records and metrics, which are discarded.
    ///
    /// # Errors
    /// Never, unless a constant of this module is invalid.
    pub fn new(
        backends: Backends,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, Failure> {
        let Backends { policies, sessions, issuer } = backends;
        let sink = Arc::new(JsonLines::new(io::sink()));
        let keys = SessionKeys::parse(SESSION_KEY).ok_or("the session key is invalid")?;
        // No caller of a measurement is slowed down. Vends are counted all the same.
        let rate = CallerRate::parse("1000000/1m").ok_or("the rate is invalid")?;
        let settings =
            Settings::new(main_document()).with_session_keys(keys.clone()).with_caller_rate(rate);
        let parts = Parts::new(policies, issuer, sink.clone())
            .with_sessions(SessionTable::new("sentinel-sessions", sessions.clone()))
            .with_clock(clock.clone())
            .with_random(random);
        let tvm = Tvm::new(Broker::new(settings, parts), None).with_metrics(sink.clone());
        let authorizer = Authorizer::new(sessions, sink).with_session_keys(keys).with_clock(clock);
        let home = Home::new("aws", AccountId::parse(ACCOUNT)?);
        Ok(Self { tvm, authorizer, home })
    }

    /// Answers an event of an HTTP API. Reading the event and writing the response are included.
    ///
    /// # Errors
    /// If the event is not JSON.
    pub async fn vend(&self, event: &[u8]) -> Result<Vec<u8>, Failure> {
        let event: Value = serde_json::from_slice(event)?;
        let deadline = tokio::time::Instant::now().into_std() + Duration::from_secs(30);
        let invocation = sentinel_tvm::Invocation::new("request-1", self.home.clone(), deadline);
        Ok(serde_json::to_vec(&self.tvm.handle(&event, &invocation).await)?)
    }

    /// Answers an event of an authorizer. Reading the event and writing the response are included.
    ///
    /// # Errors
    /// If the event is not JSON or has no session id.
    pub async fn authorize(&self, event: &[u8]) -> Result<Vec<u8>, Failure> {
        let event: Value = serde_json::from_slice(event)?;
        let deadline = tokio::time::Instant::now().into_std() + Duration::from_secs(5);
        let invocation = sentinel_authorizer::Invocation::new("request-1", deadline);
        Ok(serde_json::to_vec(&self.authorizer.handle(&event, &invocation).await?)?)
    }

    /// Vends once, and returns the event of an authorizer for the session.
    ///
    /// # Errors
    /// If the vend is refused.
    pub async fn session(&self, vend: &[u8]) -> Result<Vec<u8>, Failure> {
        let response: Value = serde_json::from_slice(&self.vend(vend).await?)?;
        let id = response.pointer("/headers/x-sentinel-session-id").and_then(Value::as_str);
        Ok(authorizer_event(id.ok_or("the vend was refused")?))
    }
}

/// An event of payload format 2.0, as an HTTP API with IAM authorization sends it.
#[must_use]
pub fn vend_event(question: &Question) -> Vec<u8> {
    let Question { user, profile, .. } = question;
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "rawQueryString": format!("profile={profile}"),
        "headers": {
            "accept": "*/*",
            "host": "abc123.execute-api.us-east-1.amazonaws.com",
            "user-agent": "sentinel/0.1",
            "x-amz-date": "20260318T110000Z",
            "x-forwarded-for": "192.0.2.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "queryStringParameters": { "profile": profile },
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "abc123",
            "authorizer": { "iam": {
                "accessKey": "AKIAIOSFODNN7EXAMPLE",
                "accountId": ACCOUNT,
                "callerId": "AIDAEXAMPLE",
                "cognitoIdentity": null,
                "principalOrgId": "o-abc123",
                "userArn": format!("arn:aws:iam::{ACCOUNT}:user/{user}"),
                "userId": "AIDAEXAMPLE",
            } },
            "domainName": "abc123.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "abc123",
            "http": {
                "method": "GET",
                "path": "/",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.7",
                "userAgent": "sentinel/0.1",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "18/Mar/2026:11:00:00 +0000",
            "timeEpoch": 1_773_831_600_000_u64,
        },
        "isBase64Encoded": false,
    })
    .to_string()
    .into_bytes()
}

fn authorizer_event(session: &str) -> Vec<u8> {
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:us-east-1:111122223333:abc123/$default/GET/sensitive",
        "identitySource": [session],
        "routeKey": "GET /sensitive",
        "rawPath": "/sensitive",
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "host": "abc123.execute-api.us-east-1.amazonaws.com",
            "x-sentinel-session-id": session,
            "x-forwarded-for": "192.0.2.7",
        },
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "abc123",
            "http": {
                "method": "GET",
                "path": "/sensitive",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.7",
                "userAgent": "sentinel/0.1",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "$default",
        },
    })
    .to_string()
    .into_bytes()
}

/// Returns the same credentials to every caller: making them is the work of STS.
#[derive(Debug)]
struct FixedIssuer {
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Issuer for FixedIssuer {
    async fn assume_role(&self, request: &AssumeRole) -> Result<Issued, IssueError> {
        Ok(Issued::new(Credentials {
            access_key_id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            // The size of a real one.
            session_token: Secret::new("IQoJb3JpZ2luX2VjEXAMPLE".repeat(24)),
            expiration: self.clock.now() + TimeDelta::seconds(request.seconds.into()),
        }))
    }
}

/// Randomness that is the same in every run.
#[derive(Debug, Default)]
pub struct Counter(Mutex<u64>);

impl Random for Counter {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in buffer.chunks_mut(8) {
            *next = next.wrapping_add(0x9e37_79b9_7f4a_7c15);
            for (byte, value) in chunk.iter_mut().zip(next.to_be_bytes()) {
                *byte = value;
            }
        }
        Ok(())
    }
}
