#![doc = include_str!("../README.md")]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod code;
mod credentials;
mod cursors;
mod error;
mod grants;
pub mod header;
mod hidden;
mod id;
mod lists;
mod profiles;
mod requests;
pub mod rfc3339;
mod secret;
mod sessions;
mod whoami;
mod words;

pub use code::ErrorCode;
pub use credentials::Credentials;
pub use cursors::{EndlessList, SeenCursors};
pub use error::ErrorBody;
pub use grants::{CommentView, GrantBody, GrantList, GrantState, GrantView, GrantViewFields};
pub use hidden::{is_hidden, quoted, visible};
pub use id::{
    AccountId, CallerHash, CallerKey, Epoch, Generation, GrantId, ParseIdError, ProfileName,
    RequestId, SessionCheck, SessionHandle, SessionId, SessionSecret,
};
pub use profiles::{ProfileList, ProfileView};
pub use requests::{
    CommentBody, RequestAction, RequestBody, RequestDecisionView, RequestList, RequestState,
    RequestView, RequestViewFields, Via,
};
pub use secret::Secret;
pub use sessions::{GateView, ReinstateBody, RevokeBody, SessionList, SessionState, SessionView};
pub use whoami::Whoami;
