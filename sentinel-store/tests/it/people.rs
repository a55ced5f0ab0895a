//! Tests of the suite for requests and grants: it detects stores that do not conform.
#![expect(clippy::wildcard_enum_match_arm, reason = "a flaw affects one method only")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sentinel_store::memory::{MemoryGrants, MemoryRequests};
use sentinel_store::{
    AccessRequest, CallerKey, Cursor, Grant, GrantId, GrantListing, GrantPage, GrantStore, Opening,
    OpeningLimits, ProfileName, RequestId, RequestListing, RequestPage, RequestStatus,
    RequestStore, StoreError, StoreResultExt,
    conformance::{
        self, CaseResult, FreshGrants, FreshRequests, GrantsUnderTest, Report, RequestsUnderTest,
    },
};

use crate::fixtures::{MemoryGrantBackdoor, MemoryRequestBackdoor, page_size};

const RANDOM: &str = "random_sequences_agree_with_the_model";

/// What is wrong with a store of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestFlaw {
    /// A caller may have several pending requests for a profile.
    SeveralPending,
    /// An expired request blocks the next one.
    ExpiredBlocks,
    /// A request overwrites another one.
    Overwrites,
    /// A change is read, checked and written without a transaction.
    LostUpdate,
    /// A change creates a missing request.
    CreatesOnChange,
    /// An approval is live at the instant at which it ends.
    LivesTooLong,
    /// The pending list contains expired requests.
    ListsExpired,
    /// The pending list contains the requests for all profiles.
    ListsOthers,
    /// An invalid cursor starts the list again.
    ForgivesCursors,
}

#[derive(Debug)]
struct FlawedRequests {
    flaw: RequestFlaw,
    inner: Arc<MemoryRequests>,
    profiles: Mutex<BTreeMap<ProfileName, ()>>,
}

#[async_trait]
impl RequestStore for FlawedRequests {
    async fn create_request(&self, request: &AccessRequest) -> Result<(), StoreError> {
        self.profiles.lock().unwrap().insert(request.profile.clone(), ());
        let mut new = request.clone();
        match self.flaw {
            RequestFlaw::SeveralPending if new.status == RequestStatus::Pending => {
                new.status = RequestStatus::Approved(sentinel_store::ApprovedPeriod {
                    since: new.created,
                    from: new.created,
                    until: new.deadline,
                });
                self.inner.create_request(&new).await?;
                self.inner.plant_request(request.id, request.clone());
                Ok(())
            }
            RequestFlaw::ExpiredBlocks => {
                new.created = DateTime::<Utc>::MIN_UTC;
                self.inner.create_request(&new).await?;
                self.inner.plant_request(request.id, request.clone());
                Ok(())
            }
            RequestFlaw::Overwrites => {
                self.inner.create_request(request).await.unless_conflict()?;
                self.inner.plant_request(request.id, request.clone());
                Ok(())
            }
            _ => self.inner.create_request(request).await,
        }
    }

    async fn request(&self, id: &RequestId) -> Result<AccessRequest, StoreError> {
        self.inner.request(id).await
    }

    async fn replace_request(&self, next: &AccessRequest) -> Result<(), StoreError> {
        match self.flaw {
            RequestFlaw::LostUpdate => {
                let stored = self.inner.request(&next.id).await?;
                tokio::task::yield_now().await;
                if stored.revision + 1 != next.revision {
                    return Err(StoreError::conflict());
                }
                self.inner.plant_request(next.id, next.clone());
                Ok(())
            }
            RequestFlaw::CreatesOnChange => {
                let missing = self.inner.request(&next.id).await.optional()?.is_none();
                if missing {
                    self.inner.plant_request(next.id, next.clone());
                    return Ok(());
                }
                self.inner.replace_request(next).await
            }
            _ => self.inner.replace_request(next).await,
        }
    }

    async fn live_requests(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<AccessRequest>, StoreError> {
        let late = self.flaw == RequestFlaw::LivesTooLong;
        let now = if late { now - TimeDelta::nanoseconds(1) } else { now };
        self.inner.live_requests(caller, profile, now).await
    }

    async fn requests(
        &self,
        listing: &RequestListing,
        cursor: Option<&Cursor>,
    ) -> Result<RequestPage, StoreError> {
        let mut listing = listing.clone();
        if let RequestListing::Pending { profiles, now } = &mut listing {
            match self.flaw {
                RequestFlaw::ListsExpired => *now = DateTime::<Utc>::MIN_UTC,
                RequestFlaw::ListsOthers => {
                    *profiles = self.profiles.lock().unwrap().keys().cloned().collect();
                }
                _ => {}
            }
        }
        match self.inner.requests(&listing, cursor).await {
            Err(StoreError::NotFound(_)) if self.flaw == RequestFlaw::ForgivesCursors => {
                self.inner.requests(&listing, None).await
            }
            answer => answer,
        }
    }
}

#[async_trait]
impl RequestsUnderTest for RequestFlaw {
    async fn fresh(&self) -> FreshRequests {
        let inner = Arc::new(MemoryRequests::with_page_size(page_size()));
        let backdoor = MemoryRequestBackdoor(Arc::clone(&inner));
        let store = FlawedRequests { flaw: *self, inner, profiles: Mutex::default() };
        FreshRequests::new(store).with_backdoor(backdoor)
    }
}

fn detects(report: &Report, case: &str) {
    let outcome = report.outcomes().iter().find(|outcome| outcome.case == case).unwrap();
    assert!(matches!(outcome.result, CaseResult::Failed(_)), "{outcome:?}");
}

/// The flaws that one actor can notice also fail the random sequences.
#[tokio::test(flavor = "multi_thread")]
async fn each_flaw_of_a_request_store_fails_the_case_for_it() {
    let mut tasks = tokio::task::JoinSet::new();
    for (flaw, cases) in [
        (
            RequestFlaw::SeveralPending,
            &["a_caller_has_one_pending_request_for_a_profile", RANDOM][..],
        ),
        (RequestFlaw::ExpiredBlocks, &["an_expired_request_is_followed_by_another", RANDOM]),
        (RequestFlaw::Overwrites, &["a_second_request_with_the_same_id_is_a_conflict", RANDOM]),
        (RequestFlaw::LostUpdate, &["one_of_many_concurrent_changes_is_written"]),
        (RequestFlaw::CreatesOnChange, &["an_unknown_request_is_not_found"]),
        (RequestFlaw::LivesTooLong, &["live_requests_can_change_or_be_used"]),
        (RequestFlaw::ListsExpired, &["a_pending_list_omits_decided_and_expired_requests", RANDOM]),
        (
            RequestFlaw::ListsOthers,
            &["a_pending_list_contains_each_request_for_its_profiles_once", RANDOM],
        ),
        (RequestFlaw::ForgivesCursors, &["an_invalid_cursor_is_not_found"]),
    ] {
        tasks.spawn(async move { (cases, conformance::requests(&flaw).await) });
    }
    while let Some(tried) = tasks.join_next().await {
        let (cases, report) = tried.unwrap();
        for case in cases {
            detects(&report, case);
        }
    }
}

/// What is wrong with a store of grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GrantFlaw {
    /// Limits are ignored.
    NoLimits,
    /// The limits of a profile are ignored.
    NoProfileLimits,
    /// Limits are checked and counted without a transaction.
    Races,
    /// A closed grant stays live.
    StaysLive,
    /// The open list contains expired grants.
    ListsExpired,
    /// A purge removes grants that need a review.
    ForgetsReviews,
}

#[derive(Debug)]
struct FlawedGrants {
    flaw: GrantFlaw,
    inner: Arc<MemoryGrants>,
}

#[async_trait]
impl GrantStore for FlawedGrants {
    async fn open_grant(
        &self,
        grant: &Grant,
        limits: &OpeningLimits,
    ) -> Result<Opening, StoreError> {
        let mut grant = grant.clone();
        match self.flaw {
            GrantFlaw::NoLimits => self.inner.open_grant(&grant, &OpeningLimits::default()).await,
            GrantFlaw::NoProfileLimits => {
                self.inner.open_grant(&grant, &limits.with_profile_quota(None)).await
            }
            GrantFlaw::Races => {
                let of = GrantListing::Caller(grant.holder.caller.clone());
                let opened = self.inner.grants(&of, None).await?.items.len();
                tokio::task::yield_now().await;
                if limits.quota.is_some_and(|quota| opened >= quota.count as usize) {
                    return self.inner.open_grant(&grant, limits).await;
                }
                self.inner.open_grant(&grant, &OpeningLimits::default()).await
            }
            GrantFlaw::ForgetsReviews => {
                self.inner.open_grant(&grant, limits).await?;
                grant.review_due = None;
                grant.review_blocks = false;
                self.inner.plant_grant(grant.id, grant);
                Ok(Opening::Opened)
            }
            GrantFlaw::StaysLive | GrantFlaw::ListsExpired => {
                self.inner.open_grant(&grant, limits).await
            }
        }
    }

    async fn grant(&self, id: &GrantId) -> Result<Grant, StoreError> {
        self.inner.grant(id).await
    }

    async fn replace_grant(&self, next: &Grant) -> Result<(), StoreError> {
        self.inner.replace_grant(next).await
    }

    async fn live_grants(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<Grant>, StoreError> {
        if self.flaw == GrantFlaw::StaysLive {
            let of = GrantListing::Caller(caller.clone());
            let mut grants = self.inner.grants(&of, None).await?.items;
            grants.retain(|grant| grant.profile == *profile && now < grant.expires);
            return Ok(grants);
        }
        self.inner.live_grants(caller, profile, now).await
    }

    async fn grants(
        &self,
        listing: &GrantListing,
        cursor: Option<&Cursor>,
    ) -> Result<GrantPage, StoreError> {
        match listing {
            GrantListing::Open { .. } if self.flaw == GrantFlaw::ListsExpired => {
                let open = GrantListing::Open { now: DateTime::<Utc>::MIN_UTC };
                self.inner.grants(&open, cursor).await
            }
            _ => self.inner.grants(listing, cursor).await,
        }
    }
}

#[async_trait]
impl GrantsUnderTest for GrantFlaw {
    async fn fresh(&self) -> FreshGrants {
        let inner = Arc::new(MemoryGrants::with_page_size(page_size()));
        let backdoor = MemoryGrantBackdoor(Arc::clone(&inner));
        FreshGrants::new(FlawedGrants { flaw: *self, inner }).with_backdoor(backdoor)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_flaw_of_a_grant_store_fails_the_case_for_it() {
    let mut tasks = tokio::task::JoinSet::new();
    for (flaw, cases) in [
        (
            GrantFlaw::NoLimits,
            &[
                "a_quota_counts_openings_in_a_sliding_window",
                "a_cooldown_counts_from_the_last_opening",
                RANDOM,
            ][..],
        ),
        (
            GrantFlaw::NoProfileLimits,
            &["a_quota_of_a_profile_counts_the_openings_of_all_callers", RANDOM],
        ),
        (GrantFlaw::Races, &["twenty_concurrent_openings_open_as_many_as_the_quota"]),
        (GrantFlaw::StaysLive, &["live_grants_are_neither_closed_nor_expired"]),
        (GrantFlaw::ListsExpired, &["an_open_list_contains_each_open_grant_once", RANDOM]),
        (GrantFlaw::ForgetsReviews, &["a_purge_keeps_grants_that_can_be_used_or_need_a_review"]),
    ] {
        tasks.spawn(async move { (cases, conformance::grants(&flaw).await) });
    }
    while let Some(tried) = tasks.join_next().await {
        let (cases, report) = tried.unwrap();
        for case in cases {
            detects(&report, case);
        }
    }
}
