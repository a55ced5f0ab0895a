//! Lists and their pages.

use super::{
    DEADLINE, FreshRequests, RequestsUnderTest, all, approved, at, caller, cancelled, decided,
    denied, fill, id, ids, invalid_cursors, listed, pending_list, request, request_for,
};
use crate::{
    Cursor, Pages, RequestAction, RequestListing, RequestStatus, RequestStore, StoreError,
    StoreResultExt,
    conformance::{
        report::{Checked, Stop, ensure, ensure_eq, ensure_error},
        tasks::eventually,
    },
};

pub(super) async fn an_empty_list_is_one_empty_page(subject: &dyn RequestsUnderTest) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    store.create_request(&request(&caller("bob")?, 1)?).await?;
    for listing in [
        RequestListing::Caller(caller("alice")?),
        pending_list(&[], 0)?,
        pending_list(&["staging", "production-2"], 0)?,
    ] {
        let found = listed(&store, &listing).await?;
        ensure!(found == crate::RequestPage::default(), "found {found:?}");
    }
    Ok(())
}

pub(super) async fn a_list_of_a_caller_contains_each_request_once(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let names = ["alice", "Alice", "alice/x", "bob"];
    // More than a page, and not in the order of the ids. Every state.
    let mut requests = Vec::new();
    for number in (0..150).rev() {
        for name in names {
            if name == "alice" || number % 25 == 0 {
                let request = request_for(&caller(name)?, &format!("p{number}"), number)?;
                let ready = number % 2 == 0;
                requests.push(if ready { approved(&request, 1, 60)? } else { request });
            }
        }
    }
    fill(&store, requests).await?;
    let alice = caller("alice")?;
    store.replace_request(&denied(&store.request(&id(&alice, 1)).await?, 1)?).await?;
    for (name, count) in names.into_iter().zip([150, 6, 6, 6]) {
        let caller = caller(name)?;
        let found = all(&store, &RequestListing::Caller(caller.clone())).await?;
        let own = found.iter().all(|request| request.requester.caller == caller);
        ensure!(own, "another caller's request");
        let mut expected: Vec<_> =
            (0..150).step_by(150 / count).map(|number| id(&caller, number)).collect();
        expected.sort_unstable();
        ensure_eq!(ids(&found), expected);
        for found in found {
            ensure!(
                store.request(&found.id).await? == found,
                "a listed request differs from the one that is read"
            );
        }
    }
    Ok(())
}

pub(super) async fn a_list_of_a_caller_contains_every_acknowledged_request(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    for number in 0..20 {
        let request = request_for(&alice, &format!("p{number}"), number)?;
        store.create_request(&request).await?;
        let found = all(&store, &RequestListing::Caller(alice.clone())).await?;
        ensure!(
            found.contains(&request),
            "request {number} was acknowledged, but is not in the list"
        );
        let next = cancelled(&request, 1)?;
        store.replace_request(&next).await?;
        let found = all(&store, &RequestListing::Caller(alice.clone())).await?;
        ensure!(found.contains(&next), "change {number} is not in the list");
    }
    Ok(())
}

pub(super) async fn a_pending_list_contains_each_request_for_its_profiles_once(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let mut requests = Vec::new();
    let profiles = ["production", "Production", "production-2", "staging"];
    for number in 0..60 {
        for profile in profiles {
            let caller = caller(&format!("caller-{}", number % 30))?;
            let mut request = request_for(&caller, &format!("{profile}.{}", number / 30), number)?;
            // Deadlines in another order than the ids, and some of them equal.
            request.deadline = at(DEADLINE + i64::from(number * 7 % 20));
            requests.push(request);
        }
    }
    // The ids of a caller must differ.
    for (number, request) in (0..).zip(&mut requests) {
        request.id = id(&request.requester.caller, number);
    }
    fill(&store, requests.clone()).await?;
    let some = ["production.1", "staging.0", "Production.0", "production.1", "absent"];
    let everything: Vec<String> =
        profiles.iter().flat_map(|name| [0, 1].map(|part| format!("{name}.{part}"))).collect();
    let everything: Vec<&str> = everything.iter().map(String::as_str).collect();
    for names in [&some[..], &some[..1], &everything] {
        let listing = pending_list(names, 1)?;
        let of_list: Vec<_> = requests
            .iter()
            .filter(|request| names.contains(&request.profile.as_str()))
            .cloned()
            .collect();
        eventually(&ids(&of_list), || async { Ok(ids(&all(&store, &listing).await?)) }).await?;
        for found in all(&store, &listing).await? {
            ensure!(of_list.contains(&found), "a listed request differs from the written one");
        }
    }
    Ok(())
}

pub(super) async fn a_long_pending_list_contains_each_request_once(
    subject: &dyn RequestsUnderTest,
    count: u16,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let mut requests = Vec::new();
    for number in 0..count {
        let caller = caller(&format!("caller-{number}"))?;
        let mut request = request_for(&caller, &format!("p{}", number % 50), number)?;
        request.deadline = at(DEADLINE + i64::from(number % 100));
        requests.push(request);
    }
    fill(&store, requests.clone()).await?;
    let names: Vec<_> = (0..40).map(|number| format!("p{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let listing = pending_list(&names, 1)?;
    requests.retain(|request| names.contains(&request.profile.as_str()));
    eventually(&ids(&requests), || async { Ok(ids(&all(&store, &listing).await?)) }).await?;
    let first = store.requests(&listing, None).await?;
    ensure!(first.items.len() < requests.len(), "the list is one page");
    ensure!(first.next.is_some(), "the first page has no next page");
    Ok(())
}

pub(super) async fn a_pending_list_omits_decided_and_expired_requests(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let mut expected = Vec::new();
    for number in 0..24 {
        let mut request = request(&caller(&format!("caller-{number}"))?, number)?;
        request.deadline = at(DEADLINE + i64::from(number));
        store.create_request(&request).await?;
        match number % 6 {
            0 => store.replace_request(&approved(&request, 1, 7200)?).await?,
            1 => store.replace_request(&denied(&request, 1)?).await?,
            2 => store.replace_request(&cancelled(&request, 1)?).await?,
            3 => {
                let one = decided(&request, RequestAction::Approve, 1, RequestStatus::Pending)?;
                store.replace_request(&one).await?;
                expected.push(one);
            }
            _ => expected.push(request),
        }
    }
    store.create_request(&approved(&request(&caller("dave")?, 1)?, 1, 7200)?).await?;
    let last = chrono::TimeDelta::nanoseconds(1);
    for now in [at(1), at(DEADLINE + 9) - last, at(DEADLINE + 9), at(DEADLINE + 30)] {
        let listing =
            RequestListing::Pending { profiles: vec![super::profile("production")?], now };
        let pending: Vec<_> =
            expected.iter().filter(|request| now < request.deadline).cloned().collect();
        eventually(&ids(&pending), || async { Ok(ids(&all(&store, &listing).await?)) }).await?;
        for found in all(&store, &listing).await? {
            ensure!(pending.contains(&found), "a listed request differs from the written one");
        }
    }
    Ok(())
}

pub(super) async fn an_invalid_cursor_is_not_found(subject: &dyn RequestsUnderTest) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    let mut requests = Vec::new();
    for number in 0..150 {
        let caller = caller(&format!("caller-{number}"))?;
        requests.push(request(&caller, number)?);
        requests.push(request_for(&alice, &format!("p{number}"), number)?);
    }
    fill(&store, requests).await?;
    let one = RequestListing::Caller(alice.clone());
    let pending = pending_list(&["production", "staging"], 0)?;
    let valid = id(&alice, 1).to_string();
    let mut cursors: Vec<_> = invalid_cursors(&valid).into_iter().map(Cursor).collect();
    cursors.push(Cursor(format!("production {valid}")));
    for listing in [&one, &pending] {
        for cursor in &cursors {
            ensure_error!(store.requests(listing, Some(cursor)).await, StoreError::NotFound(_));
        }
    }
    // A cursor of one list is not one of another list.
    let others = [RequestListing::Caller(bob), pending_list(&["staging"], 0)?];
    for (listing, other) in [(&one, &pending), (&pending, &one)] {
        let Some(cursor) = store.requests(listing, None).await?.next else { continue };
        for other in others.iter().chain([other]) {
            let found = store.requests(other, Some(&cursor)).await;
            ensure_error!(found, StoreError::NotFound(_));
        }
    }
    Ok(())
}

pub(super) async fn a_cursor_does_not_list_another_caller(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    let mut requests = Vec::new();
    for number in 0..150 {
        requests.push(request_for(&alice, &format!("p{number}"), number)?);
        requests.push(request_for(&bob, &format!("p{number}"), number)?);
    }
    fill(&store, requests).await?;
    let mut cursors = Vec::new();
    for listing in [RequestListing::Caller(bob), pending_list(&["p1", "p2"], 0)?] {
        let mut pages = Pages::requests(&store, &listing);
        while let Some(page) = pages.next().await? {
            cursors.extend(page.next);
        }
    }
    // If everything fits in one page, there is no cursor.
    if cursors.is_empty() {
        return Err(Stop::NotOffered);
    }
    for cursor in cursors {
        let listing = RequestListing::Caller(alice.clone());
        if let Some(page) = store.requests(&listing, Some(&cursor)).await.optional()? {
            let own = page.items.iter().all(|request| request.requester.caller == alice);
            ensure!(own, "the list contains another caller's requests");
        }
    }
    Ok(())
}

pub(super) async fn concurrent_changes_do_not_disturb_a_list(
    subject: &dyn RequestsUnderTest,
) -> Checked {
    let FreshRequests { store, backdoor: _backdoor } = subject.fresh().await;
    let mut requests = Vec::new();
    for number in (0..300).step_by(2) {
        let mut request = request(&caller(&format!("caller-{number}"))?, number)?;
        request.deadline = at(DEADLINE + i64::from(number));
        requests.push(request);
    }
    fill(&store, requests.clone()).await?;
    let listing = pending_list(&["production", "staging"], 1)?;
    eventually(&ids(&requests), || async { Ok(ids(&all(&store, &listing).await?)) }).await?;
    let (mut found, mut next) = (Vec::new(), 1);
    let mut pages = Pages::requests(&store, &listing);
    while let Some(page) = pages.next().await? {
        found.extend(page.items);
        if page.next.is_some() {
            let mut request = request(&caller(&format!("caller-{next}"))?, next)?;
            request.deadline = at(DEADLINE + i64::from(next));
            store.create_request(&request).await?;
            // A request that was listed is decided.
            let last = found.last().map(|last: &crate::AccessRequest| denied(last, 2));
            if let Some(last) = last {
                store.replace_request(&last?).await.unless_conflict()?;
            }
            next += 2;
            ensure!(next < 20_000, "the list does not end");
        }
    }
    if next == 1 {
        return Err(Stop::NotOffered);
    }
    let found = ids(&found);
    let mut once = found.clone();
    once.dedup();
    ensure!(found == once, "a request is in the list twice");
    for request in requests {
        ensure!(found.contains(&request.id), "a request is not in the list");
    }
    Ok::<(), Stop>(())
}
