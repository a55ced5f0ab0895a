//! Deciding on a request: approvers approve and deny it, the requester cancels it, and both, like
//! operators, revoke an approval.
//!
//! A decision on a pending request is recorded before it is written, so that no caller gets access,
//! and no request is closed, without a record. A revocation takes access away: it is written first.

use chrono::{DateTime, Utc};
use sentinel_policy::Operation;
use sentinel_store::{
    AccessRequest, Event, EventKind, RequestAction, RequestDecision, RequestId, RequestState,
    RequestStatus, StoreError,
};
use sentinel_wire::{ErrorCode, RequestView};

use super::Seen;
use super::judge::{counted, people};
use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;

impl Broker {
    /// Approves a request. It is approved when every person that the rule requires has approved it.
    ///
    /// # Errors
    /// - `NOT_FOUND` for a caller that cannot see the request, `FORBIDDEN` for the requester and for a
    ///   caller that the rule does not name
    /// - `CONFLICT` if the state does not allow it, if the caller has approved it already, if the role
    ///   of the profile has changed since, and if another change was first
    /// - what a failing store or policy means
    pub async fn approve_request(
        &self,
        call: &Call,
        caller: &Caller,
        id: &RequestId,
        comment: Option<&str>,
    ) -> Result<RequestView, Denial> {
        let seen = self.see(call, caller, id).await?;
        self.must_be_approver(call, caller, &seen, "approve")?;
        let Seen { request, governing, .. } = seen;
        let now = self.now();
        check_pending(&request, now)?;
        let governing = governing.ok_or_else(Denial::policy_error)?;
        let policy = &governing.document.policy;
        let rule =
            policy.approval_rule(request.profile.as_str()).ok_or_else(Denial::policy_deny)?;
        if request.generation != self.settings.generation {
            return Err(Denial::conflict(
                "the request is from before the last restore of the tables, so that no approval of it \
                 counts: deny it, and have it requested again",
            ));
        }
        let role = self.role(call, &request.profile, &governing)?;
        if role.as_str() != request.role_arn {
            return Err(Denial::conflict(
                "the role of this profile has changed since the request was created: deny it, and have \
                 it requested again",
            ));
        }
        let standing = self.standing(call, counted(&request, rule)).await?;
        if standing.iter().any(|decision| decision.by.caller == caller.key) {
            return Err(Denial::conflict(
                "you have approved this request already; another person must",
            ));
        }
        let epoch = self.not_revoked_on(call, caller, &request.profile).await?;
        let decision = RequestDecision::new(
            caller.in_record(call),
            now,
            RequestAction::Approve,
            role.as_str(),
            governing.document.used.sha256.clone(),
        )
        .with_epoch(epoch)
        .with_comment(comment.map(str::to_owned));
        let mut approvers = people(&standing);
        approvers.push(caller.in_policy());
        let status = if rule.satisfied_by(&approvers) {
            RequestStatus::Approved(self.period(call, &request, rule, now).await?)
        } else {
            RequestStatus::Pending
        };
        let next = request.decide(decision, status).ok_or_else(changed)?;
        let event = self
            .request_event(EventKind::RequestApproved, call, caller, &next)
            .with_reason(comment.map(str::to_owned))
            .with_duration_s(u64::from(next.duration_s))
            .with_valid_until(next.period().map(|period| period.until))
            .with_policy(governing.document.used.clone())
            .with_policy_stale(governing.document.stale);
        self.record_and_replace(call, &next, event).await?;
        Ok(self.request_view(call, &next, Some(&governing)))
    }

    /// Denies a request.
    ///
    /// # Errors
    /// As those of [`approve_request`](Self::approve_request).
    pub async fn deny_request(
        &self,
        call: &Call,
        caller: &Caller,
        id: &RequestId,
        comment: Option<&str>,
    ) -> Result<RequestView, Denial> {
        let seen = self.see(call, caller, id).await?;
        self.must_be_approver(call, caller, &seen, "deny")?;
        let (action, status) = (RequestAction::Deny, RequestStatus::Denied);
        let kind = EventKind::RequestDenied;
        self.turn_down(call, caller, seen, TurnedDown { action, status, kind, comment }).await
    }

    /// Cancels a request of the caller.
    ///
    /// # Errors
    /// `NOT_FOUND` for a caller that cannot see the request, `FORBIDDEN` for another than the
    /// requester, `CONFLICT` if it is not pending, and what a failing store means.
    pub async fn cancel_request(
        &self,
        call: &Call,
        caller: &Caller,
        id: &RequestId,
        comment: Option<&str>,
    ) -> Result<RequestView, Denial> {
        let seen = self.see(call, caller, id).await?;
        if !seen.is_requester {
            let denial = Denial::new(
                ErrorCode::Forbidden,
                "only the requester may cancel a request; approvers may deny it",
            );
            return Err(self.refuse_operation_on(call, caller, "cancel", id.into(), denial));
        }
        let (action, status) = (RequestAction::Cancel, RequestStatus::Cancelled);
        let kind = EventKind::RequestCancelled;
        self.turn_down(call, caller, seen, TurnedDown { action, status, kind, comment }).await
    }

    /// Revokes an approval, and ends the requester's sessions on the profile. Repeating it completes a
    /// revocation that failed halfway.
    ///
    /// # Errors
    /// `NOT_FOUND` for a caller that cannot see the request, `FORBIDDEN` for a caller who is neither
    /// the requester, nor an approver, nor an operator with `revoke_approval`, `CONFLICT` if the
    /// request is not approved, and what a failing store means.
    pub async fn revoke_request(
        &self,
        call: &Call,
        caller: &Caller,
        id: &RequestId,
        comment: Option<&str>,
    ) -> Result<RequestView, Denial> {
        let seen = self.see(call, caller, id).await?;
        let may = seen.is_requester
            || seen.is_approver
            || self.may(call, caller, Operation::RevokeApproval).await?;
        if !may {
            let denial = Denial::new(
                ErrorCode::Forbidden,
                "only the requester, an approver or an operator with the permission \
                 `revoke_approval` may revoke an approval",
            );
            return Err(self.refuse_operation_on(
                call,
                caller,
                "revoke_approval",
                id.into(),
                denial,
            ));
        }
        let now = self.now();
        let next = match seen.request.status {
            RequestStatus::Approved(period) if now < period.until => {
                let decision = decision(call, caller, &seen, RequestAction::Revoke, now)
                    .with_comment(comment.map(str::to_owned));
                let status = RequestStatus::Revoked(period);
                seen.request.decide(decision, status).ok_or_else(changed)?
            }
            RequestStatus::Approved(_) => {
                return Err(Denial::conflict(
                    "the approval has ended already; nothing can be revoked",
                ));
            }
            // The sessions may not have ended. The state has.
            RequestStatus::Revoked(_) => {
                return self.end_after_revocation(call, caller, seen, comment).await;
            }
            RequestStatus::Pending | RequestStatus::Denied | RequestStatus::Cancelled => {
                return Err(Denial::conflict(format!(
                    "the request is {}: only an approved one can be revoked",
                    seen.request.state(now)
                )));
            }
        };
        if let Err(error) = self.replace(call, &next).await {
            let denial = match error {
                NotReplaced::Known(denial) => denial,
                NotReplaced::Unknown => Denial::unconfirmed(),
            };
            let event = self
                .request_event(EventKind::RequestRevoked, call, caller, &next)
                .with_reason(comment.map(str::to_owned))
                .with_code(denial.code.as_str().to_owned());
            self.audit.write_event(event)?;
            return Err(denial);
        }
        let seen = Seen { request: next, ..seen };
        self.end_after_revocation(call, caller, seen, comment).await
    }

    fn must_be_approver(
        &self,
        call: &Call,
        caller: &Caller,
        seen: &Seen,
        operation: &str,
    ) -> Result<(), Denial> {
        let message = if seen.is_requester {
            "this is your own request, which another person must decide; `cancel` withdraws it"
        } else if !seen.is_approver {
            "the approvals rule that governs this profile does not name you as an approver"
        } else {
            return Ok(());
        };
        let denial = Denial::new(ErrorCode::Forbidden, message);
        Err(self.refuse_operation_on(call, caller, operation, (&seen.request.id).into(), denial))
    }

    /// Denies or cancels a pending request.
    async fn turn_down(
        &self,
        call: &Call,
        caller: &Caller,
        seen: Seen,
        turned_down: TurnedDown<'_>,
    ) -> Result<RequestView, Denial> {
        let TurnedDown { action, status, kind, comment } = turned_down;
        let now = self.now();
        check_pending(&seen.request, now)?;
        let decision =
            decision(call, caller, &seen, action, now).with_comment(comment.map(str::to_owned));
        let next = seen.request.decide(decision, status).ok_or_else(changed)?;
        let event =
            self.request_event(kind, call, caller, &next).with_reason(comment.map(str::to_owned));
        self.record_and_replace(call, &next, event).await?;
        Ok(self.request_view(call, &next, seen.governing.as_ref()))
    }

    async fn end_after_revocation(
        &self,
        call: &Call,
        caller: &Caller,
        seen: Seen,
        comment: Option<&str>,
    ) -> Result<RequestView, Denial> {
        let Seen { request, governing, .. } = seen;
        let ended = self.end_sessions(call, &request.requester.caller, &request.profile).await;
        let event = self
            .request_event(EventKind::RequestRevoked, call, caller, &request)
            .with_reason(comment.map(str::to_owned))
            .with_epoch(ended.as_ref().ok().copied().flatten())
            .with_code(ended.as_ref().err().map(|denial| denial.code.as_str().to_owned()));
        self.audit.write_event(event).map_err(|_| Denial::unconfirmed())?;
        ended?;
        Ok(self.request_view(call, &request, governing.as_ref()))
    }

    /// Records a decision, and then writes the next revision of its request. One that is not written,
    /// as far as that is known, is recorded as failed.
    async fn record_and_replace(
        &self,
        call: &Call,
        next: &AccessRequest,
        event: Event,
    ) -> Result<(), Denial> {
        self.audit.write_event(event.clone())?;
        let Err(error) = self.replace(call, next).await else { return Ok(()) };
        let denial = match error {
            NotReplaced::Known(denial) => denial,
            // A repetition is refused if it took effect.
            NotReplaced::Unknown => Denial::new(
                ErrorCode::StoreUnavailable,
                "it is unknown whether this took effect; read the request before you repeat it",
            ),
        };
        self.audit.write_event(event.with_code(denial.code.as_str().to_owned()))?;
        Err(denial)
    }

    /// Writes the next revision of a request.
    async fn replace(&self, call: &Call, next: &AccessRequest) -> Result<(), NotReplaced> {
        let store = self.request_store().map_err(NotReplaced::Known)?;
        call.bounded(store.replace_request(next)).await.map_err(|error| match error {
            StoreError::Conflict(_) => NotReplaced::Known(changed()),
            StoreError::Throttled(_) => NotReplaced::Known(Denial::rate_limited()),
            StoreError::NotFound(_)
            | StoreError::Unavailable(_)
            | StoreError::Refused(_)
            | StoreError::Corrupt(_) => {
                self.request_store_failed(call, &error);
                NotReplaced::Unknown
            }
        })
    }
}

/// Why a revision is not written.
enum NotReplaced {
    /// It is not, for this reason.
    Known(Denial),
    /// It is unknown whether it is.
    Unknown,
}

/// How a pending request is closed without an approval.
struct TurnedDown<'a> {
    action: RequestAction,
    status: RequestStatus,
    kind: EventKind,
    comment: Option<&'a str>,
}

/// A decision that is not an approval. Who made it does not depend on a policy that can be used.
fn decision(
    call: &Call,
    caller: &Caller,
    seen: &Seen,
    action: RequestAction,
    now: DateTime<Utc>,
) -> RequestDecision {
    let sha256 = seen.governing.as_ref().map(|it| it.document.used.sha256.clone());
    RequestDecision::new(
        caller.in_record(call),
        now,
        action,
        seen.request.role_arn.clone(),
        sha256.unwrap_or_default(),
    )
}

fn check_pending(request: &AccessRequest, now: DateTime<Utc>) -> Result<(), Denial> {
    match request.state(now) {
        RequestState::Pending => Ok(()),
        state @ (RequestState::Approved
        | RequestState::Denied
        | RequestState::Cancelled
        | RequestState::Expired
        | RequestState::Revoked) => {
            Err(Denial::conflict(format!("the request is {state}, and no longer pending")))
        }
    }
}

/// The refusal of a change that lost against another one.
fn changed() -> Denial {
    Denial::conflict("the request was changed concurrently; read it again")
}
