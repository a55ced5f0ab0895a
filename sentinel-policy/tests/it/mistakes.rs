//! One likely mistake in a valid policy is one diagnostic, at the place of the
//! mistake.

use proptest::prelude::*;
use sentinel_policy::{CheckedPolicy, DiagnosticCode, Limits};

/// The lines of a rule of the policies in this file, in YAML.
const RULE: [&str; 12] = [
    "  - name: NAME",
    "    effect: allow",
    "    conditions:",
    "      profiles: [prod, \"staging-*\"]",
    "      users:",
    "        - alice",
    "        - \"group:oncall\"",
    "        - bob",
    "      time: { days: [monday], hours: { start: \"09:00\", end: \"17:00\" } }",
    "      mode: [server]",
    "    max_duration: 1h",
    "    reason: Access during the day",
];
const PROFILES: usize = 3;
const USERS: std::ops::Range<usize> = 5..8;
const CONDITIONS: std::ops::Range<usize> = 3..10;

/// The lines of a valid policy with that number of rules.
fn yaml(rules: usize) -> Vec<String> {
    let mut lines = vec!["version: \"1\"".to_owned()];
    lines.extend(["groups:", "  oncall: [carol]", "rules:"].map(str::to_owned));
    for rule in 0..rules {
        lines.extend(RULE.map(|line| line.replace("NAME", &format!("r{rule}"))));
    }
    lines
}

/// The lines of such a policy in JSON, with one entry per line.
fn json(rules: usize) -> Vec<String> {
    let rules: Vec<serde_json::Value> = (0..rules)
        .map(|rule| {
            serde_json::json!({
                "name": format!("r{rule}"),
                "effect": "allow",
                "conditions": { "profiles": ["prod", "staging-*"], "users": ["alice", "bob"] },
                "reason": "Access",
            })
        })
        .collect();
    let policy = serde_json::json!({ "version": "1", "rules": rules });
    serde_json::to_string_pretty(&policy).unwrap().lines().map(str::to_owned).collect()
}

/// The code, line and column of each diagnostic.
fn found(lines: &[String]) -> Vec<(DiagnosticCode, u32, u32)> {
    let source = lines.join("\n") + "\n";
    let Err(diagnostics) = CheckedPolicy::parse(source.as_bytes(), &Limits::default()) else {
        return Vec::new();
    };
    let place = |d: &sentinel_policy::Diagnostic| (d.code, d.span.start.line, d.span.start.column);
    diagnostics.iter().map(place).collect()
}

/// The number of spaces that a line begins with.
fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Requires one diagnostic, at an offset of a line.
fn at(
    lines: &[String],
    code: DiagnosticCode,
    line: usize,
    offset: usize,
) -> Result<(), TestCaseError> {
    let place = (code, u32::try_from(line + 1).unwrap(), u32::try_from(offset + 1).unwrap());
    prop_assert_eq!(found(lines), [place], "{}", lines.join("\n"));
    Ok(())
}

/// A rule of a policy: how many rules there are, and the line before the first
/// of the rule.
fn rule() -> impl Strategy<Value = (Vec<String>, usize)> {
    (1..4_usize).prop_flat_map(|rules| {
        (Just(yaml(rules)), (0..rules).prop_map(|rule| 4 + rule * RULE.len()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_star_without_quotes((mut lines, rule) in rule(), user in USERS, form in 0..4_usize) {
        let (line, text) = match form {
            0 => (rule + PROFILES, "      profiles: [*]"),
            1 => (rule + PROFILES, "      profiles: [ prod, * ]"),
            2 => (rule + user, "        - *"),
            _ => (rule + user, "        - *,"),
        };
        lines[line] = text.to_owned();
        at(&lines, DiagnosticCode::Alias, line, text.find('*').unwrap())?;
    }

    #[test]
    fn a_group_that_is_read_as_a_mapping((mut lines, rule) in rule(), user in USERS) {
        lines[rule + user] = "        - group: oncall".to_owned();
        at(&lines, DiagnosticCode::WrongType, rule + user, 10)?;
    }

    #[test]
    fn a_list_that_is_a_text((mut lines, rule) in rule()) {
        lines[rule + PROFILES] = "      profiles: prod, staging".to_owned();
        at(&lines, DiagnosticCode::WrongType, rule + PROFILES, 16)?;
    }

    #[test]
    fn conditions_that_are_not_indented((mut lines, rule) in rule(), keep in any::<bool>()) {
        for line in CONDITIONS {
            lines[rule + line].replace_range(..2, "");
        }
        if !keep {
            lines.remove(rule + 2);
        }
        at(&lines, DiagnosticCode::NestedKey, rule + if keep { 3 } else { 2 }, 4)?;
    }

    #[test]
    fn a_quote_that_is_not_closed((mut lines, rule) in rule(), user in USERS) {
        lines[rule + user] = "        - \"dave".to_owned();
        at(&lines, DiagnosticCode::Syntax, rule + user, 10)?;
    }

    #[test]
    fn a_no_break_space((mut lines, rule) in rule(), line in 0..RULE.len(), after_key in any::<bool>()) {
        let line = rule + line;
        let colon = lines[line].find(": ");
        let offset = match colon.filter(|_| after_key) {
            Some(colon) => colon + 1,
            None => indentation(&lines[line]) - 1,
        };
        lines[line].replace_range(offset..=offset, "\u{a0}");
        at(&lines, DiagnosticCode::LookalikeSpace, line, offset)?;
    }

    #[test]
    fn a_tab_that_indents((mut lines, rule) in rule(), line in 1..RULE.len()) {
        let line = rule + line;
        let indent = indentation(&lines[line]);
        lines[line].replace_range(..indent, "\t");
        at(&lines, DiagnosticCode::Syntax, line, 0)?;
    }

    #[test]
    fn a_dash_without_a_space((mut lines, rule) in rule(), line in prop_oneof![Just(0), USERS]) {
        // Before any other entry, what follows is read as part of the same text.
        let code = if line == USERS.start { DiagnosticCode::WrongType } else { DiagnosticCode::Syntax };
        let line = rule + line;
        let dash = indentation(&lines[line]);
        lines[line].replace_range(dash + 1..dash + 2, "");
        at(&lines, code, line, dash)?;
    }

    #[test]
    fn a_colon_without_a_space((mut lines, rule) in rule(), line in 0..RULE.len()) {
        let line = rule + line;
        let Some(colon) = lines[line].find(": ") else { return Ok(()) };
        let key = lines[line].find(|c: char| c.is_ascii_alphabetic()).unwrap();
        lines[line].replace_range(colon + 1..colon + 2, "");
        at(&lines, DiagnosticCode::Syntax, line, key)?;
    }

    #[test]
    fn a_merge_conflict_marker(
        (mut lines, rule) in rule(),
        line in 0..RULE.len(),
        mark in proptest::sample::select(vec!["<<<<<<< HEAD", "=======", ">>>>>>> branch"]),
    ) {
        lines.insert(rule + line, mark.to_owned());
        at(&lines, DiagnosticCode::ConflictMarker, rule + line, 0)?;
    }

    #[test]
    fn a_comma_that_is_missing_in_json(rules in 1..4_usize, line in any::<prop::sample::Index>()) {
        let mut lines = json(rules);
        let with: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].ends_with(',')).collect();
        let line = *line.get(&with);
        lines[line].pop();
        let end = lines[line].len();
        at(&lines, DiagnosticCode::Syntax, line, end)?;
    }

    #[test]
    fn a_quote_that_is_missing_in_json(rules in 1..4_usize, line in any::<prop::sample::Index>()) {
        let mut lines = json(rules);
        let with: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].contains('"')).collect();
        let line = *line.get(&with);
        let close = lines[line].rfind('"').unwrap();
        lines[line].replace_range(close..=close, "");
        let open = lines[line].rfind('"').unwrap();
        at(&lines, DiagnosticCode::Syntax, line, open)?;
    }
}

#[test]
fn the_policies_without_the_mistakes_are_valid() {
    for rules in 1..4 {
        assert_eq!(found(&yaml(rules)), []);
        assert_eq!(found(&json(rules)), []);
    }
}
