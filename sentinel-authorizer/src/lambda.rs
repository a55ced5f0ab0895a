//! The authorizer as a Lambda function: what it is built from, and how it receives events.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use sentinel_function::lambda::{self as runtime, serve, set_variables, warn};
use sentinel_store::dynamodb::DynamoSessions;
use sentinel_store::{AuditSink, JsonLines, Metered, aws};
use serde_json::Value;

use crate::authorizer::{Authorizer, Invocation, Unauthorized};
use crate::config::{self, Config};

/// Serves events of Lambda's Runtime API. The environment of the process configures it.
#[must_use]
pub fn run() -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok();
    let sink: Arc<dyn AuditSink> = Arc::new(Metered::new(JsonLines::new(io::stdout())));
    let fallback = Arc::clone(&sink);
    serve(
        move || {
            warn(&Config::warnings(variable, set_variables()));
            authorizer(variable, sink)
        },
        move || misconfigured(variable, fallback),
        answer,
    )
}

/// An authorizer for the table that the variables name. If variables are invalid, each problem is
/// logged, and every session is refused.
pub fn authorizer(
    variable: impl Fn(&str) -> Option<String>,
    sink: Arc<dyn AuditSink>,
) -> Authorizer {
    let config = Config::read(&variable);
    let aws = aws::config(&variable, aws::http_client());
    match (config, aws) {
        (Ok(config), Ok(aws)) => {
            Authorizer::new(Arc::new(DynamoSessions::new(&aws, config.session_table)), sink)
                .with_generation(config.generation)
                .with_session_keys(config.session_keys)
                .with_format(config.format)
        }
        (config, aws) => {
            for error in config.err().into_iter().flatten() {
                tracing::error!(%error, "invalid configuration");
            }
            for error in aws.err().into_iter().flatten() {
                tracing::error!(%error, "invalid configuration");
            }
            misconfigured(variable, sink)
        }
    }
}

fn misconfigured(
    variable: impl Fn(&str) -> Option<String>,
    sink: Arc<dyn AuditSink>,
) -> Authorizer {
    Authorizer::misconfigured(sink).with_format(config::format(variable))
}

async fn answer(
    authorizer: Arc<Authorizer>,
    event: Value,
    invocation: runtime::LambdaInvocation,
) -> Result<Value, Unauthorized> {
    let runtime::LambdaInvocation { deadline, request_id, .. } = invocation;
    authorizer.handle(&event, &Invocation::new(request_id, deadline)).await
}
