//! The plain evaluator. It evaluates the checked document rule by rule, as
//! `docs/policy-reference.md` defines the language. Tests compare the compiled
//! evaluator with it. The two share only the evaluation of a single condition. It
//! is slow by design.

use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc};

use crate::condition::AnyOf;
use crate::explain::{Explanation, Step, StepOutcome, Unmet};
use crate::{
    CheckedPolicy, ConditionKind, Conditions, Decision, Effect, Facts, MatchedRule, Mode,
    Principal, Request, Requirements, Rule, UserEntry, Verdict, Window,
};

/// Evaluates a checked document rule by rule.
#[derive(Clone, Copy, Debug)]
pub struct Evaluator<'p> {
    checked: &'p CheckedPolicy,
}

impl<'p> Evaluator<'p> {
    /// An evaluator of that document.
    #[must_use]
    pub const fn new(checked: &'p CheckedPolicy) -> Self {
        Self { checked }
    }

    /// Decides as [`Policy::decide`](crate::Policy::decide) does.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>, facts: &Facts, now: DateTime<Utc>) -> Decision<'p> {
        let first =
            self.checked.rules.iter().enumerate().find(|(_, rule)| matches(rule, request, now));
        let profile = self.checked.profiles.get(request.profile);
        let profile_cap = profile.and_then(|profile| profile.max_duration);
        let grant = facts.grant.filter(|it| it.until.is_none_or(|until| now < until));
        let overrides = grant.is_some_and(|grant| grant.overrides_deny);
        let Some((index, rule)) = first else {
            return Decision {
                verdict: if overrides { Verdict::Allow } else { Verdict::Deny },
                rule: None,
                max_duration: profile_cap.filter(|_| overrides),
                requires: Requirements::default(),
            };
        };
        let approved = grant.is_some()
            || facts.approval.is_some_and(|it| it.until.is_none_or(|until| now < until));
        let server = request.mode == Some(Mode::Server);
        let session = match &rule.session_table {
            Some(table) => request.session_table == Some(table),
            None => request.session_table.is_some(),
        };
        let requires = match rule.effect {
            Effect::Allow | Effect::Deny => Requirements::default(),
            Effect::RequireApproval => Requirements { approval: !approved, ..Default::default() },
            Effect::RequireServer => Requirements { server_mode: !server, ..Default::default() },
            Effect::RequireServerSession => {
                Requirements { server_mode: !server, session: !session, ..Default::default() }
            }
        };
        let met = requires == Requirements::default();
        let verdict = match rule.effect {
            Effect::Deny if overrides => Verdict::Allow,
            Effect::Deny => Verdict::Deny,
            Effect::Allow => Verdict::Allow,
            Effect::RequireApproval if !met => Verdict::RequireApproval,
            Effect::RequireServer | Effect::RequireServerSession if !met => Verdict::Deny,
            Effect::RequireApproval | Effect::RequireServer | Effect::RequireServerSession => {
                Verdict::Allow
            }
        };
        let caps = [rule.max_duration, profile_cap];
        Decision {
            verdict,
            rule: Some(MatchedRule {
                name: &rule.name.value,
                index,
                reason: rule.reason.as_deref(),
            }),
            max_duration: caps.into_iter().flatten().min(),
            requires,
        }
    }

    /// Computes the result of [`Policy::valid_until`](crate::Policy::valid_until), by
    /// deciding at every instant at which the decision can change.
    #[must_use]
    pub fn valid_until(
        &self,
        request: &Request<'_>,
        facts: &Facts,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let current = self.decide(request, facts, now).verdict;
        let last = now.checked_add_signed(TimeDelta::days(8));
        let mut windows: Vec<Window> = Vec::new();
        for rule in &self.checked.rules {
            for conditions in [Some(&rule.conditions), rule.unless.as_deref()].into_iter().flatten()
            {
                windows.extend(conditions.time.as_ref().map(|window| window.value));
            }
        }
        let mut instants: Vec<_> = windows.iter().flat_map(|it| changes(it, now)).collect();
        instants.extend(facts.approval.and_then(|approval| approval.until));
        instants.extend(facts.grant.and_then(|grant| grant.until));
        instants.sort_unstable();
        instants.dedup();
        instants
            .into_iter()
            .filter(|at| now < *at && last.is_none_or(|last| *at <= last))
            .find(|at| self.decide(request, facts, *at).verdict != current)
    }

    /// Explains as [`Policy::explain`](crate::Policy::explain) does.
    #[must_use]
    pub fn explain(
        &self,
        request: &Request<'_>,
        facts: &Facts,
        now: DateTime<Utc>,
    ) -> Explanation<'p> {
        let mut steps = Vec::new();
        for (index, rule) in self.checked.rules.iter().enumerate() {
            let outcome = match first_unmet(&rule.conditions, request, now) {
                Some(kind) => StepOutcome::Unmet(Unmet::new(kind, &rule.conditions, request, now)),
                None if matches(rule, request, now) => StepOutcome::Matched,
                None => StepOutcome::Excluded,
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

/// The instants within the next eight days, and shortly before and after, at which
/// a window can open or close: whenever the zone's wall clock shows midnight or one
/// of the hours of the window, with any offset that the zone has in that time, and
/// whenever that offset changes.
fn changes(window: &Window, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    const HOUR: i64 = 3_600;
    let at = |seconds| DateTime::from_timestamp(seconds, 0);
    let offset =
        |seconds| at(seconds).map(|at| window.zone.offset_from_utc_datetime(&at.naive_utc()).fix());
    let begin = now.timestamp() - 2 * 86_400;
    let mut instants = Vec::new();
    let mut offsets = vec![offset(begin)];
    for hour in 1..=11 * 24 {
        let (from, to) = (begin + (hour - 1) * HOUR, begin + hour * HOUR);
        if offset(from) != offset(to) {
            offsets.push(offset(to));
            instants.extend((from..=to).find(|second| offset(*second) == offset(to)));
        }
    }
    let hours: [i64; 3] = window.hours.map_or([0; 3], |it| [0, it.start().into(), it.end().into()]);
    for offset in offsets.into_iter().flatten() {
        for day in 0..=11 {
            let midnight = (begin + day * 86_400).div_euclid(86_400) * 86_400;
            for minutes in hours {
                instants.push(midnight + minutes * 60 - i64::from(offset.local_minus_utc()));
            }
        }
    }
    instants.into_iter().filter_map(at).collect()
}

fn matches(rule: &Rule, request: &Request<'_>, now: DateTime<Utc>) -> bool {
    first_unmet(&rule.conditions, request, now).is_none()
        && rule.unless.as_ref().is_none_or(|it| first_unmet(it, request, now).is_some())
}

/// The first condition that does not hold. A condition that the rule does not have
/// holds.
fn first_unmet(
    conditions: &Conditions,
    request: &Request<'_>,
    now: DateTime<Utc>,
) -> Option<ConditionKind> {
    ConditionKind::ALL
        .into_iter()
        .find(|kind| !holds(*kind, conditions, request, now).unwrap_or(true))
}

/// Whether a condition holds. `None` if the rule does not have it.
fn holds(
    kind: ConditionKind,
    conditions: &Conditions,
    request: &Request<'_>,
    now: DateTime<Utc>,
) -> Option<bool> {
    let principal = &request.principal;
    Some(match kind {
        ConditionKind::Profiles => {
            any(conditions.profiles.as_ref()?, |it| it.matches(request.profile))
        }
        ConditionKind::Users => any(conditions.users.as_ref()?, |it| is_user(it, principal)),
        ConditionKind::Principals => {
            let patterns = conditions.principals.as_ref()?;
            principal.arn.is_some_and(|arn| any(patterns, |it| it.matches(arn)))
        }
        ConditionKind::Accounts => {
            let accounts = conditions.accounts.as_ref()?;
            principal.account.is_some_and(|account| any(accounts, |it| it == account))
        }
        ConditionKind::Organizations => {
            let organizations = conditions.organizations.as_ref()?;
            principal.organization.is_some_and(|mine| any(organizations, |it| it == mine))
        }
        ConditionKind::SourceIp => {
            let networks = conditions.source_ip.as_ref()?;
            request.source_ip.is_some_and(|address| any(networks, |it| it.contains(address)))
        }
        ConditionKind::SourceVpc => {
            let ids = conditions.source_vpc.as_ref()?;
            request.source_vpc.is_some_and(|mine| any(ids, |it| it == mine))
        }
        ConditionKind::SourceVpce => {
            let ids = conditions.source_vpce.as_ref()?;
            request.source_vpce.is_some_and(|mine| any(ids, |it| it == mine))
        }
        ConditionKind::Mode => {
            let modes = conditions.mode.as_ref()?.value;
            request.mode.is_some_and(|mode| modes.contains(mode))
        }
        ConditionKind::Time => conditions.time.as_ref()?.value.contains(now),
        ConditionKind::Device => conditions.device.as_ref()?.value.matches(&request.device),
    })
}

fn is_user(entry: &UserEntry, principal: &Principal<'_>) -> bool {
    match entry {
        UserEntry::Name(name) => name.matches(principal.user),
        UserEntry::Principal(pattern) => principal.arn.is_some_and(|arn| pattern.matches(arn)),
        UserEntry::Group(group) => group.members().any(|member| is_user(member, principal)),
    }
}

fn any<T>(list: &AnyOf<T>, meets: impl Fn(&T) -> bool) -> bool {
    list.iter().any(|entry| meets(&entry.value))
}
