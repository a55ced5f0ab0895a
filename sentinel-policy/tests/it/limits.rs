//! Hostile input is refused within limits.

use sentinel_policy::{CheckedPolicy, DiagnosticCode, Diagnostics, Limits, Severity};

fn refused(source: &str) -> Diagnostics {
    CheckedPolicy::parse(source.as_bytes(), &Limits::default()).unwrap_err()
}

fn codes(diagnostics: &Diagnostics) -> Vec<DiagnosticCode> {
    diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

/// Rules with that number of lines.
fn rules(count: usize, rule: impl Fn(usize) -> String) -> String {
    let rules: String = (0..count).map(|index| format!("- {}\n", rule(index))).collect();
    format!("version: '1'\nrules:\n{rules}")
}

#[test]
fn a_document_of_two_mebibytes_is_refused() {
    for byte in [b'a', b'[', b'\n', 0, 0xff] {
        let source = vec![byte; 2 * 1024 * 1024];
        let diagnostics = CheckedPolicy::parse(&source, &Limits::default()).unwrap_err();
        assert_eq!(codes(&diagnostics), [DiagnosticCode::TooLarge]);
    }
}

#[test]
fn twenty_thousand_rules_are_one_error_and_ten_thousand_are_none() {
    let rule = |index| format!("{{ name: r{index}, effect: allow }}");
    let diagnostics = refused(&rules(20_000, rule));
    assert_eq!(codes(&diagnostics), [DiagnosticCode::TooManyRules]);
    assert_eq!(diagnostics.iter().next().unwrap().span.start.line, 10_003);
    let checked = CheckedPolicy::parse(rules(10_000, rule).as_bytes(), &Limits::default()).unwrap();
    assert_eq!(checked.rules().len(), 10_000);
}

/// A main document with that number of accounts and of patterns.
fn patterns(accounts: usize, patterns: usize) -> String {
    let accounts: String = (0..accounts).map(|i| format!("  a{i}: \"{i:012}\"\n")).collect();
    let patterns: String = (0..patterns)
        .map(|i| format!("- {{ profiles: \"{{account}}.{i}\", role_arn: \"arn:aws:iam::{{account}}:role/R{i}\" }}\n"))
        .collect();
    format!(
        "accounts:\n{accounts}profile_patterns:\n{patterns}{}",
        rules(1, |_| "{ name: a, effect: deny }".to_owned())
    )
}

#[test]
fn profile_patterns_describe_ten_thousand_profiles_and_no_more() {
    let source = patterns(100, 100);
    let checked = CheckedPolicy::parse(source.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(checked.profiles().len(), 10_000);
    // Millions of profiles cost no more than the limit. The place is the first pattern beyond it.
    for (accounts, count, line) in [(101, 100, 203), (10_001, 3_000, 10_004)] {
        let diagnostics = refused(&patterns(accounts, count));
        assert_eq!(codes(&diagnostics), [DiagnosticCode::TooManyProfiles]);
        assert_eq!(diagnostics.iter().next().unwrap().span.start.line, line);
    }
    let few = Limits::default().with_max_profiles(9_999);
    let diagnostics = CheckedPolicy::parse(source.as_bytes(), &few).unwrap_err();
    assert_eq!(codes(&diagnostics), [DiagnosticCode::TooManyProfiles]);
}

#[test]
fn excessive_depth_is_reported_where_it_begins() {
    let open = "[".repeat(200_000);
    let nested = format!("{}{}", "[".repeat(3_000), "]".repeat(3_000));
    let blocks: String = (0..1_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let dashes = "- ".repeat(100_000);
    let braces = "{a: ".repeat(100_000);
    for source in [open, nested, blocks, dashes, braces] {
        let diagnostics = refused(&source);
        assert_eq!(codes(&diagnostics), [DiagnosticCode::TooDeep]);
    }
}

#[test]
fn an_alias_bomb_is_not_expanded() {
    let mut bomb = "a: &a [x, x, x]\n".to_owned();
    for index in 0..20_000 {
        bomb.push_str(&format!("b{index}: &b{index} [*a, *a, *a]\n"));
    }
    let diagnostics = refused(&bomb);
    assert_eq!(diagnostics.len(), 100);
}

#[test]
fn many_stars_without_quotes_are_read_again_only_once() {
    let stars = "*, ".repeat(300_000);
    let rule = |_| format!("{{ name: a, effect: allow, conditions: {{ users: [{stars}] }} }}");
    let diagnostics = refused(&rules(1, rule));
    assert_eq!(diagnostics.count(Severity::Error), 300_000);
    assert_eq!(diagnostics.iter().next().unwrap().code, DiagnosticCode::Alias);
}

#[test]
fn groups_with_too_many_members_are_one_error() {
    let members: Vec<String> = (0..50_000).map(|index| format!("u{index}")).collect();
    let rule =
        |index| format!("{{ name: r{index}, effect: deny, conditions: {{ users: ['group:g'] }} }}");
    let source = format!("groups: {{ g: [{}] }}\n{}", members.join(","), rules(8_000, rule));
    assert_eq!(codes(&refused(&source)), [DiagnosticCode::TooManyGroupEntries]);
}

#[test]
fn misspelled_groups_have_suggestions_while_the_search_is_short() {
    let groups: String = (0..2_500).map(|i| format!("  some-group-{i:04}: [a]\n")).collect();
    let users = "\"group:some-gruop-0007\", ".repeat(50);
    let source = format!(
        "version: '1'\ngroups:\n{groups}rules: [{{name: a, effect: allow, conditions: {{users: [{users}]}}}}]"
    );
    let diagnostics = refused(&source);
    assert!(diagnostics.iter().all(|one| one.code == DiagnosticCode::UndefinedGroup));
    let suggested = diagnostics
        .iter()
        .filter(|one| one.help.as_ref().is_some_and(|help| help.contains("some-group-0007")));
    assert_eq!((diagnostics.len(), suggested.count()), (50, 4));
}

#[test]
fn of_a_hundred_thousand_errors_a_hundred_are_reported_and_the_last_counts_the_rest() {
    let accounts = vec!["x"; 100_000].join(",");
    let rule =
        |_| format!("{{ name: a, effect: allow, conditions: {{ accounts: [{accounts}] }} }}");
    let diagnostics = refused(&rules(1, rule));
    assert_eq!(diagnostics.len(), 100);
    let last = diagnostics.iter().last().unwrap();
    assert_eq!(last.code, DiagnosticCode::MoreErrors);
    assert_eq!(last.message, "99901 more errors are not shown");
    assert_eq!(diagnostics.count(Severity::Error), 100_000);
    let few = Limits::default().with_max_diagnostics(1);
    let source = rules(2, |_| "{ effect: allow }".to_owned());
    let diagnostics = CheckedPolicy::parse(source.as_bytes(), &few).unwrap_err();
    assert_eq!(codes(&diagnostics), [DiagnosticCode::MoreErrors]);
}

#[test]
fn of_a_thousand_warnings_a_hundred_are_shown_and_the_last_counts_the_rest() {
    let rule =
        |index| format!("{{ name: r{index}, effect: allow, conditions: {{ mode: [cli] }} }}");
    let checked = CheckedPolicy::parse(rules(1_000, rule).as_bytes(), &Limits::default()).unwrap();
    assert_eq!(checked.warnings(), None);
    let warnings = checked.warnings_in_server().unwrap();
    assert_eq!((warnings.len(), warnings.count(Severity::Warning)), (100, 1_000));
    let last = warnings.iter().last().unwrap();
    assert_eq!((last.code, last.severity), (DiagnosticCode::MoreWarnings, Severity::Warning));
    assert_eq!(last.message, "901 more warnings are not shown");
}

#[test]
fn many_errors_on_one_huge_line_are_rendered_in_one_pass() {
    let keys: String = (0..60_000).map(|index| format!("key{index}: 1, ")).collect();
    let source = format!("{{ {keys} }}");
    let text = refused(&source).render("policy.yaml", source.as_bytes(), true);
    assert!(text.len() < 100_000, "{} bytes", text.len());
}

#[test]
fn limits_can_be_changed() {
    let source = rules(3, |index| format!("{{ name: r{index}, effect: allow }}"));
    for (limits, code) in [
        (Limits::default().with_max_bytes(10), DiagnosticCode::TooLarge),
        (Limits::default().with_max_rules(2), DiagnosticCode::TooManyRules),
        (Limits::default().with_max_depth(2), DiagnosticCode::TooDeep),
    ] {
        let diagnostics = CheckedPolicy::parse(source.as_bytes(), &limits).unwrap_err();
        assert_eq!(codes(&diagnostics), [code]);
    }
}
