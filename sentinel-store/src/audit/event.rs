//! The record of an event that is not a decision on credentials.

use chrono::{DateTime, Utc};
use sentinel_wire::rfc3339;
use serde::{Deserialize, Serialize};

use super::PolicyUsed;

/// A record of an event that is not a decision on credentials, such as a revocation, an approval, an
/// opened grant, or a refusal by the authorizer. A field without a value is absent in JSON.
/// `docs/records.md` describes each field for readers of the log.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
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
    #[serde(
        default,
        serialize_with = "rfc3339::serialize_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub blocked_until: Option<DateTime<Utc>>,
    /// The account of the actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The address that the call came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// The id of the approval request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// The id of the break-glass grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<String>,
    /// The name of the rule that governs the request or the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The role that the request or the grant is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The ticket, in the requester's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The reason code of the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// The state of the request after the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The length of the approval or the grant, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u64>,
    /// When the approval or the grant ends. RFC 3339 in UTC, with milliseconds.
    #[serde(
        default,
        serialize_with = "rfc3339::serialize_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub valid_until: Option<DateTime<Utc>>,
    /// The policy document that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyUsed>,
    /// Whether the store could not be reached to check that the document is the newest version.
    /// Absent if it was reached.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub policy_stale: bool,
    /// The id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
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
    /// A caller requested an approval.
    RequestCreated,
    /// An approver, or the policy, approved a request.
    RequestApproved,
    /// An approver denied a request.
    RequestDenied,
    /// A requester cancelled a request.
    RequestCancelled,
    /// An approval was revoked.
    RequestRevoked,
    /// A caller opened a break-glass grant.
    BreakGlassOpened,
    /// A caller was refused a break-glass grant.
    BreakGlassRefused,
    /// A break-glass grant was closed.
    BreakGlassClosed,
    /// An operator reviewed a break-glass grant.
    BreakGlassReviewed,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Revocation,
        Self::Reinstatement,
        Self::OperationRefused,
        Self::IdentityRefused,
        Self::AuthorizerRefusal,
        Self::RequestCreated,
        Self::RequestApproved,
        Self::RequestDenied,
        Self::RequestCancelled,
        Self::RequestRevoked,
        Self::BreakGlassOpened,
        Self::BreakGlassRefused,
        Self::BreakGlassClosed,
        Self::BreakGlassReviewed,
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
            account: None,
            source_ip: None,
            approval: None,
            break_glass: None,
            rule: None,
            role_arn: None,
            ticket: None,
            reason_code: None,
            state: None,
            duration_s: None,
            valid_until: None,
            policy: None,
            policy_stale: false,
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

    /// The same event with the account of the actor.
    #[must_use]
    pub fn with_account(self, account: impl Into<Option<String>>) -> Self {
        Self { account: account.into(), ..self }
    }

    /// The same event with the address that the call came from.
    #[must_use]
    pub fn with_source_ip(self, source_ip: impl Into<Option<String>>) -> Self {
        Self { source_ip: source_ip.into(), ..self }
    }

    /// The same event with the id of the approval request.
    #[must_use]
    pub fn with_approval(self, approval: impl Into<Option<String>>) -> Self {
        Self { approval: approval.into(), ..self }
    }

    /// The same event with the id of the break-glass grant.
    #[must_use]
    pub fn with_break_glass(self, break_glass: impl Into<Option<String>>) -> Self {
        Self { break_glass: break_glass.into(), ..self }
    }

    /// The same event with the name of the rule that governs the request or the grant.
    #[must_use]
    pub fn with_rule(self, rule: impl Into<Option<String>>) -> Self {
        Self { rule: rule.into(), ..self }
    }

    /// The same event with the role that the request or the grant is for.
    #[must_use]
    pub fn with_role_arn(self, role_arn: impl Into<Option<String>>) -> Self {
        Self { role_arn: role_arn.into(), ..self }
    }

    /// The same event with the ticket, in the requester's words.
    #[must_use]
    pub fn with_ticket(self, ticket: impl Into<Option<String>>) -> Self {
        Self { ticket: ticket.into(), ..self }
    }

    /// The same event with the reason code of the grant.
    #[must_use]
    pub fn with_reason_code(self, reason_code: impl Into<Option<String>>) -> Self {
        Self { reason_code: reason_code.into(), ..self }
    }

    /// The same event with the state of the request after the operation.
    #[must_use]
    pub fn with_state(self, state: impl Into<Option<String>>) -> Self {
        Self { state: state.into(), ..self }
    }

    /// The same event with the length of the approval or the grant, in seconds.
    #[must_use]
    pub fn with_duration_s(self, duration_s: impl Into<Option<u64>>) -> Self {
        Self { duration_s: duration_s.into(), ..self }
    }

    /// The same event with the end of the approval or the grant.
    #[must_use]
    pub fn with_valid_until(self, valid_until: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { valid_until: valid_until.into(), ..self }
    }

    /// The same event with the policy document that was used.
    #[must_use]
    pub fn with_policy(self, policy: impl Into<Option<PolicyUsed>>) -> Self {
        Self { policy: policy.into(), ..self }
    }

    /// The same event, with a stale copy of the document or not.
    #[must_use]
    pub fn with_policy_stale(self, policy_stale: bool) -> Self {
        Self { policy_stale, ..self }
    }

    /// The same event with the id of the request.
    #[must_use]
    pub fn with_request_id(self, request_id: impl Into<Option<String>>) -> Self {
        Self { request_id: request_id.into(), ..self }
    }
}
