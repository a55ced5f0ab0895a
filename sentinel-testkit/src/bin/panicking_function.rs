//! A function that panics in the place that the variable `PANIC` names: in `build`, or in `answer`
//! for the event `"panic"`.

use std::process::ExitCode;
use std::sync::Arc;

use sentinel_function::lambda::{LambdaInvocation, serve};
use serde_json::Value;

fn main() -> ExitCode {
    serve(
        || {
            assert_ne!(std::env::var("PANIC").as_deref(), Ok("build"), "injected");
            "built".to_owned()
        },
        || "instead".to_owned(),
        answer,
    )
}

async fn answer(built: Arc<String>, event: Value, _: LambdaInvocation) -> Result<String, String> {
    assert_ne!(event, "panic", "injected");
    if event == "fail" { Err("this one fails".to_owned()) } else { Ok(built.to_string()) }
}
