//! The reason for a decision: for each rule that was evaluated, in order, the first
//! condition that did not hold and the value that it saw.

mod display;

use chrono::{DateTime, Utc};

use crate::condition::Saw;
use crate::evaluate::{Evaluation, TimeConditions};
use crate::index::Unsure;
use crate::memory::Every;
use crate::policy::Policy;
use crate::{ConditionKind, Conditions, Decision, Facts, Request};

/// A decision, and the outcome of each rule up to the one that matched.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation<'p> {
    /// The rules that were evaluated, in order. Only the last one can have matched.
    pub steps: Vec<Step<'p>>,
    /// The decision, as [`Policy::decide`] returns it.
    pub decision: Decision<'p>,
}

/// The outcome of one rule.
///
/// Its `Display` is one line: ``rule `business-hours` (#0): `users` did not
/// hold: `mallory` is none of `alice`, `bob` ``.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step<'p> {
    /// The name of the rule.
    pub rule: &'p str,
    /// The index of the rule in the document, from 0.
    pub index: usize,
    /// The result of evaluating the rule.
    pub outcome: StepOutcome<'p>,
}

/// Whether a rule matched, and if not, why.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "every reader must handle every outcome")]
pub enum StepOutcome<'p> {
    /// All its conditions held, and its `unless` did not.
    Matched,
    /// The first of its conditions, in the order of [`ConditionKind::ALL`],
    /// that did not hold.
    Unmet(Unmet<'p>),
    /// All its conditions held, and its `unless` too.
    Excluded,
}

/// A condition that did not hold.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unmet<'p> {
    /// The kind of the condition that did not hold.
    pub condition: ConditionKind,
    /// The attribute of the request that the condition read: `user`, `source_ip`,
    /// `os_version` …
    pub attribute: &'static str,
    /// The value of the attribute. `None` if the request does not have it.
    pub saw: Option<String>,
    conditions: &'p Conditions,
}

impl Policy {
    /// Decides, and reports the outcome of each rule up to the one that matched.
    #[must_use]
    pub fn explain(
        &self,
        request: &Request<'_>,
        facts: &Facts,
        now: DateTime<Utc>,
    ) -> Explanation<'_> {
        let situation = self.situation(request, now);
        let mut memory = Every::of(self.clauses.compiled.len());
        let mut evaluation =
            Evaluation { policy: self, situation: &situation, memory: &mut memory };
        let mut steps = Vec::new();
        for (index, (compiled, rule)) in self.rules.iter().zip(self.rules()).enumerate() {
            let Ok(unmet) = evaluation.unmet(
                &compiled.conditions,
                Unsure::EVERYTHING,
                TimeConditions::Evaluated,
            );
            let excluded = match (unmet, &compiled.unless) {
                (None, Some(unless)) => {
                    let Ok(unmet) =
                        evaluation.unmet(unless, Unsure::EVERYTHING, TimeConditions::Evaluated);
                    unmet.is_none()
                }
                (None, None) | (Some(_), _) => false,
            };
            let outcome = match unmet {
                Some(kind) => StepOutcome::Unmet(Unmet::new(kind, &rule.conditions, request, now)),
                None if excluded => StepOutcome::Excluded,
                None => StepOutcome::Matched,
            };
            let matched = outcome == StepOutcome::Matched;
            steps.push(Step { rule: &rule.name.value, index, outcome });
            if matched {
                break;
            }
        }
        Explanation { steps, decision: self.decide(request, facts, now) }
    }
}

impl<'p> Unmet<'p> {
    /// Reads in the request what a condition that did not hold has seen.
    pub(crate) fn new(
        condition: ConditionKind,
        conditions: &'p Conditions,
        request: &Request<'_>,
        now: DateTime<Utc>,
    ) -> Self {
        // A condition that is not given holds.
        let absent = || Saw { attribute: condition.as_str(), value: None };
        let saw = conditions.saw(condition, request, now).unwrap_or_else(absent);
        Self { condition, attribute: saw.attribute, saw: saw.value, conditions }
    }

    /// What would have met the condition, as written in the policy: one entry for
    /// each value of a list, a window as days, hours and zone.
    #[must_use]
    pub fn wanted(&self) -> Vec<String> {
        self.conditions.wanted(self.condition, self.attribute)
    }
}
