//! Errors of the client, as the page shows them: a code, what to do next, and the id to quote.

use std::error::Error;

use http::StatusCode;
use sentinel_client::{ClientError, ErrorResponse};
use serde_json::{Value, json};

use crate::person::Person;
use crate::response::{self, Response};
use crate::shown::visible;

/// The response for a request that the TVM did not carry out.
#[expect(clippy::wildcard_enum_match_arm, reason = "the text of every other error is complete")]
pub(crate) fn failed(error: &ClientError, person: &Person) -> Response {
    match error {
        ClientError::Invalid(of_tvm)
        | ClientError::Refused(of_tvm)
        | ClientError::Failed(of_tvm) => {
            let status = StatusCode::from_u16(of_tvm.status).unwrap_or(StatusCode::BAD_GATEWAY);
            response::json(status, &refused(of_tvm, person))
        }
        ClientError::Credentials(source) => {
            // The innermost cause is a complete message.
            let mut cause: &dyn Error = source;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            bad_gateway(json!({
                "code": "NO_CREDENTIALS",
                "message": visible(&cause.to_string()),
                "sign_in": person.sign_in,
            }))
        }
        ClientError::Unreachable { .. } => bad_gateway(json!({
            "code": "UNREACHABLE",
            "message": visible(&format!(
                "{}; it is tried again automatically", causes(error)
            )),
        })),
        ClientError::WrongAddress { .. } | ClientError::NotSentinel { .. } => bad_gateway(json!({
            "code": "NOT_A_TVM",
            "message": visible(&causes(error)),
        })),
        _ => bad_gateway(json!({ "code": "FAILED", "message": visible(&causes(error)) })),
    }
}

fn bad_gateway(value: Value) -> Response {
    response::json(StatusCode::BAD_GATEWAY, &value)
}

fn refused(of_tvm: &ErrorResponse, person: &Person) -> Value {
    let ErrorResponse { code, message, request_id, retry_after, .. } = of_tvm;
    let mut value = json!({
        "code": visible(code),
        "message": visible(message),
        "request_id": visible(request_id),
        "retry_after_s": retry_after,
    });
    // The message of API Gateway about credentials that have expired. Sentinel does not verify them.
    if !of_tvm.is_of_sentinel()
        && message.contains("security token")
        && let Some(fields) = value.as_object_mut()
    {
        fields.insert("sign_in".to_owned(), person.sign_in.clone().into());
    }
    value
}

/// An error with its causes.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
