//! The text of explanations.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use sentinel_policy::{
    CheckedPolicy, ConditionKind, DeviceFacts, Facts, Limits, Mode, Policy, Principal, Request,
    StepOutcome,
};

const POLICY: &str = r#"
version: "1"
groups:
  oncall: [alice, bob, carol, dave, erin, frank, grace]
rules:
  - { name: profiles, effect: allow, conditions: { profiles: [staging, "dev-*"] } }
  - { name: users, effect: allow, conditions: { users: ["group:oncall"] } }
  - { name: principals, effect: allow, conditions: { principals: ["arn:aws:iam::*:user/alice"] } }
  - { name: accounts, effect: allow, conditions: { accounts: ["444455556666"] } }
  - { name: organizations, effect: allow, conditions: { organizations: [o-abc123] } }
  - { name: addresses, effect: allow, conditions: { source_ip: [10.0.0.0/8, "2001:db8::/32"] } }
  - { name: modes, effect: allow, conditions: { mode: [server, cli] } }
  - name: hours
    effect: allow
    conditions:
      time: { days: [monday, friday], hours: { start: "22:00", end: "24:00" }, timezone: Europe/Berlin }
  - { name: every-day, effect: allow, conditions: { time: { hours: { start: "22:00", end: "06:00" } } } }
  - { name: weekend, effect: allow, conditions: { time: { days: [sunday] } } }
  - { name: managed, effect: allow, conditions: { device: { require_mdm: true } } }
  - { name: encrypted, effect: allow, conditions: { device: { require_encryption: true } } }
  - { name: versions, effect: allow, conditions: { device: { require_mdm: false, min_os_version: 14.2 } } }
  - { name: systems, effect: allow, conditions: { device: { allowed_os_types: [linux, windows] } } }
  - { name: excepted, effect: allow, unless: { users: ["mal*"], mode: [credential_process] } }
  - { name: rest, effect: deny, reason: "no other caller" }
  - { name: behind, effect: allow }
"#;

/// Mallory, on a Saturday at 10:05 in Berlin.
fn mallory(device: DeviceFacts<'_>) -> (Request<'_>, DateTime<Utc>) {
    let principal = Principal::new("mallory")
        .with_account("111122223333")
        .with_arn("arn:aws:iam::111122223333:user/mallory");
    let request = Request::new(principal, "production")
        .with_source_ip("::ffff:192.0.2.7".parse::<IpAddr>().unwrap())
        .with_mode(Mode::CredentialProcess)
        .with_device(device);
    (request, "2026-03-21T09:05:00Z".parse().unwrap())
}

#[test]
fn each_rule_is_explained_in_one_line() {
    let policy = CheckedPolicy::parse(POLICY.as_bytes(), &Limits::default()).unwrap().compile();
    let device = DeviceFacts::default()
        .with_disk_encrypted(false)
        .with_os_version("9.0")
        .with_os_type("darwin");
    let (request, now) = mallory(device);
    let explanation = policy.explain(&request, &Facts::default(), now);
    let lines: Vec<_> = explanation.steps.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert_eq!(explanation.decision, policy.decide(&request, &Facts::default(), now));
}

#[test]
fn programs_read_the_condition_the_attribute_its_value_and_the_wanted_values() {
    let policy = CheckedPolicy::parse(POLICY.as_bytes(), &Limits::default()).unwrap().compile();
    let (request, now) = mallory(DeviceFacts::default());
    let explanation = policy.explain(&request, &Facts::default(), now);
    let unmet: Vec<_> = explanation
        .steps
        .iter()
        .filter_map(|step| match &step.outcome {
            StepOutcome::Unmet(unmet) => Some(unmet),
            StepOutcome::Matched | StepOutcome::Excluded => None,
        })
        .collect();
    assert_eq!(unmet[1].condition, ConditionKind::Users);
    assert_eq!(unmet[1].attribute, "user");
    assert_eq!(unmet[1].saw.as_deref(), Some("mallory"));
    assert_eq!(unmet[1].wanted().len(), 7);
    // Attributes that the request does not have.
    assert_eq!(unmet[4].attribute, "organization");
    assert_eq!(unmet[4].saw, None);
    assert_eq!(unmet[12].attribute, "os_version");
    assert_eq!(unmet[12].saw, None);
    assert_eq!(unmet[12].wanted(), ["14.2"]);
}

#[test]
fn the_principals_of_a_group_are_among_the_wanted_values() {
    let text = "version: \"1\"\ngroups: { oncall: [bob, { principals: [\"*:assumed-role/OnCall/*\"] \
                }] }\nrules: [{ name: r, effect: allow, conditions: { users: [\"group:oncall\"] } }]\n";
    let policy: Policy = text.parse().unwrap();
    let alice = Principal::new("alice").with_arn("arn:aws:iam::111122223333:user/alice");
    let request = Request::new(alice, "production");
    let explanation = policy.explain(&request, &Facts::default(), DateTime::UNIX_EPOCH);
    assert_eq!(
        explanation.steps[0].to_string(),
        "rule `r` (#0): `users` did not hold: `alice` is none of `bob`, `*:assumed-role/OnCall/*`"
    );
}

/// Conditions are evaluated in a fixed order, whatever their order in the document.
#[test]
fn the_first_condition_in_the_order_of_kinds_is_named() {
    let text = "version: \"1\"\nrules:\n  - { name: r, effect: allow, conditions: { device: { \
                require_mdm: true }, mode: [server], users: [bob], accounts: [\"111122223333\"] } }\n";
    let policy = CheckedPolicy::parse(text.as_bytes(), &Limits::default()).unwrap().compile();
    let mut request = Request::new(Principal::new("alice"), "production");
    let named = |request: &Request<'_>| {
        let explanation = policy.explain(request, &Facts::default(), DateTime::UNIX_EPOCH);
        match &explanation.steps[0].outcome {
            StepOutcome::Unmet(unmet) => Some(unmet.condition),
            StepOutcome::Matched | StepOutcome::Excluded => None,
        }
    };
    assert_eq!(named(&request), Some(ConditionKind::Users));
    request.principal.user = "bob";
    assert_eq!(named(&request), Some(ConditionKind::Accounts));
    request.principal.account = Some("111122223333");
    assert_eq!(named(&request), Some(ConditionKind::Mode));
    request.mode = Some(Mode::Server);
    assert_eq!(named(&request), Some(ConditionKind::Device));
    request.device.mdm_enrolled = Some(true);
    assert_eq!(named(&request), None);
}

#[test]
fn the_wanted_values_of_every_list_of_ids_are_its_entries() {
    for (condition, attribute, ids) in [
        ("organizations", "organization", ["o-abc123", "o-other"]),
        ("source_vpc", "source_vpc", ["vpc-1a2b3c4d", "vpc-0123456789abcdef0"]),
        ("source_vpce", "source_vpce", ["vpce-1a2b3c4d", "vpce-0123456789abcdef0"]),
    ] {
        let policy: Policy = format!(
            "version: \"1\"\nrules: [{{ name: r, effect: allow, conditions: {{ {condition}: [{}] }} }}]\n",
            ids.join(", ")
        )
        .parse()
        .unwrap();
        let request = Request::new(Principal::new("alice"), "production");
        let explanation = policy.explain(&request, &Facts::default(), DateTime::UNIX_EPOCH);
        let StepOutcome::Unmet(unmet) = &explanation.steps[0].outcome else {
            panic!("{explanation:?}")
        };
        assert_eq!(unmet.attribute, attribute);
        assert_eq!(unmet.wanted(), ids);
    }
}
