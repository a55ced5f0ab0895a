//! The decision: the first rule that matches a request, and its effect. A decision
//! does not allocate. It evaluates a rule only if the names in the request leave
//! the rule possible, and a condition that several rules share only once.
//!
//! The memory of results is a few entries at first. A decision that needs more, or
//! that evaluates many rules without a match, starts over with two bits for each
//! compiled condition of the policy, in the least of three sizes that holds them all
//! (256 bytes, 4 KB, 64 KB of stack), and a bit for each rule (1.3 KB). From then on, a condition that does not hold
//! excludes all rules that share it. A policy with more than 262,144 compiled
//! conditions, which no document within the default limits can have, evaluates the
//! others each time.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clause::{Clause, Names, slice};
use crate::condition::NameKind;
use crate::index::{Given, Unsure};
use crate::memory::{Few, Many, Memory, Outgrown};
use crate::policy::Policy;
use crate::{
    ConditionKind, Decision, Effect, Facts, MatchedRule, Mode, Request, Requirements, Rule, Verdict,
};

/// A request, and the numbers that its names have in the policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation<'a> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) given: [Given; NameKind::COUNT],
    pub(crate) now: DateTime<Utc>,
}

impl Policy {
    /// Decides a request with these facts at `now`. Does not allocate.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>, facts: &Facts, now: DateTime<Utc>) -> Decision<'_> {
        let situation = self.situation(request, now);
        let rule = self.first_match(&situation);
        self.decision(rule, &situation, facts)
    }

    pub(crate) fn situation<'a>(
        &self,
        request: &'a Request<'a>,
        now: DateTime<Utc>,
    ) -> Situation<'a> {
        Situation { request, given: self.index.look_up(request), now }
    }

    fn first_match(&self, situation: &Situation<'_>) -> Option<u32> {
        let mut few = Few::default();
        match self.search(situation, &mut few) {
            Ok(rule) => rule,
            Err(Outgrown) => self.first_match_of_many(situation, &few),
        }
    }

    #[cold]
    fn first_match_of_many(&self, situation: &Situation<'_>, few: &Few) -> Option<u32> {
        let (conditions, sharing) = (self.clauses.compiled.len(), &self.sharing);
        let Ok(found) = if conditions <= Many::<16>::ROOM {
            self.search(situation, &mut Many::<16>::after(few, sharing))
        } else if conditions <= Many::<256>::ROOM {
            self.search(situation, &mut Many::<256>::after(few, sharing))
        } else {
            self.search(situation, &mut Many::<4096>::after(few, sharing))
        };
        found
    }

    fn search<M: Memory>(
        &self,
        situation: &Situation<'_>,
        memory: &mut M,
    ) -> Result<Option<u32>, M::Error> {
        // Most policies have conditions on profiles and users only.
        if self.index.used() <= 2 {
            self.search_in::<M, 2>(situation, memory)
        } else {
            self.search_in::<M, { NameKind::COUNT }>(situation, memory)
        }
    }

    fn search_in<M: Memory, const LANES: usize>(
        &self,
        situation: &Situation<'_>,
        memory: &mut M,
    ) -> Result<Option<u32>, M::Error> {
        let mut candidates = self.index.candidates::<LANES>(&situation.given);
        let mut evaluation = Evaluation { policy: self, situation, memory };
        while let Some((index, unsure)) =
            candidates.next_without(|block| evaluation.memory.excluded(block))
        {
            let Some(rule) = self.rules.get(index as usize) else { continue };
            let met =
                evaluation.unmet(&rule.conditions, unsure, TimeConditions::Evaluated)?.is_none();
            let matches = met
                && match &rule.unless {
                    None => true,
                    Some(unless) => evaluation
                        .unmet(unless, Unsure::EVERYTHING, TimeConditions::Evaluated)?
                        .is_some(),
                };
            if matches {
                return Ok(Some(index));
            }
            evaluation.memory.pass()?;
        }
        Ok(None)
    }

    /// Returns the decision if that rule is the first that matches.
    pub(crate) fn decision(
        &self,
        rule: Option<u32>,
        situation: &Situation<'_>,
        facts: &Facts,
    ) -> Decision<'_> {
        let rule = rule.map(|index| index as usize);
        let Some((index, rule)) =
            rule.and_then(|index| self.checked.rules.get(index).map(|rule| (index, rule)))
        else {
            let verdict = facts.instead_of_deny(situation.now);
            let max_duration = match verdict {
                Verdict::Allow => self.profile_cap(situation),
                Verdict::Deny | Verdict::RequireApproval => None,
            };
            let requires = Requirements::default();
            return Decision { verdict, rule: None, max_duration, requires };
        };
        let (verdict, requires) = outcome(rule, situation.request, facts, situation.now);
        let max_duration = match (rule.max_duration, self.profile_cap(situation)) {
            (Some(rule), Some(profile)) => Some(rule.min(profile)),
            (cap, None) | (None, cap) => cap,
        };
        let rule = MatchedRule { name: &rule.name.value, index, reason: rule.reason.as_deref() };
        Decision { verdict, rule: Some(rule), max_duration, requires }
    }

    /// The limit on duration in the section of the requested profile.
    fn profile_cap(&self, situation: &Situation<'_>) -> Option<Duration> {
        match situation.given {
            [Given::Written(number), ..] => *self.profile_caps.get(number as usize)?,
            [Given::Absent | Given::Unwritten, ..] => None,
        }
    }
}

/// The effect of a rule that matches, and what is still missing.
pub(crate) fn outcome(
    rule: &Rule,
    request: &Request<'_>,
    facts: &Facts,
    now: DateTime<Utc>,
) -> (Verdict, Requirements) {
    let none = Requirements::default();
    match rule.effect {
        Effect::Allow => (Verdict::Allow, none),
        Effect::Deny => (facts.instead_of_deny(now), none),
        Effect::RequireApproval if facts.satisfies_approval(now) => (Verdict::Allow, none),
        Effect::RequireApproval => {
            (Verdict::RequireApproval, Requirements { approval: true, ..none })
        }
        Effect::RequireServer => {
            allow_unless(Requirements { server_mode: request.mode != Some(Mode::Server), ..none })
        }
        Effect::RequireServerSession => allow_unless(Requirements {
            server_mode: request.mode != Some(Mode::Server),
            session: match (request.session_table, &rule.session_table) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(used), Some(wanted)) => used != wanted,
            },
            ..none
        }),
    }
}

fn allow_unless(missing: Requirements) -> (Verdict, Requirements) {
    let verdict = if missing == Requirements::default() { Verdict::Allow } else { Verdict::Deny };
    (verdict, missing)
}

/// The evaluation of the conditions that depend on the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeConditions {
    /// They are evaluated like every other condition.
    Evaluated,
    /// They are assumed to hold.
    Assumed,
}

/// Evaluates the clauses of a policy for a request.
#[derive(Debug)]
pub(crate) struct Evaluation<'a, M> {
    pub(crate) policy: &'a Policy,
    pub(crate) situation: &'a Situation<'a>,
    pub(crate) memory: &'a mut M,
}

impl<M: Memory> Evaluation<'_, M> {
    /// The first condition of a clause that does not hold, in the order of
    /// [`ConditionKind::ALL`]. Names are evaluated only if the index is unsure.
    #[inline]
    pub(crate) fn unmet(
        &mut self,
        clause: &Clause,
        unsure: Unsure,
        time: TimeConditions,
    ) -> Result<Option<ConditionKind>, M::Error> {
        // Most rules have only names without wildcards, which the index has decided.
        if unsure == Unsure::NOTHING && clause.circumstances.is_empty() {
            return Ok(None);
        }
        self.first_unmet(clause, unsure, time)
    }

    fn first_unmet(
        &mut self,
        clause: &Clause,
        unsure: Unsure,
        time: TimeConditions,
    ) -> Result<Option<ConditionKind>, M::Error> {
        if let Some(name) = self.unmet_name(clause, unsure)? {
            return Ok(Some(name.condition()));
        }
        let circumstances = &self.policy.clauses.circumstances;
        for circumstance in slice(circumstances, &clause.circumstances) {
            let kind = circumstance.kind;
            if time == TimeConditions::Assumed && kind.depends_on_time() {
                continue;
            }
            let met = if kind.is_cheap() && !M::EXCLUDES {
                self.evaluate(circumstance.number)
            } else {
                self.holds(circumstance.number)?
            };
            if !met {
                return Ok(Some(kind));
            }
        }
        Ok(None)
    }

    /// The first kind of name for which the request does not match the clause.
    pub(crate) fn unmet_name(
        &mut self,
        clause: &Clause,
        unsure: Unsure,
    ) -> Result<Option<NameKind>, M::Error> {
        if unsure == Unsure::NOTHING {
            return Ok(None);
        }
        let given = self.situation.given;
        for ((names, given), kind) in clause.names.iter().zip(given).zip(NameKind::ALL) {
            if let Some(names) = names
                && unsure.contains(kind)
                && !self.names_hold(names, given)?
            {
                return Ok(Some(kind));
            }
        }
        Ok(None)
    }

    fn names_hold(&mut self, names: &Names, given: Given) -> Result<bool, M::Error> {
        let clauses = &self.policy.clauses;
        let number = match given {
            Given::Absent => return Ok(false),
            Given::Unwritten => None,
            Given::Written(number) => Some(number),
        };
        if names.anyone {
            return Ok(true);
        }
        if let Some(number) = number
            && slice(&clauses.written, &names.written).binary_search(&number).is_ok()
        {
            return Ok(true);
        }
        for pattern in slice(&clauses.patterns, &names.patterns) {
            if self.holds(*pattern)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn holds(&mut self, number: u32) -> Result<bool, M::Error> {
        if let Some(met) = self.memory.recall(number) {
            return Ok(met);
        }
        let met = self.evaluate(number);
        self.memory.note(number, met)?;
        Ok(met)
    }

    fn evaluate(&self, number: u32) -> bool {
        let Situation { request, now, .. } = self.situation;
        let compiled = self.policy.clauses.compiled.get(number as usize);
        compiled.is_some_and(|compiled| compiled.matches(request, *now))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::memory::Every;
    use crate::{CheckedPolicy, Limits, Principal};

    /// A memory that counts how often each result is stored.
    struct Counting {
        every: Every,
        noted: Vec<u32>,
    }

    impl Memory for Counting {
        type Error = std::convert::Infallible;

        fn recall(&self, number: u32) -> Option<bool> {
            self.every.recall(number)
        }

        fn note(&mut self, number: u32, met: bool) -> Result<(), Self::Error> {
            if let Some(times) = self.noted.get_mut(number as usize) {
                *times += 1;
            }
            self.every.note(number, met)
        }
    }

    fn compile(rules: &str) -> Policy {
        let groups = "groups: { g: [{ principals: [\"arn:aws:iam::1*\", \"arn:aws:iam::2*\"] }] }";
        let text = format!("version: \"1\"\n{groups}\nrules:\n{rules}");
        let limits = Limits { max_bytes: 1 << 26, max_rules: 1 << 20, ..Limits::default() };
        CheckedPolicy::parse(text.as_bytes(), &limits).unwrap().compile()
    }

    #[test]
    fn a_condition_that_rules_share_is_evaluated_once() {
        let mut rules = String::new();
        for i in 0..600 {
            let _ = writeln!(
                rules,
                "  - {{ name: r{i}, effect: deny, conditions: {{ users: [\"a*\", \"group:g\", \"b*-{}\"], \
                 source_ip: [10.0.0.0/8], device: {{ require_mdm: true }}, \
                 time: {{ days: [monday], timezone: Europe/Berlin }} }}, \
                 unless: {{ profiles: [\"p*\"], time: {{ days: [monday] }} }} }}",
                i % 5
            );
        }
        let policy = compile(&rules);
        // Six patterns of users and one of profiles, two of members of the group, the networks, the device,
        // and two windows.
        assert_eq!(policy.clauses.compiled.len(), 13);
        let caller = Principal::new("bob-4").with_arn("arn:aws:iam::333344445555:user/bob-4");
        let mut request = Request::new(caller, "production");
        request.source_ip = Some([10, 0, 0, 1].into());
        request.device.mdm_enrolled = Some(true);
        let monday = DateTime::from_timestamp(1_773_662_400, 0).unwrap();
        let situation = policy.situation(&request, monday);
        let mut memory = Counting { every: Every::of(13), noted: vec![0; 13] };
        let Ok(found) = policy.search(&situation, &mut memory);
        assert_eq!(found, None);
        assert_eq!(memory.noted, [1; 13]);
    }

    /// A memory that excludes rules and counts the rules that were evaluated without a match.
    struct Passing<'p> {
        many: Many<'p, 16>,
        passed: u32,
    }

    impl Memory for Passing<'_> {
        type Error = std::convert::Infallible;

        const EXCLUDES: bool = true;

        fn recall(&self, number: u32) -> Option<bool> {
            self.many.recall(number)
        }

        fn note(&mut self, number: u32, met: bool) -> Result<(), Self::Error> {
            self.many.note(number, met)
        }

        fn pass(&mut self) -> Result<(), Self::Error> {
            self.passed += 1;
            Ok(())
        }

        fn excluded(&self, block: u32) -> u64 {
            self.many.excluded(block)
        }
    }

    #[test]
    fn of_the_rules_that_share_a_condition_that_does_not_hold_one_is_evaluated() {
        // A condition whose evaluation is cheap, and one whose evaluation is not.
        for shared in ["mode: [server]", "source_ip: [10.0.0.0/8]"] {
            let mut rules = String::new();
            for i in 0..600 {
                let _ = writeln!(
                    rules,
                    "  - {{ name: r{i}, effect: deny, conditions: {{ {shared} }} }}"
                );
            }
            for (i, address) in (0..7).zip(1..) {
                let _ = writeln!(
                    rules,
                    "  - {{ name: s{i}, effect: deny, conditions: {{ source_ip: [192.0.2.{address}] }} }}"
                );
            }
            let policy = compile(&rules);
            let mut request = Request::new(Principal::new("alice"), "production");
            request.mode = Some(Mode::Cli);
            request.source_ip = Some([192, 0, 2, 100].into());
            let situation = policy.situation(&request, DateTime::UNIX_EPOCH);
            let many = Many::after(&Few::default(), &policy.sharing);
            let mut memory = Passing { many, passed: 0 };
            let Ok(found) = policy.search(&situation, &mut memory);
            // The first of those that share it, and the seven with separate conditions.
            assert_eq!((found, memory.passed), (None, 8), "{shared}");
        }
    }

    /// Enough distinct conditions for the largest memory. The last rule is the one that
    /// matches.
    #[test]
    fn a_policy_can_have_more_conditions_than_the_smaller_memories_store() {
        for rules in [10, 100, 2_000, 17_000] {
            let mut text = String::new();
            for i in 0..rules {
                let _ = writeln!(
                    text,
                    "  - {{ name: r{i}, effect: allow, conditions: {{ users: [\"?ob-{i}\"] }} }}"
                );
            }
            let policy = compile(&text);
            assert_eq!(policy.clauses.compiled.len(), rules);
            let user = format!("bob-{}", rules - 1);
            let request = Request::new(Principal::new(&user), "production");
            let decision = policy.decide(&request, &Facts::default(), DateTime::UNIX_EPOCH);
            assert_eq!(decision.rule.map(|rule| rule.index), Some(rules - 1));
            let request = Request::new(Principal::new("bob"), "production");
            let decision = policy.decide(&request, &Facts::default(), DateTime::UNIX_EPOCH);
            assert_eq!(decision.rule, None);
        }
    }

    #[test]
    fn a_document_without_rules_denies() {
        let policy = CheckedPolicy::empty().compile();
        let request = Request::new(Principal::new("alice"), "production");
        let decision = policy.decide(&request, &Facts::default(), DateTime::UNIX_EPOCH);
        assert_eq!((decision.verdict, decision.rule), (Verdict::Deny, None));
        assert_eq!(policy.valid_until(&request, &Facts::default(), DateTime::UNIX_EPOCH), None);
    }

    #[test]
    fn rules_without_names_are_found_beyond_the_first_block() {
        let mut rules = String::new();
        for i in 0..130 {
            let mode = if i == 129 { "cli" } else { "server" };
            let _ = writeln!(
                rules,
                "  - {{ name: r{i}, effect: allow, conditions: {{ mode: [{mode}] }} }}"
            );
        }
        let policy = compile(&rules);
        let mut request = Request::new(Principal::new("alice"), "production");
        request.mode = Some(Mode::Cli);
        let decision = policy.decide(&request, &Facts::default(), DateTime::UNIX_EPOCH);
        assert_eq!(decision.rule.map(|rule| rule.index), Some(129));
    }
}
