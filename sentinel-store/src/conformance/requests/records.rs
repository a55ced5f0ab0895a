//! Request records: writing and reading them.

use super::{
    FreshRequests, RequestsUnderTest, approved, at, caller, cancelled, decision, denied,
    hostile_texts, id, period, person, request, revoked,
};
use crate::{
    AccessRequest, Epoch, Generation, RequestAction, RequestStatus, StoreError,
    conformance::report::{Checked, ensure, ensure_eq, ensure_error},
};

pub(super) async fn a_request_is_read_as_it_was_written(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let plain = request(&alice, 1)?;
    let full = AccessRequest {
        duration_s: u32::MAX,
        status: RequestStatus::Approved(period(-7, 9)),
        revision: 1,
        decided: vec![
            decision(RequestAction::AutoApprove, 1)?
                .with_epoch(Epoch(u64::MAX))
                .with_comment("urgent".to_owned()),
        ],
        requester: person(&alice)?
            .with_organization("o-a1b2c3d4e5".to_owned())
            .with_source_ip("2001:db8::1".to_owned()),
        ..request(&alice, 2)?
    };
    let full = full
        .with_ticket("OPS-1".to_owned())
        .with_not_before(at(7))
        .with_generation(Generation(u64::MAX));
    for request in [plain, full] {
        store.create_request(&request).await?;
        // Not `ensure_eq`: the `Debug` output of a request omits fields.
        let found = store.request(&request.id).await?;
        ensure!(found == request, "the request is not the one that was written");
    }
    Ok(())
}

pub(super) async fn hostile_texts_are_stored_unchanged(subject: &dyn RequestsUnderTest) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    for (number, text) in (0..).zip(hostile_texts()) {
        let alice = caller(&format!("\u{1f511} alice' OR 1=1 {number}"))?;
        let mut request = request(&alice, number)?;
        request.requester.user.clone_from(&text);
        request.requester.principal.clone_from(&text);
        request.role_arn.clone_from(&text);
        request.rule.clone_from(&text);
        request.reason.clone_from(&text);
        request.ticket = Some(text.clone());
        store.create_request(&request).await?;
        let found = store.request(&request.id).await?;
        ensure!(found == request, "the request with {text:?} is not the one that was written");
        let comment = decision(RequestAction::Approve, 1)?.with_comment(text.clone());
        let Some(next) = request.decide(comment, RequestStatus::Pending) else { continue };
        store.replace_request(&next).await?;
        let found = store.request(&request.id).await?;
        ensure!(found == next, "the decision with {text:?} is not the one that was written");
    }
    Ok(())
}

pub(super) async fn an_unknown_request_is_not_found(subject: &dyn RequestsUnderTest) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    store.create_request(&request(&alice, 1)?).await?;
    for unknown in [request(&alice, 2)?, request(&bob, 1)?] {
        ensure_error!(store.request(&unknown.id).await, StoreError::NotFound(_));
        for next in [approved(&unknown, 1, 60)?, denied(&unknown, 1)?, cancelled(&unknown, 1)?] {
            ensure_error!(store.replace_request(&next).await, StoreError::NotFound(_));
        }
        // Changing a missing request did not create it.
        ensure_error!(store.request(&unknown.id).await, StoreError::NotFound(_));
        let caller = &unknown.requester.caller;
        let live = store.live_requests(caller, &unknown.profile, at(0)).await?;
        ensure!(live.iter().all(|live| live.id != unknown.id), "a missing request is live");
    }
    Ok(())
}

pub(super) async fn a_second_request_with_the_same_id_is_a_conflict(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let first = request(&caller("alice")?, 1)?;
    store.create_request(&first).await?;
    let mut other = first.clone();
    other.profile = super::profile("staging")?;
    let ready = approved(&first, 1, 60)?;
    for attempt in [&first, &other, &ready] {
        ensure_error!(store.create_request(attempt).await, StoreError::Conflict(_));
        ensure!(store.request(&first.id).await? == first, "the first was overwritten");
    }
    let denied = denied(&first, 1)?;
    store.replace_request(&denied).await?;
    ensure_error!(store.create_request(&first).await, StoreError::Conflict(_));
    ensure!(store.request(&first.id).await? == denied, "the denied request was overwritten");
    Ok(())
}

pub(super) async fn a_request_with_the_id_of_another_caller_is_refused(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    let mut mixed = request(&alice, 1)?;
    mixed.requester.caller = bob;
    ensure_error!(store.create_request(&mixed).await, StoreError::Refused(_));
    ensure_error!(store.request(&id(&alice, 1)).await, StoreError::NotFound(_));
    Ok(())
}

pub(super) async fn a_request_that_is_closed_is_not_created(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let new = request(&caller("alice")?, 1)?;
    let revoked = revoked(&approved(&new, 1, 60)?, 2)?;
    for closed in [denied(&new, 1)?, cancelled(&new, 1)?, revoked] {
        ensure_error!(store.create_request(&closed).await, StoreError::Refused(_));
        ensure_error!(store.request(&new.id).await, StoreError::NotFound(_));
    }
    ensure_eq!(store.create_request(&new).await.is_ok(), true);
    Ok(())
}
