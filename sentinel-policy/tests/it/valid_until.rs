//! The time until which a decision is valid: expected times computed by hand, and a
//! comparison with a decision at every minute.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use sentinel_policy::{
    ActiveGrant, Approval, CheckedPolicy, Facts, Limits, Mode, Policy, Principal, Request, Verdict,
};

use crate::generated::check;
use crate::strategies::{policy, question};

fn compile(rules: &str) -> Policy {
    let text = format!("version: \"1\"\nrules:\n{rules}");
    CheckedPolicy::parse(text.as_bytes(), &Limits::default()).unwrap().compile()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// For a request of alice for `production` with an approval until `approved`.
fn valid_until(policy: &Policy, now: &str, approved: Option<&str>) -> Option<String> {
    let request = Request::new(Principal::new("alice"), "production");
    let approval = approved.map(|until| Approval::new().with_until(at(until)));
    let until = policy.valid_until(&request, &Facts::default().with_approval(approval), at(now));
    until.map(|until| until.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

const OFFICE: &str = "  - { name: office, effect: allow, conditions: { time: { days: [monday, \
     tuesday, wednesday, thursday, friday], hours: { start: \"09:00\", end: \"17:00\" }, \
     timezone: Europe/Berlin } } }\n";

#[test]
fn a_rule_without_time_has_no_end() {
    let policy = compile("  - { name: all, effect: allow }\n");
    assert_eq!(valid_until(&policy, "2026-03-18T12:00:00Z", None), None);
}

#[test]
fn an_allow_ends_when_its_window_closes() {
    let policy = compile(OFFICE);
    let ends = valid_until(&policy, "2026-03-18T11:00:00Z", None);
    assert_eq!(ends.as_deref(), Some("2026-03-18T16:00:00Z"));
}

#[test]
fn a_deny_ends_when_a_window_opens_also_over_a_weekend() {
    let policy = compile(OFFICE);
    // Friday evening; on Sunday the clocks go forward.
    let ends = valid_until(&policy, "2026-03-27T18:00:00Z", None);
    assert_eq!(ends.as_deref(), Some("2026-03-30T07:00:00Z"));
}

#[test]
fn another_rule_with_the_same_effect_does_not_end_it() {
    let rest = "  - { name: rest, effect: allow, conditions: { users: [alice] } }\n";
    let policy = compile(&format!("{OFFICE}{rest}"));
    assert_eq!(valid_until(&policy, "2026-03-18T11:00:00Z", None), None);
}

#[test]
fn a_deny_before_it_ends_an_allow_when_its_window_opens() {
    let freeze = "  - { name: freeze, effect: deny, conditions: { time: { days: [thursday] } } }\n";
    let policy = compile(&format!("{freeze}  - {{ name: all, effect: allow }}\n"));
    let ends = valid_until(&policy, "2026-03-18T11:00:00Z", None);
    assert_eq!(ends.as_deref(), Some("2026-03-19T00:00:00Z"));
    // A deny for another caller does not end it.
    let freeze = freeze.replace("time:", "users: [bob], time:");
    let policy = compile(&format!("{freeze}  - {{ name: all, effect: allow }}\n"));
    assert_eq!(valid_until(&policy, "2026-03-18T11:00:00Z", None), None);
}

#[test]
fn an_exception_ends_an_allow_when_its_window_opens() {
    let policy = compile(
        "  - { name: all, effect: allow, unless: { users: [alice], \
         time: { hours: { start: \"12:00\", end: \"13:00\" } } } }\n",
    );
    let ends = valid_until(&policy, "2026-03-18T11:00:00Z", None);
    assert_eq!(ends.as_deref(), Some("2026-03-18T12:00:00Z"));
    let ends = valid_until(&policy, "2026-03-18T12:00:00Z", None);
    assert_eq!(ends.as_deref(), Some("2026-03-18T13:00:00Z"));
}

#[test]
fn an_approved_request_ends_with_the_approval_or_the_window_whichever_is_first() {
    let policy = compile(&OFFICE.replace("effect: allow", "effect: require_approval"));
    let now = "2026-03-18T11:00:00Z";
    let ends = valid_until(&policy, now, Some("2026-03-18T11:30:00.250Z"));
    assert_eq!(ends.as_deref(), Some("2026-03-18T11:30:00.250Z"));
    let ends = valid_until(&policy, now, Some("2026-03-18T23:00:00Z"));
    assert_eq!(ends.as_deref(), Some("2026-03-18T16:00:00Z"));
    // An approval that has ended has no further effect.
    let ends = valid_until(&policy, now, Some("2026-03-18T11:00:00Z"));
    assert_eq!(ends.as_deref(), Some("2026-03-18T16:00:00Z"));
}

#[test]
fn an_allow_by_a_grant_ends_with_the_grant_unless_an_approval_or_a_window_continues_it() {
    let policy = compile(
        &(OFFICE.replace("effect: allow", "effect: require_approval")
            + "  - { name: rest, effect: deny, conditions: { users: [alice] } }\n"),
    );
    let request = Request::new(Principal::new("alice"), "production");
    let until = |overrides_deny, approved: Option<&str>| {
        let grant = ActiveGrant::new()
            .with_until(at("2026-03-18T18:00:00Z"))
            .with_overrides_deny(overrides_deny);
        let approval = approved.map(|until| Approval::new().with_until(at(until)));
        let facts = Facts::default().with_grant(grant).with_approval(approval);
        policy.valid_until(&request, &facts, at("2026-03-18T11:00:00Z"))
    };
    // The window closes at 16:00. A deny that the grant overrides begins.
    assert_eq!(until(false, None), Some(at("2026-03-18T16:00:00Z")));
    assert_eq!(until(true, None), Some(at("2026-03-18T18:00:00Z")));
    // An approval that ends before the grant or after it does not change that.
    assert_eq!(until(true, Some("2026-03-18T12:00:00Z")), Some(at("2026-03-18T18:00:00Z")));
    assert_eq!(until(true, Some("2026-03-20T12:00:00Z")), Some(at("2026-03-18T18:00:00Z")));
    // If no rule matches, a grant ends at its own end.
    let policy = compile("  - { name: other, effect: allow, conditions: { users: [bob] } }\n");
    let grant = ActiveGrant::new().with_until(at("2026-03-18T18:00:00Z"));
    let facts = Facts::default().with_grant(grant.with_overrides_deny(true));
    let now = at("2026-03-18T11:00:00Z");
    assert_eq!(policy.valid_until(&request, &facts, now), grant.until);
    let facts = Facts::default().with_grant(grant);
    assert_eq!(policy.valid_until(&request, &facts, now), None);
}

#[test]
fn a_rule_whose_effect_is_a_deny_ends_like_a_deny() {
    // Neither mode: both rules result in a deny, whichever matches.
    let policy = compile(
        &(OFFICE.replace("effect: allow", "effect: require_server")
            + "  - { name: rest, effect: deny }\n"),
    );
    let now = "2026-03-18T11:00:00Z";
    assert_eq!(valid_until(&policy, now, None), None);
    let mut request = Request::new(Principal::new("alice"), "production");
    request.mode = Some(Mode::Server);
    let until = policy.valid_until(&request, &Facts::default(), at(now));
    assert_eq!(until, Some(at("2026-03-18T16:00:00Z")));
}

#[test]
fn only_eight_days_are_searched() {
    let policy = compile("  - { name: all, effect: require_approval }\n");
    let now = "2026-03-18T11:00:00Z";
    let ends = valid_until(&policy, now, Some("2026-03-26T11:00:00Z"));
    assert_eq!(ends.as_deref(), Some("2026-03-26T11:00:00Z"));
    assert_eq!(valid_until(&policy, now, Some("2026-03-26T11:00:00.000000001Z")), None);
}

/// A different rule matches every minute, but the effect stays the same, so that
/// all of the eight days must be searched.
#[test]
fn four_thousand_adjacent_windows_have_no_end_between_them() {
    let mut rules = String::new();
    for zone in ["Europe/Berlin", "Asia/Kathmandu", "UTC"] {
        for minute in 0..1_440 {
            let clock = |minute: u32| format!("\"{:02}:{:02}\"", minute / 60, minute % 60);
            let (start, end) = (clock(minute), clock(minute + 1));
            let name = format!("\"{zone} {minute}\"");
            let time = format!("{{ hours: {{ start: {start}, end: {end} }}, timezone: {zone} }}");
            rules +=
                &format!("  - {{ name: {name}, effect: allow, conditions: {{ time: {time} }} }}\n");
        }
    }
    let policy = compile(&rules);
    let begin = std::time::Instant::now();
    assert_eq!(valid_until(&policy, "2026-03-25T12:00:00Z", None), None);
    // It takes about 100 ms without optimization. If the time were proportional to the
    // product of rules and windows, it would take minutes.
    assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{:?}", begin.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Minute by minute, the effect stays the same until that instant and is different
    /// at it. (If offsets are whole minutes, and facts end at whole minutes, nothing
    /// changes within one.)
    #[test]
    fn the_effect_changes_at_valid_until_and_not_before(
        text in policy(1..=7, 0..=0),
        question in question(),
    ) {
        let policy = check(&text).compile();
        let minute = |at: DateTime<Utc>| {
            DateTime::from_timestamp(at.timestamp().div_euclid(60) * 60, 0).unwrap()
        };
        let (request, mut facts, now) = (question.request(), question.facts, minute(question.now));
        prop_assume!(now > at("1972-02-01T00:00:00Z"));
        if let Some(Approval { until: Some(until), .. }) = &mut facts.approval {
            *until = minute(*until);
        }
        if let Some(ActiveGrant { until: Some(until), .. }) = &mut facts.grant {
            *until = minute(*until);
        }
        let verdict = policy.decide(&request, &facts, now).verdict;
        let last = now + TimeDelta::days(8);
        let mut found = None;
        let mut next = now + TimeDelta::minutes(1);
        while next <= last && found.is_none() {
            if policy.decide(&request, &facts, next).verdict != verdict {
                found = Some(next);
            }
            next += TimeDelta::minutes(1);
        }
        prop_assert_eq!(policy.valid_until(&request, &facts, now), found);
    }
    /// A refusal names this instant as the time at which a window opens: one nanosecond earlier, the
    /// request is still denied, and at it, it is not.
    #[test]
    fn a_denied_request_is_denied_until_just_before_the_opening(
        text in policy(1..=7, 0..=0),
        question in question(),
    ) {
        let policy = check(&text).compile();
        let (request, now) = (question.request(), question.now);
        let verdict = |at| policy.decide(&request, &question.facts, at).verdict;
        prop_assume!(verdict(now) == Verdict::Deny);
        if let Some(opens) = policy.valid_until(&request, &question.facts, now) {
            prop_assert!(now < opens && opens <= now + TimeDelta::days(8));
            prop_assert_eq!(verdict(opens - TimeDelta::nanoseconds(1)), Verdict::Deny);
            prop_assert_ne!(verdict(opens), Verdict::Deny);
        }
    }
}
