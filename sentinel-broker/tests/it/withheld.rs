//! Credentials that were made and may not leave.

use std::time::Duration;

use sentinel_broker::{Code, Target, parse_user};
use sentinel_store::conformance::{Faults, Operation, Phase, Which};
use sentinel_store::{Listing, SessionStore, Verdict};

use crate::world::{ALICE, ASSUME_ROLE, Plan, World, call};

/// That there is one record, which says which credentials were withheld.
fn is_recorded(world: &World, code: Code) {
    let decisions = world.decisions();
    assert_eq!(decisions.len(), 1);
    let record = &decisions[0];
    assert!(record.withheld && record.effect == Verdict::Deny, "{record:?}");
    assert_eq!(record.code, code.as_str());
    assert!(record.access_key_id.is_some() && record.expiration.is_none(), "{record:?}");
}

#[tokio::test(start_paused = true)]
async fn credentials_made_while_their_caller_is_revoked_are_withheld() {
    let faults = Faults::new();
    let written = Which::Operation(Operation::CreateSession);
    faults.delay(written, Phase::After, Duration::from_secs(2));
    let world = World::with(ALICE, Plan { hook: faults.clone(), ..Plan::default() });
    let (carol, alice) = (world.caller("carol"), Target::Caller(parse_user("alice").unwrap()));
    let (vended, ()) = tokio::join!(world.vend("alice", "production"), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.broker.revoke(&call(), &carol, &alice, "theft", None).await.unwrap();
    });
    assert_eq!(vended.unwrap_err().code, Code::SessionRevoked);
    is_recorded(&world, Code::SessionRevoked);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_come_after_their_end_are_withheld() {
    let faults = Faults::new();
    faults.delay(Which::Operation(ASSUME_ROLE), Phase::After, Duration::from_secs(2));
    let world = World::with(ALICE, Plan { hook: faults.clone(), ..Plan::default() });
    let (vended, ()) = tokio::join!(world.vend("alice", "production"), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.clock.advance(2 * 3600);
    });
    assert_eq!(vended.unwrap_err().code, Code::PolicyDeny);
    is_recorded(&world, Code::PolicyDeny);
    let sessions = world.sessions.sessions(&Listing::All, None).await.unwrap().items;
    assert!(sessions.len() == 1 && sessions[0].ended.is_some(), "{sessions:?}");
}
