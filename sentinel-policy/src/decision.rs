//! The answer.

use std::time::Duration;

/// The effect as the caller meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Credentials may be vended.
    Allow,
    /// They may not.
    Deny,
    /// They may once an approval is given.
    RequireApproval,
}

impl Verdict {
    /// The word for it in answers and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::RequireApproval => "require_approval",
        }
    }
}

/// What is still missing for the matched rule to allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Requirements {
    /// An approval.
    pub approval: bool,
    /// Asking through the TVM.
    pub server_mode: bool,
    /// A tracked session (in the rule's own table, where it names one).
    pub session: bool,
}

impl Requirements {
    /// The words for them in answers, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        [(self.approval, "approval"), (self.server_mode, "server_mode"), (self.session, "session")]
            .into_iter()
            .filter_map(|(missing, word)| missing.then_some(word))
    }
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MatchedRule<'p> {
    /// Its name.
    pub name: &'p str,
    /// Its place in the document, from 0.
    pub index: usize,
    /// Its reason, where it gives one.
    pub reason: Option<&'p str>,
}

/// What a policy says to one request. Borrows from the policy and allocates
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decision<'p> {
    /// The effect as the caller meets it.
    pub verdict: Verdict,
    /// The rule that matched first; none when none did, which is a deny.
    pub rule: Option<MatchedRule<'p>>,
    /// The lesser of the matched rule's and the profile's cap, whatever the
    /// effect; none when neither caps, or when no rule matched.
    pub max_duration: Option<Duration>,
    /// All that is still required.
    pub requires: Requirements,
}
