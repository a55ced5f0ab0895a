//! Concurrent calls. Each case runs several times, because one run proves little.

use std::{sync::Arc, time::Duration};

use super::{
    FreshGrants, GrantsUnderTest, all, at, caller, closed, grant, grant_for, id, profile, quota,
    reviewed,
};
use crate::{
    GrantListing, Opening, OpeningLimit, OpeningLimits, StoreResultExt,
    conformance::{
        report::{Checked, ensure, ensure_eq},
        tasks::concurrently,
    },
};

const ROUNDS: u16 = 4;
const OPENINGS: u16 = 20;
const TASKS: u16 = 8;

/// Twenty concurrent openings of one caller. Returns how many were opened.
async fn twenty_openings(
    subject: &dyn GrantsUnderTest,
    limits: OpeningLimits,
    limit: OpeningLimit,
    count: usize,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    for round in 0..ROUNDS {
        let alice = caller(&format!("alice-{round}"))?;
        let opened = concurrently(OPENINGS, |task| {
            let (store, alice) = (Arc::clone(&store), alice.clone());
            async move {
                let grant = grant(&alice, task)?;
                match store.open_grant(&grant, &limits).await? {
                    Opening::Opened => Ok(Some(grant.id)),
                    Opening::Refused(reached) => {
                        ensure_eq!(reached.limit, limit);
                        Ok(None)
                    }
                }
            }
        })
        .await?;
        let opened: Vec<_> = opened.into_iter().flatten().collect();
        ensure_eq!(opened.len(), count);
        let found = all(&store, &GrantListing::Caller(alice.clone())).await?;
        ensure_eq!(super::ids(&found), opened);
        let live = store.live_grants(&alice, &profile("production")?, at(1)).await?;
        ensure_eq!(super::ids(&live), opened);
    }
    Ok(())
}

pub(super) async fn twenty_concurrent_openings_open_as_many_as_the_quota(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let limits = OpeningLimits::default().with_quota(quota(3, 600));
    twenty_openings(subject, limits, OpeningLimit::Quota, 3).await
}

pub(super) async fn twenty_concurrent_openings_with_a_cooldown_open_one(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let cooldown = Duration::from_secs(60);
    let limits = OpeningLimits::default().with_cooldown(cooldown).with_quota(quota(5, 600));
    twenty_openings(subject, limits, OpeningLimit::Cooldown, 1).await
}

pub(super) async fn concurrent_openings_of_several_callers_obey_the_quota_of_the_profile(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let limits =
        OpeningLimits::default().with_profile_quota(quota(4, 600)).with_quota(quota(2, 600));
    for round in 0..ROUNDS {
        let on = format!("p{round}");
        let opened = concurrently(TASKS, |task| {
            let (store, on) = (Arc::clone(&store), on.clone());
            async move {
                let holder = caller(&format!("caller-{}-{round}", task / 2))?;
                let grant = grant_for(&holder, &on, task, 0)?;
                let opening = store.open_grant(&grant, &limits).await?;
                Ok((opening == Opening::Opened).then_some(grant.id))
            }
        })
        .await?;
        ensure_eq!(opened.into_iter().flatten().count(), 4);
    }
    Ok(())
}

pub(super) async fn one_of_many_concurrent_grants_with_one_id_is_opened(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let limits = OpeningLimits::default().with_quota(quota(100, 600));
    for round in 0..ROUNDS {
        let opened = concurrently(TASKS, |task| {
            let (store, alice) = (Arc::clone(&store), alice.clone());
            async move {
                let grant = grant_for(&alice, &format!("p{task}"), round, 0)?;
                let opened = store.open_grant(&grant, &limits).await.unless_conflict()?;
                Ok(opened.map(|_| grant.profile))
            }
        })
        .await?;
        let opened: Vec<_> = opened.into_iter().flatten().collect();
        ensure_eq!(opened, [store.grant(&id(&alice, round)).await?.profile]);
    }
    Ok(())
}

pub(super) async fn one_of_many_concurrent_changes_is_written(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let production = profile("production")?;
    for round in 0..3 * ROUNDS {
        let alice = caller(&format!("alice-{round}"))?;
        let mut new = grant(&alice, round)?.with_review(at(9000), true);
        super::open(&store, &new).await?;
        if round % 2 == 1 {
            new = closed(&new, 1)?;
            store.replace_grant(&new).await?;
        }
        let written = concurrently(TASKS, |task| {
            let (store, new) = (Arc::clone(&store), new.clone());
            async move {
                let seconds = 2 + i64::from(task);
                let next =
                    if round % 2 == 1 { reviewed(&new, seconds)? } else { closed(&new, seconds)? };
                Ok(store.replace_grant(&next).await.unless_conflict()?.map(|()| seconds))
            }
        })
        .await?;
        let written: Vec<_> = written.into_iter().flatten().collect();
        let stored = store.grant(&new.id).await?;
        let note = if round % 2 == 1 { &stored.reviewed } else { &stored.closed };
        let written: Vec<_> = written.into_iter().map(|seconds| Some(at(seconds))).collect();
        ensure_eq!(written, [note.as_ref().map(|note| note.at)]);
        ensure!(stored.revision == new.revision + 1, "two changes were written");
        ensure_eq!(store.live_grants(&alice, &production, at(30)).await?.len(), 0);
    }
    Ok(())
}
