//! Windows of time on the wall clock: days, midnight, and clocks that change.

use chrono::{DateTime, Utc};
use sentinel_policy::{
    CheckedPolicy, Day, DaySet, Facts, Limits, Mode, ModeSet, Policy, Principal, Request, Verdict,
};

/// A policy that allows while `time` is open.
fn while_open(time: &str) -> Policy {
    let text = format!(
        "version: \"1\"\nrules:\n  - {{ name: r, effect: allow, conditions: {{ time: {time} }} }}\n"
    );
    CheckedPolicy::parse(text.as_bytes(), &Limits::default()).unwrap().compile()
}

/// Asserts whether the window is open at each instant.
fn expect(time: &str, instants: &[(&str, bool)]) {
    let policy = while_open(time);
    for (at, open) in instants {
        let now: DateTime<Utc> = at.parse().unwrap();
        let request = Request::new(Principal::new("alice"), "production");
        let verdict = policy.decide(&request, &Facts::default(), now).verdict;
        assert_eq!(verdict == Verdict::Allow, *open, "{time} at {at}");
    }
}

#[test]
fn hours_begin_at_their_start_and_end_before_their_end() {
    expect(
        "{ hours: { start: \"09:00\", end: \"17:00\" } }",
        &[
            ("2026-03-18T08:59:59.999Z", false),
            ("2026-03-18T09:00:00Z", true),
            ("2026-03-18T16:59:59.999Z", true),
            ("2026-03-18T17:00:00Z", false),
        ],
    );
}

#[test]
fn midnight_is_a_legal_end() {
    expect(
        "{ days: [wednesday], hours: { start: \"22:00\", end: \"24:00\" } }",
        &[
            ("2026-03-18T23:59:59Z", true),
            ("2026-03-19T00:00:00Z", false),
            ("2026-03-17T23:00:00Z", false),
        ],
    );
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_starts() {
    expect(
        "{ days: [friday], hours: { start: \"22:00\", end: \"06:00\" }, timezone: Europe/Berlin }",
        &[
            // Berlin is an hour ahead. Friday is the 20th of March.
            ("2026-03-20T04:30:00Z", false), // Friday morning: Thursday's night
            ("2026-03-20T20:59:00Z", false),
            ("2026-03-20T21:00:00Z", true),
            ("2026-03-21T04:59:00Z", true), // Saturday morning: Friday's night
            ("2026-03-21T05:00:00Z", false),
            ("2026-03-21T21:30:00Z", false), // Saturday night
        ],
    );
}

#[test]
fn days_are_those_of_the_zone() {
    expect(
        "{ days: [monday], timezone: Pacific/Auckland }",
        &[
            ("2026-06-14T11:59:59Z", false), // Sunday, 23:59:59 there
            ("2026-06-14T12:00:00Z", true),
            ("2026-06-15T11:59:59Z", true),
            ("2026-06-15T12:00:00Z", false),
        ],
    );
}

#[test]
fn a_skipped_hour_does_not_exist() {
    // Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC.
    expect(
        "{ hours: { start: \"02:15\", end: \"02:45\" }, timezone: Europe/Berlin }",
        &[
            ("2026-03-28T01:30:00Z", true),
            ("2026-03-29T00:59:59Z", false), // 01:59:59
            ("2026-03-29T01:00:00Z", false), // 03:00:00
            ("2026-03-29T01:30:00Z", false), // 03:30:00
            ("2026-03-30T00:30:00Z", true),
        ],
    );
    // A window whose start is in the skipped hour begins after it.
    expect(
        "{ hours: { start: \"02:30\", end: \"04:00\" }, timezone: Europe/Berlin }",
        &[
            ("2026-03-29T00:59:59Z", false),
            ("2026-03-29T01:00:00Z", true),
            ("2026-03-29T02:00:00Z", false),
        ],
    );
}

#[test]
fn a_repeated_hour_counts_twice() {
    // Berlin, 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC.
    expect(
        "{ hours: { start: \"02:15\", end: \"02:45\" }, timezone: Europe/Berlin }",
        &[
            ("2026-10-25T00:14:59Z", false),
            ("2026-10-25T00:15:00Z", true),
            ("2026-10-25T00:45:00Z", false),
            ("2026-10-25T01:15:00Z", true),
            ("2026-10-25T01:45:00Z", false),
        ],
    );
}

#[test]
fn a_zone_may_change_by_half_an_hour() {
    // Lord Howe, 4 October 2026: 02:00 becomes 02:30 at 15:30 UTC the day before.
    expect(
        "{ hours: { start: \"02:00\", end: \"03:00\" }, timezone: Australia/Lord_Howe }",
        &[
            ("2026-10-03T15:29:59Z", false),
            ("2026-10-03T15:30:00Z", true),
            ("2026-10-03T15:59:59Z", true),
            ("2026-10-03T16:00:00Z", false),
        ],
    );
}

#[test]
fn offsets_of_minutes_and_of_seconds_are_applied() {
    expect(
        "{ hours: { start: \"12:00\", end: \"12:01\" }, timezone: Asia/Kathmandu }",
        &[("2026-06-15T06:14:59Z", false), ("2026-06-15T06:15:00Z", true)],
    );
    // Until 1893 Berlin was 53 minutes and 28 seconds ahead.
    expect(
        "{ hours: { start: \"12:00\", end: \"12:01\" }, timezone: Europe/Berlin }",
        &[("1890-06-15T11:06:31Z", false), ("1890-06-15T11:06:32Z", true)],
    );
}

#[test]
fn a_day_that_a_zone_skips_does_not_exist() {
    // Apia went from Thursday, 29 December 2011 to Saturday the 31st.
    expect(
        "{ days: [friday], timezone: Pacific/Apia }",
        &[
            ("2011-12-30T09:59:59Z", false),
            ("2011-12-30T10:00:00Z", false),
            ("2012-01-05T10:00:00Z", true), // Friday, 6 January
        ],
    );
}

#[test]
fn every_representable_instant_can_be_evaluated() {
    let policy =
        while_open("{ hours: { start: \"22:00\", end: \"06:00\" }, timezone: Europe/Berlin }");
    let request = Request::new(Principal::new("alice"), "production");
    for now in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        let facts = Facts::default();
        let decision = policy.decide(&request, &facts, now);
        let until = policy.valid_until(&request, &facts, now);
        assert!(until.is_none_or(|until| until > now), "{decision:?} {until:?}");
        let explanation = policy.explain(&request, &facts, now);
        assert_eq!(explanation.decision, decision);
    }
}

/// West of Greenwich, the day of UTC can be two days after the one on which such a window opened.
#[test]
fn a_window_of_almost_a_day_is_open_until_its_end_on_the_next_day() {
    let policy = while_open(
        "{ days: [sunday], hours: { start: \"20:00\", end: \"19:00\" }, timezone: Etc/GMT+12 }",
    );
    let request = Request::new(Principal::new("alice"), "production");
    // Monday, 18:00 there.
    let now: DateTime<Utc> = "2026-03-17T06:00:00Z".parse().unwrap();
    let facts = Facts::default();
    assert_eq!(policy.decide(&request, &facts, now).verdict, Verdict::Allow);
    let closes: DateTime<Utc> = "2026-03-17T07:00:00Z".parse().unwrap();
    assert_eq!(policy.valid_until(&request, &facts, now), Some(closes));
}

/// East of Greenwich, a day begins before that of UTC, also the day on which clocks change.
#[test]
fn a_window_before_a_change_of_the_clocks_opens_on_that_day() {
    let policy = while_open(
        "{ days: [sunday], hours: { start: \"00:30\", end: \"01:30\" }, timezone: Pacific/Auckland }",
    );
    let request = Request::new(Principal::new("alice"), "production");
    // Auckland, 5 April 2026: 03:00 becomes 02:00 at 14:00 UTC the day before.
    let now: DateTime<Utc> = "2026-04-04T00:00:00Z".parse().unwrap();
    let opens: DateTime<Utc> = "2026-04-04T11:30:00Z".parse().unwrap();
    assert_eq!(policy.valid_until(&request, &Facts::default(), now), Some(opens));
}

#[test]
fn a_set_contains_what_is_named_twice() {
    let days: DaySet = [Day::Monday, Day::Friday, Day::Monday].into_iter().collect();
    let contained = Day::ALL.into_iter().filter(|day| days.contains(*day));
    assert_eq!(contained.collect::<Vec<_>>(), [Day::Monday, Day::Friday]);
    let modes: ModeSet = [Mode::Cli, Mode::Server, Mode::Cli].into_iter().collect();
    assert_eq!(modes.iter().collect::<Vec<_>>(), [Mode::Server, Mode::Cli]);
}
