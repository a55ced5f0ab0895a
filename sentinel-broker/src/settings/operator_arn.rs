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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_user_a_role_or_a_session_without_wildcards() {
        for (text, expected) in [
            ("arn:aws:iam::111122223333:user/carol", true),
            ("arn:aws:iam::111122223333:role/path/oncall", true),
            ("arn:aws:sts::111122223333:assumed-role/oncall/carol", true),
            ("arn:aws:iam::11112222333:user/carol", false),
            ("arn:aws:iam::111122223333:root", false),
            ("arn:aws:iam::111122223333:user/a*/carol", false),
            ("arn:aws:iam::111122223333:role/?/oncall", false),
            ("carol", false),
        ] {
            assert_eq!(OperatorArn::parse(text).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn the_arn_of_a_session_can_match_only_if_its_session_name_is_trusted() {
        let listed = [SessionNameRole::parse("111122223333:oncall").unwrap()];
        for (text, without, with) in [
            ("arn:aws:iam::111122223333:user/carol", true, true),
            ("arn:aws:iam::111122223333:role/other", true, true),
            ("arn:aws:sts::111122223333:assumed-role/oncall/carol", false, true),
            ("arn:aws:sts::111122223333:assumed-role/other/carol", false, false),
            ("arn:aws:sts::444455556666:assumed-role/oncall/carol", false, false),
        ] {
            let operator = OperatorArn::parse(text).unwrap();
            assert_eq!(operator.can_match(&[]), without, "{text}");
            assert_eq!(operator.can_match(&listed), with, "{text}");
        }
    }
}
