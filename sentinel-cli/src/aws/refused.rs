//! The next step to take if AWS, or a store in AWS, refuses a request.

use std::error::Error;

use aws_sdk_dynamodb::error::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use sentinel_store::{Causes, StoreError};

use crate::output::{Failure, printable};

const REQUIRED_PERMISSIONS: &str = "`sentinel iam administrator` prints the required permissions";
const NO_TABLE: &str = "check the name of the policy table: `sentinel bootstrap` creates it";
const CHECK_NETWORK: &str = "check the network, HTTPS_PROXY, the region and AWS_ENDPOINT_URL";
const LOG_IN: &str = "the AWS credentials are invalid or have expired: log in again \
                      (`aws sso login`), or select others with `--aws-profile NAME`";

/// A call to AWS failed. `what` describes the operation that failed, and `action`
/// is the permission that it needs.
pub(crate) fn because_aws<E>(what: &str, action: &str, error: SdkError<E>) -> Failure
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let code = error.as_service_error().and_then(|service| service.code()).unwrap_or_default();
    let message = error.as_service_error().and_then(|service| service.message());
    let message = message.unwrap_or(code).to_owned();
    match hint(code) {
        Some(Hint::Forbidden) => Failure::other(format!(
            "{what}: AWS refuses `{action}` ({message}); {REQUIRED_PERMISSIONS}"
        )),
        Some(Hint::Credentials) => Failure::other(format!("{what}: {LOG_IN} ({message})")),
        None if !message.is_empty() => Failure::other(format!("{what}: {code}: {message}")),
        None => {
            let service = action.split(':').next().unwrap_or(action);
            Failure::other(format!("{what}: {}", no_response(service, &error)))
        }
    }
}

/// Why an AWS service did not return a readable response, and what to do next.
fn no_response<E: Error + 'static>(service: &str, error: &SdkError<E>) -> String {
    let cause = root_cause(error);
    match error {
        SdkError::TimeoutError(_) => {
            format!("AWS cannot be reached: `{service}` did not respond in time; {CHECK_NETWORK}")
        }
        SdkError::DispatchFailure(_) => {
            format!("AWS cannot be reached: `{service}`: {cause}; {CHECK_NETWORK}")
        }
        SdkError::ConstructionFailure(_) => {
            format!("cannot create the request to `{service}`: {cause}")
        }
        SdkError::ResponseError(_) | SdkError::ServiceError(_) => {
            let status = error.raw_response().map(|raw| raw.status().as_u16());
            let status = status.map(|status| format!(" (status {status})")).unwrap_or_default();
            format!("the response is not from AWS's `{service}`{status}; {CHECK_NETWORK}")
        }
        // The SDK may add variants.
        _ => format!("`{service}` failed: {cause}"),
    }
}

/// The last cause of an error. The causes above it name the layers of the HTTP
/// client.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    printable(&cause.to_string())
}

/// A store failed. `what` describes the operation, the record and its store.
pub(crate) fn because_store(what: impl Into<String>, error: StoreError) -> Failure {
    let (what, error) = (what.into(), error.without_location());
    let text = Causes(&error).to_string();
    let found = ["AccessDenied", "UnrecognizedClient", "InvalidClientTokenId", "ExpiredToken"]
        .into_iter()
        .chain(["SignatureDoesNotMatch", "InvalidSignature", "not authorized"])
        .find(|code| text.contains(code));
    let next = match (&error, found) {
        (StoreError::Refused(_), Some("AccessDenied" | "not authorized")) => REQUIRED_PERMISSIONS,
        (StoreError::Refused(_), Some(_)) => LOG_IN,
        (StoreError::Refused(_), None) if text.contains("ResourceNotFound") => NO_TABLE,
        (StoreError::Refused(_), None)
        | (StoreError::NotFound(_) | StoreError::Conflict(_) | StoreError::Corrupt(_), _) => "",
        (StoreError::Throttled(_) | StoreError::Unavailable(_), _) => "try again later",
    };
    let next = if next.is_empty() { String::new() } else { format!("; {next}") };
    Failure::other(format!("{what}: {text}{next}"))
}

enum Hint {
    Forbidden,
    Credentials,
}

fn hint(code: &str) -> Option<Hint> {
    let forbidden = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"];
    let credentials = [
        "ExpiredToken",
        "ExpiredTokenException",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "IncompleteSignature",
    ];
    if forbidden.contains(&code) {
        Some(Hint::Forbidden)
    } else if credentials.contains(&code) {
        Some(Hint::Credentials)
    } else {
        None
    }
}
