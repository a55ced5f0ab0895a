//! The effect of an approval on a decision.

use sentinel_policy::{
    Approval, CheckedPolicy, Facts, Limits, Mode, Policy, Principal, Request, Requirements, Verdict,
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
