//! Grant records: writing, reading and changing them.

use super::{
    FreshGrants, GrantsUnderTest, LENGTH, at, caller, closed, grant, grant_for, hostile_texts, id,
    ids, note, open, person, profile, reviewed,
};
use crate::{
    Generation, Grant, OpeningLimits, StoreError,
    conformance::report::{Checked, ensure, ensure_eq, ensure_error},
};

const NO_LIMITS: OpeningLimits = OpeningLimits { cooldown: None, quota: None, profile_quota: None };

pub(super) async fn a_grant_is_read_as_it_was_written(subject: &dyn GrantsUnderTest) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let plain = grant(&alice, 1)?;
    let mut full = grant(&alice, 2)?
        .with_overrides_deny(true)
        .with_review(at(9000), true)
        .with_generation(Generation(u64::MAX));
    full.holder = person(&alice)?
        .with_organization("o-a1b2c3d4e5".to_owned())
        .with_source_ip("192.0.2.1".to_owned());
    for grant in [plain, full] {
        open(&store, &grant).await?;
        // Not `ensure_eq`: the `Debug` output of a grant omits fields.
        ensure!(store.grant(&grant.id).await? == grant, "the grant is not the one written");
    }
    Ok(())
}

pub(super) async fn hostile_texts_are_stored_unchanged(subject: &dyn GrantsUnderTest) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    for (number, text) in (0..).zip(hostile_texts()) {
        let alice = caller("\u{1f511} alice' OR 1=1")?;
        let mut grant = grant(&alice, number)?;
        grant.holder.user.clone_from(&text);
        grant.holder.principal.clone_from(&text);
        grant.role_arn.clone_from(&text);
        grant.rule.clone_from(&text);
        grant.reason_code.clone_from(&text);
        grant.justification.clone_from(&text);
        open(&store, &grant).await?;
        let found = store.grant(&grant.id).await?;
        ensure!(found == grant, "the grant with {text:?} is not the one that was written");
        let mut note = note(1)?;
        note.comment = Some(text.clone());
        let Some(next) = grant.close(note) else { continue };
        store.replace_grant(&next).await?;
        let found = store.grant(&grant.id).await?;
        ensure!(found == next, "the change with {text:?} is not the one that was written");
    }
    Ok(())
}

pub(super) async fn an_unknown_grant_is_not_found(subject: &dyn GrantsUnderTest) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    open(&store, &grant(&alice, 1)?).await?;
    for unknown in [grant(&alice, 2)?, grant(&bob, 1)?] {
        ensure_error!(store.grant(&unknown.id).await, StoreError::NotFound(_));
        for next in [closed(&unknown, 1)?, reviewed(&unknown, LENGTH)?] {
            ensure_error!(store.replace_grant(&next).await, StoreError::NotFound(_));
        }
        // Changing a missing grant did not create it.
        ensure_error!(store.grant(&unknown.id).await, StoreError::NotFound(_));
    }
    Ok(())
}

pub(super) async fn a_second_grant_with_the_same_id_is_a_conflict(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let first = grant(&caller("alice")?, 1)?;
    open(&store, &first).await?;
    let mut other = first.clone();
    other.profile = profile("staging")?;
    for attempt in [&first, &other] {
        ensure_error!(store.open_grant(attempt, &NO_LIMITS).await, StoreError::Conflict(_));
        ensure!(store.grant(&first.id).await? == first, "the first was overwritten");
    }
    let closed = closed(&first, 1)?;
    store.replace_grant(&closed).await?;
    ensure_error!(store.open_grant(&first, &NO_LIMITS).await, StoreError::Conflict(_));
    ensure!(store.grant(&first.id).await? == closed, "the closed grant was overwritten");
    Ok(())
}

pub(super) async fn a_grant_with_the_id_of_another_caller_is_refused(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    let mut mixed = grant(&alice, 1)?;
    mixed.holder.caller = bob;
    ensure_error!(store.open_grant(&mixed, &NO_LIMITS).await, StoreError::Refused(_));
    ensure_error!(store.grant(&id(&alice, 1)).await, StoreError::NotFound(_));
    Ok(())
}

pub(super) async fn a_grant_that_is_closed_is_not_opened(subject: &dyn GrantsUnderTest) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let new = grant(&caller("alice")?, 1)?;
    let closed = closed(&new, 1)?;
    ensure_error!(store.open_grant(&closed, &NO_LIMITS).await, StoreError::Refused(_));
    ensure_error!(store.grant(&new.id).await, StoreError::NotFound(_));
    open(&store, &new).await
}

pub(super) async fn a_grant_is_replaced_by_its_next_revision(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let new = grant(&alice, 1)?.with_review(at(9000), true);
    open(&store, &new).await?;
    let closed = closed(&new, 2)?;
    let done = reviewed(&closed, 3)?;
    ensure_eq!(done.revision, 2);
    for next in [closed, done] {
        store.replace_grant(&next).await?;
        ensure!(store.grant(&new.id).await? == next, "the change was not written");
    }
    // An expired grant is reviewed without being closed.
    let expired = grant(&alice, 2)?.with_review(at(9000), false);
    open(&store, &expired).await?;
    let done = reviewed(&expired, LENGTH)?;
    store.replace_grant(&done).await?;
    ensure!(store.grant(&expired.id).await? == done, "the review was not written");
    Ok(())
}

pub(super) async fn another_revision_is_a_conflict_and_writes_nothing(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let new = grant(&caller("alice")?, 1)?;
    open(&store, &new).await?;
    let skipped = reviewed(&closed(&new, 1)?, 2)?;
    for stale in [&new, &skipped] {
        ensure_error!(store.replace_grant(stale).await, StoreError::Conflict(_));
        ensure!(store.grant(&new.id).await? == new, "a stale change was written");
    }
    let current = closed(&new, 1)?;
    store.replace_grant(&current).await?;
    for stale in [&new, &current, &closed(&new, 3)?, &reviewed(&new, LENGTH)?] {
        ensure_error!(store.replace_grant(stale).await, StoreError::Conflict(_));
        ensure!(store.grant(&new.id).await? == current, "a stale change was written");
    }
    Ok(())
}

pub(super) async fn a_grant_keeps_its_holder_profile_and_times(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let new = grant(&caller("alice")?, 1)?;
    open(&store, &new).await?;
    let next = closed(&new, 1)?;
    let mut renamed = next.clone();
    renamed.holder.user = "Mallory".to_owned();
    let changes = [
        Grant { holder: person(&caller("mallory")?)?, ..next.clone() },
        renamed,
        Grant { profile: profile("admin")?, ..next.clone() },
        Grant { created: at(-1), ..next.clone() },
        Grant { expires: at(LENGTH + 1), ..next },
    ];
    for next in changes {
        ensure_error!(store.replace_grant(&next).await, StoreError::Conflict(_));
        ensure!(store.grant(&new.id).await? == new, "the grant changed");
    }
    Ok(())
}

pub(super) async fn live_grants_are_neither_closed_nor_expired(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob, production) = (caller("alice")?, caller("bob")?, profile("production")?);
    let short = grant_for(&alice, "production", 1, -3000)?;
    let long = grant_for(&alice, "production", 2, 0)?;
    let ended = grant_for(&alice, "production", 3, 0)?;
    let others = [
        grant_for(&alice, "production-2", 4, 0)?,
        grant_for(&alice, "staging", 5, 0)?,
        grant_for(&bob, "production", 1, 0)?,
    ];
    for grant in others.iter().chain([&short, &long, &ended]) {
        open(&store, grant).await?;
    }
    store.replace_grant(&closed(&ended, 1)?).await?;
    let last = |seconds: i64| at(seconds) - chrono::TimeDelta::nanoseconds(1);
    for (now, expected) in [
        (at(1), vec![&short, &long]),
        (last(600), vec![&short, &long]),
        (at(600), vec![&long]),
        (last(LENGTH), vec![&long]),
        (at(LENGTH), vec![]),
    ] {
        let found = store.live_grants(&alice, &production, now).await?;
        let expected: Vec<_> = expected.into_iter().cloned().collect();
        ensure_eq!(ids(&found), ids(&expected));
        ensure!(found.iter().all(|found| expected.contains(found)), "a live grant differs");
    }
    // A change is visible immediately.
    store.replace_grant(&closed(&long, 2)?).await?;
    let found = store.live_grants(&alice, &production, at(600)).await?;
    ensure!(found.is_empty(), "a closed grant is live: {found:?}");
    Ok(())
}
