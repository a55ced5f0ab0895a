//! Profiles that patterns describe are as if the document described each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use chrono::DateTime;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use sentinel_policy::{CheckedPolicy, Facts, Limits, Policy, Principal, Request, Verdict};

const RULES: &str = "rules: [{ name: all, effect: allow }]\n";

fn policy(text: &str) -> Policy {
    CheckedPolicy::parse(text.as_bytes(), &Limits::default()).unwrap().compile()
}

fn role<'p>(policy: &'p Policy, profile: &str) -> Option<&'p str> {
    Some(policy.profile(profile)?.role_arn.as_ref()?.value.as_str())
}

/// Twelve accounts and ten patterns.
fn large() -> String {
    let mut text = "version: \"1\"\naccounts:\n".to_owned();
    for account in 1..=12 {
        let _ = writeln!(text, "  team-{account}: \"{account:012}\"");
    }
    text.push_str("profile_patterns:\n");
    for job in 1..=10 {
        let _ = writeln!(text, "  - profiles: \"{{account}}.job-{job}\"");
        let _ =
            writeln!(text, "    role_arn: arn:aws:iam::{{account}}:role/SentinelProtected-{job}");
        let _ = writeln!(text, "    max_duration: {job}m");
    }
    text.push_str(
        r#"rules:
  - { name: no-team-12, effect: deny, conditions: { profiles: ["team-12.*"] } }
  - { name: job-9, effect: require_approval, conditions: { profiles: ["*.job-9"] }, max_duration: 5m }
  - { name: rest, effect: allow, conditions: { profiles: ["team-*.job-?"], users: [alice] }, max_duration: 6m }
approvals:
  - { name: it, profiles: ["team-1.*"], approvers: [bob] }
  - { name: rest, profiles: ["*.job-9"], approvers: [carol] }
break_glass:
  - { name: it, profiles: ["*.job-10"], users: [alice], reason_codes: [incident], quota: { count: 1, per: 1h }, quota_per_profile: { count: 2, per: 1h } }
"#,
    );
    text
}

#[test]
fn ten_patterns_and_twelve_accounts_are_120_profiles() {
    let policy = policy(&large());
    assert_eq!(policy.checked().profiles().len(), 120);
    assert_eq!(policy.governs().count(), 120);
    let roles: BTreeSet<_> = policy.governs().map(|name| role(&policy, name)).collect();
    assert_eq!(roles.len(), 120);
    assert_eq!(
        role(&policy, "team-7.job-3"),
        Some("arn:aws:iam::000000000007:role/SentinelProtected-3")
    );
    assert!(policy.names_profile("team-12.job-10"));
    for other in ["team-13.job-1", "team-1.job-11", "{account}.job-1", "000000000001.job-1"] {
        assert!(policy.profile(other).is_none() && !policy.names_profile(other), "{other}");
    }
}

/// Rules, caps, approvals and break-glass rules name such profiles by patterns as any other profile.
#[test]
fn rules_with_wildcards_apply_to_each_profile_of_a_pattern() {
    let policy = policy(&large());
    let minutes = |minutes| Some(Duration::from_secs(60 * minutes));
    for account in 1..=12 {
        for job in 1..=10_u64 {
            let profile = format!("team-{account}.job-{job}");
            let request = Request::new(Principal::new("alice"), &profile);
            let decision = policy.decide(&request, &Facts::default(), DateTime::UNIX_EPOCH);
            let (verdict, cap) = match (account, job) {
                (12, _) => (Verdict::Deny, minutes(job)),
                (_, 9) => (Verdict::RequireApproval, minutes(5)),
                (_, 10) => (Verdict::Deny, None),
                _ => (Verdict::Allow, minutes(job.min(6))),
            };
            assert_eq!((decision.verdict, decision.max_duration), (verdict, cap), "{profile}");
            let approvals = policy.approval_rule(&profile).map(|rule| rule.name.value.as_str());
            let expected = match (account, job) {
                (1, _) => Some("it"),
                (_, 9) => Some("rest"),
                _ => None,
            };
            assert_eq!(approvals, expected, "{profile}");
            let reason = sentinel_policy::ReasonCode::Incident;
            let grant = policy.break_glass_rule(&Principal::new("alice"), &profile, reason);
            assert_eq!(grant.is_some(), job == 10, "{profile}");
            if let Some(rule) = grant {
                assert_eq!(rule.quota_per_profile.unwrap().count, 2);
            }
        }
    }
}

#[test]
fn a_document_in_json_can_have_patterns() {
    let text = r#"{ "version": "1",
        "accounts": { "a": "111122223333" },
        "profile_patterns": [
            { "profiles": "{account}-b", "role_arn": "arn:aws:iam::{account}:role/B" }
        ],
        "rules": [{ "name": "all", "effect": "allow" }] }"#;
    assert_eq!(role(&policy(text), "a-b"), Some("arn:aws:iam::111122223333:role/B"));
}

#[test]
fn accounts_without_patterns_describe_no_profile() {
    let policy = policy(&format!("version: \"1\"\naccounts: {{ a: \"111122223333\" }}\n{RULES}"));
    assert_eq!(policy.governs().count(), 0);
}

/// Accounts by name, with ids that differ.
fn accounts() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_set("[ab](-[ab]){0,2}", 1..5).prop_map(|names| {
        (0..).zip(names).map(|(index, name)| (name, format!("{index:012}"))).collect()
    })
}

/// What is before and after the account in a name, and the name of the role.
fn patterns() -> impl Strategy<Value = Vec<(String, String, String)>> {
    vec(("([ab]-){0,2}", "(-[ab]){0,2}", "[ABab]{1,2}"), 1..4)
}

proptest! {
    /// A document with patterns is refused if two of its profiles have one name or one role, or if a
    /// pattern describes a profile that `profiles` also describes. Otherwise it has the same
    /// profiles, and decides as a document that describes each profile.
    #[test]
    fn patterns_mean_the_profiles_written_one_by_one(
        accounts in accounts(),
        patterns in patterns(),
        exact in proptest::option::of("[ab](-[ab]){0,3}"),
    ) {
        let mut written: BTreeMap<String, String> = BTreeMap::new();
        let mut roles = BTreeSet::new();
        let mut collides = false;
        if let Some(name) = &exact {
            roles.insert(("000000000000".to_owned(), "a".to_owned()));
            written.insert(name.clone(), "arn:aws:iam::000000000000:role/p/A".to_owned());
        }
        for (before, after, role) in &patterns {
            for (account, id) in &accounts {
                let arn = format!("arn:aws:iam::{id}:role/{role}");
                let is_new = roles.insert((id.clone(), role.to_lowercase()));
                collides |= !is_new;
                collides |= written.insert(format!("{before}{account}{after}"), arn).is_some();
            }
        }
        let section = |profiles: &BTreeMap<String, String>| {
            let lines = profiles.iter().map(|(name, arn)| format!("  {name}: {{ role_arn: \"{arn}\", max_duration: 20m }}\n"));
            let lines: String = lines.collect();
            if lines.is_empty() { String::new() } else { format!("profiles:\n{lines}") }
        };
        let only = exact.iter().map(|name| (name.clone(), "arn:aws:iam::000000000000:role/p/A".to_owned())).collect();
        let mut short = format!("version: \"1\"\n{RULES}{}accounts:\n", section(&only));
        for (name, id) in &accounts {
            let _ = writeln!(short, "  {name}: \"{id}\"");
        }
        short.push_str("profile_patterns:\n");
        for (before, after, role) in &patterns {
            let _ = writeln!(
                short,
                "  - {{ profiles: \"{before}{{account}}{after}\", role_arn: \"arn:aws:iam::{{account}}:role/{role}\", max_duration: 20m }}"
            );
        }
        let short = CheckedPolicy::parse(short.as_bytes(), &Limits::default());
        prop_assert_eq!(short.is_err(), collides);
        let Ok(short) = short else { return Ok(()) };
        let short = short.compile();
        let long = policy(&format!("version: \"1\"\n{RULES}{}", section(&written)));
        prop_assert!(short.governs().eq(long.governs()));
        for name in long.governs().chain(["other"]) {
            prop_assert_eq!(role(&short, name), role(&long, name));
            let request = Request::new(Principal::new("alice"), name);
            let now = DateTime::UNIX_EPOCH;
            prop_assert_eq!(
                short.decide(&request, &Facts::default(), now),
                long.decide(&request, &Facts::default(), now)
            );
        }
    }
}
