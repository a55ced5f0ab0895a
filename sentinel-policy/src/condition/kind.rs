//! The kinds of conditions, by the keys they have in a policy.

/// A kind of condition, in the order in which a rule's conditions are looked
/// at: who and what first, circumstances after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConditionKind {
    /// The profile that is asked for.
    Profiles,
    /// The user.
    Users,
    /// The principal's ARN.
    Principals,
    /// The account id.
    Accounts,
    /// The organization id.
    Organizations,
    /// The address the request comes from.
    SourceIp,
    /// How credentials are asked for.
    Mode,
    /// When.
    Time,
    /// What the device is.
    Device,
}

impl ConditionKind {
    /// All of them, in the order in which they are looked at.
    pub const ALL: [Self; 9] = [
        Self::Profiles,
        Self::Users,
        Self::Principals,
        Self::Accounts,
        Self::Organizations,
        Self::SourceIp,
        Self::Mode,
        Self::Time,
        Self::Device,
    ];

    /// Its key in a policy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Profiles => "profiles",
            Self::Users => "users",
            Self::Principals => "principals",
            Self::Accounts => "accounts",
            Self::Organizations => "organizations",
            Self::SourceIp => "source_ip",
            Self::Mode => "mode",
            Self::Time => "time",
            Self::Device => "device",
        }
    }
}
