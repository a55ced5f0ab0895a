//! Sessions: listing them, revoking and reinstating.
//!
//! `list` reads. `revoke` and `reinstate` contain what is specific to each, and `change` what both do:
//! change a gate, and record it. `end` ends sessions without a block, for approvals and grants. This
//! file contains what all of them need: the store, and the permission.

mod change;
mod end;
mod list;
mod reinstate;
mod revoke;

pub use change::Target;
pub use list::ListSessions;
pub use reinstate::Reinstate;
pub use revoke::Revoke;

use std::sync::Arc;

use sentinel_policy::Operation;
use sentinel_store::SessionStore;
use sentinel_wire::ErrorCode;

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;

impl Broker {
    fn tracked_sessions(&self) -> Result<&Arc<dyn SessionStore>, Denial> {
        self.sessions.as_ref().map(|table| &table.store).ok_or_else(|| {
            Denial::new(
                ErrorCode::NotFound,
                "sessions are not tracked here: set SENTINEL_SESSION_TABLE to track them",
            )
        })
    }

    /// The session store, for an operator with that permission. A refusal is recorded.
    async fn operator(
        &self,
        call: &Call,
        caller: &Caller,
        operation: Operation,
    ) -> Result<&Arc<dyn SessionStore>, Denial> {
        let store = self.tracked_sessions()?;
        self.not_revoked(call, caller).await?;
        if self.may(call, caller, operation).await? {
            return Ok(store);
        }
        let denial = Denial::new(
            ErrorCode::Forbidden,
            format!(
                "this requires an operator with the permission `{}`: see `operators` in the main \
                 policy document",
                operation.as_str()
            ),
        );
        Err(self.refuse_operation(call, caller, operation.as_str(), denial))
    }
}
