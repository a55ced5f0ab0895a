//! Break-glass grants: opening, listing, closing and reviewing them.
//!
//! `open`, `close` and `review` change grants, `list` shows them, and `judge` decides whether a grant
//! counts now, for `vend`. This file contains what all of them need.

mod close;
mod judge;
mod list;
mod open;
mod review;

pub(crate) use judge::ValidGrant;
pub use list::ListGrants;
pub use open::OpenGrant;

use std::sync::Arc;

use sentinel_policy::Operation;
use sentinel_store::{
    Causes, Event, EventKind, Grant, GrantId, GrantNote, GrantStore, StoreError, StoreResultExt,
};
use sentinel_wire::{CommentView, ErrorCode, GrantView, GrantViewFields};

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;

impl Broker {
    fn grant_store(&self) -> Result<&Arc<dyn GrantStore>, Denial> {
        self.grants.as_ref().ok_or_else(|| {
            Denial::new(
                ErrorCode::NotFound,
                "break-glass is not available here: set SENTINEL_BREAKGLASS_TABLE to enable it",
            )
        })
    }

    /// The grant with this id, if the caller may see it: its holder, and operators with one of these
    /// permissions.
    ///
    /// # Errors
    /// `NOT_FOUND` for every other caller, in the same words as for an id that does not exist.
    async fn see_grant(
        &self,
        call: &Call,
        caller: &Caller,
        id: &GrantId,
        permissions: &[Operation],
    ) -> Result<Grant, Denial> {
        let store = self.grant_store()?;
        self.not_revoked(call, caller).await?;
        let missing = || Denial::new(ErrorCode::NotFound, "the grant does not exist");
        // An operator's permission is read before the grant. If the policy cannot be read, the refusal
        // depends neither on whether the grant exists nor on who holds it.
        if id.caller() != caller.key.hash() && !self.may_any(call, caller, permissions).await? {
            return Err(missing());
        }
        let read = call.bounded(store.grant(id)).await.optional();
        read.map_err(|error| self.grant_store_failed(call, &error))?.ok_or_else(missing)
    }

    /// Whether the caller has one of these permissions as an operator.
    async fn may_any(
        &self,
        call: &Call,
        caller: &Caller,
        permissions: &[Operation],
    ) -> Result<bool, Denial> {
        let mut unknown = None;
        for permission in permissions {
            match self.may(call, caller, *permission).await {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(denial) => unknown = Some(denial),
            }
        }
        unknown.map_or(Ok(false), Err)
    }

    pub(crate) fn grant_store_failed(&self, call: &Call, error: &StoreError) -> Denial {
        tracing::warn!(request_id = call.request_id, cause = %Causes(error), "the grant store failed");
        Denial::store(error)
    }

    /// The record of a change of a grant.
    fn grant_event(&self, kind: EventKind, call: &Call, by: &Caller, grant: &Grant) -> Event {
        self.audit
            .event_by(kind, call, by)
            .with_user(grant.holder.caller.to_string())
            .with_profile(grant.profile.to_string())
            .with_break_glass(grant.id.to_string())
            .with_rule(grant.rule.clone())
            .with_role_arn(grant.role_arn.clone())
    }

    /// The grant now.
    fn grant_view(&self, grant: &Grant) -> GrantView {
        let note = |note: &GrantNote| {
            CommentView::new(note.by.user.clone(), note.at, note.comment.clone())
        };
        GrantView::new(GrantViewFields {
            id: grant.id,
            user: grant.holder.user.clone(),
            profile: grant.profile.clone(),
            reason_code: grant.reason_code.clone(),
            justification: grant.justification.clone(),
            state: grant.state(self.now()),
            created: grant.created,
            expires: grant.expires,
            account: grant.holder.account.clone(),
            principal: grant.holder.principal.clone(),
            role_arn: grant.role_arn.clone(),
            rule: grant.rule.clone(),
            overrides_deny: grant.overrides_deny,
        })
        .with_source_ip(grant.holder.source_ip.clone())
        .with_closed(grant.closed.as_ref().map(note))
        .with_review(grant.review_due, grant.reviewed.as_ref().map(note))
    }

    /// Writes the next revision of a grant.
    async fn replace_grant(&self, call: &Call, next: &Grant) -> Result<(), Denial> {
        let store = self.grant_store()?;
        call.bounded(store.replace_grant(next)).await.map_err(|error| match error {
            StoreError::Conflict(_) => changed(),
            StoreError::Throttled(_) => Denial::rate_limited(),
            StoreError::NotFound(_)
            | StoreError::Unavailable(_)
            | StoreError::Refused(_)
            | StoreError::Corrupt(_) => {
                self.grant_store_failed(call, &error);
                Denial::unconfirmed()
            }
        })
    }
}

/// The refusal of a change that lost against another one.
fn changed() -> Denial {
    Denial::conflict("the grant was changed concurrently; list it again")
}
