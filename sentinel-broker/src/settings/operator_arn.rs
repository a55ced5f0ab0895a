//! The operators of the settings: entries of `SENTINEL_OPERATORS`.

use sentinel_store::AccountId;

use crate::arn::Arn;
use crate::identity::{Caller, SessionNameRole};

/// An entry of `SENTINEL_OPERATORS`: the ARN of an IAM user, of an assumed-role session, or of a role,
/// which matches every session of that role. It contains no wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorArn(Box<str>);

impl OperatorArn {
    /// Parses an entry. `None` for another kind of ARN, or an ARN with a wildcard.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        let named = arn.user().or(arn.role()).or(arn.session().map(|(role, _)| role));
        (AccountId::parse(arn.account).is_ok() && named.is_some() && !text.contains(['*', '?']))
            .then(|| Self(text.into()))
    }

    /// Whether the entry can match any caller. The ARN of a session can only if the role is one of
    /// `session_name_roles`, whose session names are trusted.
    #[must_use]
    pub fn can_match(&self, session_name_roles: &[SessionNameRole]) -> bool {
        let session = Arn::parse(&self.0).and_then(|arn| Some((arn.account, arn.session()?.0)));
        let Some((account, role)) = session else { return true };
        AccountId::parse(account)
            .is_ok_and(|account| session_name_roles.iter().any(|it| it.matches(&account, role)))
    }

    /// Whether the entry matches `caller`. The ARN of a session matches only if its session name is
    /// trusted. The ARN of a role matches every session of that role.
    #[must_use]
    pub fn matches(&self, caller: &Caller) -> bool {
        if caller.named && *self.0 == *caller.principal {
            return true;
        }
        let (Some(operator), Some(principal)) =
            (Arn::parse(&self.0), Arn::parse(&caller.principal))
        else {
            return false;
        };
        operator.role().is_some()
            && operator.role() == caller.role.as_deref()
            && operator.account == caller.account.as_str()
            && operator.partition == principal.partition
    }
}
