//! What an error of STS means: throttled, refused, or no usable answer.
//!
//! The words of STS itself never go on. A message may quote what was sent (that
//! of a wrong signature quotes the session token), and whatever stands in for
//! STS may answer anything. What goes on is the code, the request's id, and a
//! fixed sentence for what a message is known to say.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
//! <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ServiceError;
use sentinel_broker::IssueError;

/// The codes with which AWS services throttle; STS documents `Throttling`.
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

/// What a message with that code and those words means.
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
        "a role that assumes a role gets an hour at most: lower SENTINEL_MAX_DURATION",
    ),
    (
        "ValidationError",
        "MaxSessionDuration",
        "the role's MaxSessionDuration is less than what was asked for",
    ),
    ("ValidationError", "roleSessionName", "the role session name is not what STS takes"),
    ("ValidationError", "sourceIdentity", "the source identity is not what STS takes"),
    ("ValidationError", "durationSeconds", "the duration is not what STS takes"),
    ("ValidationError", "roleArn", "the role's ARN is not what STS takes"),
    ("RegionDisabledException", "", "STS is not activated in this region for the role's account"),
    ("ExpiredToken", "", "this function's own credentials have expired"),
    ("InvalidClientTokenId", "", "this function's own credentials are not known to STS"),
    ("SignatureDoesNotMatch", "", "this function's own credentials or clock are wrong"),
];

/// What an error means to the broker.
pub(super) fn meaning(error: &SdkError<AssumeRoleError, HttpResponse>) -> IssueError {
    if let SdkError::ServiceError(answered) = error {
        return answered_with(answered);
    }
    if let SdkError::ConstructionFailure(_) = error {
        let what = "no request could be made: check this function's region and credentials";
        return IssueError::Refused(what.into());
    }
    let what = if let SdkError::TimeoutError(_) = error {
        "no answer in time"
    } else if let SdkError::DispatchFailure(failure) = error {
        if failure.is_timeout() { "no connection in time" } else { "no connection, or it was lost" }
    } else {
        "the answer could not be read"
    };
    IssueError::Unavailable(what.into())
}

fn answered_with(error: &ServiceError<AssumeRoleError, HttpResponse>) -> IssueError {
    let status = error.raw().status().as_u16();
    let id = error.err().meta().request_id().filter(|id| is_id(id));
    let id = id.map(|id| format!(" (request {id})")).unwrap_or_default();
    let code = error.err().code().filter(|code| is_code(code));
    let Some(code) = code else {
        let what = format!("status {status}, and nothing that STS would answer{id}");
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
        // The newest model says `ExpiredTokenException`, the service the other.
        code.trim_end_matches("Exception") == of.trim_end_matches("Exception")
            && message.contains(word)
    }) {
        what.push_str("; ");
        what.push_str(meaning);
    }
    IssueError::Refused(format!("{what}{id}").into())
}

/// A code is a word.
fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphabetic() || b == b'.')
}

/// An id of a request is a UUID; nothing else is logged as one.
pub(super) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}
