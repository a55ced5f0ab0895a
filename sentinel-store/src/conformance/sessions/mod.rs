//! What every session store must do.

mod damage;
mod expiry;
mod gates;
mod lists;
mod races;
mod records;

use std::{future::Future, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use tokio::task::JoinSet;

use super::report::{Checked, Report, Stop, run};
use crate::{
    AccountId, Block, CallerKey, Epochs, Gate, GateAction, GateChange, Generation, Listing, Pages,
    ProfileName, Scope, Session, SessionHandle, SessionPage, SessionSecret, SessionStore,
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
#[expect(missing_debug_implementations, reason = "a backdoor has nothing to show")]
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

/// What the suite does to a store otherwise than by its trait. Each gives whether
/// the backend can do it, and did.
#[async_trait]
pub trait Backdoor: Send + Sync {
    /// Puts a gate where the gate of `caller` is stored, whoever's it is; without
    /// one, something that is no gate.
    async fn plant_gate(&self, caller: &CallerKey, gate: Option<&Gate>) -> bool;

    /// Puts a session where the one of `handle` is stored, whichever it is;
    /// without one, something that is no session.
    async fn plant_session(&self, handle: &SessionHandle, session: Option<&Session>) -> bool;

    /// Removes the sessions that expired before `before`.
    async fn purge_expired(&self, before: DateTime<Utc>) -> bool;
}

/// Runs every case against the backend.
pub async fn sessions(subject: &dyn SessionsUnderTest) -> Report {
    let mut report = Report::default();
    run!(report, subject,
        gates::{
            a_missing_gate_is_open,
            revoking_raises_the_epoch_and_blocks,
            a_profile_is_revoked_alone,
            a_longer_block_stays_and_replaces_a_shorter_one,
            reinstating_lifts_the_block_and_keeps_the_epoch,
            reinstating_what_was_not_revoked_writes_nothing,
            a_full_gate_takes_no_profile_more_and_the_caller_as_a_whole,
            callers_are_told_apart,
        }
        records::{
            a_session_is_read_back_whole,
            hostile_texts_are_kept_as_they_are,
            a_session_comes_with_the_gate_of_its_caller,
            a_second_session_of_a_handle_is_a_conflict,
            an_unknown_session_is_not_found,
            a_session_ends_once,
            a_session_whose_handle_is_not_of_its_caller_is_refused,
            the_session_check_follows_the_store,
        }
        lists::{
            an_empty_list_is_one_empty_page,
            a_list_of_a_caller_holds_each_of_its_sessions_once,
            a_list_of_a_caller_holds_what_was_acknowledged,
            a_list_of_all_holds_every_session_once,
            a_cursor_that_is_none_is_not_found,
            a_cursor_does_not_lead_to_another_caller,
            sessions_made_meanwhile_do_not_disturb_a_list,
        }
        races::{
            two_revocations_at_once_both_count,
            many_changes_at_once_all_count,
            changes_on_different_profiles_at_once_all_count,
            of_many_sessions_of_one_handle_one_is_written,
            ends_at_once_leave_one_end,
            a_vend_and_a_revocation_at_once_do_not_miss_each_other,
        }
        expiry::{
            a_purge_takes_what_is_long_expired,
            a_purge_leaves_gates_and_live_sessions,
        }
        damage::{
            a_gate_of_another_caller_is_corrupt,
            what_is_no_gate_is_corrupt,
            a_session_of_another_handle_is_corrupt,
            a_session_of_another_caller_is_corrupt,
            what_is_no_session_is_corrupt,
        }
    );
    report
}

/// A time for the suite's records: with nanoseconds, which stores must keep.
fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_342_400 + seconds, 123_456_789).unwrap_or_default()
}

fn caller(key: &str) -> Result<CallerKey, Stop> {
    CallerKey::parse(key).map_err(Stop::broken)
}

fn profile(name: &str) -> Result<ProfileName, Stop> {
    ProfileName::parse(name).map_err(Stop::broken)
}

fn handle(caller: &CallerKey, number: u16) -> SessionHandle {
    let mut random = [0; 10];
    // The number where it makes neighbours, and a mixture of it elsewhere.
    let [high, low] = number.to_be_bytes();
    let [mixed, ..] = number.wrapping_mul(40_503).to_be_bytes();
    for (to, from) in random.iter_mut().zip([mixed, high, low]) {
        *to = from;
    }
    SessionHandle::new(caller.hash(), random)
}

/// A session of a caller on `production`, made under the gate `open`.
fn session(caller: &CallerKey, number: u16) -> Result<Session, Stop> {
    Ok(Session {
        handle: handle(caller, number),
        secret_digest: SessionSecret::new([7; 16]).digest(),
        caller: caller.clone(),
        user: "Alice".to_owned(),
        profile: profile("production")?,
        account: AccountId::parse("111122223333").map_err(Stop::broken)?,
        principal: "arn:aws:iam::111122223333:user/Alice".to_owned(),
        source_identity: "sentinel-alice-abcdefgh".to_owned(),
        request_id: "req-1".to_owned(),
        created: at(0),
        expires: at(3600),
        epochs: Epochs::default(),
        generation: Generation(3),
        ended: None,
    })
}

fn revoke(scope: Scope, until: Option<DateTime<Utc>>) -> GateChange {
    let block =
        Block { until, by: "carol".to_owned(), reason: "stolen laptop".to_owned(), at: at(0) };
    GateChange { scope, action: GateAction::Revoke(block) }
}

const fn reinstate(scope: Scope) -> GateChange {
    GateChange { scope, action: GateAction::Reinstate }
}

/// How many writes of [`fill`] are under way at the same time: more at once would
/// only wait, until the backend's time-outs end them.
const AT_ONCE: usize = 32;

/// Writes sessions, many at once.
async fn fill(store: &Arc<dyn SessionStore>, sessions: Vec<Session>) -> Checked {
    let mut writes = JoinSet::new();
    for session in sessions {
        if writes.len() >= AT_ONCE
            && let Some(written) = writes.join_next().await
        {
            written??;
        }
        let store = Arc::clone(store);
        writes.spawn(async move { store.create_session(&session).await });
    }
    while let Some(written) = writes.join_next().await {
        written??;
    }
    Ok(())
}

/// Every session of a list without damaged rows.
async fn all(store: &dyn SessionStore, listing: &Listing) -> Result<Vec<Session>, Stop> {
    let found = listed(store, listing).await?;
    if found.unreadable.is_empty() {
        Ok(found.items)
    } else {
        Err(Stop::broken("a row cannot be read"))
    }
}

/// All pages of a list in one.
async fn listed(store: &dyn SessionStore, listing: &Listing) -> Result<SessionPage, Stop> {
    let mut found = SessionPage::default();
    let mut pages = Pages::sessions(store, listing);
    while let Some(page) = pages.next().await? {
        found.items.extend(page.items);
        found.unreadable.extend(page.unreadable);
    }
    Ok(found)
}

/// The handles of sessions, sorted: how lists are compared.
fn handles(sessions: &[Session]) -> Vec<SessionHandle> {
    let mut handles: Vec<_> = sessions.iter().map(|session| session.handle).collect();
    handles.sort_unstable();
    handles
}
