#![doc = include_str!("../README.md")]

mod audit;
#[cfg(feature = "aws")]
pub mod aws;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
#[cfg(feature = "folder")]
mod folder;
mod forward;
mod gate;
mod id;
#[cfg(any(feature = "memory", feature = "redb"))]
mod integrity;
#[cfg(feature = "memory")]
mod memory;
mod page;
mod policies;
#[cfg(any(feature = "memory", feature = "redb"))]
mod range;
#[cfg(feature = "redb")]
mod redb;
mod secret;
mod sessions;
mod verify;

pub use audit::{
    AuditError, AuditSink, DecisionRecord, Event, EventKind, JsonLines, Metered, Metrics,
    PolicyUsed, Record, Verdict, rfc3339, rfc3339_option,
};
pub use clock::{Clock, SystemClock};
pub use error::{Causes, StoreError};
#[cfg(feature = "folder")]
pub use folder::FolderPolicies;
pub use gate::{Block, Gate, GateAction, GateChange, GateState, Scope};
pub use id::{
    AccountId, CallerHash, CallerKey, Epoch, Generation, ParseIdError, ProfileName, SessionHandle,
    SessionId, SessionSecret,
};
#[cfg(feature = "memory")]
pub use memory::{MemoryPolicies, MemorySessions, MemorySink};
pub use page::{Cursor, Page};
pub use policies::{PolicyPath, PolicyRevision, PolicyStore, PolicyText, PolicyWriter};
#[cfg(feature = "redb")]
pub use redb::{Purged, RedbFile, RedbSessions};
pub use secret::Secret;
pub use sessions::{Epochs, Listing, Session, SessionState, SessionStore};
pub use verify::{Refusal, VerifyError, verify_session};

#[cfg(feature = "dynamodb")]
mod placeholder;
#[cfg(feature = "dynamodb")]
pub use placeholder::DynamoSessions;
#[cfg(all(feature = "dynamodb", feature = "ssm"))]
pub use placeholder::policies::{DynamoPolicies, PolicyLayers, SsmPolicies};
