//! The callers that vend too often, as far as this instance has seen.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use sentinel_store::{CallerHash, RateWindow};

/// Maximum number of callers that are remembered. The vends of further callers are counted by the
/// store only.
const MAX_REMEMBERED: usize = 10_000;

/// The callers above the limit in the current window, as far as this instance has seen. Their vends
/// are refused without a write and without AssumeRole. A count never decreases within a window, so
/// the store would refuse them too.
#[derive(Debug, Default)]
pub(crate) struct AboveLimit(Mutex<Option<(RateWindow, HashSet<CallerHash>)>>);

impl AboveLimit {
    pub(crate) fn contains(&self, caller: CallerHash, window: &RateWindow) -> bool {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.as_ref().is_some_and(|(of, callers)| of == window && callers.contains(&caller))
    }

    pub(crate) fn add(&self, caller: CallerHash, window: &RateWindow) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *remembered {
            Some((of, callers)) if of == window => {
                if callers.len() < MAX_REMEMBERED {
                    callers.insert(caller);
                }
            }
            other => *other = Some((*window, HashSet::from([caller]))),
        }
    }
}
