//! The effect of an approval and of a break-glass grant on a decision.

use sentinel_policy::{
    ActiveGrant, Approval, CheckedPolicy, Facts, Limits, Mode, Policy, Principal, Request,
    Requirements, Verdict,
};

const NOW: &str = "2026-03-18T12:00:00Z";

fn compile(rules: &str) -> Policy {
    let text = format!("version: \"1\"\nrules:\n{rules}");
    CheckedPolicy::parse(text.as_bytes(), &Limits::default()).unwrap().compile()
}

fn approved(until: Option<&str>) -> Facts {
    let until = until.map(|it| it.parse().unwrap());
    Facts::default().with_approval(Approval::new().with_until(until))
}

#[test]
fn invariant_4_an_approval_satisfies_require_approval_and_nothing_else() {
    let now = NOW.parse().unwrap();
    let no_rule = "  - { name: elsewhere, effect: allow, conditions: { profiles: [staging] } }\n";
    for (effect, approval_helps) in [
        ("allow", false),
        ("deny", false),
        ("require_server", false),
        ("require_server_session", false),
        ("require_approval", true),
        ("none", false),
    ] {
        let rules = match effect {
            "none" => no_rule.to_owned(),
            effect => format!("  - {{ name: it, effect: {effect} }}\n"),
        };
        let policy = compile(&rules);
        for mode in [None, Some(Mode::Server), Some(Mode::Cli)] {
            for session_table in [None, Some("sessions")] {
                let mut request = Request::new(Principal::new("alice"), "production");
                request.mode = mode;
                request.session_table = session_table;
                let without = policy.decide(&request, &Facts::default(), now);
                let with = policy.decide(&request, &approved(None), now);
                if approval_helps {
                    assert_eq!(without.verdict, Verdict::RequireApproval);
                    assert_eq!(with.verdict, Verdict::Allow);
                    assert_eq!(with.requires, Requirements::default());
                } else {
                    assert_eq!(with, without, "{effect} {mode:?} {session_table:?}");
                }
            }
        }
    }
}

#[test]
fn invariant_4_an_approval_that_has_ended_satisfies_nothing() {
    let policy = compile("  - { name: it, effect: require_approval }\n");
    let request = Request::new(Principal::new("alice"), "production");
    let verdict = |facts| policy.decide(&request, &facts, NOW.parse().unwrap()).verdict;
    assert_eq!(verdict(approved(Some("2026-03-18T12:00:01Z"))), Verdict::Allow);
    assert_eq!(verdict(approved(Some(NOW))), Verdict::RequireApproval);
}

#[test]
fn a_grant_satisfies_require_approval_and_overrides_a_deny_only_if_its_rule_permits_that() {
    let now = NOW.parse().unwrap();
    let no_rule = "  - { name: elsewhere, effect: allow, conditions: { profiles: [staging] } }\n";
    for (effect, helps, overrides) in [
        ("allow", false, false),
        ("deny", false, true),
        ("require_server", false, false),
        ("require_server_session", false, false),
        ("require_approval", true, true),
        ("none", false, true),
    ] {
        let rules = match effect {
            "none" => no_rule.to_owned(),
            effect => format!("  - {{ name: it, effect: {effect}, max_duration: 30m }}\n"),
        };
        let policy =
            compile(&format!("{rules}profiles: {{ production: {{ max_duration: 1h }} }}\n"));
        for mode in [None, Some(Mode::Server), Some(Mode::Cli)] {
            for (session_table, overrides_deny) in
                [(None, false), (None, true), (Some("sessions"), false), (Some("sessions"), true)]
            {
                let request = Request::new(Principal::new("alice"), "production")
                    .with_mode(mode)
                    .with_session_table(session_table);
                let grant = ActiveGrant::new().with_overrides_deny(overrides_deny);
                let without = policy.decide(&request, &Facts::default(), now);
                let with = policy.decide(&request, &Facts::default().with_grant(grant), now);
                if if overrides_deny { overrides } else { helps } {
                    assert_ne!(without.verdict, Verdict::Allow);
                    assert_eq!(with.verdict, Verdict::Allow);
                    assert_eq!(with.requires, Requirements::default());
                    assert_eq!(with.rule, without.rule);
                    let cap = if effect == "none" { 3_600 } else { 1_800 };
                    assert_eq!(with.max_duration, Some(std::time::Duration::from_secs(cap)));
                } else {
                    assert_eq!(with, without, "{effect} {mode:?} {session_table:?}");
                }
            }
        }
    }
}

#[test]
fn a_grant_that_has_ended_satisfies_nothing() {
    let policy = compile(
        "  - { name: ask, effect: require_approval, conditions: { users: [alice] } }\n  \
         - { name: no, effect: deny, conditions: { users: [bob] } }\n",
    );
    for (user, refused) in [
        ("alice", Verdict::RequireApproval),
        ("bob", Verdict::Deny),
        // No rule matches.
        ("carol", Verdict::Deny),
    ] {
        let request = Request::new(Principal::new(user), "production");
        let verdict = |until: &str| {
            let until: chrono::DateTime<chrono::Utc> = until.parse().unwrap();
            let grant = ActiveGrant::new().with_until(until).with_overrides_deny(true);
            let facts = Facts::default().with_grant(grant);
            policy.decide(&request, &facts, NOW.parse().unwrap()).verdict
        };
        assert_eq!(verdict("2026-03-18T12:00:00.000000001Z"), Verdict::Allow, "{user}");
        assert_eq!(verdict(NOW), refused, "{user}");
    }
}

#[test]
fn requirements_are_listed_by_their_words() {
    let none = Requirements::default();
    for (requires, words) in [
        (none, vec![]),
        (none.with_approval(true), vec!["approval"]),
        (none.with_server_mode(true), vec!["server_mode"]),
        (none.with_session(true), vec!["session"]),
        (none.with_session(true).with_server_mode(true), vec!["server_mode", "session"]),
        (none.with_session(true).with_session(false), vec![]),
    ] {
        assert_eq!(requires.iter().collect::<Vec<_>>(), words);
    }
}
