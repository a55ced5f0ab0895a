//! Why a decision is what it is: for each rule that was looked at, in order, the
//! first condition that did not hold and what it saw.

use std::fmt;

use chrono::{DateTime, Datelike, Timelike, Utc};

use crate::condition::AnyOf;
use crate::evaluate::{Judge, Time};
use crate::index::Unsure;
use crate::judged::Every;
use crate::policy::Policy;
use crate::{
    ConditionKind, Conditions, Day, Decision, DeviceFacts, DeviceRequirements, Facts, Mode,
    OsVersion, Request, Window,
};

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
            ConditionKind::Device => asked
                .device
                .as_ref()
                .and_then(|asked| first_unmet_fact(&asked.value, &request.device))
                .unwrap_or(("device", None)),
        };
        Self { condition, attribute, saw, asked }
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
            ConditionKind::Device => {
                let device = asked.device.as_ref();
                device.map_or_else(Vec::new, |asked| fact_wanted(&asked.value, self.attribute))
            }
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

/// The first fact of a device, in the order of [`DeviceRequirements`], that is
/// not as asked, and what it is.
fn first_unmet_fact(
    asked: &DeviceRequirements,
    facts: &DeviceFacts<'_>,
) -> Option<(&'static str, Option<String>)> {
    let only = DeviceRequirements::default;
    let yes_or_no = |fact: Option<bool>| fact.map(|fact| fact.to_string());
    [
        (
            DeviceRequirements { require_mdm: asked.require_mdm, ..only() },
            "mdm_enrolled",
            yes_or_no(facts.mdm_enrolled),
        ),
        (
            DeviceRequirements { require_mdm_compliant: asked.require_mdm_compliant, ..only() },
            "mdm_compliant",
            yes_or_no(facts.mdm_compliant),
        ),
        (
            DeviceRequirements { require_encryption: asked.require_encryption, ..only() },
            "disk_encrypted",
            yes_or_no(facts.disk_encrypted),
        ),
        (
            DeviceRequirements { require_firewall: asked.require_firewall, ..only() },
            "firewall_enabled",
            yes_or_no(facts.firewall_enabled),
        ),
        (
            DeviceRequirements { min_os_version: asked.min_os_version.clone(), ..only() },
            "os_version",
            facts.os_version.map(str::to_owned),
        ),
        (
            DeviceRequirements { allowed_os_types: asked.allowed_os_types.clone(), ..only() },
            "os_type",
            facts.os_type.map(str::to_owned),
        ),
    ]
    .into_iter()
    .find(|(asked, _, _)| !asked.is_met_by(facts))
    .map(|(_, attribute, saw)| (attribute, saw))
}

/// What is asked of one fact of a device.
fn fact_wanted(asked: &DeviceRequirements, attribute: &str) -> Vec<String> {
    match attribute {
        "os_version" => {
            asked.min_os_version.iter().map(OsVersion::as_str).map(str::to_owned).collect()
        }
        "os_type" => {
            let types = asked.allowed_os_types.iter().flatten();
            types.map(|os| os.as_str().to_owned()).collect()
        }
        _ => vec!["true".to_owned()],
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}` (#{}): {}", self.rule, self.index, self.outcome)
    }
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matched => f.write_str("matched"),
            Self::Unmet(unmet) => unmet.fmt(f),
            Self::Excluded => f.write_str("its conditions held, and `unless` held too"),
        }
    }
}

impl fmt::Display for Unmet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` did not hold: ", self.condition.as_str())?;
        let Some(saw) = &self.saw else {
            return write!(f, "the request has no `{}`", self.attribute);
        };
        let wanted = Wanted(self.wanted());
        match self.condition {
            ConditionKind::Profiles
            | ConditionKind::Users
            | ConditionKind::Principals
            | ConditionKind::Accounts
            | ConditionKind::Organizations
            | ConditionKind::Mode => write!(f, "`{saw}` is none of {wanted}"),
            ConditionKind::SourceIp => write!(f, "`{saw}` lies in none of {wanted}"),
            ConditionKind::Time => write!(f, "{saw} is outside {wanted}"),
            ConditionKind::Device => {
                write!(f, "`{}` is `{saw}`, and {wanted} was asked for", self.attribute)
            }
        }
    }
}

/// How many of the values that would have done are named in one line.
const NAMED: usize = 5;

struct Wanted(Vec<String>);

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, value) in self.0.iter().take(NAMED).enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}`{value}`")?;
        }
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
