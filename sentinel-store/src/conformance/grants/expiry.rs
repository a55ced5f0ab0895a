//! Purging expired grants.

use super::{
    FreshGrants, GrantsUnderTest, LENGTH, all, at, caller, closed, fill, grant_for, id, ids,
    reviewed,
};
use crate::{
    CallerKey, GrantId, GrantListing, StoreError,
    conformance::report::{Checked, Stop, ensure_eq, ensure_error},
};

/// More than a batch of any backend. Most of them are expired.
const GRANTS: u16 = 300;

/// Grants that expired before 0 or not, by their number. Some of those need a review.
async fn purged(subject: &dyn GrantsUnderTest) -> Result<FreshGrants, Stop> {
    let fresh = subject.fresh().await;
    let (mut grants, mut changes) = (Vec::new(), Vec::new());
    for number in 0..GRANTS {
        let end = if number % 10 > 3 { -1 } else { 0 };
        let mut grant = grant_for(&holder(number)?, "production", number, end - LENGTH)?;
        if number % 7 < 2 {
            grant = grant.with_review(at(-1), number % 2 == 0);
        }
        grants.push(grant.clone());
        if number % 3 == 0 {
            grant = closed(&grant, -60)?;
            changes.push(grant.clone());
        }
        if number % 7 == 0 {
            changes.push(reviewed(&grant, 0)?);
        }
    }
    fill(&fresh.store, grants).await?;
    for change in changes {
        fresh.store.replace_grant(&change).await?;
    }
    if fresh.backdoor()?.purge(at(0)).await { Ok(fresh) } else { Err(Stop::NotOffered) }
}

fn holder(number: u16) -> Result<CallerKey, Stop> {
    caller(&format!("caller-{}", number / 10))
}

fn ids_of(selected: impl Fn(u16) -> bool) -> Result<Vec<(CallerKey, GrantId)>, Stop> {
    let numbers = (0..GRANTS).filter(|number| selected(*number));
    numbers
        .map(|number| holder(number).map(|holder| (holder.clone(), id(&holder, number))))
        .collect()
}

const fn is_removed(number: u16) -> bool {
    number % 10 > 3 && number % 7 != 1
}

pub(super) async fn a_purge_removes_expired_grants(subject: &dyn GrantsUnderTest) -> Checked {
    let fresh = purged(subject).await?;
    for (_, id) in ids_of(is_removed)? {
        ensure_error!(fresh.store.grant(&id).await, StoreError::NotFound(_));
    }
    Ok(())
}

pub(super) async fn a_purge_keeps_grants_that_can_be_used_or_need_a_review(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let fresh = purged(subject).await?;
    let kept = ids_of(|number| !is_removed(number))?;
    for number in (0..GRANTS).step_by(10) {
        let holder = holder(number)?;
        let left = all(&fresh.store, &GrantListing::Caller(holder.clone())).await?;
        let of_holder = kept.iter().filter(|(of, _)| *of == holder);
        let mut expected: Vec<_> = of_holder.map(|(_, id)| *id).collect();
        expected.sort_unstable();
        ensure_eq!(ids(&left), expected);
    }
    Ok(())
}
