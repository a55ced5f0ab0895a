//! Vends and revocations at the same time, call by call.

use std::pin::Pin;
use std::sync::Mutex;

use sentinel_broker::{ErrorCode, GateView, ListSessions, Reinstate, Revoke, Target, parse_user};
use sentinel_store::conformance::{Schedule, Seeded, Steps, interleave};
use sentinel_store::{Generation, SessionHandle, SessionId, SessionState, verify_session};

use crate::world::{ALICE, Plan, World, call};

type Task<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The results of one interleaving.
#[derive(Default)]
struct Outcome {
    vended: Mutex<Vec<SessionId>>,
    refused: Mutex<Vec<ErrorCode>>,
    listed: Mutex<Vec<SessionHandle>>,
    revoked: Mutex<Option<GateView>>,
}

/// Runs two vends of alice in parallel with an operator who revokes her and then lists her
/// sessions, and checks what must hold in every order.
async fn race(schedule: &mut dyn Schedule, whole: bool, reinstate: bool) -> (usize, usize) {
    let steps = Steps::new();
    let world = World::with(ALICE, Plan { hook: steps.clone(), ..Plan::default() });
    let alice = parse_user("alice").unwrap();
    let carol = world.caller("carol");
    let profile = sentinel_store::ProfileName::parse("production").unwrap();
    let target = if whole {
        Target::Caller(alice.clone())
    } else {
        Target::OnProfile(alice.clone(), profile)
    };
    let outcome = Outcome::default();
    let vend = || -> Task<'_> {
        Box::pin(async {
            match world.vend("alice", "production").await {
                Ok(vended) => outcome.vended.lock().unwrap().push(vended.session.unwrap()),
                Err(denial) => outcome.refused.lock().unwrap().push(denial.code),
            }
        })
    };
    let operator: Task<'_> = Box::pin(async {
        let revoked =
            world.broker.revoke(&call(), &carol, &Revoke::new(target.clone(), "r")).await.unwrap();
        let query = ListSessions::default().with_user(alice.clone());
        let list = world.broker.list_sessions(&call(), &carol, &query).await.unwrap();
        // After an acknowledged revocation no listed session is valid.
        assert!(list.sessions.iter().all(|session| session.state != SessionState::Active));
        let handles = list.sessions.iter().map(|session| session.session);
        outcome.listed.lock().unwrap().extend(handles);
        if reinstate {
            world
                .broker
                .reinstate(&call(), &carol, &Reinstate::new(target.clone(), "r"))
                .await
                .unwrap();
        }
        *outcome.revoked.lock().unwrap() = Some(revoked);
    });
    interleave(&steps, vec![vend(), vend(), operator], schedule).await.unwrap();

    let revoked = outcome.revoked.into_inner().unwrap().unwrap();
    let listed = outcome.listed.into_inner().unwrap();
    let vended = outcome.vended.into_inner().unwrap();
    let refused = outcome.refused.into_inner().unwrap();
    assert!(refused.iter().all(|code| *code == ErrorCode::SessionRevoked), "{refused:?}");
    for id in &vended {
        let clock = &*world.clock;
        let check =
            verify_session(&*world.sessions, &id.reveal(), None, Generation(0), clock).await;
        match check {
            // Valid only if it was created under the new epoch: after the
            // reinstatement, as intended.
            Ok(session) => {
                let epochs = session.epochs;
                let epoch = if whole { epochs.caller } else { epochs.profile };
                assert!(reinstate && epoch.0 == revoked.epoch, "a revoked session is good");
            }
            // Its vend did not see the revocation, so the list saw its session.
            Err(_) => assert!(listed.contains(&id.handle), "a session escaped the list"),
        }
    }
    (vended.len(), refused.len())
}

/// Either a vend sees the revocation, or the list that follows it sees the
/// session, and no earlier session is valid afterwards. This holds in each of thousands
/// of orders in which the calls can take effect and be acknowledged.
#[tokio::test]
async fn invariant_2_no_interleaving_lets_a_vend_escape_a_revocation() {
    let (mut vended, mut refused) = (0, 0);
    for seed in 0..4000 {
        let (whole, reinstate) = (seed % 2 == 0, seed % 4 >= 2);
        let counts = race(&mut Seeded::new(seed), whole, reinstate).await;
        vended += counts.0;
        refused += counts.1;
    }
    // Both results must occur, or the test would prove nothing.
    assert!(vended > 500 && refused > 500, "{vended} vended, {refused} refused");
}
