//! The roles whose session name is the user: entries of `SENTINEL_SESSION_NAME_ROLES`.

use std::fmt;

use sentinel_policy::Pattern;
use sentinel_store::AccountId;

use crate::arn::is_name_byte;

/// A role whose session names are set by a trusted party, so that they identify the user:
/// `[account:]pattern`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionNameRole {
    account: Option<AccountId>,
    pattern: Pattern,
}

/// Why an entry of `SENTINEL_SESSION_NAME_ROLES` is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionNameRoleError {
    /// The entry matches every role. Every caller that can assume some role could then choose its
    /// user.
    #[error("`*` would let every caller that can assume some role choose its user")]
    EveryRole,
    /// The entry is neither a pattern nor an account, `:` and a pattern.
    #[error("not `[account:]pattern`")]
    Malformed,
}

impl SessionNameRole {
    /// The roles of AWS IAM Identity Center, which sets the session name to the user's name. They are
    /// listed by default.
    pub const DEFAULT: &'static str = "AWSReservedSSO_*_????????????????";

    /// Parses `[account:]pattern`.
    ///
    /// # Errors
    /// See [`SessionNameRoleError`].
    pub fn parse(text: &str) -> Result<Self, SessionNameRoleError> {
        let (account, pattern) = match text.split_once(':') {
            Some((account, pattern)) => {
                let account =
                    AccountId::parse(account).map_err(|_| SessionNameRoleError::Malformed)?;
                (Some(account), pattern)
            }
            None => (None, text),
        };
        let role_name = |b: u8| is_name_byte(b) || b == b'*' || b == b'?';
        if pattern.is_empty() || !pattern.bytes().all(role_name) {
            return Err(SessionNameRoleError::Malformed);
        }
        if account.is_none() && pattern.bytes().all(|b| b == b'*' || b == b'?') {
            return Err(SessionNameRoleError::EveryRole);
        }
        Ok(Self { account, pattern: Pattern::new(pattern) })
    }

    /// Whether the entry names an account. An entry without one trusts every served account in which
    /// a role of such a name can be created.
    #[must_use]
    pub const fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// Whether the entry matches that role.
    pub(crate) fn matches(&self, account: &AccountId, role: &str) -> bool {
        self.account.as_ref().is_none_or(|listed| listed == account) && self.pattern.matches(role)
    }

    /// Whether the entry matches that role, and contains the beginning of its name. A trusted party
    /// sets the session names of such a role, so Sentinel vends no credentials of it. An entry that
    /// begins with a wildcard, as `111122223333:*`, can also match roles that Sentinel vends.
    pub(crate) fn names(&self, account: &AccountId, role: &str) -> bool {
        self.matches(account, role) && !self.pattern.as_str().starts_with(['*', '?'])
    }
}

/// `[account:]pattern`.
impl fmt::Display for SessionNameRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(account) = &self.account {
            write!(f, "{account}:")?;
        }
        f.write_str(self.pattern.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_written_as_it_was_read() {
        for text in [SessionNameRole::DEFAULT, "111122223333:*", "people"] {
            let entry = SessionNameRole::parse(text).unwrap();
            assert_eq!(entry.to_string(), text);
            assert_eq!(entry.has_account(), text.contains(':'));
        }
    }

    #[test]
    fn a_list_that_would_trust_every_role_is_refused() {
        for everything in ["*", "**", "?*", "*?"] {
            assert_eq!(SessionNameRole::parse(everything), Err(SessionNameRoleError::EveryRole));
        }
        for malformed in ["", "123:x", "111122223333:", "a b", "role/x"] {
            assert_eq!(SessionNameRole::parse(malformed), Err(SessionNameRoleError::Malformed));
        }
    }
}
