//! Copies of what a store returned: their maximum age, and one read for all concurrent requests.
//!
//! Not here: what is copied.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sentinel_store::{Clock, StoreError};

use crate::call::Call;

/// A value from the store, and the time at which its read began.
#[derive(Clone, Debug)]
pub(crate) struct Copy<T> {
    pub(crate) value: T,
    pub(crate) as_of: DateTime<Utc>,
}

/// The copy of one document, or of the list of documents. The lock is held during a read, so that
/// concurrent requests wait for the read and share its result.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    state: tokio::sync::Mutex<SlotState<T>>,
}

#[derive(Debug)]
struct SlotState<T> {
    /// The last copy from the store.
    copy: Option<Copy<T>>,
    /// When the last read failed to reach the store, and whether it was throttled. Requests that
    /// waited for that read share the failure.
    failed: Option<(DateTime<Utc>, bool)>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { state: tokio::sync::Mutex::new(SlotState { copy: None, failed: None }) }
    }
}

/// The maximum age of a copy.
#[derive(Debug)]
pub(crate) struct Freshness {
    pub(crate) clock: Arc<dyn Clock>,
    /// The age from which a copy is read again before it is used.
    pub(crate) ttl: Duration,
    /// The age from which a copy is never used.
    pub(crate) max_age: Duration,
}

impl Freshness {
    /// Returns a copy that is younger than the TTL, and reads it if necessary. If the store is
    /// throttled or unavailable, returns a copy that is younger than the maximum age, and `true` for
    /// stale.
    ///
    /// `other` returns a copy that was read in another way, if it is newer than its argument.
    pub(crate) async fn copy<T: Clone>(
        &self,
        call: &Call,
        slot: &Slot<T>,
        other: impl FnOnce(Option<&Copy<T>>) -> Option<Copy<T>>,
        read: impl AsyncFnOnce(Option<&T>) -> Result<T, StoreError>,
    ) -> Result<(T, bool), StoreError> {
        let requested = self.clock.now();
        let late = || StoreError::Unavailable("no answer before the deadline".into());
        let mut state = call.in_time(slot.state.lock()).await.map_err(|_| late())?;
        if let Some(newer) = other(state.copy.as_ref()) {
            state.copy = Some(newer);
        }
        let now = self.clock.now();
        if let Some(copy) = &state.copy
            // A read that began after this request is fresh at any TTL.
            && ((requested < copy.as_of && copy.as_of <= now) || within(self.ttl, copy.as_of, now))
        {
            return Ok((copy.value.clone(), false));
        }
        let shared = state.failed.filter(|(at, _)| *at >= requested && requested < now);
        let error = match shared {
            Some((_, true)) => StoreError::Throttled("a read for another request failed".into()),
            Some((_, false)) => StoreError::Unavailable("a read for another request failed".into()),
            None => {
                let last = state.copy.as_ref().map(|copy| &copy.value);
                match call.bounded(read(last)).await {
                    Ok(value) => {
                        state.copy = Some(Copy { value: value.clone(), as_of: now });
                        state.failed = None;
                        return Ok((value, false));
                    }
                    Err(error) => error,
                }
            }
        };
        match error {
            StoreError::Throttled(_) | StoreError::Unavailable(_) => {
                let throttled = matches!(error, StoreError::Throttled(_));
                let after = self.clock.now();
                state.failed = Some((after, throttled));
                match &state.copy {
                    Some(copy) if within(self.max_age, copy.as_of, after) => {
                        Ok((copy.value.clone(), true))
                    }
                    Some(_) | None => Err(error),
                }
            }
            // The store refuses: its earlier response is no longer valid.
            StoreError::NotFound(_)
            | StoreError::Conflict(_)
            | StoreError::Refused(_)
            | StoreError::Corrupt(_) => {
                state.copy = None;
                Err(error)
            }
        }
    }
}

/// Whether a value as of then is younger than `age`. If the clock was set back, no value is young.
fn within(age: Duration, as_of: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let elapsed = now - as_of;
    elapsed >= TimeDelta::zero() && elapsed.to_std().is_ok_and(|elapsed| elapsed < age)
}
