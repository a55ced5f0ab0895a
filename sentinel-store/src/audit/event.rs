//! The record of an event that is not a decision on credentials.

use chrono::{DateTime, Utc};
use sentinel_wire::rfc3339;
use serde::Serialize;

/// A record of an event that is not a decision on credentials, such as a revocation, a
/// reinstatement, or a refusal by the authorizer. A field without a value is absent in JSON.
/// `docs/records.md` describes each field for readers of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// Time of the event. RFC 3339 in UTC, with milliseconds.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub timestamp: DateTime<Utc>,
    /// The kind of the event.
    pub event: EventKind,
    /// The caller key of the actor. For a refused identity its ARN, truncated to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The ARN of the actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The caller key of the affected caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The affected profile. `None` if all profiles are affected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The handle of the session that was named or presented. `None` if it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The operator's text, the reason for refusing an identity, or the operation that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why the operation was refused, or how it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The epoch of the gate after the operation: the number of revocations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// When the block on new sessions ends. RFC 3339 in UTC, with milliseconds. `None` if there is
    /// no block, or it has no end.
    #[serde(serialize_with = "rfc3339::serialize_option", skip_serializing_if = "Option::is_none")]
    pub blocked_until: Option<DateTime<Utc>>,
    /// The id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// An operator revoked.
    Revocation,
    /// An operator reinstated a caller.
    Reinstatement,
    /// A caller that is not an operator requested an operation that only operators may use.
    OperationRefused,
    /// The identity of a caller was verified, and Sentinel does not serve it.
    IdentityRefused,
    /// The authorizer refused a session id.
    AuthorizerRefusal,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Revocation,
        Self::Reinstatement,
        Self::OperationRefused,
        Self::IdentityRefused,
        Self::AuthorizerRefusal,
    ];
}

impl Event {
    /// An event without any optional field.
    #[must_use]
    pub const fn new(event: EventKind, timestamp: DateTime<Utc>) -> Self {
        Self {
            timestamp,
            event,
            by: None,
            principal: None,
            user: None,
            profile: None,
            session: None,
            reason: None,
            code: None,
            epoch: None,
            blocked_until: None,
            request_id: None,
        }
    }

    /// The same event with the caller key of the actor.
    #[must_use]
    pub fn with_by(self, by: impl Into<Option<String>>) -> Self {
        Self { by: by.into(), ..self }
    }

    /// The same event with the ARN of the actor.
    #[must_use]
    pub fn with_principal(self, principal: impl Into<Option<String>>) -> Self {
        Self { principal: principal.into(), ..self }
    }

    /// The same event with the caller key of the affected caller.
    #[must_use]
    pub fn with_user(self, user: impl Into<Option<String>>) -> Self {
        Self { user: user.into(), ..self }
    }

    /// The same event with the affected profile.
    #[must_use]
    pub fn with_profile(self, profile: impl Into<Option<String>>) -> Self {
        Self { profile: profile.into(), ..self }
    }

    /// The same event with the handle of a session.
    #[must_use]
    pub fn with_session(self, session: impl Into<Option<String>>) -> Self {
        Self { session: session.into(), ..self }
    }

    /// The same event with a reason.
    #[must_use]
    pub fn with_reason(self, reason: impl Into<Option<String>>) -> Self {
        Self { reason: reason.into(), ..self }
    }

    /// The same event with a code.
    #[must_use]
    pub fn with_code(self, code: impl Into<Option<String>>) -> Self {
        Self { code: code.into(), ..self }
    }

    /// The same event with the epoch of the gate after the operation.
    #[must_use]
    pub fn with_epoch(self, epoch: impl Into<Option<u64>>) -> Self {
        Self { epoch: epoch.into(), ..self }
    }

    /// The same event with the end of the block on new sessions.
    #[must_use]
    pub fn with_blocked_until(self, blocked_until: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { blocked_until: blocked_until.into(), ..self }
    }

    /// The same event with the id of the request.
    #[must_use]
    pub fn with_request_id(self, request_id: impl Into<Option<String>>) -> Self {
        Self { request_id: request_id.into(), ..self }
    }
}
