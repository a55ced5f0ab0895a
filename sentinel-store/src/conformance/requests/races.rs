//! Concurrent calls. Each case runs many times, because one run proves little.

use std::sync::Arc;

use super::{
    FreshRequests, RequestsUnderTest, approved, at, caller, cancelled, decided, denied, id,
    profile, request, request_for, revoked,
};
use crate::{
    RequestAction, RequestStatus, StoreResultExt,
    conformance::{
        report::{Checked, ensure, ensure_eq},
        tasks::concurrently,
    },
};

const ROUNDS: u16 = 12;
const TASKS: u16 = 8;

pub(super) async fn one_of_many_concurrent_pending_requests_is_written(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let production = profile("production")?;
    for round in 0..ROUNDS {
        let alice = caller(&format!("alice-{round}"))?;
        // In half of the rounds, an expired request is replaced.
        if round % 2 == 1 {
            let mut expired = request(&alice, 100)?;
            expired.deadline = at(-1);
            store.create_request(&expired).await?;
        }
        let written = concurrently(TASKS, |task| {
            let (store, alice) = (Arc::clone(&store), alice.clone());
            async move {
                let request = request(&alice, task)?;
                let created = store.create_request(&request).await.unless_conflict()?;
                Ok(created.map(|()| request.id))
            }
        })
        .await?;
        let written: Vec<_> = written.into_iter().flatten().collect();
        let live = store.live_requests(&alice, &production, at(0)).await?;
        ensure_eq!(written, super::ids(&live));
        ensure_eq!(written.len(), 1);
    }
    Ok(())
}

pub(super) async fn one_of_many_concurrent_requests_with_one_id_is_written(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    for round in 0..ROUNDS {
        let written = concurrently(TASKS, |task| {
            let (store, alice) = (Arc::clone(&store), alice.clone());
            async move {
                let request = request_for(&alice, &format!("p{task}"), round)?;
                let request = approved(&request, 1, 60)?;
                let created = store.create_request(&request).await.unless_conflict()?;
                Ok(created.map(|()| request.profile))
            }
        })
        .await?;
        let written: Vec<_> = written.into_iter().flatten().collect();
        ensure_eq!(written, [store.request(&id(&alice, round)).await?.profile]);
    }
    Ok(())
}

pub(super) async fn one_of_two_concurrent_approvals_is_written(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    for round in 0..2 * ROUNDS {
        let new = request(&caller(&format!("alice-{round}"))?, round)?;
        store.create_request(&new).await?;
        let written = concurrently(2, |task| {
            let (store, new) = (Arc::clone(&store), new.clone());
            async move {
                // The first of two required approvals, or the only one.
                let at = i64::from(task) + 1;
                let next = if round % 2 == 0 {
                    decided(&new, RequestAction::Approve, at, RequestStatus::Pending)?
                } else {
                    approved(&new, at, 60)?
                };
                let written = store.replace_request(&next).await.unless_conflict()?;
                Ok(written.map(|()| at))
            }
        })
        .await?;
        let written: Vec<_> = written.into_iter().flatten().collect();
        let stored = store.request(&new.id).await?;
        let times: Vec<_> = stored.decided.iter().map(|decision| decision.at).collect();
        ensure_eq!(written.iter().map(|seconds| at(*seconds)).collect::<Vec<_>>(), times);
        ensure_eq!(times.len(), 1);
    }
    Ok(())
}

pub(super) async fn either_an_approval_or_a_cancellation_is_written(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let production = profile("production")?;
    for round in 0..2 * ROUNDS {
        let alice = caller(&format!("alice-{round}"))?;
        let new = request(&alice, round)?;
        store.create_request(&new).await?;
        let written = concurrently(2, |task| {
            let (store, new) = (Arc::clone(&store), new.clone());
            async move {
                let next = if task == 0 { approved(&new, 1, 60)? } else { cancelled(&new, 1)? };
                Ok(store.replace_request(&next).await.unless_conflict()?.map(|()| task))
            }
        })
        .await?;
        let written: Vec<_> = written.into_iter().flatten().collect();
        ensure_eq!(written.len(), 1);
        let live = store.live_requests(&alice, &production, at(2)).await?;
        ensure_eq!(live.len(), usize::from(written == [0]));
        ensure_eq!(store.request(&new.id).await?.live_until().is_some(), written == [0]);
        // The loser left no second pending request, and no trace that blocks the next one.
        store.create_request(&request(&alice, 1000)?).await?;
    }
    Ok(())
}

pub(super) async fn one_of_many_concurrent_changes_is_written(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    for round in 0..ROUNDS {
        let new = request(&caller(&format!("alice-{round}"))?, round)?;
        let new = if round % 2 == 0 { new } else { approved(&new, 1, 60)? };
        store.create_request(&new).await?;
        let written = concurrently(TASKS, |task| {
            let (store, new) = (Arc::clone(&store), new.clone());
            async move {
                let next = match (round % 2, task % 3) {
                    (0, 0) => denied(&new, i64::from(task))?,
                    (0, 1) => cancelled(&new, i64::from(task))?,
                    (0, _) => approved(&new, i64::from(task), 60)?,
                    (_, _) => revoked(&new, i64::from(task))?,
                };
                Ok(store.replace_request(&next).await.unless_conflict()?.map(|()| task))
            }
        })
        .await?;
        let written: Vec<_> = written.into_iter().flatten().collect();
        let last = store.request(&new.id).await?.decided.last().map(|decision| decision.at);
        ensure_eq!(
            written.iter().map(|task| Some(at(i64::from(*task)))).collect::<Vec<_>>(),
            [last]
        );
        ensure!(store.request(&new.id).await?.revision == new.revision + 1, "two were written");
    }
    Ok(())
}
