//! How Sentinel identifies a caller.

use serde::Serialize;

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;

/// How Sentinel identifies a caller: the response to `GET /whoami`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Whoami {
    /// The user, as policies see it.
    pub user: String,
    /// The caller key, which gates and sessions are kept under.
    pub caller: String,
    /// The account id.
    pub account: String,
    /// The ARN of the IAM user or the assumed-role session.
    pub principal: String,
    /// Whether the caller may do anything as an operator.
    pub operator: bool,
}

impl Broker {
    /// How Sentinel identifies the caller.
    ///
    /// # Errors
    /// `SESSION_REVOKED`, and what a failing store means. If the policy cannot be used, it names no
    /// operators.
    pub async fn whoami(&self, call: &Call, caller: &Caller) -> Result<Whoami, Denial> {
        self.not_revoked(call, caller).await?;
        let operator = self.is_operator(call, caller).await.unwrap_or(false);
        Ok(Whoami {
            user: caller.user.clone(),
            caller: caller.key.to_string(),
            account: caller.account.to_string(),
            principal: caller.principal.clone(),
            operator,
        })
    }
}
