//! What a failed call to AWS means, in one place.
//!
//! What comes back is text made here, and not the SDK's error: that one holds the
//! whole answer, and shows it in its `Debug`.

use std::{error::Error, fmt::Debug};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use crate::{Causes, StoreError};

/// Why a call failed, as it may be logged.
#[derive(Debug, thiserror::Error)]
#[error("`{operation}`: {what}")]
struct Failure {
    operation: &'static str,
    what: String,
}

/// What the service says when there is too much of everything.
const THROTTLED: [&str; 9] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "ThrottledException",
    "Throttling",
    "TooManyRequestsException",
    "TooManyUpdates",
    "RequestThrottled",
    "SlowDown",
];

/// What it says when the record is not in the state that was asked for.
const CONFLICTS: [&str; 2] = ["ConditionalCheckFailedException", "ParameterAlreadyExists"];

/// What it says when there is no such record. That there is no such table is not
/// among them: that says nothing about records.
const MISSING: [&str; 2] = ["ParameterNotFound", "ParameterVersionNotFound"];

/// What it says when it fails itself.
const FAILING: [&str; 4] =
    ["InternalServerError", "InternalFailure", "InternalError", "ServiceUnavailable"];

/// Of whose messages the first line is kept, since they name what to mend, and
/// nothing of what was sent. Others may quote a document or a record; and that of
/// a wrong signature repeats the headers, the session token among them.
const TELLING: [&str; 8] = [
    "AccessDeniedException",
    "AccessDenied",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
    "ExpiredTokenException",
    "InvalidKeyId",
    "KMSAccessDeniedException",
    "OptInRequired",
];

const LONGEST: usize = 300;

/// What that failure of `operation` means to the caller of a store.
pub(crate) fn store_error<E>(
    operation: &'static str,
    error: &SdkError<E, HttpResponse>,
) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let SdkError::ServiceError(answered) = error {
        let status = answered.raw().status().as_u16();
        let code = answered.err().code();
        let mut what = code.map_or_else(|| format!("status {status}"), line);
        if let Some(message) = answered.err().message()
            && code.is_some_and(|code| TELLING.contains(&code))
        {
            what = format!("{what}: {}", line(message));
        }
        if let Some(id) = error.request_id() {
            what = format!("{what} (request {})", line(id));
        }
        return kind(code.unwrap_or_default(), status, Failure { operation, what });
    }
    let failure = Failure { operation, what: line(&Causes(error).to_string()) };
    if let SdkError::ConstructionFailure(_) = error {
        // Nothing was sent: no region, no credentials, or a bad end point.
        return StoreError::Refused(failure.into());
    }
    // No connection, no answer in time, or none that can be read: of that one, the
    // status may still tell.
    let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
    kind("", status, failure)
}

fn kind(code: &str, status: u16, failure: Failure) -> StoreError {
    if CONFLICTS.contains(&code) {
        StoreError::conflict()
    } else if MISSING.contains(&code) {
        StoreError::not_found()
    } else if THROTTLED.contains(&code) || status == 429 {
        StoreError::Throttled(failure.into())
    } else if !FAILING.contains(&code) && (400..500).contains(&status) {
        StoreError::Refused(failure.into())
    } else {
        StoreError::Unavailable(failure.into())
    }
}

/// An answer that came, and is none.
pub(crate) fn unreadable(operation: &'static str) -> StoreError {
    let what = "the answer lacks what was asked for".to_owned();
    StoreError::Unavailable(Failure { operation, what }.into())
}

/// The beginning of a text, on one line.
fn line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|char| !char.is_control()).take(LONGEST).collect()
}
