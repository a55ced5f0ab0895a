//! Random sequences of operations with several actors, compared with a model of the contract.

use std::{ops::Range, time::Duration};

use super::{
    FreshGrants, GrantsUnderTest, all, at, caller, closed, grant_for, profile, quota, reviewed,
};
use crate::{
    Grant, GrantListing, GrantStore, Opening, OpeningLimits, OpeningQuota, StoreError,
    conformance::{
        Schedule, Seeded,
        report::{Checked, Stop, ensure, ensure_eq},
        tasks::eventually,
    },
};

/// The contract of a store of grants, without ids, indexes, pages, ledgers and concurrency.
#[derive(Default)]
struct Model {
    grants: Vec<Grant>,
    /// The openings that had a quota for their profile. Only these count for one.
    on_profiles: Vec<Grant>,
}

/// Why a grant cannot be opened.
struct Reasons {
    taken: bool,
    limited: bool,
}

impl Model {
    fn reasons(&self, new: &Grant, limits: &OpeningLimits) -> Reasons {
        let by_rule = |grant: &&Grant| grant.rule == new.rule;
        let own = || self.grants.iter().filter(|grant| grant.holder == new.holder).filter(by_rule);
        let since = |length: Duration| move |grant: &&Grant| new.created < grant.created + length;
        let full = |found: usize, quota: OpeningQuota| {
            found >= usize::try_from(quota.count).unwrap_or(usize::MAX)
        };
        let cools =
            limits.cooldown.is_some_and(|cooldown| own().any(|grant| since(cooldown)(&grant)));
        let used_up =
            limits.quota.is_some_and(|quota| full(own().filter(since(quota.per)).count(), quota));
        let used_up_on_profile = limits.profile_quota.is_some_and(|quota| {
            let on_profile = self.on_profiles.iter().filter(|grant| grant.profile == new.profile);
            full(on_profile.filter(by_rule).filter(since(quota.per)).count(), quota)
        });
        Reasons {
            taken: self.grants.iter().any(|grant| grant.id == new.id),
            limited: cools || used_up || used_up_on_profile,
        }
    }

    fn open(&mut self, new: &Grant, limits: &OpeningLimits) {
        self.grants.push(new.clone());
        if limits.profile_quota.is_some() {
            self.on_profiles.push(new.clone());
        }
    }

    /// Whether the change is written.
    fn replace(&mut self, next: &Grant) -> bool {
        let stored = self.grants.iter_mut().find(|stored| stored.id == next.id);
        let follows = stored.filter(|stored| stored.revision + 1 == next.revision);
        follows.map(|stored| *stored = next.clone()).is_some()
    }

    fn select(&self, selected: impl Fn(&Grant) -> bool) -> Vec<Grant> {
        sorted(self.grants.iter().filter(|grant| selected(grant)).cloned().collect())
    }
}

fn sorted(mut grants: Vec<Grant>) -> Vec<Grant> {
    grants.sort_by_key(|grant| grant.id);
    grants
}

const STEPS: usize = 40;
const CALLERS: [&str; 3] = ["alice", "Alice", "bob"];
const PROFILES: [&str; 2] = ["production", "staging"];
const RULES: [&str; 2] = ["emergency", "other"];
/// Number of actors. Each changes the grant as it was when this actor last read it.
const ACTORS: usize = 3;

/// The store returns in every sequence what the model returns.
pub(super) async fn agree(subject: &dyn GrantsUnderTest, seeds: Range<u64>) -> Checked {
    for seed in seeds {
        let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
        let mut run = Run {
            store: &store,
            model: Model::default(),
            random: Seeded::new(seed),
            now: 0,
            created: 0,
            read: [const { None }; ACTORS],
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
    store: &'a dyn GrantStore,
    model: Model,
    random: Seeded,
    now: i64,
    created: u16,
    read: [Option<Grant>; ACTORS],
}

impl Run<'_> {
    fn choose<T: Clone>(&mut self, from: &[T]) -> Result<T, Stop> {
        let chosen = from.get(self.random.choose(from.len().max(1))).cloned();
        chosen.ok_or_else(|| Stop::failed("there is nothing to choose"))
    }

    async fn step(&mut self) -> Checked {
        self.now += self.choose(&[0, 1, 5, 20])?;
        match self.random.choose(12) {
            0..=4 => self.open().await,
            5 | 6 => self.read().await,
            7 | 8 => self.change().await,
            9 => self.compare_live().await,
            10 => self.compare_caller().await,
            _ => self.compare_open().await,
        }
    }

    async fn open(&mut self) -> Checked {
        let (name, on) = (self.choose(&CALLERS)?, self.choose(&PROFILES)?);
        // Sometimes the id of an earlier grant.
        let number = self.created.saturating_sub(self.choose(&[0, 0, 0, 1])?);
        self.created += 1;
        let mut new = grant_for(&caller(name)?, on, number, self.now)?;
        new.expires = at(self.now + self.choose(&[1, 20, 60])?);
        self.choose(&RULES)?.clone_into(&mut new.rule);
        let limits = OpeningLimits::default()
            .with_cooldown(self.choose(&[None, Some(Duration::from_secs(10))])?)
            .with_quota(self.choose(&[None, Some(quota(1, 20)), Some(quota(3, 60))])?)
            .with_profile_quota(self.choose(&[None, Some(quota(2, 30))])?);
        // If there are two reasons, a store may return either of them.
        let reasons = self.model.reasons(&new, &limits);
        match self.store.open_grant(&new, &limits).await {
            Ok(Opening::Opened) => {
                ensure!(!reasons.taken && !reasons.limited, "the grant was opened");
                self.model.open(&new, &limits);
            }
            Ok(Opening::Refused(reached)) => {
                ensure!(reasons.limited, "no limit is reached: {reached:?}");
                ensure!(reached.until > new.created, "the limit has ended: {reached:?}");
            }
            Err(StoreError::Conflict(_)) => ensure!(reasons.taken, "there is no such grant"),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn read(&mut self) -> Checked {
        let actor = self.random.choose(ACTORS);
        if self.model.grants.is_empty() {
            return Ok(());
        }
        let expected = self.choose(&self.model.grants.clone())?;
        let found = self.store.grant(&expected.id).await?;
        ensure!(found == expected, "found {found:?}, expected {expected:?}");
        if let Some(read) = self.read.get_mut(actor) {
            *read = Some(found);
        }
        Ok(())
    }

    async fn change(&mut self) -> Checked {
        let read = self.read.get(self.random.choose(ACTORS)).cloned().flatten();
        let Some(read) = read else { return Ok(()) };
        let review = self.choose(&[false, true])?;
        let next = if review { reviewed(&read, self.now) } else { closed(&read, self.now) };
        // Not every state allows every change.
        let Ok(next) = next else { return Ok(()) };
        let found = match self.store.replace_grant(&next).await {
            Ok(()) => true,
            Err(StoreError::Conflict(_)) => false,
            Err(error) => return Err(error.into()),
        };
        ensure_eq!(found, self.model.replace(&next));
        Ok(())
    }

    async fn compare_live(&mut self) -> Checked {
        let (of, on) = (caller(self.choose(&CALLERS)?)?, profile(self.choose(&PROFILES)?)?);
        let now = at(self.now);
        let found = sorted(self.store.live_grants(&of, &on, now).await?);
        let expected = self.model.select(|grant| {
            grant.holder.caller == of
                && grant.profile == on
                && grant.live_until().is_some_and(|until| now < until)
        });
        ensure!(found == expected, "the live grants differ: {found:?}");
        Ok(())
    }

    async fn compare_caller(&mut self) -> Checked {
        let of = caller(self.choose(&CALLERS)?)?;
        let found = sorted(all(self.store, &GrantListing::Caller(of.clone())).await?);
        let expected = self.model.select(|grant| grant.holder.caller == of);
        ensure!(found == expected, "the grants of a caller differ: {found:?}");
        Ok(())
    }

    async fn compare_open(&mut self) -> Checked {
        let now = at(self.now);
        let open = |grant: &Grant| grant.live_until().is_some_and(|until| now < until);
        let (expected, listing) = (self.model.select(open), GrantListing::Open { now });
        eventually(&expected, || async { Ok(sorted(all(self.store, &listing).await?)) }).await
    }
}
