//! What every store must do, as a suite that any backend and any wrapper runs;
//! and wrappers that make stores fail, wait and take turns, for tests of what is
//! built on them.
//!
//! The suite needs a tokio runtime with more than one thread, so that calls that
//! it makes at once are made at once.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use sentinel_store::{MemorySessions, SessionStore};
//! use sentinel_store::conformance::{self, FreshSessions, SessionsUnderTest};
//!
//! struct Memory;
//!
//! #[async_trait]
//! impl SessionsUnderTest for Memory {
//!     async fn fresh(&self) -> FreshSessions {
//!         FreshSessions { store: Arc::new(MemorySessions::new()), backdoor: None }
//!     }
//! }
//!
//! conformance::sessions(&Memory).await.verdict()
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod faults;
mod hook;
mod policies;
mod report;
mod sessions;
mod steps;
mod writers;

pub use faults::{Failure, Faults, Which};
pub use hook::{Call, FaultySink, Hook, HookedPolicies, HookedSessions, Moment, Operation};
pub use policies::{FreshPolicies, PoliciesUnderTest, PolicyEditor, policies};
pub use report::{Broken, Outcome, Report, Verdict};
pub use sessions::{Backdoor, FreshSessions, SessionsUnderTest, sessions};
pub use steps::{Exhaustive, Schedule, Seeded, Steps, Stuck, interleave};
pub use writers::{FreshWriter, WritersUnderTest, writers};
