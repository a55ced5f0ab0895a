//! An event in, an answer out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sentinel_broker::{Broker, Call, Caller, Code, Denial, Home, VerifiedIdentity};
use sentinel_store::{AuditSink, Clock, Metrics, Record, Secret, SystemClock};
use serde_json::Value;
use tokio::time::Instant;

use crate::event::{Identity, Incoming};
use crate::route::{NoRoute, Route};
use crate::{Response, parameters};

/// The TVM answers within this time, whatever it waits for.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);

/// The last second before the context's deadline is for answering.
const LAST_SECOND: Duration = Duration::from_secs(1);

/// Query and body together are at most so many bytes.
const MAX_SIZE: usize = 64 * 1024;

/// The token vending machine.
#[derive(Debug)]
pub struct Tvm {
    /// None where Sentinel is not set up as it must be.
    broker: Option<Broker>,
    origin_secret: Option<Secret>,
    metrics: Option<Arc<dyn AuditSink>>,
}

/// What the runtime says of an invocation.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where the function lives: from the ARN it was invoked by.
    pub home: Home,
    /// When the runtime gives up.
    pub deadline: Instant,
    /// The version of the function.
    pub function_version: Option<String>,
    /// The runtime's own id of the invocation, for events that carry none.
    pub request_id: String,
}

impl Tvm {
    /// A TVM around that broker. With an origin secret, only events whose stage
    /// variable `sentinelOrigin` equals it are believed.
    #[must_use]
    pub fn new(broker: Broker, origin_secret: Option<Secret>) -> Self {
        Self { broker: Some(broker), origin_secret, metrics: None }
    }

    /// A TVM whose configuration is faulty: it answers everything
    /// `CONFIG_ERROR`. What is wrong is for whoever starts it to log.
    #[must_use]
    pub const fn misconfigured() -> Self {
        Self { broker: None, origin_secret: None, metrics: None }
    }

    /// The same with a line of metrics for every request.
    #[must_use]
    pub fn with_metrics(self, sink: Arc<dyn AuditSink>) -> Self {
        Self { metrics: Some(sink), ..self }
    }

    /// Answers one event: an HTTP API 2.0, REST API 1.0 or function-URL event.
    /// Never fails: whatever goes wrong is an answer.
    pub async fn handle(&self, event: &Value, context: &Context) -> Response {
        let started = Instant::now();
        let request = Incoming::read(event);
        let request_id = request
            .as_ref()
            .and_then(|request| request.request_id.clone())
            .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
            .unwrap_or_else(|| context.request_id.clone());
        let deadline = (started + ANSWER_WITHIN)
            .min(context.deadline.checked_sub(LAST_SECOND).unwrap_or(started));
        let call = Call {
            request_id,
            home: context.home.clone(),
            source_ip: request.as_ref().and_then(|request| request.source_ip),
            source_vpc: request.as_ref().and_then(|request| request.source_vpc.clone()),
            source_vpce: request.as_ref().and_then(|request| request.source_vpce.clone()),
            deadline,
            function_version: context.function_version.clone(),
        };
        let answer = AssertUnwindSafe(self.answer(request.as_ref(), &call)).catch_unwind().await;
        let response = answer.unwrap_or_else(|_| {
            tracing::error!(request_id = call.request_id, "a panic was caught");
            Response::denial(&Denial::internal(), &call.request_id)
        });
        self.count(&response, started);
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
        route: Route,
        request: &Incoming,
        call: &Call,
    ) -> Result<Response, Denial> {
        let caller = self.identify(broker, request, call)?;
        if request.size > MAX_SIZE {
            return Err(Denial::new(
                Code::RequestTooLarge,
                format!("query and body together may be {MAX_SIZE} bytes"),
            ));
        }
        Ok(match route {
            Route::Vend => {
                let vend = parameters::vend(request)?;
                Response::vended(&broker.vend(call, &caller, &vend).await?)
            }
            Route::Profiles => Response::json(200, &broker.profiles(call, &caller).await?),
            Route::Whoami => Response::json(200, &broker.whoami(call, &caller).await?),
            Route::ListSessions => {
                let query = parameters::list_sessions(request)?;
                Response::json(200, &broker.list_sessions(call, &caller, &query).await?)
            }
            Route::Revoke => {
                let parameters::Operate { target, reason, length } =
                    parameters::operate(request, true)?;
                let revoked = broker.revoke(call, &caller, &target, &reason, length).await?;
                Response::json(200, &revoked)
            }
            Route::Reinstate => {
                let parameters::Operate { target, reason, .. } =
                    parameters::operate(request, false)?;
                Response::json(200, &broker.reinstate(call, &caller, &target, &reason).await?)
            }
        })
    }

    fn identify(&self, broker: &Broker, request: &Incoming, call: &Call) -> Result<Caller, Denial> {
        let from_origin =
            self.origin_secret.is_none() || request.origin.as_ref() == self.origin_secret.as_ref();
        let believed = from_origin && !request.is_presigned();
        let identity = request.identity.as_ref().filter(|_| believed);
        let Some(Identity { user_arn, account, organization }) = identity else {
            return Err(broker.refuse_unverified(call));
        };
        let organization = organization.as_deref();
        broker.identify(call, &VerifiedIdentity { user_arn, account, organization })
    }

    /// Best effort: what was decided is recorded already, and a count that is
    /// missing lets nobody in.
    fn count(&self, response: &Response, started: Instant) {
        let Some(sink) = &self.metrics else { return };
        let latency = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let errors = u64::from(response.status_code >= 500);
        let metrics = Metrics {
            timestamp: SystemClock.now(),
            values: vec![("Requests", 1), ("Errors", errors), ("LatencyMs", latency)],
        };
        let record = Record::Metrics(metrics);
        let written = catch_unwind(AssertUnwindSafe(|| sink.write(&record)));
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!("metrics could not be written");
        }
    }
}
