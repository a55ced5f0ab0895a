//! One mistake in a key is one diagnostic, at every place of the key.

use sentinel_policy::{CheckedPolicy, DiagnosticCode, Limits};

/// A policy with every key of the language, each on a separate line.
const WHOLE: &str = include_str!("../cases/whole-language.yaml");

/// The keys that the policy author chooses: groups, profiles and accounts.
const NAMES: [&str; 7] =
    ["oncall", "contractors", "admins", "production", "sandbox", "payments", "search"];

/// Whether a key can contain a character.
fn in_a_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// For each key, the policy with the first letter of that key doubled.
fn misspellings() -> Vec<(&'static str, String)> {
    let comment = WHOLE.lines().next().unwrap();
    let pieces: Vec<&str> = WHOLE.strip_prefix(comment).unwrap().split(':').collect();
    let mut misspellings = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let key = piece.rsplit(|c| !in_a_key(c)).next().unwrap();
        let is_key = pieces.get(index + 1).is_some_and(|next| next.starts_with([' ', '\n']));
        if !is_key || key.is_empty() || NAMES.contains(&key) {
            continue;
        }
        let before = piece.strip_suffix(key).unwrap();
        let misspelled = format!("{before}{}{key}", key.chars().next().unwrap());
        let mut pieces = pieces.clone();
        pieces[index] = &misspelled;
        misspellings.push((key, format!("{comment}{}", pieces.join(":"))));
    }
    misspellings
}

#[test]
fn a_misspelled_key_is_one_message_that_suggests_the_intended_key() {
    let misspellings = misspellings();
    assert!(misspellings.len() > 60, "{}", misspellings.len());
    for (key, source) in misspellings {
        let diagnostics = CheckedPolicy::parse(source.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(diagnostics.len(), 1, "{key}: {diagnostics}");
        let diagnostic = diagnostics.iter().next().unwrap();
        assert_eq!(diagnostic.code, DiagnosticCode::UnknownKey);
        assert_eq!(diagnostic.help.as_deref(), Some(format!("did you mean `{key}`?").as_str()));
    }
}

#[test]
fn a_repeated_key_is_one_message_at_its_second_occurrence() {
    for line in WHOLE.lines().filter(|line| line.ends_with(['h', 'm', 's', '1', '"'])) {
        let Some((key, _)) = line.trim().split_once(": ") else { continue };
        if line.trim().starts_with(['-', '#']) || line.contains("users") {
            continue;
        }
        let twice = WHOLE.replacen(line, &format!("{line}\n{line}"), 1);
        let diagnostics = CheckedPolicy::parse(twice.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(diagnostics.len(), 1, "{key}: {diagnostics}");
        let diagnostic = diagnostics.iter().next().unwrap();
        assert_eq!(diagnostic.code, DiagnosticCode::DuplicateKey);
        let first = WHOLE.lines().position(|other| other == line).unwrap();
        assert_eq!(diagnostic.span.start.line as usize, first + 2, "{key}");
    }
}
