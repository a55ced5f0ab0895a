//! The authorizer as a Lambda function: what it is put together from, and how
//! an event comes to it.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use sentinel_function::lambda::{Invocation, serve, set_variables, warn};
use sentinel_store::{AuditSink, DynamoSessions, JsonLines, Metered, SystemClock, aws};
use serde_json::Value;

use crate::{Authorizer, Config, Context, Unauthorized, config};

/// Serves events of Lambda's Runtime API, set up as the environment of the
/// process says.
#[must_use]
pub fn run() -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok();
    let sink: Arc<dyn AuditSink> = Arc::new(Metered::new(JsonLines::new(io::stdout())));
    let instead = Arc::clone(&sink);
    serve(
        move || {
            warn(&Config::warnings(variable, set_variables()));
            authorizer(variable, sink)
        },
        move || misconfigured(variable, instead),
        answer,
    )
}

/// An authorizer over the table that the variables name. Where they are faulty,
/// each fault is logged, and every session refused.
pub fn authorizer(
    variable: impl Fn(&str) -> Option<String>,
    sink: Arc<dyn AuditSink>,
) -> Authorizer {
    let config = Config::read(&variable);
    let aws = aws::config(&variable, aws::http_client());
    match (config, aws) {
        (Ok(config), Ok(aws)) => Authorizer::new(
            Arc::new(DynamoSessions::new(&aws, config.session_table)),
            config.generation,
            config.format,
            Arc::new(SystemClock),
            sink,
        )
        .with_session_keys(config.session_keys),
        (config, aws) => {
            for fault in config.err().into_iter().flatten() {
                tracing::error!(%fault, "faulty configuration");
            }
            for fault in aws.err().into_iter().flatten() {
                tracing::error!(%fault, "faulty configuration");
            }
            misconfigured(variable, sink)
        }
    }
}

fn misconfigured(
    variable: impl Fn(&str) -> Option<String>,
    sink: Arc<dyn AuditSink>,
) -> Authorizer {
    Authorizer::misconfigured(config::format(variable), Arc::new(SystemClock), sink)
}

async fn answer(
    authorizer: Arc<Authorizer>,
    event: Value,
    invocation: Invocation,
) -> Result<Value, Unauthorized> {
    let Invocation { deadline, request_id, .. } = invocation;
    authorizer.handle(&event, &Context { deadline, request_id }).await
}
