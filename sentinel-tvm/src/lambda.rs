//! The token vending machine as a Lambda function: what it is put together
//! from, and how an event comes to it.

use std::convert::Infallible;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use aws_types::SdkConfig;
use sentinel_broker::{Broker, Denial, Home, OsRandom, Parts, SessionTable};
use sentinel_function::lambda::{Invocation, serve, set_variables, warn};
use sentinel_store::aws::Timing;
use sentinel_store::{
    AuditSink, DynamoPolicies, DynamoSessions, JsonLines, Metered, PolicyLayers, PolicyStore,
    SsmPolicies, SystemClock, aws,
};
use serde_json::Value;

use crate::{Config, Context, Response, StsIssuer, Tvm};

/// Serves events of Lambda's Runtime API, set up as the environment of the
/// process says.
#[must_use]
pub fn run() -> ExitCode {
    let sink: Arc<dyn AuditSink> = Arc::new(Metered::new(JsonLines::new(io::stdout())));
    let instead = Arc::clone(&sink);
    let variable = |name: &str| std::env::var(name).ok();
    serve(
        move || {
            warn(&Config::warnings(variable, set_variables()));
            tvm(variable, sink)
        },
        move || Tvm::misconfigured().with_metrics(instead),
        answer,
    )
}

/// How long what decides is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The session table.
    pub sessions: Timing,
    /// STS.
    pub issuer: Timing,
}

impl Patience {
    /// With AWS itself.
    pub const AWS: Self = Self { sessions: Timing::DYNAMODB, issuer: StsIssuer::TIMING };
}

/// A TVM over SSM, DynamoDB and STS as the variables say. Where they are
/// faulty, each fault is logged, and every request answered `CONFIG_ERROR`.
pub fn tvm(variable: impl Fn(&str) -> Option<String>, sink: Arc<dyn AuditSink>) -> Tvm {
    patient_tvm(variable, sink, Patience::AWS)
}

/// The same with other patience: for what stands in for AWS, and is not as fast.
pub fn patient_tvm(
    variable: impl Fn(&str) -> Option<String>,
    sink: Arc<dyn AuditSink>,
    patience: Patience,
) -> Tvm {
    let config = Config::read(&variable);
    let aws = aws::config(&variable, aws::http_client());
    let tvm = match (config, aws) {
        (Ok(config), Ok(aws)) => {
            let origin_secret = config.origin_secret.clone();
            Tvm::new(broker(config, &aws, Arc::clone(&sink), patience), origin_secret)
        }
        (config, aws) => {
            for fault in config.err().into_iter().flatten() {
                tracing::error!(%fault, "faulty configuration");
            }
            for fault in aws.err().into_iter().flatten() {
                tracing::error!(%fault, "faulty configuration");
            }
            Tvm::misconfigured()
        }
    };
    tvm.with_metrics(sink)
}

fn broker(config: Config, aws: &SdkConfig, sink: Arc<dyn AuditSink>, patience: Patience) -> Broker {
    let parameters = Arc::new(SsmPolicies::new(aws));
    let policies: Arc<dyn PolicyStore> = match config.policy_table {
        Some(table) => {
            Arc::new(PolicyLayers::new(parameters, Arc::new(DynamoPolicies::new(aws, table))))
        }
        None => parameters,
    };
    let sessions = config.session_table.map(|name| SessionTable {
        store: Arc::new(DynamoSessions::new(aws, name.clone()).with_timing(patience.sessions)),
        name,
    });
    Broker::new(
        config.settings,
        Parts {
            policies,
            sessions,
            issuer: Arc::new(StsIssuer::new(aws).with_timing(patience.issuer)),
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            sink,
        },
    )
}

async fn answer(
    tvm: Arc<Tvm>,
    event: Value,
    invocation: Invocation,
) -> Result<Response, Infallible> {
    let Invocation { request_id, function_arn, function_version, deadline } = invocation;
    let Some(home) = Home::from_arn(&function_arn) else {
        tracing::error!(request_id, function_arn, "invoked by what is no function's ARN");
        return Ok(Response::denial(&Denial::internal(), &request_id));
    };
    let function_version = Some(function_version);
    Ok(tvm.handle(&event, &Context { home, deadline, function_version, request_id }).await)
}
