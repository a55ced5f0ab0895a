//! The cases for stores of approval requests.

mod changes;
mod damage;
mod expiry;
mod lists;
mod pending;
mod races;
mod records;
mod sequences;

use std::{future::Future, ops::Range, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{
    report::{Checked, Report, Stop, run},
    tasks,
    values::{at, caller, hostile_texts, invalid_cursors, person, profile, random},
};
use crate::{
    AccessRequest, AccessRequestFields, ApprovedPeriod, CallerKey, Pages, RequestAction,
    RequestDecision, RequestId, RequestListing, RequestPage, RequestStatus, RequestStore,
};

/// A backend of approval requests under test. A closure is one:
/// `|| async { FreshRequests::new(MemoryRequests::new()) }`.
#[async_trait]
pub trait RequestsUnderTest: Send + Sync {
    /// An empty store, another one for each call.
    async fn fresh(&self) -> FreshRequests;
}

/// A closure that returns an empty store.
#[async_trait]
impl<F, R> RequestsUnderTest for F
where
    F: Fn() -> R + Send + Sync,
    R: Future<Output = FreshRequests> + Send,
{
    async fn fresh(&self) -> FreshRequests {
        self().await
    }
}

/// An empty store of approval requests.
#[expect(missing_debug_implementations, reason = "a backdoor has no state to show")]
#[non_exhaustive]
pub struct FreshRequests {
    /// The store.
    pub store: Arc<dyn RequestStore>,
    /// How the suite damages and purges its records. `None` if it cannot: the cases
    /// that need it are reported as not offered.
    pub backdoor: Option<Box<dyn RequestBackdoor>>,
}

impl FreshRequests {
    /// An empty store without a backdoor.
    pub fn new(store: impl RequestStore + 'static) -> Self {
        Self { store: Arc::new(store), backdoor: None }
    }

    /// The same store, with a backdoor.
    #[must_use]
    pub fn with_backdoor(self, backdoor: impl RequestBackdoor + 'static) -> Self {
        Self { backdoor: Some(Box::new(backdoor)), ..self }
    }

    fn backdoor(&self) -> Result<&dyn RequestBackdoor, Stop> {
        self.backdoor.as_deref().ok_or(Stop::NotOffered)
    }
}

/// What the suite does to a store outside its trait. Each method returns whether the
/// backend could do it.
#[async_trait]
pub trait RequestBackdoor: Send + Sync {
    /// Stores a request in the place of the request `id`, which it may not be. `None` stores
    /// data that is not a request. The indexes of the store stay as they are.
    async fn plant_request(&self, id: &RequestId, request: Option<&AccessRequest>) -> bool;

    /// Deletes the requests that were over before `before`.
    async fn purge(&self, before: DateTime<Utc>) -> bool;
}

/// Number of random sequences in the suite. A backend that is fast runs more of them with
/// [`request_sequences`].
const SEQUENCES: u64 = 6;

/// Runs every case against the backend.
pub async fn requests(subject: &dyn RequestsUnderTest) -> Report {
    let mut report = Report::default();
    run!(report, subject,
        records::{
            a_request_is_read_as_it_was_written,
            hostile_texts_are_stored_unchanged,
            an_unknown_request_is_not_found,
            a_second_request_with_the_same_id_is_a_conflict,
            a_request_with_the_id_of_another_caller_is_refused,
            a_request_that_is_closed_is_not_created,
        }
        changes::{
            a_request_is_replaced_by_its_next_revision,
            another_revision_is_a_conflict_and_writes_nothing,
            a_request_keeps_its_requester_profile_and_times,
            live_requests_can_change_or_be_used,
        }
        pending::{
            a_caller_has_one_pending_request_for_a_profile,
            requests_of_other_callers_and_profiles_are_independent,
            a_decided_request_is_followed_by_another,
            an_expired_request_is_followed_by_another,
            a_late_change_of_an_expired_request_leaves_the_next_one_pending,
            an_approved_request_is_created_next_to_a_pending_one,
        }
        lists::{
            an_empty_list_is_one_empty_page,
            a_list_of_a_caller_contains_each_request_once,
            a_list_of_a_caller_contains_every_acknowledged_request,
            a_pending_list_contains_each_request_for_its_profiles_once,
            a_pending_list_omits_decided_and_expired_requests,
            an_invalid_cursor_is_not_found,
            a_cursor_does_not_list_another_caller,
            concurrent_changes_do_not_disturb_a_list,
        }
        races::{
            one_of_many_concurrent_pending_requests_is_written,
            one_of_many_concurrent_requests_with_one_id_is_written,
            one_of_two_concurrent_approvals_is_written,
            either_an_approval_or_a_cancellation_is_written,
            one_of_many_concurrent_changes_is_written,
        }
        expiry::{
            a_purge_removes_the_requests_that_are_over,
            a_purge_keeps_the_requests_that_are_not_over,
        }
        damage::{
            a_request_of_another_id_is_corrupt,
            a_request_of_another_caller_is_corrupt,
            an_unreadable_request_is_corrupt,
        }
    );
    let case = "random_sequences_agree_with_the_model";
    report.add(case, sequences::agree(subject, 0..SEQUENCES).await);
    report
}

/// Runs random sequences of operations with several actors, one for each seed, and compares
/// every result with a model of the contract. The suite contains the first few.
pub async fn request_sequences(subject: &dyn RequestsUnderTest, seeds: Range<u64>) -> Report {
    let mut report = Report::default();
    let case = "random_sequences_agree_with_the_model";
    report.add(case, sequences::agree(subject, seeds).await);
    report
}

/// Lists that many pending requests, of as many callers and for 50 profiles, to a person who may
/// decide for 40 of them, and compares the pages with the requests.
pub async fn many_requests(subject: &dyn RequestsUnderTest, count: u16) -> Report {
    let mut report = Report::default();
    let case = "a_long_pending_list_contains_each_request_once";
    report.add(case, lists::a_long_pending_list_contains_each_request_once(subject, count).await);
    report
}

/// The deadline of the requests of the suite, in seconds.
const DEADLINE: i64 = 3600;

fn id(caller: &CallerKey, number: u16) -> RequestId {
    RequestId::new(caller.hash(), random(number))
}

/// A pending request of a caller for a profile, created at 0 and with the deadline [`DEADLINE`].
fn request_for(caller: &CallerKey, name: &str, number: u16) -> Result<AccessRequest, Stop> {
    Ok(AccessRequest::new(AccessRequestFields {
        id: id(caller, number),
        requester: person(caller)?,
        profile: profile(name)?,
        role_arn: "arn:aws:iam::111122223333:role/SentinelProtected-production".to_owned(),
        rule: "deployments".to_owned(),
        reason: "release 1.2".to_owned(),
        duration_s: 3600,
        created: at(0),
        deadline: at(DEADLINE),
    }))
}

/// A pending request of a caller for `production`.
fn request(caller: &CallerKey, number: u16) -> Result<AccessRequest, Stop> {
    request_for(caller, "production", number)
}

fn decision(action: RequestAction, seconds: i64) -> Result<RequestDecision, Stop> {
    let by = person(&caller("carol")?)?;
    let role = "arn:aws:iam::111122223333:role/SentinelProtected-production";
    Ok(RequestDecision::new(by, at(seconds), action, role, "0f".repeat(32)))
}

/// The period of an approval from one time to another.
fn period(from: i64, until: i64) -> ApprovedPeriod {
    ApprovedPeriod { since: at(from), from: at(from), until: at(until) }
}

/// The next revision of a request.
fn decided(
    request: &AccessRequest,
    action: RequestAction,
    seconds: i64,
    status: RequestStatus,
) -> Result<AccessRequest, Stop> {
    let decision = decision(action, seconds)?;
    request.decide(decision, status).ok_or_else(|| Stop::failed("the transition is not possible"))
}

/// The next revision of a request, approved until a time.
fn approved(request: &AccessRequest, seconds: i64, until: i64) -> Result<AccessRequest, Stop> {
    let status = RequestStatus::Approved(period(seconds, until));
    decided(request, RequestAction::Approve, seconds, status)
}

fn denied(request: &AccessRequest, seconds: i64) -> Result<AccessRequest, Stop> {
    decided(request, RequestAction::Deny, seconds, RequestStatus::Denied)
}

fn cancelled(request: &AccessRequest, seconds: i64) -> Result<AccessRequest, Stop> {
    decided(request, RequestAction::Cancel, seconds, RequestStatus::Cancelled)
}

/// The next revision of an approved request, revoked.
fn revoked(request: &AccessRequest, seconds: i64) -> Result<AccessRequest, Stop> {
    let period = request.period().ok_or_else(|| Stop::failed("the request was not approved"))?;
    decided(request, RequestAction::Revoke, seconds, RequestStatus::Revoked(period))
}

/// Writes requests concurrently.
async fn fill(store: &Arc<dyn RequestStore>, requests: Vec<AccessRequest>) -> Checked {
    let writes = requests.into_iter().map(|request| {
        let store = Arc::clone(store);
        async move { Ok(store.create_request(&request).await?) }
    });
    tasks::fill(writes).await
}

/// Every request of a list that has no unreadable rows.
async fn all(
    store: &dyn RequestStore,
    listing: &RequestListing,
) -> Result<Vec<AccessRequest>, Stop> {
    let found = listed(store, listing).await?;
    if found.unreadable.is_empty() {
        Ok(found.items)
    } else {
        Err(Stop::failed("a row cannot be read"))
    }
}

/// All pages of a list as one page.
async fn listed(store: &dyn RequestStore, listing: &RequestListing) -> Result<RequestPage, Stop> {
    let mut found = RequestPage::default();
    let mut pages = Pages::requests(store, listing);
    while let Some(page) = pages.next().await? {
        found.items.extend(page.items);
        found.unreadable.extend(page.unreadable);
    }
    Ok(found)
}

/// The list of the pending requests for these profiles at a time.
fn pending_list(profiles: &[&str], seconds: i64) -> Result<RequestListing, Stop> {
    let profiles = profiles.iter().map(|name| profile(name)).collect::<Result<_, _>>()?;
    Ok(RequestListing::Pending { profiles, now: at(seconds) })
}

/// The sorted ids of requests, for comparing lists.
fn ids(requests: &[AccessRequest]) -> Vec<RequestId> {
    let mut ids: Vec<_> = requests.iter().map(|request| request.id).collect();
    ids.sort_unstable();
    ids
}
