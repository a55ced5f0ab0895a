//! What the credentials of a session rest on.

/// What allowed a vend: the decision itself, an approval, or a break-glass grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an issuer must state every kind in the session's tags"
)]
pub enum Access {
    /// The policy allowed the request without an approval or a grant.
    Direct,
    /// An approved request, with its id.
    Approval(String),
    /// An open break-glass grant, with its id.
    BreakGlass(String),
}

impl Access {
    /// The value of the session tag `SentinelAccess`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Approval(_) => "approval",
            Self::BreakGlass(_) => "break-glass",
        }
    }

    /// The id of the approved request or of the grant. `None` for direct access.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Direct => None,
            Self::Approval(id) | Self::BreakGlass(id) => Some(id),
        }
    }
}
