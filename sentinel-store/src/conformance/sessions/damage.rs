//! Records that cannot have been written: nothing may be decided by them, and they
//! must not be reported as missing.

use super::{
    FreshSessions, SessionsUnderTest, all, at, caller, handle, handles, listed, revoke, session,
};
use crate::{
    CallerKey, Gate, Listing, Scope, Session, SessionHandle, StoreError,
    conformance::report::{Checked, Stop, ensure, ensure_eq, ensure_error},
};

async fn plant_gate(
    fresh: &FreshSessions,
    caller: &CallerKey,
    gate: Option<&Gate>,
) -> Result<(), Stop> {
    if fresh.backdoor()?.plant_gate(caller, gate).await { Ok(()) } else { Err(Stop::NotOffered) }
}

async fn plant_session(
    fresh: &FreshSessions,
    handle: &SessionHandle,
    session: Option<&Session>,
) -> Result<(), Stop> {
    let planted = fresh.backdoor()?.plant_session(handle, session).await;
    if planted { Ok(()) } else { Err(Stop::NotOffered) }
}

/// The planted gate of Alice is corrupt for every operation.
async fn ensure_gate_is_corrupt(fresh: &FreshSessions, planted: Option<&Gate>) -> Checked {
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    let session = session(&alice, 1)?;
    fresh.store.create_session(&session).await?;
    plant_gate(fresh, &alice, planted).await?;
    let change = revoke(Scope::Caller, None);
    ensure_error!(fresh.store.gate(&alice).await, StoreError::Corrupt(_));
    ensure_error!(fresh.store.change_gate(&alice, &change).await, StoreError::Corrupt(_));
    ensure_error!(fresh.store.session(&session.handle).await, StoreError::Corrupt(_));
    // It was not overwritten, and other gates are not affected.
    ensure_error!(fresh.store.gate(&alice).await, StoreError::Corrupt(_));
    ensure_eq!(fresh.store.gate(&bob).await?, Gate::open(bob));
    Ok(())
}

/// The planted session of Alice is corrupt for every operation.
async fn ensure_session_is_corrupt(fresh: &FreshSessions, planted: Option<&Session>) -> Checked {
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    let (hers, his) = (handle(&alice, 1), session(&bob, 1)?);
    fresh.store.create_session(&his).await?;
    plant_session(fresh, &hers, planted).await?;
    ensure_error!(fresh.store.session(&hers).await, StoreError::Corrupt(_));
    ensure_error!(fresh.store.end_session(&hers, at(1)).await, StoreError::Corrupt(_));
    // Lists omit it and report its key.
    let other = session(&alice, 3)?;
    fresh.store.create_session(&other).await?;
    for (listing, expected) in [
        (Listing::Caller(alice), vec![other.handle]),
        (Listing::All, vec![other.handle, his.handle]),
    ] {
        let found = listed(&fresh.store, &listing).await?;
        let mut expected = expected;
        expected.sort_unstable();
        ensure_eq!(handles(&found.items), expected);
        ensure_eq!(found.unreadable, vec![hers.to_string()]);
    }
    // It was not overwritten, and other sessions are not affected.
    ensure_error!(fresh.store.session(&hers).await, StoreError::Corrupt(_));
    ensure!(fresh.store.session(&his.handle).await?.0 == his, "another session changed");
    ensure_eq!(all(&fresh.store, &Listing::Caller(bob)).await?.len(), 1);
    Ok(())
}

pub(super) async fn a_gate_of_another_caller_is_corrupt(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let fresh = subject.fresh().await;
    let mallory = Gate::open(caller("mallory")?);
    ensure_gate_is_corrupt(&fresh, Some(&mallory)).await
}

pub(super) async fn an_unreadable_gate_is_corrupt(subject: &dyn SessionsUnderTest) -> Checked {
    ensure_gate_is_corrupt(&subject.fresh().await, None).await
}

pub(super) async fn a_session_of_another_handle_is_corrupt(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let fresh = subject.fresh().await;
    let other = session(&caller("alice")?, 2)?;
    ensure_session_is_corrupt(&fresh, Some(&other)).await
}

pub(super) async fn a_session_of_another_caller_is_corrupt(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let fresh = subject.fresh().await;
    let mut other = session(&caller("alice")?, 1)?;
    other.caller = caller("mallory")?;
    ensure_session_is_corrupt(&fresh, Some(&other)).await
}

pub(super) async fn an_unreadable_session_is_corrupt(subject: &dyn SessionsUnderTest) -> Checked {
    ensure_session_is_corrupt(&subject.fresh().await, None).await
}
