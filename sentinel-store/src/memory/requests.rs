//! Approval requests in memory.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Bound;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{PAGE_SIZE, location, locked};
use crate::backend::{
    check_new_request, check_next_request, check_request, id_range, owned_page, pending_after,
    pending_cursor, rows_page,
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

    /// The requests of a caller for a profile that can change or be used after `now`.
    fn live(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<AccessRequest>, StoreError> {
        let of_caller = self.requests.range(id_range::<RequestId>(caller, None)?);
        let live = of_caller.filter(|(_, request)| request.is_live_on(profile, now));
        live.map(|(id, request)| check_request(id, request.clone())).collect()
    }

    fn get(&self, id: &RequestId) -> Result<AccessRequest, StoreError> {
        let found = self.requests.get(id).ok_or_else(StoreError::not_found)?;
        check_request(id, found.clone())
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

    /// Removes the requests that were [over](AccessRequest::over_from) before `before`, and returns
    /// their number.
    pub fn purge(&self, before: DateTime<Utc>) -> usize {
        let State { requests, pending } = &mut *locked(&self.state);
        let count = requests.len();
        requests.retain(|_, request| request.over_from() >= before);
        pending.retain(|(.., id), ()| requests.contains_key(id));
        count - requests.len()
    }

    /// Stores a request in the place of the request `id`, which it may not be. The conformance suite
    /// plants invalid records with it.
    #[cfg(feature = "conformance")]
    pub fn plant_request(&self, id: RequestId, request: AccessRequest) {
        locked(&self.state).requests.insert(id, request);
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
        let AccessRequest { id, requester, profile, created, .. } = request;
        let is_pending = |request: &AccessRequest| request.status == RequestStatus::Pending;
        let taken = state.requests.contains_key(id)
            || (is_pending(request)
                && state.live(&requester.caller, profile, *created).at(at)?.iter().any(is_pending));
        if taken {
            return Err(StoreError::conflict().at(at));
        }
        state.store(request);
        Ok(())
    }

    async fn request(&self, id: &RequestId) -> Result<AccessRequest, StoreError> {
        locked(&self.state).get(id).at(|| location().request(id))
    }

    async fn replace_request(&self, next: &AccessRequest) -> Result<(), StoreError> {
        let mut state = locked(&self.state);
        let stored = state.get(&next.id);
        stored
            .and_then(|stored| check_next_request(&stored, next))
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
        let live = locked(&self.state).live(caller, profile, now);
        live.at(|| location().request_list(caller, profile))
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
                let rows = found.by_ref().take(size);
                let rows = rows.map(|(id, request)| (*id, check_request(id, request.clone())));
                let rows = rows.collect();
                Ok(owned_page(rows, found.next().is_some()))
            }
            RequestListing::Pending { profiles, now } => {
                let mut rows = Vec::new();
                let last = RequestId::from_bytes(&[u8::MAX; 26]);
                for (profile, after) in pending_after(profiles, cursor).at(at)? {
                    let now = (*now, last);
                    let (deadline, id) = after.map_or(now, |after| after.max(now));
                    let start = Bound::Excluded((profile.clone(), deadline, id));
                    let end = Bound::Included((profile.clone(), DateTime::<Utc>::MAX_UTC, last));
                    for ((_, deadline, id), ()) in state.pending.range((start, end)) {
                        rows.push((*id, state.get(id)));
                        if rows.len() >= size {
                            let next = pending_cursor(profile, *deadline, id);
                            return Ok(rows_page(rows).with_next(next));
                        }
                    }
                }
                Ok(rows_page(rows))
            }
        }
    }
}
