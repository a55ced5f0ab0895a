//! Each call of an operation on requests and grants fails in each way.

use std::sync::Arc;
use std::time::Duration;

use sentinel_broker::{Denial, ErrorCode, parse_user};
use sentinel_store::conformance::{CallSelector, Faults, Phase, StoreErrorKind, StoreOperation};
use sentinel_store::{
    Clock, EventKind, Generation, Grant, GrantId, GrantListing, GrantState, GrantStore, Listing,
    RecordedEffect, RequestId, RequestListing, RequestState, RequestStore, SessionState,
    SessionStore,
};

use crate::people::{ASK, code, plan};
use crate::world::{ASSUME_ROLE, Plan, World};

/// The users with requests or grants.
const PEOPLE: [&str; 5] = ["alice", "erin", "frank", "gina", "henry"];

fn policy() -> String {
    let ask = ASK.replace(
        r#"name: staging-leads, profiles: [staging], approvers: ["group:leads"]"#,
        r#"name: staging-leads, profiles: [staging], approvers: [bob], auto_approve: { users: [alice] }"#,
    );
    format!(
        "{ask}break_glass:\n  - {{ name: incident, profiles: [production], users: [frank, gina, henry], \
         reason_codes: [incident], review_within: 1h }}\n"
    )
}

/// An operation on something that exists in a [`Scene`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Create,
    CreateAutomatic,
    Approve,
    Deny,
    Cancel,
    Revoke,
    Open,
    Close,
    Review,
    VendByApproval,
    VendByGrant,
}

impl Act {
    const ALL: [Self; 11] = [
        Self::Create,
        Self::CreateAutomatic,
        Self::Approve,
        Self::Deny,
        Self::Cancel,
        Self::Revoke,
        Self::Open,
        Self::Close,
        Self::Review,
        Self::VendByApproval,
        Self::VendByGrant,
    ];

    /// Whether it can succeed when one read of the policy fails: requesters cancel without a policy, and
    /// a permission of an operator is read several times.
    fn survives_a_failed_policy(self) -> bool {
        match self {
            Self::Cancel | Self::Revoke | Self::Close | Self::Review => true,
            Self::Create
            | Self::CreateAutomatic
            | Self::Approve
            | Self::Deny
            | Self::Open
            | Self::VendByApproval
            | Self::VendByGrant => false,
        }
    }
}

/// A world with requests and grants in different states.
struct Scene {
    world: World,
    faults: Arc<Faults>,
    /// Of erin.
    pending: RequestId,
    /// Of alice, who has a session by it.
    approved: RequestId,
    /// Of gina, who has a session by it.
    open: GrantId,
    /// Of henry.
    closed: GrantId,
    /// Number of calls until here.
    calls: usize,
}

impl Scene {
    async fn new() -> Self {
        let faults = Faults::new();
        let plan = Plan { hook: faults.clone(), sink_faults: faults.clone(), ..plan() };
        let world = World::with(&policy(), plan);
        let pending = world.request("erin", "production").await.unwrap().id;
        let approved = world.approved("alice", "production").await.id;
        world.vend("alice", "production").await.unwrap();
        let open = world.open("gina", "production").await.unwrap().id;
        world.vend("gina", "production").await.unwrap();
        let closed = world.open("henry", "production").await.unwrap().id;
        world.close("henry", closed).await.unwrap();
        let calls = faults.calls().len();
        Self { world, faults, pending, approved, open, closed, calls }
    }

    async fn act(&self, act: Act) -> Result<(), Denial> {
        let Self { world, pending, approved, open, closed, .. } = self;
        match act {
            Act::Create => world.request("frank", "production").await.map(drop),
            Act::CreateAutomatic => world.request("alice", "staging").await.map(drop),
            Act::Approve => world.approve("bob", *pending).await.map(drop),
            Act::Deny => world.deny("bob", *pending).await.map(drop),
            Act::Cancel => world.cancel("erin", *pending).await.map(drop),
            Act::Revoke => world.revoke_approval("carol", *approved).await.map(drop),
            Act::Open => world.open("frank", "production").await.map(drop),
            Act::Close => world.close("carol", *open).await.map(drop),
            Act::Review => world.review("carol", *closed).await.map(drop),
            Act::VendByApproval => world.vend("alice", "production").await.map(drop),
            Act::VendByGrant => world.vend("gina", "production").await.map(drop),
        }
    }

    /// Whether there is an event of that kind with that id.
    fn is_recorded(&self, kind: EventKind, id: &str) -> bool {
        self.world.events().iter().any(|event| {
            event.event == kind
                && (event.approval.as_deref() == Some(id)
                    || event.break_glass.as_deref() == Some(id))
        })
    }

    async fn grants_of(&self, user: &str) -> Vec<Grant> {
        let listing = GrantListing::Caller(parse_user(user).unwrap());
        self.world.grants.grants(&listing, None).await.unwrap().items
    }

    /// The sessions that the session check lets through.
    async fn active(&self) -> usize {
        let mut active = 0;
        for session in self.world.sessions.sessions(&Listing::All, None).await.unwrap().items {
            let gate = self.world.sessions.gate(&session.caller).await.unwrap();
            let state = session.state(&gate, Generation(0), self.world.clock.now());
            active += usize::from(state == SessionState::Active);
        }
        active
    }

    /// No access is in effect without a record, and nothing changed without a record
    /// unless the result was an error.
    async fn check(&self, result: &Result<(), Denial>, what: &str) {
        let now = self.world.clock.now();
        for user in PEOPLE {
            let listing = RequestListing::Caller(parse_user(user).unwrap());
            for request in self.world.requests.requests(&listing, None).await.unwrap().items {
                let id = request.id.to_string();
                let recorded = match request.state(now) {
                    RequestState::Approved => self.is_recorded(EventKind::RequestApproved, &id),
                    RequestState::Pending => self.is_recorded(EventKind::RequestCreated, &id),
                    RequestState::Denied => self.is_recorded(EventKind::RequestDenied, &id),
                    RequestState::Cancelled => self.is_recorded(EventKind::RequestCancelled, &id),
                    RequestState::Revoked => {
                        self.is_recorded(EventKind::RequestRevoked, &id) || result.is_err()
                    }
                    RequestState::Expired => false,
                };
                assert!(recorded, "{what}: {user} {request:?}");
            }
            for grant in self.grants_of(user).await {
                let id = grant.id.to_string();
                let recorded = match grant.state(now) {
                    GrantState::Active => self.is_recorded(EventKind::BreakGlassOpened, &id),
                    GrantState::Closed => {
                        self.is_recorded(EventKind::BreakGlassClosed, &id) || result.is_err()
                    }
                    GrantState::Expired => false,
                };
                assert!(recorded, "{what}: {user} {grant:?}");
                if grant.reviewed.is_some() {
                    assert!(self.is_recorded(EventKind::BreakGlassReviewed, &id), "{what}");
                }
            }
        }
    }
}

/// The calls of an operation without failures.
async fn calls(act: Act) -> Vec<StoreOperation> {
    let scene = Scene::new().await;
    scene.act(act).await.unwrap();
    scene.faults.calls().split_off(scene.calls)
}

#[tokio::test]
async fn invariant_1_an_operation_fails_when_any_of_its_calls_fails_and_leaves_nothing_unrecorded()
{
    for act in Act::ALL {
        for (number, operation) in calls(act).await.into_iter().enumerate() {
            for phase in Phase::ALL {
                for failure in StoreErrorKind::ALL {
                    let scene = Scene::new().await;
                    let decisions = scene.world.decisions().len();
                    let before = scene.active().await;
                    let number = CallSelector::Number(scene.calls + number);
                    scene.faults.fail(number, phase, failure);
                    let result = scene.act(act).await;
                    scene.faults.clear();
                    let what = format!("{act:?}: {operation:?} {phase:?} {failure:?}: {result:?}");
                    // A gate that is full has room for the caller as a whole.
                    let full = (operation, failure)
                        == (StoreOperation::ChangeGate, StoreErrorKind::Conflict);
                    let policy = operation == StoreOperation::Policy;
                    if !(full || policy && act.survives_a_failed_policy()) {
                        assert!(result.is_err(), "{what}");
                    }
                    scene.check(&result, &what).await;
                    // A failure never lets more sessions through.
                    assert!(scene.active().await <= before, "{what}");
                    let vend = matches!(act, Act::VendByApproval | Act::VendByGrant);
                    if vend && operation != StoreOperation::Write {
                        assert_eq!(scene.world.decisions().len(), decisions + 1, "{what}");
                        let record = scene.world.decisions().pop().unwrap();
                        assert_ne!(record.effect, RecordedEffect::Allow, "{what}");
                    }
                    // Repeating completes a revocation and a closing.
                    if matches!(act, Act::Revoke | Act::Close) {
                        scene.act(act).await.unwrap();
                        scene.check(&Ok(()), &what).await;
                        assert_eq!(scene.active().await, before - 1, "{what}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn without_records_nothing_is_approved_created_denied_or_opened() {
    for act in Act::ALL {
        let scene = Scene::new().await;
        let before = scene.active().await;
        let write = CallSelector::Operation(StoreOperation::Write);
        scene.faults.fail(write, Phase::Before, StoreErrorKind::Unavailable);
        let result = scene.act(act).await;
        assert_eq!(code(&result), Some(ErrorCode::StoreUnavailable), "{act:?}");
        scene.faults.clear();
        scene.check(&result, &format!("{act:?}")).await;
        assert!(scene.active().await <= before, "{act:?}");
        // What takes access away has taken effect.
        let revoked = usize::from(matches!(act, Act::Revoke | Act::Close));
        assert_eq!(scene.active().await, before - revoked, "{act:?}");
        // What did not take effect is possible afterwards, and so is a repetition.
        scene.act(act).await.unwrap();
        // The grant that was closed since it could not be recorded has no record.
        if act != Act::Open {
            scene.check(&Ok(()), &format!("{act:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_grant_that_cannot_be_recorded_is_closed() {
    let scene = Scene::new().await;
    let write = CallSelector::Operation(StoreOperation::Write);
    scene.faults.fail(write, Phase::Before, StoreErrorKind::Unavailable);
    scene.act(Act::Open).await.unwrap_err();
    let grants = scene.grants_of("frank").await;
    let [grant] = grants.as_slice() else { panic!("{grants:?}") };
    assert!(grant.closed.is_some());
    scene.faults.clear();
    let vended = scene.world.vend("frank", "production").await;
    assert_eq!(code(&vended), Some(ErrorCode::ApprovalRequired));
}

#[tokio::test]
async fn a_grant_whose_opening_was_not_acknowledged_is_closed_and_recorded() {
    let scene = Scene::new().await;
    let open = CallSelector::Operation(StoreOperation::OpenGrant);
    scene.faults.fail(open, Phase::After, StoreErrorKind::Unavailable);
    scene.act(Act::Open).await.unwrap_err();
    let grants = scene.grants_of("frank").await;
    assert!(grants[0].closed.is_some(), "{grants:?}");
    let event = scene.world.events().pop().unwrap();
    assert_eq!(event.event, EventKind::BreakGlassOpened);
    assert_eq!(event.code.as_deref(), Some("STORE_UNAVAILABLE"));
    assert_eq!(event.break_glass, Some(grants[0].id.to_string()));
}

#[tokio::test]
async fn a_grant_that_may_be_open_and_cannot_be_closed_is_recorded_as_opened() {
    let scene = Scene::new().await;
    for (operation, phase) in
        [(StoreOperation::OpenGrant, Phase::After), (StoreOperation::ReplaceGrant, Phase::Before)]
    {
        let calls = CallSelector::Operation(operation);
        scene.faults.fail(calls, phase, StoreErrorKind::Unavailable);
    }
    let result = scene.act(Act::Open).await;
    assert_eq!(code(&result), Some(ErrorCode::StoreUnavailable));
    let grant = scene.grants_of("frank").await.pop().unwrap();
    assert!(grant.closed.is_none());
    assert!(scene.is_recorded(EventKind::BreakGlassOpened, &grant.id.to_string()));
}

/// The transaction is on its way when the broker stops waiting for it, and is not found yet.
#[tokio::test]
async fn a_grant_that_may_still_appear_is_recorded_as_opened() {
    let scene = Scene::new().await;
    let open = CallSelector::Operation(StoreOperation::OpenGrant);
    scene.faults.fail(open, Phase::Before, StoreErrorKind::Unavailable);
    let result = scene.act(Act::Open).await;
    assert_eq!(code(&result), Some(ErrorCode::StoreUnavailable));
    let event = scene.world.events().pop().unwrap();
    assert_eq!(event.event, EventKind::BreakGlassOpened);
    assert_eq!(event.code.as_deref(), Some("STORE_UNAVAILABLE"));
    assert!(event.break_glass.is_some());
}

#[tokio::test]
async fn a_grant_that_was_never_open_is_recorded_as_refused() {
    let scene = Scene::new().await;
    let open = CallSelector::Operation(StoreOperation::OpenGrant);
    scene.faults.fail(open, Phase::Before, StoreErrorKind::Throttled);
    let result = scene.act(Act::Open).await;
    assert_eq!(code(&result), Some(ErrorCode::RateLimited));
    let event = scene.world.events().pop().unwrap();
    assert_eq!((event.event, event.break_glass), (EventKind::BreakGlassRefused, None));
}

/// The state is written, and the epoch is not.
#[tokio::test]
async fn a_revocation_that_failed_halfway_is_recorded_and_completed_by_repeating_it() {
    for act in [Act::Revoke, Act::Close] {
        let scene = Scene::new().await;
        let before = scene.active().await;
        let gate = CallSelector::Operation(StoreOperation::ChangeGate);
        scene.faults.fail(gate, Phase::Before, StoreErrorKind::Unavailable);
        let denial = scene.act(act).await.unwrap_err();
        assert_eq!(denial.code, ErrorCode::StoreUnavailable, "{act:?}");
        assert!(denial.message.contains("repeat"), "{}", denial.message);
        let event = scene.world.events().pop().unwrap();
        assert_eq!((event.code.as_deref(), event.epoch), (Some("STORE_UNAVAILABLE"), None));
        // The session is still good, and nothing more is vended.
        assert_eq!(scene.active().await, before, "{act:?}");
        let vend = if act == Act::Revoke { Act::VendByApproval } else { Act::VendByGrant };
        assert_eq!(code(&scene.act(vend).await), Some(ErrorCode::ApprovalRequired), "{act:?}");
        scene.faults.clear();
        scene.act(act).await.unwrap();
        assert_eq!(scene.active().await, before - 1, "{act:?}");
        let event = scene.world.events().pop().unwrap();
        assert_eq!((event.code, event.epoch), (None, Some(1)), "{act:?}");
    }
}

#[tokio::test]
async fn each_failure_of_a_store_has_its_code() {
    use StoreErrorKind::{Conflict, Corrupt, Refused, Throttled, Unavailable};
    use StoreOperation::{
        CreateRequest, CreateSession, Gate, Grant, Grants, LiveGrants, LiveRequests, OpenGrant,
        ReplaceGrant, ReplaceRequest, Request,
    };
    for (act, operation, conflict) in [
        (Act::Create, CreateRequest, ErrorCode::Conflict),
        (Act::CreateAutomatic, LiveRequests, ErrorCode::StoreUnavailable),
        (Act::Approve, Request, ErrorCode::StoreUnavailable),
        (Act::Approve, Gate, ErrorCode::StoreUnavailable),
        (Act::Approve, LiveRequests, ErrorCode::StoreUnavailable),
        (Act::Approve, ReplaceRequest, ErrorCode::Conflict),
        (Act::Deny, ReplaceRequest, ErrorCode::Conflict),
        (Act::Cancel, ReplaceRequest, ErrorCode::Conflict),
        (Act::Revoke, ReplaceRequest, ErrorCode::Conflict),
        (Act::Open, Grants, ErrorCode::StoreUnavailable),
        (Act::Open, OpenGrant, ErrorCode::Conflict),
        (Act::Close, Grant, ErrorCode::StoreUnavailable),
        (Act::Close, ReplaceGrant, ErrorCode::Conflict),
        (Act::Review, ReplaceGrant, ErrorCode::Conflict),
        (Act::VendByApproval, LiveRequests, ErrorCode::StoreUnavailable),
        (Act::VendByApproval, Request, ErrorCode::StoreUnavailable),
        (Act::VendByApproval, CreateSession, ErrorCode::StoreUnavailable),
        (Act::VendByGrant, LiveGrants, ErrorCode::StoreUnavailable),
        (Act::VendByGrant, Grant, ErrorCode::StoreUnavailable),
    ] {
        for (failure, expected) in [
            (Throttled, ErrorCode::RateLimited),
            (Unavailable, ErrorCode::StoreUnavailable),
            (Refused, ErrorCode::StoreUnavailable),
            (Corrupt, ErrorCode::StoreUnavailable),
            (Conflict, conflict),
        ] {
            let scene = Scene::new().await;
            scene.faults.fail(CallSelector::Operation(operation), Phase::Before, failure);
            let result = scene.act(act).await;
            assert_eq!(code(&result), Some(expected), "{act:?} {operation:?} {failure:?}");
            let denial = result.unwrap_err();
            assert!(!denial.message.contains("injected"), "{}", denial.message);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn invariant_1_an_operation_with_a_call_that_hangs_is_answered_in_time() {
    for act in Act::ALL {
        for (number, operation) in calls(act).await.into_iter().enumerate() {
            if operation == StoreOperation::Write {
                // A sink is synchronous: a wait for it cannot be cut short.
                continue;
            }
            for phase in Phase::ALL {
                let scene = Scene::new().await;
                let before = scene.active().await;
                let number = CallSelector::Number(scene.calls + number);
                scene.faults.delay(number, phase, Duration::from_secs(3600));
                let started = tokio::time::Instant::now();
                let result = scene.act(act).await;
                let what = format!("{act:?}: {operation:?} {phase:?}: {result:?}");
                if operation != StoreOperation::Policy || !act.survives_a_failed_policy() {
                    assert!(result.is_err(), "{what}");
                }
                assert!(started.elapsed() <= Duration::from_secs(25), "{what}");
                scene.faults.clear();
                scene.check(&result, &what).await;
                assert!(scene.active().await <= before, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn the_calls_of_a_vend_by_an_approval_contain_those_of_the_design() {
    let calls = calls(Act::VendByApproval).await;
    let position = |operation| calls.iter().position(|it| *it == operation).unwrap();
    let written = position(StoreOperation::CreateSession);
    assert!(position(StoreOperation::LiveRequests) < written);
    // Read again after the write.
    assert!(written < position(StoreOperation::Request));
    assert!(calls.contains(&ASSUME_ROLE) && calls.last() == Some(&StoreOperation::Write));
    let gates = calls.iter().skip(written).filter(|it| **it == StoreOperation::Gate).count();
    assert_eq!(gates, 2);
}
