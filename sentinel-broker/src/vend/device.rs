//! The facts about the device of a request: when they are read, and for which caller they count.

use std::time::{Duration, Instant};

use sentinel_policy::Policy;
use sentinel_store::Causes;

use crate::broker::Broker;
use crate::call::Call;
use crate::devices::{DeviceId, OwnedDeviceFacts};
use crate::identity::Caller;

/// Maximum time to wait for a source. After it, the facts are unknown.
const MAX_WAIT: Duration = Duration::from_secs(2);

impl Broker {
    /// The facts about the device that the client named, if it is registered to the caller. The source
    /// is read only if the policy has a condition on the device. Without facts, no such condition holds.
    pub(crate) async fn device_facts(
        &self,
        call: &Call,
        caller: &Caller,
        device: Option<&DeviceId>,
        policy: &Policy,
    ) -> OwnedDeviceFacts {
        let unknown = OwnedDeviceFacts::default();
        let (Some(source), Some(id)) = (&self.devices, device) else { return unknown };
        if !policy.has_device_conditions() {
            return unknown;
        }
        let left = call.deadline.saturating_duration_since(Instant::now());
        let wait = MAX_WAIT.min(left / 2);
        let request_id = &call.request_id;
        match tokio::time::timeout(wait, source.device(id)).await {
            Ok(Ok(Some(device))) if device.owner == caller.key => device.facts,
            Ok(Ok(Some(_))) => {
                tracing::warn!(request_id, device = %id, user = caller.user, "ignored the device of another person");
                unknown
            }
            Ok(Ok(None)) => unknown,
            Ok(Err(error)) => {
                tracing::warn!(request_id, device = %id, cause = %Causes(&error), "failed to read device facts");
                unknown
            }
            Err(_) => {
                tracing::warn!(request_id, device = %id, "failed to read device facts: timed out");
                unknown
            }
        }
    }
}
