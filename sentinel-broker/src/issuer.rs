//! Where credentials come from: STS, or something that stands in its place.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use sentinel_policy::RoleArn;
use sentinel_store::Secret;
use serde_json::json;

use crate::SourceIdentity;

/// What an issuer is asked for: STS's `AssumeRole`, with every stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRole {
    /// The role.
    pub role: RoleArn,
    /// SourceIdentity and RoleSessionName, which are the same.
    pub source_identity: SourceIdentity,
    /// The value of the session tag `SentinelSession`: the handle, or the
    /// request id where sessions are not tracked.
    pub session_tag: String,
    /// DurationSeconds: 900 to 43,200.
    pub seconds: u32,
    /// The instant from which the credentials must be good for nothing, where
    /// STS alone would keep them alive longer.
    pub end: Option<DateTime<Utc>>,
}

/// The operations of STS that return credentials or tokens with a lifetime of their own.
/// `GetSessionToken` returns none to a session.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html>
const NEW_CREDENTIALS: [&str; 6] = [
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:AssumeRoot",
    "sts:GetFederationToken",
    "sts:GetWebIdentityToken",
];

impl AssumeRole {
    /// The inline session policy that keeps the end: everything until then,
    /// nothing from then on, and no other credentials or tokens of STS, since
    /// they would outlive it. None where no end has to be kept.
    ///
    /// A session policy binds only calls that are signed with the session's credentials.
    /// `AssumeRoleWithSAML` and `AssumeRoleWithWebIdentity` are not signed, so that denying them has
    /// no effect when they are sent as the SDKs send them.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
    #[must_use]
    pub fn session_policy(&self) -> Option<String> {
        let end = self.end?.to_rfc3339_opts(SecondsFormat::Secs, true);
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [
                { "Effect": "Allow", "Action": "*", "Resource": "*" },
                {
                    "Effect": "Deny",
                    "Action": "*",
                    "Resource": "*",
                    "Condition": { "DateGreaterThanEquals": { "aws:CurrentTime": end } },
                },
                { "Effect": "Deny", "Action": NEW_CREDENTIALS, "Resource": "*" },
            ],
        });
        Some(policy.to_string())
    }
}

/// Credentials.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// `ASIA…`: not secret.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: Secret,
    /// The session token.
    pub session_token: Secret,
    /// When they end.
    pub expiration: DateTime<Utc>,
}

/// What an issuer answers.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The credentials.
    pub credentials: Credentials,
    /// The issuer's own id of the request.
    pub request_id: Option<String>,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// Too many requests: try again later.
    #[error("throttled")]
    Throttled(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The issuer was reached and says no.
    #[error("refused")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The issuer could not be reached, or did not answer in time.
    #[error("unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Issues credentials.
///
/// # Contract
/// Dropping the future before it is done is allowed: what it would have issued
/// is then issued to nobody.
#[async_trait]
pub trait Issuer: fmt::Debug + Send + Sync {
    /// Assumes the role.
    async fn assume_role(&self, request: &AssumeRole) -> Result<Issued, IssueError>;
}
