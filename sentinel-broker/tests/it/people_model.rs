//! Random sequences of operations by several people, against a model.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::prelude::*;
use sentinel_broker::ErrorCode;
use sentinel_store::{Clock, Generation, RequestId, RequestState, SessionId, verify_session};

use crate::people::{code, world};
use crate::world::World;

const POLICY: &str = r#"
version: "1"
rules:
  - { name: ask, effect: require_approval, conditions: { profiles: [production] } }
approvals:
  - { name: two, profiles: [production], approvers: [alice, bob, dave], approvals: 2,
      max_duration: 1h, deadline: 2h }
operators:
  - { name: ops, users: [carol], may: [revoke, reinstate, list_requests, revoke_approval] }
"#;
const APPROVERS: [&str; 3] = ["alice", "bob", "dave"];
const NEEDED: usize = 2;
const MAX: i64 = 3600;
const DEADLINE: i64 = 7200;

type User = &'static str;

#[derive(Clone, Copy, Debug)]
enum Act {
    Approve,
    Deny,
    Cancel,
    Revoke,
}

#[derive(Clone, Debug)]
enum Step {
    Create(User),
    /// An act of a user on one of the requests so far.
    On(Act, User, prop::sample::Index),
    Vend(User),
    Advance(i64),
    RevokeUser(User),
    ReinstateUser(User),
}

fn step() -> impl Strategy<Value = Step> {
    let requester = || prop::sample::select(vec!["alice", "erin"]);
    let person = || prop::sample::select(vec!["alice", "bob", "dave", "erin", "carol", "mallory"]);
    let revocable = || prop::sample::select(vec!["alice", "bob", "dave", "erin"]);
    // Most acts are approvals, so that requests get approved.
    let approve = (prop::sample::select(APPROVERS.to_vec()), any::<prop::sample::Index>())
        .prop_map(|(user, index)| Step::On(Act::Approve, user, index));
    let act = prop::sample::select(vec![Act::Approve, Act::Deny, Act::Cancel, Act::Revoke]);
    let any_act = (act, person(), any::<prop::sample::Index>())
        .prop_map(|(act, user, index)| Step::On(act, user, index));
    let lengths = vec![1, 1, 60, 600, 600, 1799, 1800, MAX - 1, MAX, DEADLINE];
    prop_oneof![
        3 => requester().prop_map(Step::Create),
        8 => approve,
        3 => any_act,
        5 => requester().prop_map(Step::Vend),
        2 => prop::sample::select(lengths).prop_map(Step::Advance),
        1 => revocable().prop_map(Step::RevokeUser),
        1 => revocable().prop_map(Step::ReinstateUser),
    ]
}

/// The times of an approval, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Period {
    since: i64,
    until: i64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Pending,
    Approved(Period),
    Denied,
    Cancelled,
    Revoked,
}

impl State {
    /// The times of an approval that was not revoked.
    fn approved(self) -> Option<Period> {
        if let Self::Approved(period) = self { Some(period) } else { None }
    }
}

#[derive(Debug)]
struct Request {
    requester: User,
    deadline: i64,
    state: State,
    /// The approvers, with their epochs.
    approvals: Vec<(User, u32)>,
}

/// A session: its caller, the caller's epochs as a whole and on the profile, and its end.
type Session = (User, (u32, u32), i64);

#[derive(Debug, Default)]
struct Model {
    now: i64,
    requests: Vec<Request>,
    blocked: BTreeSet<User>,
    /// By user, the epochs as a whole and on the profile.
    epochs: BTreeMap<User, (u32, u32)>,
    sessions: Vec<Session>,
}

type Expected = Result<(), ErrorCode>;

impl Model {
    fn epoch(&self, user: User) -> u32 {
        self.epochs.get(user).map_or(0, |epochs| epochs.0)
    }

    fn is_pending(&self, request: &Request) -> bool {
        request.state == State::Pending && self.now < request.deadline
    }

    /// The number of approvals whose approvers were not revoked since.
    fn standing(&self, request: &Request) -> usize {
        request.approvals.iter().filter(|(user, epoch)| self.epoch(user) == *epoch).count()
    }

    fn create(&mut self, user: User) -> Expected {
        if self.blocked.contains(user) {
            return Err(ErrorCode::SessionRevoked);
        }
        if self.requests.iter().any(|other| other.requester == user && self.is_pending(other)) {
            return Err(ErrorCode::Conflict);
        }
        let deadline = self.now + DEADLINE;
        let (state, approvals) = (State::Pending, Vec::new());
        self.requests.push(Request { requester: user, deadline, state, approvals });
        Ok(())
    }

    fn on(&mut self, act: Act, user: User, index: usize) -> Expected {
        let request = &self.requests[index];
        let (own, approver) = (request.requester == user, APPROVERS.contains(&user));
        if self.blocked.contains(user) {
            return Err(ErrorCode::SessionRevoked);
        }
        if !own && !approver && user != "carol" {
            return Err(ErrorCode::NotFound);
        }
        let allowed = match act {
            Act::Approve | Act::Deny => approver && !own,
            Act::Cancel => own,
            Act::Revoke => true,
        };
        if !allowed {
            return Err(ErrorCode::Forbidden);
        }
        let pending = self.is_pending(request);
        let next = match (act, request.state) {
            (Act::Approve, _) if pending => return self.approve(user, index),
            (Act::Deny, _) if pending => State::Denied,
            (Act::Cancel, _) if pending => State::Cancelled,
            (Act::Revoke, State::Approved(period)) if self.now < period.until => State::Revoked,
            (Act::Revoke, State::Revoked) => State::Revoked,
            _ => return Err(ErrorCode::Conflict),
        };
        if next == State::Revoked {
            self.epochs.entry(self.requests[index].requester).or_default().1 += 1;
        }
        self.requests[index].state = next;
        Ok(())
    }

    fn approve(&mut self, user: User, index: usize) -> Expected {
        let request = &self.requests[index];
        if request.approvals.contains(&(user, self.epoch(user))) {
            return Err(ErrorCode::Conflict);
        }
        let mut state = State::Pending;
        if self.standing(request) + 1 >= NEEDED {
            let own = self.requests.iter().filter(|other| other.requester == request.requester);
            let live = own.filter_map(|other| other.state.approved());
            let live = live.filter(|it| self.now < it.until).map(|it| it.since);
            let since = live.min().unwrap_or(self.now);
            state = State::Approved(Period { since, until: since + MAX });
        }
        let approval = (user, self.epoch(user));
        let request = &mut self.requests[index];
        request.approvals.push(approval);
        request.state = state;
        Ok(())
    }

    /// The end of the credentials.
    fn vend(&mut self, user: User) -> Result<i64, ErrorCode> {
        if self.blocked.contains(user) {
            return Err(ErrorCode::SessionRevoked);
        }
        let own = self.requests.iter().filter(|request| request.requester == user);
        let standing = own.filter(|request| self.standing(request) >= NEEDED);
        let ends = standing.filter_map(|request| Some(request.state.approved()?.until));
        let ends = ends.filter(|until| self.now < *until);
        let until = ends.max().ok_or(ErrorCode::ApprovalRequired)?;
        let epochs = self.epochs.get(user).copied().unwrap_or_default();
        self.sessions.push((user, epochs, until));
        Ok(until)
    }
}

/// Whether the broker shows the request as the model has it.
async fn agrees(world: &World, id: RequestId, request: &Request, now: i64) -> bool {
    let shown = world.show("carol", id).await.unwrap();
    let expected = match request.state {
        State::Pending if now < request.deadline => RequestState::Pending,
        State::Pending => RequestState::Expired,
        State::Approved(_) => RequestState::Approved,
        State::Denied => RequestState::Denied,
        State::Cancelled => RequestState::Cancelled,
        State::Revoked => RequestState::Revoked,
    };
    shown.state == expected
}

/// How often something that matters happened in all sequences.
#[derive(Debug, Default)]
struct Coverage {
    vended: usize,
    ended: usize,
}

async fn run(steps: Vec<Step>) -> Coverage {
    let world = world(POLICY);
    let begin = world.clock.now();
    let (mut model, mut ids) = (Model::default(), Vec::<RequestId>::new());
    let mut sessions = Vec::<SessionId>::new();
    let mut coverage = Coverage::default();
    for step in steps {
        match &step {
            Step::Create(user) => {
                let created = world.request(user, "production").await;
                assert_eq!(code(&created), model.create(user).err(), "{step:?}");
                ids.extend(created.map(|request| request.id));
            }
            Step::On(act, user, index) if !ids.is_empty() => {
                let index = index.index(ids.len());
                let id = ids[index];
                let done = match act {
                    Act::Approve => world.approve(user, id).await,
                    Act::Deny => world.deny(user, id).await,
                    Act::Cancel => world.cancel(user, id).await,
                    Act::Revoke => world.revoke_approval(user, id).await,
                };
                assert_eq!(code(&done), model.on(*act, user, index).err(), "{step:?}");
            }
            Step::On(..) => {}
            Step::Vend(user) => {
                let vended = world.vend(user, "production").await;
                let expected = model.vend(user);
                assert_eq!(code(&vended), expected.err(), "{step:?}");
                if let (Ok(vended), Ok(until)) = (vended, expected) {
                    let until = begin + TimeDelta::seconds(until);
                    assert_eq!(vended.credentials.expiration, until);
                    sessions.extend(vended.session);
                    coverage.vended += 1;
                }
            }
            Step::Advance(seconds) => {
                world.clock.advance(*seconds);
                model.now += seconds;
            }
            Step::RevokeUser(user) => {
                world.revoke_user(user).await;
                model.blocked.insert(user);
                model.epochs.entry(user).or_default().0 += 1;
            }
            Step::ReinstateUser(user) => {
                world.reinstate_user(user).await;
                model.blocked.remove(user);
            }
        }
        for (id, request) in ids.iter().zip(&model.requests) {
            assert!(agrees(&world, *id, request, model.now).await, "{step:?}: {request:?}");
        }
        coverage.ended = 0;
        for (id, (user, epochs, until)) in sessions.iter().zip(&model.sessions) {
            let (store, clock) = (&*world.sessions, &*world.clock);
            let check = verify_session(store, &id.reveal(), None, Generation(0), clock).await;
            let now = model.epochs.get(user).copied().unwrap_or_default();
            let active = now == *epochs && model.now < *until;
            assert_eq!(check.is_ok(), active, "{step:?}: a session of {user}");
            coverage.ended += usize::from(!active);
        }
    }
    coverage
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Each operation has the result that the model has, whatever happened before: the codes, the states
    /// of all requests, the end of credentials, and the sessions that are good.
    #[test]
    fn requests_and_vends_follow_the_model(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}

/// The sequences of the property reach vends and their ends. Otherwise it would prove little.
#[test]
fn the_random_sequences_vend_and_end_sessions() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::deterministic();
    let mut sum = Coverage::default();
    for _ in 0..60 {
        let steps = prop::collection::vec(step(), 1..60).new_tree(&mut runner).unwrap().current();
        let coverage = runtime.block_on(run(steps));
        sum.vended += coverage.vended;
        sum.ended += coverage.ended;
    }
    assert!(sum.vended > 20 && sum.ended > 10, "{sum:?}");
}
