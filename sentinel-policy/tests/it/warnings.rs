//! A pattern that is reported to match no caller, profile or principal matches
//! none.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use sentinel_policy::{
    CheckedPolicy, DiagnosticCode, Diagnostics, Facts, Limits, Pattern, Principal, Request,
    UserPattern, Verdict,
};

const NAME: &str = "[a-cA9_+=,.@-]{1,5}";

/// A name that IAM allows, including names of the maximum length.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => NAME, 1 => "[a-z_+=,.@-]{64}"]
}

/// A caller as the TVM names it: a user, or `RoleName/session`.
fn user() -> impl Strategy<Value = String> {
    prop_oneof![name(), (name(), name()).prop_map(|(role, session)| format!("{role}/{session}"))]
}

/// The ARN of a user, possibly with a path, or of a role's session.
fn principal() -> impl Strategy<Value = String> {
    let partition = prop::sample::select(vec!["aws", "aws-us-gov", "aws-cn"]);
    let path = prop_oneof![Just(String::new()), "[!-9;-~]{0,4}/"];
    let resource = prop_oneof![
        (path, name()).prop_map(|(path, name)| format!("iam::@:user/{path}{name}")),
        (name(), name()).prop_map(|(role, name)| format!("sts::@:assumed-role/{role}/{name}")),
    ];
    (partition, resource, "[0-9]{12}").prop_map(|(partition, resource, account)| {
        format!("arn:{partition}:{}", resource.replacen('@', &account, 1))
    })
}

/// A pattern that resembles a text: some of its characters are replaced by
/// wildcards, removed or changed.
fn resembling(text: String, edits: &[(prop::sample::Index, usize, char)]) -> String {
    let mut pattern: Vec<char> = text.chars().collect();
    for (at, cut, c) in edits {
        let start = at.index(pattern.len() + 1);
        let end = (start + cut).min(pattern.len());
        pattern.splice(start..end, (*c != ' ').then_some(*c));
    }
    pattern.into_iter().collect()
}

fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, char)>> {
    let character = prop::sample::select(vec!['*', '*', '?', '?', ' ', '/', 'a', ':']);
    prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, character), 0..4)
}

/// The policy that allows what the pattern matches, and its diagnostics.
fn checked(key: &str, pattern: &str) -> (Option<CheckedPolicy>, Vec<DiagnosticCode>) {
    let pattern = serde_json::to_string(pattern).unwrap();
    let source = format!(
        "version: '1'\nrules: [{{ name: a, effect: allow, conditions: {{ {key}: [{pattern}] }} }}]"
    );
    let codes = |all: Diagnostics| all.iter().map(|one| one.code).collect();
    match CheckedPolicy::parse(source.as_bytes(), &Limits::default()) {
        Ok(checked) => {
            let warnings = checked.warnings().map(codes).unwrap_or_default();
            (Some(checked), warnings)
        }
        Err(errors) => (None, codes(errors)),
    }
}

/// Whether the policy allows the request. A policy with errors allows nothing.
fn allows(checked: Option<CheckedPolicy>, request: &Request<'_>) -> bool {
    checked.is_some_and(|checked| {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        checked.compile().decide(request, &Facts::default(), now).verdict == Verdict::Allow
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// If a user pattern has a diagnostic, no caller matches it.
    #[test]
    fn a_user_pattern_with_a_warning_matches_no_caller(user in user(), other in user(), edits in edits()) {
        let pattern = resembling(other, &edits);
        let (checked, codes) = checked("users", &pattern);
        let legal = [DiagnosticCode::GroupWithoutPrefix, DiagnosticCode::MisleadingUser];
        let dead = codes.iter().any(|code| !legal.contains(code));
        let allowed = allows(checked, &Request::new(Principal::new(&user), "p"));
        prop_assert!(!(dead && allowed), "{pattern}: {codes:?}");
    }

    /// If a user matches a pattern, the pattern has no diagnostic.
    #[test]
    fn a_pattern_that_a_caller_matches_causes_no_warning(user in user(), edits in edits()) {
        let pattern = resembling(user.clone(), &edits);
        if UserPattern::new(&pattern).matches(&user) {
            let (_, codes) = checked("users", &pattern);
            let only = |code: &DiagnosticCode| {
                (*code == DiagnosticCode::GroupWithoutPrefix && pattern.starts_with('@'))
                    || (*code == DiagnosticCode::MisleadingUser && pattern.contains(','))
            };
            prop_assert!(codes.iter().all(only), "{pattern}: {codes:?}");
        }
    }

    /// If a profile matches a pattern, the pattern has no diagnostic.
    #[test]
    fn a_pattern_that_a_profile_matches_causes_no_warning(
        profile in prop_oneof![4 => "[a-c9][a-c9._-]{0,4}", 1 => "[a-z][a-z._-]{63}"],
        edits in edits(),
    ) {
        let pattern = resembling(profile.clone(), &edits);
        if Pattern::new(&pattern).matches(&profile) {
            prop_assert_eq!(checked("profiles", &pattern).1, []);
        }
    }

    /// If a caller's ARN matches a pattern, the pattern has no diagnostic, except that it can name a session
    /// of any role.
    #[test]
    fn a_pattern_that_a_callers_arn_matches_causes_no_warning(arn in principal(), edits in edits()) {
        let pattern = resembling(arn.clone(), &edits);
        if Pattern::new(&pattern).matches(&arn) {
            let mut codes = checked("principals", &pattern).1;
            codes.retain(|code| *code != DiagnosticCode::SessionOfAnyRole);
            prop_assert_eq!(codes, []);
        }
    }
}

#[test]
fn hostile_patterns_are_checked_in_time_proportional_to_their_length() {
    let many = vec!["\"arn:*a*b*c*:user:*?*\u{430}\""; 20_000].join(",");
    let long = format!("\"arn:{}\u{430}\"", "*a".repeat(200_000));
    for principals in [many, long] {
        let source = format!(
            "version: '1'\nrules: [{{ name: a, effect: deny, conditions: {{ principals: [{principals}] }} }}]"
        );
        let checked = CheckedPolicy::parse(source.as_bytes(), &Limits::default()).unwrap();
        let warnings = checked.warnings().unwrap();
        assert!(warnings.len() <= 100);
        assert!(warnings.render("p.yaml", source.as_bytes(), false).len() < 100_000);
    }
    let stars = vec!["\"ci*\""; 100_000].join(",");
    let source = format!(
        "version: '1'\nrules: [{{ name: a, effect: deny, conditions: {{ users: [{stars}] }} }}]"
    );
    let checked = CheckedPolicy::parse(source.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(checked.warnings().unwrap().len(), 100);
}
