//! Approval requests in memory.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Bound;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{PAGE_SIZE, location, locked};
use crate::backend::{
    check_new_request, check_next_request, id_range, pending_after, pending_cursor,
};
use crate::{
    AccessRequest, CallerKey, Cursor, ProfileName, RequestId, RequestListing, RequestPage,
    RequestStatus, RequestStore, StoreError, StoreResultExt,
};

/// Approval requests in memory.
#[derive(Debug)]
pub struct MemoryRequests {
    state: Mutex<State>,
    page_size: NonZeroUsize,
}

#[derive(Debug, Default)]
struct State {
    requests: BTreeMap<RequestId, AccessRequest>,
    /// The pending requests, by profile, then by deadline.
    pending: BTreeMap<(ProfileName, DateTime<Utc>, RequestId), ()>,
}

impl State {
    fn store(&mut self, request: &AccessRequest) {
        let key = (request.profile.clone(), request.deadline, request.id);
        if request.status == RequestStatus::Pending {
            self.pending.insert(key, ());
        } else {
            self.pending.remove(&key);
        }
        self.requests.insert(request.id, request.clone());
    }

    /// The requests of a caller.
    fn of<'a>(&'a self, caller: &CallerKey) -> impl Iterator<Item = &'a AccessRequest> {
        let first = RequestId::new(caller.hash(), [u8::MIN; 10]);
        let last = RequestId::new(caller.hash(), [u8::MAX; 10]);
        self.requests.range(first..=last).map(|(_, request)| request)
    }
}

impl MemoryRequests {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_page_size(PAGE_SIZE)
    }

    /// An empty store with this number of requests in a page.
    #[must_use]
    pub fn with_page_size(page_size: NonZeroUsize) -> Self {
        Self { state: Mutex::default(), page_size }
    }
}

impl Default for MemoryRequests {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl RequestStore for MemoryRequests {
    async fn create_request(&self, request: &AccessRequest) -> Result<(), StoreError> {
        let at = || location().request(&request.id);
        check_new_request(request).at(at)?;
        let mut state = locked(&self.state);
        let pending = |other: &&AccessRequest| {
            other.status == RequestStatus::Pending
                && other.profile == request.profile
                && request.created < other.deadline
        };
        let taken = state.requests.contains_key(&request.id);
        if taken
            || (request.status == RequestStatus::Pending
                && state.of(&request.requester.caller).any(|other| pending(&other)))
        {
            return Err(StoreError::conflict().at(at));
        }
        state.store(request);
        Ok(())
    }

    async fn request(&self, id: &RequestId) -> Result<AccessRequest, StoreError> {
        let found = locked(&self.state).requests.get(id).cloned();
        found.ok_or_else(|| StoreError::not_found().at(|| location().request(id)))
    }

    async fn replace_request(&self, next: &AccessRequest) -> Result<(), StoreError> {
        let mut state = locked(&self.state);
        let stored = state.requests.get(&next.id).ok_or_else(StoreError::not_found);
        stored
            .and_then(|stored| check_next_request(stored, next))
            .at(|| location().request(&next.id))?;
        state.store(next);
        Ok(())
    }

    async fn live_requests(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<AccessRequest>, StoreError> {
        let state = locked(&self.state);
        let live = state.of(caller).filter(|request| {
            request.profile == *profile && request.live_until().is_some_and(|until| now < until)
        });
        Ok(live.cloned().collect())
    }

    async fn requests(
        &self,
        listing: &RequestListing,
        cursor: Option<&Cursor>,
    ) -> Result<RequestPage, StoreError> {
        let at = || location().requests(listing);
        let state = locked(&self.state);
        let size = self.page_size.get();
        match listing {
            RequestListing::Caller(caller) => {
                let range = id_range::<RequestId>(caller, cursor).at(at)?;
                let mut found = state.requests.range(range);
                let items: Vec<_> =
                    found.by_ref().take(size).map(|(_, request)| request.clone()).collect();
                let next = items.last().filter(|_| found.next().is_some());
                let next = next.map(|last| Cursor(last.id.to_string()));
                Ok(RequestPage::new(items).with_next(next))
            }
            RequestListing::Pending { profiles, now } => {
                let mut page = RequestPage::default();
                let last = RequestId::from_bytes(&[u8::MAX; 26]);
                for (profile, after) in pending_after(profiles, cursor).at(at)? {
                    let now = (*now, last);
                    let (deadline, id) = after.map_or(now, |after| after.max(now));
                    let start = Bound::Excluded((profile.clone(), deadline, id));
                    let end = Bound::Included((profile.clone(), DateTime::<Utc>::MAX_UTC, last));
                    for ((_, deadline, id), ()) in state.pending.range((start, end)) {
                        let Some(request) = state.requests.get(id) else { continue };
                        page.items.push(request.clone());
                        if page.items.len() >= size {
                            page.next = Some(pending_cursor(profile, *deadline, id));
                            return Ok(page);
                        }
                    }
                }
                Ok(page)
            }
        }
    }
}
