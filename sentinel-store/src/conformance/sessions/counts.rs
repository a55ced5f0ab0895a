//! Counting the vends of a caller.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use super::{FreshSessions, SessionsUnderTest, all, at, caller, handles, revoke, session};
use crate::{
    Counted, Listing, RateWindow, Scope, SessionStore,
    conformance::{
        report::{Checked, Stop, ensure_eq},
        tasks::concurrently,
    },
};

const LIMIT: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
const ROUNDS: u16 = 10;
const TASKS: u16 = 16;

/// The window of a length in seconds that contains a time of the suite.
fn window(seconds: i64, length: u64) -> RateWindow {
    RateWindow::containing(at(seconds), Duration::from_secs(length))
}

/// Counts one vend more than the limit allows. Returns the result of each.
async fn exhaust(
    store: &dyn SessionStore,
    key: &str,
    window: &RateWindow,
) -> Result<Vec<Counted>, Stop> {
    let mut counted = Vec::new();
    for _ in 0..=LIMIT.get() {
        counted.push(store.count_vend(&caller(key)?, window, LIMIT).await?);
    }
    Ok(counted)
}

/// The results of [`exhaust`] if nothing was counted before.
fn up_to_the_limit() -> Vec<Counted> {
    (0..=LIMIT.get())
        .map(|n| if n < LIMIT.get() { Counted::WithinLimit } else { Counted::AboveLimit })
        .collect()
}

pub(super) async fn vends_are_counted_up_to_the_limit(subject: &dyn SessionsUnderTest) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let minute = window(0, 60);
    ensure_eq!(exhaust(&store, "alice", &minute).await?, up_to_the_limit());
    let alice = caller("alice")?;
    ensure_eq!(store.count_vend(&alice, &minute, LIMIT).await?, Counted::AboveLimit);
    // A refused count was not written: a higher limit allows the difference.
    let higher = LIMIT.saturating_add(1);
    ensure_eq!(store.count_vend(&alice, &minute, higher).await?, Counted::WithinLimit);
    ensure_eq!(store.count_vend(&alice, &minute, higher).await?, Counted::AboveLimit);
    // A lower limit is below the count.
    ensure_eq!(store.count_vend(&alice, &minute, NonZeroU32::MIN).await?, Counted::AboveLimit);
    Ok(())
}

pub(super) async fn exactly_the_limit_of_many_concurrent_counts_is_within_it(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    for round in 0..ROUNDS {
        let minute = window(i64::from(round) * 60, 60);
        let counted = concurrently(TASKS, |_| {
            let store = Arc::clone(&store);
            async move { Ok(store.count_vend(&caller("alice")?, &minute, LIMIT).await?) }
        })
        .await?;
        let within = counted.iter().filter(|counted| **counted == Counted::WithinLimit).count();
        ensure_eq!(u32::try_from(within).unwrap_or(u32::MAX), LIMIT.get());
    }
    Ok(())
}

pub(super) async fn each_caller_and_each_window_has_its_own_count(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    // The last window starts when the first one does.
    for window in [window(0, 60), window(60, 60), window(-60, 60), window(0, 120)] {
        for key in ["alice", "Alice", "bob", "111122223333/ci"] {
            ensure_eq!(exhaust(&store, key, &window).await?, up_to_the_limit());
        }
    }
    Ok(())
}

pub(super) async fn counts_change_no_gate_and_no_session(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let written = session(&alice, 1)?;
    store.create_session(&written).await?;
    let gate = store.change_gate(&alice, &revoke(Scope::Caller, None)).await?;
    exhaust(&store, "alice", &window(0, 60)).await?;
    exhaust(&store, "bob", &window(0, 60)).await?;
    ensure_eq!(store.gate(&alice).await?, gate);
    ensure_eq!(store.session(&written.handle).await?, (written.clone(), gate));
    let listed = all(&store, &Listing::Caller(alice.clone())).await?;
    ensure_eq!(handles(&listed), [written.handle]);
    ensure_eq!(all(&store, &Listing::Caller(caller("bob")?)).await?, []);
    ensure_eq!(all(&store, &Listing::All).await?, [written]);
    // A caller above the limit can be revoked and reinstated like any other.
    let again = store.change_gate(&alice, &revoke(Scope::Caller, None)).await?;
    ensure_eq!(again.whole.epoch.0, 2);
    Ok(())
}

pub(super) async fn a_purge_keeps_the_counts_of_windows_that_have_not_ended(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let fresh = subject.fresh().await;
    let minute = window(0, 60);
    exhaust(&fresh.store, "alice", &minute).await?;
    if !fresh.backdoor()?.purge_expired(at(0)).await {
        return Err(Stop::NotOffered);
    }
    let counted = fresh.store.count_vend(&caller("alice")?, &minute, LIMIT).await?;
    ensure_eq!(counted, Counted::AboveLimit);
    Ok(())
}
