//! Reading values from the tree of a document: mappings with known keys, lists, and
//! single values. Each value that does not fit its key is a finding. The meaning of
//! the keys of a policy is defined in [`condition`](crate::condition) and
//! [`check`](crate::check).

mod fields;
mod groups;
mod value;

use std::collections::BTreeMap;

pub(crate) use fields::{Field, Fields, Shape};
pub(crate) use groups::Groups;

use crate::Limits;
use crate::diagnostic::Findings;

/// Reads the nodes of one document and collects findings.
pub(crate) struct Reader<'n> {
    pub(crate) findings: Findings,
    pub(crate) limits: Limits,
    /// The groups that entries of `users` can name.
    pub(crate) groups: Groups<'n>,
    /// The names in the list of rules that is being read, and their lines.
    names: BTreeMap<&'n str, u32>,
}

impl Reader<'_> {
    /// A reader that adds to the findings of the parser.
    pub(crate) fn new(findings: Findings, limits: Limits) -> Self {
        Self { findings, limits, groups: Groups::default(), names: BTreeMap::new() }
    }
}
