//! Purging expired sessions.

use super::{FreshSessions, SessionsUnderTest, all, at, caller, fill, revoke, session};
use crate::{
    Listing, Scope, StoreError,
    conformance::report::{Checked, Stop, ensure, ensure_eq, ensure_error},
};

/// More than a batch of any backend. Most of them are expired.
const SESSIONS: u16 = 300;

async fn purged(subject: &dyn SessionsUnderTest) -> Result<FreshSessions, Stop> {
    let fresh = subject.fresh().await;
    let alice = caller("alice")?;
    fresh.store.change_gate(&alice, &revoke(Scope::Caller, Some(at(-5000)))).await?;
    let mut sessions = Vec::new();
    for number in 0..SESSIONS {
        let mut session = session(&alice, number)?;
        session.expires = if number % 10 == 0 { at(0) } else { at(-1) };
        sessions.push(session);
    }
    fill(&fresh.store, sessions).await?;
    if fresh.backdoor()?.purge_expired(at(0)).await { Ok(fresh) } else { Err(Stop::NotOffered) }
}

pub(super) async fn a_purge_removes_expired_sessions(subject: &dyn SessionsUnderTest) -> Checked {
    let fresh = purged(subject).await?;
    let alice = caller("alice")?;
    for number in (0..SESSIONS).filter(|number| number % 10 != 0) {
        let handle = super::handle(&alice, number);
        ensure_error!(fresh.store.session(&handle).await, StoreError::NotFound(_));
    }
    Ok(())
}

pub(super) async fn a_purge_keeps_gates_and_unexpired_sessions(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let fresh = purged(subject).await?;
    let alice = caller("alice")?;
    ensure_eq!(fresh.store.gate(&alice).await?.whole.epoch.0, 1);
    let left = all(&fresh.store, &Listing::Caller(alice)).await?;
    ensure_eq!(left.len(), usize::from(SESSIONS / 10));
    ensure!(left.iter().all(|session| session.expires == at(0)), "an expired session is left");
    Ok(())
}
