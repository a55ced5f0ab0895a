//! The compiled policy. It is created once from a checked document, and then
//! shared.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use crate::clause::{Clause, Clauses, Lowering};
use crate::index::Index;
use crate::sharing::Sharing;
use crate::user_entry::is_one_of;
use crate::{
    ApprovalRule, BreakGlassRule, CheckedPolicy, Diagnostics, Effect, Limits, Operation, Pattern,
    Principal, Profile, ReasonCode, Rule,
};

/// A document that was checked and compiled. It is immutable and can be shared by
/// reference or in an `Arc`.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) checked: CheckedPolicy,
    pub(crate) rules: Vec<CompiledRule>,
    pub(crate) clauses: Clauses,
    pub(crate) index: Index,
    pub(crate) sharing: Sharing,
    /// By the number of the profile's name in its column.
    pub(crate) profile_caps: Vec<Option<Duration>>,
    governed: BTreeSet<String>,
}

/// The part of a rule that is compiled. The rest is read from the checked rule.
#[derive(Clone, Debug)]
pub(crate) struct CompiledRule {
    pub(crate) conditions: Clause,
    pub(crate) unless: Option<Box<Clause>>,
}

impl CheckedPolicy {
    /// Compiles the document for evaluation.
    #[must_use]
    pub fn compile(self) -> Policy {
        let mut lowering = Lowering::default();
        let [profile_names, ..] = &mut lowering.columns;
        if !self.profiles.is_empty() {
            profile_names.mention();
        }
        let mut profile_caps = Vec::with_capacity(self.profiles.len());
        for (name, profile) in &self.profiles {
            // Names of profiles are numbered first, so that their numbers start at 0.
            profile_names.number(name);
            profile_caps.push(profile.max_duration);
        }
        let rules: Vec<_> = (0..)
            .zip(&self.rules)
            .map(|(index, rule)| CompiledRule {
                conditions: lowering.rule(index, &rule.conditions),
                unless: rule.unless.as_ref().map(|unless| Box::new(lowering.clause(unless))),
            })
            .collect();
        let Lowering { clauses, columns, .. } = lowering;
        let index = Index::new(columns, rules.len());
        let sharing =
            Sharing::of(&clauses, rules.iter().map(|rule| &rule.conditions.circumstances));
        let governed = governed(&self);
        Policy { checked: self, rules, clauses, index, sharing, profile_caps, governed }
    }
}

impl FromStr for Policy {
    type Err = Diagnostics;

    /// Reads, checks and compiles a document within the default [`Limits`].
    ///
    /// ```
    /// use sentinel_policy::Policy;
    ///
    /// let text = r#"{ "version": "1", "rules": [{ "name": "all", "effect": "deny" }] }"#;
    /// let policy: Policy = text.parse()?;
    /// assert_eq!(policy.rule_count(), 1);
    /// # Ok::<(), sentinel_policy::Diagnostics>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        CheckedPolicy::parse(text.as_bytes(), &Limits::default()).map(CheckedPolicy::compile)
    }
}

impl Policy {
    /// The rules as they were checked, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        self.checked.rules()
    }

    /// The number of rules.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        self.checked.rules.len()
    }

    /// The document from which the policy was compiled.
    #[must_use]
    pub fn checked(&self) -> &CheckedPolicy {
        &self.checked
    }

    /// The section of a profile. `None` if the document does not have it.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.checked.profiles.get(name)
    }

    /// The profiles that this document governs as a main document, in addition to the
    /// profile that the document is named after: the profiles under `profiles`, and
    /// those that a rule other than a deny names under `conditions` without wildcards.
    /// Sorted, without duplicates.
    pub fn governs(&self) -> impl Iterator<Item = &str> {
        self.governed.iter().map(String::as_str)
    }

    /// Whether [`Policy::governs`] lists that profile.
    #[must_use]
    pub fn names_profile(&self, name: &str) -> bool {
        self.governed.contains(name)
    }

    /// Whether a rule has a condition on the device. If not, device facts change no decision.
    #[must_use]
    pub fn has_device_conditions(&self) -> bool {
        self.checked.rules.iter().any(|rule| {
            let unless = rule.unless.as_ref().is_some_and(|unless| unless.device.is_some());
            unless || rule.conditions.device.is_some()
        })
    }

    /// The approvals rule that governs requests for a profile: the first rule that
    /// names the profile.
    #[must_use]
    pub fn approval_rule(&self, profile: &str) -> Option<&ApprovalRule> {
        self.checked.approvals.iter().find(|rule| names(&rule.profiles, profile))
    }

    /// The break-glass rule that governs a grant: the first rule that names the caller,
    /// the profile and the reason.
    #[must_use]
    pub fn break_glass_rule(
        &self,
        principal: &Principal<'_>,
        profile: &str,
        reason: ReasonCode,
    ) -> Option<&BreakGlassRule> {
        self.checked.break_glass.iter().find(|rule| {
            rule.reason_codes.iter().any(|code| code.value == reason)
                && names(&rule.profiles, profile)
                && is_one_of(&rule.users, principal)
        })
    }

    /// A rule in its compiled form and in its checked form.
    pub(crate) fn rule(&self, index: u32) -> Option<(&CompiledRule, &Rule)> {
        self.rules.get(index as usize).zip(self.checked.rules.get(index as usize))
    }

    /// Whether an operators rule allows that caller the operation.
    #[must_use]
    pub fn may_operate(&self, principal: &Principal<'_>, operation: Operation) -> bool {
        self.checked.operators.iter().any(|rule| {
            rule.may.iter().any(|may| may.value == operation) && is_one_of(&rule.users, principal)
        })
    }
}

/// Whether one of the patterns matches a name.
pub(crate) fn names(patterns: &[crate::Spanned<Pattern>], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.value.matches(name))
}

fn governed(checked: &CheckedPolicy) -> BTreeSet<String> {
    let named = checked
        .rules
        .iter()
        .filter(|rule| match rule.effect {
            Effect::Deny => false,
            Effect::Allow
            | Effect::RequireApproval
            | Effect::RequireServer
            | Effect::RequireServerSession => true,
        })
        .filter_map(|rule| rule.conditions.profiles.as_ref())
        .flatten()
        .filter(|pattern| pattern.value.is_literal())
        .map(|pattern| pattern.value.as_str().to_owned());
    checked.profiles.keys().cloned().chain(named).collect()
}
