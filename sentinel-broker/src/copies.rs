//! Copies of what a store returned: how old a copy may be, and one read for all requests that need
//! it at the same time. What is copied is not this module's.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sentinel_store::{Clock, StoreError};

use crate::Call;

/// Something read from the store, as of the instant at which reading began.
#[derive(Clone, Debug)]
pub(crate) struct Copy<T> {
    pub(crate) value: T,
    pub(crate) as_of: DateTime<Utc>,
}

/// The copies of one document (or of the list of them), behind a lock that is
/// held during a read: whoever comes meanwhile waits for it and shares it.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    state: tokio::sync::Mutex<SlotState<T>>,
}

#[derive(Debug)]
struct SlotState<T> {
    /// The last copy that the store gave.
    copy: Option<Copy<T>>,
    /// When the last read failed to reach the store, for those who waited for
    /// that very read.
    failed: Option<(DateTime<Utc>, bool)>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { state: tokio::sync::Mutex::new(SlotState { copy: None, failed: None }) }
    }
}

/// How old a copy may be.
#[derive(Debug)]
pub(crate) struct Freshness {
    pub(crate) clock: Arc<dyn Clock>,
    /// A copy that is not younger is read again before it is used.
    pub(crate) ttl: Duration,
    /// A copy that is not younger is never used.
    pub(crate) max_age: Duration,
}

impl Freshness {
    /// A copy younger than the TTL, reading one if need be; or, when the store
    /// is throttled or unreachable, one younger than the maximal age, and `true`
    /// for stale.
    ///
    /// `other` returns a copy that was read in another way, if it is newer than the one it is
    /// given.
    pub(crate) async fn copy<T: Clone>(
        &self,
        call: &Call,
        slot: &Slot<T>,
        other: impl FnOnce(Option<&Copy<T>>) -> Option<Copy<T>>,
        read: impl AsyncFnOnce(Option<&T>) -> Result<T, StoreError>,
    ) -> Result<(T, bool), StoreError> {
        let asked = self.clock.now();
        let late = || StoreError::Unavailable("no answer before the deadline".into());
        let mut state = call.in_time(slot.state.lock()).await.map_err(|_| late())?;
        if let Some(newer) = other(state.copy.as_ref()) {
            state.copy = Some(newer);
        }
        let now = self.clock.now();
        if let Some(copy) = &state.copy
            // A read that began after this request came is fresh at any TTL.
            && ((asked < copy.as_of && copy.as_of <= now) || within(self.ttl, copy.as_of, now))
        {
            return Ok((copy.value.clone(), false));
        }
        let shared = state.failed.filter(|(at, _)| *at >= asked && asked < now);
        let error = match shared {
            Some((_, true)) => StoreError::Throttled("while another request asked".into()),
            Some((_, false)) => StoreError::Unavailable("while another request asked".into()),
            None => {
                let last = state.copy.as_ref().map(|copy| &copy.value);
                match call.ask(read(last)).await {
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
            // The store says no: what it said before counts no longer.
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

/// Whether something as of then is younger than that. A clock that was set back
/// makes nothing young.
fn within(age: Duration, as_of: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let elapsed = now - as_of;
    elapsed >= TimeDelta::zero() && elapsed.to_std().is_ok_and(|elapsed| elapsed < age)
}
