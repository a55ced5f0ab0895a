//! Reviewing a grant that is over.

use sentinel_policy::Operation;
use sentinel_store::{EventKind, GrantId, GrantNote, GrantState};
use sentinel_wire::{ErrorCode, GrantView};

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;

impl Broker {
    /// Reviews a grant that is over. An operator with `review_break_glass` may, unless they are the
    /// holder.
    ///
    /// # Errors
    /// `NOT_FOUND` for a caller that cannot see the grant, `FORBIDDEN` for the holder and for a caller
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
            Some("you opened this grant, and its holder cannot review it; ask another operator")
        } else if !self.may(call, caller, Operation::ReviewBreakGlass).await? {
            Some("only an operator with the permission `review_break_glass` may review a grant")
        } else {
            None
        };
        if let Some(message) = refused {
            let denial = Denial::new(ErrorCode::Forbidden, message);
            return Err(self.refuse_operation_on(
                call,
                caller,
                "review_break_glass",
                id.into(),
                denial,
            ));
        }
        let now = self.now();
        let note = GrantNote::new(caller.in_record(call), now, comment.map(str::to_owned));
        let reviewed = grant.review(note).ok_or_else(|| {
            Denial::conflict(match grant.state(now) {
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
}
