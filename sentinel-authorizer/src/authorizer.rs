//! An event in, an answer out.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sentinel_store::{
    AuditSink, Causes, Clock, Event, EventKind, Generation, Record, Refusal, Session, SessionId,
    SessionKeys, SessionStore, StoreError, VerifyError, verify_session,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::answer::{ResponseFormat, answer};
use crate::event::{Incoming, ShownId};

/// The authorizer answers within this time, whatever it waits for.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// The last second before the context's deadline is for answering.
const LAST_SECOND: Duration = Duration::from_secs(1);

/// There was no session id at all. Its text is what API Gateway turns into 401;
/// every other refusal is an answer, which becomes 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unauthorized")]
pub struct Unauthorized;

/// Lets good sessions through.
#[derive(Debug)]
pub struct Authorizer {
    /// None where the configuration is faulty.
    sessions: Option<Arc<dyn SessionStore>>,
    generation: Generation,
    keys: Option<SessionKeys>,
    format: ResponseFormat,
    clock: Arc<dyn Clock>,
    sink: Arc<dyn AuditSink>,
}

/// What the runtime says of an invocation.
#[derive(Clone, Debug)]
pub struct Context {
    /// When the runtime gives up.
    pub deadline: Instant,
    /// The runtime's own id of the invocation, for events that carry none.
    pub request_id: String,
}

impl Authorizer {
    /// An authorizer over those sessions.
    #[must_use]
    pub fn new(
        sessions: Arc<dyn SessionStore>,
        generation: Generation,
        format: ResponseFormat,
        clock: Arc<dyn Clock>,
        sink: Arc<dyn AuditSink>,
    ) -> Self {
        Self { sessions: Some(sessions), generation, keys: None, format, clock, sink }
    }

    /// The same authorizer, for session ids with the check of one of those keys.
    /// `None`, the default, for ids without a check.
    #[must_use]
    pub fn with_session_keys(self, keys: Option<SessionKeys>) -> Self {
        Self { keys, ..self }
    }

    /// An authorizer whose configuration is faulty: it refuses every session.
    /// What is wrong is for whoever starts it to log.
    #[must_use]
    pub fn misconfigured(
        format: ResponseFormat,
        clock: Arc<dyn Clock>,
        sink: Arc<dyn AuditSink>,
    ) -> Self {
        Self { sessions: None, generation: Generation::default(), keys: None, format, clock, sink }
    }

    /// Answers one event: an HTTP API REQUEST of either payload format, or a
    /// REST API's REQUEST or TOKEN.
    ///
    /// # Errors
    /// [`Unauthorized`] without any session id. Everything else, a store that
    /// fails too, is an answer that refuses.
    pub async fn handle(&self, event: &Value, context: &Context) -> Result<Value, Unauthorized> {
        let started = Instant::now();
        let deadline = (started + ANSWER_WITHIN)
            .min(context.deadline.checked_sub(LAST_SECOND).unwrap_or(started));
        let Some(incoming) = Incoming::read(event) else {
            tracing::warn!(request_id = context.request_id, "not an authorizer's event");
            return Ok(answer(self.format, None, None));
        };
        let request_id = incoming.request_id.as_deref().unwrap_or(&context.request_id);
        let shown = match &incoming.id {
            ShownId::None => return Err(Unauthorized),
            ShownId::One(id) => Some(id.as_str()),
            ShownId::Several => None,
        };
        let check = AssertUnwindSafe(self.check(shown, deadline)).catch_unwind().await;
        let session = match check {
            Ok(Ok(session)) => Some(session),
            Ok(Err(error)) => {
                tracing::info!(request_id, cause = %Causes(&error), "refused a session");
                self.record(shown, error.code(), request_id);
                None
            }
            Err(_) => {
                tracing::error!(request_id, "a panic was caught");
                self.record(shown, "internal_error", request_id);
                None
            }
        };
        let format = incoming.shape.format(self.format);
        Ok(answer(format, incoming.arn.as_deref(), session.as_ref()))
    }

    async fn check(&self, id: Option<&str>, deadline: Instant) -> Result<Session, VerifyError> {
        let id = id.ok_or(VerifyError::Refused(Refusal::Malformed))?;
        let sessions = self.sessions.as_deref().ok_or_else(|| {
            VerifyError::Store(StoreError::Refused("the configuration is faulty".into()))
        })?;
        let clock = self.clock.as_ref();
        let check = verify_session(sessions, id, self.keys.as_ref(), self.generation, clock);
        tokio::time::timeout_at(deadline, check).await.unwrap_or_else(|_| {
            Err(VerifyError::Store(StoreError::Unavailable("no answer before the deadline".into())))
        })
    }

    /// Records a refusal: why, which the client is not told. A record that
    /// cannot be written changes nothing: it is refused either way.
    fn record(&self, id: Option<&str>, code: &str, request_id: &str) {
        let handle = id.and_then(|id| SessionId::parse(id).ok()).map(|id| id.handle.to_string());
        let event = Event {
            session: handle,
            code: Some(code.to_owned()),
            request_id: Some(request_id.to_owned()),
            ..Event::new(EventKind::AuthorizerRefusal, self.clock.now())
        };
        let record = Record::Event(Box::new(event));
        let written = std::panic::catch_unwind(AssertUnwindSafe(|| self.sink.write(&record)));
        if !matches!(written, Ok(Ok(()))) {
            tracing::error!(request_id, "a refusal could not be recorded");
        }
    }
}
