//! Random sequences of operations with several actors, compared with a model of the contract.

use std::ops::Range;

use super::{
    FreshRequests, RequestsUnderTest, all, approved, at, caller, decided, id, profile, request_for,
};
use crate::{
    AccessRequest, CallerKey, ProfileName, RequestAction, RequestListing, RequestStatus,
    RequestStore, StoreError,
    conformance::{
        Schedule, Seeded,
        report::{Checked, Stop, ensure, ensure_eq},
        tasks::eventually,
    },
};

/// The contract of a store of requests, without ids, indexes, pages and concurrency.
#[derive(Default)]
struct Model(Vec<AccessRequest>);

#[derive(Debug, PartialEq, Eq)]
enum Written {
    Yes,
    Conflict,
    NotFound,
}

impl Model {
    fn create(&mut self, new: &AccessRequest) -> Written {
        let conflicts = |other: &AccessRequest| {
            let both_pending = other.status == RequestStatus::Pending
                && new.status == RequestStatus::Pending
                && other.requester.caller == new.requester.caller
                && other.profile == new.profile
                && new.created < other.deadline;
            other.id == new.id || both_pending
        };
        if self.0.iter().any(conflicts) {
            return Written::Conflict;
        }
        self.0.push(new.clone());
        Written::Yes
    }

    fn replace(&mut self, next: &AccessRequest) -> Written {
        let Some(stored) = self.0.iter_mut().find(|stored| stored.id == next.id) else {
            return Written::NotFound;
        };
        if stored.revision + 1 != next.revision {
            return Written::Conflict;
        }
        *stored = next.clone();
        Written::Yes
    }

    fn select(&self, selected: impl Fn(&AccessRequest) -> bool) -> Vec<AccessRequest> {
        sorted(self.0.iter().filter(|request| selected(request)).cloned().collect())
    }

    fn live(&self, of: &CallerKey, on: &ProfileName, now: i64) -> Vec<AccessRequest> {
        self.select(|request| {
            request.requester.caller == *of
                && request.profile == *on
                && request.live_until().is_some_and(|until| at(now) < until)
        })
    }

    fn pending(&self, of: &[ProfileName], now: i64) -> Vec<AccessRequest> {
        self.select(|request| {
            request.status == RequestStatus::Pending
                && of.contains(&request.profile)
                && at(now) < request.deadline
        })
    }
}

fn sorted(mut requests: Vec<AccessRequest>) -> Vec<AccessRequest> {
    requests.sort_by_key(|request| request.id);
    requests
}

fn written(result: Result<(), StoreError>) -> Result<Written, Stop> {
    match result {
        Ok(()) => Ok(Written::Yes),
        Err(StoreError::Conflict(_)) => Ok(Written::Conflict),
        Err(StoreError::NotFound(_)) => Ok(Written::NotFound),
        Err(
            error @ (StoreError::Throttled(_)
            | StoreError::Unavailable(_)
            | StoreError::Refused(_)
            | StoreError::Corrupt(_)),
        ) => Err(error.into()),
    }
}

const STEPS: usize = 40;
const CALLERS: [&str; 3] = ["alice", "Alice", "bob"];
const PROFILES: [&str; 2] = ["production", "staging"];
/// Number of deciders. Each decides on the request as it was when this decider last read it.
const DECIDERS: usize = 3;

/// The store returns in every sequence what the model returns.
pub(super) async fn agree(subject: &dyn RequestsUnderTest, seeds: Range<u64>) -> Checked {
    for seed in seeds {
        let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
        let mut run = Run {
            store: &store,
            model: Model::default(),
            random: Seeded::new(seed),
            now: 0,
            created: 0,
            read: [const { None }; DECIDERS],
        };
        for step in 0..STEPS {
            run.step().await.map_err(|stop| match stop {
                Stop::Failed(what) => Stop::Failed(format!("seed {seed}, step {step}: {what}")),
                Stop::NotOffered => Stop::NotOffered,
            })?;
        }
    }
    Ok(())
}

struct Run<'a> {
    store: &'a dyn RequestStore,
    model: Model,
    random: Seeded,
    now: i64,
    created: u16,
    read: [Option<AccessRequest>; DECIDERS],
}

impl Run<'_> {
    fn choose<T: Clone>(&mut self, from: &[T]) -> Result<T, Stop> {
        let chosen = from.get(self.random.choose(from.len().max(1))).cloned();
        chosen.ok_or_else(|| Stop::failed("there is nothing to choose"))
    }

    async fn step(&mut self) -> Checked {
        self.now += self.choose(&[0, 1, 5, 20])?;
        match self.random.choose(12) {
            0..=3 => self.create().await,
            4 | 5 => self.read().await,
            6..=8 => self.decide().await,
            9 => self.compare_live().await,
            10 => self.compare_caller().await,
            _ => self.compare_pending().await,
        }
    }

    async fn create(&mut self) -> Checked {
        let (name, on) = (self.choose(&CALLERS)?, self.choose(&PROFILES)?);
        // Sometimes the id of an earlier request.
        let number = self.created.saturating_sub(self.choose(&[0, 0, 0, 1])?);
        self.created += 1;
        let mut new = request_for(&caller(name)?, on, number)?;
        new.created = at(self.now);
        new.deadline = at(self.now + self.choose(&[1, 20, 60])?);
        if self.choose(&[false, false, false, true])? {
            new = approved(&new, self.now, self.now + 30)?;
        }
        let found = written(self.store.create_request(&new).await)?;
        ensure_eq!(found, self.model.create(&new));
        Ok(())
    }

    async fn read(&mut self) -> Checked {
        let decider = self.random.choose(DECIDERS);
        let unknown = id(&caller(self.choose(&CALLERS)?)?, u16::MAX);
        let mut known: Vec<_> = self.model.0.iter().map(|request| request.id).collect();
        known.push(unknown);
        let id = self.choose(&known)?;
        let expected = self.model.0.iter().find(|request| request.id == id);
        let found = match self.store.request(&id).await {
            Ok(request) => Some(request),
            Err(error) => {
                ensure_eq!(written(Err(error))?, Written::NotFound);
                None
            }
        };
        ensure!(found.as_ref() == expected, "found {found:?}, expected {expected:?}");
        if let Some(read) = self.read.get_mut(decider)
            && found.is_some()
        {
            *read = found;
        }
        Ok(())
    }

    async fn decide(&mut self) -> Checked {
        let read = self.read.get(self.random.choose(DECIDERS)).cloned().flatten();
        let Some(read) = read else { return Ok(()) };
        let now = self.now;
        let next = match self.random.choose(5) {
            0 => decided(&read, RequestAction::Approve, now, RequestStatus::Pending),
            1 => approved(&read, now, now + 30),
            2 => decided(&read, RequestAction::Deny, now, RequestStatus::Denied),
            3 => decided(&read, RequestAction::Cancel, now, RequestStatus::Cancelled),
            _ => super::revoked(&read, now),
        };
        // Not every state allows every decision.
        let Ok(next) = next else { return Ok(()) };
        let found = written(self.store.replace_request(&next).await)?;
        ensure_eq!(found, self.model.replace(&next));
        Ok(())
    }

    async fn compare_live(&mut self) -> Checked {
        let (of, on) = (caller(self.choose(&CALLERS)?)?, profile(self.choose(&PROFILES)?)?);
        let found = sorted(self.store.live_requests(&of, &on, at(self.now)).await?);
        ensure!(
            found == self.model.live(&of, &on, self.now),
            "the live requests differ: {found:?}"
        );
        Ok(())
    }

    async fn compare_caller(&mut self) -> Checked {
        let of = caller(self.choose(&CALLERS)?)?;
        let found = sorted(all(self.store, &RequestListing::Caller(of.clone())).await?);
        let expected = self.model.select(|request| request.requester.caller == of);
        ensure!(found == expected, "the requests of a caller differ: {found:?}");
        Ok(())
    }

    async fn compare_pending(&mut self) -> Checked {
        let profiles = self.choose(&[&PROFILES[..], &PROFILES[..1], &PROFILES[1..]])?;
        let profiles: Vec<_> =
            profiles.iter().map(|name| profile(name)).collect::<Result<_, _>>()?;
        let expected = self.model.pending(&profiles, self.now);
        let listing = RequestListing::Pending { profiles, now: at(self.now) };
        eventually(&expected, || async { Ok(sorted(all(self.store, &listing).await?)) }).await
    }
}

#[cfg(test)]
mod tests {
    use super::{super::decision, *};

    /// The model itself: the decisions on which the comparison depends.
    #[test]
    fn the_model_refuses_a_second_pending_request_and_a_stale_change() {
        let alice = CallerKey::parse("alice").unwrap();
        let request = |number| request_for(&alice, "production", number).ok().unwrap();
        let mut model = Model::default();
        assert_eq!(model.create(&request(1)), Written::Yes);
        assert_eq!(model.create(&request(2)), Written::Conflict);
        let denied = request(1)
            .decide(decision(RequestAction::Deny, 1).ok().unwrap(), RequestStatus::Denied);
        assert_eq!(model.replace(&denied.clone().unwrap()), Written::Yes);
        assert_eq!(model.replace(&denied.unwrap()), Written::Conflict);
        assert_eq!(model.create(&request(2)), Written::Yes);
        assert_eq!(model.replace(&request(3)), Written::NotFound);
    }
}
