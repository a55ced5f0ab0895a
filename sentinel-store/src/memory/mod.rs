//! Stores in memory. They conform to the contracts, and their records are lost when the
//! process ends. For tests, for trials, and for services whose sessions need not outlive
//! them.

mod grants;
mod policies;
mod requests;
mod sessions;
mod sink;

pub use grants::MemoryGrants;
pub use policies::MemoryPolicies;
pub use requests::MemoryRequests;
pub use sessions::MemorySessions;
pub use sink::MemorySink;

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::Location;

/// Small, so that a list in memory often has more than one page.
const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

/// How messages name these stores.
fn location() -> Location {
    Location::new("memory")
}

/// The value behind a lock, poisoned or not. Every change here under a lock is one
/// operation on a map, which no panic can interrupt.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
