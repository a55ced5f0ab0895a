#![doc = include_str!("../README.md")]

mod arn;
mod broker;
mod copies;
mod denial;
mod identity;
mod issuer;
mod lifetime;
mod local;
mod operate;
mod policies;
mod profiles;
mod random;
mod roles;
mod settings;
mod source_identity;
mod vend;
mod whoami;

pub use arn::{is_principal, is_user};
pub use broker::{Broker, Call, Home, Parts, SessionTable};
pub use denial::{Code, Denial};
pub use identity::{Caller, SessionNameRole, SessionNameRoleError, VerifiedIdentity};
pub use issuer::{AssumeRole, Credentials, IssueError, Issued, Issuer};
pub use lifetime::{Cap, STS_MAX_SECONDS, STS_MIN_SECONDS};
pub use local::{LocalIdentity, LocalIssuer};
pub use operate::{GateView, ListSessions, SessionList, SessionView, Target, parse_user};
pub use profiles::{ProfileList, ProfileView};
pub use random::{OsRandom, Random, RandomError};
pub use roles::GovernedRoles;
pub use settings::{OperatorArn, RoleArnTemplate, Settings};
pub use source_identity::{SourceIdentity, SourceIdentityFormat};
pub use vend::{Vend, Vended};
pub use whoami::Whoami;
