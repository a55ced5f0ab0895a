//! Stores in memory: whole and correct, gone with the process. For tests, for
//! trying, and for services that want no session to outlive them.

mod policies;
mod sessions;
mod sink;

pub use policies::MemoryPolicies;
pub use sessions::MemorySessions;
pub use sink::MemorySink;

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::Location;

/// Small, so that whoever reads a list in memory meets more than one page.
const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

/// How messages name these stores.
fn location() -> Location {
    Location::new("memory")
}

/// The value behind a lock, poisoned or not: every change made here under a
/// lock is one operation on a map, so that no panic can leave it half done.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
