#![doc = include_str!("../README.md")]

mod audit;
mod clock;
mod error;
mod gate;
mod id;
mod page;
mod policies;
mod secret;
mod sessions;
mod verify;

pub use audit::{
    AuditError, AuditSink, Decision, Effect, Event, Metrics, PolicyUsed, Record, rfc3339,
    rfc3339_option,
};
pub use clock::{Clock, SystemClock};
pub use error::StoreError;
pub use gate::{Block, Gate, GateAction, GateChange, GateState, Scope};
pub use id::{
    AccountId, CallerHash, CallerKey, Epoch, Generation, ParseIdError, ProfileName, SessionHandle,
    SessionId, SessionSecret,
};
pub use page::{Cursor, Page};
pub use policies::{PolicyPath, PolicyStore, PolicyText};
pub use secret::Secret;
pub use sessions::{Epochs, Listing, Session, SessionState, SessionStore};
pub use verify::{Refusal, VerifyError, verify_session};
