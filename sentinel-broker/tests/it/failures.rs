//! Each call of a vend fails in each way.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sentinel_broker::{Denial, ErrorCode, Revoke, Target, Vended, parse_user};
use sentinel_store::conformance::{
    CallSelector, Faults, Hook, Phase, StoreCall, StoreErrorKind, StoreOperation,
};
use sentinel_store::{
    AuditError, AuditSink, Clock, Generation, Listing, Record, RecordedEffect, SessionState,
    SessionStore, StoreError,
};

use crate::world::{ALICE, ASSUME_ROLE, Plan, World};

const STAGING: &str = "version: \"1\"\nrules: [{ name: all, effect: allow }]\n";

/// A world with one profile in the main document and one with its own document.
fn world(faults: &Arc<Faults>) -> World {
    let world = World::with(ALICE, Plan::faulty(faults));
    world.put("staging", STAGING);
    world
}

/// The calls of a vend without failures.
async fn calls(profile: &str) -> Vec<StoreOperation> {
    let faults = Faults::new();
    world(&faults).vend("alice", profile).await.unwrap();
    faults.calls()
}

/// The states of all sessions that were written.
async fn states(world: &World) -> Vec<SessionState> {
    let page = world.sessions.sessions(&Listing::All, None).await.unwrap();
    let mut states = Vec::new();
    for session in page.items {
        let gate = world.sessions.gate(&session.caller).await.unwrap();
        states.push(session.state(&gate, Generation(0), world.clock.now()));
    }
    states
}

fn code(result: &Result<Vended, Denial>) -> Option<ErrorCode> {
    result.as_ref().err().map(|denial| denial.code)
}

#[tokio::test]
async fn a_vend_makes_exactly_the_calls_in_the_design() {
    use StoreOperation::{CountVend, CreateSession, Gate, List, Policy, Write};
    let mut cold = calls("production").await;
    cold.sort_by_key(|operation| format!("{operation:?}"));
    assert_eq!(cold, [CountVend, CreateSession, Gate, Gate, ASSUME_ROLE, Policy, Write]);
    let mut own_document = calls("staging").await;
    own_document.sort_by_key(|operation| format!("{operation:?}"));
    // The list of documents contains the profile's own.
    assert_eq!(
        own_document,
        [CountVend, CreateSession, Gate, Gate, List, ASSUME_ROLE, Policy, Write]
    );
    // With a warm cache: two gate reads, two writes, one AssumeRole, one record.
    let faults = Faults::new();
    let world = world(&faults);
    world.vend("alice", "staging").await.unwrap();
    let before = faults.calls().len();
    world.vend("alice", "staging").await.unwrap();
    let mut warm = faults.calls().split_off(before);
    warm.sort_by_key(|operation| format!("{operation:?}"));
    assert_eq!(warm, [CountVend, CreateSession, Gate, Gate, ASSUME_ROLE, Write]);
}

#[tokio::test]
async fn invariant_1_no_credentials_are_returned_when_any_step_of_a_vend_fails() {
    for profile in ["production", "staging"] {
        let calls = calls(profile).await;
        for (number, operation) in calls.iter().enumerate() {
            for moment in Phase::ALL {
                for failure in StoreErrorKind::ALL {
                    let faults = Faults::new();
                    faults.fail(CallSelector::Number(number), moment, failure);
                    let world = world(&faults);
                    let result = world.vend("alice", profile).await;
                    let what = format!("{profile}: {operation:?} {moment:?} {failure:?}");
                    assert!(result.is_err(), "{what}");
                    // Its session, if it was written, is marked as ended.
                    let states = states(&world).await;
                    assert!(!states.contains(&SessionState::Active), "{what}: {states:?}");
                    // And no record states that it was vended, except the
                    // record whose acknowledgment was lost.
                    let allowed =
                        world.decisions().iter().any(|d| d.effect == RecordedEffect::Allow);
                    let lost = (*operation, moment) == (StoreOperation::Write, Phase::After);
                    assert_eq!(allowed, lost, "{what}");
                    if *operation != StoreOperation::Write {
                        assert_eq!(world.decisions().len(), 1, "{what}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn each_failure_has_its_code() {
    use StoreErrorKind::{Conflict, Corrupt, NotFound, Refused, Throttled, Unavailable};
    use StoreOperation::{CountVend, CreateSession, Gate, List, Policy, Write};
    let (limited, unavailable) = (ErrorCode::RateLimited, ErrorCode::StoreUnavailable);
    let (policy, credentials) = (ErrorCode::PolicyError, ErrorCode::CredentialError);
    for (operation, failure, expected) in [
        (Policy, Throttled, limited),
        (Policy, Unavailable, unavailable),
        (Policy, Refused, policy),
        (Policy, Corrupt, policy),
        // The main document must exist.
        (Policy, NotFound, policy),
        (List, Throttled, limited),
        (List, Unavailable, unavailable),
        (List, Refused, policy),
        (Gate, Throttled, limited),
        (Gate, Unavailable, unavailable),
        (Gate, Refused, unavailable),
        (Gate, Corrupt, unavailable),
        (CreateSession, Throttled, limited),
        (CreateSession, Unavailable, unavailable),
        (CreateSession, Conflict, unavailable),
        (CountVend, Throttled, limited),
        (CountVend, Unavailable, unavailable),
        (CountVend, Conflict, unavailable),
        (ASSUME_ROLE, Throttled, limited),
        (ASSUME_ROLE, Unavailable, credentials),
        (ASSUME_ROLE, Refused, credentials),
        (Write, Unavailable, unavailable),
    ] {
        let faults = Faults::new();
        faults.fail(CallSelector::Operation(operation), Phase::Before, failure);
        let result = world(&faults).vend("alice", "staging").await;
        assert_eq!(code(&result), Some(expected), "{operation:?} {failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn invariant_1_a_step_that_hangs_is_answered_in_time_without_credentials() {
    let calls = calls("staging").await;
    for (number, operation) in calls.iter().enumerate() {
        if *operation == StoreOperation::Write {
            // A sink is synchronous: a wait for it cannot be cut short.
            continue;
        }
        for moment in Phase::ALL {
            let faults = Faults::new();
            faults.delay(CallSelector::Number(number), moment, Duration::from_secs(3600));
            let world = world(&faults);
            let started = tokio::time::Instant::now();
            let result = world.vend("alice", "staging").await;
            assert!(result.is_err(), "{operation:?} {moment:?}");
            assert!(started.elapsed() <= Duration::from_secs(25), "{operation:?} {moment:?}");
            assert_eq!(world.decisions().len(), 1, "{operation:?} {moment:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_also_fails_to_end_sessions_vends_nothing() {
    let faults = Faults::new();
    faults.fail(CallSelector::Operation(ASSUME_ROLE), Phase::Before, StoreErrorKind::Refused);
    faults.delay(
        CallSelector::Operation(StoreOperation::EndSession),
        Phase::Before,
        Duration::from_secs(3600),
    );
    let started = tokio::time::Instant::now();
    let result = world(&faults).vend("alice", "production").await;
    assert_eq!(code(&result), Some(ErrorCode::CredentialError));
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn invariant_1_a_revoked_caller_is_refused_when_other_steps_fail_too() {
    let faults = Faults::new();
    let world = world(&faults);
    world.vend("alice", "production").await.unwrap();
    let carol = world.caller("carol");
    let target = Target::Caller(parse_user("alice").unwrap());
    let call = crate::world::call();
    world.broker.revoke(&call, &carol, &Revoke::new(target.clone(), "r")).await.unwrap();
    for operation in
        [StoreOperation::Policy, StoreOperation::List, StoreOperation::CreateSession, ASSUME_ROLE]
    {
        for failure in StoreErrorKind::ALL {
            faults.fail(CallSelector::Operation(operation), Phase::Before, failure);
            let result = world.vend("alice", "production").await;
            assert_eq!(code(&result), Some(ErrorCode::SessionRevoked), "{operation:?} {failure:?}");
            faults.clear();
        }
    }
}

/// Panics after each call of one operation.
#[derive(Debug)]
struct Panicking(StoreOperation);

#[async_trait]
impl Hook for Panicking {
    fn begin(&self, operation: StoreOperation) -> StoreCall {
        StoreCall::new(operation, 0)
    }

    async fn at(&self, call: StoreCall, moment: Phase) -> Result<(), StoreError> {
        assert!(call.operation != self.0 || moment == Phase::Before, "injected");
        Ok(())
    }
}

#[tokio::test]
async fn invariant_5_a_panic_is_recorded_like_any_refusal_and_ends_the_session() {
    for operation in
        [StoreOperation::Policy, StoreOperation::Gate, StoreOperation::CreateSession, ASSUME_ROLE]
    {
        let hook = Arc::new(Panicking(operation));
        let world = World::with(ALICE, Plan { hook, ..Plan::default() });
        let result = world.vend("alice", "production").await;
        assert_eq!(code(&result), Some(ErrorCode::InternalError), "{operation:?}");
        let decisions = world.decisions();
        let [record] = decisions.as_slice() else { panic!("{decisions:?}") };
        assert_eq!((record.effect, record.code.as_str()), (RecordedEffect::Deny, "INTERNAL_ERROR"));
        assert!(!states(&world).await.contains(&SessionState::Active), "{operation:?}");
    }
}

/// A sink that panics.
#[derive(Debug)]
struct PanickingSink;

impl AuditSink for PanickingSink {
    fn write(&self, _: &Record) -> Result<(), AuditError> {
        panic!("injected")
    }
}

#[tokio::test]
async fn invariant_1_a_sink_that_panics_withholds_credentials_and_ends_the_session() {
    let world = World::with(ALICE, Plan { sink: Some(Arc::new(PanickingSink)), ..Plan::default() });
    let result = world.vend("alice", "production").await;
    assert_eq!(code(&result), Some(ErrorCode::StoreUnavailable));
    assert_eq!(states(&world).await, [SessionState::Ended]);
}

#[tokio::test]
async fn whoami_reads_the_policy_once_when_it_cannot_be_read() {
    let faults = Faults::new();
    faults.fail(
        CallSelector::Operation(StoreOperation::Policy),
        Phase::Before,
        StoreErrorKind::Throttled,
    );
    let world = world(&faults);
    let alice = world.caller("alice");
    let before = faults.calls().len();
    let said = world.broker.whoami(&crate::world::call(), &alice).await.unwrap();
    assert!(!said.operator);
    let calls = faults.calls().split_off(before);
    assert_eq!(calls, [StoreOperation::Gate, StoreOperation::Policy]);
}
