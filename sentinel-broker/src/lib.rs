#![doc = include_str!("../README.md")]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod above_limit;
mod access;
mod arn;
mod audit;
mod broker;
mod call;
mod denial;
mod devices;
mod escape;
mod grants;
mod home;
mod identify;
mod identity;
mod issuer;
mod list_query;
mod local;
mod operators;
mod person;
mod policies;
mod profiles;
mod random;
mod requests;
mod session_tags;
mod sessions;
mod settings;
mod user;
mod vend;
mod whoami;

pub use access::Access;
pub use arn::is_principal;
pub use broker::{Broker, Parts, SessionTable};
pub use call::Call;
pub use denial::Denial;
pub use devices::{
    DeviceError, DeviceId, DeviceSource, MemoryDevices, OwnedDeviceFacts, RegisteredDevice,
};
pub use grants::{ListGrants, OpenGrant};
pub use home::Home;
pub use identity::{
    Caller, SessionNameRole, SessionNameRoleError, SourceIdentity, SourceIdentityFormat,
    VerifiedIdentity,
};
pub use issuer::{AssumeRole, IssueError, Issued, Issuer, STS_MAX_SECONDS, STS_MIN_SECONDS};
pub use local::{LocalIdentity, LocalIssuer};
pub use policies::GovernedRoles;
pub use random::{OsRandom, Random, RandomError};
pub use requests::{CreateRequest, ListRequests};
// The broker's results, as clients receive them.
#[doc(no_inline)]
pub use sentinel_wire::{
    Credentials, ErrorCode, GateView, GrantList, GrantView, ProfileList, ProfileView, RequestList,
    RequestView, SessionList, SessionView, Whoami,
};
pub use session_tags::{SESSION_TAG_KEYS, SessionTag};
pub use sessions::{ListSessions, Reinstate, Revoke, Target};
pub use settings::{CallerRate, OperatorArn, RoleArnTemplate, Settings};
pub use user::{is_user, parse_user};
pub use vend::{Cap, Vend, Vended};
