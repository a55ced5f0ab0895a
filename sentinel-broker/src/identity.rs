//! Who the caller is: only from what API Gateway or the function URL has
//! verified, and never shortened or cleaned into somebody else.

use std::fmt;

use sentinel_policy::Pattern;
use sentinel_store::{AccountId, CallerKey};

use crate::SourceIdentityFormat;
use crate::arn::{Arn, is_name_byte};

/// What was verified about a request's signature, as the event states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedIdentity<'a> {
    /// The ARN of the user or assumed-role session.
    pub user_arn: &'a str,
    /// The account of the credentials.
    pub account: &'a str,
    /// The organization of that account, where it is known.
    pub organization: Option<&'a str>,
}

/// A caller that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user as policies see them: an IAM user's name, a listed role's
    /// session name, or `RoleName/session`.
    pub user: String,
    /// Who is one person.
    pub key: CallerKey,
    /// The account.
    pub account: AccountId,
    /// The ARN.
    pub principal: String,
    /// The organization, where it is known.
    pub organization: Option<String>,
    /// For an assumed role: its name.
    pub role: Option<String>,
    /// Whether the last part of the principal can be trusted to say who it is:
    /// false for a role whose session names anybody may choose who can assume
    /// it.
    pub named: bool,
}

/// Why a verified identity is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdentityError {
    /// Not an IAM user or an assumed role, or not in a form that IAM gives.
    #[error("not an IAM user or an assumed role")]
    Unsupported,
    /// Credentials that were vended: whoever signs with them must sign as who
    /// they are.
    #[error("the credentials were vended by Sentinel")]
    Vended,
    /// The account inside the ARN is not the account of the identity.
    #[error("the ARN is of another account than the identity")]
    AccountMismatch,
    /// The account is not one that is trusted.
    #[error("the account is not trusted")]
    UntrustedAccount,
}

/// A role whose session names are set by a trusted party, so that they say who
/// the user is: `[account:]pattern`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionNameRole {
    account: Option<AccountId>,
    pattern: Pattern,
}

/// An entry of `SENTINEL_SESSION_NAME_ROLES` is not of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionNameRoleError {
    /// Anybody who can assume any role could call themselves anybody.
    #[error("`*` would let whoever can assume any role choose who they are")]
    EveryRole,
    /// Neither a pattern nor an account, `:` and a pattern.
    #[error("not `[account:]pattern`")]
    Malformed,
}

impl SessionNameRole {
    /// The roles of AWS IAM Identity Center, which sets the session name to the
    /// user's: what is listed when nothing else is.
    pub const DEFAULT: &'static str = "AWSReservedSSO_*_????????????????";

    /// Reads `[account:]pattern`.
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

    /// Whether the entry names an account. One that does not trusts every account that can create a
    /// role of such a name.
    #[must_use]
    pub const fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// Whether that role is meant.
    pub(crate) fn lists(&self, account: &AccountId, role: &str) -> bool {
        self.account.as_ref().is_none_or(|listed| listed == account) && self.pattern.matches(role)
    }

    /// Whether that role is meant by the beginning of its name. A trusted party sets the session
    /// names of such a role, so that Sentinel vends no credentials of it. An entry that begins with
    /// a wildcard, as `111122223333:*`, can also cover roles that Sentinel vends.
    pub(crate) fn names(&self, account: &AccountId, role: &str) -> bool {
        self.lists(account, role) && !self.pattern.as_str().starts_with(['*', '?'])
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

impl Caller {
    /// The caller of a verified identity.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) fn from_verified(
        verified: &VerifiedIdentity<'_>,
        trusted: &[AccountId],
        session_name_roles: &[SessionNameRole],
        stamps: SourceIdentityFormat,
    ) -> Result<Self, IdentityError> {
        let arn = Arn::parse(verified.user_arn).ok_or(IdentityError::Unsupported)?;
        let account = AccountId::parse(arn.account).map_err(|_| IdentityError::Unsupported)?;
        if arn.account != verified.account {
            return Err(IdentityError::AccountMismatch);
        }
        let (user, key, role, named) = match (arn.user(), arn.session()) {
            (Some(name), _) => (name.to_owned(), name.to_ascii_lowercase(), None, true),
            // An IAM user is not a session, and a role whose names a trusted party sets is not one
            // of which Sentinel vends sessions: their names may look like a stamp.
            (None, Some((role, session)))
                if stamps.is_stamp(session)
                    && !session_name_roles.iter().any(|entry| entry.names(&account, role)) =>
            {
                return Err(IdentityError::Vended);
            }
            (None, Some((role, session))) => {
                let listed = session_name_roles.iter().any(|entry| entry.lists(&account, role));
                let (user, key) = if listed {
                    (session.to_owned(), session.to_ascii_lowercase())
                } else {
                    (format!("{role}/{session}"), format!("{account}/{role}"))
                };
                (user, key, Some(role.to_owned()), listed)
            }
            (None, None) => return Err(IdentityError::Unsupported),
        };
        if !trusted.contains(&account) {
            return Err(IdentityError::UntrustedAccount);
        }
        Ok(Self {
            user,
            key: CallerKey::parse(&key).map_err(|_| IdentityError::Unsupported)?,
            account,
            principal: verified.user_arn.to_owned(),
            organization: verified.organization.map(str::to_owned),
            role,
            named,
        })
    }

    /// The caller as a policy sees them.
    #[must_use]
    pub fn in_policy(&self) -> sentinel_policy::Caller<'_> {
        sentinel_policy::Caller {
            user: &self.user,
            account: Some(self.account.as_str()),
            principal: Some(&self.principal),
            organization: self.organization.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "111122223333";

    fn identify(arn: &str, roles: &[&str]) -> Result<Caller, IdentityError> {
        let roles: Vec<_> =
            roles.iter().map(|role| SessionNameRole::parse(role).unwrap()).collect();
        let verified = VerifiedIdentity { user_arn: arn, account: ACCOUNT, organization: None };
        let trusted = [AccountId::parse(ACCOUNT).unwrap()];
        Caller::from_verified(&verified, &trusted, &roles, SourceIdentityFormat::default())
    }

    #[test]
    fn a_user_is_its_name_whatever_its_path_and_its_key_is_in_lower_case() {
        let caller = identify("arn:aws:iam::111122223333:user/eng/core/Alice", &[]).unwrap();
        assert_eq!((caller.user.as_str(), caller.key.as_str()), ("Alice", "alice"));
        assert!(caller.named);
    }

    #[test]
    fn the_session_name_of_a_role_is_not_proof_of_a_user() {
        let caller = identify("arn:aws:sts::111122223333:assumed-role/ci/alice", &[]).unwrap();
        assert_eq!((caller.user.as_str(), caller.key.as_str()), ("ci/alice", "111122223333/ci"));
        assert!(!caller.named);
    }

    #[test]
    fn the_session_name_of_a_listed_role_is_the_user() {
        let sso = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/Bob@corp.com";
        let caller = identify(sso, &[SessionNameRole::DEFAULT]).unwrap();
        assert_eq!((caller.user.as_str(), caller.key.as_str()), ("Bob@corp.com", "bob@corp.com"));
        let other = identify(sso, &["999999999999:AWSReservedSSO_*"]).unwrap();
        assert_eq!(other.key.as_str(), "111122223333/AWSReservedSSO_Admin_0123456789abcdef");
    }

    #[test]
    fn credentials_that_were_vended_are_nobody() {
        for role in ["SentinelProtected-production", "anything"] {
            let arn =
                format!("arn:aws:sts::111122223333:assumed-role/{role}/sentinel-alice-abcdefgh");
            assert_eq!(identify(&arn, &["111122223333:*"]), Err(IdentityError::Vended));
        }
    }

    #[test]
    fn a_user_whose_name_looks_like_a_stamp_is_that_user() {
        let name = "sentinel-team-operator";
        for (arn, listed) in [
            (format!("arn:aws:iam::{ACCOUNT}:user/{name}"), "111122223333:*"),
            (
                format!(
                    "arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_A_0123456789abcdef/{name}"
                ),
                SessionNameRole::DEFAULT,
            ),
            (format!("arn:aws:sts::{ACCOUNT}:assumed-role/people/{name}"), "111122223333:people"),
        ] {
            let caller = identify(&arn, &[listed]).unwrap();
            assert_eq!((caller.user.as_str(), caller.key.as_str()), (name, name), "{arn}");
        }
        // A role that is not listed, or only with all others, may be one that Sentinel vends.
        let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/people/{name}");
        for listed in ["999999999999:people", "111122223333:*", "111122223333:*people", "ci-*"] {
            assert_eq!(identify(&session, &[listed]), Err(IdentityError::Vended), "{listed}");
        }
    }

    #[test]
    fn names_that_differ_are_different_people() {
        let key = |name: &str| {
            identify(&format!("arn:aws:iam::111122223333:user/{name}"), &[]).unwrap().key
        };
        assert_ne!(key("a.lice"), key("alice"));
        assert_ne!(key("al-ice"), key("alice"));
        assert_ne!(key(&"a".repeat(63)), key(&"a".repeat(64)));
    }

    #[test]
    fn whoever_is_not_a_user_or_a_session_is_not_served() {
        for arn in [
            "arn:aws:iam::111122223333:root",
            "arn:aws:sts::111122223333:federated-user/alice",
            "arn:aws:iam::111122223333:role/ci",
            "arn:aws:iam::111122223333:user/",
            "arn:aws:iam::111122223333:user/al ice",
            "arn:aws:sts::111122223333:assumed-role/ci",
            "arn:aws:sts::111122223333:assumed-role/ci/",
            "arn:aws:sts::111122223333:assumed-role/ci/a/b",
            "arn:aws:sts:us-east-1:111122223333:assumed-role/ci/a",
            "arn:evil:iam::111122223333:user/alice",
            "arn:aws:iam::111122223333:user/alice:more",
            "alice",
            "",
        ] {
            assert_eq!(identify(arn, &[]), Err(IdentityError::Unsupported), "{arn}");
        }
    }

    #[test]
    fn the_account_inside_the_arn_must_be_the_identitys_and_trusted() {
        let other = "arn:aws:iam::444455556666:user/alice";
        assert_eq!(identify(other, &[]), Err(IdentityError::AccountMismatch));
        let verified =
            VerifiedIdentity { user_arn: other, account: "444455556666", organization: None };
        let trusted = [AccountId::parse(ACCOUNT).unwrap()];
        let stamps = SourceIdentityFormat::default();
        let refused = Caller::from_verified(&verified, &trusted, &[], stamps);
        assert_eq!(refused, Err(IdentityError::UntrustedAccount));
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
