//! The session of a vend: written before credentials are returned, and marked as ended if they are
//! not.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sentinel_store::{Causes, Clock, Session, SessionSecret, SessionStore, StoreResultExt};
use tokio::time::Instant;

use crate::call::{CLEANUP_BUDGET, Call};
use crate::denial::Denial;

/// The session of a vend, and the store that it is written to.
pub(super) struct Tracked {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) session: Session,
    pub(super) secret: SessionSecret,
}

impl Tracked {
    /// Writes the session: step V2 of the [diagram](super).
    pub(super) async fn create(&self, call: &Call) -> Result<(), Denial> {
        let written = call.bounded(self.store.create_session(&self.session)).await;
        written.map_err(|error| call.store_failed(&error))
    }

    /// Reads the gate again: step V3 of the [diagram](super). Returns whether the credentials may be
    /// returned.
    pub(super) async fn is_gate_unchanged(
        &self,
        call: &Call,
        clock: &dyn Clock,
    ) -> Result<bool, Denial> {
        let Self { store, session, .. } = self;
        let failed = |error| call.store_failed(&error);
        let gate = call.bounded(store.gate(&session.caller)).await.map_err(failed)?;
        Ok(gate.epochs(&session.profile) == session.epochs
            && gate.blocked_on(&session.profile, clock.now()).is_none())
    }

    /// Marks the session of a failed vend as ended. Best effort: no caller has its secret.
    ///
    /// A session that is not found is created as ended. Its first write may still be on its way. That
    /// write then finds this session, and fails.
    pub(super) async fn end(&self, at: DateTime<Utc>, deadline: std::time::Instant) {
        let Self { store, session, .. } = self;
        let ending = async {
            if store.end_session(&session.handle, at).await.optional()?.is_some() {
                return Ok(());
            }
            let ended = session.clone().with_ended(at);
            match store.create_session(&ended).await.unless_conflict()? {
                Some(()) => Ok(()),
                None => store.end_session(&session.handle, at).await,
            }
        };
        let by = Instant::from_std(deadline).min(Instant::now() + CLEANUP_BUDGET);
        match tokio::time::timeout_at(by, ending).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(session = %session.handle, cause = %Causes(&error), "failed to mark a session as ended");
            }
            Err(_) => {
                tracing::warn!(session = %session.handle, "failed to mark a session as ended in time");
            }
        }
    }
}
