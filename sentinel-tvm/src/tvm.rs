//! The TVM: an event in, a response out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_broker::{Broker, Call, Caller, Denial, ErrorCode, Home, VerifiedIdentity};
use sentinel_store::{
    AuditSink, Clock, Metrics, Record, Secret, SystemClock, catch_panic, catch_panic_of,
};
use serde_json::Value;

use crate::event::{Identity, Incoming};
use crate::response::Response;
use crate::route::{NoRoute, Route};

/// The TVM answers within this time, even if its stores or STS do not.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);

/// The time before the invocation's deadline that is reserved for answering.
const ANSWER_BUDGET: Duration = Duration::from_secs(1);

/// Maximum size of query and body together, in bytes.
const MAX_SIZE: usize = 64 * 1024;

/// The token vending machine.
#[derive(Debug)]
pub struct Tvm {
    /// `None` if the configuration is invalid.
    broker: Option<Broker>,
    origin_secret: Option<Secret>,
    metrics: Option<Arc<dyn AuditSink>>,
}

/// One invocation of the function, as its runtime reports it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Invocation {
    /// The runtime's id of the invocation, for events without an id.
    pub request_id: String,
    /// The account that the function runs in, from the ARN that it was invoked by.
    pub home: Home,
    /// The time at which the runtime ends the invocation.
    pub deadline: Instant,
    /// The version of the function, for the records. `None` if it has none.
    pub function_version: Option<String>,
}

impl Invocation {
    /// An invocation of a function without a version.
    #[must_use]
    pub fn new(request_id: impl Into<String>, home: Home, deadline: Instant) -> Self {
        Self { request_id: request_id.into(), home, deadline, function_version: None }
    }

    /// The same invocation, of that version of the function.
    #[must_use]
    pub fn with_function_version(self, version: impl Into<Option<String>>) -> Self {
        Self { function_version: version.into(), ..self }
    }
}

impl Tvm {
    /// A TVM with that broker. With an origin secret, it serves only events whose stage variable
    /// `sentinelOrigin` equals the secret.
    #[must_use]
    pub fn new(broker: Broker, origin_secret: Option<Secret>) -> Self {
        Self { broker: Some(broker), origin_secret, metrics: None }
    }

    /// A TVM whose configuration is invalid. It answers every event with `CONFIG_ERROR`. The caller
    /// must log what is wrong.
    #[must_use]
    pub const fn misconfigured() -> Self {
        Self { broker: None, origin_secret: None, metrics: None }
    }

    /// The same TVM, which writes a line of metrics to that sink for every request.
    #[must_use]
    pub fn with_metrics(self, sink: Arc<dyn AuditSink>) -> Self {
        Self { metrics: Some(sink), ..self }
    }

    /// Answers one event: an HTTP API 2.0, REST API 1.0 or function-URL event. Never fails: every
    /// failure is a response.
    pub async fn handle(&self, event: &Value, invocation: &Invocation) -> Response {
        let started = tokio::time::Instant::now();
        let request = Incoming::read(event);
        let request_id = request
            .as_ref()
            .and_then(|request| request.request_id.clone())
            .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
            .unwrap_or_else(|| invocation.request_id.clone());
        let now = started.into_std();
        let deadline = (now + ANSWER_WITHIN)
            .min(invocation.deadline.checked_sub(ANSWER_BUDGET).unwrap_or(now));
        let call = Call::new(request_id, invocation.home.clone(), deadline)
            .with_source_ip(request.as_ref().and_then(|request| request.source_ip))
            .with_source_vpc(request.as_ref().and_then(|request| request.source_vpc.clone()))
            .with_source_vpce(request.as_ref().and_then(|request| request.source_vpce.clone()))
            .with_service_version(invocation.function_version.clone());
        let response = catch_panic_of(self.answer(request.as_ref(), &call)).await;
        let response = response.unwrap_or_else(|panicked| {
            tracing::error!(request_id = call.request_id, cause = %panicked, "failed to answer");
            Response::denial(&Denial::internal(), &call.request_id)
        });
        let latency = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.count(&response, latency);
        response
    }

    async fn answer(&self, request: Option<&Incoming>, call: &Call) -> Response {
        let Some(broker) = &self.broker else {
            return Response::denial(&Denial::misconfigured(), &call.request_id);
        };
        let Some(request) = request else {
            // A bare payload, or an event of another kind: nothing verified it.
            let denial = broker.refuse_unverified(call);
            return Response::denial(&denial, &call.request_id);
        };
        let route = match Route::find(&request.method, &request.path) {
            Ok(route) => route,
            Err(NoRoute { denial, allow }) => {
                let response = Response::denial(&denial, &call.request_id);
                return match allow {
                    Some(allow) => response.with("allow", &allow),
                    None => response,
                };
            }
        };
        match self.serve(broker, route, request, call).await {
            Ok(response) => response,
            Err(denial) => Response::denial(&denial, &call.request_id),
        }
    }

    async fn serve(
        &self,
        broker: &Broker,
        route: Route<'_>,
        request: &Incoming,
        call: &Call,
    ) -> Result<Response, Denial> {
        let caller = self.identify(broker, request, call)?;
        if request.size > MAX_SIZE {
            return Err(Denial::new(
                ErrorCode::RequestTooLarge,
                format!("query and body together may have at most {MAX_SIZE} bytes"),
            ));
        }
        route.serve(broker, call, &caller, request).await
    }

    fn identify(&self, broker: &Broker, request: &Incoming, call: &Call) -> Result<Caller, Denial> {
        let from_origin =
            self.origin_secret.is_none() || request.origin.as_ref() == self.origin_secret.as_ref();
        let trusted = from_origin && !request.is_presigned();
        let identity = request.identity.as_ref().filter(|_| trusted);
        let Some(Identity { user_arn, account, organization }) = identity else {
            return Err(broker.refuse_unverified(call));
        };
        let verified =
            VerifiedIdentity::new(user_arn, account).with_organization(organization.as_deref());
        broker.identify(call, &verified)
    }

    /// Writes the metrics. Best effort: the decision is recorded already, and a missing count does
    /// not change the response.
    fn count(&self, response: &Response, latency_ms: u64) {
        let Some(sink) = &self.metrics else { return };
        let errors = u64::from(response.status_code >= 500);
        let values = vec![("Requests", 1), ("Errors", errors), ("LatencyMs", latency_ms)];
        let metrics = Metrics::new(SystemClock.now(), values);
        let record = Record::Metrics(metrics);
        if !matches!(catch_panic(|| sink.write(&record)), Ok(Ok(()))) {
            tracing::warn!("failed to write metrics");
        }
    }
}
