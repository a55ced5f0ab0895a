//! Session records: writing, reading and ending them.

use super::{
    FreshSessions, SessionsUnderTest, at, caller, handle, hostile_texts, profile, reinstate,
    revoke, session,
};
use crate::{
    CallerKey, Epoch, Epochs, Gate, Generation, Scope, SessionId, SessionRefusal, SessionSecret,
    StoreError, VerifyError,
    conformance::report::{Checked, ensure, ensure_eq, ensure_error},
    verify_session,
};

pub(super) async fn a_session_is_read_as_it_was_written(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let plain = session(&alice, 1)?;
    let mut extreme = session(&alice, 2)?;
    extreme.secret_digest = [0xff; 32];
    extreme.epochs = Epochs { caller: Epoch(u64::MAX), profile: Epoch(1 << 53) };
    extreme.generation = Generation(u64::MAX);
    extreme.ended = Some(at(1));
    for session in [plain, extreme] {
        store.create_session(&session).await?;
        let (found, gate) = store.session(&session.handle).await?;
        // Not `ensure_eq`: the `Debug` output of a session omits fields.
        ensure!(found == session, "the session is not the one that was written");
        ensure_eq!(gate, Gate::open(alice.clone()));
    }
    Ok(())
}

pub(super) async fn hostile_texts_are_stored_unchanged(subject: &dyn SessionsUnderTest) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    for (number, text) in (0..).zip(hostile_texts()) {
        let alice = caller("\u{1f511} alice' OR 1=1")?;
        let mut session = session(&alice, number)?;
        session.user.clone_from(&text);
        session.principal.clone_from(&text);
        session.source_identity.clone_from(&text);
        session.request_id.clone_from(&text);
        store.create_session(&session).await?;
        let (found, _) = store.session(&session.handle).await?;
        ensure!(found == session, "the session with {text:?} is not the one that was written");
    }
    Ok(())
}

pub(super) async fn a_session_is_read_with_the_gate_of_its_caller(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    let (hers, his) = (session(&alice, 1)?, session(&bob, 1)?);
    store.create_session(&hers).await?;
    store.create_session(&his).await?;
    let changed = store.change_gate(&alice, &revoke(Scope::Caller, Some(at(60)))).await?;
    ensure_eq!(store.session(&hers.handle).await?.1, changed);
    ensure_eq!(store.session(&his.handle).await?.1, Gate::open(bob));
    Ok(())
}

pub(super) async fn a_second_session_with_the_same_handle_is_a_conflict(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let first = session(&caller("alice")?, 1)?;
    store.create_session(&first).await?;
    let mut second = first.clone();
    second.secret_digest = [1; 32];
    for attempt in [&first, &second] {
        ensure_error!(store.create_session(attempt).await, StoreError::Conflict(_));
        ensure!(store.session(&first.handle).await?.0 == first, "the first was overwritten");
    }
    Ok(())
}

pub(super) async fn an_unknown_session_is_not_found(subject: &dyn SessionsUnderTest) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    store.create_session(&session(&alice, 1)?).await?;
    store.change_gate(&bob, &revoke(Scope::Caller, None)).await?;
    for unknown in [handle(&alice, 2), handle(&bob, 1)] {
        ensure_error!(store.session(&unknown).await, StoreError::NotFound(_));
        ensure_error!(store.end_session(&unknown, at(1)).await, StoreError::NotFound(_));
        // Ending a missing session did not create it.
        ensure_error!(store.session(&unknown).await, StoreError::NotFound(_));
    }
    Ok(())
}

pub(super) async fn a_session_ends_once(subject: &dyn SessionsUnderTest) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let mut expected = session(&caller("alice")?, 1)?;
    store.create_session(&expected).await?;
    expected.ended = Some(at(10));
    for end in [at(10), at(20), at(5)] {
        store.end_session(&expected.handle, end).await?;
        let (found, _) = store.session(&expected.handle).await?;
        ensure!(found == expected, "ended at {:?}, not at {:?}", found.ended, expected.ended);
    }
    Ok(())
}

pub(super) async fn a_session_with_the_handle_of_another_caller_is_refused(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    let mut mixed = session(&alice, 1)?;
    mixed.caller = bob;
    ensure_error!(store.create_session(&mixed).await, StoreError::Refused(_));
    ensure_error!(store.session(&mixed.handle).await, StoreError::NotFound(_));
    Ok(())
}

pub(super) async fn the_session_check_follows_the_store(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, production) = (caller("alice")?, profile("production")?);
    let generation = Generation(3);
    let id = |number| id(&alice, number).reveal();
    let check = async |number| verify_session(&store, &id(number), None, generation, &at(1)).await;

    ensure_error!(check(1).await, VerifyError::Refused(SessionRefusal::Unknown));
    for number in [1, 2] {
        store.create_session(&session(&alice, number)?).await?;
        ensure!(check(number).await.is_ok(), "a valid session is refused");
    }
    store.end_session(&handle(&alice, 2), at(1)).await?;
    ensure_error!(check(2).await, VerifyError::Refused(SessionRefusal::Ended));

    let scope = Scope::Profile(production);
    store.change_gate(&alice, &revoke(scope.clone(), Some(at(1)))).await?;
    ensure_error!(check(1).await, VerifyError::Refused(SessionRefusal::Revoked));
    let gate = store.change_gate(&alice, &reinstate(scope)).await?;
    ensure_error!(check(1).await, VerifyError::Refused(SessionRefusal::Revoked));

    let mut later = session(&alice, 3)?;
    later.epochs = gate.epochs(&later.profile);
    store.create_session(&later).await?;
    ensure!(check(3).await.is_ok(), "a session created after a revocation is refused");
    Ok(())
}

/// The id whose secret has the digest that is in [`session`].
fn id(caller: &CallerKey, number: u16) -> SessionId {
    SessionId::new(handle(caller, number), SessionSecret::new([7; 16]))
}
