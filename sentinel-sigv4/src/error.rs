//! Reasons why a signature is refused. No text contains the secret, the token or the
//! expected signature.

use chrono::{DateTime, SecondsFormat, Utc};

/// The reason why a signature is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The request has no signature.
    #[error("the request is not signed: sign it with AWS Signature Version 4")]
    Unsigned,
    /// The signature is in the query.
    #[error("presigned requests are not accepted: put the signature in the Authorization header")]
    Presigned,
    /// A part of the signature is malformed or ambiguous.
    #[error("the signature cannot be read: {0}")]
    Malformed(&'static str),
    /// A header that must be signed is not.
    #[error("the header `{0}` must be among the signed ones")]
    UnsignedHeader(String),
    /// The signature is for another region or service.
    #[error(
        "the signature is for `{signed}`: sign for region and service `{expected}`, as by AWS_REGION"
    )]
    Scope {
        /// The region and service of the signature.
        signed: String,
        /// The region and service that are required.
        expected: String,
    },
    /// The signature is too old, or from the future.
    #[error(
        "the request was signed at {}, more than five minutes from this server's {}: set your clock",
        .signed.to_rfc3339_opts(SecondsFormat::Secs, true),
        .now.to_rfc3339_opts(SecondsFormat::Secs, true)
    )]
    Skewed {
        /// The time of the signature.
        signed: DateTime<Utc>,
        /// The verifier's time.
        now: DateTime<Utc>,
    },
    /// The body does not match the hash in `x-amz-content-sha256`.
    #[error("the body is not the one whose hash is in x-amz-content-sha256")]
    Body,
    /// The access key is unknown, or the token does not belong to it.
    #[error("the access key or its session token is not known here")]
    UnknownKey,
    /// The credentials have expired.
    #[error("the credentials have expired: get new ones")]
    Expired,
    /// The signature does not match the request.
    #[error(
        "the signature does not match the request: it was signed with another secret key, or changed on its way"
    )]
    Mismatch,
}

impl SignatureError {
    /// The response of STS to such a request: status, code and message.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>
    #[must_use]
    pub fn as_sts(&self) -> (u16, &'static str, String) {
        match self {
            Self::Unsigned | Self::Presigned => (
                403,
                "MissingAuthenticationToken",
                format!("Request is missing Authentication Token: {self}"),
            ),
            Self::Malformed(_) => (400, "IncompleteSignature", self.to_string()),
            Self::UnknownKey => (
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.".to_owned(),
            ),
            Self::Expired => (
                403,
                "ExpiredToken",
                "The security token included in the request is expired".to_owned(),
            ),
            Self::Skewed { .. } => {
                (403, "SignatureDoesNotMatch", format!("Signature expired: {self}"))
            }
            Self::UnsignedHeader(_) | Self::Scope { .. } | Self::Body | Self::Mismatch => {
                (403, "SignatureDoesNotMatch", self.to_string())
            }
        }
    }
}
