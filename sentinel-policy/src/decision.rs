//! The result of an evaluation.

use std::time::Duration;

use crate::closed_set::closed_set;

closed_set! {
    /// The effect for the caller.
    #[expect(clippy::exhaustive_enums, reason = "every service must handle every verdict")]
    Verdict {
        /// Credentials can be vended.
        Allow = "allow",
        /// Credentials cannot be vended.
        Deny = "deny",
        /// Credentials can be vended after an approval.
        RequireApproval = "require_approval",
    }
}

/// The requirements of the matched rule that the request does not meet yet. By default, there
/// are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Requirements {
    /// Whether an approval is missing.
    pub approval: bool,
    /// Whether the request must be sent through the TVM.
    pub server_mode: bool,
    /// Whether a tracked session is missing. It must be in the session table that the rule names,
    /// if it names one.
    pub session: bool,
}

impl Requirements {
    /// The same requirements, with or without an approval.
    #[must_use]
    pub const fn with_approval(self, approval: bool) -> Self {
        Self { approval, ..self }
    }

    /// The same requirements, with or without a request through the TVM.
    #[must_use]
    pub const fn with_server_mode(self, server_mode: bool) -> Self {
        Self { server_mode, ..self }
    }

    /// The same requirements, with or without a tracked session.
    #[must_use]
    pub const fn with_session(self, session: bool) -> Self {
        Self { session, ..self }
    }

    /// The words for the requirements in answers, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        [(self.approval, "approval"), (self.server_mode, "server_mode"), (self.session, "session")]
            .into_iter()
            .filter_map(|(missing, word)| missing.then_some(word))
    }
}

/// The rule that determined the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MatchedRule<'p> {
    /// The name of the rule.
    pub name: &'p str,
    /// The index of the rule in the document, from 0.
    pub index: usize,
    /// The reason that the rule states. `None` if it states none.
    pub reason: Option<&'p str>,
}

/// The decision on one request. Borrows from the policy and does not allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Decision<'p> {
    /// The effect for the caller.
    pub verdict: Verdict,
    /// The first rule that matched. `None` if no rule matched, which is a deny. If a break-glass
    /// grant overrides the deny of a rule, this is that rule.
    pub rule: Option<MatchedRule<'p>>,
    /// The lower of the limits on duration in the matched rule and in the profile, for
    /// every effect. `None` if neither has a limit, or if no rule matched. If a break-glass
    /// grant allows a request that no rule matched, this is the limit in the profile.
    pub max_duration: Option<Duration>,
    /// The requirements that are not met yet. Empty if a break-glass grant overrides a deny.
    pub requires: Requirements,
}
