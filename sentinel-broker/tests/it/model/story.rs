//! What the tasks of an order do, and what must hold after it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use sentinel_broker::{
    Denial, ErrorCode, ListSessions, Reinstate, Revoke, Target, Vended, parse_user,
};
use sentinel_store::conformance::StoreOperation;
use sentinel_store::{
    CallerKey, Clock, Gate, Generation, ProfileName, RequestId, RequestState, RequestStore,
    Session, SessionHandle, SessionId, SessionStore, verify_session,
};

use super::explore::{Explorer, Move, Task, Turns};
use crate::people::profile;
use crate::world::{ASSUME_ROLE, Plan, World, call};

const POLICY: &str = r#"
version: "1"
rules:
  - { name: open, effect: allow, conditions: { profiles: [open], users: [alice] } }
  - { name: ask, effect: require_approval, conditions: { profiles: [approved, emergency] } }
approvals:
  - { name: leads, profiles: [approved], approvers: [bob, dave] }
break_glass:
  - { name: incident, profiles: [emergency], users: [alice], reason_codes: [incident] }
operators:
  - name: ops
    users: [carol, dora]
    may: [list_sessions, revoke, reinstate, revoke_approval, close_break_glass]
"#;

/// What people do while alice vends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Story {
    /// carol revokes alice as a whole.
    OnlyRevoked,
    /// carol revokes alice as a whole, lists her sessions, and reinstates her.
    Revoked,
    /// The same on the profile.
    RevokedOnProfile,
    /// carol revokes alice and lists her sessions. At the same time, dora reinstates her.
    RevokedAndReinstated,
    /// bob has approved the request of alice. dave revokes the approval, and carol lists the sessions
    /// of alice.
    ApprovalRevoked,
    /// bob approves the request of alice. At the same time, dave denies it.
    ApprovalDenied,
    /// carol revokes bob, who has approved the request of alice, and lists the sessions of alice.
    ApproverRevoked,
    /// bob has approved the request of alice. dave revokes the approval. At the same time, carol
    /// revokes alice on the profile, lists her sessions, and reinstates her.
    ApprovalAndCallerRevoked,
    /// alice opens a grant. Then carol closes it and lists the sessions of alice.
    GrantClosed,
}

impl Story {
    fn profile(self) -> ProfileName {
        profile(match self {
            Self::OnlyRevoked
            | Self::Revoked
            | Self::RevokedOnProfile
            | Self::RevokedAndReinstated => "open",
            Self::ApprovalRevoked
            | Self::ApprovalDenied
            | Self::ApproverRevoked
            | Self::ApprovalAndCallerRevoked => "approved",
            Self::GrantClosed => "emergency",
        })
    }

    /// The operations whose effects matter to their own task only: no other task reads what they write,
    /// or writes what they read.
    fn local(self) -> &'static [StoreOperation] {
        use StoreOperation::{CreateSession, EndSession, Gate};
        match self {
            Self::ApprovalDenied => &[ASSUME_ROLE, Gate, CreateSession, EndSession],
            Self::OnlyRevoked
            | Self::Revoked
            | Self::RevokedOnProfile
            | Self::RevokedAndReinstated
            | Self::ApprovalRevoked
            | Self::ApproverRevoked
            | Self::ApprovalAndCallerRevoked
            | Self::GrantClosed => &[ASSUME_ROLE],
        }
    }

    /// The effect with which the access of alice begins. `None` if she has access from the beginning.
    fn beginning(self) -> Option<StoreOperation> {
        match self {
            Self::OnlyRevoked
            | Self::Revoked
            | Self::RevokedOnProfile
            | Self::RevokedAndReinstated
            | Self::ApprovalRevoked
            | Self::ApprovalAndCallerRevoked
            | Self::ApproverRevoked => None,
            Self::ApprovalDenied => Some(StoreOperation::ReplaceRequest),
            Self::GrantClosed => Some(StoreOperation::OpenGrant),
        }
    }
}

/// What the orders of a story resulted in.
#[derive(Debug, Default)]
pub(super) struct Explored {
    pub(super) orders: usize,
    pub(super) left: usize,
    pub(super) vended: usize,
    pub(super) refused: usize,
    pub(super) crashed: usize,
    pub(super) withheld: usize,
    pub(super) outcomes: BTreeSet<String>,
}

/// Runs a story in the orders of the explorer, with this number of vends. The calls of `silent` take
/// no turn.
pub(super) async fn explore(
    story: Story,
    vends: usize,
    explorer: Explorer,
    silent: &[StoreOperation],
) -> Explored {
    let (mut explorer, mut explored) = (explorer.with_local(story.local()), Explored::default());
    while explorer.next_order() {
        let turns = Turns::without(silent);
        let world = World::with(POLICY, Plan { hook: turns.clone(), ..Plan::default() });
        let mut run = Run::begin(&world, &turns, story, vends).await;
        let tasks = run.scene.tasks(story);
        let scene = Arc::clone(&run.scene);
        let (mut number, mut gates, mut revisions) = (0, Vec::new(), Vec::new());
        let order = explorer.run(&turns, tasks, &mut |order| {
            if order.effect() == Some(StoreOperation::ChangeGate) {
                let gate = world.sessions.gate(&scene.alice).now_or_never().unwrap().unwrap();
                gates.push((number, gate));
            }
            if let (Some(StoreOperation::ReplaceRequest), Some(id)) =
                (order.effect(), &scene.request)
            {
                let request = world.requests.request(id).now_or_never().unwrap().unwrap();
                revisions.push((number, request.revision));
            }
            number += 1;
        });
        let Some(order) = order else { continue };
        // One that lost against another one changed nothing.
        revisions.dedup_by_key(|(_, revision)| *revision);
        (run.gates, run.revisions) = (gates, revisions);
        run.check(&order, &mut explored).await;
    }
    (explored.orders, explored.left) = (explorer.orders, explorer.left);
    explored
}

/// What the tasks share.
struct Scene<'w> {
    world: &'w World,
    turns: &'w Turns,
    alice: CallerKey,
    profile: ProfileName,
    /// The request that bob approves.
    request: Option<RequestId>,
    vends: Vec<Mutex<Option<Result<Vended, Denial>>>>,
    /// The sessions that carol listed after what she, or dave, did was acknowledged.
    listed: Mutex<Option<Vec<SessionHandle>>>,
}

struct Run<'w> {
    story: Story,
    scene: Arc<Scene<'w>>,
    /// The gate of alice after each change of a gate, with the number of its move.
    gates: Vec<(usize, Gate)>,
    /// The revision of the request after each change of it, with the number of its move.
    revisions: Vec<(usize, u64)>,
}

impl<'w> Scene<'w> {
    fn tasks(self: &Arc<Self>, story: Story) -> Vec<Task<'w>> {
        let mut tasks: Vec<Task<'w>> = Vec::new();
        for number in 0..self.vends.len() {
            let scene = Arc::clone(self);
            tasks.push(Box::pin(async move {
                let vended = scene.world.vend("alice", scene.profile.as_str()).await;
                *scene.vends[number].lock().unwrap() = Some(vended);
            }));
        }
        let whole = Target::Caller(self.alice.clone());
        let on_profile = Target::OnProfile(self.alice.clone(), self.profile.clone());
        let scene = || Arc::clone(self);
        match story {
            Story::OnlyRevoked => {
                let scene = scene();
                tasks.push(Box::pin(async move { scene.revoke(&whole).await }));
            }
            Story::Revoked => tasks.push(Box::pin(scene().revoked(whole, true))),
            Story::RevokedOnProfile => tasks.push(Box::pin(scene().revoked(on_profile, true))),
            Story::RevokedAndReinstated => {
                tasks.push(Box::pin(scene().revoked(whole.clone(), false)));
                let scene = scene();
                tasks.push(Box::pin(async move { scene.reinstate("dora", whole).await }));
            }
            Story::ApprovalRevoked => tasks.push(Box::pin(scene().approval_revoked(true))),
            Story::ApprovalDenied => {
                let (one, other) = (scene(), scene());
                tasks.push(Box::pin(async move { one.approve().await }));
                tasks.push(Box::pin(async move {
                    let id = other.request.unwrap();
                    drop(other.certainly(async || other.world.deny("dave", id).await).await);
                }));
            }
            Story::ApproverRevoked => {
                let bob = Target::Caller(parse_user("bob").unwrap());
                tasks.push(Box::pin(scene().revoked(bob, false)));
            }
            Story::ApprovalAndCallerRevoked => {
                tasks.push(Box::pin(scene().approval_revoked(false)));
                tasks.push(Box::pin(scene().revoked(on_profile, true)));
            }
            Story::GrantClosed => tasks.push(Box::pin(scene().grant_closed())),
        }
        tasks
    }

    /// An operation of a person that no other task revokes. It is repeated if its result is unknown, as
    /// its response requests.
    async fn certainly<T>(
        &self,
        operation: impl AsyncFn() -> Result<T, Denial>,
    ) -> Result<T, Denial> {
        self.turns.skip_own_gate();
        match operation().await {
            Err(denial) if denial.code == ErrorCode::StoreUnavailable => {
                self.turns.skip_own_gate();
                operation().await
            }
            result => result,
        }
    }

    async fn revoke(&self, target: &Target) {
        let carol = self.world.caller("carol");
        let revoke = Revoke::new(target.clone(), "lost laptop");
        self.certainly(async || self.world.broker.revoke(&call(), &carol, &revoke).await)
            .await
            .unwrap();
    }

    async fn revoked(self: Arc<Self>, target: Target, reinstated: bool) {
        self.revoke(&target).await;
        self.list().await;
        if reinstated {
            self.reinstate("carol", target).await;
        }
    }

    async fn reinstate(&self, operator: &str, target: Target) {
        let (operator, reinstate) = (self.world.caller(operator), Reinstate::new(target, "found"));
        let broker = &self.world.broker;
        self.certainly(async || broker.reinstate(&call(), &operator, &reinstate).await)
            .await
            .unwrap();
    }

    async fn list(&self) {
        let query = ListSessions::default().with_user(self.alice.clone());
        let (broker, carol) = (&self.world.broker, self.world.caller("carol"));
        let list =
            self.certainly(async || broker.list_sessions(&call(), &carol, &query).await).await;
        let handles = list.unwrap().sessions.into_iter().map(|session| session.session);
        *self.listed.lock().unwrap() = Some(handles.collect());
    }

    async fn approve(&self) {
        let id = self.request.unwrap();
        // A repetition is refused if the approval took effect.
        drop(self.certainly(async || self.world.approve("bob", id).await).await);
    }

    async fn approval_revoked(self: Arc<Self>, listed: bool) {
        let id = self.request.unwrap();
        self.certainly(async || self.world.revoke_approval("dave", id).await).await.unwrap();
        if listed {
            self.list().await;
        }
    }

    async fn grant_closed(self: Arc<Self>) {
        let open = self.certainly(async || self.world.open("alice", "emergency").await).await;
        let id = open.unwrap().id;
        self.certainly(async || self.world.close("carol", id).await).await.unwrap();
        self.list().await;
    }
}

/// A vend, and its effects in the order.
struct Seen<'o> {
    task: usize,
    order: &'o [Move],
}

impl Seen<'_> {
    /// The first effect of an operation of this vend at or after a place.
    fn first(&self, operation: StoreOperation, after: usize) -> Option<usize> {
        let is = |at: &usize| {
            let it = self.order[*at];
            it.task() == self.task && it.effect() == Some(operation)
        };
        (after..self.order.len()).find(is)
    }

    fn last_effect(&self) -> Option<usize> {
        let reads = |it: &Move| it.task() == self.task && it.effect().is_some();
        self.order.iter().rposition(reads)
    }
}

impl<'w> Run<'w> {
    async fn begin(world: &'w World, turns: &'w Turns, story: Story, vends: usize) -> Self {
        let profile = story.profile();
        let alice = parse_user("alice").unwrap();
        let request = if profile.as_str() == "approved" {
            Some(world.request("alice", "approved").await.unwrap().id)
        } else {
            None
        };
        if let Some(id) = request.filter(|_| story != Story::ApprovalDenied) {
            world.approve("bob", id).await.unwrap();
        }
        let vends = (0..vends).map(|_| Mutex::default()).collect();
        let scene =
            Scene { world, turns, alice, profile, request, vends, listed: Mutex::default() };
        Self { story, scene: Arc::new(scene), gates: Vec::new(), revisions: Vec::new() }
    }

    /// The gate of alice before a move.
    fn gate(&self, at: usize) -> Gate {
        let gate = self.gates.iter().rev().find(|(changed, _)| *changed < at);
        gate.map_or_else(|| Gate::open(self.scene.alice.clone()), |(_, gate)| gate.clone())
    }

    /// Whether alice can vend, as far as her gate is concerned.
    fn is_open(&self, gate: &Gate) -> bool {
        let now = self.scene.world.clock.now();
        gate.blocked_on(&self.scene.profile, now).is_none()
    }

    async fn is_valid(&self, id: &SessionId) -> bool {
        let World { sessions, clock, .. } = self.scene.world;
        verify_session(&**sessions, &id.reveal(), None, Generation(0), &**clock).await.is_ok()
    }

    async fn check(&self, order: &[Move], explored: &mut Explored) {
        let listed = self.scene.listed.lock().unwrap().clone();
        let (mut finished, mut sessions, mut outcome) = (0, Vec::new(), Vec::new());
        for (task, vend) in self.scene.vends.iter().enumerate() {
            let seen = Seen { task, order };
            let vend = vend.lock().unwrap().take();
            finished += usize::from(vend.is_some());
            match vend {
                None => {
                    assert!(order.contains(&Move::Crash(task)));
                    explored.crashed += 1;
                    outcome.push("crashed".to_owned());
                }
                Some(Err(denial)) => {
                    self.check_refusal(&seen, &denial);
                    explored.refused += 1;
                    outcome.push(format!("{:?}", denial.code));
                }
                Some(Ok(vended)) => {
                    let id = vended.session.unwrap();
                    let (session, _) = self.scene.world.sessions.session(&id.handle).await.unwrap();
                    let valid = self.is_valid(&id).await;
                    self.check_vended(&seen, &session, valid, listed.as_deref());
                    explored.vended += 1;
                    let listed = listed.as_ref().is_some_and(|it| it.contains(&id.handle));
                    outcome.push(format!("vended, valid: {valid}, listed: {listed}"));
                    sessions.push((id, valid));
                }
            }
        }
        // Every vend that was not dropped is recorded once.
        let decisions = self.scene.world.decisions();
        assert!((finished..=self.scene.vends.len()).contains(&decisions.len()), "{decisions:?}");
        explored.withheld += decisions.iter().filter(|record| record.withheld).count();
        self.check_that_access_can_begin_again().await;
        for (id, valid) in sessions {
            // What was invalid stays invalid.
            assert!(valid || !self.is_valid(&id).await, "{order:?}");
        }
        explored.outcomes.insert(outcome.join("; "));
    }

    /// Credentials left.
    fn check_vended(
        &self,
        seen: &Seen<'_>,
        session: &Session,
        valid: bool,
        listed: Option<&[SessionHandle]>,
    ) {
        use StoreOperation as Op;
        let Seen { order, .. } = *seen;
        let written = seen.first(Op::CreateSession, 0).expect("a session was written before");
        let (read, read_again) =
            (seen.first(Op::Gate, 0).unwrap(), seen.first(Op::Gate, written).unwrap());
        // 1. The gate was open from the first read to the second one, which began after the session was
        //    written. So the caller was not revoked then.
        let between = self.gates.iter().filter(|(at, _)| (read..read_again).contains(at));
        for gate in between.map(|(_, gate)| gate.clone()).chain([self.gate(read)]) {
            assert!(self.is_open(&gate), "{:?}: {order:?}", self.story);
            assert_eq!(gate.epochs(&self.scene.profile), session.epochs, "{order:?}");
        }
        // 2. So were the approval, its approver and the grant.
        let none = |operation, between: Range<usize>| {
            let changes = order[between].iter().any(|it| it.effect() == Some(operation));
            assert!(!changes, "{:?}: {operation:?} was not seen: {order:?}", self.story);
        };
        if self.story == Story::ApproverRevoked {
            none(Op::ChangeGate, read..read_again);
        }
        if let (Some(read), Some(again)) =
            (seen.first(Op::LiveRequests, 0), seen.first(Op::Request, written))
        {
            let changed = self.revisions.iter().any(|(at, _)| (read..again).contains(at));
            assert!(!changed, "{:?}: a change of the request was not seen: {order:?}", self.story);
        }
        if let (Some(read), Some(again)) =
            (seen.first(Op::LiveGrants, 0), seen.first(Op::Grant, written))
        {
            none(Op::ReplaceGrant, read..again);
        }
        // 3. What was revoked later, the list that follows contains, and the session is refused.
        let is_revoked = |gate: &Gate| gate.epochs(&self.scene.profile) != session.epochs;
        let revoked = self.gates.iter().find(|(at, gate)| *at > read_again && is_revoked(gate));
        assert_eq!(valid, revoked.is_none(), "{order:?}");
        let ended = match self.story {
            // The session remains valid, but an operator must find it.
            Story::ApproverRevoked => self.gates.iter().find(|(at, _)| *at > read_again),
            Story::OnlyRevoked
            | Story::Revoked
            | Story::RevokedOnProfile
            | Story::RevokedAndReinstated
            | Story::ApprovalRevoked
            | Story::ApprovalDenied
            | Story::ApprovalAndCallerRevoked
            | Story::GrantClosed => revoked,
        };
        let lists =
            |it: &Move| it.task() >= self.scene.vends.len() && it.effect() == Some(Op::Sessions);
        let list = order.iter().rposition(lists);
        if let (Some((ended, _)), Some(list), Some(listed)) = (ended, list, listed)
            && *ended < list
        {
            assert!(listed.contains(&session.handle), "it escaped the list: {order:?}");
        }
    }

    /// A vend is refused for a reason only.
    fn check_refusal(&self, seen: &Seen<'_>, denial: &Denial) {
        use StoreOperation as Op;
        let Seen { order, task } = *seen;
        if order.iter().any(|it| it.is_fault() && it.task() == task) {
            return;
        }
        let expected =
            [ErrorCode::SessionRevoked, ErrorCode::ApprovalRequired, ErrorCode::PolicyDeny];
        assert!(expected.contains(&denial.code), "{denial}: {order:?}");
        let (read, last) = (seen.first(Op::Gate, 0).unwrap(), seen.last_effect().unwrap());
        let changes = [Op::ChangeGate, Op::ReplaceRequest, Op::OpenGrant, Op::ReplaceGrant];
        let is_change = |at: &usize| order[*at].effect().is_some_and(|it| changes.contains(&it));
        let mut changes = (0..order.len()).filter(is_change);
        if let Some(beginning) = self.story.beginning() {
            let begun = changes.next();
            // The first of the people begins it.
            let by = self.scene.vends.len();
            let begins = |at: usize| {
                order[at].effect() == Some(beginning) && order[at].task() == by && at < read
            };
            if !begun.is_some_and(begins) {
                return;
            }
        }
        assert!(changes.any(|at| at < last), "refused without a reason: {denial}: {order:?}");
    }

    /// After an order, alice is reinstated, or gets a new approval or grant. Then she can vend.
    async fn check_that_access_can_begin_again(&self) {
        let Scene { world, profile, .. } = &*self.scene;
        let vend = async || world.vend("alice", profile.as_str()).await;
        let mut again = vend().await;
        match self.story {
            Story::Revoked | Story::RevokedOnProfile => {}
            Story::OnlyRevoked | Story::RevokedAndReinstated => {
                if self.is_open(&self.gate(usize::MAX)) {
                    assert!(again.is_ok());
                } else {
                    assert_eq!(
                        again.map_err(|denial| denial.code).err(),
                        Some(ErrorCode::SessionRevoked)
                    );
                    world.reinstate_user("alice").await;
                    again = vend().await;
                }
            }
            Story::ApprovalDenied => {
                let id = self.scene.request.unwrap();
                let state = world.show("alice", id).await.unwrap().state;
                assert_eq!(again.is_ok(), state == RequestState::Approved);
                if again.is_err() {
                    assert_eq!(state, RequestState::Denied);
                    world.approved("alice", "approved").await;
                    again = vend().await;
                }
            }
            Story::ApprovalRevoked
            | Story::ApproverRevoked
            | Story::ApprovalAndCallerRevoked
            | Story::GrantClosed => {
                let refused = again.map_err(|denial| denial.code).err();
                assert_eq!(refused, Some(ErrorCode::ApprovalRequired));
                if self.story == Story::GrantClosed {
                    world.open("alice", "emergency").await.unwrap();
                } else {
                    let request = world.request("alice", "approved").await.unwrap();
                    world.approve("dave", request.id).await.unwrap();
                }
                again = vend().await;
            }
        }
        let id = again.unwrap().session.unwrap();
        assert!(self.is_valid(&id).await, "a new session is refused");
    }
}
