//! The cases for session stores.

mod counts;
mod damage;
mod expiry;
mod gates;
mod lists;
mod races;
mod records;

use std::{future::Future, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    report::{Checked, Report, Stop, run},
    tasks,
    values::{at, caller, hostile_texts, invalid_cursors, profile, random},
};
use crate::{
    AccountId, Block, CallerKey, Epochs, Gate, GateChange, Generation, Listing, Pages, Scope,
    Session, SessionFields, SessionHandle, SessionPage, SessionSecret, SessionStore,
};

/// A session backend under test. A closure is one:
/// `|| async { FreshSessions::new(MemorySessions::new()) }`.
#[async_trait]
pub trait SessionsUnderTest: Send + Sync {
    /// An empty store, another one for each call.
    async fn fresh(&self) -> FreshSessions;
}

/// A closure that returns an empty store.
#[async_trait]
impl<F, R> SessionsUnderTest for F
where
    F: Fn() -> R + Send + Sync,
    R: Future<Output = FreshSessions> + Send,
{
    async fn fresh(&self) -> FreshSessions {
        self().await
    }
}

/// An empty session store.
#[expect(missing_debug_implementations, reason = "a backdoor has no state to show")]
#[non_exhaustive]
pub struct FreshSessions {
    /// The store.
    pub store: Arc<dyn SessionStore>,
    /// How the suite damages and purges its records. `None` if it cannot: the cases
    /// that need it are reported as not offered.
    pub backdoor: Option<Box<dyn Backdoor>>,
}

impl FreshSessions {
    /// An empty store without a backdoor.
    pub fn new(store: impl SessionStore + 'static) -> Self {
        Self { store: Arc::new(store), backdoor: None }
    }

    /// The same store, with a backdoor.
    #[must_use]
    pub fn with_backdoor(self, backdoor: impl Backdoor + 'static) -> Self {
        Self { backdoor: Some(Box::new(backdoor)), ..self }
    }

    fn backdoor(&self) -> Result<&dyn Backdoor, Stop> {
        self.backdoor.as_deref().ok_or(Stop::NotOffered)
    }
}

/// What the suite does to a store outside its trait. Each method returns whether the
/// backend could do it.
#[async_trait]
pub trait Backdoor: Send + Sync {
    /// Stores a gate in the place of the gate of `caller`, whose gate it may not be.
    /// `None` stores data that is not a gate.
    async fn plant_gate(&self, caller: &CallerKey, gate: Option<&Gate>) -> bool;

    /// Stores a session in the place of the session `handle`, which it may not be.
    /// `None` stores data that is not a session.
    async fn plant_session(&self, handle: &SessionHandle, session: Option<&Session>) -> bool;

    /// Deletes the sessions that expired before `before`.
    async fn purge_expired(&self, before: DateTime<Utc>) -> bool;
}

/// Runs every case against the backend.
pub async fn sessions(subject: &dyn SessionsUnderTest) -> Report {
    let mut report = Report::default();
    run!(report, subject,
        gates::{
            a_missing_gate_is_open,
            revoking_raises_the_epoch_and_blocks,
            a_profile_is_revoked_without_the_others,
            a_longer_block_stays_and_replaces_a_shorter_one,
            reinstating_lifts_the_block_and_keeps_the_epoch,
            reinstating_an_open_gate_writes_nothing,
            ending_sessions_raises_the_epoch_and_blocks_nothing,
            ending_sessions_keeps_a_block_in_force,
            a_full_gate_refuses_another_profile_and_accepts_the_caller,
            similar_caller_keys_are_distinguished,
        }
        records::{
            a_session_is_read_as_it_was_written,
            hostile_texts_are_stored_unchanged,
            a_session_is_read_with_the_gate_of_its_caller,
            a_second_session_with_the_same_handle_is_a_conflict,
            an_unknown_session_is_not_found,
            a_session_ends_once,
            a_session_with_the_handle_of_another_caller_is_refused,
            the_session_check_follows_the_store,
        }
        lists::{
            an_empty_list_is_one_empty_page,
            a_list_of_a_caller_contains_each_session_once,
            a_list_of_a_caller_contains_every_acknowledged_session,
            a_list_of_all_contains_every_session_once,
            an_invalid_cursor_is_not_found,
            a_cursor_does_not_list_another_caller,
            concurrent_sessions_do_not_disturb_a_list,
        }
        races::{
            two_concurrent_revocations_both_count,
            many_concurrent_changes_all_count,
            concurrent_changes_on_different_profiles_all_count,
            one_of_many_concurrent_sessions_with_one_handle_is_written,
            concurrent_ends_leave_one_end,
            a_concurrent_vend_and_revocation_see_each_other,
        }
        counts::{
            vends_are_counted_up_to_the_limit,
            exactly_the_limit_of_many_concurrent_counts_is_within_it,
            each_caller_and_each_window_has_its_own_count,
            counts_change_no_gate_and_no_session,
            a_purge_keeps_the_counts_of_windows_that_have_not_ended,
        }
        expiry::{
            a_purge_removes_expired_sessions,
            a_purge_keeps_gates_and_unexpired_sessions,
        }
        damage::{
            a_gate_of_another_caller_is_corrupt,
            an_unreadable_gate_is_corrupt,
            a_session_of_another_handle_is_corrupt,
            a_session_of_another_caller_is_corrupt,
            an_unreadable_session_is_corrupt,
        }
    );
    report
}

fn handle(caller: &CallerKey, number: u16) -> SessionHandle {
    SessionHandle::new(caller.hash(), random(number))
}

/// A session of a caller on `production`, created under an open gate.
fn session(caller: &CallerKey, number: u16) -> Result<Session, Stop> {
    Ok(Session::new(SessionFields {
        handle: handle(caller, number),
        secret_digest: SessionSecret::new([7; 16]).digest(),
        caller: caller.clone(),
        user: "Alice".to_owned(),
        profile: profile("production")?,
        account: AccountId::parse("111122223333").map_err(Stop::failed)?,
        principal: "arn:aws:iam::111122223333:user/Alice".to_owned(),
        source_identity: "sentinel-alice-abcdefgh".to_owned(),
        request_id: "req-1".to_owned(),
        created: at(0),
        expires: at(3600),
        epochs: Epochs::default(),
        generation: Generation(3),
    }))
}

fn revoke(scope: Scope, until: Option<DateTime<Utc>>) -> GateChange {
    let block = Block::new("carol", at(0)).with_reason("stolen laptop").with_until(until);
    GateChange::revoke(scope, block)
}

const fn reinstate(scope: Scope) -> GateChange {
    GateChange::reinstate(scope)
}

/// Writes sessions concurrently.
async fn fill(store: &Arc<dyn SessionStore>, sessions: Vec<Session>) -> Checked {
    let writes = sessions.into_iter().map(|session| {
        let store = Arc::clone(store);
        async move { Ok(store.create_session(&session).await?) }
    });
    tasks::fill(writes).await
}

/// Every session of a list that has no unreadable rows.
async fn all(store: &dyn SessionStore, listing: &Listing) -> Result<Vec<Session>, Stop> {
    let found = listed(store, listing).await?;
    if found.unreadable.is_empty() {
        Ok(found.items)
    } else {
        Err(Stop::failed("a row cannot be read"))
    }
}

/// All pages of a list as one page.
async fn listed(store: &dyn SessionStore, listing: &Listing) -> Result<SessionPage, Stop> {
    let mut found = SessionPage::default();
    let mut pages = Pages::sessions(store, listing);
    while let Some(page) = pages.next().await? {
        found.items.extend(page.items);
        found.unreadable.extend(page.unreadable);
    }
    Ok(found)
}

/// The sorted handles of sessions, for comparing lists.
fn handles(sessions: &[Session]) -> Vec<SessionHandle> {
    let mut handles: Vec<_> = sessions.iter().map(|session| session.handle).collect();
    handles.sort_unstable();
    handles
}
