//! Lists and their pages.

use super::{
    FreshSessions, SessionsUnderTest, all, caller, fill, handle, handles, invalid_cursors, session,
};
use crate::{
    Cursor, Listing, Pages, SessionStore, StoreError, StoreResultExt,
    conformance::{
        report::{Checked, Stop, ensure, ensure_eq, ensure_error},
        tasks::eventually,
    },
};

pub(super) async fn an_empty_list_is_one_empty_page(subject: &dyn SessionsUnderTest) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    store.create_session(&session(&caller("bob")?, 1)?).await?;
    let listing = Listing::Caller(caller("alice")?);
    let found = all(&store, &listing).await?;
    ensure!(found.is_empty(), "found {found:?}");
    Ok(())
}

pub(super) async fn a_list_of_a_caller_contains_each_session_once(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let names = ["alice", "Alice", "alice/x", "bob"];
    // More than a page, and not in the order of the handles.
    let mut sessions = Vec::new();
    for number in (0..150).rev() {
        for name in names {
            if name == "alice" || number % 25 == 0 {
                sessions.push(session(&caller(name)?, number)?);
            }
        }
    }
    fill(&store, sessions).await?;
    for (name, count) in names.into_iter().zip([150, 6, 6, 6]) {
        let caller = caller(name)?;
        let found = all(&store, &Listing::Caller(caller.clone())).await?;
        ensure!(found.iter().all(|session| session.caller == caller), "another caller's session");
        let mut expected: Vec<_> =
            (0..150).step_by(150 / count).map(|number| handle(&caller, number)).collect();
        expected.sort_unstable();
        ensure_eq!(handles(&found), expected);
        for found in found {
            ensure!(
                store.session(&found.handle).await?.0 == found,
                "a listed session differs from the one that is read"
            );
        }
    }
    Ok(())
}

pub(super) async fn a_list_of_a_caller_contains_every_acknowledged_session(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    for number in 0..40 {
        store.create_session(&session(&alice, number)?).await?;
        let found = all(&store, &Listing::Caller(alice.clone())).await?;
        ensure!(
            handles(&found).contains(&handle(&alice, number)),
            "session {number} was acknowledged, but is not in the list"
        );
    }
    Ok(())
}

pub(super) async fn a_list_of_all_contains_every_session_once(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let mut expected = Vec::new();
    for number in 0..20 {
        for name in ["alice", "bob", "111122223333/ci"] {
            expected.push(session(&caller(name)?, number)?);
        }
    }
    fill(&store, expected.clone()).await?;
    let expected = handles(&expected);
    eventually(&expected, || async { Ok(handles(&all(&store, &Listing::All).await?)) }).await
}

pub(super) async fn an_invalid_cursor_is_not_found(subject: &dyn SessionsUnderTest) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    for number in 0..5 {
        store.create_session(&session(&alice, number)?).await?;
    }
    let cursors = invalid_cursors(&handle(&alice, 1).to_string());
    let cursors: Vec<_> = cursors.into_iter().map(Cursor).collect();
    for listing in [Listing::Caller(alice), Listing::All] {
        for cursor in &cursors {
            ensure_error!(store.sessions(&listing, Some(cursor)).await, StoreError::NotFound(_));
        }
    }
    Ok(())
}

pub(super) async fn a_cursor_does_not_list_another_caller(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, bob) = (caller("alice")?, caller("bob")?);
    let mut sessions = Vec::new();
    for number in 0..150 {
        sessions.extend([session(&alice, number)?, session(&bob, number)?]);
    }
    fill(&store, sessions).await?;
    // A cursor of another list must not make the list of a caller contain the sessions
    // of others.
    let mut cursors = Vec::new();
    for listing in [Listing::Caller(bob), Listing::All] {
        let mut pages = Pages::sessions(&store, &listing);
        while let Some(page) = pages.next().await? {
            cursors.extend(page.next);
        }
    }
    // If everything fits in one page, there is no cursor.
    if cursors.is_empty() {
        return Err(Stop::NotOffered);
    }
    for cursor in cursors {
        let listing = Listing::Caller(alice.clone());
        if let Some(page) = store.sessions(&listing, Some(&cursor)).await.optional()? {
            let own = page.items.iter().all(|session| session.caller == alice);
            ensure!(own, "the list contains another caller's sessions");
        }
    }
    Ok(())
}

pub(super) async fn concurrent_sessions_do_not_disturb_a_list(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let mut sessions = Vec::new();
    for number in (0..300).step_by(2) {
        sessions.push(session(&alice, number)?);
    }
    fill(&store, sessions).await?;
    let listing = Listing::Caller(alice.clone());
    let (mut found, mut next) = (Vec::new(), 1);
    let mut pages = Pages::sessions(&store, &listing);
    while let Some(page) = pages.next().await? {
        found.extend(page.items);
        if page.next.is_some() {
            store.create_session(&session(&alice, next)?).await?;
            next += 2;
            ensure!(next < 20_000, "the list does not end");
        }
    }
    if next == 1 {
        return Err(Stop::NotOffered);
    }
    let found = handles(&found);
    let mut once = found.clone();
    once.dedup();
    ensure!(found == once, "a session is in the list twice");
    for number in (0..300).step_by(2) {
        ensure!(found.contains(&handle(&alice, number)), "session {number} is not in the list");
    }
    Ok::<(), Stop>(())
}
