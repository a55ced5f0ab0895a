//! How a policy and an operator write a user.

use sentinel_store::{AccountId, CallerKey};

use crate::arn::is_name;

/// Whether `text` can be a caller's user, as policies compare it: a name, or
/// `RoleName/session`.
#[must_use]
pub fn is_user(text: &str) -> bool {
    match text.split_once('/') {
        Some((role, session)) => is_name(role) && is_name(session),
        None => is_name(text),
    }
}

/// The caller key of a user as operators write it: a name or `account/RoleName`. `None` for any
/// other text.
#[must_use]
pub fn parse_user(text: &str) -> Option<CallerKey> {
    let key = match text.split_once('/') {
        Some((account, role)) => {
            (AccountId::parse(account).is_ok() && is_name(role)).then(|| text.to_owned())
        }
        None => is_name(text).then(|| text.to_ascii_lowercase()),
    };
    CallerKey::parse(&key?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_name_or_a_role_and_a_session() {
        for (text, expected) in [
            ("alice", true),
            ("x@corp.com", true),
            ("ci/build-7", true),
            ("ci/", false),
            ("/build-7", false),
            ("ci/a/b", false),
            ("a b", false),
            ("", false),
        ] {
            assert_eq!(is_user(text), expected, "{text}");
        }
    }
}
