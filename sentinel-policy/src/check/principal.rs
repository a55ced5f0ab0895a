//! Patterns over the ARNs of principals.

use crate::Pattern;
use crate::diagnostic::{Finding, Subject};
use crate::document::Node;
use crate::name::{matches_a_caller, meant_principal};
use crate::read::Reader;

impl<'n> Reader<'n> {
    /// A pattern that some ARN can meet; it may have wildcards anywhere.
    pub(super) fn principal(&mut self, key: &'static str, node: &'n Node<'n>) -> Option<Pattern> {
        let what = Subject::EntryOf(key);
        let value = self.text(what, node)?;
        if some_arn_matches(value) {
            if !matches_a_caller(value) {
                self.findings.report(
                    node.span,
                    Finding::UnmatchedPrincipal { what, value, meant: meant_principal },
                );
            }
            return Some(Pattern::new(value));
        }
        self.findings.report(node.span, Finding::InvalidPrincipal { value });
        None
    }
}

/// Whether a text of the form `arn:…:…:…:…:…`, which every ARN has, can be of
/// this pattern.
fn some_arn_matches(pattern: &str) -> bool {
    let mut rest = pattern.chars();
    for expected in "arn:".chars() {
        match rest.next() {
            Some('*') => return true,
            Some(c) if c == expected || c == '?' => {}
            Some(_) | None => return false,
        }
    }
    let rest = rest.as_str();
    rest.contains('*') || rest.chars().filter(|c| matches!(c, ':' | '?')).count() >= 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_arn_can_meet_is_refused() {
        for (pattern, expected) in [
            ("*", true),
            ("?rn:*", true),
            ("arn:*", true),
            ("a*", true),
            ("*:assumed-role/Admins/*", true),
            ("arn:aws:iam::111122223333:user/alice", true),
            ("arn:aws:iam::????????????:user/*", true),
            ("arn?aws?iam??111122223333?user", true),
            ("arn:aws:iam", false),
            ("arn", false),
            ("alice", false),
            ("alice*", false),
            ("AROA*", false),
            ("group:oncall", false),
            ("ARN:aws:iam::111122223333:user/alice", false),
        ] {
            assert_eq!(some_arn_matches(pattern), expected, "{pattern}");
        }
    }
}
