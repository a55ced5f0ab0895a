//! Why a signature was not accepted, in words that say what to do. Nothing of
//! the secret, the token or the expected signature is in it.

use chrono::{DateTime, SecondsFormat, Utc};

/// Why a signature was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no signature at all.
    #[error("the request is not signed: sign it with AWS Signature Version 4")]
    Unsigned,
    /// The signature stands in the query.
    #[error("presigned requests are not accepted: put the signature in the Authorization header")]
    Presigned,
    /// Something cannot be read, or can be read in two ways.
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
        /// What it is for.
        signed: String,
        /// What it must be for.
        expected: String,
    },
    /// The signature is too old, or from the future.
    #[error(
        "the request was signed at {}, more than five minutes from this server's {}: set your clock",
        .signed.to_rfc3339_opts(SecondsFormat::Secs, true),
        .now.to_rfc3339_opts(SecondsFormat::Secs, true)
    )]
    Skewed {
        /// When it was signed.
        signed: DateTime<Utc>,
        /// When it was received.
        now: DateTime<Utc>,
    },
    /// The body is not the one of which the hash was sent.
    #[error("the body is not the one whose hash is in x-amz-content-sha256")]
    Body,
    /// Nobody has such an access key, or the token does not belong to it.
    #[error("the access key or its session token is not known here")]
    UnknownKey,
    /// The credentials were good once.
    #[error("the credentials have expired: get new ones")]
    Expired,
    /// The signature is another than it should be.
    #[error(
        "the signature does not match the request: it was signed with another secret key, or changed on its way"
    )]
    Mismatch,
}

impl Refusal {
    /// What STS answers then: status, code and message.
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
