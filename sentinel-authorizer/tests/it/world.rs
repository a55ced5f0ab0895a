//! An authorizer with sessions in memory, and events for it.

use std::sync::Arc;
use std::time::Duration;

use sentinel_authorizer::{Authorizer, Invocation, ResponseFormat, Unauthorized};
use sentinel_store::memory::{MemorySessions, MemorySink};
use sentinel_store::{
    AccountId, CallerKey, Clock, Epochs, Generation, ProfileName, Session, SessionFields,
    SessionHandle, SessionId, SessionKeys, SessionSecret, SessionStore,
};
use serde_json::{Value, json};

pub(crate) const HTTP_ARN: &str =
    "arn:aws:execute-api:us-east-1:111122223333:abc123/$default/GET/sensitive";
pub(crate) const REST_ARN: &str =
    "arn:aws:execute-api:us-east-1:111122223333:abc123/prod/GET/sensitive";

pub(crate) struct World {
    pub(crate) sessions: Arc<MemorySessions>,
    pub(crate) sink: Arc<MemorySink>,
    authorizer: Authorizer,
}

impl World {
    pub(crate) fn new(format: ResponseFormat) -> Self {
        Self::over(format, |sessions| sessions)
    }

    /// The same world with a wrapped store.
    pub(crate) fn over(
        format: ResponseFormat,
        wrap: impl FnOnce(Arc<MemorySessions>) -> Arc<dyn SessionStore>,
    ) -> Self {
        let sessions = Arc::new(MemorySessions::new());
        let sink = Arc::new(MemorySink::new());
        let authorizer = Authorizer::new(wrap(sessions.clone()), sink.clone())
            .with_generation(Generation(3))
            .with_format(format);
        Self { sessions, sink, authorizer }
    }

    /// The same world, at that time.
    pub(crate) fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { authorizer: self.authorizer.with_clock(clock), ..self }
    }

    /// The same world, for ids with the check of those keys.
    pub(crate) fn with_keys(self, keys: &str) -> Self {
        let authorizer = self.authorizer.with_session_keys(SessionKeys::parse(keys));
        Self { authorizer, ..self }
    }

    pub(crate) async fn send(&self, event: &Value) -> Result<Value, Unauthorized> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        self.authorizer.handle(event, &Invocation::new("runtime-1", deadline.into())).await
    }

    /// A valid session of alice on production.
    pub(crate) async fn session(&self) -> (Session, String) {
        self.session_until("2999-01-01T00:00:00Z").await
    }

    /// A session that expires at that time.
    pub(crate) async fn session_until(&self, expires: &str) -> (Session, String) {
        let caller = CallerKey::parse("alice").unwrap();
        let handle = SessionHandle::new(caller.hash(), [5; 10]);
        let secret = SessionSecret::new([6; 16]);
        let session = Session::new(SessionFields {
            handle,
            secret_digest: secret.digest(),
            caller,
            user: "alice".to_owned(),
            profile: ProfileName::parse("production").unwrap(),
            account: AccountId::parse("111122223333").unwrap(),
            principal: "arn:aws:iam::111122223333:user/alice".to_owned(),
            source_identity: "sentinel-alice-abcdefgh".to_owned(),
            request_id: "request-1".to_owned(),
            created: "2026-01-01T00:00:00Z".parse().unwrap(),
            expires: expires.parse().unwrap(),
            epochs: Epochs::default(),
            generation: Generation(3),
        });
        self.sessions.create_session(&session).await.unwrap();
        (session, SessionId::new(handle, secret).reveal())
    }
}

/// A payload 2.0 event.
pub(crate) fn http(headers: &Value, query: &Value) -> Value {
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": HTTP_ARN,
        "identitySource": null,
        "routeKey": "GET /sensitive",
        "rawPath": "/sensitive",
        "rawQueryString": "",
        "headers": headers,
        "queryStringParameters": query,
        "requestContext": { "requestId": "request-2", "stage": "$default" },
    })
}

/// A REST API's REQUEST event, which HTTP APIs send as payload 1.0 too.
pub(crate) fn rest(multi_headers: &Value, multi_query: &Value) -> Value {
    json!({
        "type": "REQUEST",
        "methodArn": REST_ARN,
        "resource": "/sensitive",
        "path": "/sensitive",
        "httpMethod": "GET",
        "headers": {},
        "multiValueHeaders": multi_headers,
        "queryStringParameters": {},
        "multiValueQueryStringParameters": multi_query,
        "requestContext": { "requestId": "request-3", "stage": "prod" },
    })
}

/// Whether a response in either format allows the request.
pub(crate) fn allows(answer: &Value) -> bool {
    let simple = answer["isAuthorized"] == json!(true);
    let effect = &answer["policyDocument"]["Statement"][0]["Effect"];
    simple || *effect == json!("Allow")
}
