//! Purging requests that are over.

use super::{
    FreshRequests, RequestsUnderTest, all, approved, at, caller, cancelled, fill, id, ids,
    request_for, revoked,
};
use crate::{
    CallerKey, RequestListing, StoreError,
    conformance::report::{Checked, Stop, ensure_eq, ensure_error},
};

/// More than a batch of any backend. Most of them are over.
const REQUESTS: u16 = 300;

/// Requests in every state, each over before 0 or not, by their number.
async fn purged(subject: &dyn RequestsUnderTest) -> Result<(FreshRequests, CallerKey), Stop> {
    let fresh = subject.fresh().await;
    let alice = caller("alice")?;
    let (mut requests, mut changes) = (Vec::new(), Vec::new());
    for number in 0..REQUESTS {
        let end = if is_over(number) { -1 } else { 0 };
        let mut request = request_for(&alice, &format!("p{number}"), number)?;
        request.created = at(-7200);
        request.deadline = at(end);
        match number % 4 {
            0 => {}
            1 => request = approved(&request, -60, end)?,
            2 => {
                request.deadline = at(1);
                changes.push(cancelled(&request, end)?);
            }
            _ => {
                request = approved(&request, -60, 3600)?;
                changes.push(revoked(&request, end)?);
            }
        }
        requests.push(request);
    }
    fill(&fresh.store, requests).await?;
    for change in changes {
        fresh.store.replace_request(&change).await?;
    }
    if fresh.backdoor()?.purge(at(0)).await { Ok((fresh, alice)) } else { Err(Stop::NotOffered) }
}

const fn is_over(number: u16) -> bool {
    number % 10 > 3
}

pub(super) async fn a_purge_removes_the_requests_that_are_over(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let (fresh, alice) = purged(subject).await?;
    for number in (0..REQUESTS).filter(|number| is_over(*number)) {
        let found = fresh.store.request(&id(&alice, number)).await;
        ensure_error!(found, StoreError::NotFound(_));
    }
    Ok(())
}

pub(super) async fn a_purge_keeps_the_requests_that_are_not_over(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let (fresh, alice) = purged(subject).await?;
    let left = all(&fresh.store, &RequestListing::Caller(alice.clone())).await?;
    let kept = (0..REQUESTS).filter(|number| !is_over(*number));
    let mut expected: Vec<_> = kept.map(|number| id(&alice, number)).collect();
    expected.sort_unstable();
    ensure_eq!(ids(&left), expected);
    Ok(())
}
