//! The mapping of failed AWS calls to store errors.
//!
//! The cause of a store error is a text from here, and not the SDK's error, which contains
//! the whole response and shows it in its `Debug` output.

use std::{error::Error, fmt::Debug};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use crate::{Causes, StoreError};

/// Why a call failed, in a form that may be logged.
#[derive(Debug, thiserror::Error)]
#[error("`{operation}`: {what}")]
struct Failure {
    operation: &'static str,
    what: String,
}

/// Error codes for too many requests.
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

/// Error codes for a record that is not in the required state.
const CONFLICTS: [&str; 2] = ["ConditionalCheckFailedException", "ParameterAlreadyExists"];

/// Error codes for a missing record. A missing table is not one of them, because records
/// of it may exist elsewhere.
const MISSING: [&str; 2] = ["ParameterNotFound", "ParameterVersionNotFound"];

/// Error codes for a failure of the service.
const FAILING: [&str; 4] =
    ["InternalServerError", "InternalFailure", "InternalError", "ServiceUnavailable"];

/// Error codes whose messages are kept, because they name what to fix and nothing of the
/// request. Only the first line is kept. Other messages may quote a document or a record,
/// and the message of a wrong signature contains the headers with the session token.
const WITH_MESSAGE: [&str; 8] = [
    "AccessDeniedException",
    "AccessDenied",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
    "ExpiredTokenException",
    "InvalidKeyId",
    "KMSAccessDeniedException",
    "OptInRequired",
];

/// Maximum length of a part of a message, in characters.
const MAX_PART: usize = 300;

/// The store error for a failure of `operation`.
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
            && code.is_some_and(|code| WITH_MESSAGE.contains(&code))
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
        // Nothing was sent: no region, no credentials, or an invalid endpoint.
        return StoreError::Refused(failure.into());
    }
    // No connection, no response in time, or an unreadable response, which still has a
    // status.
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

/// A response without the expected content.
pub(crate) fn unreadable(operation: &'static str) -> StoreError {
    let what = "the response lacks the requested data".to_owned();
    StoreError::Unavailable(Failure { operation, what }.into())
}

/// The beginning of the first line of a text.
fn line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|char| !char.is_control()).take(MAX_PART).collect()
}
