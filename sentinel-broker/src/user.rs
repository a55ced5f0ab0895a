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
