//! The wrappers that inject failures into stores and sinks.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use sentinel_store::memory::{MemoryPolicies, MemorySessions, MemorySink};
use sentinel_store::{
    AuditSink, Epoch, Metrics, PolicyStore, RateWindow, Record, Scope, SessionStore, StoreError,
    conformance::{
        CallSelector, Faults, FaultySink, Hook, HookedPolicies, HookedSessions, Phase, StoreCall,
        StoreErrorKind, StoreOperation,
    },
};
use tokio::time::Instant;

use crate::fixtures::{at, caller, id, revoke, root, session};

fn record() -> Record {
    Record::Metrics(Metrics::new(at(0), vec![("Requests", 1)]))
}

fn kind(error: &StoreError) -> StoreErrorKind {
    match error {
        StoreError::NotFound(_) => StoreErrorKind::NotFound,
        StoreError::Conflict(_) => StoreErrorKind::Conflict,
        StoreError::Throttled(_) => StoreErrorKind::Throttled,
        StoreError::Unavailable(_) => StoreErrorKind::Unavailable,
        StoreError::Refused(_) => StoreErrorKind::Refused,
        StoreError::Corrupt(_) => StoreErrorKind::Corrupt,
    }
}

#[tokio::test]
async fn calls_are_numbered_across_stores_and_sinks() {
    let faults = Faults::new();
    let sessions = HookedSessions::new(MemorySessions::new(), Arc::clone(&faults) as _);
    let policies = HookedPolicies::new(MemoryPolicies::new(), Arc::clone(&faults) as _);
    let sink = FaultySink::new(MemorySink::new(), Arc::clone(&faults));
    let alice = caller("alice");
    let session = session(&alice, 1);

    sessions.gate(&alice).await.unwrap();
    sessions.change_gate(&alice, &revoke(Scope::Caller, None)).await.unwrap();
    policies.policy(&root().join("main")).await.unwrap_err();
    sessions.create_session(&session).await.unwrap();
    sessions.session(&session.handle).await.unwrap();
    sessions.end_session(&session.handle, at(0)).await.unwrap();
    let window = RateWindow::containing(at(0), Duration::from_secs(60));
    sessions.count_vend(&alice, &window, NonZeroU32::MIN).await.unwrap();
    sink.write(&record()).unwrap();
    policies.list(&root(), None).await.unwrap();
    sessions.sessions(&sentinel_store::Listing::All, None).await.unwrap();
    assert_eq!(faults.begin(StoreOperation::Other("issue")).number, 10);
    assert_eq!(
        faults.calls(),
        [
            StoreOperation::Gate,
            StoreOperation::ChangeGate,
            StoreOperation::Policy,
            StoreOperation::CreateSession,
            StoreOperation::Session,
            StoreOperation::EndSession,
            StoreOperation::CountVend,
            StoreOperation::Write,
            StoreOperation::List,
            StoreOperation::Sessions,
            StoreOperation::Other("issue"),
        ]
    );
}

#[tokio::test]
async fn each_kind_of_failure_is_injected_into_the_selected_call_only() {
    let alice = caller("alice");
    for failure in StoreErrorKind::ALL {
        for phase in Phase::ALL {
            let faults = Faults::new();
            let store = HookedSessions::new(MemorySessions::new(), Arc::clone(&faults) as _);
            faults.fail(CallSelector::Number(1), phase, failure);
            store.gate(&alice).await.unwrap();
            let error = store.gate(&alice).await.unwrap_err();
            assert_eq!(kind(&error), failure);
            store.gate(&alice).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_failure_before_leaves_no_effect_and_one_after_loses_the_acknowledgment() {
    let alice = caller("alice");
    for (phase, epoch) in [(Phase::Before, Epoch(0)), (Phase::After, Epoch(1))] {
        let faults = Faults::new();
        let store = HookedSessions::new(MemorySessions::new(), Arc::clone(&faults) as _);
        faults.fail(
            CallSelector::Operation(StoreOperation::ChangeGate),
            phase,
            StoreErrorKind::Unavailable,
        );
        assert!(store.change_gate(&alice, &revoke(Scope::Caller, None)).await.is_err());
        assert_eq!(store.gate(&alice).await.unwrap().whole.epoch, epoch);
        assert_eq!(store.inner().gate(&alice).await.unwrap().whole.epoch, epoch);
    }
}

#[tokio::test]
async fn clearing_removes_the_faults_and_keeps_the_calls() {
    let faults = Faults::new();
    let policies = HookedPolicies::new(MemoryPolicies::new(), Arc::clone(&faults) as _);
    faults.fail(CallSelector::All, Phase::Before, StoreErrorKind::Throttled);
    assert!(policies.list(&root(), None).await.is_err());
    faults.clear();
    assert!(policies.list(&root(), None).await.is_ok());
    assert_eq!(faults.calls(), [StoreOperation::List; 2]);
    assert_eq!(policies.inner().list(&root(), None).await.unwrap().items, []);
}

#[test]
fn a_sink_fails_before_and_after_its_write() {
    for (phase, written) in [(Phase::Before, 0), (Phase::After, 1)] {
        let faults = Faults::new();
        let sink = FaultySink::new(MemorySink::new(), Arc::clone(&faults));
        faults.fail(
            CallSelector::Operation(StoreOperation::Write),
            phase,
            StoreErrorKind::Unavailable,
        );
        assert!(sink.write(&record()).is_err());
        assert_eq!(sink.inner().records().len(), written);
    }
}

#[test]
fn a_sink_in_memory_fails_on_request() {
    let sink = MemorySink::new();
    sink.write(&record()).unwrap();
    sink.set_failing(true);
    assert!(sink.write(&record()).is_err());
    sink.set_failing(false);
    sink.write(&record()).unwrap();
    assert_eq!(sink.take().len(), 2);
    assert_eq!(sink.records(), []);
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_the_injected_delay() {
    let faults = Faults::new();
    let store = HookedSessions::new(MemorySessions::new(), Arc::clone(&faults) as _);
    let hour = Duration::from_secs(3600);
    faults.delay(CallSelector::Operation(StoreOperation::Session), Phase::Before, hour);
    faults.delay(CallSelector::Number(0), Phase::After, hour);
    let begun = Instant::now();
    let unknown = id(&caller("alice"), 1).handle;
    assert!(matches!(store.session(&unknown).await, Err(StoreError::NotFound(_))));
    assert_eq!(begun.elapsed(), 2 * hour);
}

#[tokio::test]
async fn an_issuer_can_share_the_hook() {
    let faults = Faults::new();
    let call = faults.begin(StoreOperation::Other("issue"));
    assert_eq!(call, StoreCall::new(StoreOperation::Other("issue"), 0));
    faults.fail(
        CallSelector::Operation(StoreOperation::Other("issue")),
        Phase::After,
        StoreErrorKind::Refused,
    );
    faults.at(call, Phase::Before).await.unwrap();
    assert_eq!(kind(&faults.at(call, Phase::After).await.unwrap_err()), StoreErrorKind::Refused);
}
