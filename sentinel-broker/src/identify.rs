//! What every operation checks first: who the caller is, and that the caller is not revoked.

use sentinel_store::{Epoch, EventKind, Gate, ProfileName};
use sentinel_wire::ErrorCode;

use crate::broker::{Broker, SessionTable};
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::{Caller, IdentityError, VerifiedIdentity};

impl Broker {
    /// The caller of a verified identity, if Sentinel serves it.
    ///
    /// # Errors
    /// `IAM_AUTH_REQUIRED`, or `FORBIDDEN` for an account that is not trusted. Each refusal is
    /// recorded as an event.
    pub fn identify(&self, call: &Call, verified: &VerifiedIdentity<'_>) -> Result<Caller, Denial> {
        Caller::from_verified(verified, &self.settings.trust(&call.home))
            .map_err(|error| self.refuse_identity(call, Some(verified.user_arn), error))
    }

    /// Refuses a request of which nothing was verified, and records it.
    #[must_use]
    pub fn refuse_unverified(&self, call: &Call) -> Denial {
        self.refuse_identity(call, None, IdentityError::Unsupported)
    }

    fn refuse_identity(&self, call: &Call, arn: Option<&str>, error: IdentityError) -> Denial {
        let denial = match error {
            IdentityError::Vended => Denial::new(
                ErrorCode::IamAuthRequired,
                "these credentials were vended by Sentinel: sign with the credentials that you \
                 requested them with; a session that Sentinel did not vend needs a name of another \
                 form",
            ),
            IdentityError::Unsupported | IdentityError::AccountMismatch => Denial::new(
                ErrorCode::IamAuthRequired,
                "sign the request's headers with SigV4 (service `execute-api`), as an IAM user or \
                 an assumed role",
            ),
            IdentityError::UntrustedAccount => Denial::new(
                ErrorCode::Forbidden,
                "Sentinel does not serve your account; sign with credentials of another account, or \
                 ask the administrator of Sentinel to trust it",
            ),
        };
        tracing::info!(request_id = call.request_id, %error, "refused an identity");
        let event = self
            .audit
            .event(EventKind::IdentityRefused, call)
            .with_code(denial.code.as_str().to_owned())
            .with_by(arn.map(|arn| arn.chars().take(256).collect::<String>()))
            .with_reason(error.to_string());
        self.audit.write_event(event).err().unwrap_or(denial)
    }

    /// Refuses a caller who is revoked as a whole. Operations that read the gate themselves do not
    /// need it.
    pub(crate) async fn not_revoked(&self, call: &Call, caller: &Caller) -> Result<(), Denial> {
        match self.gate_of(call, caller).await? {
            Some(gate) if gate.blocked(self.now()).is_some() => Err(Denial::revoked()),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses a caller who is revoked as a whole or on the profile. Returns the epoch of the caller
    /// as a whole, 0 without a session table.
    pub(crate) async fn not_revoked_on(
        &self,
        call: &Call,
        caller: &Caller,
        profile: &ProfileName,
    ) -> Result<Epoch, Denial> {
        match self.gate_of(call, caller).await? {
            Some(gate) if gate.blocked_on(profile, self.now()).is_some() => Err(Denial::revoked()),
            gate => Ok(gate.map(|gate| gate.whole.epoch).unwrap_or_default()),
        }
    }

    /// The gate of a caller. `None` without a session table.
    async fn gate_of(&self, call: &Call, caller: &Caller) -> Result<Option<Gate>, Denial> {
        let Some(SessionTable { store, .. }) = &self.sessions else { return Ok(None) };
        let gate = call.bounded(store.gate(&caller.key)).await;
        gate.map(Some).map_err(|error| call.store_failed(&error))
    }
}
