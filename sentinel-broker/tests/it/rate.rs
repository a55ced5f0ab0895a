//! The limit on the vends of one caller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sentinel_broker::{
    CallerRate, Denial, ErrorCode, Reinstate, Revoke, Settings, Target, Vended, parse_user,
};
use sentinel_store::conformance::{CallSelector, Faults, Phase, StoreErrorKind, StoreOperation};
use sentinel_store::memory::MemorySessions;
use sentinel_store::{Listing, Session, SessionStore};

use crate::world::{ASSUME_ROLE, Plan, World, call};

/// Production for everyone but mallory.
const MAIN: &str = r#"
version: "1"
rules:
  - { name: mallory, effect: deny, conditions: { users: [mallory] } }
  - { name: all, effect: allow, conditions: { profiles: [production] } }
operators:
  - { name: ops, users: [carol], may: [list_sessions, revoke, reinstate] }
"#;

fn limited(rate: &str) -> Settings {
    let rate = CallerRate::parse(rate).unwrap();
    Plan::default().settings.with_caller_rate(rate)
}

fn world(rate: &str, faults: &Arc<Faults>) -> World {
    World::with(MAIN, Plan { settings: limited(rate), ..Plan::faulty(faults) })
}

async fn sessions(world: &World) -> Vec<Session> {
    world.sessions.sessions(&Listing::All, None).await.unwrap().items
}

/// The calls since the first `before` ones, sorted.
fn sorted_calls(faults: &Faults, before: usize) -> Vec<StoreOperation> {
    let mut calls = faults.calls().split_off(before);
    calls.sort_by_key(|operation| format!("{operation:?}"));
    calls
}

/// Checks that a vend was refused above the limit, and returns the seconds in Retry-After.
fn retry_after(result: Result<Vended, Denial>) -> u32 {
    let denial = result.unwrap_err();
    assert_eq!(denial.code, ErrorCode::RateLimited, "{denial:?}");
    assert!(denial.message.contains("the limit is"), "{denial:?}");
    denial.retry_after.unwrap()
}

#[tokio::test(start_paused = true)]
async fn exactly_the_limit_of_concurrent_vends_gets_credentials() {
    let faults = Faults::new();
    // Every vend has sent its writes before the first one is acknowledged.
    let counts = CallSelector::Operation(StoreOperation::CountVend);
    faults.delay(counts, Phase::Before, Duration::from_secs(1));
    let world = world("5/1m", &faults);
    world.clock.advance(20);
    let results = join_all((0..12).map(|_| world.vend("alice", "production"))).await;
    let (vended, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((vended.len(), refused.len()), (5, 7));
    assert!(refused.into_iter().map(retry_after).all(|seconds| seconds == 40));

    // The sessions of the refused vends have ended, and their credentials are recorded.
    let ended: BTreeMap<String, bool> = sessions(&world)
        .await
        .into_iter()
        .map(|session| (session.handle.to_string(), session.ended.is_some()))
        .collect();
    let decisions = world.decisions();
    assert_eq!((ended.len(), decisions.len()), (12, 12));
    for record in decisions {
        let refused = record.code == "RATE_LIMITED";
        assert_eq!((record.withheld, ended[&record.session.clone().unwrap()]), (refused, refused));
        assert!(record.access_key_id.is_some() && record.expiration.is_some() != refused);
    }
}

#[tokio::test]
async fn a_caller_above_the_limit_is_refused_until_the_window_ends_and_others_are_not() {
    use StoreOperation::{CountVend, CreateSession, EndSession, Gate, Write};
    let faults = Faults::new();
    let world = world("2/10s", &faults);
    for _ in 0..2 {
        world.vend("alice", "production").await.unwrap();
    }
    let before = faults.calls().len();
    assert_eq!(retry_after(world.vend("alice", "production").await), 10);
    let refused = sorted_calls(&faults, before);
    assert_eq!(refused, [CountVend, CreateSession, EndSession, Gate, Gate, ASSUME_ROLE, Write]);
    // Then the broker refuses her without a write and without AssumeRole, and records it.
    world.clock.advance(3);
    let before = faults.calls().len();
    assert_eq!(retry_after(world.vend("alice", "production").await), 7);
    assert_eq!(sorted_calls(&faults, before), [Gate, Write]);
    let record = world.decisions().pop().unwrap();
    assert_eq!(
        (record.code.as_str(), record.session, record.withheld),
        ("RATE_LIMITED", None, false)
    );
    // Bob has his own count, and in the next window alice has a new one.
    world.vend("bob", "production").await.unwrap();
    world.clock.advance(7);
    for _ in 0..2 {
        world.vend("alice", "production").await.unwrap();
    }
    assert_eq!(retry_after(world.vend("alice", "production").await), 10);
}

#[tokio::test]
async fn all_instances_share_one_limit() {
    let sessions = Arc::new(MemorySessions::new());
    let instance = || {
        let (settings, sessions) = (limited("3/1m"), Arc::clone(&sessions));
        World::with(MAIN, Plan { settings, sessions, ..Plan::default() })
    };
    let mut vended = 0;
    for _ in 0..5 {
        vended += u32::from(instance().vend("alice", "production").await.is_ok());
    }
    assert_eq!(vended, 3);
}

#[tokio::test]
async fn invariant_5_a_denied_vend_is_not_counted() {
    use StoreOperation::{Gate, Write};
    let faults = Faults::new();
    let world = world("1/1m", &faults);
    for _ in 0..3 {
        let before = faults.calls().len();
        let denial = world.vend("mallory", "production").await.unwrap_err();
        assert_eq!(denial.code, ErrorCode::PolicyDeny);
        assert_eq!(
            sorted_calls(&faults, before)
                .iter()
                .filter(|it| **it != StoreOperation::Policy)
                .copied()
                .collect::<Vec<_>>(),
            [Gate, Write]
        );
    }
}

#[tokio::test]
async fn a_count_that_fails_refuses_the_vend_and_ends_its_session() {
    let counts = CallSelector::Operation(StoreOperation::CountVend);
    for phase in Phase::ALL {
        for failure in StoreErrorKind::ALL {
            let faults = Faults::new();
            faults.fail(counts, phase, failure);
            let world = world("5/1m", &faults);
            let denial = world.vend("alice", "production").await.unwrap_err();
            let expected = if failure == StoreErrorKind::Throttled {
                ErrorCode::RateLimited
            } else {
                ErrorCode::StoreUnavailable
            };
            assert_eq!(denial.code, expected, "{phase:?} {failure:?}");
            let active = sessions(&world).await.into_iter().filter(|it| it.ended.is_none()).count();
            assert_eq!((active, world.decisions().len()), (0, 1), "{phase:?} {failure:?}");
        }
    }
}

#[tokio::test]
async fn revoking_does_not_depend_on_counts() {
    let faults = Faults::new();
    let world = world("1/1m", &faults);
    let id = world.vend("alice", "production").await.unwrap().session.unwrap();
    retry_after(world.vend("alice", "production").await);
    // Alice is above the limit, so is carol, and no count can be written.
    world.vend("carol", "production").await.unwrap();
    retry_after(world.vend("carol", "production").await);
    let counts = CallSelector::Operation(StoreOperation::CountVend);
    faults.fail(counts, Phase::Before, StoreErrorKind::Unavailable);
    let before = faults.calls().len();
    let (carol, target) = (world.caller("carol"), Target::Caller(parse_user("alice").unwrap()));
    for epoch in 1..=3 {
        let revoke = Revoke::new(target.clone(), "theft");
        let gate = world.broker.revoke(&call(), &carol, &revoke).await.unwrap();
        assert_eq!(gate.epoch, epoch);
    }
    let (_, gate) = world.sessions.session(&id.handle).await.unwrap();
    assert_eq!(gate.whole.epoch.0, 3);
    // A revoked caller is refused as revoked, not as above the limit.
    let denial = world.vend("alice", "production").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::SessionRevoked);
    let reinstate = Reinstate::new(target, "found");
    world.broker.reinstate(&call(), &carol, &reinstate).await.unwrap();
    assert!(!faults.calls().split_off(before).contains(&StoreOperation::CountVend));
}

#[tokio::test(start_paused = true)]
async fn a_vend_is_counted_in_parallel_with_its_other_steps() {
    let faults = Faults::new();
    let world = world("5/1m", &faults);
    let delay = |operation, seconds| {
        let which = CallSelector::Operation(operation);
        faults.delay(which, Phase::After, Duration::from_secs(seconds));
    };
    // The gate is read before the write of the session, and again after it.
    delay(StoreOperation::Gate, 1);
    delay(StoreOperation::CreateSession, 2);
    delay(StoreOperation::CountVend, 3);
    delay(ASSUME_ROLE, 3);
    let started = tokio::time::Instant::now();
    world.vend("alice", "production").await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_secs(1 + 3));
    // The count is sent before the session is acknowledged: before the second read of the gate.
    let calls = faults.calls();
    let position = |operation| calls.iter().position(|it| *it == operation).unwrap();
    let second_gate = calls.iter().rposition(|it| *it == StoreOperation::Gate).unwrap();
    assert!(position(StoreOperation::CountVend) < second_gate, "{calls:?}");
    assert!(position(StoreOperation::CreateSession) < second_gate, "{calls:?}");
}

#[tokio::test]
async fn without_a_rate_or_a_session_table_nothing_is_counted() {
    let unlimited = Plan::default().settings.with_caller_rate(None);
    for (settings, tracked) in [(limited("1/1m"), false), (unlimited, true)] {
        let faults = Faults::new();
        let world = World::with(MAIN, Plan { settings, tracked, ..Plan::faulty(&faults) });
        for _ in 0..3 {
            world.vend("alice", "production").await.unwrap();
        }
        assert!(!faults.calls().contains(&StoreOperation::CountVend));
    }
}
