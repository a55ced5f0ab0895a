//! How much of a document is read, so that hostile input is refused within
//! bounded time and memory.

/// Bounds on a document and on what is said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes a document may have.
    pub max_bytes: usize,
    /// The most entries that `rules`, and each other list of rules, may have.
    pub max_rules: usize,
    /// The most mappings and lists that may stand inside each other. The
    /// language itself needs six.
    pub max_depth: usize,
    /// The most entries that all uses of groups may stand for together: a large
    /// group used by many rules costs as much as if its members were written
    /// out in each.
    pub max_group_entries: usize,
    /// The most diagnostics that are given; where there are more, the last says
    /// how many. At least one is given.
    pub max_diagnostics: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 1024 * 1024,
            max_rules: 10_000,
            max_depth: 16,
            max_group_entries: 1_000_000,
            max_diagnostics: 100,
        }
    }
}
