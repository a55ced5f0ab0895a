//! Records that cannot have been written: nothing may be decided by them, and they
//! must not be reported as missing.

use super::{
    FreshRequests, RequestsUnderTest, all, approved, at, caller, denied, id, ids, listed,
    pending_list, profile, request, request_for,
};
use crate::{
    AccessRequest, RequestListing, StoreError,
    conformance::report::{Checked, Stop, ensure, ensure_eq, ensure_error},
};

/// The planted request of Alice is corrupt for every operation.
async fn ensure_is_corrupt(fresh: &FreshRequests, planted: Option<&AccessRequest>) -> Checked {
    let (alice, bob, production) = (caller("alice")?, caller("bob")?, profile("production")?);
    let (hers, his) = (request(&alice, 1)?, request(&bob, 1)?);
    let other = approved(&request_for(&alice, "staging", 3)?, 1, 600)?;
    for request in [&hers, &his, &other] {
        fresh.store.create_request(request).await?;
    }
    if !fresh.backdoor()?.plant_request(&hers.id, planted).await {
        return Err(Stop::NotOffered);
    }
    ensure_error!(fresh.store.request(&hers.id).await, StoreError::Corrupt(_));
    let change = denied(&hers, 1)?;
    ensure_error!(fresh.store.replace_request(&change).await, StoreError::Corrupt(_));
    let live = fresh.store.live_requests(&alice, &production, at(1)).await;
    ensure_error!(live, StoreError::Corrupt(_));
    // Lists omit it and report its key.
    for (listing, expected) in [
        (RequestListing::Caller(alice.clone()), vec![other.id]),
        (pending_list(&["production", "staging"], 1)?, vec![his.id]),
    ] {
        let found = listed(&fresh.store, &listing).await?;
        ensure_eq!(ids(&found.items), expected);
        ensure_eq!(found.unreadable, vec![hers.id.to_string()]);
    }
    // It was not overwritten, and other requests are not affected.
    ensure_error!(fresh.store.request(&hers.id).await, StoreError::Corrupt(_));
    ensure!(fresh.store.request(&his.id).await? == his, "another request changed");
    ensure_eq!(all(&fresh.store, &RequestListing::Caller(bob)).await?.len(), 1);
    Ok(())
}

pub(super) async fn a_request_of_another_id_is_corrupt(subject: &dyn RequestsUnderTest) -> Checked {
    let fresh = subject.fresh().await;
    let mut other = request(&caller("alice")?, 1)?;
    other.id = id(&caller("alice")?, 2);
    ensure_is_corrupt(&fresh, Some(&other)).await
}

pub(super) async fn a_request_of_another_caller_is_corrupt(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let fresh = subject.fresh().await;
    let mut other = request(&caller("alice")?, 1)?;
    other.requester.caller = caller("mallory")?;
    ensure_is_corrupt(&fresh, Some(&other)).await
}

pub(super) async fn an_unreadable_request_is_corrupt(subject: &dyn RequestsUnderTest) -> Checked {
    ensure_is_corrupt(&subject.fresh().await, None).await
}
