//! Who the caller is. It is taken only from what AWS has verified, and never shortened or cleaned,
//! which could turn one caller into another.

mod session_name_role;
mod source_identity;

pub use session_name_role::{SessionNameRole, SessionNameRoleError};
pub use source_identity::{SourceIdentity, SourceIdentityFormat};

use sentinel_policy::Principal;
use sentinel_store::{AccountId, CallerKey};

use crate::arn::Arn;

/// What AWS verified about the signature of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedIdentity<'a> {
    /// The ARN of the IAM user or the assumed-role session.
    pub user_arn: &'a str,
    /// The account id of the credentials.
    pub account: &'a str,
    /// The organization id of that account. `None` if unknown.
    pub organization: Option<&'a str>,
}

impl<'a> VerifiedIdentity<'a> {
    /// An identity whose organization is unknown.
    #[must_use]
    pub const fn new(user_arn: &'a str, account: &'a str) -> Self {
        Self { user_arn, account, organization: None }
    }

    /// The same identity with the organization of its account.
    #[must_use]
    pub fn with_organization(self, organization: impl Into<Option<&'a str>>) -> Self {
        Self { organization: organization.into(), ..self }
    }
}

/// A caller that Sentinel serves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The user, as policies see it: an IAM user's name, the session name of a listed role, or
    /// `RoleName/session`.
    pub user: String,
    /// The key that gates, quotas and sessions are kept under. It is the same for all sessions of
    /// one person, or of one role whose session names cannot be trusted.
    pub key: CallerKey,
    /// The account id.
    pub account: AccountId,
    /// The ARN of the IAM user or the assumed-role session.
    pub principal: String,
    /// The organization id. `None` if unknown.
    pub organization: Option<String>,
    /// The name of the assumed role. `None` for an IAM user.
    pub role: Option<String>,
    /// Whether the last part of the principal identifies a person. False for a role whose session
    /// name is chosen by each caller that assumes it.
    pub named: bool,
}

/// Why a verified identity is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdentityError {
    /// Neither an IAM user nor an assumed role, or an ARN of a form that IAM does not use.
    #[error("not an IAM user or an assumed role")]
    Unsupported,
    /// Credentials that Sentinel vended: the caller must sign with their own.
    #[error("the credentials were vended by Sentinel")]
    Vended,
    /// The account in the ARN differs from the account of the credentials.
    #[error("the ARN is of another account than the identity")]
    AccountMismatch,
    /// The account is not trusted.
    #[error("the account is not trusted")]
    UntrustedAccount,
}

/// Which identities are served, and how their users are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trust<'a> {
    /// The accounts that are served.
    pub(crate) accounts: &'a [AccountId],
    /// The roles whose session name is the user.
    pub(crate) session_name_roles: &'a [SessionNameRole],
    /// How the session names of vended credentials are written: such a session is not served.
    pub(crate) source_identity: SourceIdentityFormat,
}

impl Caller {
    /// The caller of a verified identity.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub(crate) fn from_verified(
        verified: &VerifiedIdentity<'_>,
        trust: &Trust<'_>,
    ) -> Result<Self, IdentityError> {
        let Trust { accounts, session_name_roles, source_identity } = trust;
        let arn = Arn::parse(verified.user_arn).ok_or(IdentityError::Unsupported)?;
        let account = AccountId::parse(arn.account).map_err(|_| IdentityError::Unsupported)?;
        if arn.account != verified.account {
            return Err(IdentityError::AccountMismatch);
        }
        let (user, key, role, named) = match (arn.user(), arn.session()) {
            (Some(name), _) => (name.to_owned(), name.to_ascii_lowercase(), None, true),
            // An IAM user is not a session. Sentinel vends no sessions of a role whose session names
            // a trusted party sets. The names of both may look like those of vended credentials.
            (None, Some((role, session)))
                if source_identity.is_stamp(session)
                    && !session_name_roles.iter().any(|entry| entry.names(&account, role)) =>
            {
                return Err(IdentityError::Vended);
            }
            (None, Some((role, session))) => {
                let listed = session_name_roles.iter().any(|entry| entry.matches(&account, role));
                let (user, key) = if listed {
                    (session.to_owned(), session.to_ascii_lowercase())
                } else {
                    (format!("{role}/{session}"), format!("{account}/{role}"))
                };
                (user, key, Some(role.to_owned()), listed)
            }
            (None, None) => return Err(IdentityError::Unsupported),
        };
        if !accounts.contains(&account) {
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

    /// The caller, as a policy sees it.
    #[must_use]
    pub fn in_policy(&self) -> Principal<'_> {
        Principal::new(&self.user)
            .with_account(self.account.as_str())
            .with_arn(self.principal.as_str())
            .with_organization(self.organization.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "111122223333";

    fn from_verified(
        verified: &VerifiedIdentity<'_>,
        session_name_roles: &[SessionNameRole],
    ) -> Result<Caller, IdentityError> {
        let accounts = &[AccountId::parse(ACCOUNT).unwrap()];
        let source_identity = SourceIdentityFormat::default();
        let trust = Trust { accounts, session_name_roles, source_identity };
        Caller::from_verified(verified, &trust)
    }

    fn identify(arn: &str, roles: &[&str]) -> Result<Caller, IdentityError> {
        let roles: Vec<_> =
            roles.iter().map(|role| SessionNameRole::parse(role).unwrap()).collect();
        let verified = VerifiedIdentity::new(arn, ACCOUNT);
        from_verified(&verified, &roles)
    }

    #[test]
    fn a_user_is_its_name_without_its_path_and_its_key_is_in_lower_case() {
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
    fn vended_credentials_are_not_served() {
        for role in ["SentinelProtected-production", "anything"] {
            let arn =
                format!("arn:aws:sts::111122223333:assumed-role/{role}/sentinel-alice-abcdefgh");
            assert_eq!(identify(&arn, &["111122223333:*"]), Err(IdentityError::Vended));
        }
    }

    #[test]
    fn a_user_whose_name_looks_like_a_source_identity_is_that_user() {
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
    fn different_names_are_different_callers() {
        let key = |name: &str| {
            identify(&format!("arn:aws:iam::111122223333:user/{name}"), &[]).unwrap().key
        };
        assert_ne!(key("a.lice"), key("alice"));
        assert_ne!(key("al-ice"), key("alice"));
        assert_ne!(key(&"a".repeat(63)), key(&"a".repeat(64)));
    }

    #[test]
    fn only_users_and_sessions_are_served() {
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
            "arn:awsX:iam::111122223333:user/alice",
            "arn:aws:sts::111122223333:user/alice",
            "arn:aws:iam::111122223333:assumed-role/ci/alice",
            "arn:aws:sts::111122223333:assumed-role/c i/alice",
            "arn:aws:iam::111122223333:user/a b/alice",
            "arn:aws:iam::111122223333:user/alice:more",
            "alice",
            "",
        ] {
            assert_eq!(identify(arn, &[]), Err(IdentityError::Unsupported), "{arn}");
        }
    }

    #[test]
    fn callers_of_every_partition_are_served() {
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let caller = identify(&format!("arn:{partition}:iam::{ACCOUNT}:user/alice"), &[]);
            assert_eq!(caller.unwrap().user, "alice", "{partition}");
        }
    }

    #[test]
    fn a_policy_sees_the_account_the_arn_and_the_organization_of_a_caller() {
        let arn = "arn:aws:iam::111122223333:user/eng/alice";
        let verified = VerifiedIdentity::new(arn, ACCOUNT);
        for organization in [None, Some("o-abc123")] {
            let caller = from_verified(&verified.with_organization(organization), &[]).unwrap();
            let expected = Principal::new("alice")
                .with_account(ACCOUNT)
                .with_arn(arn)
                .with_organization(organization);
            assert_eq!(caller.in_policy(), expected);
        }
    }

    #[test]
    fn the_account_in_the_arn_must_match_the_identity_and_be_trusted() {
        let other = "arn:aws:iam::444455556666:user/alice";
        assert_eq!(identify(other, &[]), Err(IdentityError::AccountMismatch));
        let verified = VerifiedIdentity::new(other, "444455556666");
        assert_eq!(from_verified(&verified, &[]), Err(IdentityError::UntrustedAccount));
    }
}
