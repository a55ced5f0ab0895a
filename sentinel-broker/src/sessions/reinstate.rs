//! Reinstating: a revoked caller may get new sessions again.

use sentinel_policy::Operation;
use sentinel_store::GateAction;
use sentinel_wire::{ErrorCode, GateView};

use super::change::{Change, Target};
use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;

/// A request to reinstate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reinstate {
    /// What to reinstate.
    pub target: Target,
    /// The reason that the operator entered, for the record.
    pub reason: String,
}

impl Reinstate {
    /// A request to reinstate.
    #[must_use]
    pub fn new(target: Target, reason: impl Into<String>) -> Self {
        Self { target, reason: reason.into() }
    }
}

impl Broker {
    /// Reinstates: new sessions are allowed again. Sessions revoked earlier remain invalid.
    ///
    /// # Errors
    /// As for [`Broker::revoke`], and `FORBIDDEN` for a caller who reinstates their own key.
    pub async fn reinstate(
        &self,
        call: &Call,
        caller: &Caller,
        request: &Reinstate,
    ) -> Result<GateView, Denial> {
        let store = self.operator(call, caller, Operation::Reinstate).await?;
        let Reinstate { target, reason } = request;
        let subject = target.resolve(call, store.as_ref()).await?;
        if subject.caller == caller.key {
            return Err(Denial::new(
                ErrorCode::Forbidden,
                "operators cannot reinstate themselves; ask another operator",
            ));
        }
        let action = GateAction::Reinstate;
        self.change(call, store.as_ref(), Change { by: caller, subject, action, reason }).await
    }
}
