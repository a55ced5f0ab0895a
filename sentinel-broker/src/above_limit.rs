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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{DateTime, TimeDelta};
    use sentinel_store::CallerKey;

    use super::*;

    fn hash(name: &str) -> CallerHash {
        CallerKey::parse(name).unwrap().hash()
    }

    fn window(start: i64) -> RateWindow {
        let start = DateTime::UNIX_EPOCH + TimeDelta::seconds(start);
        RateWindow::containing(start, Duration::from_secs(60))
    }

    #[test]
    fn the_callers_of_the_last_window_are_remembered_and_no_others() {
        let above = AboveLimit::default();
        above.add(hash("alice"), &window(0));
        above.add(hash("bob"), &window(0));
        for (name, expected) in [("alice", true), ("bob", true), ("carol", false)] {
            assert_eq!(above.contains(hash(name), &window(0)), expected, "{name}");
            assert!(!above.contains(hash(name), &window(60)), "{name}");
        }
        above.add(hash("carol"), &window(60));
        for (name, expected) in [("alice", false), ("bob", false), ("carol", true)] {
            assert_eq!(above.contains(hash(name), &window(60)), expected, "{name}");
            assert!(!above.contains(hash(name), &window(0)), "{name}");
        }
    }

    #[test]
    fn a_limited_number_of_callers_is_remembered() {
        let above = AboveLimit::default();
        for number in 0..=MAX_REMEMBERED {
            above.add(hash(&format!("caller-{number}")), &window(0));
        }
        let remembered = |number| above.contains(hash(&format!("caller-{number}")), &window(0));
        assert!(remembered(MAX_REMEMBERED - 1) && !remembered(MAX_REMEMBERED));
    }
}
