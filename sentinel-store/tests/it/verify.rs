//! The session check against forged, revoked and expired ids.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use sentinel_store::memory::MemorySessions;
use sentinel_store::{
    CallerKey, Counted, Cursor, Gate, GateChange, Generation, Listing, RateWindow, Scope, Session,
    SessionHandle, SessionId, SessionKeys, SessionPage, SessionRefusal, SessionSecret,
    SessionStore, StoreError, VerifyError,
    conformance::{CallSelector, Faults, HookedSessions, Phase, StoreErrorKind},
    verify_session,
};

use crate::fixtures::{at, caller, id, revoke, session};

const GENERATION: Generation = Generation(0);

async fn check(store: &dyn SessionStore, id: &str) -> Result<Session, VerifyError> {
    verify_session(store, id, None, GENERATION, &at(10)).await
}

fn refusal(result: Result<Session, VerifyError>) -> SessionRefusal {
    match result {
        Err(VerifyError::Refused(refusal)) => refusal,
        Err(VerifyError::Store(error)) => panic!("{error:?}"),
        Ok(session) => panic!("{session:?} was accepted"),
    }
}

/// A store with Alice's session 1, which is valid, and its id.
async fn store() -> (MemorySessions, String) {
    let (store, alice) = (MemorySessions::new(), caller("alice"));
    store.create_session(&session(&alice, 1)).await.unwrap();
    let id = id(&alice, 1).reveal();
    (store, id)
}

#[tokio::test]
async fn a_valid_session_is_returned() {
    let (store, id) = store().await;
    let found = check(&store, &id).await.unwrap();
    assert!(found == session(&caller("alice"), 1));
}

#[tokio::test]
async fn invariant_7_an_unknown_session_is_refused() {
    let (store, _) = store().await;
    for (name, number) in [("alice", 2), ("bob", 1)] {
        let unknown = id(&caller(name), number).reveal();
        assert_eq!(refusal(check(&store, &unknown).await), SessionRefusal::Unknown);
    }
}

#[tokio::test]
async fn invariant_7_a_malformed_id_is_refused_without_a_read() {
    let (store, id) = store().await;
    let faults = Faults::new();
    let store = HookedSessions::new(store, Arc::clone(&faults) as _);
    let handle = &id["session-".len()..][..42];
    let long = "a".repeat(1_000_000);
    let ids = [
        "",
        "session-",
        "session-xxx",
        handle,
        &format!("session-{handle}"),
        &id.to_uppercase(),
        &format!(" {id}"),
        &format!("{id} "),
        &format!("{id},{id}"),
        &format!("Bearer {id}"),
        &id.replace('-', "_"),
        &format!("{id}\0"),
        "\u{1f511}",
        &long,
    ];
    for id in ids {
        assert_eq!(refusal(check(&store, id).await), SessionRefusal::Malformed);
    }
    assert_eq!(faults.calls(), []);
}

#[tokio::test]
async fn a_forged_id_costs_no_read_with_a_session_key() {
    let (store, plain) = store().await;
    let faults = Faults::new();
    let store = HookedSessions::new(store, Arc::clone(&faults) as _);
    let [keys, others] = ["k", "o"].map(|key| SessionKeys::parse(&key.repeat(32)).unwrap());
    let valid = id(&caller("alice"), 1);
    // Any client can compute the partition of a caller, but not the check.
    let forged = others.issue(valid.handle, valid.secret.clone()).reveal();
    let guessed = format!("{plain}{}", "a".repeat(16));
    for id in [&plain, &forged, &guessed] {
        let check = verify_session(&store, id, Some(&keys), GENERATION, &at(10)).await;
        assert_eq!(refusal(check), SessionRefusal::BadCheck, "{id}");
    }
    assert_eq!(faults.calls(), []);

    let issued = keys.issue(valid.handle, valid.secret).reveal();
    verify_session(&store, &issued, Some(&keys), GENERATION, &at(10)).await.unwrap();
    assert_eq!(faults.calls().len(), 1);
}

#[tokio::test]
async fn a_session_key_is_rotated_without_ending_a_session() {
    let (store, _) = store().await;
    let valid = id(&caller("alice"), 1);
    let (old, new) = ("o".repeat(32), "n".repeat(32));
    let keys = |text: &str| SessionKeys::parse(text).unwrap();
    let issued = keys(&old).issue(valid.handle, valid.secret).reveal();
    let check = async |key: &str| {
        verify_session(&store, &issued, Some(&keys(key)), GENERATION, &at(10)).await
    };
    check(&old).await.unwrap();
    check(&format!("{old},{new}")).await.unwrap();
    check(&format!("{new},{old}")).await.unwrap();
    assert_eq!(refusal(check(&new).await), SessionRefusal::BadCheck);
}

#[tokio::test]
async fn an_id_with_a_check_is_refused_without_a_session_key() {
    let (store, plain) = store().await;
    let valid = id(&caller("alice"), 1);
    let keys = SessionKeys::parse(&"k".repeat(32)).unwrap();
    let issued = keys.issue(valid.handle, valid.secret).reveal();
    assert_eq!(refusal(check(&store, &issued).await), SessionRefusal::BadCheck);
    check(&store, &plain).await.unwrap();
}

#[tokio::test]
async fn invariant_7_a_session_with_another_secret_is_refused() {
    let (store, _) = store().await;
    let mut forged = id(&caller("alice"), 1);
    let other = store_session_secret(2);
    for secret in [other, SessionSecret::new([0; 16]), SessionSecret::new([0xff; 16])] {
        forged.secret = secret;
        assert_eq!(refusal(check(&store, &forged.reveal()).await), SessionRefusal::WrongSecret);
    }
}

/// The secret of another session of the same caller.
fn store_session_secret(number: u32) -> SessionSecret {
    id(&caller("alice"), number).secret
}

#[tokio::test]
async fn invariant_7_the_stored_digest_is_not_the_secret() {
    // A reader of the table cannot use a session.
    let (store, _) = store().await;
    let stored = session(&caller("alice"), 1);
    let digest: [u8; 16] = stored.secret_digest[..16].try_into().unwrap();
    let forged = SessionId::new(stored.handle, SessionSecret::new(digest));
    assert_eq!(refusal(check(&store, &forged.reveal()).await), SessionRefusal::WrongSecret);
}

#[tokio::test]
async fn invariant_7_a_session_is_refused_from_its_expiration_on() {
    let (store, id) = store().await;
    let check = async |now| verify_session(&store, &id, None, GENERATION, &now).await;
    assert!(check(at(3600) - chrono::TimeDelta::nanoseconds(1)).await.is_ok());
    assert_eq!(refusal(check(at(3600)).await), SessionRefusal::Expired);
    assert_eq!(refusal(check(DateTime::<Utc>::MAX_UTC).await), SessionRefusal::Expired);
}

#[tokio::test]
async fn invariant_7_an_ended_session_is_refused() {
    let (store, id) = store().await;
    store.end_session(&session(&caller("alice"), 1).handle, at(5)).await.unwrap();
    assert_eq!(refusal(check(&store, &id).await), SessionRefusal::Ended);
}

#[tokio::test]
async fn invariant_7_a_revoked_session_is_refused_after_reinstatement() {
    let alice = caller("alice");
    for scope in [Scope::Caller, Scope::Profile(session(&alice, 1).profile)] {
        let (store, id) = store().await;
        store.change_gate(&alice, &revoke(scope.clone(), Some(at(1)))).await.unwrap();
        assert_eq!(refusal(check(&store, &id).await), SessionRefusal::Revoked);
        let reinstate = GateChange::reinstate(scope);
        store.change_gate(&alice, &reinstate).await.unwrap();
        assert_eq!(refusal(check(&store, &id).await), SessionRefusal::Revoked);
    }
}

#[tokio::test]
async fn invariant_7_a_session_of_another_generation_is_refused() {
    let (store, id) = store().await;
    for generation in [1, u64::MAX] {
        let result = verify_session(&store, &id, None, Generation(generation), &at(10)).await;
        assert_eq!(refusal(result), SessionRefusal::Revoked);
    }
}

#[tokio::test]
async fn invariant_7_a_session_is_not_refused_for_the_revocation_of_another() {
    let (store, id) = store().await;
    store.change_gate(&caller("bob"), &revoke(Scope::Caller, None)).await.unwrap();
    let staging = Scope::Profile(crate::fixtures::profile("staging"));
    store.change_gate(&caller("alice"), &revoke(staging, None)).await.unwrap();
    assert!(check(&store, &id).await.is_ok());
}

#[tokio::test]
async fn invariant_1_a_failing_store_refuses_every_session() {
    for failure in StoreErrorKind::ALL {
        for phase in Phase::ALL {
            let (store, id) = store().await;
            let faults = Faults::new();
            faults.fail(CallSelector::All, phase, failure);
            let store = HookedSessions::new(store, Arc::clone(&faults) as _);
            match (failure, check(&store, &id).await) {
                (StoreErrorKind::NotFound, Err(VerifyError::Refused(SessionRefusal::Unknown))) => {}
                (StoreErrorKind::NotFound, other) => panic!("{other:?}"),
                (_, Err(VerifyError::Store(_))) => {}
                (_, other) => panic!("{failure:?}: {other:?}"),
            }
            assert_eq!(faults.calls().len(), 1, "one read for every result");
        }
    }
}

/// A store that returns a fixed record.
#[derive(Debug)]
struct FixedRecord {
    session: Session,
    gate: Gate,
    reads: AtomicUsize,
}

#[async_trait]
impl SessionStore for FixedRecord {
    async fn gate(&self, _: &CallerKey) -> Result<Gate, StoreError> {
        panic!("the check must read session and gate together")
    }

    async fn change_gate(&self, _: &CallerKey, _: &GateChange) -> Result<Gate, StoreError> {
        panic!("the check must not write")
    }

    async fn create_session(&self, _: &Session) -> Result<(), StoreError> {
        panic!("the check must not write")
    }

    async fn end_session(&self, _: &SessionHandle, _: DateTime<Utc>) -> Result<(), StoreError> {
        panic!("the check must not write")
    }

    async fn count_vend(
        &self,
        _: &CallerKey,
        _: &RateWindow,
        _: NonZeroU32,
    ) -> Result<Counted, StoreError> {
        panic!("the check must not write")
    }

    async fn session(&self, _: &SessionHandle) -> Result<(Session, Gate), StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok((self.session.clone(), self.gate.clone()))
    }

    async fn sessions(&self, _: &Listing, _: Option<&Cursor>) -> Result<SessionPage, StoreError> {
        panic!("the check must not list")
    }
}

#[tokio::test]
async fn invariant_9_a_record_of_another_session_is_refused() {
    let (alice, mallory) = (caller("alice"), caller("mallory"));
    let shown = id(&alice, 1).reveal();
    let valid = session(&alice, 1);
    let with = |change: &dyn Fn(&mut Session)| {
        let mut session = valid.clone();
        change(&mut session);
        session
    };
    // Each has Alice's digest, so that a check of the secret alone would accept it.
    let wrong = [
        (with(&|session| session.handle = id(&alice, 2).handle), Gate::open(alice.clone())),
        (with(&|session| session.handle = id(&mallory, 1).handle), Gate::open(alice.clone())),
        (with(&|session| session.caller = mallory.clone()), Gate::open(mallory.clone())),
        (with(&|session| session.caller = caller("Alice")), Gate::open(caller("Alice"))),
        (valid.clone(), Gate::open(mallory)),
    ];
    for (session, gate) in wrong {
        let wrong_store = FixedRecord { session, gate, reads: AtomicUsize::new(0) };
        refusal(check(&wrong_store, &shown).await);
        assert_eq!(wrong_store.reads.into_inner(), 1);
    }
    let correct =
        FixedRecord { session: valid, gate: Gate::open(alice), reads: AtomicUsize::new(0) };
    assert!(check(&correct, &shown).await.is_ok());
}

#[tokio::test]
async fn invariant_6_a_refusal_does_not_show_the_id() {
    let (store, valid) = store().await;
    let mut forged = id(&caller("alice"), 1);
    forged.secret = SessionSecret::new([9; 16]);
    let unknown = id(&caller("bob"), 1);
    for id in [forged.reveal(), unknown.reveal(), format!("{valid}!")] {
        let error = check(&store, &id).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        let secret: String = id.chars().skip("session-".len() + 42).take(26).collect();
        assert!(!shown.contains(&secret), "{shown}");
    }
    let found = check(&store, &valid).await.unwrap();
    let digest = format!("{:?}", &found.secret_digest[..4]);
    assert!(!format!("{found:?}").contains(digest.trim_matches(['[', ']'])));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No other text than the id is accepted.
    #[test]
    fn invariant_7_only_the_exact_id_is_accepted(
        place in 0_usize..76,
        to in "[a-z2-7]|.",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (store, id) = store().await;
            let changed: String = id.chars().enumerate()
                .map(|(at, c)| if at == place { to.clone() } else { c.to_string() })
                .collect();
            if changed != id {
                refusal(check(&store, &changed).await);
            }
        });
    }
}
