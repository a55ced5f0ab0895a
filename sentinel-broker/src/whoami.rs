//! Who the TVM takes a caller for.

use serde::Serialize;

use crate::{Broker, Call, Caller, Denial};

/// The answer to `GET /whoami`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Whoami {
    /// The user as policies see them.
    pub user: String,
    /// The caller key: who is one person.
    pub caller: String,
    /// The account.
    pub account: String,
    /// The ARN.
    pub principal: String,
    /// Whether the caller may do anything as an operator.
    pub operator: bool,
}

impl Broker {
    /// Who the caller is taken for.
    ///
    /// # Errors
    /// `SESSION_REVOKED`, and what failing stores mean. A policy that cannot be
    /// used makes nobody an operator.
    pub async fn whoami(&self, call: &Call, caller: &Caller) -> Result<Whoami, Denial> {
        self.not_revoked(call, caller).await?;
        let operator = self.may_operate(call, caller).await.unwrap_or(false);
        Ok(Whoami {
            user: caller.user.clone(),
            caller: caller.key.to_string(),
            account: caller.account.to_string(),
            principal: caller.principal.clone(),
            operator,
        })
    }
}
