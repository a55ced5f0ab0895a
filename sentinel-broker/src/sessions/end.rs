//! Ending the sessions of a caller on a profile after what granted them has ended.

use sentinel_store::{CallerKey, Causes, GateChange, ProfileName, Scope, StoreResultExt};

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;

impl Broker {
    /// Ends the sessions of a caller on a profile, without a block, after what granted them has
    /// ended. Returns the epoch.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` if it is unknown whether they have ended. Repeating the operation
    /// completes it.
    pub(crate) async fn end_sessions(
        &self,
        call: &Call,
        caller: &CallerKey,
        profile: &ProfileName,
    ) -> Result<Option<u64>, Denial> {
        let Some(table) = &self.sessions else { return Ok(None) };
        let change = GateChange::end_sessions(Scope::Profile(profile.clone()));
        let changed = call.bounded(table.store.change_gate(caller, &change)).await;
        let changed = match changed.unless_conflict() {
            Ok(Some(gate)) => Ok(gate.epochs(profile).profile.0),
            // The gate has no room for another profile. All sessions of the caller end.
            Ok(None) => {
                let change = GateChange::end_sessions(Scope::Caller);
                let changed = call.bounded(table.store.change_gate(caller, &change)).await;
                changed.map(|gate| gate.whole.epoch.0)
            }
            Err(error) => Err(error),
        };
        changed.map(Some).map_err(|error| {
            tracing::error!(request_id = call.request_id, cause = %Causes(&error), "failed to end sessions");
            Denial::unconfirmed()
        })
    }
}
