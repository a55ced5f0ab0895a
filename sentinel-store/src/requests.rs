//! Approval requests: the record, its transitions, and the trait of their stores.
//!
//! Not here: which callers can decide. The broker judges that by the policy in force.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sentinel_wire::{RequestAction, RequestId, RequestState, Via};
use serde::{Deserialize, Serialize};

use crate::{AccountId, CallerKey, Cursor, Epoch, Generation, ProfileName, RecordPage, StoreError};

/// A stored approval request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AccessRequest {
    /// The id, which contains the hash of the requester's caller key.
    pub id: RequestId,
    /// Number of changes. Each change is conditional on the number that its writer read.
    pub revision: u64,
    /// The requester.
    pub requester: Person,
    /// The profile.
    pub profile: ProfileName,
    /// The role of the profile when the request was created.
    pub role_arn: String,
    /// The approvals rule that governed when the request was created. The rule in force decides.
    pub rule: String,
    /// The reason that the requester entered.
    pub reason: String,
    /// The ticket that the requester entered. `None` if the requester entered none.
    #[serde(deserialize_with = "Option::deserialize")]
    pub ticket: Option<String>,
    /// The length of the approval, in seconds.
    pub duration_s: u32,
    /// The earliest time at which the approval can be used. `None` if from the last approval on.
    #[serde(deserialize_with = "Option::deserialize")]
    pub not_before: Option<DateTime<Utc>>,
    /// The time at which the request was created.
    pub created: DateTime<Utc>,
    /// The time by which every approval must be given.
    pub deadline: DateTime<Utc>,
    /// The generation of the deployment that created the request. An approval counts only if it equals
    /// the reader's. A record without one has generation 0.
    #[serde(default)]
    pub generation: Generation,
    /// The status.
    pub status: RequestStatus,
    /// The decisions of people, the first one first.
    pub decided: Vec<RequestDecision>,
}

/// A person, as identified when they created, decided, opened, closed or reviewed something. Later
/// checks use these fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Person {
    /// The caller key.
    pub caller: CallerKey,
    /// The user name that policies match.
    pub user: String,
    /// The AWS account of the principal.
    pub account: AccountId,
    /// The ARN of the principal.
    pub principal: String,
    /// The AWS Organization of the principal. `None` if unknown.
    #[serde(deserialize_with = "Option::deserialize")]
    pub organization: Option<String>,
    /// The address that the call came from. `None` if unknown.
    #[serde(deserialize_with = "Option::deserialize")]
    pub source_ip: Option<String>,
    /// The way in which the identity was verified.
    pub via: Via,
}

impl Person {
    /// A person whose identity IAM verified, from an unknown address and organization.
    #[must_use]
    pub fn new(
        caller: CallerKey,
        user: impl Into<String>,
        account: AccountId,
        principal: impl Into<String>,
    ) -> Self {
        Self {
            caller,
            user: user.into(),
            account,
            principal: principal.into(),
            organization: None,
            source_ip: None,
            via: Via::Iam,
        }
    }

    /// The same person, of that organization.
    #[must_use]
    pub fn with_organization(self, organization: impl Into<Option<String>>) -> Self {
        Self { organization: organization.into(), ..self }
    }

    /// The same person, at that address.
    #[must_use]
    pub fn with_source_ip(self, source_ip: impl Into<Option<String>>) -> Self {
        Self { source_ip: source_ip.into(), ..self }
    }
}

/// The status of a request. Expiry is not a status: it follows from the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
#[expect(clippy::exhaustive_enums, reason = "every reader must handle every status")]
pub enum RequestStatus {
    /// Approvals are missing.
    Pending,
    /// Every required approval was given.
    Approved(ApprovedPeriod),
    /// An approver denied it.
    Denied,
    /// The requester cancelled it.
    Cancelled,
    /// The approval was revoked. Contains the period that it had.
    Revoked(ApprovedPeriod),
}

/// The time of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a period without one of them cannot be judged")]
pub struct ApprovedPeriod {
    /// The beginning of the approval or, if it extends another one, of the first one. The maximum
    /// duration of the rule is counted from here.
    pub since: DateTime<Utc>,
    /// The beginning of the approval.
    pub from: DateTime<Utc>,
    /// The end of the approval.
    pub until: DateTime<Utc>,
}

/// A decision of a person on a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RequestDecision {
    /// The person.
    pub by: Person,
    /// The epoch of the person's gate, for all profiles. An approval counts while it is unchanged.
    pub epoch: Epoch,
    /// The time of the decision.
    pub at: DateTime<Utc>,
    /// The decision.
    pub action: RequestAction,
    /// The person's comment. `None` if there is none.
    #[serde(deserialize_with = "Option::deserialize")]
    pub comment: Option<String>,
    /// The role of the profile at that time.
    pub role_arn: String,
    /// The SHA-256 of the policy document in force at that time, in hexadecimal.
    pub policy_sha256: String,
}

impl RequestDecision {
    /// A decision under the epoch 0 of the person's gate, without a comment.
    #[must_use]
    pub fn new(
        by: Person,
        at: DateTime<Utc>,
        action: RequestAction,
        role_arn: impl Into<String>,
        policy_sha256: impl Into<String>,
    ) -> Self {
        Self {
            by,
            epoch: Epoch::default(),
            at,
            action,
            comment: None,
            role_arn: role_arn.into(),
            policy_sha256: policy_sha256.into(),
        }
    }

    /// The same decision under that epoch of the person's gate.
    #[must_use]
    pub fn with_epoch(self, epoch: Epoch) -> Self {
        Self { epoch, ..self }
    }

    /// The same decision with a comment.
    #[must_use]
    pub fn with_comment(self, comment: impl Into<Option<String>>) -> Self {
        Self { comment: comment.into(), ..self }
    }
}

/// The fields that every request has: the arguments of [`AccessRequest::new`].
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a request without one of them cannot be judged")]
pub struct AccessRequestFields {
    /// The id, which contains the hash of the requester's caller key.
    pub id: RequestId,
    /// The requester.
    pub requester: Person,
    /// The profile.
    pub profile: ProfileName,
    /// The role of the profile.
    pub role_arn: String,
    /// The approvals rule that governs.
    pub rule: String,
    /// The reason that the requester entered.
    pub reason: String,
    /// The length of the approval, in seconds.
    pub duration_s: u32,
    /// The time at which the request is created.
    pub created: DateTime<Utc>,
    /// The time by which every approval must be given.
    pub deadline: DateTime<Utc>,
}

impl AccessRequest {
    /// A pending request without decisions.
    #[must_use]
    pub fn new(fields: AccessRequestFields) -> Self {
        let AccessRequestFields {
            id,
            requester,
            profile,
            role_arn,
            rule,
            reason,
            duration_s,
            created,
            deadline,
        } = fields;
        Self {
            id,
            revision: 0,
            requester,
            profile,
            role_arn,
            rule,
            reason,
            ticket: None,
            duration_s,
            not_before: None,
            created,
            deadline,
            generation: Generation::default(),
            status: RequestStatus::Pending,
            decided: Vec::new(),
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

    /// The same request, created by a deployment of that generation.
    #[must_use]
    pub fn with_generation(self, generation: Generation) -> Self {
        Self { generation, ..self }
    }

    /// The state at `now`.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> RequestState {
        match self.status {
            RequestStatus::Pending if now >= self.deadline => RequestState::Expired,
            RequestStatus::Pending => RequestState::Pending,
            RequestStatus::Approved(_) => RequestState::Approved,
            RequestStatus::Denied => RequestState::Denied,
            RequestStatus::Cancelled => RequestState::Cancelled,
            RequestStatus::Revoked(_) => RequestState::Revoked,
        }
    }

    /// The period of the approval, also of a revoked one. `None` if the request was never approved.
    #[must_use]
    pub const fn period(&self) -> Option<ApprovedPeriod> {
        match self.status {
            RequestStatus::Approved(period) | RequestStatus::Revoked(period) => Some(period),
            RequestStatus::Pending | RequestStatus::Denied | RequestStatus::Cancelled => None,
        }
    }

    /// The time until which the request can change or be used: the deadline of a pending one, the
    /// end of an approved one. `None` if it is closed.
    #[must_use]
    pub const fn live_until(&self) -> Option<DateTime<Utc>> {
        match self.status {
            RequestStatus::Pending => Some(self.deadline),
            RequestStatus::Approved(period) => Some(period.until),
            RequestStatus::Denied | RequestStatus::Cancelled | RequestStatus::Revoked(_) => None,
        }
    }

    /// The time from which the request can neither change nor be used: the deadline of a pending one,
    /// the end of an approved one, and the last decision on a closed one.
    #[must_use]
    pub fn over_from(&self) -> DateTime<Utc> {
        self.live_until()
            .or_else(|| self.decided.last().map(|decision| decision.at))
            .unwrap_or(self.created)
    }

    /// Whether the request is for that profile, and can change or be used after `now`.
    #[must_use]
    pub fn is_live_on(&self, profile: &ProfileName, now: DateTime<Utc>) -> bool {
        self.profile == *profile && self.live_until().is_some_and(|until| now < until)
    }

    /// The next revision of the request, with that decision and in that status. `None` if the state
    /// at the time of the decision does not allow it: a pending request is approved, denied or
    /// cancelled, an approved one is revoked, and no other changes.
    #[must_use]
    pub fn decide(&self, decision: RequestDecision, status: RequestStatus) -> Option<Self> {
        let allowed = match decision.action {
            RequestAction::Approve | RequestAction::AutoApprove => {
                matches!(status, RequestStatus::Pending | RequestStatus::Approved(_))
            }
            RequestAction::Deny => matches!(status, RequestStatus::Denied),
            RequestAction::Cancel => matches!(status, RequestStatus::Cancelled),
            RequestAction::Revoke => {
                return match self.status {
                    RequestStatus::Approved(period) if status == RequestStatus::Revoked(period) => {
                        Some(self.next(decision, status))
                    }
                    RequestStatus::Approved(_)
                    | RequestStatus::Pending
                    | RequestStatus::Denied
                    | RequestStatus::Cancelled
                    | RequestStatus::Revoked(_) => None,
                };
            }
            _ => false,
        };
        let pending = self.state(decision.at) == RequestState::Pending;
        (allowed && pending).then(|| self.next(decision, status))
    }

    fn next(&self, decision: RequestDecision, status: RequestStatus) -> Self {
        let mut next = self.clone();
        next.revision = next.revision.saturating_add(1);
        next.decided.push(decision);
        next.status = status;
        next
    }
}

impl fmt::Debug for AccessRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessRequest")
            .field("id", &self.id)
            .field("revision", &self.revision)
            .field("profile", &self.profile)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The requests that are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestListing {
    /// The requests of one caller, in every state. The read is strongly consistent: it contains
    /// every request whose write was acknowledged.
    Caller(CallerKey),
    /// The pending requests for these profiles whose deadline is after `now`. The newest may be
    /// missing.
    Pending {
        /// The profiles, each once.
        profiles: Vec<ProfileName>,
        /// The time of the list.
        now: DateTime<Utc>,
    },
}

/// A page of requests.
pub type RequestPage = RecordPage<AccessRequest>;

/// Stores approval requests.
///
/// # Contract
/// - Every read is strongly consistent: it includes every write that was acknowledged
///   before, except in [`RequestListing::Pending`].
/// - A write that was acknowledged is durable, to the degree that the backend documents.
/// - A stored request with another id than the requested one, or with a requester whose hash is not
///   in the id, is `Corrupt`.
/// - A list omits rows that cannot be read and reports their keys.
/// - A request may be removed some time [after it is over](AccessRequest::over_from), and not before.
/// - A write that failed with another error than `NotFound` or `Conflict` may have taken effect.
#[async_trait]
pub trait RequestStore: fmt::Debug + Send + Sync {
    /// Writes a new request, pending or approved, of revision 0 or 1. [`StoreError::Conflict`] if
    /// there is one with this id or, for a pending one, if the requester has another pending request
    /// for the profile whose deadline is after `created` of the new one. Of two concurrent pending
    /// requests of a caller for a profile, one is written. [`StoreError::Refused`] if the id does not
    /// contain the hash of the requester.
    async fn create_request(&self, request: &AccessRequest) -> Result<(), StoreError>;

    /// Reads a request. [`StoreError::NotFound`] if there is none with this id.
    async fn request(&self, id: &RequestId) -> Result<AccessRequest, StoreError>;

    /// Replaces a request by its next revision: `next.revision` is one more than that of the stored
    /// request, and id, requester, profile, `created` and `deadline` are the same.
    /// [`StoreError::Conflict`] if the stored request has another revision, so that of two concurrent
    /// changes one is written. [`StoreError::NotFound`] if there is none with this id.
    async fn replace_request(&self, next: &AccessRequest) -> Result<(), StoreError>;

    /// Reads the pending and the approved requests of a caller for a profile whose
    /// [`live_until`](AccessRequest::live_until) is after `now`. Their number is small: at most one is
    /// pending, and approvals end. [`StoreError::Corrupt`] if one of them cannot be read.
    async fn live_requests(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<AccessRequest>, StoreError>;

    /// Reads a page of requests, in any order, each once: the first page, or the one that begins at a
    /// cursor of the same listing. [`StoreError::NotFound`] if the cursor cannot be one of it.
    async fn requests(
        &self,
        listing: &RequestListing,
        cursor: Option<&Cursor>,
    ) -> Result<RequestPage, StoreError>;
}
