//! Groups whose members are kept outside of the policy.

use chrono::DateTime;
use sentinel_policy::{
    CheckedPolicy, Diagnostics, Facts, GroupMembers, Limits, Operation, Policy, Principal,
    ReasonCode, Request, UserEntry, Verdict,
};

const MAIN: &str = r#"
version: "1"
groups_from: [oncall, other]
rules:
  - { name: no, effect: deny, conditions: { profiles: [closed] }, unless: { users: ["group:oncall"] } }
  - { name: yes, effect: allow, conditions: { profiles: [open, closed], users: ["group:oncall"] } }
approvals:
  - { name: it, profiles: ["*"], approvers: ["group:oncall"], auto_approve: { users: ["group:oncall"] } }
  - { name: steps, profiles: ["*"], approvers: [{ approvers: ["group:oncall"] }] }
break_glass:
  - { name: it, profiles: ["*"], users: ["group:oncall"], reason_codes: [incident] }
operators:
  - { name: it, users: ["group:oncall"], may: [revoke] }
"#;
const ONCALL: &str = "arn:aws:sts::111122223333:assumed-role/OnCall/carol";

fn main() -> CheckedPolicy {
    CheckedPolicy::parse(MAIN.as_bytes(), &Limits::default()).unwrap()
}

fn members(text: &str) -> Result<GroupMembers, Diagnostics> {
    GroupMembers::parse(text.as_bytes(), &Limits::default())
}

/// The uses of the group, for one caller.
fn uses(policy: &Policy, caller: &Principal<'_>) -> [bool; 8] {
    let allowed = |profile| {
        let request = Request::new(*caller, profile);
        let decision = policy.decide(&request, &Facts::default(), DateTime::UNIX_EPOCH);
        decision.verdict == Verdict::Allow
    };
    let approvals = policy.checked().approvals();
    [
        allowed("open"),
        allowed("closed"),
        policy.may_obtain(caller, "open"),
        approvals[0].names_approver(caller),
        approvals[1].satisfied_by(&[*caller]),
        approvals[0].auto_approve.as_ref().unwrap().approves(caller, DateTime::UNIX_EPOCH),
        policy.break_glass_rule(caller, "open", ReasonCode::Incident).is_some(),
        policy.may_operate(caller, Operation::Revoke),
    ]
}

#[test]
fn the_members_of_a_group_kept_elsewhere_count_wherever_the_group_is_used() {
    let text =
        r#"[bob, alice, "*@corp.com", { principals: ["arn:aws:sts::*:assumed-role/OnCall/*"] }]"#;
    let policy = main().with_members("oncall", members(text).unwrap()).compile();
    for (caller, expected) in [
        (Principal::new("alice"), true),
        (Principal::new("bob"), true),
        (Principal::new("x@corp.com"), true),
        (Principal::new("AnyRole/x@corp.com"), false),
        (Principal::new("carol").with_arn(ONCALL), true),
        (Principal::new("carol"), false),
        (Principal::new("group:oncall"), false),
    ] {
        assert_eq!(uses(&policy, &caller), [expected; 8], "{caller:?}");
    }
}

#[test]
fn a_group_kept_elsewhere_without_members_matches_no_caller() {
    let carol = Principal::new("carol").with_arn(ONCALL);
    // A break-glass rule that names nobody grants nothing.
    for policy in [
        main().compile(),
        main().with_members("oncall", members("[]").unwrap()).compile(),
        main().with_members("other", members("[carol]").unwrap()).compile(),
        main().with_members("unknown", members("[carol]").unwrap()).compile(),
        main()
            .with_members("oncall", members("[carol]").unwrap())
            .with_members("oncall", members("[]").unwrap())
            .compile(),
    ] {
        assert_eq!(uses(&policy, &carol), [false; 8]);
        let request = Request::new(carol, "open");
        let explanation = policy.explain(&request, &Facts::default(), DateTime::UNIX_EPOCH);
        assert_eq!(
            explanation.steps[1].to_string(),
            "rule `yes` (#1): `users` did not hold: `carol` is none of `group:oncall`"
        );
    }
}

#[test]
fn a_group_kept_elsewhere_is_in_the_main_document_only() {
    let checked = main();
    assert_eq!(checked.groups_from().collect::<Vec<_>>(), ["oncall", "other"]);
    let errors = checked.usable_for_one_profile().unwrap_err().to_string();
    assert_eq!(errors.matches("`groups_from` can be set in the main document only").count(), 2);
}

#[test]
fn members_are_read_from_yaml_and_json() {
    for text in [
        "- bob\n- alice\n- principals: [\"*:assumed-role/OnCall/*\"]\n",
        r#"["alice", "bob", {"principals": ["*:assumed-role/OnCall/*"]}]"#,
    ] {
        let members = members(text).unwrap();
        assert!(!members.is_empty());
        assert!(members.warnings().is_none());
        let mut entries: Vec<&str> = members.iter().map(UserEntry::as_str).collect();
        entries.sort_unstable();
        assert_eq!(entries, ["*:assumed-role/OnCall/*", "alice", "bob"]);
    }
    assert!(members("[]").unwrap().is_empty());
    assert!(members("# nobody today\n[]\n").unwrap().is_empty());
}

#[test]
fn members_are_checked_as_strictly_as_a_group_of_a_policy() {
    let mut report = String::new();
    for text in [
        "",
        "# only a comment\n",
        "null",
        "alice",
        "members: [alice]",
        "[alice, \"group:leads\"]",
        "[alice, \"\", null, [bob], { users: [bob] }]",
        "[\"alice \", \"arn:aws:iam::111122223333:user/alice\"]",
        "[{ principals: [] }, { principal: [\"*\"] }, { principals: [alice], accounts: [a] }]",
        "[&a alice, *a]",
        "[alice",
        "[alice]\n---\n[bob]",
        "[user/alice, ci/, \"@leads\"]",
    ] {
        let found = match members(text) {
            Ok(members) => members.warnings().unwrap(),
            Err(errors) => errors,
        };
        report += &format!("{text:?}\n{}\n", found.render("oncall", text.as_bytes(), false));
    }
    insta::assert_snapshot!(report);
}

#[test]
fn members_are_read_within_limits() {
    let limits = Limits::default().with_max_bytes(20);
    assert!(GroupMembers::parse(b"[alice]", &limits).is_ok());
    assert!(GroupMembers::parse(b"[alice, bob, carol, dave]", &limits).is_err());
    let limits = Limits::default().with_max_diagnostics(3);
    let text = format!("[{}]", "\"\", ".repeat(50));
    assert_eq!(GroupMembers::parse(text.as_bytes(), &limits).unwrap_err().len(), 3);
}

/// However many rules use the group, its members are stored once.
#[test]
fn many_rules_can_use_a_group_with_very_many_members() {
    use std::fmt::Write as _;
    let mut text = String::from("version: \"1\"\ngroups_from: [g]\nrules:\n");
    for index in 0..10_000 {
        let _ = writeln!(
            text,
            "  - {{ name: r{index}, effect: allow, conditions: {{ users: [\"group:g\"] }} }}"
        );
    }
    let names: Vec<String> = (0..50_000).map(|number| format!("user-{number}")).collect();
    let members = members(&format!("[{}]", names.join(", "))).unwrap();
    let checked = CheckedPolicy::parse(text.as_bytes(), &Limits::default()).unwrap();
    let begin = std::time::Instant::now();
    let policy = checked.with_members("g", members).compile();
    for (user, expected) in [("user-49999", Some(0)), ("user-50000", None)] {
        let request = Request::new(Principal::new(user), "production");
        let decision = policy.decide(&request, &Facts::default(), DateTime::UNIX_EPOCH);
        assert_eq!(decision.rule.map(|rule| rule.index), expected);
    }
    // Without optimization, this takes well under a second.
    assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{:?}", begin.elapsed());
}
