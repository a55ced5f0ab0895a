//! Random sequences of openings, closings, reviews and vends by grants, against a model.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sentinel_broker::ErrorCode;
use sentinel_store::{Generation, GrantId, SessionId, verify_session};

use crate::people::{ASK, code, world};

/// The cooldown, the quota with its window, and the length of a grant, in seconds.
const COOLDOWN: i64 = 300;
const QUOTA: (usize, i64) = (3, 3600);
const LENGTH: i64 = 900;

fn policy() -> String {
    format!(
        "{ASK}break_glass:\n  - {{ name: incident, profiles: [production], users: [alice, bob], \
         reason_codes: [incident], max_duration: 15m, cooldown: 5m, quota: {{ count: 3, per: 1h }}, \
         review_blocks: true }}\n"
    )
}

type User = &'static str;

#[derive(Clone, Debug)]
enum Step {
    Open(User),
    Close(User, prop::sample::Index),
    Review(User, prop::sample::Index),
    Vend(User),
    Advance(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let holder = || prop::sample::select(vec!["alice", "bob"]);
    let other = || prop::sample::select(vec!["alice", "bob", "carol", "carol", "mallory"]);
    let lengths = vec![1, 299, 300, 600, LENGTH, 3600];
    prop_oneof![
        4 => holder().prop_map(Step::Open),
        2 => (other(), any::<prop::sample::Index>()).prop_map(|(user, at)| Step::Close(user, at)),
        4 => (other(), any::<prop::sample::Index>()).prop_map(|(user, at)| Step::Review(user, at)),
        3 => holder().prop_map(Step::Vend),
        4 => prop::sample::select(lengths).prop_map(Step::Advance),
    ]
}

#[derive(Debug)]
struct Grant {
    holder: User,
    opened: i64,
    closed: bool,
    reviewed: bool,
}

#[derive(Debug, Default)]
struct Model {
    now: i64,
    grants: Vec<Grant>,
    epochs: BTreeMap<User, u32>,
    /// The caller, the epoch and the end of each session.
    sessions: Vec<(User, u32, i64)>,
}

type Expected = Result<(), ErrorCode>;

impl Model {
    fn is_active(&self, grant: &Grant) -> bool {
        !grant.closed && self.now < grant.opened + LENGTH
    }

    fn open(&mut self, user: User) -> Expected {
        let own = || self.grants.iter().filter(|grant| grant.holder == user);
        if own().any(|grant| !self.is_active(grant) && !grant.reviewed) {
            return Err(ErrorCode::Conflict);
        }
        if own().any(|grant| self.now < grant.opened + COOLDOWN) {
            return Err(ErrorCode::Cooldown);
        }
        if own().filter(|grant| self.now < grant.opened + QUOTA.1).count() >= QUOTA.0 {
            return Err(ErrorCode::QuotaExceeded);
        }
        let (closed, reviewed) = (false, false);
        self.grants.push(Grant { holder: user, opened: self.now, closed, reviewed });
        Ok(())
    }

    fn close(&mut self, user: User, index: usize) -> Expected {
        let grant = &self.grants[index];
        if grant.holder != user && user != "carol" {
            return Err(ErrorCode::NotFound);
        }
        if !grant.closed && !self.is_active(grant) {
            return Err(ErrorCode::Conflict);
        }
        *self.epochs.entry(grant.holder).or_default() += 1;
        self.grants[index].closed = true;
        Ok(())
    }

    fn review(&mut self, user: User, index: usize) -> Expected {
        let grant = &self.grants[index];
        match user {
            _ if user == grant.holder => Err(ErrorCode::Forbidden),
            "carol" if self.is_active(grant) || grant.reviewed => Err(ErrorCode::Conflict),
            "carol" => {
                self.grants[index].reviewed = true;
                Ok(())
            }
            _ => Err(ErrorCode::NotFound),
        }
    }

    fn vend(&mut self, user: User) -> Expected {
        let own = self.grants.iter().filter(|grant| grant.holder == user && self.is_active(grant));
        let opened = own.map(|grant| grant.opened).max().ok_or(ErrorCode::ApprovalRequired)?;
        let epoch = self.epochs.get(user).copied().unwrap_or_default();
        self.sessions.push((user, epoch, opened + LENGTH));
        Ok(())
    }
}

async fn run(steps: Vec<Step>) {
    let world = world(&policy());
    let mut model = Model::default();
    let (mut ids, mut sessions) = (Vec::<GrantId>::new(), Vec::<SessionId>::new());
    for step in steps {
        match &step {
            Step::Open(user) => {
                let opened = world.open(user, "production").await;
                assert_eq!(code(&opened), model.open(user).err(), "{step:?}");
                ids.extend(opened.map(|grant| grant.id));
            }
            Step::Close(user, index) if !ids.is_empty() => {
                let index = index.index(ids.len());
                let closed = world.close(user, ids[index]).await;
                assert_eq!(code(&closed), model.close(user, index).err(), "{step:?}");
            }
            Step::Review(user, index) if !ids.is_empty() => {
                let index = index.index(ids.len());
                let reviewed = world.review(user, ids[index]).await;
                assert_eq!(code(&reviewed), model.review(user, index).err(), "{step:?}");
            }
            Step::Close(..) | Step::Review(..) => {}
            Step::Vend(user) => {
                let vended = world.vend(user, "production").await;
                assert_eq!(code(&vended), model.vend(user).err(), "{step:?}");
                sessions.extend(vended.ok().and_then(|vended| vended.session));
            }
            Step::Advance(seconds) => {
                world.clock.advance(*seconds);
                model.now += seconds;
            }
        }
        for (id, (user, epoch, until)) in sessions.iter().zip(&model.sessions) {
            let (store, clock) = (&*world.sessions, &*world.clock);
            let check = verify_session(store, &id.reveal(), None, Generation(0), clock).await;
            let now = model.epochs.get(user).copied().unwrap_or_default();
            assert_eq!(check.is_ok(), now == *epoch && model.now < *until, "{step:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Each operation has the result that the model has, whatever happened before, and the sessions that
    /// are good are those of the model.
    #[test]
    fn grants_and_vends_follow_the_model(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
