//! How Sentinel identifies a caller.

use sentinel_wire::Whoami;

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;

impl Broker {
    /// How Sentinel identifies the caller.
    ///
    /// # Errors
    /// `SESSION_REVOKED`, and what a failing store means. If the policy cannot be used, it names no
    /// operators.
    pub async fn whoami(&self, call: &Call, caller: &Caller) -> Result<Whoami, Denial> {
        self.not_revoked(call, caller).await?;
        let operator = self.is_operator(call, caller).await.unwrap_or(false);
        let Caller { user, key, account, principal, .. } = caller;
        Ok(Whoami::new(user, key.as_str(), account.as_str(), principal).with_operator(operator))
    }
}
