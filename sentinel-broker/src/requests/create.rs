//! Creating a request, which the policy may approve immediately.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sentinel_policy::{ApprovalRule, Facts, Verdict};
use sentinel_store::{
    AccessRequest, AccessRequestFields, ApprovedPeriod, Event, EventKind, ProfileName,
    RequestAction, RequestDecision, RequestId, RequestStatus, StoreError,
};
use sentinel_wire::{ErrorCode, RequestView};

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::{Denial, check_length};
use crate::devices::DeviceId;
use crate::identity::Caller;
use crate::policies::Governing;

/// Maximum number of approvals that one caller has for one profile at the same time. A vend judges each
/// of them, and automatic ones cost their requester nothing.
const MAX_LIVE: usize = 10;

/// A request for an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateRequest {
    /// The profile.
    pub profile: ProfileName,
    /// The reason that the requester entered.
    pub reason: String,
    /// The ticket that the requester entered. `None` if there is none.
    pub ticket: Option<String>,
    /// The length of the approval. `None` for the maximum of `auto_approve` if it applies, otherwise
    /// for that of the rule.
    pub duration: Option<Duration>,
    /// The earliest time at which the approval is used. `None` for as soon as it is approved.
    pub not_before: Option<DateTime<Utc>>,
    /// The device that the client named, as in [`Vend::device`](crate::Vend::device).
    pub device: Option<DeviceId>,
}

impl CreateRequest {
    /// A request for an approval of the maximum length.
    #[must_use]
    pub fn new(profile: ProfileName, reason: impl Into<String>) -> Self {
        Self {
            profile,
            reason: reason.into(),
            ticket: None,
            duration: None,
            not_before: None,
            device: None,
        }
    }

    /// The same request with a ticket.
    #[must_use]
    pub fn with_ticket(self, ticket: impl Into<Option<String>>) -> Self {
        Self { ticket: ticket.into(), ..self }
    }

    /// The same request with a length.
    #[must_use]
    pub fn with_duration(self, duration: impl Into<Option<Duration>>) -> Self {
        Self { duration: duration.into(), ..self }
    }

    /// The same request for an approval that begins then, at the earliest.
    #[must_use]
    pub fn with_not_before(self, not_before: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { not_before: not_before.into(), ..self }
    }

    /// The same request from that device.
    #[must_use]
    pub fn with_device(self, device: impl Into<Option<DeviceId>>) -> Self {
        Self { device: device.into(), ..self }
    }
}

impl Broker {
    /// Creates a request. If the policy approves it automatically, it is approved when this returns.
    ///
    /// # Errors
    /// - `CONFLICT` if the policy's decision is not that an approval is required, if no approvals rule
    ///   governs the profile, and if the caller has a pending request for it
    /// - `INVALID_REQUEST` and `INVALID_DURATION` for a ticket, a time and a length that the rule does
    ///   not allow
    /// - `SESSION_REVOKED`, `POLICY_ERROR`, and what a failing store means
    pub async fn create_request(
        &self,
        call: &Call,
        caller: &Caller,
        create: &CreateRequest,
    ) -> Result<RequestView, Denial> {
        let store = self.request_store()?;
        let epoch = self.not_revoked_on(call, caller, &create.profile).await?;
        let now = self.now();
        let governing = match self.policies.governing(call, caller, &create.profile).await {
            Ok(governing) => governing,
            // Like a decision to deny, so that it does not reveal which profiles exist.
            Err(denial) if denial.code == ErrorCode::PolicyDeny => return Err(not_needed()),
            Err(denial) => return Err(denial),
        };
        let policy = &governing.document.policy;
        let from = create.not_before.map_or(now, |not_before| not_before.max(now));
        let device = self.device_facts(call, caller, create.device.as_ref(), policy).await;
        let decision = policy.decide(
            &self.policy_request(call, caller, &create.profile).with_device(device.in_policy()),
            &Facts::default(),
            from,
        );
        match decision.verdict {
            Verdict::RequireApproval => {}
            Verdict::Allow | Verdict::Deny => return Err(not_needed()),
        }
        let rule = policy.approval_rule(create.profile.as_str()).ok_or_else(|| {
            Denial::conflict(
                "no rule under `approvals` names this profile, so that no person can approve it: \
                 contact the policy author",
            )
        })?;
        check_ticket(rule, create.ticket.as_deref())?;
        let role = self.role(call, &create.profile, &governing)?;
        let person = caller.in_record(call);
        let who = caller.in_policy();
        // The window contains the creation and the beginning: `not_before` must not lead out of it.
        let automatic = rule
            .auto_approve
            .as_ref()
            .filter(|auto| auto.approves(&who, now) && auto.approves(&who, from));
        let automatic_max = automatic.map(|auto| auto.max_duration.unwrap_or(rule.max_duration));
        let (duration, is_automatic) = length(rule, automatic_max, create.duration)?;
        let deadline = deadline(rule, create.not_before, now)?;
        let request = AccessRequest::new(AccessRequestFields {
            id: RequestId::new(caller.key.hash(), self.random()?),
            requester: person.clone(),
            profile: create.profile.clone(),
            role_arn: role.as_str().to_owned(),
            rule: rule.name.value.clone(),
            reason: create.reason.clone(),
            duration_s: u32::try_from(duration.as_secs()).unwrap_or(u32::MAX),
            created: now,
            deadline,
        })
        .with_ticket(create.ticket.clone())
        .with_not_before(create.not_before)
        .with_generation(self.settings.generation);
        let request = if is_automatic {
            let decision = RequestDecision::new(
                person,
                now,
                RequestAction::AutoApprove,
                role.as_str(),
                governing.document.used.sha256.clone(),
            )
            .with_epoch(epoch);
            let period = self.period(call, &request, rule, now).await?;
            request.decide(decision, RequestStatus::Approved(period)).ok_or_else(|| {
                Denial::conflict("the deadline of this request has passed already")
            })?
        } else {
            request
        };
        // Recorded first, so that none is approved without a record.
        let event = self.creation_event(call, caller, &request, &governing);
        self.audit.write_event(event.clone())?;
        let written = call.bounded(store.create_request(&request)).await;
        written.map_err(|error| {
            let denial = match error {
                StoreError::Conflict(_) => Denial::conflict(
                    "you have a pending request for this profile: wait for its decision, or cancel it",
                ),
                StoreError::NotFound(_)
                | StoreError::Throttled(_)
                | StoreError::Unavailable(_)
                | StoreError::Refused(_)
                | StoreError::Corrupt(_) => self.request_store_failed(call, &error),
            };
            let event = event.with_code(denial.code.as_str().to_owned());
            self.audit.write_event(event).err().unwrap_or(denial)
        })?;
        Ok(self.request_view(call, &request, Some(&governing)))
    }

    /// The record of a new request, pending or approved.
    fn creation_event(
        &self,
        call: &Call,
        caller: &Caller,
        request: &AccessRequest,
        governing: &Governing,
    ) -> Event {
        let kind = match request.status {
            RequestStatus::Approved(_) => EventKind::RequestApproved,
            RequestStatus::Pending
            | RequestStatus::Denied
            | RequestStatus::Cancelled
            | RequestStatus::Revoked(_) => EventKind::RequestCreated,
        };
        self.request_event(kind, call, caller, request)
            .with_reason(request.reason.clone())
            .with_ticket(request.ticket.clone())
            .with_duration_s(u64::from(request.duration_s))
            .with_valid_until(request.period().map(|period| period.until))
            .with_policy(governing.document.used.clone())
            .with_policy_stale(governing.document.stale)
    }

    /// The period of an approval that is complete at `now`.
    ///
    /// An approval that extends another one is never summed above the maximum of the rule: it ends at
    /// the latest that long after the first of them began. One that leads to a later approval is
    /// refused if both together are longer.
    pub(super) async fn period(
        &self,
        call: &Call,
        request: &AccessRequest,
        rule: &ApprovalRule,
        now: DateTime<Utc>,
    ) -> Result<ApprovedPeriod, Denial> {
        let from = request.not_before.map_or(now, |not_before| not_before.max(now));
        let store = self.request_store()?;
        let (caller, profile) = (&request.requester.caller, &request.profile);
        let live = call.bounded(store.live_requests(caller, profile, now)).await;
        let live = live.map_err(|error| self.request_store_failed(call, &error))?;
        let others: Vec<ApprovedPeriod> = live
            .iter()
            .filter(|other| other.id != request.id && other.generation == request.generation)
            .filter_map(|other| match other.status {
                RequestStatus::Approved(period) => Some(period),
                RequestStatus::Pending
                | RequestStatus::Denied
                | RequestStatus::Cancelled
                | RequestStatus::Revoked(_) => None,
            })
            .collect();
        if others.len() >= MAX_LIVE {
            return Err(Denial::conflict(format!(
                "this profile has {MAX_LIVE} approvals for the requester, which is the maximum: use them, \
                 or revoke one"
            )));
        }
        let extended = others.iter().filter(|it| it.from <= from && from <= it.until);
        let since = extended.map(|it| it.since).min().unwrap_or(from).min(from);
        let max = TimeDelta::from_std(rule.max_duration).unwrap_or(TimeDelta::MAX);
        let length = TimeDelta::seconds(request.duration_s.into()).min(max);
        let until = [from.checked_add_signed(length), since.checked_add_signed(max)];
        let until = until.into_iter().flatten().min().unwrap_or(from);
        if until <= from {
            return Err(Denial::conflict(
                "the approval that this request extends has reached the maximum length of its rule: \
                 request again when it has ended",
            ));
        }
        if others.iter().any(|it| from < it.from && it.from <= until && max < it.until - since) {
            return Err(Denial::conflict(
                "a later approval begins before this one would end, and both together are longer than \
                 the maximum of the rule: request a shorter time",
            ));
        }
        Ok(ApprovedPeriod { since, from, until })
    }
}

/// The refusal if the policy does not require an approval: it allows, or it denies.
fn not_needed() -> Denial {
    Denial::conflict(
        "the policy does not require an approval for this profile, so that there is nothing to \
         approve: request the credentials, or see `GET /profiles`",
    )
}

fn check_ticket(rule: &ApprovalRule, ticket: Option<&str>) -> Result<(), Denial> {
    if rule.accepts_ticket(ticket) {
        return Ok(());
    }
    let pattern = rule.ticket_pattern.as_ref().map_or("*", |pattern| pattern.value.as_str());
    let message = format!("name a ticket in `ticket`: this profile requires one like `{pattern}`");
    Err(Denial::new(ErrorCode::InvalidRequest, message))
}

/// The length of the approval, and whether it is automatic.
fn length(
    rule: &ApprovalRule,
    automatic: Option<Duration>,
    requested: Option<Duration>,
) -> Result<(Duration, bool), Denial> {
    check_length(requested)?;
    let automatic = automatic.map(|max| max.min(rule.max_duration));
    match (requested, automatic) {
        (None, Some(max)) => Ok((max, true)),
        (None, None) => Ok((rule.max_duration, false)),
        (Some(requested), _) if requested > rule.max_duration => Err(Denial::new(
            ErrorCode::InvalidDuration,
            format!("`duration_s` is at most {} for this profile", rule.max_duration.as_secs()),
        )),
        (Some(requested), max) => Ok((requested, max.is_some_and(|max| requested <= max))),
    }
}

/// The time by which every approval must be given.
fn deadline(
    rule: &ApprovalRule,
    not_before: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, Denial> {
    let length = TimeDelta::from_std(rule.deadline).ok();
    let deadline = length.and_then(|length| now.checked_add_signed(length));
    let deadline = deadline.unwrap_or(DateTime::<Utc>::MAX_UTC);
    if not_before.is_some_and(|not_before| not_before < now || deadline < not_before) {
        return Err(Denial::new(
            ErrorCode::InvalidRequest,
            format!(
                "`not_before` is in the future, and at most {} seconds from now for this profile",
                rule.deadline.as_secs()
            ),
        ));
    }
    Ok(deadline)
}
