//! The profiles that a caller can obtain under some circumstances.

use proptest::collection::vec;
use proptest::prelude::*;
use sentinel_policy::{CheckedPolicy, Limits, Policy, Principal, Request, Verdict};

use crate::generated::check;
use crate::strategies::{policy, question};

fn compile(rest: &str) -> Policy {
    let text = format!("version: \"1\"\nrules:\n{rest}");
    CheckedPolicy::parse(text.as_bytes(), &Limits::default()).unwrap().compile()
}

/// Rules, each in the short form of one line: effect, conditions, unless.
fn rules(rules: &[(&str, &str, &str)]) -> Policy {
    let mut text = String::new();
    for (index, (effect, conditions, unless)) in rules.iter().enumerate() {
        let unless =
            if unless.is_empty() { String::new() } else { format!(", unless: {{ {unless} }}") };
        text += &format!(
            "  - {{ name: r{index}, effect: {effect}, conditions: {{ {conditions} }}{unless} }}\n"
        );
    }
    compile(&text)
}

fn alice() -> Principal<'static> {
    Principal::new("alice")
        .with_account("111122223333")
        .with_arn("arn:aws:iam::111122223333:user/alice")
}

const NIGHT: &str = "time: { hours: { start: \"22:00\", end: \"06:00\" } }";

#[test]
fn a_caller_that_a_rule_names_can_obtain_its_profiles() {
    for (conditions, expected) in [
        ("", true),
        ("profiles: [production]", true),
        ("profiles: [\"prod*\"]", true),
        ("profiles: [staging]", false),
        ("users: [alice]", true),
        ("users: [bob]", false),
        ("accounts: [\"111122223333\"]", true),
        ("accounts: [\"444455556666\"]", false),
        ("principals: [\"arn:aws:iam::*:user/*\"]", true),
        // Alice has no organization, and this does not change with time.
        ("organizations: [o-abc123]", false),
    ] {
        for effect in ["allow", "require_approval", "require_server", "require_server_session"] {
            let policy = rules(&[(effect, conditions, "")]);
            assert_eq!(
                policy.may_obtain(&alice(), "production"),
                expected,
                "{effect} {conditions}"
            );
        }
        assert!(!rules(&[("deny", conditions, "")]).may_obtain(&alice(), "production"));
    }
}

#[test]
fn conditions_on_time_device_mode_and_address_are_assumed_to_match() {
    for circumstance in
        [NIGHT, "device: { require_mdm: true }", "mode: [cli]", "source_ip: [10.0.0.0/8]"]
    {
        assert!(rules(&[("allow", circumstance, "")]).may_obtain(&alice(), "production"));
        // Such a deny can also be avoided.
        let policy = rules(&[("deny", circumstance, ""), ("allow", "", "")]);
        assert!(policy.may_obtain(&alice(), "production"), "{circumstance}");
    }
}

#[test]
fn only_a_deny_that_always_applies_prevents_a_profile() {
    for (conditions, unless, expected) in [
        ("", "", false),
        ("users: [alice], profiles: [production]", "", false),
        ("users: [bob]", "", true),
        // The exception applies to alice under all circumstances.
        ("", "users: [alice]", true),
        // It can never apply to her.
        ("", "users: [bob]", false),
        ("", "organizations: [o-abc123]", false),
        (NIGHT, "users: [bob]", true),
        // It applies to her at some times.
        ("", "users: [alice], mode: [server]", true),
        ("", &format!("users: [bob], {NIGHT}"), false),
        // Every day and every hour together are all times.
        (
            "time: { days: [monday, tuesday, wednesday, thursday, friday, saturday, sunday] }",
            "",
            false,
        ),
        ("time: { hours: { start: \"00:00\", end: \"24:00\" } }", "", false),
        // Half a day is not.
        ("time: { hours: { start: \"00:00\", end: \"12:00\" } }", "", true),
        ("time: { hours: { start: \"12:00\", end: \"24:00\" } }", "", true),
    ] {
        let policy = rules(&[("deny", conditions, unless), ("allow", "", "")]);
        assert_eq!(policy.may_obtain(&alice(), "production"), expected, "{conditions} / {unless}");
    }
}

#[test]
fn a_deny_after_the_rule_has_no_effect() {
    assert!(rules(&[("allow", NIGHT, ""), ("deny", "", "")]).may_obtain(&alice(), "production"));
}

#[test]
fn a_rule_whose_exception_always_holds_grants_nothing() {
    for (conditions, unless, expected) in [
        ("", "users: [alice]", false),
        ("", "users: [alice], profiles: [production]", false),
        ("", "users: [alice], profiles: [staging]", true),
        ("", NIGHT, true),
        // The exception holds whenever the conditions do.
        (NIGHT, NIGHT, false),
        ("mode: [cli]", "mode: [cli, server]", false),
        ("mode: [cli, server]", "mode: [cli]", true),
        ("source_ip: [10.1.0.0/16]", "source_ip: [10.0.0.0/8]", false),
        ("source_ip: [10.0.0.0/8]", "source_ip: [10.1.0.0/16]", true),
        ("source_ip: [10.0.0.0/8]", "source_ip: [10.0.0.0/16]", true),
        ("source_ip: [192.0.2.0/24]", "source_ip: [10.0.0.0/8]", true),
        ("source_vpc: [vpc-1a2b3c4d]", "source_vpc: [vpc-1a2b3c4d, vpc-0123456789abcdef0]", false),
        ("source_vpc: [vpc-1a2b3c4d, vpc-0123456789abcdef0]", "source_vpc: [vpc-1a2b3c4d]", true),
        ("", "source_vpc: [vpc-1a2b3c4d]", true),
        ("source_vpce: [vpce-1a2b3c4d]", "source_vpce: [vpce-1a2b3c4d]", false),
        ("source_vpce: [vpce-1a2b3c4d]", "source_vpce: [vpce-0123456789abcdef0]", true),
        ("device: { min_os_version: \"14.2\" }", "device: { min_os_version: 9 }", false),
        ("device: { min_os_version: 9 }", "device: { min_os_version: \"14.2\" }", true),
        ("device: { require_mdm: true }", "device: { require_encryption: true }", true),
        ("device: { require_mdm: true }", "device: { require_mdm_compliant: true }", true),
        ("device: { require_mdm_compliant: true }", "device: { require_mdm: true }", true),
        ("device: { require_encryption: true }", "device: { require_firewall: true }", true),
        ("device: { require_firewall: true }", "device: { require_encryption: true }", true),
        (
            "device: { allowed_os_types: [linux] }",
            "device: { allowed_os_types: [linux, darwin] }",
            false,
        ),
        ("mode: [cli]", "mode: [cli], source_ip: [10.0.0.0/8]", true),
    ] {
        let policy = rules(&[("allow", conditions, unless)]);
        assert_eq!(policy.may_obtain(&alice(), "production"), expected, "{conditions} / {unless}");
    }
}

#[test]
fn a_rule_that_requires_the_server_grants_nothing_in_another_mode() {
    for effect in ["require_server", "require_server_session"] {
        for (conditions, unless, expected) in [
            ("mode: [server]", "", true),
            ("mode: [cli, server]", "", true),
            ("mode: [cli]", "", false),
            ("", "mode: [server]", false),
            ("", "mode: [cli]", true),
            ("", &format!("mode: [server], {NIGHT}"), true),
        ] {
            let policy = rules(&[(effect, conditions, unless)]);
            assert_eq!(
                policy.may_obtain(&alice(), "production"),
                expected,
                "{conditions} / {unless}"
            );
        }
    }
}

#[test]
fn a_caller_that_a_break_glass_rule_names_can_obtain_its_profiles() {
    let policy = compile(
        "  - { name: no, effect: deny }\nbreak_glass:\n  - { name: incident, \
         profiles: [\"prod*\"], users: [alice], reason_codes: [incident] }\n",
    );
    assert!(policy.may_obtain(&alice(), "production"));
    assert!(!policy.may_obtain(&alice(), "staging"));
    assert!(!policy.may_obtain(&Principal::new("bob"), "production"));
}

#[test]
fn a_group_with_principals_can_obtain_what_its_rules_grant() {
    let groups = "groups: { admins: [{ principals: [\"arn:aws:iam::111122223333:user/a*\"] }] }\n";
    let unknown = Principal::new("alice");
    for (rules, alices, unknowns) in [
        (
            "  - { name: a, effect: allow, conditions: { users: [\"group:admins\"] } }\n",
            true,
            false,
        ),
        ("  - { name: a, effect: allow, unless: { users: [\"group:admins\"] } }\n", false, true),
        (
            "  - { name: no, effect: deny }\nbreak_glass:\n  - { name: incident, \
             profiles: [production], users: [\"group:admins\"], reason_codes: [incident] }\n",
            true,
            false,
        ),
    ] {
        let policy = compile(&format!("{rules}{groups}"));
        assert_eq!(policy.may_obtain(&alice(), "production"), alices, "{rules}");
        assert_eq!(policy.may_obtain(&unknown, "production"), unknowns, "{rules}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// If a caller can obtain a profile at some time, from some place, in some way,
    /// `may_obtain` reports this beforehand.
    #[test]
    fn a_caller_that_is_allowed_a_profile_may_obtain_it(
        text in policy(1..=7, 0..=0),
        who in question(),
        circumstances in vec(question(), 24),
    ) {
        let policy = check(&text).compile();
        let Request { principal, profile, .. } = who.request();
        for question in &circumstances {
            let mut request = question.request();
            (request.principal, request.profile) = (principal, profile);
            // The policy has no break-glass rule, so no grant overrides a deny.
            let grant = question.facts.grant.map(|grant| grant.with_overrides_deny(false));
            let facts = question.facts.with_grant(grant);
            let verdict = policy.decide(&request, &facts, question.now).verdict;
            if verdict != Verdict::Deny {
                prop_assert!(policy.may_obtain(&principal, profile), "{:?}", request);
            }
        }
    }
}
