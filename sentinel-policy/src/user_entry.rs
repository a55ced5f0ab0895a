//! The entries of lists of users: names of users, ARNs of principals that groups have as
//! members, and groups whose members are kept outside of the document.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::{Pattern, Principal, Spanned, UserPattern};

/// Marks an entry as the use of a group.
pub(crate) const PREFIX: &str = "group:";

/// An entry of a list of users. Groups of the document are replaced by their members.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UserEntry {
    /// The users with a name that the pattern matches.
    Name(UserPattern),
    /// The callers with an ARN that the pattern matches. Only members of groups can be of this
    /// kind.
    Principal(Pattern),
    /// The members of a group that `groups_from` names.
    Group(ExternalGroup),
}

impl UserEntry {
    /// The pattern as it was written, or `group:NAME`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(pattern) => pattern.as_str(),
            Self::Principal(pattern) => pattern.as_str(),
            Self::Group(group) => &group.0.written,
        }
    }

    /// The pattern over names of users. `None` for an entry of another kind.
    #[must_use]
    pub const fn name(&self) -> Option<&UserPattern> {
        match self {
            Self::Name(pattern) => Some(pattern),
            Self::Principal(_) | Self::Group(_) => None,
        }
    }

    /// Whether the entry matches that caller. A caller without an ARN matches no pattern over
    /// ARNs.
    #[must_use]
    pub fn matches(&self, caller: &Principal<'_>) -> bool {
        match self {
            Self::Name(pattern) => pattern.matches(caller.user),
            Self::Principal(pattern) => caller.arn.is_some_and(|arn| pattern.matches(arn)),
            Self::Group(group) => group.0.members.matches(caller),
        }
    }
}

/// A use of a group that `groups_from` names. It has no members until
/// [`CheckedPolicy::with_members`](crate::CheckedPolicy::with_members) sets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalGroup(Arc<Kept>);

#[derive(Debug, PartialEq, Eq)]
struct Kept {
    /// `group:NAME`
    written: String,
    members: Members,
}

impl ExternalGroup {
    pub(crate) fn new(name: &str, members: Members) -> Self {
        Self(Arc::new(Kept { written: format!("{PREFIX}{name}"), members }))
    }

    /// The name of the group, without `group:`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.written.strip_prefix(PREFIX).unwrap_or_default()
    }

    /// The members, in no particular order. None of them is a group.
    pub fn members(&self) -> impl Iterator<Item = &UserEntry> {
        self.0.members.entries.iter()
    }
}

// A policy has one group of a name, and a group can have many members.
impl Hash for ExternalGroup {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.written.hash(state);
    }
}

/// The members of a group, in the form in which they are evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    /// Names without wildcards first, in order.
    entries: Vec<UserEntry>,
    /// Number of names without wildcards.
    literals: usize,
}

impl Members {
    pub(crate) fn new(mut entries: Vec<UserEntry>) -> Self {
        let is_literal = |entry: &UserEntry| entry.name().is_some_and(UserPattern::is_literal);
        entries.sort_by(|a, b| {
            is_literal(b).cmp(&is_literal(a)).then_with(|| a.as_str().cmp(b.as_str()))
        });
        let literals = entries.partition_point(is_literal);
        Self { entries, literals }
    }

    pub(crate) const fn entries(&self) -> &[UserEntry] {
        self.entries.as_slice()
    }

    fn matches(&self, caller: &Principal<'_>) -> bool {
        let Some((literals, others)) = self.entries.split_at_checked(self.literals) else {
            return false;
        };
        literals.binary_search_by(|entry| entry.as_str().cmp(caller.user)).is_ok()
            || others.iter().any(|entry| entry.matches(caller))
    }
}

/// Whether one of the entries matches a caller.
pub(crate) fn is_one_of(users: &[Spanned<UserEntry>], caller: &Principal<'_>) -> bool {
    users.iter().any(|user| user.value.matches(caller))
}
