//! The parts of a policy other than decisions: profiles, approvals, break-glass and
//! operators.

use std::time::Duration;

use chrono::DateTime;
use sentinel_policy::{
    CheckedPolicy, Facts, Limits, Operation, Policy, Principal, ReasonCode, Request,
};

fn policy() -> Policy {
    let text = r#"
version: "1"
groups:
  oncall: [carol, "*@corp.com"]
profiles:
  production: { max_duration: 1h }
  unused: {}
rules:
  - { name: a, effect: allow, conditions: { profiles: [staging, "dev-*", staging] } }
  - { name: b, effect: require_approval, conditions: { profiles: [zeta] }, unless: { profiles: [excepted] } }
  - { name: c, effect: deny, conditions: { profiles: [forbidden] } }
approvals:
  - { name: leads, profiles: ["prod*"], approvers: [alice] }
  - { name: rest, profiles: ["*"], approvers: [bob] }
break_glass:
  - { name: incident, profiles: [production], users: ["group:oncall"], reason_codes: [incident] }
  - { name: any, profiles: [production], users: [carol], reason_codes: [incident, other] }
operators:
  - { name: security, users: ["group:oncall"], may: [list_sessions, revoke, review_break_glass] }
"#;
    CheckedPolicy::parse(text.as_bytes(), &Limits::default()).unwrap().compile()
}

#[test]
fn a_policy_governs_its_profiles_and_those_that_its_rules_grant_by_name() {
    let policy = policy();
    let governed: Vec<_> = policy.governs().collect();
    assert_eq!(governed, ["production", "staging", "unused", "zeta"]);
    assert!(policy.names_profile("zeta"));
    for other in ["dev-*", "dev-1", "forbidden", "excepted"] {
        assert!(!policy.names_profile(other), "{other}");
    }
}

#[test]
fn profiles_and_rules_can_be_read() {
    let policy = policy();
    assert_eq!(policy.rule_count(), 3);
    assert_eq!(policy.rules()[2].name.value, "c");
    assert_eq!(policy.checked().approvals().len(), 2);
    let production = policy.profile("production").unwrap();
    assert_eq!(production.max_duration, Some(Duration::from_secs(3600)));
    assert!(policy.profile("staging").is_none());
}

#[test]
fn the_first_approvals_rule_that_names_a_profile_governs_it() {
    let policy = policy();
    assert_eq!(policy.approval_rule("production").unwrap().name.value, "leads");
    assert_eq!(policy.approval_rule("staging").unwrap().name.value, "rest");
}

#[test]
fn the_first_break_glass_rule_that_names_caller_profile_and_reason_governs_a_grant() {
    let policy = policy();
    let named = |user, profile, reason| {
        let rule = policy.break_glass_rule(&Principal::new(user), profile, reason);
        rule.map(|rule| rule.name.value.as_str())
    };
    assert_eq!(named("carol", "production", ReasonCode::Incident), Some("incident"));
    assert_eq!(named("carol", "production", ReasonCode::Other), Some("any"));
    assert_eq!(named("x@corp.com", "production", ReasonCode::Other), None);
    assert_eq!(named("AnyRole/x@corp.com", "production", ReasonCode::Incident), None);
    assert_eq!(named("carol", "staging", ReasonCode::Incident), None);
}

#[test]
fn a_group_with_principals_counts_for_approvers_grants_and_operators() {
    let text = r#"
version: "1"
groups:
  oncall: [bob, { principals: ["arn:aws:sts::111122223333:assumed-role/OnCall/*"] }]
rules: [{ name: ask, effect: require_approval }]
approvals:
  - { name: it, profiles: ["*"], approvers: ["group:oncall"], auto_approve: { users: ["group:oncall"] } }
break_glass:
  - { name: it, profiles: ["*"], users: ["group:oncall"], reason_codes: [incident] }
operators:
  - { name: it, users: ["group:oncall"], may: [revoke] }
"#;
    let policy: Policy = text.parse().unwrap();
    let approvals = policy.approval_rule("production").unwrap();
    let auto_approve = approvals.auto_approve.as_ref().unwrap();
    let carol = Principal::new("carol");
    for (caller, expected) in [
        (Principal::new("bob"), true),
        (carol.with_arn("arn:aws:sts::111122223333:assumed-role/OnCall/carol"), true),
        (carol.with_arn("arn:aws:sts::444455556666:assumed-role/OnCall/carol"), false),
        (carol, false),
    ] {
        assert_eq!(approvals.names_approver(&caller), expected, "{caller:?}");
        assert_eq!(approvals.satisfied_by(&[caller]), expected, "{caller:?}");
        assert_eq!(auto_approve.approves(&caller, DateTime::UNIX_EPOCH), expected, "{caller:?}");
        let grant = policy.break_glass_rule(&caller, "production", ReasonCode::Incident);
        assert_eq!(grant.is_some(), expected, "{caller:?}");
        assert_eq!(policy.may_operate(&caller, Operation::Revoke), expected, "{caller:?}");
    }
}

#[test]
fn an_operator_can_perform_only_the_operations_of_its_rule() {
    let policy = policy();
    let may = |user, operation| policy.may_operate(&Principal::new(user), operation);
    assert!(may("carol", Operation::Revoke));
    assert!(may("x@corp.com", Operation::ListSessions));
    assert!(may("carol", Operation::ReviewBreakGlass));
    assert!(!may("carol", Operation::Reinstate));
    assert!(!may("alice", Operation::Revoke));
}

/// The cap in the section of the requested profile counts, whether or not a rule names a profile.
#[test]
fn the_cap_of_a_profile_applies_if_no_rule_names_a_profile() {
    let text = "version: \"1\"\nprofiles: { production: { max_duration: 20m } }\n\
                rules: [{ name: all, effect: allow }]\n";
    let policy = CheckedPolicy::parse(text.as_bytes(), &Limits::default()).unwrap().compile();
    for (profile, cap) in [("production", Some(Duration::from_secs(1200))), ("staging", None)] {
        let request = Request::new(Principal::new("alice"), profile);
        let decision = policy.decide(&request, &Facts::default(), DateTime::UNIX_EPOCH);
        assert_eq!(decision.max_duration, cap, "{profile}");
    }
}
