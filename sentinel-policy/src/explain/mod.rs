//! Why a decision is what it is: for each rule that was looked at, in order, the
//! first condition that did not hold and what it saw.

mod display;
mod fact;

use chrono::{DateTime, Datelike, Timelike, Utc};

use self::fact::Fact;
use crate::condition::AnyOf;
use crate::evaluate::{Judge, Time};
use crate::index::Unsure;
use crate::judged::Every;
use crate::policy::Policy;
use crate::{ConditionKind, Conditions, Day, Decision, Facts, Mode, Request, Window};

/// A decision, and how each rule up to the one that matched came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation<'p> {
    /// The rules looked at, in order. The last one matched, unless none did.
    pub steps: Vec<Step<'p>>,
    /// The decision, as [`Policy::decide`] gives it.
    pub decision: Decision<'p>,
}

/// How one rule came out.
///
/// Its `Display` is one line: ``rule `business-hours` (#0): `users` did not
/// hold: `mallory` is none of `alice`, `bob` ``.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<'p> {
    /// The rule's name.
    pub rule: &'p str,
    /// The rule's place in the document, from 0.
    pub index: usize,
    /// How it came out.
    pub outcome: Outcome<'p>,
}

/// Whether a rule matched, and if not, why.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<'p> {
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
pub struct Unmet<'p> {
    /// Which.
    pub condition: ConditionKind,
    /// The attribute of the request that it looked at: `user`, `source_ip`,
    /// `os_version` …
    pub attribute: &'static str,
    /// What it saw there; none when the request lacks the attribute.
    pub saw: Option<String>,
    asked: &'p Conditions,
    /// Of a device.
    fact: Option<Fact>,
}

impl Policy {
    /// Decides, and says how each rule up to the one that matched came out.
    #[must_use]
    pub fn explain(
        &self,
        request: &Request<'_>,
        facts: &Facts,
        now: DateTime<Utc>,
    ) -> Explanation<'_> {
        let situation = self.situation(request, now);
        let mut memory = Every::of(self.clauses.judged.len());
        let mut judge = Judge { policy: self, situation: &situation, memory: &mut memory };
        let mut steps = Vec::new();
        for (index, (compiled, rule)) in self.rules.iter().zip(self.rules()).enumerate() {
            let Ok(unmet) = judge.unmet(&compiled.conditions, Unsure::EVERYTHING, Time::Asked);
            let excluded = match (unmet, &compiled.unless) {
                (None, Some(unless)) => {
                    let Ok(unmet) = judge.unmet(unless, Unsure::EVERYTHING, Time::Asked);
                    unmet.is_none()
                }
                (None, None) | (Some(_), _) => false,
            };
            let outcome = match unmet {
                Some(kind) => Outcome::Unmet(Unmet::new(kind, &rule.conditions, request, now)),
                None if excluded => Outcome::Excluded,
                None => Outcome::Matched,
            };
            let matched = outcome == Outcome::Matched;
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
        asked: &'p Conditions,
        request: &Request<'_>,
        now: DateTime<Utc>,
    ) -> Self {
        let caller = &request.caller;
        let device = asked.device.as_ref().filter(|_| condition == ConditionKind::Device);
        let fact = device.and_then(|asked| Fact::first_unmet(&asked.value, &request.device));
        let (attribute, saw) = match condition {
            ConditionKind::Profiles => ("profile", Some(request.profile.to_owned())),
            ConditionKind::Users => ("user", Some(caller.user.to_owned())),
            ConditionKind::Principals => ("principal", caller.principal.map(str::to_owned)),
            ConditionKind::Accounts => ("account", caller.account.map(str::to_owned)),
            ConditionKind::Organizations => {
                ("organization", caller.organization.map(str::to_owned))
            }
            ConditionKind::SourceIp => {
                ("source_ip", request.source_ip.map(|address| address.to_canonical().to_string()))
            }
            ConditionKind::Mode => ("mode", request.mode.map(|mode| mode.as_str().to_owned())),
            ConditionKind::Time => {
                ("time", asked.time.as_ref().map(|window| wall_clock(&window.value, now)))
            }
            ConditionKind::Device => {
                fact.map_or(("device", None), |fact| (fact.as_str(), fact.seen(&request.device)))
            }
        };
        Self { condition, attribute, saw, asked, fact }
    }

    /// What would have done, as it is written in the policy: one entry for each
    /// value of a list, a window as days, hours and zone.
    #[must_use]
    pub fn wanted(&self) -> Vec<String> {
        let asked = self.asked;
        match self.condition {
            ConditionKind::Profiles => each(asked.profiles.as_ref(), |it| it.as_str().to_owned()),
            ConditionKind::Users => each(asked.users.as_ref(), |it| it.as_str().to_owned()),
            ConditionKind::Principals => {
                each(asked.principals.as_ref(), |it| it.as_str().to_owned())
            }
            ConditionKind::Accounts => each(asked.accounts.as_ref(), String::clone),
            ConditionKind::Organizations => each(asked.organizations.as_ref(), String::clone),
            ConditionKind::SourceIp => each(asked.source_ip.as_ref(), ToString::to_string),
            ConditionKind::Mode => {
                let modes = asked.mode.iter().flat_map(|modes| modes.value.iter());
                modes.map(Mode::as_str).map(str::to_owned).collect()
            }
            ConditionKind::Time => {
                asked.time.iter().map(|window| window_text(&window.value)).collect()
            }
            ConditionKind::Device => match (&asked.device, self.fact) {
                (Some(device), Some(fact)) => fact.wanted(&device.value),
                (Some(_), None) | (None, _) => Vec::new(),
            },
        }
    }
}

fn each<T>(list: Option<&AnyOf<T>>, text: impl Fn(&T) -> String) -> Vec<String> {
    list.into_iter().flatten().map(|entry| text(&entry.value)).collect()
}

/// The wall clock of a window's zone: `Saturday 10:05 Europe/Berlin`.
fn wall_clock(window: &Window, now: DateTime<Utc>) -> String {
    let local = window.local(now);
    let mut day = Day::from(local.weekday()).as_str().to_owned();
    if let Some(initial) = day.get_mut(..1) {
        initial.make_ascii_uppercase();
    }
    format!("{day} {:02}:{:02} {}", local.hour(), local.minute(), window.zone)
}

/// A window in one line: `monday, friday 22:00-06:00 Europe/Berlin`.
fn window_text(window: &Window) -> String {
    let days: Vec<_> =
        Day::ALL.into_iter().filter(|day| window.days.contains(*day)).map(Day::as_str).collect();
    let days = if days.len() == Day::ALL.len() { "every day".to_owned() } else { days.join(", ") };
    let hours = window.hours.map_or_else(String::new, |hours| {
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        format!(" {}-{}", clock(hours.start()), clock(hours.end()))
    });
    format!("{days}{hours} {}", window.zone)
}
