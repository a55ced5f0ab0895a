//! Closing a grant, and reviewing it afterwards.

use sentinel_policy::Operation;
use sentinel_store::{EventKind, Grant, GrantId, GrantNote, GrantState, StoreError};
use sentinel_wire::{ErrorCode, GrantView};

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;
use crate::requests::conflict;

impl Broker {
    /// Closes a grant, and ends the holder's sessions on the profile. The holder and operators with
    /// `close_break_glass` may. Repeating it completes a closing that failed half-way.
    ///
    /// # Errors
    /// `NOT_FOUND` for every other caller, `CONFLICT` if the grant has expired, and what a failing
    /// store means.
    pub async fn close_grant(
        &self,
        call: &Call,
        caller: &Caller,
        id: &GrantId,
        comment: Option<&str>,
    ) -> Result<GrantView, Denial> {
        let permissions = [Operation::CloseBreakGlass, Operation::ListBreakGlass];
        let grant = self.see_grant(call, caller, id, &permissions).await?;
        if grant.holder.caller != caller.key
            && !self.may(call, caller, Operation::CloseBreakGlass).await?
        {
            let denial = Denial::new(
                ErrorCode::Forbidden,
                "only the holder or an operator with the permission `close_break_glass` may close a \
                 grant",
            );
            return Err(self.refuse_operation(call, caller, "close_break_glass", denial));
        }
        let now = self.now();
        let closed = match grant.state(now) {
            GrantState::Active => {
                let note = GrantNote::new(caller.in_record(call), now, comment.map(str::to_owned));
                let closed = grant.close(note).ok_or_else(changed)?;
                if let Err(denial) = self.replace_grant(call, &closed).await {
                    let event = self
                        .grant_event(EventKind::BreakGlassClosed, call, caller, &closed)
                        .with_reason(comment.map(str::to_owned))
                        .with_code(denial.code.as_str().to_owned());
                    self.audit.write_event(event)?;
                    return Err(denial);
                }
                closed
            }
            // The sessions may not have ended. The state has.
            GrantState::Closed => grant,
            GrantState::Expired => {
                return Err(conflict("the grant has expired already; nothing can be closed"));
            }
        };
        let ended = self.end_sessions(call, &closed.holder.caller, &closed.profile).await;
        let event = self
            .grant_event(EventKind::BreakGlassClosed, call, caller, &closed)
            .with_reason(comment.map(str::to_owned))
            .with_epoch(ended.as_ref().ok().copied().flatten())
            .with_code(ended.as_ref().err().map(|denial| denial.code.as_str().to_owned()));
        self.audit.write_event(event).map_err(|_| Denial::unconfirmed())?;
        ended?;
        Ok(self.grant_view(&closed))
    }

    /// Reviews a grant that is over. An operator with `review_break_glass` may, unless they are the
    /// holder.
    ///
    /// # Errors
    /// `NOT_FOUND` for a caller who may not see the grant, `FORBIDDEN` for the holder and for a caller
    /// without the permission, `CONFLICT` if the grant is active or was reviewed before, and what a
    /// failing store means.
    pub async fn review_grant(
        &self,
        call: &Call,
        caller: &Caller,
        id: &GrantId,
        comment: Option<&str>,
    ) -> Result<GrantView, Denial> {
        let permissions = [Operation::ReviewBreakGlass, Operation::ListBreakGlass];
        let grant = self.see_grant(call, caller, id, &permissions).await?;
        let refused = if grant.holder.caller == caller.key {
            Some("nobody reviews their own grant; ask another operator")
        } else if !self.may(call, caller, Operation::ReviewBreakGlass).await? {
            Some("only an operator with the permission `review_break_glass` may review a grant")
        } else {
            None
        };
        if let Some(message) = refused {
            let denial = Denial::new(ErrorCode::Forbidden, message);
            return Err(self.refuse_operation(call, caller, "review_break_glass", denial));
        }
        let now = self.now();
        let note = GrantNote::new(caller.in_record(call), now, comment.map(str::to_owned));
        let reviewed = grant.review(note).ok_or_else(|| {
            conflict(match grant.state(now) {
                GrantState::Active => "the grant is active: review it when it is over",
                GrantState::Closed | GrantState::Expired => "the grant was reviewed before",
            })
        })?;
        // Recorded first: a review can allow the holder to open the next grant.
        let event = self
            .grant_event(EventKind::BreakGlassReviewed, call, caller, &reviewed)
            .with_reason(comment.map(str::to_owned));
        self.audit.write_event(event.clone())?;
        if let Err(denial) = self.replace_grant(call, &reviewed).await {
            self.audit.write_event(event.with_code(denial.code.as_str().to_owned()))?;
            return Err(denial);
        }
        Ok(self.grant_view(&reviewed))
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
    conflict("the grant was changed concurrently; list it again")
}
