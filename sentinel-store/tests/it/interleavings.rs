//! Every order of the calls of a vend and of a revocation.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use sentinel_store::memory::MemorySessions;
use sentinel_store::{
    Listing, Scope, SessionStore,
    conformance::{Exhaustive, HookedSessions, Schedule, Seeded, Steps, interleave},
};

use crate::fixtures::{at, caller, revoke, session};

type Store = Arc<HookedSessions<MemorySessions>>;
type Task<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

fn stepped() -> (Arc<Steps>, Store) {
    let steps = Steps::new();
    let store = HookedSessions::new(MemorySessions::new(), Arc::clone(&steps) as _);
    (steps, Arc::new(store))
}

/// Writes a session and reads the gate again. Returns whether it saw a revocation.
async fn vend(store: &Store) -> bool {
    let alice = caller("alice");
    let mut session = session(&alice, 1);
    let gate = store.gate(&alice).await.unwrap();
    if gate.blocked(at(1)).is_some() {
        return true;
    }
    session.epochs = gate.epochs(&session.profile);
    store.create_session(&session).await.unwrap();
    let again = store.gate(&alice).await.unwrap();
    again.blocked(at(1)).is_some() || again.epochs(&session.profile) != session.epochs
}

/// Changes the gate and lists the sessions. Returns whether it saw the session.
async fn revocation(store: &Store) -> bool {
    let alice = caller("alice");
    store.change_gate(&alice, &revoke(Scope::Caller, None)).await.unwrap();
    let page = store.sessions(&Listing::Caller(alice), None).await.unwrap();
    !page.items.is_empty()
}

/// What both calls saw in one order.
async fn run(schedule: &mut dyn Schedule) -> (bool, bool) {
    let (steps, store) = stepped();
    let seen = Mutex::new((false, false));
    let tasks: Vec<Task<'_>> = vec![
        Box::pin(async {
            let saw = vend(&store).await;
            seen.lock().unwrap().0 = saw;
        }),
        Box::pin(async {
            let saw = revocation(&store).await;
            seen.lock().unwrap().1 = saw;
        }),
    ];
    interleave(&steps, tasks, schedule).await.unwrap();
    seen.into_inner().unwrap()
}

#[tokio::test]
async fn invariant_2_in_every_order_a_vend_and_a_revocation_see_each_other() {
    let mut schedule = Exhaustive::default();
    let (mut ways, mut outcomes) = (0, std::collections::BTreeSet::new());
    while schedule.next_sequence() {
        let seen = run(&mut schedule).await;
        assert_ne!(seen, (false, false), "way {ways}");
        outcomes.insert(seen);
        ways += 1;
    }
    // Three calls and two, each with two steps: at most ten over four, and fewer
    // if the vend stops at its first read.
    assert!((100..=210).contains(&ways), "{ways} ways");
    // Each of the three valid results occurred.
    assert_eq!(outcomes.len(), 3);
}

#[tokio::test]
async fn the_same_seed_results_in_the_same_order() {
    for seed in 0..20 {
        let (one, again) = (order(seed).await, order(seed).await);
        assert_eq!(one, again);
    }
    assert_ne!(order(1).await, order(2).await);
}

async fn order(seed: u64) -> Vec<usize> {
    let (steps, store) = stepped();
    let order = Mutex::new(Vec::new());
    let task = |name| -> Task<'_> {
        let (store, order) = (&store, &order);
        Box::pin(async move {
            for _ in 0..4 {
                store.gate(&caller("alice")).await.unwrap();
                order.lock().unwrap().push(name);
            }
        })
    };
    interleave(&steps, vec![task(0), task(1), task(2)], &mut Seeded::new(seed)).await.unwrap();
    order.into_inner().unwrap()
}

#[tokio::test]
async fn tasks_that_wait_for_something_else_are_reported() {
    let steps = Steps::new();
    let tasks: Vec<Task<'_>> = vec![Box::pin(std::future::pending()), Box::pin(async {})];
    let stuck = interleave(&steps, tasks, &mut Seeded::new(0)).await;
    assert_eq!(stuck.map_err(|stuck| stuck.tasks), Err(1));
}

#[tokio::test]
async fn a_cancelled_call_does_not_wait_for_its_turn() {
    let (steps, store) = stepped();
    let tasks: Vec<Task<'_>> = vec![Box::pin(async {
        let alice = caller("alice");
        tokio::select! {
            biased;
            _ = store.gate(&alice) => panic!("the call was not cancelled"),
            () = std::future::ready(()) => {}
        }
    })];
    interleave(&steps, tasks, &mut Seeded::new(0)).await.unwrap();
    assert_eq!(steps.waiting(), []);
}

#[tokio::test]
async fn concurrent_calls_of_one_task_take_turns_too() {
    let mut schedule = Exhaustive::default();
    let mut ways = 0;
    while schedule.next_sequence() {
        let (steps, store) = stepped();
        let tasks: Vec<Task<'_>> = vec![Box::pin(async {
            let (alice, bob) = (caller("alice"), caller("bob"));
            let (one, other) = tokio::join!(store.gate(&alice), store.gate(&bob));
            one.and(other).unwrap();
        })];
        interleave(&steps, tasks, &mut schedule).await.unwrap();
        ways += 1;
    }
    assert_eq!(ways, 6, "two steps among four");
}
