//! The result of an evaluation.

use std::time::Duration;

/// The effect for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Credentials can be vended.
    Allow,
    /// Credentials cannot be vended.
    Deny,
    /// Credentials can be vended after an approval.
    RequireApproval,
}

impl Verdict {
    /// The word for the effect in answers and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::RequireApproval => "require_approval",
        }
    }
}

/// A requirement that is not met yet and that the matched rule sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Requirements {
    /// An approval.
    pub approval: bool,
    /// A request through the TVM.
    pub server_mode: bool,
    /// A tracked session. It must be in the rule's own table if the rule names one.
    pub session: bool,
}

impl Requirements {
    /// The words for the requirements in answers, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        [(self.approval, "approval"), (self.server_mode, "server_mode"), (self.session, "session")]
            .into_iter()
            .filter_map(|(missing, word)| missing.then_some(word))
    }
}

/// The rule that determined the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MatchedRule<'p> {
    /// The name of the rule.
    pub name: &'p str,
    /// The index of the rule in the document, from 0.
    pub index: usize,
    /// The reason in the rule, if it has one.
    pub reason: Option<&'p str>,
}

/// The decision on one request. Borrows from the policy and does not allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decision<'p> {
    /// The effect for the caller.
    pub verdict: Verdict,
    /// The first rule that matched. `None` if no rule matched, which is a deny.
    pub rule: Option<MatchedRule<'p>>,
    /// The lower of the limits on duration in the matched rule and in the profile, for
    /// every effect. `None` if neither has a limit, or if no rule matched.
    pub max_duration: Option<Duration>,
    /// The requirements that are not met yet.
    pub requires: Requirements,
}
