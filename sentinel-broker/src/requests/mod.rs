//! Approval requests: creating, listing, deciding and revoking them.
//!
//! `create` and `decide` change requests, `list` shows them, and `judge` decides whether an approval
//! counts now, for both and for `vend`. This file contains what all of them need: the store, the
//! document that governs, and which callers may see a request.

mod create;
mod decide;
mod judge;
mod list;
mod view;

pub use create::CreateRequest;
pub(crate) use judge::ValidApproval;
pub use list::ListRequests;

use std::sync::Arc;

use sentinel_policy::Operation;
use sentinel_store::{
    AccessRequest, Causes, Event, EventKind, ProfileName, RequestId, RequestStore, StoreError,
    StoreResultExt,
};
use sentinel_wire::ErrorCode;

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;
use crate::policies::Governing;

/// A request that a caller may see, and what the caller may do with it.
struct Seen {
    request: AccessRequest,
    /// The document that governs the profile. `None` if none can be used.
    governing: Option<Governing>,
    is_requester: bool,
    is_approver: bool,
}

impl Broker {
    fn request_store(&self) -> Result<&Arc<dyn RequestStore>, Denial> {
        self.requests.as_ref().ok_or_else(|| {
            Denial::new(
                ErrorCode::NotFound,
                "approvals cannot be requested here: set SENTINEL_APPROVAL_TABLE to enable them",
            )
        })
    }

    /// The request with this id, if the caller may see it: its requester, the approvers that the rule
    /// in force names, and operators.
    ///
    /// # Errors
    /// `NOT_FOUND` for every other caller, in the same words as for an id that does not exist.
    async fn see(&self, call: &Call, caller: &Caller, id: &RequestId) -> Result<Seen, Denial> {
        let store = self.request_store()?;
        self.not_revoked(call, caller).await?;
        let missing = || Denial::new(ErrorCode::NotFound, "the request does not exist");
        let read = call.bounded(store.request(id)).await.optional();
        let request =
            read.map_err(|error| self.request_store_failed(call, &error))?.ok_or_else(missing)?;
        let is_requester = request.requester.caller == caller.key;
        let governing = self.policies.governing(call, caller, &request.profile).await;
        let is_approver = match &governing {
            Ok(governing) => is_approver(governing, caller, &request.profile),
            Err(_) => false,
        };
        let may_see = is_requester
            || is_approver
            || self.may_as_operator(call, caller, Operation::ListRequests).await
            || self.may_as_operator(call, caller, Operation::RevokeApproval).await;
        if !may_see {
            // A policy that cannot be read could make this caller an approver.
            return Err(match governing {
                Err(denial) if denial.code.status() >= 500 || denial.retry_after.is_some() => {
                    denial
                }
                Ok(_) | Err(_) => missing(),
            });
        }
        Ok(Seen { request, governing: governing.ok(), is_requester, is_approver })
    }

    pub(crate) fn request_store_failed(&self, call: &Call, error: &StoreError) -> Denial {
        tracing::warn!(request_id = call.request_id, cause = %Causes(error), "the request store failed");
        Denial::store(error)
    }

    /// The record of a change of a request, before it is done.
    fn request_event(
        &self,
        kind: EventKind,
        call: &Call,
        by: &Caller,
        request: &AccessRequest,
    ) -> Event {
        self.audit
            .event_by(kind, call, by)
            .with_user(request.requester.caller.to_string())
            .with_profile(request.profile.to_string())
            .with_approval(request.id.to_string())
            .with_state(request.state(self.now()).as_str().to_owned())
            .with_rule(request.rule.clone())
            .with_role_arn(request.role_arn.clone())
    }
}

/// Whether the rule in force names the caller as an approver of the profile.
fn is_approver(governing: &Governing, caller: &Caller, profile: &ProfileName) -> bool {
    let rule = governing.document.policy.approval_rule(profile.as_str());
    rule.is_some_and(|rule| rule.names_approver(&caller.in_policy()))
}
