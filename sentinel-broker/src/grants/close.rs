//! Closing a grant.

use sentinel_policy::Operation;
use sentinel_store::{EventKind, GrantId, GrantNote, GrantState};
use sentinel_wire::{ErrorCode, GrantView};

use super::changed;
use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;

impl Broker {
    /// Closes a grant, and ends the holder's sessions on the profile. The holder and operators with
    /// `close_break_glass` may. Repeating it completes a closing that failed halfway.
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
            return Err(self.refuse_operation_on(
                call,
                caller,
                "close_break_glass",
                id.into(),
                denial,
            ));
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
                return Err(Denial::conflict(
                    "the grant has expired already; nothing can be closed",
                ));
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
}
