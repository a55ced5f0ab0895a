#![doc = include_str!("../README.md")]

mod audit;
#[cfg(feature = "aws")]
pub mod aws;
pub mod backend;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
mod error;
#[cfg(feature = "folder")]
pub mod folder;
mod forward;
mod gate;
#[cfg(feature = "dynamodb")]
mod layers;
mod locations;
#[cfg(feature = "memory")]
pub mod memory;
mod page;
mod pages;
mod panics;
mod policies;
#[cfg(feature = "redb")]
pub mod redb;
mod session_key;
mod sessions;
#[cfg(feature = "ssm")]
pub mod ssm;
mod verify;

// A backend's own place is its module. The root has its names too, because most programs
// use one backend of each kind.

pub use audit::{
    AuditError, AuditSink, DecisionRecord, Event, EventKind, JsonLines, Metered, Metrics,
    PolicyUsed, Record, Verdict,
};
pub use clock::{Clock, SystemClock};
#[cfg(feature = "dynamodb")]
#[doc(no_inline)]
pub use dynamodb::{DynamoPolicies, DynamoSessions};
pub use error::{Causes, ErrorDetails, Location, StoreError, StoreResultExt};
#[cfg(feature = "folder")]
#[doc(no_inline)]
pub use folder::FolderPolicies;
pub use gate::{Block, Epochs, Gate, GateAction, GateChange, GateState, Scope};
#[cfg(feature = "dynamodb")]
pub use layers::PolicyLayers;
#[cfg(feature = "memory")]
#[doc(no_inline)]
pub use memory::{MemoryPolicies, MemorySessions, MemorySink};
pub use page::{Cursor, Page};
pub use pages::{PageOf, PageRequest, Pages};
pub use panics::{Panicked, catch_panic, catch_panic_of};
pub use policies::{
    ListedPolicy, PolicyPath, PolicyRevision, PolicyStore, PolicyText, PolicyWriter,
};
#[cfg(feature = "redb")]
#[doc(no_inline)]
pub use redb::{Purged, RedbFile, RedbSessions};
pub use session_key::SessionKeys;
// Identifiers are part of the HTTP interface too.
pub use sentinel_wire::{
    AccountId, CallerHash, CallerKey, EndlessList, Epoch, Generation, ParseIdError, ProfileName,
    Secret, SeenCursors, SessionHandle, SessionId, SessionSecret, SessionState,
};
pub use sessions::{Listing, Session, SessionPage, SessionStore};
#[cfg(feature = "ssm")]
#[doc(no_inline)]
pub use ssm::SsmPolicies;
pub use verify::{Refusal, VerifyError, verify_session};
