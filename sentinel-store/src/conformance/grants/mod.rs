//! The cases for stores of break-glass grants.

mod damage;
mod expiry;
mod limits;
mod lists;
mod races;
mod records;
mod sequences;

use std::{future::Future, ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    report::{Checked, Report, Stop, ensure_eq, run},
    tasks,
    values::{at, caller, hostile_texts, invalid_cursors, person, profile, random},
};
use crate::{
    CallerKey, Grant, GrantFields, GrantId, GrantListing, GrantNote, GrantPage, GrantStore,
    Opening, OpeningLimits, OpeningQuota, Pages,
};

/// A backend of break-glass grants under test. A closure is one:
/// `|| async { FreshGrants::new(MemoryGrants::new()) }`.
#[async_trait]
pub trait GrantsUnderTest: Send + Sync {
    /// An empty store, another one for each call.
    async fn fresh(&self) -> FreshGrants;
}

/// A closure that returns an empty store.
#[async_trait]
impl<F, R> GrantsUnderTest for F
where
    F: Fn() -> R + Send + Sync,
    R: Future<Output = FreshGrants> + Send,
{
    async fn fresh(&self) -> FreshGrants {
        self().await
    }
}

/// An empty store of break-glass grants.
#[expect(missing_debug_implementations, reason = "a backdoor has no state to show")]
#[non_exhaustive]
pub struct FreshGrants {
    /// The store.
    pub store: Arc<dyn GrantStore>,
    /// How the suite damages and purges its records. `None` if it cannot: the cases
    /// that need it are reported as not offered.
    pub backdoor: Option<Box<dyn GrantBackdoor>>,
}

impl FreshGrants {
    /// An empty store without a backdoor.
    pub fn new(store: impl GrantStore + 'static) -> Self {
        Self { store: Arc::new(store), backdoor: None }
    }

    /// The same store, with a backdoor.
    #[must_use]
    pub fn with_backdoor(self, backdoor: impl GrantBackdoor + 'static) -> Self {
        Self { backdoor: Some(Box::new(backdoor)), ..self }
    }

    fn backdoor(&self) -> Result<&dyn GrantBackdoor, Stop> {
        self.backdoor.as_deref().ok_or(Stop::NotOffered)
    }
}

/// What the suite does to a store outside its trait. Each method returns whether the
/// backend could do it.
#[async_trait]
pub trait GrantBackdoor: Send + Sync {
    /// Stores a grant in the place of the grant `id`, which it may not be. `None` stores
    /// data that is not a grant. The indexes of the store stay as they are.
    async fn plant_grant(&self, id: &GrantId, grant: Option<&Grant>) -> bool;

    /// Deletes the grants that expired before `before` and need no review.
    async fn purge(&self, before: DateTime<Utc>) -> bool;
}

/// Number of random sequences in the suite. A backend that is fast runs more of them with
/// [`grant_sequences`].
const SEQUENCES: u64 = 6;

/// Runs every case against the backend.
pub async fn grants(subject: &dyn GrantsUnderTest) -> Report {
    let mut report = Report::default();
    run!(report, subject,
        records::{
            a_grant_is_read_as_it_was_written,
            hostile_texts_are_stored_unchanged,
            an_unknown_grant_is_not_found,
            a_second_grant_with_the_same_id_is_a_conflict,
            a_grant_with_the_id_of_another_caller_is_refused,
            a_grant_that_is_closed_is_not_opened,
            a_grant_is_replaced_by_its_next_revision,
            another_revision_is_a_conflict_and_writes_nothing,
            a_grant_keeps_its_holder_profile_and_times,
            live_grants_are_neither_closed_nor_expired,
        }
        limits::{
            without_limits_every_grant_is_opened,
            a_quota_counts_openings_in_a_sliding_window,
            a_quota_counts_closed_grants,
            a_cooldown_counts_from_the_last_opening,
            limits_are_counted_per_caller_and_rule,
            a_quota_of_a_profile_counts_the_openings_of_all_callers,
            a_refused_opening_writes_nothing,
            a_ledger_outlives_its_grants,
        }
        lists::{
            an_empty_list_is_one_empty_page,
            a_list_of_a_caller_contains_each_grant_once,
            a_list_of_a_caller_contains_every_acknowledged_grant,
            an_open_list_contains_each_open_grant_once,
            an_invalid_cursor_is_not_found,
            a_cursor_does_not_list_another_caller,
            concurrent_changes_do_not_disturb_a_list,
        }
        races::{
            twenty_concurrent_openings_open_as_many_as_the_quota,
            twenty_concurrent_openings_with_a_cooldown_open_one,
            concurrent_openings_of_several_callers_obey_the_quota_of_the_profile,
            one_of_many_concurrent_grants_with_one_id_is_opened,
            one_of_many_concurrent_changes_is_written,
        }
        expiry::{
            a_purge_removes_expired_grants,
            a_purge_keeps_grants_that_can_be_used_or_need_a_review,
        }
        damage::{
            a_grant_of_another_id_is_corrupt,
            a_grant_of_another_caller_is_corrupt,
            an_unreadable_grant_is_corrupt,
        }
    );
    let case = "random_sequences_agree_with_the_model";
    report.add(case, sequences::agree(subject, 0..SEQUENCES).await);
    report
}

/// Runs random sequences of operations with several actors, one for each seed, and compares
/// every result with a model of the contract. The suite contains the first few.
pub async fn grant_sequences(subject: &dyn GrantsUnderTest, seeds: Range<u64>) -> Report {
    let mut report = Report::default();
    let case = "random_sequences_agree_with_the_model";
    report.add(case, sequences::agree(subject, seeds).await);
    report
}

/// The length of the grants of the suite, in seconds.
const LENGTH: i64 = 3600;

fn id(caller: &CallerKey, number: u16) -> GrantId {
    GrantId::new(caller.hash(), random(number))
}

/// A grant of a caller for a profile, opened at a time.
fn grant_for(caller: &CallerKey, name: &str, number: u16, seconds: i64) -> Result<Grant, Stop> {
    Ok(Grant::new(GrantFields {
        id: id(caller, number),
        holder: person(caller)?,
        profile: profile(name)?,
        role_arn: "arn:aws:iam::111122223333:role/SentinelProtected-production".to_owned(),
        rule: "emergency".to_owned(),
        policy_sha256: "0f".repeat(32),
        reason_code: "incident".to_owned(),
        justification: "the payment service is down".to_owned(),
        created: at(seconds),
        expires: at(seconds + LENGTH),
    }))
}

/// A grant of a caller for `production`, opened at 0.
fn grant(caller: &CallerKey, number: u16) -> Result<Grant, Stop> {
    grant_for(caller, "production", number, 0)
}

fn note(seconds: i64) -> Result<GrantNote, Stop> {
    Ok(GrantNote::new(person(&caller("carol")?)?, at(seconds), Some("resolved".to_owned())))
}

fn closed(grant: &Grant, seconds: i64) -> Result<Grant, Stop> {
    grant.close(note(seconds)?).ok_or_else(|| Stop::failed("the grant cannot be closed"))
}

fn reviewed(grant: &Grant, seconds: i64) -> Result<Grant, Stop> {
    grant.review(note(seconds)?).ok_or_else(|| Stop::failed("the grant cannot be reviewed"))
}

const fn quota(count: u32, seconds: u64) -> OpeningQuota {
    OpeningQuota { count, per: Duration::from_secs(seconds) }
}

/// Opens a grant without limits.
async fn open(store: &dyn GrantStore, grant: &Grant) -> Checked {
    ensure_eq!(store.open_grant(grant, &OpeningLimits::default()).await?, Opening::Opened);
    Ok(())
}

/// Opens grants concurrently, without limits. Their callers should differ, because the openings of
/// one caller wait for each other.
async fn fill(store: &Arc<dyn GrantStore>, grants: Vec<Grant>) -> Checked {
    let writes = grants.into_iter().map(|grant| {
        let store = Arc::clone(store);
        async move { open(&store, &grant).await }
    });
    tasks::fill(writes).await
}

/// Every grant of a list that has no unreadable rows.
async fn all(store: &dyn GrantStore, listing: &GrantListing) -> Result<Vec<Grant>, Stop> {
    let found = listed(store, listing).await?;
    if found.unreadable.is_empty() {
        Ok(found.items)
    } else {
        Err(Stop::failed("a row cannot be read"))
    }
}

/// All pages of a list as one page.
async fn listed(store: &dyn GrantStore, listing: &GrantListing) -> Result<GrantPage, Stop> {
    let mut found = GrantPage::default();
    let mut pages = Pages::grants(store, listing);
    while let Some(page) = pages.next().await? {
        found.items.extend(page.items);
        found.unreadable.extend(page.unreadable);
    }
    Ok(found)
}

fn open_list(seconds: i64) -> GrantListing {
    GrantListing::Open { now: at(seconds) }
}

/// The sorted ids of grants, for comparing lists.
fn ids(grants: &[Grant]) -> Vec<GrantId> {
    let mut ids: Vec<_> = grants.iter().map(|grant| grant.id).collect();
    ids.sort_unstable();
    ids
}
