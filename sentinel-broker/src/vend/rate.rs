//! The limit on the vends of one caller, across all instances of the service.
//!
//! The session store counts vends. The count is written in parallel with the session and with
//! AssumeRole, and the credentials are returned only if it is within the limit.

use sentinel_store::{CallerKey, Counted, RateWindow, SessionStore};

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::settings::CallerRate;

/// The limit for one vend.
#[derive(Clone, Copy)]
pub(super) struct RateLimit {
    rate: CallerRate,
    window: RateWindow,
}

impl Broker {
    /// The limit for a vend now. `None` if vends are not limited.
    ///
    /// # Errors
    /// The refusal, if the caller is known to be above the limit.
    pub(super) fn rate_limit(
        &self,
        call: &Call,
        caller: &CallerKey,
    ) -> Result<Option<RateLimit>, Denial> {
        let Some(rate) = self.settings.caller_rate else { return Ok(None) };
        let limit = RateLimit { rate, window: rate.window(self.now()) };
        if self.above_limit.contains(caller.hash(), &limit.window) {
            return Err(self.above_limit(call, limit));
        }
        Ok(Some(limit))
    }

    /// Counts a vend. Returns whether it is within the limit.
    pub(super) async fn is_within_limit(
        &self,
        call: &Call,
        store: &dyn SessionStore,
        caller: &CallerKey,
        limit: Option<RateLimit>,
    ) -> Result<bool, Denial> {
        let Some(RateLimit { rate, window }) = limit else { return Ok(true) };
        let counted = call.bounded(store.count_vend(caller, &window, rate.vends())).await;
        match counted.map_err(|error| call.store_failed(&error))? {
            Counted::WithinLimit => Ok(true),
            Counted::AboveLimit => {
                self.above_limit.add(caller.hash(), &window);
                Ok(false)
            }
        }
    }

    /// The refusal above the limit. A retry can succeed when the window has ended.
    pub(super) fn above_limit(&self, call: &Call, limit: RateLimit) -> Denial {
        let RateLimit { rate, window } = limit;
        tracing::warn!(request_id = call.request_id, limit = %rate, "the caller is above SENTINEL_CALLER_RATE");
        let left = window.end() - self.now();
        // Rounded up, so that the window has ended after that time.
        let seconds = left.num_milliseconds().max(1).saturating_add(999) / 1000;
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        Denial::caller_rate(rate).with_retry_after(seconds)
    }
}
