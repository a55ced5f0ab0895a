//! Lists and their pages.

use super::{
    FreshGrants, GrantsUnderTest, LENGTH, all, at, caller, closed, fill, grant, grant_for, id, ids,
    invalid_cursors, listed, open, open_list,
};
use crate::{
    Cursor, Grant, GrantListing, GrantStore, Pages, StoreError, StoreResultExt,
    conformance::{
        report::{Checked, Stop, ensure, ensure_eq, ensure_error},
        tasks::eventually,
    },
};

/// More than a page of every backend under test.
const GRANTS: u16 = 110;

pub(super) async fn an_empty_list_is_one_empty_page(subject: &dyn GrantsUnderTest) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    open(&store, &grant(&caller("bob")?, 1)?).await?;
    for listing in [GrantListing::Caller(caller("alice")?), open_list(LENGTH)] {
        let found = listed(&store, &listing).await?;
        ensure!(found == crate::GrantPage::default(), "found {found:?}");
    }
    Ok(())
}

pub(super) async fn a_list_of_a_caller_contains_each_grant_once(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, others) = (caller("alice")?, ["Alice", "alice/x", "bob"]);
    for number in (0..GRANTS).rev() {
        open(&store, &grant(&alice, number)?).await?;
    }
    for name in others {
        open(&store, &grant(&caller(name)?, 1)?).await?;
    }
    store.replace_grant(&closed(&store.grant(&id(&alice, 1)).await?, 1)?).await?;
    for (name, numbers) in [("alice", 0..GRANTS)].into_iter().chain(others.map(|name| (name, 1..2)))
    {
        let caller = caller(name)?;
        let found = all(&store, &GrantListing::Caller(caller.clone())).await?;
        let own = found.iter().all(|grant| grant.holder.caller == caller);
        ensure!(own, "another caller's grant");
        let mut expected: Vec<_> = numbers.map(|number| id(&caller, number)).collect();
        expected.sort_unstable();
        ensure_eq!(ids(&found), expected);
        for found in found {
            ensure!(
                store.grant(&found.id).await? == found,
                "a listed grant differs from the one that is read"
            );
        }
    }
    Ok(())
}

pub(super) async fn a_list_of_a_caller_contains_every_acknowledged_grant(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    for number in 0..20 {
        let grant = grant(&alice, number)?;
        open(&store, &grant).await?;
        let found = all(&store, &GrantListing::Caller(alice.clone())).await?;
        ensure!(found.contains(&grant), "grant {number} was acknowledged, but is not in the list");
        let next = closed(&grant, 1)?;
        store.replace_grant(&next).await?;
        let found = all(&store, &GrantListing::Caller(alice.clone())).await?;
        ensure!(found.contains(&next), "change {number} is not in the list");
    }
    Ok(())
}

/// Opens grants of many callers, with ends in another order than the ids, and some of them equal.
async fn opened(store: &std::sync::Arc<dyn GrantStore>) -> Result<Vec<Grant>, Stop> {
    let mut grants = Vec::new();
    for number in 0..GRANTS {
        let holder = caller(&format!("caller-{number}"))?;
        let on = if number % 3 == 0 { "production" } else { "staging" };
        grants.push(grant_for(&holder, on, number, i64::from(number * 7 % 20))?);
    }
    fill(store, grants.clone()).await?;
    Ok(grants)
}

pub(super) async fn an_open_list_contains_each_open_grant_once(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let mut grants = opened(&store).await?;
    for grant in grants.iter_mut().step_by(5) {
        *grant = closed(grant, 30)?;
        store.replace_grant(grant).await?;
    }
    let last = chrono::TimeDelta::nanoseconds(1);
    for now in [at(30), at(LENGTH + 9) - last, at(LENGTH + 9), at(LENGTH + 30)] {
        let listing = GrantListing::Open { now };
        let is_open = |grant: &&Grant| grant.live_until().is_some_and(|until| now < until);
        let expected: Vec<_> = grants.iter().filter(is_open).cloned().collect();
        eventually(&ids(&expected), || async { Ok(ids(&all(&store, &listing).await?)) }).await?;
        for found in all(&store, &listing).await? {
            ensure!(expected.contains(&found), "a listed grant differs from the written one");
        }
    }
    Ok(())
}

pub(super) async fn an_invalid_cursor_is_not_found(subject: &dyn GrantsUnderTest) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    for number in 0..5 {
        open(&store, &grant(&alice, number)?).await?;
    }
    let valid = id(&alice, 1).to_string();
    let listings = [GrantListing::Caller(alice), open_list(0)];
    for listing in &listings {
        for cursor in invalid_cursors(&valid).into_iter().map(Cursor) {
            ensure_error!(store.grants(listing, Some(&cursor)).await, StoreError::NotFound(_));
        }
    }
    opened(&store).await?;
    let [of_alice, open] = &listings;
    for (listing, other) in [(of_alice, open), (open, of_alice)] {
        let Some(cursor) = store.grants(listing, None).await?.next else { continue };
        ensure_error!(store.grants(other, Some(&cursor)).await, StoreError::NotFound(_));
    }
    Ok(())
}

pub(super) async fn a_cursor_does_not_list_another_caller(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    for number in 0..GRANTS {
        open(&store, &grant(&alice, number)?).await?;
        open(&store, &grant(&bob, number)?).await?;
    }
    let mut cursors = Vec::new();
    for listing in [GrantListing::Caller(bob), open_list(0)] {
        let mut pages = Pages::grants(&store, &listing);
        while let Some(page) = pages.next().await? {
            cursors.extend(page.next);
        }
    }
    // If everything fits in one page, there is no cursor.
    if cursors.is_empty() {
        return Err(Stop::NotOffered);
    }
    for cursor in cursors {
        let listing = GrantListing::Caller(alice.clone());
        if let Some(page) = store.grants(&listing, Some(&cursor)).await.optional()? {
            let own = page.items.iter().all(|grant| grant.holder.caller == alice);
            ensure!(own, "the list contains another caller's grants");
        }
    }
    Ok(())
}

pub(super) async fn concurrent_changes_do_not_disturb_a_list(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let grants = opened(&store).await?;
    let listing = open_list(20);
    eventually(&ids(&grants), || async { Ok(ids(&all(&store, &listing).await?)) }).await?;
    let (mut found, mut next) = (Vec::new(), 1000);
    let mut pages = Pages::grants(&store, &listing);
    while let Some(page) = pages.next().await? {
        found.extend(page.items);
        if page.next.is_some() {
            let holder = caller(&format!("caller-{next}"))?;
            open(&store, &grant_for(&holder, "production", next, i64::from(next % 20))?).await?;
            // A grant that was listed is closed.
            if let Some(last) = found.last() {
                store.replace_grant(&closed(last, 20)?).await.unless_conflict()?;
            }
            next += 1;
            ensure!(next < 20_000, "the list does not end");
        }
    }
    if next == 1000 {
        return Err(Stop::NotOffered);
    }
    let found = ids(&found);
    let mut once = found.clone();
    once.dedup();
    ensure!(found == once, "a grant is in the list twice");
    for grant in grants {
        ensure!(found.contains(&grant.id), "a grant is not in the list");
    }
    Ok::<(), Stop>(())
}
