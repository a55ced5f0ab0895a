//! Decisions, revocations, closings and vends at the same time, call by call.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sentinel_broker::{Denial, ErrorCode, ListSessions, parse_user};
use sentinel_store::conformance::{
    Exhaustive, Hook, Phase, Schedule, Seeded, Steps, StoreCall, StoreOperation, interleave,
};
use sentinel_store::{Generation, GrantState, RequestState, SessionId, StoreError, verify_session};

use crate::people::{ASK, code};
use crate::world::{Plan, World, call};

type Task<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Makes the calls of some operations take turns, once it is armed. All other calls take no time.
#[derive(Debug)]
struct Turns {
    steps: Arc<Steps>,
    operations: Vec<StoreOperation>,
    armed: AtomicBool,
}

/// The number of a call that takes no turn.
const NO_TURN: usize = usize::MAX;

#[async_trait]
impl Hook for Turns {
    fn begin(&self, operation: StoreOperation) -> StoreCall {
        if self.armed.load(Ordering::SeqCst) && self.operations.contains(&operation) {
            self.steps.begin(operation)
        } else {
            StoreCall::new(operation, NO_TURN)
        }
    }

    async fn at(&self, call: StoreCall, phase: Phase) -> Result<(), StoreError> {
        if call.number == NO_TURN { Ok(()) } else { self.steps.at(call, phase).await }
    }
}

struct Race {
    world: World,
    turns: Arc<Turns>,
}

impl Race {
    fn new(policy: &str, operations: &[StoreOperation]) -> Self {
        let turns = Arc::new(Turns {
            steps: Steps::new(),
            operations: operations.to_vec(),
            armed: AtomicBool::new(false),
        });
        let world = World::with(policy, Plan { hook: turns.clone(), ..Plan::default() });
        Self { world, turns }
    }

    async fn run(&self, tasks: Vec<Task<'_>>, schedule: &mut dyn Schedule) {
        self.turns.armed.store(true, Ordering::SeqCst);
        interleave(&self.turns.steps, tasks, schedule).await.unwrap();
        self.turns.armed.store(false, Ordering::SeqCst);
    }

    /// Whether the session check lets a session through.
    async fn is_active(&self, id: &SessionId) -> bool {
        let (sessions, clock) = (&*self.world.sessions, &*self.world.clock);
        verify_session(sessions, &id.reveal(), None, Generation(0), clock).await.is_ok()
    }
}

/// Keeps the code of a result.
async fn keep<T>(
    result: impl Future<Output = Result<T, Denial>>,
    place: &Mutex<Option<Option<ErrorCode>>>,
) {
    *place.lock().unwrap() = Some(code(&result.await));
}

/// Runs two decisions on a request of alice in every order, and returns the pairs of codes that
/// occurred, each with the state that resulted.
async fn decisions(
    policy: &str,
    decide: impl for<'w> Fn(
        &'w World,
        sentinel_store::RequestId,
    ) -> [Pin<
        Box<dyn Future<Output = Result<sentinel_broker::RequestView, Denial>> + Send + 'w>,
    >; 2],
) -> BTreeSet<String> {
    let operations = [StoreOperation::Request, StoreOperation::ReplaceRequest];
    let (mut schedule, mut seen, mut orders) = (Exhaustive::default(), BTreeSet::new(), 0);
    while schedule.next_sequence() {
        let race = Race::new(policy, &operations);
        let id = race.world.request("alice", "production").await.unwrap().id;
        let codes = [Mutex::default(), Mutex::default()];
        let tasks = decide(&race.world, id).into_iter().zip(&codes);
        let tasks = tasks.map(|(task, place)| Box::pin(keep(task, place)) as Task<'_>).collect();
        race.run(tasks, &mut schedule).await;
        let [first, second] = codes.map(|code| code.into_inner().unwrap().unwrap());
        let request = race.world.show("alice", id).await.unwrap();
        // What was acknowledged is what happened.
        let succeeded = [first, second].iter().filter(|code| code.is_none()).count();
        assert_eq!(request.decided.len(), succeeded, "{request:?}");
        let vended = code(&race.world.vend("alice", "production").await).is_none();
        assert_eq!(vended, request.state == RequestState::Approved);
        seen.insert(format!("{first:?} {second:?} {}", request.state));
        orders += 1;
    }
    // Four steps of each of two tasks, unless one of them ends before its write.
    assert!(orders > 30, "{orders}");
    seen
}

#[tokio::test]
async fn of_two_concurrent_approvals_one_succeeds_and_the_other_one_conflicts() {
    let seen = decisions(ASK, |world, id| {
        [Box::pin(world.approve("bob", id)), Box::pin(world.approve("dave", id))]
    });
    let expected = ["None Some(Conflict) approved", "Some(Conflict) None approved"];
    assert_eq!(seen.await, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn of_two_concurrent_required_approvals_none_is_lost() {
    let policy = ASK.replace("max_duration: 2h", "approvals: 2, max_duration: 2h");
    let seen = decisions(&policy, |world, id| {
        [Box::pin(world.approve("bob", id)), Box::pin(world.approve("dave", id))]
    });
    let expected =
        ["None None approved", "None Some(Conflict) pending", "Some(Conflict) None pending"];
    assert_eq!(seen.await, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn of_a_concurrent_approval_and_a_cancellation_one_succeeds() {
    let seen = decisions(ASK, |world, id| {
        [Box::pin(world.approve("bob", id)), Box::pin(world.cancel("alice", id))]
    });
    let expected = ["None Some(Conflict) approved", "Some(Conflict) None cancelled"];
    assert_eq!(seen.await, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn of_a_concurrent_approval_and_a_denial_one_succeeds() {
    let seen = decisions(ASK, |world, id| {
        [Box::pin(world.approve("bob", id)), Box::pin(world.deny("dave", id))]
    });
    let expected = ["None Some(Conflict) approved", "Some(Conflict) None denied"];
    assert_eq!(seen.await, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn of_two_concurrent_requests_one_is_created() {
    let mut schedule = Exhaustive::default();
    while schedule.next_sequence() {
        let race = Race::new(ASK, &[StoreOperation::CreateRequest]);
        let codes = [Mutex::default(), Mutex::default()];
        let tasks = ["alice", "Alice"].into_iter().zip(&codes);
        let tasks = tasks
            .map(|(user, place)| {
                Box::pin(keep(race.world.request(user, "production"), place)) as Task<'_>
            })
            .collect();
        race.run(tasks, &mut schedule).await;
        let mut codes = codes.map(|code| code.into_inner().unwrap().unwrap());
        codes.sort_by_key(Option::is_some);
        assert_eq!(codes, [None, Some(ErrorCode::Conflict)]);
    }
}

#[tokio::test]
async fn of_two_concurrent_reviews_one_succeeds() {
    let policy = format!("{ASK}{}", BREAK_GLASS.replace("] }", "], review_blocks: true }"))
        .replace("users: [carol]", "users: [carol, dora]");
    let mut schedule = Exhaustive::default();
    while schedule.next_sequence() {
        let race = Race::new(&policy, &[StoreOperation::Grant, StoreOperation::ReplaceGrant]);
        let grant = race.world.open("alice", "production").await.unwrap().id;
        race.world.close("alice", grant).await.unwrap();
        let codes = [Mutex::default(), Mutex::default()];
        let tasks = ["carol", "dora"].into_iter().zip(&codes);
        let tasks = tasks
            .map(|(user, place)| Box::pin(keep(race.world.review(user, grant), place)) as Task<'_>)
            .collect();
        race.run(tasks, &mut schedule).await;
        let mut codes = codes.map(|code| code.into_inner().unwrap().unwrap());
        codes.sort_by_key(Option::is_some);
        assert_eq!(codes, [None, Some(ErrorCode::Conflict)]);
    }
}

const BREAK_GLASS: &str = "break_glass:\n  - { name: incident, profiles: [production], users: [alice], reason_codes: [incident] }\n";

/// What ends the access of alice while she vends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Revoked,
    Closed,
}

/// Runs a vend of alice in parallel with the end of what it is based on. Returns whether credentials
/// were returned.
///
/// Once the end is acknowledged, no session that was vended is good.
async fn vend_against(
    end: End,
    operations: &[StoreOperation],
    schedule: &mut dyn Schedule,
) -> bool {
    let race = Race::new(&format!("{ASK}{BREAK_GLASS}"), operations);
    let world = &race.world;
    let vended = Mutex::new(None);
    let vend = async {
        *vended.lock().unwrap() = Some(world.vend("alice", "production").await);
    };
    match end {
        End::Revoked => {
            let approved = world.approved("alice", "production").await.id;
            let revoke = async {
                let revoked = world.revoke_approval("dave", approved).await.unwrap();
                assert_eq!(revoked.state, RequestState::Revoked);
            };
            race.run(vec![Box::pin(vend), Box::pin(revoke)], schedule).await;
        }
        End::Closed => {
            let grant = world.open("alice", "production").await.unwrap().id;
            let close = async {
                let closed = world.close("carol", grant).await.unwrap();
                assert_eq!(closed.state, GrantState::Closed);
            };
            race.run(vec![Box::pin(vend), Box::pin(close)], schedule).await;
        }
    }
    let refused = Some(ErrorCode::ApprovalRequired);
    assert_eq!(code(&world.vend("alice", "production").await), refused);
    match vended.into_inner().unwrap().unwrap() {
        Ok(vended) => {
            let session = vended.session.unwrap();
            assert!(!race.is_active(&session).await, "{end:?}: a session outlived its grant");
            true
        }
        Err(denial) => {
            let expected = [
                ErrorCode::ApprovalRequired,
                ErrorCode::PolicyDeny,
                // The gate was read before and after the epoch was raised.
                ErrorCode::SessionRevoked,
            ];
            assert!(expected.contains(&denial.code), "{denial}");
            false
        }
    }
}

/// Either a vend sees the revocation of its approval, or the closing of its grant, or the epoch that
/// the revocation raises ends its session. This holds in every order of the calls that matter.
#[tokio::test]
async fn invariant_2_no_session_outlives_the_revocation_of_its_approval_or_the_closing_of_its_grant()
 {
    use StoreOperation::{
        ChangeGate, CreateSession, Grant, LiveGrants, LiveRequests, ReplaceGrant, ReplaceRequest,
        Request,
    };
    for (end, operations) in [
        (End::Revoked, [LiveRequests, CreateSession, Request, ReplaceRequest, ChangeGate]),
        (End::Closed, [LiveGrants, CreateSession, Grant, ReplaceGrant, ChangeGate]),
    ] {
        let (mut schedule, mut vended, mut refused) = (Exhaustive::default(), 0, 0);
        while schedule.next_sequence() {
            if vend_against(end, &operations, &mut schedule).await {
                vended += 1;
            } else {
                refused += 1;
            }
        }
        // Both results must occur, or the test would prove nothing.
        assert!(vended > 30 && refused > 100, "{end:?}: {vended} vended, {refused} refused");
    }
}

/// The same with every call, in some of the orders.
#[tokio::test]
async fn invariant_2_no_session_outlives_what_granted_it_in_thousands_of_orders_of_all_calls() {
    use StoreOperation::{
        ChangeGate, CreateSession, Gate, Grant, LiveGrants, LiveRequests, ReplaceGrant,
        ReplaceRequest, Request,
    };
    let operations = [
        Gate,
        LiveRequests,
        LiveGrants,
        CreateSession,
        Request,
        Grant,
        ReplaceRequest,
        ReplaceGrant,
        ChangeGate,
        crate::world::ASSUME_ROLE,
    ];
    let (mut vended, mut refused) = (0, 0);
    for seed in 0..800 {
        let end = if seed % 2 == 0 { End::Revoked } else { End::Closed };
        if vend_against(end, &operations, &mut Seeded::new(seed)).await {
            vended += 1;
        } else {
            refused += 1;
        }
    }
    assert!(vended > 20 && refused > 80, "{vended} vended, {refused} refused");
}

/// Either a vend sees the revocation of its approver, or an operator who lists the requester's sessions
/// after the revocation sees its session.
#[tokio::test]
async fn a_vend_sees_the_revocation_of_its_approver_or_the_list_that_follows_sees_its_session() {
    use StoreOperation::{ChangeGate, CreateSession, Gate, LiveRequests, Sessions};
    let operations = [Gate, LiveRequests, CreateSession, ChangeGate, Sessions];
    let (mut vended, mut refused) = (0, 0);
    for seed in 0..800 {
        let race = Race::new(ASK, &operations);
        let world = &race.world;
        world.approved("alice", "production").await;
        let (result, listed) = (Mutex::new(None), Mutex::new(Vec::new()));
        let vend = async {
            *result.lock().unwrap() = Some(world.vend("alice", "production").await);
        };
        let operator = async {
            world.revoke_user("bob").await;
            let query = ListSessions::default().with_user(parse_user("alice").unwrap());
            let list = world.broker.list_sessions(&call(), &world.caller("carol"), &query).await;
            let handles = list.unwrap().sessions.into_iter().map(|session| session.session);
            listed.lock().unwrap().extend(handles);
        };
        race.run(vec![Box::pin(vend), Box::pin(operator)], &mut Seeded::new(seed)).await;
        match result.into_inner().unwrap().unwrap() {
            Ok(credentials) => {
                let handle = credentials.session.unwrap().handle;
                assert!(listed.into_inner().unwrap().contains(&handle), "it escaped the list");
                vended += 1;
            }
            Err(denial) => {
                let expected = [ErrorCode::ApprovalRequired, ErrorCode::PolicyDeny];
                assert!(expected.contains(&denial.code), "{denial}");
                refused += 1;
            }
        }
        let again = world.vend("alice", "production").await;
        assert_eq!(code(&again), Some(ErrorCode::ApprovalRequired));
    }
    assert!(vended > 20 && refused > 80, "{vended} vended, {refused} refused");
}

/// An approval that is written while its approver is revoked never counts.
#[tokio::test]
async fn an_approval_at_the_same_time_as_the_revocation_of_its_approver_never_counts() {
    use StoreOperation::{ChangeGate, Gate, ReplaceRequest, Request};
    let (mut schedule, mut approved, mut refused) = (Exhaustive::default(), 0, 0);
    while schedule.next_sequence() {
        let race = Race::new(ASK, &[Gate, Request, ReplaceRequest, ChangeGate]);
        let world = &race.world;
        let id = world.request("alice", "production").await.unwrap().id;
        let result = Mutex::default();
        let approve = keep(world.approve("bob", id), &result);
        let revoke = world.revoke_user("bob");
        race.run(vec![Box::pin(approve), Box::pin(revoke)], &mut schedule).await;
        match result.into_inner().unwrap().unwrap() {
            None => approved += 1,
            Some(ErrorCode::SessionRevoked) => refused += 1,
            Some(other) => panic!("{other:?}"),
        }
        let vended = world.vend("alice", "production").await;
        assert_eq!(code(&vended), Some(ErrorCode::ApprovalRequired));
        world.reinstate_user("bob").await;
        let vended = world.vend("alice", "production").await;
        assert_eq!(code(&vended), Some(ErrorCode::ApprovalRequired));
    }
    assert!(approved > 30 && refused > 30, "{approved} approved, {refused} refused");
}
