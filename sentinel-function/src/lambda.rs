//! A function in front of Lambda's Runtime API: one thread, one event after
//! another. What the function is made of is built on a thread of its own while
//! the runtime asks for the first event.
//!
//! Not here: what is answered.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ConfigWarning;
use crate::diagnostics::{self, LevelFilter};

/// What Lambda gives every function, and `lambda_runtime` cannot do without.
const GIVEN_BY_LAMBDA: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// What the runtime says of an invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its id.
    pub request_id: String,
    /// The ARN that the function was invoked by.
    pub function_arn: String,
    /// The version of the function.
    pub function_version: String,
    /// When the runtime gives up.
    pub deadline: Instant,
}

impl Invocation {
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

/// Serves events for as long as there are any: each is answered by `answer`,
/// from what `build` gives. Where `build` panics, `instead` is what answers: a
/// function that ends at its start would be started again and again, and tell
/// its callers nothing.
///
/// An error of `answer` becomes the error of the invocation, with its text as
/// the message. So does an event that is no JSON, or nested deeper than 128, and
/// a panic; the process lives.
pub fn serve<T, R, E, F>(
    build: impl FnOnce() -> T + Send + 'static,
    instead: impl FnOnce() -> T + Send + 'static,
    answer: impl Fn(Arc<T>, Value, Invocation) -> F,
) -> ExitCode
where
    T: Send + Sync + 'static,
    R: Serialize,
    E: fmt::Display,
    F: Future<Output = Result<R, E>>,
{
    let missing: Vec<_> =
        GIVEN_BY_LAMBDA.into_iter().filter(|name| std::env::var_os(name).is_none()).collect();
    if !missing.is_empty() {
        let text = format!(
            "this is a function for AWS Lambda, which sets {}; `sentinel dev` runs everything on \
             one machine",
            missing.join(", ")
        );
        return failed(&text);
    }
    diagnostics::install(io::stderr, false, LevelFilter::INFO);
    let (give, built) = watch::channel(None);
    let builder = std::thread::Builder::new().name("build".to_owned()).spawn(move || {
        let function = catch_unwind(AssertUnwindSafe(build)).unwrap_or_else(|_| {
            tracing::error!("the function could not be put together: a panic was caught");
            instead()
        });
        // Nobody waits for it only where the runtime has ended.
        give.send(Some(Arc::new(function))).ok();
    });
    if let Err(error) = builder {
        return failed(&format!("no thread could be started: {error}"));
    }
    let answer = &answer;
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let mut built = built.clone();
        async move {
            let function = built.wait_for(Option::is_some).await.ok();
            let function = function.and_then(|function| function.as_ref().map(Arc::clone));
            let function =
                function.ok_or_else(|| error("the function could not be put together"))?;
            let LambdaEvent { payload, context } = event;
            answer(function, payload, Invocation::of(context)).await.map_err(error)
        }
    });
    // Not made by `lambda_runtime::run`, whose layer opens a span for every
    // event that nobody reads.
    let served = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(Runtime::new(handler).run()));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("the Runtime API is gone: {error}")),
    }
}

/// The names of the variables that are set, and not to an empty text.
pub fn set_variables() -> impl Iterator<Item = String> {
    let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    set.filter_map(|(name, _)| name.into_string().ok())
}

/// Logs what an operator has to look at.
pub fn warn(warnings: &[ConfigWarning]) {
    for warning in warnings {
        tracing::warn!(%warning, "doubtful configuration");
    }
}

fn error(text: impl fmt::Display) -> Diagnostic {
    Diagnostic { error_type: "Error".to_owned(), error_message: text.to_string() }
}

fn failed(text: &str) -> ExitCode {
    // Where stderr is closed there is nobody to tell.
    writeln!(io::stderr(), "error: {text}").ok();
    ExitCode::FAILURE
}
