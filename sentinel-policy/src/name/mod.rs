//! The names that can exist: of callers as the TVM reads them, and of profiles. The
//! module determines which patterns can match one, and what was probably meant by a
//! pattern that cannot.

mod caller_arn;
mod meant;

pub(crate) use caller_arn::{matches_a_caller, meant_principal, session_of_any_role};
pub(crate) use meant::{IDENTITY_CENTER, Misread, meant_caller, meant_profile, meant_user};

use crate::UserPattern;

/// Maximum number of characters in the name of an IAM user, a role, a session and a
/// profile.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const LONGEST: usize = 64;

/// The reason why a pattern matches no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The pattern has a character that names cannot contain.
    Character(char),
    /// The pattern has only valid characters, but in a form that no name has.
    Shape,
}

/// The reason why a pattern matches no caller. The name of a caller is `NAME` or
/// `RoleName/session`, with each part of the form `[A-Za-z0-9_+=,.@-]{1,64}`.
pub(crate) fn user_fault(pattern: &str) -> Option<Fault> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
    if let Some(fault) = character_fault(pattern, in_name) {
        return Some(fault);
    }
    if UserPattern::new(pattern).is_everyone() {
        return None;
    }
    // Other wildcards do not match `/`, so each part of the pattern corresponds to one
    // part of the name.
    let parts = pattern.split('/');
    let possible = parts.clone().count() <= 2 && parts.clone().all(fits);
    (!possible).then_some(Fault::Shape)
}

/// The reason why a pattern matches no profile. The name of a profile has the form
/// `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
pub(crate) fn profile_fault(pattern: &str) -> Option<Fault> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if let Some(fault) = character_fault(pattern, in_name) {
        return Some(fault);
    }
    let possible = fits(pattern) && !pattern.starts_with(['.', '_', '-']);
    (!possible).then_some(Fault::Shape)
}

fn character_fault(pattern: &str, in_name: impl Fn(char) -> bool) -> Option<Fault> {
    pattern.chars().find(|&c| c != '*' && c != '?' && !in_name(c)).map(Fault::Character)
}

/// Whether a pattern of ASCII characters can match a text of 1 to 64 of them.
fn fits(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.bytes().filter(|b| *b != b'*').count() <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_that_no_caller_can_have_as_a_name() {
        use Fault::{Character, Shape};
        let (most, more) = ("a".repeat(64), "a".repeat(65));
        for (pattern, expected) in [
            ("*", None),
            ("**", None),
            ("?", None),
            ("alice", None),
            ("A.lice+x=1,@corp-2_", None),
            ("ci/build-7", None),
            ("*/*", None),
            ("*@corp.com", None),
            (&most, None),
            (&*format!("*{most}*/{most}"), None),
            (&more, Some(Shape)),
            (&*format!("ci/*{}*", "?".repeat(65)), Some(Shape)),
            ("ci/", Some(Shape)),
            ("/alice", Some(Shape)),
            ("path/ci/build", Some(Shape)),
            ("alice ", Some(Character(' '))),
            ("group:x", Some(Character(':'))),
            ("\u{430}lice", Some(Character('\u{430}'))),
        ] {
            assert_eq!(user_fault(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn profiles_that_no_caller_can_request() {
        use Fault::{Character, Shape};
        for (pattern, expected) in [
            ("*", None),
            ("prod-*", None),
            ("?.x", None),
            ("*_x", None),
            ("9", None),
            ("-prod", Some(Shape)),
            ("_*", Some(Shape)),
            (&*"?".repeat(65), Some(Shape)),
            ("prod/eu", Some(Character('/'))),
            ("prod ", Some(Character(' '))),
        ] {
            assert_eq!(profile_fault(pattern), expected, "{pattern}");
        }
    }
}
