//! Approval requests, as they are created, listed and decided.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::lists::list;
use crate::words::words;
use crate::{AccountId, ProfileName, RequestId, rfc3339};

words! {
    /// The state of an approval request at a point in time.
    #[expect(
        clippy::exhaustive_enums,
        reason = "a reader that shows or filters states must handle each of them"
    )]
    RequestState, UnknownRequestState,
    "the states are pending, approved, denied, cancelled, expired and revoked" {
        /// Approvals are missing.
        Pending = "pending",
        /// Every required approval was given.
        Approved = "approved",
        /// An approver denied it.
        Denied = "denied",
        /// The requester cancelled it.
        Cancelled = "cancelled",
        /// The deadline passed before every required approval was given.
        Expired = "expired",
        /// The approval was revoked.
        Revoked = "revoked",
    }
}

words! {
    /// The decision of a person on an approval request.
    #[non_exhaustive]
    RequestAction, UnknownRequestAction, "the decisions are approve, auto_approve, deny, cancel and revoke" {
        /// An approver approved it.
        Approve = "approve",
        /// The policy approved it when it was created.
        AutoApprove = "auto_approve",
        /// An approver denied it.
        Deny = "deny",
        /// The requester cancelled it.
        Cancel = "cancel",
        /// An approver, the requester or an operator revoked the approval.
        Revoke = "revoke",
    }
}

words! {
    /// The way in which the identity of a person was verified.
    #[non_exhaustive]
    Via, UnknownVia, "the only value is `iam`" {
        /// By an AWS signature, verified by API Gateway or by the function URL.
        Iam = "iam",
    }
}

list! {
    /// A page of approval requests: the response to `GET /requests`.
    RequestList {
        /// The requests of this page. It can be empty although more pages follow.
        requests: RequestView,
        /// The number of damaged rows that this page omits. The log names them.
        unreadable
    }
}

/// An approval request, as it is shown. Everything but `reason` and `ticket` is Sentinel's: from the
/// verified identity of the requester and from the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RequestView {
    /// The id of the request.
    pub id: RequestId,
    /// The requester, as policies see them.
    pub user: String,
    /// The profile.
    pub profile: ProfileName,
    /// The reason that the requester entered.
    pub reason: String,
    /// The ticket that the requester entered. `None` if the requester entered none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The length of the approval, in seconds.
    pub duration_s: u64,
    /// The state when the request was shown.
    pub state: RequestState,
    /// The time at which the request was created.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created: DateTime<Utc>,
    /// The time by which every approval must be given.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub deadline: DateTime<Utc>,
    /// The earliest time at which the approval can be used. `None` if from the last approval on.
    #[serde(
        default,
        serialize_with = "rfc3339::serialize_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub not_before: Option<DateTime<Utc>>,
    /// The decisions of people on this request, the first one first.
    pub decided: Vec<RequestDecisionView>,
    /// The end of the approval, as determined when it was approved. `None` if the request was never
    /// approved.
    #[serde(default, serialize_with = "rfc3339::serialize_option")]
    pub valid_until: Option<DateTime<Utc>>,
    /// The account of the requester.
    pub account: AccountId,
    /// The ARN that the requester signed with.
    pub principal: String,
    /// The address that the request was created from. `None` if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// The role that the approval is for.
    pub role_arn: String,
    /// The name of the approvals rule that decides. `None` if no rule governs the profile any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The number of approvals that are missing, while the request is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<u32>,
    /// The way in which the requester's identity was verified.
    pub via: Via,
}

/// A decision of a person on an approval request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RequestDecisionView {
    /// The person, as policies see them.
    pub by: String,
    /// The time of the decision.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub at: DateTime<Utc>,
    /// The decision.
    pub decision: RequestAction,
    /// Their comment. `None` if they wrote none.
    #[serde(default)]
    pub comment: Option<String>,
}

impl RequestDecisionView {
    /// A decision.
    #[must_use]
    pub fn new(
        by: impl Into<String>,
        at: DateTime<Utc>,
        decision: RequestAction,
        comment: Option<String>,
    ) -> Self {
        Self { by: by.into(), at, decision, comment }
    }
}

/// The fields that every approval request has: the arguments of [`RequestView::new`].
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a request without one of them is incomplete")]
pub struct RequestViewFields {
    /// The id of the request.
    pub id: RequestId,
    /// The requester, as policies see them.
    pub user: String,
    /// The profile.
    pub profile: ProfileName,
    /// The reason that the requester entered.
    pub reason: String,
    /// The length of the approval, in seconds.
    pub duration_s: u64,
    /// The state.
    pub state: RequestState,
    /// The time at which the request was created.
    pub created: DateTime<Utc>,
    /// The time by which every approval must be given.
    pub deadline: DateTime<Utc>,
    /// The account of the requester.
    pub account: AccountId,
    /// The ARN that the requester signed with.
    pub principal: String,
    /// The role that the approval is for.
    pub role_arn: String,
}

impl RequestView {
    /// A request without the parts that not every request has.
    #[must_use]
    pub fn new(fields: RequestViewFields) -> Self {
        let RequestViewFields {
            id,
            user,
            profile,
            reason,
            duration_s,
            state,
            created,
            deadline,
            account,
            principal,
            role_arn,
        } = fields;
        Self {
            id,
            user,
            profile,
            reason,
            ticket: None,
            duration_s,
            state,
            created,
            deadline,
            not_before: None,
            decided: Vec::new(),
            valid_until: None,
            account,
            principal,
            source_ip: None,
            role_arn,
            rule: None,
            missing: None,
            via: Via::Iam,
        }
    }

    /// The same request with a ticket.
    #[must_use]
    pub fn with_ticket(self, ticket: impl Into<Option<String>>) -> Self {
        Self { ticket: ticket.into(), ..self }
    }

    /// The same request, whose approval cannot be used earlier.
    #[must_use]
    pub fn with_not_before(self, not_before: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { not_before: not_before.into(), ..self }
    }

    /// The same request with these decisions.
    #[must_use]
    pub fn with_decided(self, decided: Vec<RequestDecisionView>) -> Self {
        Self { decided, ..self }
    }

    /// The same request, whose approval ends then.
    #[must_use]
    pub fn with_valid_until(self, valid_until: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { valid_until: valid_until.into(), ..self }
    }

    /// The same request from that address.
    #[must_use]
    pub fn with_source_ip(self, source_ip: impl Into<Option<String>>) -> Self {
        Self { source_ip: source_ip.into(), ..self }
    }

    /// The same request, which that rule decides, with that number of missing approvals.
    #[must_use]
    pub fn with_rule(
        self,
        rule: impl Into<Option<String>>,
        missing: impl Into<Option<u32>>,
    ) -> Self {
        Self { rule: rule.into(), missing: missing.into(), ..self }
    }
}

/// The body of `POST /requests`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RequestBody {
    /// The profile.
    pub profile: String,
    /// The reason, at most 1,000 characters.
    pub reason: String,
    /// The ticket, at most 200 characters. An approvals rule may require one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The length of the approval, in seconds. `None` for the maximum of `auto_approve` if it applies,
    /// otherwise for that of the approvals rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u64>,
    /// The earliest time at which the approval is used. `None` for as soon as it is approved.
    #[serde(
        default,
        serialize_with = "rfc3339::serialize_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub not_before: Option<DateTime<Utc>>,
}

impl RequestBody {
    /// A request for an approval of the maximum length.
    #[must_use]
    pub fn new(profile: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            profile: profile.into(),
            reason: reason.into(),
            ticket: None,
            duration_s: None,
            not_before: None,
        }
    }

    /// The same request with a ticket.
    #[must_use]
    pub fn with_ticket(self, ticket: impl Into<Option<String>>) -> Self {
        Self { ticket: ticket.into(), ..self }
    }

    /// The same request for an approval of that number of seconds.
    #[must_use]
    pub fn with_seconds(self, duration_s: impl Into<Option<u64>>) -> Self {
        Self { duration_s: duration_s.into(), ..self }
    }

    /// The same request for an approval that begins then, at the earliest.
    #[must_use]
    pub fn with_not_before(self, not_before: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { not_before: not_before.into(), ..self }
    }
}

/// The body of `POST /requests/{id}/approve`, `/deny`, `/cancel` and `/revoke`, and of
/// `POST /break-glass/{id}/close` and `/review`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CommentBody {
    /// A comment, at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl CommentBody {
    /// A body with a comment, or without one.
    #[must_use]
    pub fn new(comment: impl Into<Option<String>>) -> Self {
        Self { comment: comment.into() }
    }
}
