//! Patterns over names. `*` matches any run of characters, including the empty one.
//! `?` matches exactly one character. Case is significant, and there is no escape.

use std::fmt;
use std::sync::Arc;

/// A pattern in which only `*` and `?` are special characters.
///
/// The text is shared, so that a rule that uses a group does not copy the names of
/// its members.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// Every text is a pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern has no wildcard, so that it matches exactly its own text.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        !self.0.contains(['*', '?'])
    }

    /// Whether the pattern matches `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        wildcard(&self.0, text, |_| true)
    }
}

/// A pattern over user names. `*` alone matches every user. In any other pattern
/// `*` and `?` do not match `/`. `*@corp.com` therefore does not match
/// `AnyRole/x@corp.com`, because the caller chose the session name after the `/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserPattern(Pattern);

impl UserPattern {
    /// Every text is a pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Pattern::new(text))
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the pattern has no wildcard, so that it matches exactly its own text.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.0.is_literal()
    }

    /// Whether the pattern is `*`, which matches every user.
    #[must_use]
    pub fn is_everyone(&self) -> bool {
        self.as_str() == "*"
    }

    /// Whether the pattern matches `user`.
    #[must_use]
    pub fn matches(&self, user: &str) -> bool {
        self.is_everyone() || wildcard(self.as_str(), user, |c| c != '/')
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Debug for UserPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// Matches in time proportional to the product of the lengths, without recursion.
/// On a mismatch only the latest `*` is extended by one character. This is
/// sufficient, since extending an earlier one cannot match more. `crosses`
/// determines which characters a wildcard can match. A character that it cannot
/// match ends the run of the latest `*`.
fn wildcard(pattern: &str, text: &str, crosses: impl Fn(char) -> bool) -> bool {
    let mut p = pattern.chars();
    let mut t = text.chars();
    // The pattern after the latest `*`, and the text that this `*` has not matched yet.
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        match (p.next(), t.clone().next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((p.clone(), t.clone()));
                continue;
            }
            (Some('?'), Some(c)) if crosses(c) => {
                t.next();
                continue;
            }
            (Some(expected), Some(c)) if expected == c && expected != '?' => {
                t.next();
                continue;
            }
            (Some(_) | None, _) => {}
        }
        let Some((after, rest)) = &mut retry else { return false };
        match rest.next() {
            Some(c) if crosses(c) => {
                p = after.clone();
                t = rest.clone();
            }
            Some(_) | None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_anchored_and_its_wildcards_may_be_empty() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*", "a", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbcd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "aéc", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "ab_ab_c", false),
            ("prod", "Prod", false),
            ("a/*", "a/b/c", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn only_everyone_crosses_a_slash_in_a_user_pattern() {
        assert!(UserPattern::new("*").matches("AnyRole/x@corp.com"));
        assert!(UserPattern::new("*@corp.com").matches("x@corp.com"));
        assert!(!UserPattern::new("*@corp.com").matches("AnyRole/x@corp.com"));
        assert!(!UserPattern::new("**").matches("a/b"));
        assert!(!UserPattern::new("a?b").matches("a/b"));
        assert!(UserPattern::new("ci/*").matches("ci/build-7"));
        assert!(!UserPattern::new("*/*").matches("a/b/c"));
        assert!(UserPattern::new("*a/b").matches("xa/b"));
    }

    #[test]
    fn a_literal_has_no_wildcard() {
        for (text, expected) in [("", true), ("a/b", true), ("a*", false), ("?", false)] {
            assert_eq!(Pattern::new(text).is_literal(), expected, "{text}");
            assert_eq!(UserPattern::new(text).is_literal(), expected, "{text}");
        }
    }

    #[test]
    fn many_stars_do_not_cost_exponential_time() {
        let pattern = Pattern::new(&"a*".repeat(200));
        assert!(!pattern.matches(&format!("{}b", "a".repeat(199))));
    }
}
