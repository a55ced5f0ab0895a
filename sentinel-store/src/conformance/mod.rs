//! The contract of the stores as a test suite, and wrappers that make stores fail,
//! wait and take turns, for tests of the code that uses them.
//!
//! Every backend and every wrapper runs the suite. A backend outside this repository
//! runs it from one closure, which returns an empty store. `examples/sqlite-store`
//! is such a backend.
//!
//! The suite needs a tokio runtime with more than one thread, so that its concurrent
//! calls run in parallel.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use sentinel_store::conformance::{self, FreshSessions};
//! use sentinel_store::memory::MemorySessions;
//!
//! let fresh = || async { FreshSessions::new(MemorySessions::new()) };
//! conformance::sessions(&fresh).await.result()
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod faults;
mod grants;
mod hook;
mod policies;
mod report;
mod requests;
mod sessions;
mod steps;
mod tasks;
mod values;
mod writers;

pub use faults::{CallSelector, Faults, StoreErrorKind};
pub use grants::{FreshGrants, GrantBackdoor, GrantsUnderTest, grant_sequences, grants};
pub use hook::{
    FaultySink, Hook, HookedGrants, HookedPolicies, HookedRequests, HookedSessions, Phase,
    StoreCall, StoreOperation,
};
pub use policies::{FreshPolicies, PoliciesUnderTest, PolicyEditor, policies};
pub use report::{CaseOutcome, CaseResult, FailedCases, Report};
pub use requests::{
    FreshRequests, RequestBackdoor, RequestsUnderTest, many_requests, request_sequences, requests,
};
pub use sessions::{Backdoor, FreshSessions, SessionsUnderTest, sessions};
pub use steps::{Exhaustive, Schedule, Seeded, Steps, Stuck, interleave};
pub use writers::{FreshWriter, WritersUnderTest, writers};
