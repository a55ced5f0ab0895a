//! Issuing: the session is written, the vend counted and the role assumed in parallel, and the gate,
//! like the approval or the grant, is read again before the credentials count as vended.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sentinel_policy::RoleArn;
use sentinel_store::{
    Causes, Gate, Session, SessionFields, SessionHandle, SessionId, SessionSecret,
};
use sentinel_wire::Credentials;

use super::lifetime::Lifetime;
use super::record::{IssuedRecord, Progress};
use super::request::Vended;
use super::tracking::Tracked;
use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::SourceIdentity;
use crate::issuer::{AssumeRole, IssueError, Issued};
use crate::random;

/// What identifies a session, and its end.
struct Stamp<'a> {
    handle: SessionHandle,
    source_identity: &'a SourceIdentity,
    end: DateTime<Utc>,
}

impl Broker {
    /// Steps V2 to V4 of the [diagram](super), for a decision that is made.
    pub(super) async fn issue(
        &self,
        progress: &mut Progress<'_>,
        gate: Option<Gate>,
        role: RoleArn,
        lifetime: Lifetime,
    ) -> Result<Vended, Denial> {
        let Progress { call, caller, vend, .. } = *progress;
        // Only the session store can count.
        let limit = match &gate {
            Some(_) => self.rate_limit(call, &caller.key)?,
            None => None,
        };
        let handle = SessionHandle::new(caller.key.hash(), self.random()?);
        let source_identity = self.settings.source_identity.of_session(&caller.key, &handle);
        progress.source_identity = Some(source_identity.clone());
        let stamp = Stamp { handle, source_identity: &source_identity, end: lifetime.end };
        let tracked = match (&self.sessions, gate) {
            (Some(table), Some(gate)) => {
                let store = Arc::clone(&table.store);
                let secret = SessionSecret::new(self.random()?);
                let session = self.session(progress, &stamp, &secret, &gate);
                Some(Tracked { store, session, secret })
            }
            (None, _) | (_, None) => None,
        };
        let session_tag = match &tracked {
            Some(tracked) => tracked.session.handle.to_string(),
            None => call.request_id.clone(),
        };
        let request = AssumeRole {
            role,
            source_identity,
            session_tag,
            user: caller.user.clone(),
            profile: vend.profile.clone(),
            access: progress.basis.access(),
            seconds: lifetime.seconds,
            end: lifetime.inline.then_some(lifetime.end),
        };
        if self.now() >= lifetime.end {
            return Err(Denial::policy_deny());
        }

        // In parallel. The first failure ends all: what an abandoned AssumeRole issues reaches no
        // caller. A count above the limit ends nothing, so that issued credentials are recorded.
        progress.tracked = tracked;
        let tracking = async {
            let Some(tracked) = &progress.tracked else {
                return Ok((true, self.is_unchanged(call, &progress.basis).await?));
            };
            tracked.create(call).await?;
            tokio::try_join!(
                tracked.is_gate_unchanged(call, self.clock.as_ref()),
                self.is_unchanged(call, &progress.basis)
            )
        };
        let counting = async {
            let Some(Tracked { store, .. }) = &progress.tracked else { return Ok(true) };
            self.is_within_limit(call, store, &caller.key, limit).await
        };
        let (issued, (same_gate, same_basis), within_limit) =
            tokio::try_join!(self.assume_role(call, &request), tracking, counting)?;
        let expiration = issued.credentials.expiration.min(lifetime.end);
        progress.issued = Some(IssuedRecord {
            access_key_id: issued.credentials.access_key_id.clone(),
            expiration,
            request_id: issued.request_id,
        });
        if !same_gate {
            progress.withheld = true;
            return Err(Denial::revoked());
        }
        if !same_basis {
            progress.withheld = true;
            return Err(Denial::policy_deny());
        }
        if let Some(limit) = limit.filter(|_| !within_limit) {
            progress.withheld = true;
            return Err(self.above_limit(call, limit));
        }
        if self.now() >= expiration {
            progress.withheld = true;
            return Err(Denial::policy_deny());
        }
        let credentials = Credentials { expiration, ..issued.credentials };
        let session = progress.tracked.as_ref().map(|tracked| self.session_id(tracked));
        Ok(Vended { credentials, session, cap: lifetime.cap })
    }

    async fn assume_role(&self, call: &Call, request: &AssumeRole) -> Result<Issued, Denial> {
        let issued = call.in_time(self.issuer.assume_role(request)).await;
        let issued = issued.unwrap_or_else(|_| {
            Err(IssueError::Unavailable("no answer before the deadline".into()))
        });
        issued.map_err(|error| issue_failed(call, request, &error))
    }

    fn session(
        &self,
        progress: &Progress<'_>,
        stamp: &Stamp<'_>,
        secret: &SessionSecret,
        gate: &Gate,
    ) -> Session {
        let Progress { call, caller, vend, now, .. } = *progress;
        Session::new(SessionFields {
            handle: stamp.handle,
            secret_digest: secret.digest(),
            caller: caller.key.clone(),
            user: caller.user.clone(),
            profile: vend.profile.clone(),
            account: caller.account.clone(),
            principal: caller.principal.clone(),
            source_identity: stamp.source_identity.to_string(),
            request_id: call.request_id.clone(),
            created: now,
            expires: stamp.end,
            epochs: gate.epochs(&vend.profile),
            generation: self.settings.generation,
        })
    }

    fn session_id(&self, tracked: &Tracked) -> SessionId {
        let (handle, secret) = (tracked.session.handle, tracked.secret.clone());
        match &self.settings.session_keys {
            Some(keys) => keys.issue(handle, secret),
            None => SessionId::new(handle, secret),
        }
    }

    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], Denial> {
        random::bytes(self.random.as_ref()).map_err(|error| {
            tracing::error!(cause = %Causes(&error), "failed to read random bytes");
            Denial::unavailable()
        })
    }
}

fn issue_failed(call: &Call, request: &AssumeRole, error: &IssueError) -> Denial {
    match error {
        IssueError::Throttled(_) => {
            tracing::warn!(request_id = call.request_id, cause = %Causes(error), "AssumeRole was throttled");
            Denial::rate_limited()
        }
        IssueError::Refused(_) => {
            tracing::error!(
                request_id = call.request_id,
                role = request.role.as_str(),
                source_identity = request.source_identity.as_str(),
                cause = %Causes(error),
                "AssumeRole was refused: check that the role exists, that its trust policy allows \
                 sts:AssumeRole, sts:SetSourceIdentity and sts:TagSession to the role that this \
                 service runs as, and that the service's own session has no source identity"
            );
            Denial::credential_error()
        }
        IssueError::Unavailable(_) => {
            tracing::error!(request_id = call.request_id, cause = %Causes(error), "AssumeRole failed");
            Denial::credential_error()
        }
    }
}
