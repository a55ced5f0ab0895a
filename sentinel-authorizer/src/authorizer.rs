//! The authorizer: an event in, a response out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_store::{
    AuditSink, Causes, Clock, Event, EventKind, Generation, Record, Session, SessionId,
    SessionKeys, SessionRefusal, SessionStore, StoreError, SystemClock, VerifyError, catch_panic,
    catch_panic_of, verify_session,
};
use serde_json::Value;

use crate::event::{Incoming, ShownId};
use crate::response::{ResponseFormat, respond};

/// The authorizer answers within this time, even if its store does not.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// The time before the invocation's deadline that is reserved for answering.
const ANSWER_BUDGET: Duration = Duration::from_secs(1);

/// The event contains no session id. API Gateway turns exactly this text into a 401. Every other
/// refusal is a response, which becomes a 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unauthorized")]
#[expect(clippy::exhaustive_structs, reason = "API Gateway defines the error, which is one word")]
pub struct Unauthorized;

/// Allows requests with a valid session.
#[derive(Debug)]
pub struct Authorizer {
    /// `None` if the configuration is invalid.
    sessions: Option<Arc<dyn SessionStore>>,
    generation: Generation,
    keys: Option<SessionKeys>,
    format: ResponseFormat,
    clock: Arc<dyn Clock>,
    sink: Arc<dyn AuditSink>,
}

/// One invocation of the function, as its runtime reports it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Invocation {
    /// The runtime's id of the invocation, for events without an id.
    pub request_id: String,
    /// The time at which the runtime ends the invocation.
    pub deadline: Instant,
}

impl Invocation {
    /// An invocation that ends at that time.
    #[must_use]
    pub fn new(request_id: impl Into<String>, deadline: Instant) -> Self {
        Self { request_id: request_id.into(), deadline }
    }
}

impl Authorizer {
    /// An authorizer for the sessions of that store: of generation 0, without a check in their ids,
    /// and with an IAM policy as the response.
    #[must_use]
    pub fn new(sessions: Arc<dyn SessionStore>, sink: Arc<dyn AuditSink>) -> Self {
        Self { sessions: Some(sessions), ..Self::misconfigured(sink) }
    }

    /// An authorizer whose configuration is invalid. It refuses every session. The caller must log
    /// what is wrong.
    #[must_use]
    pub fn misconfigured(sink: Arc<dyn AuditSink>) -> Self {
        Self {
            sessions: None,
            generation: Generation::default(),
            keys: None,
            format: ResponseFormat::default(),
            clock: Arc::new(SystemClock),
            sink,
        }
    }

    /// The same authorizer for sessions of another generation.
    #[must_use]
    pub fn with_generation(self, generation: Generation) -> Self {
        Self { generation, ..self }
    }

    /// The same authorizer, for session ids with the check of one of those keys. `None`, the default,
    /// for ids without a check.
    #[must_use]
    pub fn with_session_keys(self, keys: impl Into<Option<SessionKeys>>) -> Self {
        Self { keys: keys.into(), ..self }
    }

    /// The same authorizer with another response to events of payload format 2.0.
    #[must_use]
    pub fn with_format(self, format: ResponseFormat) -> Self {
        Self { format, ..self }
    }

    /// The same authorizer with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Answers one event: an HTTP API REQUEST of either payload format, or a REST API's REQUEST or
    /// TOKEN.
    ///
    /// # Errors
    /// [`Unauthorized`] if the event contains no session id. Any other failure, also of the store, is
    /// a response that refuses.
    pub async fn handle(
        &self,
        event: &Value,
        invocation: &Invocation,
    ) -> Result<Value, Unauthorized> {
        let started = tokio::time::Instant::now().into_std();
        let deadline = (started + ANSWER_WITHIN)
            .min(invocation.deadline.checked_sub(ANSWER_BUDGET).unwrap_or(started));
        let Some(incoming) = Incoming::read(event) else {
            tracing::warn!(request_id = invocation.request_id, "not an authorizer's event");
            return Ok(respond(self.format, None, None));
        };
        let request_id = incoming.request_id.as_deref().unwrap_or(&invocation.request_id);
        let shown = match &incoming.id {
            ShownId::None => return Err(Unauthorized),
            ShownId::One(id) => Some(id.as_str()),
            ShownId::Several => None,
        };
        let session = match catch_panic_of(self.check(shown, deadline)).await {
            Ok(Ok(session)) => Some(session),
            Ok(Err(error)) => {
                tracing::info!(request_id, cause = %Causes(&error), "refused a session");
                self.record(shown, error.code(), request_id);
                None
            }
            Err(panicked) => {
                tracing::error!(request_id, cause = %panicked, "failed to check a session");
                self.record(shown, "internal_error", request_id);
                None
            }
        };
        let format = incoming.shape.format(self.format);
        Ok(respond(format, incoming.arn.as_deref(), session.as_ref()))
    }

    async fn check(&self, id: Option<&str>, deadline: Instant) -> Result<Session, VerifyError> {
        let id = id.ok_or(VerifyError::Refused(SessionRefusal::Malformed))?;
        let sessions = self.sessions.as_deref().ok_or_else(|| {
            VerifyError::Store(StoreError::Refused("the configuration is invalid".into()))
        })?;
        let clock = self.clock.as_ref();
        let check = verify_session(sessions, id, self.keys.as_ref(), self.generation, clock);
        tokio::time::timeout_at(deadline.into(), check).await.unwrap_or_else(|_| {
            Err(VerifyError::Store(StoreError::Unavailable("no answer before the deadline".into())))
        })
    }

    /// Records a refusal, with the reason, which the response does not contain. A record that cannot
    /// be written changes nothing: the session is refused either way.
    fn record(&self, id: Option<&str>, code: &str, request_id: &str) {
        let handle = id.and_then(|id| SessionId::parse(id).ok()).map(|id| id.handle.to_string());
        let event = Event::new(EventKind::AuthorizerRefusal, self.clock.now())
            .with_session(handle)
            .with_code(code.to_owned())
            .with_request_id(request_id.to_owned());
        let record = Record::Event(Box::new(event));
        if !matches!(catch_panic(|| self.sink.write(&record)), Ok(Ok(()))) {
            tracing::error!(request_id, "failed to record a refusal");
        }
    }
}
