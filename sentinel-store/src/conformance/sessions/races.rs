//! Concurrent calls. Each case runs many times, because one run proves little.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

use super::{
    FreshSessions, SessionsUnderTest, all, at, caller, handle, handles, profile, revoke, session,
};
use crate::{
    Epoch, Listing, Scope, SessionStore, StoreResultExt,
    conformance::report::{Checked, Stop, ensure, ensure_eq},
};

const ROUNDS: u16 = 25;
const TASKS: u16 = 16;

pub(super) async fn two_concurrent_revocations_both_count(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    for round in 0..ROUNDS {
        let alice = caller(&format!("alice-{round}"))?;
        let epochs =
            concurrently(2, |_| {
                let (store, alice) = (Arc::clone(&store), alice.clone());
                async move {
                    Ok(store.change_gate(&alice, &revoke(Scope::Caller, None)).await?.whole.epoch)
                }
            })
            .await?;
        ensure_eq!(epochs, [Epoch(1), Epoch(2)]);
        ensure_eq!(store.gate(&alice).await?.whole.epoch, Epoch(2));
    }
    Ok(())
}

pub(super) async fn many_concurrent_changes_all_count(subject: &dyn SessionsUnderTest) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let epochs = concurrently(TASKS, |_| {
        let (store, alice) = (Arc::clone(&store), alice.clone());
        async move { Ok(store.change_gate(&alice, &revoke(Scope::Caller, None)).await?.whole.epoch) }
    })
    .await?;
    // Each call returned the gate after its own change.
    let expected: Vec<_> = (1..=u64::from(TASKS)).map(Epoch).collect();
    ensure_eq!(epochs, expected);
    ensure_eq!(store.gate(&alice).await?.whole.epoch, Epoch(u64::from(TASKS)));
    Ok(())
}

pub(super) async fn concurrent_changes_on_different_profiles_all_count(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    concurrently(TASKS, |task| {
        let (store, alice) = (Arc::clone(&store), alice.clone());
        async move {
            let scope = Scope::Profile(profile(&format!("p{task}"))?);
            store.change_gate(&alice, &revoke(scope, None)).await?;
            store.change_gate(&alice, &revoke(Scope::Caller, None)).await?;
            Ok(())
        }
    })
    .await?;
    let gate = store.gate(&alice).await?;
    ensure_eq!(gate.whole.epoch, Epoch(u64::from(TASKS)));
    for task in 0..TASKS {
        ensure_eq!(gate.epochs(&profile(&format!("p{task}"))?).profile, Epoch(1));
    }
    Ok(())
}

pub(super) async fn one_of_many_concurrent_sessions_with_one_handle_is_written(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    for round in 0..ROUNDS {
        let alice = caller("alice")?;
        let written = concurrently(TASKS, |task| {
            let (store, alice) = (Arc::clone(&store), alice.clone());
            async move {
                let mut session = session(&alice, round)?;
                session.request_id = format!("req-{task}");
                let created = store.create_session(&session).await.unless_conflict()?;
                Ok(created.map(|()| session.request_id))
            }
        })
        .await?;
        let written: Vec<_> = written.into_iter().flatten().collect();
        ensure_eq!(written, [store.session(&handle(&alice, round)).await?.0.request_id]);
    }
    Ok(())
}

pub(super) async fn concurrent_ends_leave_one_end(subject: &dyn SessionsUnderTest) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    for round in 0..ROUNDS {
        store.create_session(&session(&alice, round)?).await?;
        let seen = concurrently(4, |task| {
            let (store, alice) = (Arc::clone(&store), alice.clone());
            async move {
                let handle = handle(&alice, round);
                store.end_session(&handle, at(i64::from(task))).await?;
                Ok(store.session(&handle).await?.0.ended)
            }
        })
        .await?;
        let end = store.session(&handle(&alice, round)).await?.0.ended;
        ensure!(end.is_some(), "the session has not ended");
        ensure!(
            seen.iter().all(|seen| *seen == end),
            "the end is {end:?}, and was {seen:?} before"
        );
    }
    Ok(())
}

/// A vend writes its session and reads the gate again. A revocation writes the gate
/// and lists the sessions. At least one of them must see the other.
pub(super) async fn a_concurrent_vend_and_revocation_see_each_other(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    for round in 0..4 * ROUNDS {
        let alice = caller(&format!("alice-{round}"))?;
        let seen = concurrently(2, |task| {
            let (store, alice) = (Arc::clone(&store), alice.clone());
            async move {
                if task == 0 {
                    let mut session = session(&alice, round)?;
                    session.epochs = store.gate(&alice).await?.epochs(&session.profile);
                    store.create_session(&session).await?;
                    let again = store.gate(&alice).await?;
                    Ok(again.epochs(&session.profile) != session.epochs
                        || again.blocked(at(1)).is_some())
                } else {
                    store.change_gate(&alice, &revoke(Scope::Caller, None)).await?;
                    let found = all(&store, &Listing::Caller(alice.clone())).await?;
                    Ok(handles(&found).contains(&handle(&alice, round)))
                }
            }
        })
        .await?;
        ensure!(seen.contains(&true), "neither call saw the other in round {round}");
    }
    Ok(())
}

/// Starts tasks at the same time. Returns their results, sorted.
pub(super) async fn concurrently<T, F>(count: u16, task: impl Fn(u16) -> F) -> Result<Vec<T>, Stop>
where
    T: Ord + Send + 'static,
    F: Future<Output = Result<T, Stop>> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(usize::from(count)));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (barrier, task) = (Arc::clone(&barrier), task(number));
        tasks.spawn(async move {
            barrier.wait().await;
            task.await
        });
    }
    let mut results = Vec::new();
    while let Some(done) = tasks.join_next().await {
        results.push(done??);
    }
    results.sort();
    Ok(results)
}
