//! Limits on the size of a document, so that hostile input is refused within
//! bounded time and memory.

/// Limits on a document and on its diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum number of bytes in a document.
    pub max_bytes: usize,
    /// Maximum number of entries in `rules`, and in each other list of rules.
    pub max_rules: usize,
    /// Maximum number of profiles that the patterns under `profile_patterns` describe.
    pub max_profiles: usize,
    /// Maximum nesting depth of mappings and lists. The language needs six levels.
    pub max_depth: usize,
    /// Maximum number of members, summed over all uses of groups. A large group that
    /// many rules use costs as much as its members written out in each rule. A group whose
    /// members are kept elsewhere costs as much as one member.
    pub max_group_entries: usize,
    /// Maximum number of diagnostics that are reported. At least one is reported. If there
    /// are more, the last one reports how many.
    pub max_diagnostics: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 1024 * 1024,
            max_rules: 10_000,
            max_profiles: 10_000,
            max_depth: 16,
            max_group_entries: 1_000_000,
            max_diagnostics: 100,
        }
    }
}

impl Limits {
    /// The same limits with another number of bytes.
    #[must_use]
    pub const fn with_max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// The same limits with another number of entries in each list of rules.
    #[must_use]
    pub const fn with_max_rules(self, max_rules: usize) -> Self {
        Self { max_rules, ..self }
    }

    /// The same limits with another number of profiles that patterns describe.
    #[must_use]
    pub const fn with_max_profiles(self, max_profiles: usize) -> Self {
        Self { max_profiles, ..self }
    }

    /// The same limits with another nesting depth.
    #[must_use]
    pub const fn with_max_depth(self, max_depth: usize) -> Self {
        Self { max_depth, ..self }
    }

    /// The same limits with another number of members over all uses of groups.
    #[must_use]
    pub const fn with_max_group_entries(self, max_group_entries: usize) -> Self {
        Self { max_group_entries, ..self }
    }

    /// The same limits with another number of diagnostics.
    #[must_use]
    pub const fn with_max_diagnostics(self, max_diagnostics: usize) -> Self {
        Self { max_diagnostics, ..self }
    }
}
