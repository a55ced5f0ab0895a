//! Records that cannot have been written: nothing may be decided by them, and they
//! must not be reported as missing.

use super::{
    FreshGrants, GrantsUnderTest, all, at, caller, closed, grant, grant_for, id, ids, listed, open,
    open_list, profile,
};
use crate::{
    Grant, GrantListing, StoreError,
    conformance::report::{Checked, Stop, ensure, ensure_eq, ensure_error},
};

/// The planted grant of Alice is corrupt for every operation.
async fn ensure_is_corrupt(fresh: &FreshGrants, planted: Option<&Grant>) -> Checked {
    let (alice, bob, production) = (caller("alice")?, caller("bob")?, profile("production")?);
    let (hers, his) = (grant(&alice, 1)?, grant(&bob, 1)?);
    let other = grant_for(&alice, "staging", 3, 0)?;
    for grant in [&hers, &his, &other] {
        open(&fresh.store, grant).await?;
    }
    if !fresh.backdoor()?.plant_grant(&hers.id, planted).await {
        return Err(Stop::NotOffered);
    }
    ensure_error!(fresh.store.grant(&hers.id).await, StoreError::Corrupt(_));
    let change = closed(&hers, 1)?;
    ensure_error!(fresh.store.replace_grant(&change).await, StoreError::Corrupt(_));
    let live = fresh.store.live_grants(&alice, &production, at(1)).await;
    ensure_error!(live, StoreError::Corrupt(_));
    // Lists omit it and report its key.
    for (listing, expected) in [
        (GrantListing::Caller(alice.clone()), vec![other.id]),
        (open_list(1), vec![his.id, other.id]),
    ] {
        let found = listed(&fresh.store, &listing).await?;
        let mut expected = expected;
        expected.sort_unstable();
        ensure_eq!(ids(&found.items), expected);
        ensure_eq!(found.unreadable, vec![hers.id.to_string()]);
    }
    // It was not overwritten, and other grants are not affected.
    ensure_error!(fresh.store.grant(&hers.id).await, StoreError::Corrupt(_));
    ensure!(fresh.store.grant(&his.id).await? == his, "another grant changed");
    ensure_eq!(all(&fresh.store, &GrantListing::Caller(bob)).await?.len(), 1);
    Ok(())
}

pub(super) async fn a_grant_of_another_id_is_corrupt(subject: &dyn GrantsUnderTest) -> Checked {
    let fresh = subject.fresh().await;
    let mut other = grant(&caller("alice")?, 1)?;
    other.id = id(&caller("alice")?, 2);
    ensure_is_corrupt(&fresh, Some(&other)).await
}

pub(super) async fn a_grant_of_another_caller_is_corrupt(subject: &dyn GrantsUnderTest) -> Checked {
    let fresh = subject.fresh().await;
    let mut other = grant(&caller("alice")?, 1)?;
    other.holder.caller = caller("mallory")?;
    ensure_is_corrupt(&fresh, Some(&other)).await
}

pub(super) async fn an_unreadable_grant_is_corrupt(subject: &dyn GrantsUnderTest) -> Checked {
    ensure_is_corrupt(&subject.fresh().await, None).await
}
