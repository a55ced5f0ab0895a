//! The groups that a document defines.

use std::collections::BTreeMap;

use crate::UserEntry;

/// The groups of a document.
#[derive(Default)]
pub(crate) struct Groups<'n> {
    /// The members by name. `None` if they could not be read, which was reported.
    pub(crate) members: BTreeMap<&'n str, Option<Vec<UserEntry>>>,
    /// Whether the groups as a whole could not be read. Then no group is reported
    /// as undefined.
    pub(crate) unreadable: bool,
    /// Number of members, summed over the uses of groups so far.
    pub(crate) used: usize,
    /// Whether that number exceeds the limit, which is reported once.
    pub(crate) exhausted: bool,
    /// Number of names that were compared with misspelled ones.
    pub(crate) compared: usize,
}
