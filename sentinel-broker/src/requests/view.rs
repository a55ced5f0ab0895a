//! A request, as it is shown. What the requester did not enter comes from the policy in force.

use sentinel_store::{AccessRequest, RequestState};
use sentinel_wire::{RequestDecisionView, RequestView, RequestViewFields};

use super::judge::{counted, people};
use crate::broker::Broker;
use crate::call::Call;
use crate::policies::Governing;

impl Broker {
    /// The request now. Without a document that governs, the role is the one that the request was
    /// created for.
    pub(super) fn request_view(
        &self,
        call: &Call,
        request: &AccessRequest,
        governing: Option<&Governing>,
    ) -> RequestView {
        let state = request.state(self.now());
        let rule = governing.and_then(|governing| {
            governing.document.policy.approval_rule(request.profile.as_str())
        });
        let role =
            governing.and_then(|governing| self.role(call, &request.profile, governing).ok());
        let missing = rule
            .filter(|_| state == RequestState::Pending)
            .map(|rule| rule.missing(&people(&counted(request, rule))));
        let decided = request.decided.iter().map(|decision| {
            RequestDecisionView::new(
                decision.by.user.clone(),
                decision.at,
                decision.action,
                decision.comment.clone(),
            )
        });
        RequestView::new(RequestViewFields {
            id: request.id,
            user: request.requester.user.clone(),
            profile: request.profile.clone(),
            reason: request.reason.clone(),
            duration_s: request.duration_s.into(),
            state,
            created: request.created,
            deadline: request.deadline,
            account: request.requester.account.clone(),
            principal: request.requester.principal.clone(),
            role_arn: role
                .map_or_else(|| request.role_arn.clone(), |role| role.as_str().to_owned()),
        })
        .with_ticket(request.ticket.clone())
        .with_not_before(request.not_before)
        .with_decided(decided.collect())
        .with_valid_until(request.period().map(|period| period.until))
        .with_source_ip(request.requester.source_ip.clone())
        .with_rule(rule.map(|rule| rule.name.value.clone()), missing)
    }
}
