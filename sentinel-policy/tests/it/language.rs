//! A checked document has the values that the text contains.

use std::time::Duration;

use sentinel_policy::{
    ApprovalRule, CheckedPolicy, Day, DeviceRequirements, Effect, Limits, Mode, OsType, OsVersion,
    Position, ReasonCode,
};

fn parse(source: &str) -> CheckedPolicy {
    CheckedPolicy::parse(source.as_bytes(), &Limits::default()).unwrap()
}

/// A policy with one rule that has these conditions.
fn with_conditions(conditions: &str) -> CheckedPolicy {
    parse(&format!(
        "version: 1\nrules: [{{ name: a, effect: allow, conditions: {{ {conditions} }} }}]"
    ))
}

#[test]
fn every_key_of_the_language_is_read() {
    let checked = parse(include_str!("../cases/whole-language.yaml"));
    let production = &checked.profiles()["production"];
    let role = production.role_arn.as_ref().unwrap();
    assert_eq!(role.value.as_str(), "arn:aws:iam::111122223333:role/SentinelProtected-production");
    assert_eq!(production.max_duration, Some(Duration::from_secs(3_600)));
    assert!(checked.profiles()["sandbox"].role_arn.is_none());

    let rule = &checked.rules()[0];
    assert_eq!((rule.name.value.as_str(), rule.effect), ("business-hours", Effect::Allow));
    assert_eq!(rule.max_duration, Some(Duration::from_secs(1_800)));
    assert_eq!(rule.reason.as_deref(), Some("Business hours access"));
    let conditions = &rule.conditions;
    let users: Vec<&str> =
        conditions.users.as_ref().unwrap().iter().map(|user| user.value.as_str()).collect();
    assert_eq!(users, ["carol", "alice", "bob"]);
    let networks: Vec<String> =
        conditions.source_ip.as_ref().unwrap().iter().map(|net| net.value.to_string()).collect();
    assert_eq!(networks, ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"]);
    let modes: Vec<Mode> = conditions.mode.as_ref().unwrap().value.iter().collect();
    assert_eq!(modes, Mode::ALL);
    let window = conditions.time.as_ref().unwrap().value;
    let days: Vec<Day> = Day::ALL.into_iter().filter(|day| window.days.contains(*day)).collect();
    assert_eq!(days, [Day::Monday, Day::Friday]);
    let hours = window.hours.unwrap();
    assert_eq!((hours.start(), hours.end()), (22 * 60, 6 * 60));
    assert_eq!(window.zone.name(), "Europe/Berlin");
    let mut device = DeviceRequirements::default();
    device.require_mdm = true;
    device.require_mdm_compliant = true;
    device.require_encryption = true;
    device.min_os_version = OsVersion::parse("14.2");
    device.allowed_os_types = Some(OsType::ALL.to_vec());
    assert_eq!(conditions.device.as_ref().unwrap().value, device);
    let unless = rule.unless.as_ref().unwrap().users.as_ref().unwrap();
    assert_eq!(unless[1].value.as_str(), "*@contractors.example");

    assert_eq!(checked.rules()[1].max_duration, Some(Duration::from_secs(900)), "the older name");
    assert!(checked.rules()[2].conditions.is_empty());
    assert_eq!(checked.rules()[3].session_table.as_deref(), Some("sentinel-sessions"));

    let approval = &checked.approvals()[0];
    let steps = |approval: &ApprovalRule| -> Vec<(usize, u32)> {
        approval.steps.iter().map(|step| (step.approvers.len(), step.approvals)).collect()
    };
    assert_eq!(steps(approval), [(2, 1)]);
    assert!(approval.ticket_pattern.is_none());
    assert_eq!(approval.deadline, Duration::from_secs(24 * 3_600));
    let auto = approval.auto_approve.as_ref().unwrap();
    assert_eq!(auto.max_duration, Some(Duration::from_secs(1_800)));
    let approval = &checked.approvals()[1];
    assert_eq!(steps(approval), [(2, 1), (1, 2)]);
    assert_eq!(approval.ticket_pattern.as_ref().unwrap().value.as_str(), "OPS-*");
    let incident = &checked.break_glass()[0];
    let codes: Vec<ReasonCode> = incident.reason_codes.iter().map(|code| code.value).collect();
    assert_eq!(codes, ReasonCode::ALL);
    assert_eq!(incident.cooldown, Some(Duration::from_secs(1_800)));
    assert_eq!(incident.quota.unwrap().count, 3);
    assert_eq!(incident.quota_per_profile.unwrap().count, 5);
    assert_eq!(incident.review_within, Some(Duration::from_secs(72 * 3_600)));
    assert!(incident.review_blocks);
}

#[test]
fn missing_keys_have_the_defaults_of_the_design() {
    let checked = parse(
        "version: '1'
rules: [{ name: a, effect: deny }]
approvals: [{ name: a, profiles: [p], approvers: [x] }]
break_glass: [{ name: a, profiles: [p], users: [x], reason_codes: [other] }]
operators: [{ name: a, users: [x], may: [revoke] }]",
    );
    let approval = &checked.approvals()[0];
    assert_eq!((approval.steps.len(), approval.steps[0].approvals), (1, 1));
    assert!(approval.ticket_pattern.is_none());
    assert_eq!(approval.max_duration, Duration::from_secs(3_600));
    assert_eq!(approval.deadline, Duration::from_secs(24 * 3_600));
    assert!(approval.auto_approve.is_none());
    let glass = &checked.break_glass()[0];
    assert_eq!(glass.max_duration, Duration::from_secs(3_600));
    assert!(glass.cooldown.is_none() && glass.quota.is_none() && !glass.overrides_deny);
    assert!(glass.quota_per_profile.is_none());
    assert!(glass.review_within.is_none() && !glass.review_blocks);
    assert_eq!(checked.operators()[0].may.len(), 1);
}

#[test]
fn scalars_have_the_same_text_with_and_without_quotes() {
    let checked = with_conditions(
        "users: [1.50, 0755, 0x1F, true, 2026-01-01, 1_000], accounts: [000000000001], \
         time: { hours: { start: 09:00, end: 24:00 } }, device: { min_os_version: 14.20 }",
    );
    let conditions = &checked.rules()[0].conditions;
    let users: Vec<&str> =
        conditions.users.as_ref().unwrap().iter().map(|user| user.value.as_str()).collect();
    assert_eq!(users, ["1.50", "0755", "0x1F", "true", "2026-01-01", "1_000"]);
    assert_eq!(conditions.accounts.as_ref().unwrap()[0].value, "000000000001");
    let version = conditions.device.as_ref().unwrap().value.min_os_version.clone();
    assert_eq!(version.unwrap().as_str(), "14.20");
}

#[test]
fn json_is_read_with_its_escapes() {
    let checked = parse(
        "{\t\"version\": \"1\",\r\n\t\"rules\":[{\"name\":\"\\u0061\\/\\\"\\\\\\n\\ud83d\\ude80\",\"effect\":\"allow\"}]}",
    );
    assert_eq!(checked.rules()[0].name.value, "a/\"\\\n\u{1f680}");
}

#[test]
fn a_member_of_a_group_has_the_place_at_which_the_group_is_used() {
    let checked = parse(
        "version: '1'\ngroups: { g: [alice, bob] }\nrules: [{ name: é, effect: allow, conditions: { users: ['group:g'] } }]",
    );
    for user in checked.rules()[0].conditions.users.as_ref().unwrap() {
        assert_eq!(user.span.start, Position { line: 3, column: 57 });
        assert_eq!(user.span.end, Position { line: 3, column: 66 });
    }
}

#[test]
fn an_explicit_document_of_a_yaml_version_is_one_document() {
    parse("%YAML 1.2\n---\nversion: '1'\nrules: [{ name: a, effect: deny }]\n...\n# end\n");
}
