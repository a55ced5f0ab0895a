//! The principal whose AWS credentials the command uses.

use sentinel_store::AccountId;
use serde::Serialize;

/// The principal of AWS credentials, as STS reports it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Caller {
    pub(crate) account: AccountId,
    pub(crate) arn: String,
}

impl Caller {
    /// `aws`, `aws-cn`, …
    pub(crate) fn partition(&self) -> &str {
        self.arn.split(':').nth(1).unwrap_or("aws")
    }

    /// The ARN that identifies the caller as an operator: the ARN of a user, or the
    /// ARN of the role if the caller is a role session.
    pub(crate) fn operator(&self) -> String {
        match self.arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.split_once('/')) {
            Some((role, _)) => {
                format!("arn:{}:iam::{}:role/{role}", self.partition(), self.account)
            }
            None => self.arn.clone(),
        }
    }

    /// Whether the caller is a role session. A role that a role session assumes has
    /// sessions of at most one hour.
    pub(crate) fn is_role_session(&self) -> bool {
        self.arn.split(':').nth(5).is_some_and(|rest| rest.starts_with("assumed-role/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_of_a_role_session_is_its_role() {
        for (arn, operator) in [
            (
                "arn:aws:iam::111122223333:user/ops/carol",
                "arn:aws:iam::111122223333:user/ops/carol",
            ),
            (
                "arn:aws-cn:sts::111122223333:assumed-role/OnCall/carol",
                "arn:aws-cn:iam::111122223333:role/OnCall",
            ),
        ] {
            let account = AccountId::parse("111122223333").unwrap();
            assert_eq!(Caller { account, arn: arn.to_owned() }.operator(), operator);
        }
    }
}
