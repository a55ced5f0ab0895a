//! Break-glass grants in memory.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Bound;
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{PAGE_SIZE, location, locked};
use crate::backend::{
    check_grant, check_new_grant, check_next_grant, id_range, open_after, open_cursor, owned_page,
    rows_page,
};
use crate::{
    CallerKey, Cursor, Grant, GrantId, GrantListing, GrantPage, GrantStore, Ledger, Opening,
    OpeningLimits, ProfileName, StoreError, StoreResultExt,
};

/// Break-glass grants in memory.
#[derive(Debug)]
pub struct MemoryGrants {
    state: Mutex<State>,
    page_size: NonZeroUsize,
}

#[derive(Debug, Default)]
struct State {
    grants: BTreeMap<GrantId, Grant>,
    /// The grants that were not closed, by the time at which they end.
    open: BTreeMap<(DateTime<Utc>, GrantId), ()>,
    callers: BTreeMap<CallerKey, Ledger>,
    profiles: BTreeMap<ProfileName, Ledger>,
}

impl State {
    fn store(&mut self, grant: &Grant) {
        let key = (grant.expires, grant.id);
        if grant.closed.is_none() {
            self.open.insert(key, ());
        } else {
            self.open.remove(&key);
        }
        self.grants.insert(grant.id, grant.clone());
    }

    fn get(&self, id: &GrantId) -> Result<Grant, StoreError> {
        check_grant(id, self.grants.get(id).ok_or_else(StoreError::not_found)?.clone())
    }
}

impl MemoryGrants {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_page_size(PAGE_SIZE)
    }

    /// An empty store with this number of grants in a page.
    #[must_use]
    pub fn with_page_size(page_size: NonZeroUsize) -> Self {
        Self { state: Mutex::default(), page_size }
    }

    /// Removes the grants that expired before `before` and need no review, and returns their number.
    pub fn purge(&self, before: DateTime<Utc>) -> usize {
        let State { grants, open, .. } = &mut *locked(&self.state);
        let count = grants.len();
        grants.retain(|_, grant| grant.expires >= before || grant.needs_review());
        open.retain(|(_, id), ()| grants.contains_key(id));
        count - grants.len()
    }

    /// Stores a grant in the place of the grant `id`, which it may not be. The conformance suite
    /// plants invalid records with it.
    #[cfg(feature = "conformance")]
    pub fn plant_grant(&self, id: GrantId, grant: Grant) {
        locked(&self.state).grants.insert(id, grant);
    }
}

impl Default for MemoryGrants {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl GrantStore for MemoryGrants {
    async fn open_grant(
        &self,
        grant: &Grant,
        limits: &OpeningLimits,
    ) -> Result<Opening, StoreError> {
        let at = || location().grant(&grant.id);
        check_new_grant(grant).at(at)?;
        let mut state = locked(&self.state);
        if state.grants.contains_key(&grant.id) {
            return Err(StoreError::conflict().at(at));
        }
        let caller = state.callers.get(&grant.holder.caller).cloned().unwrap_or_default();
        let caller = match caller.open_for_caller(&grant.opening(), limits) {
            Ok(ledger) => ledger,
            Err(reached) => return Ok(Opening::Refused(reached)),
        };
        if limits.profile_quota.is_some() {
            let profile = state.profiles.get(&grant.profile).cloned().unwrap_or_default();
            match profile.open_for_profile(&grant.opening(), limits) {
                Ok(ledger) => state.profiles.insert(grant.profile.clone(), ledger),
                Err(reached) => return Ok(Opening::Refused(reached)),
            };
        }
        state.callers.insert(grant.holder.caller.clone(), caller);
        state.store(grant);
        Ok(Opening::Opened)
    }

    async fn grant(&self, id: &GrantId) -> Result<Grant, StoreError> {
        locked(&self.state).get(id).at(|| location().grant(id))
    }

    async fn replace_grant(&self, next: &Grant) -> Result<(), StoreError> {
        let mut state = locked(&self.state);
        let stored = state.get(&next.id);
        stored
            .and_then(|stored| check_next_grant(&stored, next))
            .at(|| location().grant(&next.id))?;
        state.store(next);
        Ok(())
    }

    async fn live_grants(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<Grant>, StoreError> {
        let state = locked(&self.state);
        let at = || location().grant_list(caller, profile);
        let live = state
            .grants
            .range(id_range::<GrantId>(caller, None).at(at)?)
            .filter(|(_, grant)| grant.is_live_on(profile, now));
        live.map(|(id, grant)| check_grant(id, grant.clone())).collect::<Result<_, _>>().at(at)
    }

    async fn grants(
        &self,
        listing: &GrantListing,
        cursor: Option<&Cursor>,
    ) -> Result<GrantPage, StoreError> {
        let at = || location().grants(listing);
        let state = locked(&self.state);
        let size = self.page_size.get();
        match listing {
            GrantListing::Caller(caller) => {
                let mut found = state.grants.range(id_range::<GrantId>(caller, cursor).at(at)?);
                let rows = found.by_ref().take(size);
                let rows = rows.map(|(id, grant)| (*id, check_grant(id, grant.clone()))).collect();
                Ok(owned_page(rows, found.next().is_some()))
            }
            GrantListing::Open { now } => {
                let last = GrantId::from_bytes(&[u8::MAX; 26]);
                let now = (*now, last);
                let start = open_after(cursor).at(at)?.map_or(now, |after| after.max(now));
                let mut found = state.open.range((Bound::Excluded(start), Bound::Unbounded));
                let ids: Vec<_> = found.by_ref().take(size).map(|(key, ())| *key).collect();
                let next = ids.last().filter(|_| found.next().is_some());
                let next = next.map(|(expires, id)| open_cursor(*expires, id));
                let rows = ids.iter().map(|(_, id)| (*id, state.get(id))).collect();
                Ok(rows_page(rows).with_next(next))
            }
        }
    }
}
