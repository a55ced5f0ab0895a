//! Whether an approval counts now: by the policy in force, the people who gave it, and their gates.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::try_join_all;
use sentinel_policy::{ApprovalRule, Principal, RoleArn};
use sentinel_store::{
    AccessRequest, CallerKey, Epoch, ProfileName, RequestAction, RequestDecision, RequestStatus,
};

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;
use crate::person;

/// An approval that counts.
#[derive(Clone, Debug)]
pub(crate) struct ValidApproval {
    pub(crate) request: AccessRequest,
    /// When it ends, by the rule in force.
    pub(crate) until: DateTime<Utc>,
    /// The people whose approval is used, with the epochs of their gates.
    approvers: Vec<(CallerKey, Epoch)>,
}

impl ValidApproval {
    /// Whether a later read of the request shows the same approval.
    fn is_unchanged(&self, request: &AccessRequest) -> bool {
        request.revision == self.request.revision && request.status == self.request.status
    }
}

/// The approvals of a request that the rule in force counts: of people that it names, each once, and
/// never of the requester. Of several ones of a person, the last: an earlier one stopped counting when
/// the person was revoked.
pub(super) fn counted<'r>(
    request: &'r AccessRequest,
    rule: &ApprovalRule,
) -> Vec<&'r RequestDecision> {
    let mut counted: Vec<&RequestDecision> = Vec::new();
    for decision in request.decided.iter().rev() {
        let by = &decision.by;
        if decision.action == RequestAction::Approve
            && by.caller != request.requester.caller
            && rule.names_approver(&person::in_policy(by))
            && counted.iter().all(|other| other.by.caller != by.caller)
        {
            counted.push(decision);
        }
    }
    counted.reverse();
    counted
}

/// The people of decisions, as a policy sees them.
pub(super) fn people<'d>(decisions: &[&'d RequestDecision]) -> Vec<Principal<'d>> {
    decisions.iter().map(|decision| person::in_policy(&decision.by)).collect()
}

impl Broker {
    /// The decisions of people whose gates have the same epoch as at the decision.
    pub(super) async fn standing<'d>(
        &self,
        call: &Call,
        decisions: Vec<&'d RequestDecision>,
    ) -> Result<Vec<&'d RequestDecision>, Denial> {
        let Some(table) = &self.sessions else { return Ok(decisions) };
        let gates = decisions.iter().map(|decision| table.store.gate(&decision.by.caller));
        let gates = call.bounded(try_join_all(gates)).await;
        let gates = gates.map_err(|error| call.store_failed(&error))?;
        let unchanged = decisions
            .into_iter()
            .zip(gates)
            .filter(|(decision, gate)| gate.whole.epoch == decision.epoch);
        Ok(unchanged.map(|(decision, _)| decision).collect())
    }

    /// The approval of the caller for the profile that counts now. `None` if there is none. Of several
    /// ones, the one that ends last.
    pub(crate) async fn valid_approval(
        &self,
        call: &Call,
        caller: &Caller,
        profile: &ProfileName,
        rule: &ApprovalRule,
        role: &RoleArn,
        now: DateTime<Utc>,
    ) -> Result<Option<ValidApproval>, Denial> {
        let Some(store) = &self.requests else { return Ok(None) };
        let live = call.bounded(store.live_requests(&caller.key, profile, now)).await;
        let live = live.map_err(|error| self.request_store_failed(call, &error))?;
        let mut best: Option<ValidApproval> = None;
        for request in live {
            if request.requester.caller != caller.key
                || request.profile != *profile
                || request.role_arn != role.as_str()
                || request.generation != self.settings.generation
            {
                continue;
            }
            let valid = self.judge(call, request, rule, now).await?;
            if let Some(valid) = valid
                && best.as_ref().is_none_or(|best| best.until < valid.until)
            {
                best = Some(valid);
            }
        }
        Ok(best)
    }

    /// The approval of this request, if it counts at `now`.
    async fn judge(
        &self,
        call: &Call,
        request: AccessRequest,
        rule: &ApprovalRule,
        now: DateTime<Utc>,
    ) -> Result<Option<ValidApproval>, Denial> {
        let RequestStatus::Approved(period) = request.status else { return Ok(None) };
        let after = |at: DateTime<Utc>, length| {
            let length = TimeDelta::from_std(length).ok();
            length.and_then(|length| at.checked_add_signed(length)).unwrap_or(at)
        };
        let mut until = period.until.min(after(period.since, rule.max_duration));
        let automatic = request.decided.iter().find(|it| it.action == RequestAction::AutoApprove);
        let approvers = match automatic {
            Some(decision) => {
                let requester = person::in_policy(&request.requester);
                let Some(auto) = rule
                    .auto_approve
                    .as_ref()
                    .filter(|auto| auto.approves(&requester, decision.at))
                    .filter(|auto| auto.approves(&requester, period.from))
                else {
                    return Ok(None);
                };
                if let Some(max) = auto.max_duration {
                    until = until.min(after(period.from, max));
                }
                // The requester counts as the approver: a caller who was revoked approves nothing.
                self.standing(call, vec![decision]).await?
            }
            None => {
                let standing = self.standing(call, counted(&request, rule)).await?;
                if !rule.satisfied_by(&people(&standing)) {
                    return Ok(None);
                }
                standing
            }
        };
        if approvers.is_empty() || now < period.from || until <= now {
            return Ok(None);
        }
        let approvers =
            approvers.iter().map(|decision| (decision.by.caller.clone(), decision.epoch)).collect();
        Ok(Some(ValidApproval { request, until, approvers }))
    }

    /// Whether the approval is the same after the session was written: its request, and the gates of
    /// its approvers.
    pub(crate) async fn is_approval_unchanged(
        &self,
        call: &Call,
        approval: &ValidApproval,
    ) -> Result<bool, Denial> {
        let Some(store) = &self.requests else { return Ok(false) };
        let again = call.bounded(store.request(&approval.request.id));
        let gates = async {
            let Some(table) = &self.sessions else { return Ok(true) };
            let gates = approval.approvers.iter().map(|(caller, _)| table.store.gate(caller));
            let gates = call.bounded(try_join_all(gates)).await?;
            let mut both = gates.iter().zip(&approval.approvers);
            Ok(both.all(|(gate, (_, epoch))| gate.whole.epoch == *epoch))
        };
        let (again, same_gates) = tokio::join!(again, gates);
        let again = again.map_err(|error| self.request_store_failed(call, &error))?;
        let same_gates = same_gates.map_err(|error| call.store_failed(&error))?;
        Ok(same_gates && approval.is_unchanged(&again))
    }
}
