//! The time until which a decision is valid. Each rule, in order, decides the
//! future times at which it matches and no earlier rule does. The result is the
//! first of these times with a different effect. Later times are not searched.

use chrono::{DateTime, TimeDelta, Utc};

use crate::clause::{Clause, slice};
use crate::condition::NameKind;
use crate::evaluate::{Evaluation, TimeConditions, outcome};
use crate::index::Unsure;
use crate::memory::Every;
use crate::policy::Policy;
use crate::{Facts, Request, Verdict};

/// The length of the search: a week and a day, so that every window opens or closes
/// in that time, also if the clocks change.
const AHEAD: TimeDelta = TimeDelta::days(8);

/// A range of time, without its end.
type Stretch = (DateTime<Utc>, DateTime<Utc>);

impl Policy {
    /// The first instant after `now`, within the next eight days, at which the same
    /// request with the same facts would have a different effect, because a window
    /// opens or closes in any rule, or because a fact ends. `None` if there is no such
    /// instant.
    #[must_use]
    pub fn valid_until(
        &self,
        request: &Request<'_>,
        facts: &Facts,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let current = self.decide(request, facts, now).verdict;
        let situation = self.situation(request, now);
        let mut memory = Every::of(self.clauses.compiled.len());
        let mut evaluation =
            Evaluation { policy: self, situation: &situation, memory: &mut memory };
        let mut candidates = self.index.candidates::<{ NameKind::COUNT }>(&situation.given);
        // The last instant of the eighth day is included.
        let end = now
            .checked_add_signed(AHEAD + TimeDelta::nanoseconds(1))
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut undecided = vec![(now, end)];
        let mut change = None;
        while !undecided.is_empty()
            && let Some((index, unsure)) = candidates.next()
        {
            let Some((compiled, rule)) = self.rule(index) else { continue };
            let Ok(unmet) = evaluation.unmet(&compiled.conditions, unsure, TimeConditions::Assumed);
            if unmet.is_some() {
                continue;
            }
            let mut decided = self.open(&compiled.conditions, undecided.clone(), end);
            if let Some(unless) = &compiled.unless {
                let Ok(unmet) =
                    evaluation.unmet(unless, Unsure::EVERYTHING, TimeConditions::Assumed);
                if unmet.is_none() {
                    decided = without(&decided, &self.open(unless, vec![(now, end)], end));
                }
            }
            let verdict_at = |at| outcome(rule, request, facts, at).0;
            if let Some(at) = first_other(&decided, current, verdict_at, facts) {
                change = Some(at);
                cut(&mut undecided, at);
                cut(&mut decided, at);
            }
            undecided = without(&undecided, &decided);
        }
        // No rule matches at the remaining times. All of them are before `change`.
        first_other(&undecided, current, |at| facts.instead_of_deny(at), facts).or(change)
    }

    /// The times within `stretches` at which the conditions of a clause that depend
    /// on the time hold.
    fn open(&self, clause: &Clause, stretches: Vec<Stretch>, end: DateTime<Utc>) -> Vec<Stretch> {
        let mut stretches = stretches;
        for circumstance in slice(&self.clauses.circumstances, &clause.circumstances) {
            let Some(first) = stretches.first() else { break };
            let (from, to) = (first.0.timestamp(), end.timestamp() + 1);
            let compiled = self.clauses.compiled.get(circumstance.number as usize);
            if let Some(openings) = compiled.and_then(|compiled| compiled.openings(from, to)) {
                let openings: Vec<_> = openings
                    .into_iter()
                    .map(|(opens, closes)| (instant(opens), instant(closes)))
                    .collect();
                stretches = common(&stretches, &openings);
            }
        }
        stretches
    }
}

/// The instant at that number of seconds. If it is out of range, the last
/// representable instant.
fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The first of some times at which the effect of a rule is not `current`, because
/// a stretch begins, or because a fact ends within one.
fn first_other(
    decided: &[Stretch],
    current: Verdict,
    verdict_at: impl Fn(DateTime<Utc>) -> Verdict,
    facts: &Facts,
) -> Option<DateTime<Utc>> {
    let mut ends = [
        facts.approval.and_then(|approval| approval.until),
        facts.grant.and_then(|grant| grant.until),
    ];
    ends.sort_unstable();
    decided.iter().find_map(|(from, to)| {
        let within = ends.into_iter().flatten().filter(|end| from < end && end < to);
        std::iter::once(*from).chain(within).find(|at| verdict_at(*at) != current)
    })
}

/// Removes every time from an instant on.
fn cut(stretches: &mut Vec<Stretch>, at: DateTime<Utc>) {
    stretches.retain_mut(|(from, to)| {
        *to = at.min(*to);
        from < to
    });
}

/// The times in both lists, which are ascending.
fn common(some: &[Stretch], others: &[Stretch]) -> Vec<Stretch> {
    let mut common = Vec::new();
    let (mut left, mut right) = (some.iter().peekable(), others.iter().peekable());
    while let (Some((a, b)), Some((c, d))) = (left.peek(), right.peek()) {
        let (from, to) = (*a.max(c), *b.min(d));
        if from < to {
            common.push((from, to));
        }
        if b < d {
            left.next()
        } else {
            right.next()
        };
    }
    common
}

/// The times in the first list but not in the second. Both are ascending.
fn without(some: &[Stretch], others: &[Stretch]) -> Vec<Stretch> {
    let mut left = Vec::new();
    let mut others = others.iter().peekable();
    for (from, to) in some {
        let mut from = *from;
        while let Some((c, d)) = others.peek() {
            if c >= to {
                break;
            }
            if from < *c {
                left.push((from, *c));
            }
            from = from.max(*d);
            if d > to {
                break;
            }
            others.next();
        }
        if from < *to {
            left.push((from, *to));
        }
    }
    left
}
