//! Whether people satisfy the steps of an approvals rule, whether a ticket is accepted, and
//! whether a request is approved automatically.

use chrono::{DateTime, Utc};
use proptest::collection::vec;
use proptest::prelude::*;
use sentinel_policy::{ApprovalRule, CheckedPolicy, Limits, Principal};

fn rule(text: &str) -> ApprovalRule {
    let text = format!(
        "version: \"1\"\nrules: [{{ name: ask, effect: require_approval }}]\n\
         approvals: [{{ name: it, profiles: [production], {text} }}]\n"
    );
    let checked = CheckedPolicy::parse(text.as_bytes(), &Limits::default());
    checked.unwrap_or_else(|errors| panic!("{text}\n{errors:?}")).approvals()[0].clone()
}

fn people<'a>(names: &[&'a str]) -> Vec<Principal<'a>> {
    names.iter().map(|name| Principal::new(name)).collect()
}

#[test]
fn a_list_of_users_is_one_step() {
    let rule = rule("approvers: [alice, bob, carol], approvals: 2");
    for (approved, missing) in [
        (&[][..], 2),
        (&["alice"], 1),
        (&["mallory"], 2),
        (&["alice", "mallory"], 1),
        (&["alice", "carol"], 0),
        (&["alice", "bob", "carol"], 0),
    ] {
        assert_eq!(rule.missing(&people(approved)), missing, "{approved:?}");
        assert_eq!(rule.satisfied_by(&people(approved)), missing == 0, "{approved:?}");
    }
}

#[test]
fn one_person_counts_for_one_step_only() {
    let rule = rule(
        "approvers: [{ approvers: [alice, bob] }, { approvers: [alice] }, { approvers: [alice, carol] }]",
    );
    assert_eq!(rule.missing(&people(&["alice"])), 2);
    // In either order, alice takes the place that no other person can take.
    for approved in
        [["alice", "bob", "carol"], ["carol", "bob", "alice"], ["bob", "alice", "carol"]]
    {
        assert!(rule.satisfied_by(&people(&approved)), "{approved:?}");
    }
    assert_eq!(rule.missing(&people(&["bob", "carol", "dave"])), 1);
}

#[test]
fn only_people_that_a_step_names_are_approvers() {
    let rule = rule("approvers: [{ approvers: [alice] }, { approvers: [\"*@corp.com\"] }]");
    for (user, expected) in
        [("alice", true), ("x@corp.com", true), ("AnyRole/x@corp.com", false), ("bob", false)]
    {
        assert_eq!(rule.names_approver(&Principal::new(user)), expected, "{user}");
    }
    assert!(rule.steps[0].names_approver(&Principal::new("alice")));
    assert!(!rule.steps[1].names_approver(&Principal::new("alice")));
}

#[test]
fn very_many_steps_and_approvals_are_counted_without_overflow() {
    let steps = ["{ approvers: [alice], approvals: 4294967295 }"; 3].join(", ");
    assert_eq!(rule(&format!("approvers: [{steps}]")).missing(&people(&["alice"])), u32::MAX - 1);
    // Each person can move to the next step only, through a path of 2,000 steps.
    let names: Vec<String> = (0..2_000).map(|number| format!("u{number}")).collect();
    let steps: Vec<String> =
        (0..2_000).map(|number| format!("{{ approvers: [u{number}, u{}] }}", number + 1)).collect();
    let rule = rule(&format!("approvers: [{}]", steps.join(", ")));
    let mut approved: Vec<Principal<'_>> =
        names.iter().skip(1).map(|name| Principal::new(name)).collect();
    assert_eq!(rule.missing(&approved), 1);
    approved.push(Principal::new("u0"));
    assert_eq!(rule.missing(&approved), 0);
}

#[test]
fn a_ticket_must_match_the_whole_pattern_of_a_rule_that_has_one() {
    let tickets = rule("approvers: [alice], ticket_pattern: \"OPS-?*\"");
    for (ticket, expected) in [
        (None, false),
        (Some(""), false),
        (Some("OPS-"), false),
        (Some("OPS-12"), true),
        (Some("see OPS-12"), false),
        (Some("ops-12"), false),
    ] {
        assert_eq!(tickets.accepts_ticket(ticket), expected, "{ticket:?}");
    }
    let any = rule("approvers: [alice], ticket_pattern: \"*\"");
    assert!(any.accepts_ticket(Some("x")) && !any.accepts_ticket(None));
    assert!(!any.accepts_ticket(Some("")));
    let none = rule("approvers: [alice]");
    assert!(none.accepts_ticket(None) && none.accepts_ticket(Some("OPS-12")));
}

#[test]
fn a_request_is_approved_automatically_only_if_every_condition_of_auto_approve_holds() {
    let monday: DateTime<Utc> = "2026-03-02T12:00:00Z".parse().unwrap();
    let tuesday: DateTime<Utc> = "2026-03-03T12:00:00Z".parse().unwrap();
    for (conditions, alice_monday, alice_tuesday, bob_monday) in [
        ("users: [alice]", true, true, false),
        ("time: { days: [monday] }", true, false, true),
        ("users: [alice], time: { days: [monday] }", true, false, false),
        ("max_duration: 30m", true, true, true),
    ] {
        let rule = rule(&format!("approvers: [carol], auto_approve: {{ {conditions} }}"));
        let auto = rule.auto_approve.as_ref().unwrap();
        let (alice, bob) = (Principal::new("alice"), Principal::new("bob"));
        assert_eq!(auto.approves(&alice, monday), alice_monday, "{conditions}");
        assert_eq!(auto.approves(&alice, tuesday), alice_tuesday, "{conditions}");
        assert_eq!(auto.approves(&bob, monday), bob_monday, "{conditions}");
    }
}

/// The largest number of places that these people can take, if every assignment of people to
/// steps is tried.
fn most_placed(steps: &mut [(Vec<usize>, u32)], people: &[usize]) -> u32 {
    let Some((person, others)) = people.split_first() else { return 0 };
    let mut most = most_placed(steps, others);
    for step in 0..steps.len() {
        if steps[step].1 > 0 && steps[step].0.contains(person) {
            steps[step].1 -= 1;
            most = most.max(1 + most_placed(steps, others));
            steps[step].1 += 1;
        }
    }
    most
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// `missing` is the number of places minus the largest number that any assignment of
    /// people to steps fills, in any order of the people.
    #[test]
    fn the_number_of_missing_approvals_is_the_least_of_all_assignments(
        steps in vec((vec(0..6_usize, 1..5), 1..3_u32), 1..5),
        people in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(),
        count in 0..7_usize,
    ) {
        let text: Vec<String> = steps
            .iter()
            .map(|(approvers, approvals)| {
                let approvers: Vec<String> = approvers.iter().map(|it| format!("u{it}")).collect();
                format!("{{ approvers: [{}], approvals: {approvals} }}", approvers.join(", "))
            })
            .collect();
        let rule = rule(&format!("approvers: [{}]", text.join(", ")));
        let people = &people[..count.min(people.len())];
        let names: Vec<String> = people.iter().map(|person| format!("u{person}")).collect();
        let approved: Vec<Principal<'_>> = names.iter().map(|it| Principal::new(it)).collect();
        let needed: u32 = steps.iter().map(|(_, approvals)| approvals).sum();
        let missing = needed - most_placed(&mut steps.clone(), people);
        prop_assert_eq!(rule.missing(&approved), missing);
        prop_assert_eq!(rule.satisfied_by(&approved), missing == 0);
    }
}
