#![doc = include_str!("../README.md")]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod code;
mod credentials;
mod cursors;
mod error;
pub mod header;
mod id;
mod profiles;
pub mod rfc3339;
mod secret;
mod sessions;
mod whoami;

pub use code::ErrorCode;
pub use credentials::Credentials;
pub use cursors::{EndlessList, SeenCursors};
pub use error::ErrorBody;
pub use id::{
    AccountId, CallerHash, CallerKey, Epoch, Generation, ParseIdError, ProfileName, SessionCheck,
    SessionHandle, SessionId, SessionSecret,
};
pub use profiles::{ProfileList, ProfileView};
pub use secret::Secret;
pub use sessions::{GateView, ReinstateBody, RevokeBody, SessionList, SessionState, SessionView};
pub use whoami::Whoami;
