//! `docs/policy-reference.md`: its policies are checked, its decisions are
//! evaluated, and its generated tables match the code. `UPDATE_DOCS=1` writes them.
//!
//! A `yaml` block is a policy, some rules, or the conditions of a rule, and must be
//! valid. After `refused` is the code that it is refused with; after
//! `refused-by-the-server` and `refused-as-a-profiles-own` is what makes it
//! unusable there. A `text decided` block evaluates the policy before it: time,
//! user, profile, effect, and the time until which the decision is valid.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use sentinel_policy::{
    CheckedPolicy, Day, DiagnosticCode, Diagnostics, Effect, Facts, Limits, Mode, Operation,
    OsType, Policy, Principal, ReasonCode, Request, Severity,
};
use sentinel_wire::rfc3339;

use super::{Block, blocks, root, text};

const DOCUMENT: &str = "docs/policy-reference.md";

/// A complete policy from the content of a block.
fn complete_policy(shown: &str) -> String {
    if shown.starts_with("version:") {
        shown.to_owned()
    } else if shown.starts_with("- ") {
        format!("version: \"1\"\nrules:\n{shown}")
    } else {
        let indented: String = shown.lines().map(|line| format!("      {line}\n")).collect();
        format!(
            "version: \"1\"\nrules:\n  - name: shown\n    effect: allow\n    conditions:\n{indented}"
        )
    }
}

fn codes(diagnostics: &Diagnostics) -> Vec<&'static str> {
    diagnostics.iter().map(|diagnostic| diagnostic.code.as_str()).collect()
}

/// Checks a block according to its info string. Returns the policy if it is valid.
fn check(block: &Block) -> Option<Policy> {
    let place = format!("{DOCUMENT}:{}", block.line);
    let checked = CheckedPolicy::parse(complete_policy(&block.text).as_bytes(), &Limits::default());
    let (result, code) = match block.info.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["yaml"] => {
            return Some(checked.unwrap_or_else(|found| panic!("{place}: {found}")).compile());
        }
        ["yaml", "refused", code] => (checked.map(|_| ()), code),
        ["yaml", "refused-by-the-server", code] => (checked.unwrap().usable_in_server(), code),
        ["yaml", "refused-as-a-profiles-own", code] => {
            (checked.unwrap().usable_for_one_profile(), code)
        }
        _ => panic!("{place}: {:?}", block.info),
    };
    assert_eq!(codes(&result.unwrap_err()), [code], "{place}");
    None
}

#[test]
fn every_policy_in_the_reference_is_valid_or_refused_as_stated() {
    let blocks = blocks(&text(DOCUMENT));
    let policies = blocks.iter().filter(|block| block.language() == "yaml");
    let good = policies.map(check).filter(Option::is_some).count();
    assert!(good > 5, "{good}");
}

#[test]
fn every_decision_in_the_reference_is_made_as_stated() {
    let mut policy = None;
    let mut decisions = 0;
    for block in blocks(&text(DOCUMENT)) {
        match block.language() {
            "yaml" => policy = check(&block),
            "text" if block.has_word("decided") => {
                let policy = policy.as_ref().unwrap();
                for line in block.text.lines() {
                    decide(policy, line);
                    decisions += 1;
                }
            }
            other => panic!("{DOCUMENT}:{}: `{other}` is not checked", block.line),
        }
    }
    assert!(decisions > 20, "{decisions}");
}

fn decide(policy: &Policy, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    let (given, expected) = words.split_at(3);
    let [at, user, profile] = given else { panic!("{line}") };
    let at: DateTime<Utc> = at.parse().unwrap();
    let request = Request::new(Principal::new(user), profile);
    let verdict = policy.decide(&request, &Facts::default(), at).verdict.as_str();
    let until = policy.valid_until(&request, &Facts::default(), at).map(rfc3339::seconds);
    match (expected, until) {
        ([effect], None) => assert_eq!(*effect, verdict, "{line}"),
        ([effect, "until", wanted], Some(until)) => {
            assert_eq!((*effect, *wanted), (verdict, until.as_str()), "{line}");
        }
        (_, until) => panic!("{line}: {verdict} until {until:?}"),
    }
}

/// The positions of mappings in a policy, with `@` in place of the mapping.
const PLACES: [&str; 16] = [
    "@",
    r#"{ version: "1", rules: [@] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: allow, conditions: @ }] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: allow, unless: @ }] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: allow, conditions: { time: @ } }] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: allow, conditions: { time: { hours: @ } } }] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: allow, conditions: { device: @ } }] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: deny }], profiles: { p: @ } }"#,
    r#"{ version: "1", rules: [{ name: a, effect: deny }], accounts: { a: "111122223333" }, profile_patterns: [@] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: deny }], approvals: [@] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: deny }], approvals: [{ name: a, profiles: [p], approvers: [@] }] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: deny }], approvals: [{ name: a, profiles: [p], approvers: [b], auto_approve: @ }] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: deny }], break_glass: [@] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: deny }], break_glass: [{ name: a, profiles: [p], users: [b], reason_codes: [other], quota: @ }] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: deny }], break_glass: [{ name: a, profiles: [p], users: [b], reason_codes: [other], quota_per_profile: @ }] }"#,
    r#"{ version: "1", rules: [{ name: a, effect: deny }], operators: [@] }"#,
];

/// The keys of each position, from the diagnostics of the checker itself: for a key
/// that is similar to no other key, and for missing keys.
fn keys() -> String {
    let mut rows = String::from("| in | required | optional |\n| --- | --- | --- |\n");
    for place in PLACES {
        let source = place.replace('@', "{ qqqqqqqqqqqq: 1 }");
        let found = CheckedPolicy::parse(source.as_bytes(), &Limits::default()).unwrap_err();
        let unknown = found.iter().find(|one| one.code == DiagnosticCode::UnknownKey).unwrap();
        let place = unknown.message.split_once(" in ").unwrap().1;
        let known = unknown.help.as_deref().unwrap();
        let known = known.strip_prefix(&format!("the keys of {place} are ")).unwrap();
        let required: Vec<&str> = found
            .iter()
            .filter(|one| one.code == DiagnosticCode::MissingKey && one.message.ends_with(place))
            .map(|one| one.message.split('`').nth(1).unwrap())
            .collect();
        let (needed, optional): (Vec<&str>, Vec<&str>) =
            known.split(", ").partition(|key| required.contains(&key.trim_matches('`')));
        writeln!(rows, "| {place} | {} | {} |", needed.join(" "), optional.join(" ")).unwrap();
    }
    rows
}

fn words() -> String {
    fn row<T>(key: &str, all: impl IntoIterator<Item = T>, word: fn(T) -> &'static str) -> String {
        let words: Vec<String> = all.into_iter().map(|it| format!("`{}`", word(it))).collect();
        format!("| `{key}` | {} |\n", words.join(" "))
    }
    [
        "| key | words |\n| --- | --- |\n".to_owned(),
        row("effect", Effect::ALL, Effect::as_str),
        row("days", Day::ALL, Day::as_str),
        row("mode", Mode::ALL, Mode::as_str),
        row("allowed_os_types", OsType::ALL, OsType::as_str),
        row("reason_codes", ReasonCode::ALL, ReasonCode::as_str),
        row("may", Operation::ALL, Operation::as_str),
    ]
    .concat()
}

fn limits() -> String {
    let Limits {
        max_bytes,
        max_rules,
        max_profiles,
        max_depth,
        max_group_entries,
        max_diagnostics,
        ..
    } = Limits::default();
    format!(
        "| limit | by default |\n| --- | --- |\n\
         | bytes of a document | {max_bytes} |\n\
         | rules in a list | {max_rules} |\n\
         | profiles of all profile patterns together | {max_profiles} |\n\
         | nested mappings and lists | {max_depth} |\n\
         | entries of all uses of groups together | {max_group_entries} |\n\
         | diagnostics that are reported | {max_diagnostics} |\n"
    )
}

fn codes_table(severity: Severity) -> String {
    let mut rows = String::from("| code | what it means |\n| --- | --- |\n");
    for code in DiagnosticCode::ALL.into_iter().filter(|code| code.severity() == severity) {
        writeln!(rows, "| `{}` | {} |", code.as_str(), code.explain()).unwrap();
    }
    rows
}

/// The document with the part between its markers replaced.
fn with_part(document: &str, name: &str, part: &str) -> String {
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = document.split_once(&begin).unwrap();
    let (_, after) = rest.split_once("<!-- /generated -->").unwrap();
    format!("{before}{begin}\n{part}\n<!-- /generated -->{after}")
}

#[test]
fn the_generated_parts_of_the_reference_match_the_code() {
    let document = text(DOCUMENT);
    let parts = [
        ("keys", keys()),
        ("words", words()),
        ("limits", limits()),
        ("codes", codes_table(Severity::Error)),
        ("warnings", codes_table(Severity::Warning)),
    ];
    let generated = parts
        .iter()
        .fold(document.clone(), |document, (name, part)| with_part(&document, name, part));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join(DOCUMENT), generated).unwrap();
    } else {
        assert!(document == generated, "write them with UPDATE_DOCS=1 cargo test -p sentinel-cli");
    }
}
