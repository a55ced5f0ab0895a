//! Names by pattern: `*` is any run of characters, the empty one too, `?`
//! exactly one; case matters and nothing can be escaped.

use std::fmt;
use std::sync::Arc;

/// A pattern in which nothing is special about any character but `*` and `?`.
///
/// Its text is shared, so that a group costs no copy of its members' names for
/// each rule that uses it.
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

    /// Whether it has no wildcard, and so matches exactly its own text.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        !self.0.contains(['*', '?'])
    }

    /// Whether `text` is of this pattern.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        wildcard(&self.0, text, |_| true)
    }
}

/// A pattern over user names. `*` alone is everyone; in any other pattern `*`
/// and `?` do not match `/`, so that `*@corp.com` is not met by
/// `AnyRole/x@corp.com`, whose last part its holder chose.
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

    /// Whether it has no wildcard, and so matches exactly its own text.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.0.is_literal()
    }

    /// Whether it is `*`, which everyone meets.
    #[must_use]
    pub fn is_everyone(&self) -> bool {
        self.as_str() == "*"
    }

    /// Whether `user` is of this pattern.
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

/// Matches in time proportional to the product of the lengths, without
/// recursion: on a mismatch only the latest `*` takes one character more, which
/// is enough, since an earlier one could gain nothing that the latest cannot.
/// `crosses` says which characters a wildcard may stand for; a character that
/// it may not ends the run of the latest `*` for good.
fn wildcard(pattern: &str, text: &str, crosses: impl Fn(char) -> bool) -> bool {
    let mut p = pattern.chars();
    let mut t = text.chars();
    // After a `*`: the pattern behind it, and the text it has not yet swallowed.
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
    fn many_stars_do_not_cost_exponential_time() {
        let pattern = Pattern::new(&"a*".repeat(200));
        assert!(!pattern.matches(&format!("{}b", "a".repeat(199))));
    }
}
