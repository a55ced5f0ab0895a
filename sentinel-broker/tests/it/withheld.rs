//! Credentials that are issued and must not be returned.

use std::time::Duration;

use sentinel_broker::{ErrorCode, Revoke, Target, parse_user};
use sentinel_store::conformance::{CallSelector, Faults, Phase, StoreOperation};
use sentinel_store::{Listing, RecordedEffect, SessionStore};

use crate::world::{ALICE, ASSUME_ROLE, Plan, World, call};

/// Checks that there is one record, and that it names the withheld credentials.
fn is_recorded(world: &World, code: ErrorCode) {
    let decisions = world.decisions();
    assert_eq!(decisions.len(), 1);
    let record = &decisions[0];
    assert!(record.withheld && record.effect == RecordedEffect::Deny, "{record:?}");
    assert_eq!(record.code, code.as_str());
    assert!(record.access_key_id.is_some() && record.expiration.is_none(), "{record:?}");
}

#[tokio::test(start_paused = true)]
async fn credentials_issued_while_their_caller_is_revoked_are_withheld() {
    let faults = Faults::new();
    let written = CallSelector::Operation(StoreOperation::CreateSession);
    faults.delay(written, Phase::After, Duration::from_secs(2));
    let world = World::with(ALICE, Plan { hook: faults.clone(), ..Plan::default() });
    let (carol, alice) = (world.caller("carol"), Target::Caller(parse_user("alice").unwrap()));
    let (vended, ()) = tokio::join!(world.vend("alice", "production"), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.broker.revoke(&call(), &carol, &Revoke::new(alice.clone(), "theft")).await.unwrap();
    });
    assert_eq!(vended.unwrap_err().code, ErrorCode::SessionRevoked);
    is_recorded(&world, ErrorCode::SessionRevoked);
}

#[tokio::test(start_paused = true)]
async fn credentials_issued_after_their_end_are_withheld() {
    let faults = Faults::new();
    faults.delay(CallSelector::Operation(ASSUME_ROLE), Phase::After, Duration::from_secs(2));
    let world = World::with(ALICE, Plan { hook: faults.clone(), ..Plan::default() });
    let (vended, ()) = tokio::join!(world.vend("alice", "production"), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.clock.advance(2 * 3600);
    });
    assert_eq!(vended.unwrap_err().code, ErrorCode::PolicyDeny);
    is_recorded(&world, ErrorCode::PolicyDeny);
    let sessions = world.sessions.sessions(&Listing::All, None).await.unwrap().items;
    assert!(sessions.len() == 1 && sessions[0].ended.is_some(), "{sessions:?}");
}

/// The vend fails half a second before its deadline, and the session is marked as ended in that time.
#[tokio::test(start_paused = true)]
async fn a_vend_that_runs_out_of_time_ends_its_session_before_the_deadline() {
    let faults = Faults::new();
    let never = Duration::from_secs(3600);
    faults.delay(CallSelector::Operation(ASSUME_ROLE), Phase::Before, never);
    let slow = Duration::from_millis(400);
    faults.delay(CallSelector::Operation(StoreOperation::EndSession), Phase::Before, slow);
    let world = World::with(ALICE, Plan { hook: faults.clone(), ..Plan::default() });
    let started = tokio::time::Instant::now();
    let vended = world.vend("alice", "production").await;
    assert_eq!(vended.unwrap_err().code, ErrorCode::CredentialError);
    // The deadline of the call is after 25 seconds.
    assert_eq!(started.elapsed().as_millis(), 24_900);
    let sessions = world.sessions.sessions(&Listing::All, None).await.unwrap().items;
    assert!(sessions.len() == 1 && sessions[0].ended.is_some(), "{sessions:?}");
}
