//! One pending request per caller and profile.

use super::{
    DEADLINE, FreshRequests, RequestsUnderTest, approved, at, caller, cancelled, decided, denied,
    ids, request, request_for,
};
use crate::{
    RequestAction, RequestStatus, StoreError,
    conformance::report::{Checked, ensure, ensure_eq, ensure_error},
};

pub(super) async fn a_caller_has_one_pending_request_for_a_profile(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let first = request(&alice, 1)?;
    store.create_request(&first).await?;
    let mut second = request(&alice, 2)?;
    for created in [at(0), at(DEADLINE) - chrono::TimeDelta::nanoseconds(1)] {
        second.created = created;
        second.deadline = created + chrono::TimeDelta::hours(1);
        ensure_error!(store.create_request(&second).await, StoreError::Conflict(_));
        ensure_error!(store.request(&second.id).await, StoreError::NotFound(_));
    }
    // The first of two required approvals does not make room.
    let waiting = decided(&first, RequestAction::Approve, 1, RequestStatus::Pending)?;
    store.replace_request(&waiting).await?;
    ensure_error!(store.create_request(&second).await, StoreError::Conflict(_));
    ensure!(store.request(&first.id).await? == waiting, "the first request changed");
    Ok(())
}

pub(super) async fn requests_of_other_callers_and_profiles_are_independent(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let mut number = 0;
    for name in ["alice", "Alice", "alice/production", "bob"] {
        for profile in ["production", "Production", "production-2", "staging"] {
            number += 1;
            store.create_request(&request_for(&caller(name)?, profile, number)?).await?;
        }
    }
    Ok(())
}

pub(super) async fn a_decided_request_is_followed_by_another(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    for (number, end) in
        (0..).zip([denied, cancelled, |request: &_, at| approved(request, at, 600)])
    {
        let request = request(&alice, number)?;
        store.create_request(&request).await?;
        store.replace_request(&end(&request, 1)?).await?;
    }
    store.create_request(&request(&alice, 9)?).await?;
    let live = store.live_requests(&alice, &super::profile("production")?, at(1)).await?;
    let mut expected = vec![super::id(&alice, 2), super::id(&alice, 9)];
    expected.sort_unstable();
    ensure_eq!(ids(&live), expected);
    Ok(())
}

pub(super) async fn an_expired_request_is_followed_by_another(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let expired = request(&alice, 1)?;
    store.create_request(&expired).await?;
    let mut next = request(&alice, 2)?;
    next.created = expired.deadline;
    next.deadline = at(2 * DEADLINE);
    store.create_request(&next).await?;
    ensure!(store.request(&expired.id).await? == expired, "the expired request changed");
    let mut third = request(&alice, 3)?;
    third.created = at(2 * DEADLINE - 1);
    ensure_error!(store.create_request(&third).await, StoreError::Conflict(_));
    Ok(())
}

pub(super) async fn a_late_change_of_an_expired_request_leaves_the_next_one_pending(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let expired = request(&alice, 1)?;
    store.create_request(&expired).await?;
    let mut next = request(&alice, 2)?;
    next.created = at(DEADLINE);
    next.deadline = at(2 * DEADLINE);
    store.create_request(&next).await?;
    // The clock of its writer was slow.
    let late = denied(&expired, DEADLINE - 1)?;
    store.replace_request(&late).await?;
    ensure!(store.request(&expired.id).await? == late, "the change was not written");
    let mut third = request(&alice, 3)?;
    third.created = at(DEADLINE + 1);
    ensure_error!(store.create_request(&third).await, StoreError::Conflict(_));
    let production = super::profile("production")?;
    let live = store.live_requests(&alice, &production, at(DEADLINE + 1)).await?;
    ensure_eq!(ids(&live), vec![next.id]);
    store.replace_request(&cancelled(&next, DEADLINE + 1)?).await?;
    store.create_request(&third).await?;
    Ok(())
}

pub(super) async fn an_approved_request_is_created_next_to_a_pending_one(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    store.create_request(&approved(&request(&alice, 1)?, 1, 600)?).await?;
    store.create_request(&request(&alice, 2)?).await?;
    store.create_request(&approved(&request(&alice, 3)?, 1, 600)?).await?;
    ensure_error!(store.create_request(&request(&alice, 4)?).await, StoreError::Conflict(_));
    let live = store.live_requests(&alice, &super::profile("production")?, at(1)).await?;
    ensure_eq!(live.len(), 3);
    Ok(())
}
