//! Time windows against the clock of the zone, minute by minute.

use std::fmt::Write as _;

use arbitrary::{Result, Unstructured};
use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use sentinel_policy::{CheckedPolicy, Facts, Limits, Policy, Principal, Request, Verdict};

use crate::{generated, made};

/// Zones whose clocks change in unusual ways, or by unusual amounts.
const ZONES: &[Tz] = &[
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Kathmandu,
    Tz::Pacific__Auckland,
    Tz::Pacific__Chatham,
    Tz::Pacific__Apia,
    Tz::Africa__Casablanca,
    Tz::America__St_Johns,
    Tz::Antarctica__Troll,
    Tz::Asia__Gaza,
    Tz::Africa__Monrovia,
    Tz::America__Nuuk,
    Tz::Asia__Pyongyang,
    Tz::Europe__Dublin,
    Tz::UTC,
];

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A window as its definition states it.
#[derive(Debug)]
struct Window {
    /// One bit for each day, from Monday. 0 if the window names no days.
    days: u8,
    hours: Option<(u32, u32)>,
    zone: Tz,
}

impl Window {
    fn made(u: &mut Unstructured<'_>, zones: [Tz; 2]) -> Result<Self> {
        let zone = *u.choose(&zones)?;
        let days = u.int_in_range(0..=127)?;
        let hours = if days == 0 || u.arbitrary()? {
            // Half of them within the hours in which clocks change.
            let latest = if u.arbitrary()? { 1_439 } else { 240 };
            let (start, end) = (u.int_in_range(0..=latest)?, u.int_in_range(0..=latest + 1)?);
            Some((start, if start == end { end + 1 } else { end }))
        } else {
            None
        };
        Ok(Self { days, hours, zone })
    }

    /// As in a policy.
    fn text(&self) -> String {
        let mut parts = Vec::new();
        if self.days != 0 {
            let named = DAYS.iter().enumerate().filter(|(bit, _)| self.days & (1 << bit) != 0);
            let names: Vec<_> = named.map(|(_, name)| *name).collect();
            parts.push(format!("days: [{}]", names.join(", ")));
        }
        if let Some((start, end)) = self.hours {
            let clock = |minute: u32| format!("\"{:02}:{:02}\"", minute / 60, minute % 60);
            parts.push(format!("hours: {{ start: {}, end: {} }}", clock(start), clock(end)));
        }
        parts.push(format!("timezone: {}", self.zone));
        format!("{{ {} }}", parts.join(", "))
    }

    /// Seconds by which the clock of the zone is ahead of UTC.
    fn offset(&self, at: DateTime<Utc>) -> i32 {
        self.zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
    }

    /// Whether the window is open when the clock of the zone shows that time, in seconds as if it were UTC.
    fn is_open(&self, local: i64) -> bool {
        let local = second(local).naive_utc();
        let on = |time: NaiveDateTime| {
            self.days == 0 || self.days & (1 << time.weekday().num_days_from_monday()) != 0
        };
        let minute = local.hour() * 60 + local.minute();
        match self.hours {
            None => on(local),
            Some((start, end)) if start < end => on(local) && start <= minute && minute < end,
            // Across midnight: the window belongs to the day on which it starts.
            Some((start, end)) => {
                (on(local) && start <= minute) || (on(local - TimeDelta::days(1)) && minute < end)
            }
        }
    }
}

/// A rule that depends on the time only.
#[derive(Debug)]
struct Rule {
    allows: bool,
    conditions: Option<Window>,
    unless: Option<Window>,
}

impl Rule {
    fn made(u: &mut Unstructured<'_>, zones: [Tz; 2]) -> Result<Self> {
        let allows = u.ratio(2, 3)?;
        let conditions = if u.ratio(1, 8)? { None } else { Some(Window::made(u, zones)?) };
        let unless = if u.ratio(1, 3)? { Some(Window::made(u, zones)?) } else { None };
        Ok(Self { allows, conditions, unless })
    }

    fn windows(&self) -> impl Iterator<Item = &Window> {
        self.conditions.iter().chain(&self.unless)
    }

    /// Whether the rule matches at that second, with the next offsets of its windows.
    fn matches(&self, at: i64, offsets: &mut impl Iterator<Item = i32>) -> bool {
        let mut is_open = |window: &Option<Window>| {
            window.as_ref().map(|it| it.is_open(at + i64::from(offsets.next().unwrap())))
        };
        let (conditions, unless) = (is_open(&self.conditions), is_open(&self.unless));
        conditions != Some(false) && unless != Some(true)
    }
}

/// Up to three rules with windows under `conditions` and `unless`, at a time near a change of a clock or
/// at any other: the decision is that of the wall clocks, and `valid_until` is the first second at which
/// they result in another one, of all minutes of eight days.
pub fn window(bytes: &[u8]) {
    made(bytes, |u| {
        // Few, since most of the time is spent in their tables.
        let zones = [zone(u)?, zone(u)?];
        let rules = (0..u.int_in_range(1..=3)?).map(|_| Rule::made(u, zones));
        let rules = rules.collect::<Result<Vec<_>>>()?;
        let now = if u.ratio(2, 3)? {
            generated::instant(u)?
        } else {
            // From 1883 to 2150.
            let seconds = u.int_in_range(-2_740_000_000..=5_680_000_000_i64)?;
            DateTime::from_timestamp(seconds, u.int_in_range(0..=999_999_999)?).unwrap()
        };
        check(&rules, now);
        Ok(())
    });
}

fn zone(u: &mut Unstructured<'_>) -> Result<Tz> {
    if u.ratio(3, 4)? {
        u.choose(ZONES).copied()
    } else {
        u.choose(TZ_VARIANTS.as_slice()).copied()
    }
}

fn check(rules: &[Rule], now: DateTime<Utc>) {
    let mut text = "version: \"1\"\nrules:\n".to_owned();
    for (index, Rule { allows, conditions, unless }) in rules.iter().enumerate() {
        let _ =
            write!(text, "- {{ name: r{index}, effect: {}", if *allows { "allow" } else { "deny" });
        for (key, window) in [("conditions", conditions), ("unless", unless)] {
            if let Some(window) = window {
                let _ = write!(text, ", {key}: {{ time: {} }}", window.text());
            }
        }
        text += " }\n";
    }
    let policy: Policy = CheckedPolicy::parse(text.as_bytes(), &Limits::default())
        .unwrap_or_else(|errors| panic!("{text}\n{errors}"))
        .compile();
    let request = Request::new(Principal::new("alice"), "production");
    let decided = |at| policy.decide(&request, &Facts::default(), at).verdict == Verdict::Allow;
    let offsets = |at| -> Vec<i32> {
        rules.iter().flat_map(Rule::windows).map(|window| window.offset(second(at))).collect()
    };
    let defined = |at, offsets: &[i32]| {
        let mut offsets = offsets.iter().copied();
        // All of them read their offsets, also those after the rule that matches.
        let matching: Vec<_> = rules.iter().map(|rule| rule.matches(at, &mut offsets)).collect();
        let first = rules.iter().zip(matching).find(|(_, matches)| *matches);
        first.is_some_and(|(rule, _)| rule.allows)
    };

    // Nothing changes within a second.
    let start = now.timestamp();
    let current = defined(start, &offsets(start));
    assert_eq!(decided(now), current, "{text}at {now}");
    let last = (now + TimeDelta::days(8)).timestamp();
    let mut change = None;
    let mut hour = start;
    while hour < last && change.is_none() {
        let end = (hour + 3_600).min(last);
        let (before, after) = (offsets(hour), offsets(end));
        change = if before == after {
            // No zone changes its offset twice within an hour.
            minutes(hour, end, &before).find(|at| defined(*at, &before) != current)
        } else {
            (hour + 1..=end).find(|at| defined(*at, &offsets(*at)) != current)
        };
        if change.is_none() {
            assert_eq!(decided(second(end)), current, "{text}at {}", second(end));
        }
        hour = end;
    }
    if let Some(at) = change {
        assert_eq!(decided(second(at) - TimeDelta::nanoseconds(1)), current, "{text}before {at}");
        assert_eq!(decided(second(at)), !current, "{text}at {at}");
    }
    let until = policy.valid_until(&request, &Facts::default(), now);
    assert_eq!(until, change.map(second), "{text}after {now}");
}

/// The seconds in (from, to] at which a clock with one of these offsets shows a new minute, ascending.
fn minutes(from: i64, to: i64, offsets: &[i32]) -> impl Iterator<Item = i64> {
    let mut seconds: Vec<i64> =
        offsets.iter().map(|offset| i64::from((60 - offset.rem_euclid(60)) % 60)).collect();
    seconds.sort_unstable();
    seconds.dedup();
    let first = from.div_euclid(60) * 60;
    let starts = (first..=to).step_by(60);
    starts
        .flat_map(move |minute| seconds.clone().into_iter().map(move |it| minute + it))
        .filter(move |at| from < *at && *at <= to)
}

fn second(timestamp: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(timestamp, 0).unwrap()
}
