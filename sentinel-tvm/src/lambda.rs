//! The token vending machine as a Lambda function: what it is built from, and how it receives events.

use std::convert::Infallible;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use aws_types::SdkConfig;
use sentinel_broker::{Broker, Denial, Home, Parts, SessionTable};
use sentinel_function::lambda::{self as runtime, serve, set_variables, warn};
use sentinel_store::aws::Timing;
use sentinel_store::dynamodb::{DynamoGrants, DynamoPolicies, DynamoRequests, DynamoSessions};
use sentinel_store::ssm::SsmPolicies;
use sentinel_store::{
    AuditSink, GrantStore, JsonLines, Metered, PolicyLayers, PolicyStore, RequestStore, aws,
};
use serde_json::Value;

use crate::config::Config;
use crate::response::Response;
use crate::sts::StsIssuer;
use crate::tvm::{Invocation, Tvm};

/// Serves events of Lambda's Runtime API. The environment of the process configures it.
#[must_use]
pub fn run() -> ExitCode {
    let sink: Arc<dyn AuditSink> = Arc::new(Metered::new(JsonLines::new(io::stdout())));
    let fallback = Arc::clone(&sink);
    let variable = |name: &str| std::env::var(name).ok();
    serve(
        move || {
            warn(&Config::warnings(variable, set_variables()));
            tvm(variable, sink)
        },
        move || Tvm::misconfigured().with_metrics(fallback),
        answer,
    )
}

/// The timeouts and retries of the services that a request depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// The timeouts and retries of the tables of sessions, requests and grants.
    pub sessions: Timing,
    /// The timeouts and retries of STS.
    pub issuer: Timing,
}

impl Timings {
    /// The timeouts and retries for AWS itself.
    pub const AWS: Self = Self::new(Timing::DYNAMODB, StsIssuer::TIMING);

    /// The timeouts and retries of the session table and of STS.
    #[must_use]
    pub const fn new(sessions: Timing, issuer: Timing) -> Self {
        Self { sessions, issuer }
    }
}

/// A TVM with SSM, DynamoDB and STS, as the variables configure them. If variables are invalid, each
/// problem is logged, and every request is answered with `CONFIG_ERROR`.
pub fn tvm(variable: impl Fn(&str) -> Option<String>, sink: Arc<dyn AuditSink>) -> Tvm {
    tvm_with_timings(variable, sink, Timings::AWS)
}

/// The same TVM with other timeouts and retries, for emulators of AWS, which are slower.
pub fn tvm_with_timings(
    variable: impl Fn(&str) -> Option<String>,
    sink: Arc<dyn AuditSink>,
    timings: Timings,
) -> Tvm {
    let config = Config::read(&variable);
    let aws = aws::config(&variable, aws::http_client());
    let tvm = match (config, aws) {
        (Ok(config), Ok(aws)) => {
            let origin_secret = config.origin_secret.clone();
            let timed = Timed { aws: &aws, timings };
            Tvm::new(broker(config, &timed, Arc::clone(&sink)), origin_secret)
        }
        (config, aws) => {
            for error in config.err().into_iter().flatten() {
                tracing::error!(%error, "invalid configuration");
            }
            for error in aws.err().into_iter().flatten() {
                tracing::error!(%error, "invalid configuration");
            }
            Tvm::misconfigured()
        }
    };
    tvm.with_metrics(sink)
}

/// The configuration of the AWS clients, and the timeouts and retries of those that override it.
struct Timed<'a> {
    aws: &'a SdkConfig,
    timings: Timings,
}

fn broker(config: Config, timed: &Timed<'_>, sink: Arc<dyn AuditSink>) -> Broker {
    let Timed { aws, timings } = *timed;
    let parameters = Arc::new(SsmPolicies::new(aws));
    let policies: Arc<dyn PolicyStore> = match config.policy_table {
        Some(table) => {
            Arc::new(PolicyLayers::new(parameters, Arc::new(DynamoPolicies::new(aws, table))))
        }
        None => parameters,
    };
    let sessions = config.session_table.map(|name| {
        let store = DynamoSessions::new(aws, name.clone()).with_timing(timings.sessions);
        SessionTable::new(name, Arc::new(store))
    });
    let requests = config.approval_table.map(|name| -> Arc<dyn RequestStore> {
        Arc::new(DynamoRequests::new(aws, name).with_timing(timings.sessions))
    });
    let grants = config.breakglass_table.map(|name| -> Arc<dyn GrantStore> {
        Arc::new(DynamoGrants::new(aws, name).with_timing(timings.sessions))
    });
    let issuer = Arc::new(StsIssuer::new(aws).with_timing(timings.issuer));
    let parts = Parts::new(policies, issuer, sink)
        .with_sessions(sessions)
        .with_requests(requests)
        .with_grants(grants);
    Broker::new(config.settings, parts)
}

async fn answer(
    tvm: Arc<Tvm>,
    event: Value,
    invocation: runtime::LambdaInvocation,
) -> Result<Response, Infallible> {
    let runtime::LambdaInvocation { request_id, function_arn, function_version, deadline, .. } =
        invocation;
    let Some(home) = Home::from_arn(&function_arn) else {
        tracing::error!(request_id, function_arn, "the ARN of the invocation is invalid");
        return Ok(Response::denial(&Denial::internal(), &request_id));
    };
    let invocation =
        Invocation::new(request_id, home, deadline).with_function_version(function_version);
    Ok(tvm.handle(&event, &invocation).await)
}
