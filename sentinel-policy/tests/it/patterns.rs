//! Patterns against a direct implementation of their definition.

use proptest::prelude::*;
use sentinel_policy::{Pattern, UserPattern};

/// Whether each prefix of the pattern matches each prefix of the text, one by one.
/// `crosses` determines which characters a wildcard can match.
fn matches(pattern: &str, text: &str, crosses: impl Fn(char) -> bool) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for wanted in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        if wanted == '*' {
            next[0] = reached[0];
        }
        for (i, c) in text.iter().enumerate() {
            next[i + 1] = match wanted {
                '*' => reached[i + 1] || (next[i] && crosses(*c)),
                '?' => reached[i] && crosses(*c),
                literal => reached[i] && literal == *c,
            };
        }
        reached = next;
    }
    reached[text.len()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn a_pattern_matches_as_defined(
        pattern in "[ab/é*?]{0,9}",
        text in "[ab/é*?]{0,12}",
    ) {
        prop_assert_eq!(Pattern::new(&pattern).matches(&text), matches(&pattern, &text, |_| true));
    }

    #[test]
    fn a_user_pattern_matches_as_defined(
        pattern in "[ab/é*?]{0,9}",
        text in "[ab/é*?]{0,12}",
    ) {
        let expected = pattern == "*" || matches(&pattern, &text, |c| c != '/');
        prop_assert_eq!(UserPattern::new(&pattern).matches(&text), expected);
    }
}
