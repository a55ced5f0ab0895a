//! How long a decision stands. The time ahead is taken from the rules in their
//! order: each rule decides the times at which it matches and no rule before it
//! does. The first of those times at which another effect is met is the answer;
//! what lies behind it need not be looked at any more.

use chrono::{DateTime, TimeDelta, Utc};

use crate::evaluate::{Judge, Situation, Time, outcome};
use crate::index::{NAME_KINDS, Unsure};
use crate::judged::{Every, Judged};
use crate::policy::Policy;
use crate::{Facts, Request, Verdict};

/// How far ahead is looked: a week and a day, so that every window is seen to
/// open or close whatever a change of the clocks does to the week.
const AHEAD: TimeDelta = TimeDelta::days(8);

/// From one instant until before another.
type Stretch = (DateTime<Utc>, DateTime<Utc>);

impl Policy {
    /// The first instant after `now`, looked for over the next eight days, at
    /// which the same request with the same facts would meet another effect:
    /// because a window opens or closes, in the rule that decides now or in any
    /// other, or because a fact ends. None when there is none.
    #[must_use]
    pub fn valid_until(
        &self,
        request: &Request<'_>,
        facts: &Facts,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let current = self.decide(request, facts, now).verdict;
        let situation = self.situation(request, now);
        let mut memory = Every::of(self.clauses.judged.len());
        let mut judge = Judge { policy: self, situation: &situation, memory: &mut memory };
        let mut candidates = self.index.candidates::<NAME_KINDS>(&situation.given);
        // The eighth day's own last instant is looked at.
        let end = now
            .checked_add_signed(AHEAD + TimeDelta::nanoseconds(1))
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        let mut undecided = vec![(now, end)];
        let mut change = None;
        while !undecided.is_empty()
            && let Some((index, unsure)) = candidates.next()
        {
            let Some((compiled, rule)) = self.rule(index) else { continue };
            let Ok(unmet) = judge.unmet(&compiled.conditions, unsure, Time::LeftOut);
            if unmet.is_some() {
                continue;
            }
            let closes = match &compiled.unless {
                None => None,
                Some(unless) => {
                    let Ok(unmet) = judge.unmet(unless, Unsure::EVERYTHING, Time::LeftOut);
                    match (unmet, unless.window) {
                        (Some(_), _) => None,
                        (None, Some(window)) => Some(window),
                        (None, None) => continue,
                    }
                }
            };
            let mut decided = match compiled.conditions.window {
                None => undecided.clone(),
                Some(window) => common(&undecided, &self.openings(window, &situation, end)),
            };
            if let Some(window) = closes {
                decided = without(&decided, &self.openings(window, &situation, end));
            }
            let verdict_at = |at: DateTime<Utc>| outcome(rule, request, facts.approved_at(at)).0;
            if let Some(at) = first_other(&decided, current, verdict_at, facts) {
                change = Some(at);
                cut(&mut undecided, at);
                cut(&mut decided, at);
            }
            undecided = without(&undecided, &decided);
        }
        match (current, undecided.first()) {
            // Where no rule matches, the answer is a deny.
            (Verdict::Allow | Verdict::RequireApproval, Some((from, _))) => Some(*from),
            (Verdict::Allow | Verdict::RequireApproval, None) | (Verdict::Deny, _) => change,
        }
    }

    /// When a window is open from `now` to `end`.
    fn openings(&self, window: u32, situation: &Situation<'_>, end: DateTime<Utc>) -> Vec<Stretch> {
        match self.clauses.judged.get(window as usize) {
            Some(Judged::Window(schedule)) => schedule
                .openings(&self.clauses.zones, situation.now.timestamp(), end.timestamp() + 1)
                .into_iter()
                .map(|(opens, closes)| (instant(opens), instant(closes)))
                .collect(),
            Some(
                Judged::Profile(_)
                | Judged::User(_)
                | Judged::Principal(_)
                | Judged::Networks(_)
                | Judged::Device(_),
            )
            | None => Vec::new(),
        }
    }
}

/// The instant of a count of seconds; the last that can be written when it is
/// beyond.
fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The first of some times at which a rule comes to another effect than
/// `current`: it may do so because a stretch begins, or because an approval ends
/// within one.
fn first_other(
    decided: &[Stretch],
    current: Verdict,
    verdict_at: impl Fn(DateTime<Utc>) -> Verdict,
    facts: &Facts,
) -> Option<DateTime<Utc>> {
    let approval_ends = facts.approval.and_then(|approval| approval.until);
    decided.iter().find_map(|(from, to)| {
        let within = approval_ends.filter(|end| from < end && end < to);
        [Some(*from), within].into_iter().flatten().find(|at| verdict_at(*at) != current)
    })
}

/// Drops what lies at or behind an instant.
fn cut(stretches: &mut Vec<Stretch>, at: DateTime<Utc>) {
    stretches.retain_mut(|(from, to)| {
        *to = at.min(*to);
        from < to
    });
}

/// The times in both; both ascending.
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

/// The times in the first and not in the second; both ascending.
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
