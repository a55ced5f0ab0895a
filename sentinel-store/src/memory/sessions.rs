//! Sessions and gates in memory.

use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroUsize},
    sync::Mutex,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{PAGE_SIZE, location, locked};
use crate::{
    CallerHash, CallerKey, Counted, Cursor, Gate, GateChange, Listing, RateWindow, Session,
    SessionHandle, SessionPage, SessionStore, StoreError, StoreResultExt,
    backend::{check_gate, check_listed, check_new_session, check_session, page_of, range_of},
};

/// Sessions and gates in memory.
#[derive(Debug)]
pub struct MemorySessions {
    state: Mutex<State>,
    page_size: NonZeroUsize,
}

#[derive(Debug, Default)]
struct State {
    gates: BTreeMap<CallerHash, Gate>,
    sessions: BTreeMap<SessionHandle, Session>,
    /// The counts of vends.
    counts: BTreeMap<(CallerHash, RateWindow), u32>,
}

impl State {
    fn gate(&self, caller: &CallerKey) -> Result<Gate, StoreError> {
        let gate = match self.gates.get(&caller.hash()) {
            Some(gate) => check_gate(caller, gate.clone()),
            None => Ok(Gate::open(caller.clone())),
        };
        gate.at(|| location().gate(caller))
    }
}

impl MemorySessions {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_page_size(PAGE_SIZE)
    }

    /// An empty store with this number of sessions in a page.
    #[must_use]
    pub fn with_page_size(page_size: NonZeroUsize) -> Self {
        Self { state: Mutex::default(), page_size }
    }

    /// Removes the sessions that expired before `before`, and returns their number. Also removes the
    /// counts of vends in windows that ended before. Gates stay.
    pub fn purge_expired(&self, before: DateTime<Utc>) -> usize {
        let state = &mut *locked(&self.state);
        state.counts.retain(|(_, window), _| window.end() >= before);
        let count = state.sessions.len();
        state.sessions.retain(|_, session| session.expires >= before);
        count - state.sessions.len()
    }

    /// Stores a gate in the place of the gate of `caller`, whose gate it may not be. The
    /// conformance suite plants invalid records with it.
    #[cfg(feature = "conformance")]
    pub fn plant_gate(&self, caller: &CallerKey, gate: Gate) {
        locked(&self.state).gates.insert(caller.hash(), gate);
    }

    /// Stores a session in the place of the session `handle`, which it may not be. The
    /// conformance suite plants invalid records with it.
    #[cfg(feature = "conformance")]
    pub fn plant_session(&self, handle: SessionHandle, session: Session) {
        locked(&self.state).sessions.insert(handle, session);
    }
}

impl Default for MemorySessions {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl SessionStore for MemorySessions {
    async fn gate(&self, caller: &CallerKey) -> Result<Gate, StoreError> {
        locked(&self.state).gate(caller)
    }

    async fn change_gate(
        &self,
        caller: &CallerKey,
        change: &GateChange,
    ) -> Result<Gate, StoreError> {
        let mut state = locked(&self.state);
        let mut gate = state.gate(caller)?;
        if gate.apply(change).at(|| location().gate(caller))? {
            state.gates.insert(caller.hash(), gate.clone());
        }
        Ok(gate)
    }

    async fn create_session(&self, session: &Session) -> Result<(), StoreError> {
        check_new_session(session).at(|| location().session(&session.handle))?;
        let sessions = &mut locked(&self.state).sessions;
        if sessions.contains_key(&session.handle) {
            return Err(StoreError::conflict().at(|| location().session(&session.handle)));
        }
        sessions.insert(session.handle, session.clone());
        Ok(())
    }

    async fn end_session(
        &self,
        handle: &SessionHandle,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let sessions = &mut locked(&self.state).sessions;
        let missing = || StoreError::not_found().at(|| location().session(handle));
        let stored = sessions.get_mut(handle).ok_or_else(missing)?;
        check_session(handle, stored.clone()).at(|| location().session(handle))?;
        stored.ended.get_or_insert(at);
        Ok(())
    }

    async fn count_vend(
        &self,
        caller: &CallerKey,
        window: &RateWindow,
        limit: NonZeroU32,
    ) -> Result<Counted, StoreError> {
        let counts = &mut locked(&self.state).counts;
        let count = counts.entry((caller.hash(), *window)).or_default();
        if *count >= limit.get() {
            return Ok(Counted::AboveLimit);
        }
        *count += 1;
        Ok(Counted::WithinLimit)
    }

    async fn session(&self, handle: &SessionHandle) -> Result<(Session, Gate), StoreError> {
        let state = locked(&self.state);
        let stored = state.sessions.get(handle).cloned().ok_or_else(StoreError::not_found);
        let session = stored.and_then(|stored| check_session(handle, stored));
        let session = session.at(|| location().session(handle))?;
        let gate = state.gate(&session.caller)?;
        Ok((session, gate))
    }

    async fn sessions(
        &self,
        listing: &Listing,
        cursor: Option<&Cursor>,
    ) -> Result<SessionPage, StoreError> {
        let range = range_of(listing, cursor).at(|| location().sessions(listing))?;
        let state = locked(&self.state);
        let mut found = state.sessions.range(range);
        let rows = found
            .by_ref()
            .take(self.page_size.get())
            .map(|(handle, session)| (*handle, check_listed(listing, handle, session.clone())))
            .collect();
        let more = found.next().is_some();
        Ok(page_of(rows, more))
    }
}
