//! The compiled policy: made once from a checked document, then shared and
//! asked.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clause::{Clause, Clauses, Lowering};
use crate::index::Index;
use crate::{
    ApprovalRule, BreakGlassRule, Checked, Effect, Operation, Pattern, Profile, ReasonCode, Rule,
    UserPattern,
};

/// A document that was checked and compiled. Ask it through a reference or an
/// `Arc`; it never changes.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) checked: Checked,
    pub(crate) rules: Vec<CompiledRule>,
    pub(crate) clauses: Clauses,
    pub(crate) index: Index,
    /// By the number of the profile's name in its column.
    pub(crate) profile_caps: Vec<Option<Duration>>,
    governed: BTreeSet<String>,
}

/// What of a rule is judged. The rest is read in the checked rule.
#[derive(Clone, Debug)]
pub(crate) struct CompiledRule {
    pub(crate) conditions: Clause,
    pub(crate) unless: Option<Box<Clause>>,
}

impl Checked {
    /// Compiles the document into the form that decides.
    #[must_use]
    pub fn compile(self) -> Policy {
        let mut lowering = Lowering::default();
        let [profile_names, ..] = &mut lowering.columns;
        if !self.profiles.is_empty() {
            profile_names.mention();
        }
        let mut profile_caps = Vec::with_capacity(self.profiles.len());
        for (name, profile) in &self.profiles {
            // The first names to be numbered: the numbers count from 0.
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
        let governed = governed(&self);
        Policy { checked: self, rules, clauses, index, profile_caps, governed }
    }
}

impl Policy {
    /// The rules as they were checked, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        self.checked.rules()
    }

    /// How many rules there are.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        self.checked.rules.len()
    }

    /// The document it was compiled from.
    #[must_use]
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    /// What a profile is, where the document says so.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.checked.profiles.get(name)
    }

    /// The profiles that this document governs as a main document, besides the
    /// one that its own name says: those under `profiles`, and those that a
    /// rule which is not a deny names literally under `conditions`. Sorted, each
    /// once.
    pub fn governs(&self) -> impl Iterator<Item = &str> {
        self.governed.iter().map(String::as_str)
    }

    /// Whether [`Policy::governs`] lists that profile.
    #[must_use]
    pub fn names_profile(&self, name: &str) -> bool {
        self.governed.contains(name)
    }

    /// The approvals rule that governs requests for a profile: the first that
    /// names it.
    #[must_use]
    pub fn approval_rule(&self, profile: &str) -> Option<&ApprovalRule> {
        self.checked.approvals.iter().find(|rule| names(&rule.profiles, profile))
    }

    /// The break-glass rule that governs a grant: the first that names caller,
    /// profile and reason.
    #[must_use]
    pub fn break_glass_rule(
        &self,
        user: &str,
        profile: &str,
        reason: ReasonCode,
    ) -> Option<&BreakGlassRule> {
        self.checked.break_glass.iter().find(|rule| {
            rule.reason_codes.iter().any(|code| code.value == reason)
                && names(&rule.profiles, profile)
                && is_one_of(&rule.users, user)
        })
    }

    /// A rule as it is judged and as it was checked.
    pub(crate) fn rule(&self, index: u32) -> Option<(&CompiledRule, &Rule)> {
        self.rules.get(index as usize).zip(self.checked.rules.get(index as usize))
    }

    /// Whether an operators rule lets that user do that.
    #[must_use]
    pub fn may_operate(&self, user: &str, operation: Operation) -> bool {
        self.checked.operators.iter().any(|rule| {
            rule.may.iter().any(|may| may.value == operation) && is_one_of(&rule.users, user)
        })
    }
}

/// Whether one of the patterns is met by a name.
pub(crate) fn names(patterns: &[crate::Spanned<Pattern>], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.value.matches(name))
}

/// Whether one of the patterns is met by a user.
pub(crate) fn is_one_of(patterns: &[crate::Spanned<UserPattern>], user: &str) -> bool {
    patterns.iter().any(|pattern| pattern.value.matches(user))
}

fn governed(checked: &Checked) -> BTreeSet<String> {
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
