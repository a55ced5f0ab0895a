//! A decision does not allocate, for every policy and request.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use proptest::collection::vec;
use proptest::prelude::*;
use sentinel_policy::{CheckedPolicy, Facts, Limits, Policy, Principal, Request};

use crate::generated::check;
use crate::strategies::{crowded_policy, policy, question};

/// The number of allocations of a decision.
fn allocations(policy: &Policy, request: &Request<'_>, facts: &Facts, now: DateTime<Utc>) -> u64 {
    allocation_counter::measure(|| {
        std::hint::black_box(policy.decide(request, facts, now));
    })
    .count_total
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| {
        std::hint::black_box(vec![0_u8; 100]);
    });
    assert_eq!(counted.count_total, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn deciding_allocates_nothing(text in policy(1..=11, 0..=7), questions in vec(question(), 8)) {
        let policy = check(&text).compile();
        for question in questions {
            prop_assert_eq!(allocations(&policy, &question.request(), &question.facts, question.now), 0);
        }
    }

    #[test]
    fn deciding_allocates_nothing_if_rules_are_excluded(
        text in crowded_policy(),
        questions in vec(question(), 8),
    ) {
        let policy = check(&text).compile();
        for question in questions {
            prop_assert_eq!(allocations(&policy, &question.request(), &question.facts, question.now), 0);
        }
    }
}

/// If every rule has a separate pattern and a separate window, a decision evaluates
/// all of them, and stores more results than fit into the small memory.
#[test]
fn deciding_allocates_nothing_with_a_thousand_compiled_conditions() {
    let mut text = String::from("version: \"1\"\nrules:\n");
    for i in 0..1_500 {
        let _ = writeln!(
            text,
            "  - {{ name: r{i}, effect: allow, conditions: {{ users: [\"*-{i}\"] }} }}"
        );
    }
    let policy = CheckedPolicy::parse(text.as_bytes(), &Limits::default()).unwrap().compile();
    let request = Request::new(Principal::new("user-1499"), "production");
    let now = DateTime::<Utc>::UNIX_EPOCH;
    let decision = policy.decide(&request, &Facts::default(), now);
    assert_eq!(decision.rule.map(|rule| rule.index), Some(1_499));
    assert_eq!(allocations(&policy, &request, &Facts::default(), now), 0);
}
