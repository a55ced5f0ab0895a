#![doc = include_str!("../README.md")]

use std::fmt::Write as _;

use chrono::{DateTime, TimeZone, Utc};
use sentinel_policy::{CheckedPolicy, Facts, Limits, Mode, Policy, Principal, Request};

/// Number of rules of each measured policy.
pub const SIZES: [usize; 3] = [10, 1_000, 10_000];

/// A policy in which rule `i` allows two users one profile: `user-i` and `user-(i+1)` get
/// `profile-i`. Every fourth rule applies only in office hours.
#[must_use]
pub fn document(rules: usize) -> String {
    let mut text = String::from("version: \"1\"\nrules:\n");
    for i in 0..rules {
        let time = if i % 4 == 3 {
            ", time: { days: [monday, tuesday, wednesday, thursday, friday], \
             hours: { start: \"09:00\", end: \"17:00\" }, timezone: Europe/Berlin }"
        } else {
            ""
        };
        let next = i + 1;
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "  - {{ name: rule-{i}, effect: allow, conditions: {{ profiles: [profile-{i}], \
             users: [user-{i}, user-{next}]{time} }} }}"
        );
    }
    text
}

/// The same policy, checked.
///
/// # Panics
/// Never for the documents made here.
#[must_use]
#[expect(clippy::expect_used, reason = "a measurement of an invalid document has no meaning")]
pub fn checked(rules: usize) -> CheckedPolicy {
    let limits = Limits::default().with_max_bytes(1 << 24);
    CheckedPolicy::parse(document(rules).as_bytes(), &limits)
        .expect("the generated document is valid")
}

/// The same policy, compiled.
#[must_use]
pub fn policy(rules: usize) -> Policy {
    checked(rules).compile()
}

/// A user and the requested profile.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name in results.
    pub name: &'static str,
    /// The user.
    pub user: String,
    /// The profile.
    pub profile: String,
}

impl Question {
    /// The request for this question.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request::new(Principal::new(&self.user), &self.profile).with_mode(Mode::Server)
    }
}

/// The questions for a policy with this number of rules: the first rule, one in the middle, the
/// last, one in office hours, and one that no rule matches.
#[must_use]
pub fn questions(rules: usize) -> Vec<Question> {
    let middle = rules / 8 * 4;
    [
        ("first", 0, 0),
        ("middle", middle, middle + 1),
        ("last", rules - 2, rules - 1),
        ("window", middle + 3, middle + 3),
        ("no match", rules + 7, middle),
    ]
    .into_iter()
    .map(|(name, profile, user)| Question {
        name,
        user: format!("user-{user}"),
        profile: format!("profile-{profile}"),
    })
    .collect()
}

/// The time of the questions: a Wednesday, noon in Berlin.
#[must_use]
pub fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 18, 11, 0, 0).single().unwrap_or_default()
}

/// The facts of the questions: none.
#[must_use]
pub fn facts() -> Facts {
    Facts::default()
}
