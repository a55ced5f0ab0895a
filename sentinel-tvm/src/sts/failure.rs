//! What an error of STS means: throttled, refused, or no usable response.
//!
//! The text of STS is never passed on. A message may quote what was sent: that of a wrong signature
//! quotes the session token. A server in the place of STS may send any text. The error contains only
//! the code, the request id, and a fixed sentence for each known message.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
//! <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ServiceError;
use sentinel_broker::IssueError;

/// The codes with which AWS services throttle. STS documents `Throttling`.
const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Known messages: the code, a text that the message contains, and its meaning.
const MEANINGS: &[(&str, &str, &str)] = &[
    ("AccessDenied", "sts:SetSourceIdentity", "sts:SetSourceIdentity is not allowed"),
    ("AccessDenied", "sts:TagSession", "sts:TagSession is not allowed"),
    ("AccessDenied", "sts:AssumeRole", "sts:AssumeRole is not allowed"),
    ("AccessDenied", "explicit deny", "a policy denies it"),
    ("AccessDenied", "no identity-based policy", "no policy of this function's role allows it"),
    ("AccessDenied", "no resource-based policy", "the role's trust policy does not allow it"),
    ("AccessDenied", "source identity", "this function's own session has a source identity"),
    (
        "ValidationError",
        "role chaining",
        "a role that assumes a role gets at most an hour: lower SENTINEL_MAX_DURATION",
    ),
    (
        "ValidationError",
        "MaxSessionDuration",
        "the role's MaxSessionDuration is less than the requested duration",
    ),
    ("ValidationError", "roleSessionName", "STS does not accept the role session name"),
    ("ValidationError", "sourceIdentity", "STS does not accept the source identity"),
    ("ValidationError", "durationSeconds", "STS does not accept the duration"),
    ("ValidationError", "roleArn", "STS does not accept the role's ARN"),
    ("RegionDisabledException", "", "STS is not activated in this region for the role's account"),
    ("ExpiredToken", "", "this function's own credentials have expired"),
    ("InvalidClientTokenId", "", "STS does not know this function's own credentials"),
    ("SignatureDoesNotMatch", "", "this function's own credentials or clock are wrong"),
];

/// Classifies an error for the broker.
pub(super) fn classify(error: &SdkError<AssumeRoleError, HttpResponse>) -> IssueError {
    if let SdkError::ServiceError(response) = error {
        return classify_response(response);
    }
    if let SdkError::ConstructionFailure(_) = error {
        let what = "cannot build a request: check this function's region and credentials";
        return IssueError::Refused(what.into());
    }
    let what = if let SdkError::TimeoutError(_) = error {
        "no response in time"
    } else if let SdkError::DispatchFailure(failure) = error {
        if failure.is_timeout() { "no connection in time" } else { "no connection, or it was lost" }
    } else {
        "cannot read the response"
    };
    IssueError::Unavailable(what.into())
}

fn classify_response(error: &ServiceError<AssumeRoleError, HttpResponse>) -> IssueError {
    let status = error.raw().status().as_u16();
    let id = error.err().meta().request_id().filter(|id| is_id(id));
    let id = id.map(|id| format!(" (request {id})")).unwrap_or_default();
    let code = error.err().code().filter(|code| is_code(code));
    let Some(code) = code else {
        let what = format!("status {status} without an error code of STS{id}");
        return if status == 429 {
            IssueError::Throttled(what.into())
        } else {
            IssueError::Unavailable(what.into())
        };
    };
    if THROTTLED.contains(&code) || status == 429 {
        return IssueError::Throttled(format!("{code}{id}").into());
    }
    if !(400..500).contains(&status) || code.starts_with("RequestTimeout") {
        return IssueError::Unavailable(format!("status {status}, {code}{id}").into());
    }
    let message = error.err().message().unwrap_or_default();
    let mut what = code.to_owned();
    for (_, _, meaning) in MEANINGS.iter().filter(|(of, word, _)| {
        // The API model has `ExpiredTokenException`, and the service sends `ExpiredToken`.
        code.trim_end_matches("Exception") == of.trim_end_matches("Exception")
            && message.contains(word)
    }) {
        what.push_str("; ");
        what.push_str(meaning);
    }
    IssueError::Refused(format!("{what}{id}").into())
}

/// Whether the text is an error code: one word.
fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphabetic() || b == b'.')
}

/// Whether the text is a request id: a UUID. Other texts are not logged.
pub(super) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}
