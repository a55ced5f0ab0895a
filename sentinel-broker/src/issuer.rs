//! The source of credentials: STS, or another issuer in its place.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sentinel_policy::RoleArn;
use sentinel_store::ProfileName;
use sentinel_wire::{Credentials, rfc3339};
use serde_json::json;

use crate::access::Access;
use crate::identity::SourceIdentity;

/// The shortest lifetime that STS issues, in seconds.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub const STS_MIN_SECONDS: u32 = 900;

/// The longest lifetime that a client may request, in seconds. Other bounds can shorten it.
pub const STS_MAX_SECONDS: u32 = 43_200;

/// A request to an issuer: STS's `AssumeRole`, with everything that identifies the session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AssumeRole {
    /// The role to assume.
    pub role: RoleArn,
    /// SourceIdentity and RoleSessionName, which are the same.
    pub source_identity: SourceIdentity,
    /// The value of the session tag `SentinelSession`: the session's handle, or the request id if
    /// sessions are not tracked.
    pub session_tag: String,
    /// The user, as policies see it: the value of the session tag `SentinelUser`, once it is
    /// [written in the characters that STS accepts](Self::session_tags).
    pub user: String,
    /// The profile: the value of the session tag `SentinelProfile`.
    pub profile: ProfileName,
    /// What allows the credentials: the values of the session tags `SentinelAccess` and
    /// `SentinelGrant`.
    pub access: Access,
    /// DurationSeconds: [`STS_MIN_SECONDS`] to [`STS_MAX_SECONDS`].
    pub seconds: u32,
    /// The time from which the credentials must allow nothing. `None` if they expire early enough
    /// without it.
    pub end: Option<DateTime<Utc>>,
}

/// The operations of STS that return credentials or tokens with a separate lifetime.
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
    /// A request for an hour of direct access, whose tag `SentinelSession` is the source identity.
    #[must_use]
    pub fn new(
        role: RoleArn,
        source_identity: SourceIdentity,
        user: impl Into<String>,
        profile: ProfileName,
    ) -> Self {
        Self {
            role,
            session_tag: source_identity.to_string(),
            source_identity,
            user: user.into(),
            profile,
            access: Access::Direct,
            seconds: 3600,
            end: None,
        }
    }

    /// The same request with another value of the tag `SentinelSession`.
    #[must_use]
    pub fn with_session_tag(self, session_tag: impl Into<String>) -> Self {
        Self { session_tag: session_tag.into(), ..self }
    }

    /// The same request with another access.
    #[must_use]
    pub fn with_access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// The same request with another lifetime, in seconds.
    #[must_use]
    pub fn with_seconds(self, seconds: u32) -> Self {
        Self { seconds, ..self }
    }

    /// The same request, for credentials that allow nothing from `end` on.
    #[must_use]
    pub fn with_end(self, end: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { end: end.into(), ..self }
    }

    /// The inline session policy that enforces the end. It allows everything until then and nothing
    /// from then on. It allows no other credentials or tokens of STS, since they would outlive the
    /// end. `None` if no end has to be enforced.
    ///
    /// A session policy binds only calls that are signed with the session's credentials.
    /// `AssumeRoleWithSAML` and `AssumeRoleWithWebIdentity` are not signed, so that denying them has
    /// no effect when they are sent as the SDKs send them.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
    #[must_use]
    pub fn session_policy(&self) -> Option<String> {
        let end = rfc3339::seconds(self.end?);
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

/// The response of an issuer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Issued {
    /// The credentials.
    pub credentials: Credentials,
    /// The issuer's id of the request, for the record. `None` if it has none.
    pub request_id: Option<String>,
}

impl Issued {
    /// Credentials, without an id of the request.
    #[must_use]
    pub const fn new(credentials: Credentials) -> Self {
        Self { credentials, request_id: None }
    }

    /// The same response with the issuer's id of the request.
    #[must_use]
    pub fn with_request_id(self, request_id: impl Into<Option<String>>) -> Self {
        Self { request_id: request_id.into(), ..self }
    }
}

/// Why an issuer returned no credentials, by what the caller can do.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every kind of failure must be handled")]
pub enum IssueError {
    /// Too many requests: try again later.
    #[error("throttled")]
    Throttled(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The issuer was reached and refused: its permissions or the role must be fixed first.
    #[error("refused")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The issuer could not be reached, or did not answer in time.
    #[error("unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Issues credentials.
///
/// # Contract
/// Every session tag of [`AssumeRole::session_tags`] is sent, the transitive ones as transitive.
/// Policies of AWS may rely on them.
///
/// Dropping the future before it is done is allowed. What it would have issued then reaches no
/// caller.
#[async_trait]
pub trait Issuer: fmt::Debug + Send + Sync {
    /// Assumes the role.
    async fn assume_role(&self, request: &AssumeRole) -> Result<Issued, IssueError>;
}
