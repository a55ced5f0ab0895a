//! The loop of a function for Lambda's Runtime API: one thread, one event after another. The function
//! is built on a second thread, in parallel with the first poll for an event.
//!
//! Not here: how an event is answered.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::diagnostics::{self, LevelFilter};
use crate::variables::ConfigWarning;

/// The variables that Lambda sets for every function, and that `lambda_runtime` requires.
const SET_BY_LAMBDA: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// One invocation, as the Runtime API reports it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LambdaInvocation {
    /// The id of the invocation.
    pub request_id: String,
    /// The ARN that the function was invoked by.
    pub function_arn: String,
    /// The version of the function.
    pub function_version: String,
    /// The time at which Lambda ends the invocation.
    pub deadline: Instant,
}

impl LambdaInvocation {
    fn of(context: lambda_runtime::Context) -> Self {
        let left = context.deadline().duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        let now = Instant::now();
        Self {
            deadline: now.checked_add(left).unwrap_or(now),
            request_id: context.request_id,
            function_arn: context.invoked_function_arn,
            function_version: context.env_config.version.clone(),
        }
    }
}

/// Serves events until the Runtime API ends. `answer` answers each event with the function that
/// `build` returned. If `build` panics, the function is what `fallback` returns: Lambda would start a
/// process that exits at startup again and again, and callers would get no explanation.
///
/// An error of `answer` becomes the error of the invocation, with its text as the message. So does an
/// event that is not JSON, an event that is nested deeper than 128, and a panic. The process
/// continues.
pub fn serve<T, R, E, F>(
    build: impl FnOnce() -> T + Send + 'static,
    fallback: impl FnOnce() -> T + Send + 'static,
    answer: impl Fn(Arc<T>, Value, LambdaInvocation) -> F,
) -> ExitCode
where
    T: Send + Sync + 'static,
    R: Serialize,
    E: fmt::Display,
    F: Future<Output = Result<R, E>>,
{
    let missing: Vec<_> =
        SET_BY_LAMBDA.into_iter().filter(|name| std::env::var_os(name).is_none()).collect();
    if !missing.is_empty() {
        let text = format!(
            "this program runs in AWS Lambda, which sets {}; `sentinel dev` runs everything on one \
             machine",
            missing.join(", ")
        );
        return failed(&text);
    }
    diagnostics::install(io::stderr, false, LevelFilter::INFO);
    let (sender, built) = watch::channel(None);
    let builder = std::thread::Builder::new().name("build".to_owned()).spawn(move || {
        // The panic hook has written the message, which must not be repeated: it can quote a value.
        let function = catch_unwind(AssertUnwindSafe(build)).unwrap_or_else(|_| {
            tracing::error!(cause = "a panic was caught", "failed to build the function");
            fallback()
        });
        // This fails only if the runtime has ended.
        sender.send(Some(Arc::new(function))).ok();
    });
    if let Err(error) = builder {
        return failed(&format!("cannot start a thread: {error}"));
    }
    let answer = &answer;
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let mut built = built.clone();
        async move {
            let function = built.wait_for(Option::is_some).await.ok();
            let function = function.and_then(|function| function.as_ref().map(Arc::clone));
            let function = function.ok_or_else(|| error("failed to build the function"))?;
            let LambdaEvent { payload, context } = event;
            answer(function, payload, LambdaInvocation::of(context)).await.map_err(error)
        }
    });
    // `lambda_runtime::run` would add a layer that opens a span for every event, which has no reader.
    let served = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(Runtime::new(handler).run()));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("cannot reach the Runtime API any more: {error}")),
    }
}

/// The names of the variables that are set and not empty.
pub fn set_variables() -> impl Iterator<Item = String> {
    let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    set.filter_map(|(name, _)| name.into_string().ok())
}

/// Logs warnings for the administrator.
pub fn warn(warnings: &[ConfigWarning]) {
    for warning in warnings {
        tracing::warn!(%warning, "questionable configuration");
    }
}

fn error(text: impl fmt::Display) -> Diagnostic {
    Diagnostic { error_type: "Error".to_owned(), error_message: text.to_string() }
}

fn failed(text: &str) -> ExitCode {
    // A closed stderr leaves no way to report this.
    writeln!(io::stderr(), "error: {text}").ok();
    ExitCode::FAILURE
}
