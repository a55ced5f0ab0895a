//! What revoking and reinstating both do: find the gate that the operator means, change it, and
//! record the change.

use std::time::Duration;

use sentinel_store::{
    CallerKey, Causes, Event, EventKind, Gate, GateAction, GateChange, Listing, ProfileName, Scope,
    SessionHandle, SessionStore, StoreError, StoreResultExt,
};
use sentinel_wire::{ErrorCode, GateView};

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;

/// What a revocation or a reinstatement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The caller of that session, on its profile.
    Session(SessionHandle),
    /// A caller on one profile.
    OnProfile(CallerKey, ProfileName),
    /// A caller as a whole.
    Caller(CallerKey),
}

/// The gate that a target means.
pub(super) struct Subject {
    pub(super) caller: CallerKey,
    scope: Scope,
    /// The session that the operator named. `None` if the operator named a caller.
    session: Option<SessionHandle>,
}

/// A change of a gate, with what its record contains.
pub(super) struct Change<'a> {
    /// The operator.
    pub(super) by: &'a Caller,
    pub(super) subject: Subject,
    pub(super) action: GateAction,
    pub(super) reason: &'a str,
}

impl Target {
    /// The gate that the target means.
    pub(super) async fn resolve(
        &self,
        call: &Call,
        store: &dyn SessionStore,
    ) -> Result<Subject, Denial> {
        let (caller, scope, session) = match self {
            Self::Caller(caller) => (caller.clone(), Scope::Caller, None),
            Self::OnProfile(caller, profile) => {
                (caller.clone(), Scope::Profile(profile.clone()), None)
            }
            Self::Session(handle) => match call.bounded(store.session(handle)).await.optional() {
                Ok(Some((session, _))) if session.handle == *handle => {
                    (session.caller, Scope::Profile(session.profile), Some(*handle))
                }
                Ok(Some(_)) => return Err(Denial::unavailable()),
                Ok(None) => {
                    return Err(Denial::new(ErrorCode::NotFound, "the session does not exist"));
                }
                Err(error) => return Err(call.store_failed(&error)),
            },
        };
        Ok(Subject { caller, scope, session })
    }
}

impl Subject {
    fn profile(&self) -> Option<&ProfileName> {
        match &self.scope {
            Scope::Caller => None,
            Scope::Profile(profile) => Some(profile),
        }
    }
}

impl Broker {
    /// Changes a gate and records it. A revocation is done first and recorded after it. A
    /// reinstatement is recorded first, so that no caller gets access again without a record. A
    /// change that is known to have failed is recorded as failed.
    pub(super) async fn change(
        &self,
        call: &Call,
        store: &dyn SessionStore,
        change: Change<'_>,
    ) -> Result<GateView, Denial> {
        let kind = match change.action {
            GateAction::Revoke(_) | GateAction::EndSessions => EventKind::Revocation,
            GateAction::Reinstate => EventKind::Reinstatement,
        };
        let event = self.change_event(kind, call, &change);
        let is_reinstatement = kind == EventKind::Reinstatement;
        if is_reinstatement {
            self.audit.write_event(event.clone())?;
        }
        let Change { subject, action, .. } = change;
        let gate_change = GateChange::new(subject.scope.clone(), action);
        let gate = match call.bounded(store.change_gate(&subject.caller, &gate_change)).await {
            Ok(gate) => gate,
            Err(error) => {
                let denial = match error {
                    StoreError::Throttled(_) => Denial::rate_limited(),
                    StoreError::Conflict(_) => full_gate(),
                    StoreError::NotFound(_)
                    | StoreError::Unavailable(_)
                    | StoreError::Refused(_)
                    | StoreError::Corrupt(_) => Denial::unconfirmed(),
                };
                tracing::error!(request_id = call.request_id, cause = %Causes(&error), "failed to change a gate");
                self.audit.write_event(event.with_code(denial.code.as_str().to_owned()))?;
                return Err(denial);
            }
        };
        let state = gate.state(&subject.scope);
        let profile = subject.profile().cloned();
        let view = GateView::new(subject.caller, state.epoch.0)
            .with_profile(profile)
            .with_blocked_until(state.block.and_then(|block| block.until));
        if is_reinstatement {
            return Ok(view);
        }
        let mut event = event.with_epoch(view.epoch).with_blocked_until(view.blocked_until);
        // A vend that was decided before the change is one whose session ended.
        event.timestamp = self.now();
        self.audit.write_event(event).map_err(|_| Denial::unconfirmed())?;
        Ok(view.with_known(is_known(call, store, &gate).await))
    }

    /// The record of a change, before it is done.
    fn change_event(&self, kind: EventKind, call: &Call, change: &Change<'_>) -> Event {
        let Change { by, subject, reason, .. } = change;
        self.audit
            .event(kind, call)
            .with_by(by.key.to_string())
            .with_principal(by.principal.clone())
            .with_user(subject.caller.to_string())
            .with_profile(subject.profile().map(ToString::to_string))
            .with_session(subject.session.map(|handle| handle.to_string()))
            .with_reason((*reason).to_owned())
    }
}

/// Whether the caller of a gate that was just revoked has a session, or was revoked before. `None`
/// if that cannot be read in time: the revocation is done, and does not depend on it.
async fn is_known(call: &Call, store: &dyn SessionStore, gate: &Gate) -> Option<bool> {
    const WITHIN: Duration = Duration::from_secs(2);
    let profiles = gate.profiles.values().map(|state| state.epoch.0);
    if profiles.fold(gate.whole.epoch.0, u64::saturating_add) > 1 {
        return Some(true);
    }
    let listing = Listing::Caller(gate.caller.clone());
    let page = call.bounded(store.sessions(&listing, None));
    let page = tokio::time::timeout(WITHIN, page).await.ok()?.ok()?;
    if !page.items.is_empty() || !page.unreadable.is_empty() {
        Some(true)
    } else if page.next.is_none() {
        Some(false)
    } else {
        None
    }
}

/// The refusal when the gate contains as many profiles as it can.
fn full_gate() -> Denial {
    Denial::new(
        ErrorCode::Conflict,
        format!(
            "this caller is revoked on {} single profiles, which is the maximum: revoke the caller as \
             a whole, without a profile",
            Gate::MAX_PROFILES
        ),
    )
}
