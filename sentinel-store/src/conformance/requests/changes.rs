//! Changes of requests, each conditional on the revision that its writer read.

use super::{
    DEADLINE, FreshRequests, RequestsUnderTest, approved, at, caller, cancelled, decided, denied,
    ids, person, profile, request, request_for, revoked,
};
use crate::{
    AccessRequest, RequestAction, RequestStatus, StoreError,
    conformance::report::{Checked, ensure, ensure_eq, ensure_error},
};

pub(super) async fn a_request_is_replaced_by_its_next_revision(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let new = request(&caller("alice")?, 1)?;
    store.create_request(&new).await?;
    let first = decided(&new, RequestAction::Approve, 1, RequestStatus::Pending)?;
    let second = approved(&first, 2, 600)?;
    let last = revoked(&second, 3)?;
    ensure_eq!(last.revision, 3);
    for next in [first, second, last] {
        store.replace_request(&next).await?;
        ensure!(store.request(&new.id).await? == next, "the change was not written");
    }
    Ok(())
}

pub(super) async fn another_revision_is_a_conflict_and_writes_nothing(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let new = request(&caller("alice")?, 1)?;
    store.create_request(&new).await?;
    let current = decided(&new, RequestAction::Approve, 1, RequestStatus::Pending)?;
    store.replace_request(&current).await?;
    let far = decided(&approved(&current, 2, 60)?, RequestAction::Revoke, 3, RequestStatus::Denied);
    ensure!(far.is_err(), "a revocation that denies is possible");
    let skipped = revoked(&approved(&current, 2, 60)?, 3)?;
    for stale in [new.clone(), current.clone(), denied(&new, 1)?, cancelled(&new, 9)?, skipped] {
        ensure_error!(store.replace_request(&stale).await, StoreError::Conflict(_));
        ensure!(store.request(&new.id).await? == current, "a stale change was written");
    }
    // The same change again is one of an older revision.
    let next = denied(&current, 5)?;
    store.replace_request(&next).await?;
    ensure_error!(store.replace_request(&next).await, StoreError::Conflict(_));
    ensure!(store.request(&new.id).await? == next, "the change was lost");
    Ok(())
}

pub(super) async fn a_request_keeps_its_requester_profile_and_times(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let new = request(&caller("alice")?, 1)?;
    store.create_request(&new).await?;
    let next = approved(&new, 1, 60)?;
    let mut renamed = next.clone();
    renamed.requester.user = "Mallory".to_owned();
    let changes = [
        AccessRequest { requester: person(&caller("mallory")?)?, ..next.clone() },
        renamed,
        AccessRequest { profile: profile("admin")?, ..next.clone() },
        AccessRequest { created: at(-1), ..next.clone() },
        AccessRequest { deadline: at(DEADLINE + 1), ..next },
    ];
    for next in changes {
        ensure_error!(store.replace_request(&next).await, StoreError::Conflict(_));
        ensure!(store.request(&new.id).await? == new, "the request changed");
    }
    Ok(())
}

pub(super) async fn live_requests_can_change_or_be_used(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob, production) = (caller("alice")?, caller("bob")?, profile("production")?);
    let pending = request(&alice, 0)?;
    store.create_request(&approved(&request(&alice, 1)?, 1, 60)?).await?;
    store.create_request(&approved(&request(&alice, 2)?, 1, 7200)?).await?;
    store.create_request(&approved(&request_for(&alice, "staging", 3)?, 1, 7200)?).await?;
    store.create_request(&approved(&request_for(&alice, "production-2", 4)?, 1, 7200)?).await?;
    store.create_request(&approved(&request(&bob, 1)?, 1, 7200)?).await?;
    store.create_request(&pending).await?;
    let last = |seconds: i64| at(seconds) - chrono::TimeDelta::nanoseconds(1);
    for (now, expected) in [
        (at(0), vec![0, 1, 2]),
        (last(60), vec![0, 1, 2]),
        (at(60), vec![0, 2]),
        (last(DEADLINE), vec![0, 2]),
        (at(DEADLINE), vec![2]),
        (last(7200), vec![2]),
        (at(7200), vec![]),
    ] {
        let found = store.live_requests(&alice, &production, now).await?;
        let mut expected: Vec<_> =
            expected.into_iter().map(|number| super::id(&alice, number)).collect();
        expected.sort_unstable();
        ensure_eq!(ids(&found), expected);
        for found in found {
            ensure!(store.request(&found.id).await? == found, "a live request differs");
        }
    }
    // A change is visible immediately.
    let second = store.request(&super::id(&alice, 2)).await?;
    store.replace_request(&revoked(&second, 3)?).await?;
    store.replace_request(&cancelled(&pending, 3)?).await?;
    let found = store.live_requests(&alice, &production, at(3)).await?;
    ensure_eq!(ids(&found), vec![super::id(&alice, 1)]);
    Ok(())
}
