#![doc = include_str!("../README.md")]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

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
mod grants;
#[cfg(feature = "dynamodb")]
mod layers;
mod ledger;
mod locations;
#[cfg(feature = "memory")]
pub mod memory;
mod notice;
mod page;
mod pages;
mod panics;
mod policies;
mod rate;
#[cfg(feature = "redb")]
pub mod redb;
mod requests;
mod session_key;
mod sessions;
#[cfg(feature = "ssm")]
pub mod ssm;
mod verify;

// A backend has one path, that of its module: `sentinel_store::memory::MemorySessions`.

pub use audit::{
    AuditError, AuditSink, DecisionFields, DecisionRecord, Event, EventKind, JsonLines, Metered,
    Metrics, PolicyDecision, PolicyUsed, Record, RecordedDevice, RecordedEffect,
};
pub use clock::{Clock, SystemClock};
pub use error::{Causes, ErrorDetails, Location, StoreError, StoreResultExt};
pub use gate::{Block, Epochs, Gate, GateAction, GateChange, GateState, Scope};
pub use grants::{Grant, GrantFields, GrantListing, GrantNote, GrantPage, GrantStore, Opening};
#[cfg(feature = "dynamodb")]
pub use layers::PolicyLayers;
pub use ledger::{
    Ledger, LedgerEntry, LimitReached, OpeningAttempt, OpeningLimit, OpeningLimits, OpeningQuota,
};
pub use notice::{Notice, NoticeDetail, NoticeKind};
pub use page::{Cursor, Page, RecordPage};
pub use pages::{PageOf, PageRequest, Pages};
pub use panics::{Panicked, catch_panic, catch_panic_of};
pub use policies::{
    ListedPolicy, PolicyPath, PolicyRevision, PolicyStore, PolicyText, PolicyWriter,
};
pub use rate::{Counted, RateWindow};
pub use requests::{
    AccessRequest, AccessRequestFields, ApprovedPeriod, Person, RequestDecision, RequestListing,
    RequestPage, RequestStatus, RequestStore,
};
pub use session_key::SessionKeys;
// Identifiers are part of the HTTP interface too.
pub use sentinel_wire::{
    AccountId, CallerHash, CallerKey, EndlessList, Epoch, Generation, GrantId, GrantState,
    ParseIdError, ProfileName, RequestAction, RequestId, RequestState, Secret, SeenCursors,
    SessionHandle, SessionId, SessionSecret, SessionState, Via,
};
pub use sessions::{Listing, Session, SessionFields, SessionPage, SessionStore};
pub use verify::{SessionRefusal, VerifyError, verify_session};
