//! The entries of lists of users: names of users, and ARNs of principals that groups have as
//! members.

use crate::{Pattern, Principal, Spanned, UserPattern};

/// An entry of a list of users. Groups are replaced by their members.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UserEntry {
    /// The users with a name that the pattern matches.
    Name(UserPattern),
    /// The callers with an ARN that the pattern matches. Only members of groups can be of this
    /// kind.
    Principal(Pattern),
}

impl UserEntry {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(pattern) => pattern.as_str(),
            Self::Principal(pattern) => pattern.as_str(),
        }
    }

    /// The pattern over names of users. `None` for a pattern over ARNs.
    #[must_use]
    pub const fn name(&self) -> Option<&UserPattern> {
        match self {
            Self::Name(pattern) => Some(pattern),
            Self::Principal(_) => None,
        }
    }

    /// Whether the entry matches that caller. A caller without an ARN matches no pattern over
    /// ARNs.
    #[must_use]
    pub fn matches(&self, caller: &Principal<'_>) -> bool {
        match self {
            Self::Name(pattern) => pattern.matches(caller.user),
            Self::Principal(pattern) => caller.arn.is_some_and(|arn| pattern.matches(arn)),
        }
    }
}

/// Whether one of the entries matches a caller.
pub(crate) fn is_one_of(users: &[Spanned<UserEntry>], caller: &Principal<'_>) -> bool {
    users.iter().any(|user| user.value.matches(caller))
}
