//! What a rule may ask of a request, one file per kind of condition. Each kind
//! is a value that was parsed and is therefore valid, with a plain `matches`
//! that the compiled evaluator and the reference evaluator share.

mod device;
mod kind;
mod mode;
mod network;
mod window;

pub use device::{DeviceFacts, DeviceRequirements, OsType, OsVersion};
pub use kind::ConditionKind;
pub use mode::{Mode, ModeSet};
pub use network::{Network, NetworkError};
pub use window::{Day, DaySet, Hours, Window};

use crate::{Pattern, Spanned, UserPattern};

/// A list of which one entry must match. Never empty: an empty list is refused
/// by the check, for whether it means "any" or "none" cannot be told.
pub type AnyOf<T> = Vec<Spanned<T>>;

/// The conditions of a rule; all that are given must hold, and none given
/// matches everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    /// Profiles, by pattern.
    pub profiles: Option<AnyOf<Pattern>>,
    /// Users, by pattern, groups already replaced by their members (each member
    /// with the place at which the group is used).
    pub users: Option<AnyOf<UserPattern>>,
    /// Principal ARNs, by pattern.
    pub principals: Option<AnyOf<Pattern>>,
    /// Account ids, compared whole.
    pub accounts: Option<AnyOf<String>>,
    /// Organization ids, compared whole.
    pub organizations: Option<AnyOf<String>>,
    /// Networks the request may come from.
    pub source_ip: Option<AnyOf<Network>>,
    /// How credentials are asked for.
    pub mode: Option<Spanned<ModeSet>>,
    /// When.
    pub time: Option<Spanned<Window>>,
    /// What the device must be.
    pub device: Option<Spanned<DeviceRequirements>>,
}

impl Conditions {
    /// Whether nothing is asked, so that every request meets them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            profiles,
            users,
            principals,
            accounts,
            organizations,
            source_ip,
            mode,
            time,
            device,
        } = self;
        profiles.is_none()
            && users.is_none()
            && principals.is_none()
            && accounts.is_none()
            && organizations.is_none()
            && source_ip.is_none()
            && mode.is_none()
            && time.is_none()
            && device.is_none()
    }
}
