//! Sessions and gates in the file, in two tables, so that a purge of sessions cannot
//! affect a gate.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::Path,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use redb::{ReadableTable, TableDefinition};

use super::{
    PAGE_SIZE, PURGE_BATCH, Purged,
    encoding::{decode, encode},
    file::RedbFile,
    rows, try_inner,
};
use crate::{
    CallerKey, Counted, Cursor, Gate, GateChange, Listing, RateWindow, Session, SessionHandle,
    SessionPage, SessionStore, StoreError, StoreResultExt,
    backend::{check_gate, check_listed, check_new_session, check_session, page_of, range_of},
};

/// Sessions by handle. The sessions of a caller follow one another.
const SESSIONS: TableDefinition<'_, &[u8; 26], &[u8]> = TableDefinition::new("sentinel-sessions");
/// Gates by the hash of their caller key.
const GATES: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("sentinel-gates");
/// The counts of vends, by the end of the window, the hash of the caller key and the start of the
/// window. Times are seconds since 1970. The ends are first, so that a purge reads only what it
/// removes.
const VEND_COUNTS: TableDefinition<'_, (i64, &[u8; 16], i64), u32> =
    TableDefinition::new("sentinel-vend-counts");

/// Sessions and gates in a file.
///
/// Expired sessions are kept until [`purge_expired`](Self::purge_expired) is called.
#[derive(Clone, Debug)]
pub struct RedbSessions {
    file: RedbFile,
    page_size: NonZeroUsize,
}

impl RedbSessions {
    /// The sessions and gates in the file at `path`, which contains nothing else.
    ///
    /// # Errors
    /// As those of [`RedbFile::open`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::new(RedbFile::open(path)?)
    }

    /// The sessions and gates in an open file.
    ///
    /// # Errors
    /// If the file cannot be written, or its tables have other types.
    pub fn new(file: RedbFile) -> Result<Self, StoreError> {
        file.prepare(|transaction| {
            transaction.open_table(SESSIONS)?;
            transaction.open_table(GATES)?;
            transaction.open_table(VEND_COUNTS)?;
            Ok(())
        })?;
        Ok(Self { file, page_size: PAGE_SIZE })
    }

    /// The same store, with this number of sessions in a page.
    #[must_use]
    pub fn with_page_size(self, page_size: NonZeroUsize) -> Self {
        Self { page_size, ..self }
    }

    /// Removes the sessions that expired before `before`, in batches, so that no other
    /// caller waits long. Also removes the counts of vends in windows that ended before. Gates stay.
    ///
    /// # Errors
    /// If the file cannot be read or written. Batches before the error stay removed.
    pub async fn purge_expired(&self, before: DateTime<Utc>) -> Result<Purged, StoreError> {
        while self.remove_counts(before).await? == PURGE_BATCH {}
        let is_over = move |session: &Session| session.expires < before;
        let purged = rows::purge(&self.file, SESSIONS, is_over, |_, _| Ok(()));
        purged.await.at(|| self.file.location())
    }

    /// Stores a gate in the place of the gate of `caller`, whose gate it may not be. `None`
    /// stores data that is not a gate. The conformance suite plants invalid records with it.
    ///
    /// # Errors
    /// If the file cannot be written.
    #[cfg(feature = "conformance")]
    pub async fn plant_gate(
        &self,
        caller: &CallerKey,
        gate: Option<&Gate>,
    ) -> Result<(), StoreError> {
        let hash = caller.hash();
        let bytes = gate.map_or_else(|| Ok(b"no gate".to_vec()), encode)?;
        self.file
            .write(move |transaction| {
                let mut gates = transaction.open_table(GATES)?;
                gates.insert(hash.as_bytes(), bytes.as_slice())?;
                Ok(Ok(()))
            })
            .await
    }

    /// Stores a session in the place of the session `handle`, which it may not be. `None`
    /// stores data that is not a session. The conformance suite plants invalid records with
    /// it.
    ///
    /// # Errors
    /// If the file cannot be written.
    #[cfg(feature = "conformance")]
    pub async fn plant_session(
        &self,
        handle: &SessionHandle,
        session: Option<&Session>,
    ) -> Result<(), StoreError> {
        let handle = handle.to_bytes();
        let bytes = session.map_or_else(|| Ok(b"no session".to_vec()), encode)?;
        self.file
            .write(move |transaction| {
                let mut sessions = transaction.open_table(SESSIONS)?;
                sessions.insert(&handle, bytes.as_slice())?;
                Ok(Ok(()))
            })
            .await
    }

    /// Removes a batch of counts of windows that ended before `before`, and returns their number.
    async fn remove_counts(&self, before: DateTime<Utc>) -> Result<usize, StoreError> {
        self.file
            .write(move |transaction| {
                let mut counts = transaction.open_table(VEND_COUNTS)?;
                let ended = ..(before.timestamp(), &[u8::MIN; 16], i64::MIN);
                let mut removed = 0;
                for entry in counts.extract_from_if(ended, |_, _| true)?.take(PURGE_BATCH) {
                    entry?;
                    removed += 1;
                }
                Ok(Ok(removed))
            })
            .await
            .at(|| self.file.location())
    }
}

/// The gate of a caller, open if none is stored.
fn gate(
    gates: &impl ReadableTable<&'static [u8; 16], &'static [u8]>,
    caller: &CallerKey,
) -> Result<Result<Gate, StoreError>, redb::StorageError> {
    let stored = gates.get(caller.hash().as_bytes())?;
    Ok(match stored {
        Some(bytes) => decode(bytes.value()).and_then(|gate| check_gate(caller, gate)),
        None => Ok(Gate::open(caller.clone())),
    })
}

#[async_trait]
impl SessionStore for RedbSessions {
    async fn gate(&self, caller: &CallerKey) -> Result<Gate, StoreError> {
        let key = caller.clone();
        self.file
            .read(move |transaction| Ok(gate(&transaction.open_table(GATES)?, &key)?))
            .await
            .at(|| self.file.location().gate(caller))
    }

    async fn change_gate(
        &self,
        caller: &CallerKey,
        change: &GateChange,
    ) -> Result<Gate, StoreError> {
        let (key, change) = (caller.clone(), change.clone());
        self.file
            .write(move |transaction| {
                let mut gates = transaction.open_table(GATES)?;
                let mut gate = try_inner!(gate(&gates, &key)?);
                if try_inner!(gate.apply(&change)) {
                    let bytes = try_inner!(encode(&gate));
                    gates.insert(key.hash().as_bytes(), bytes.as_slice())?;
                }
                Ok(Ok(gate))
            })
            .await
            .at(|| self.file.location().gate(caller))
    }

    async fn create_session(&self, session: &Session) -> Result<(), StoreError> {
        let location = || self.file.location().session(&session.handle);
        check_new_session(session).at(location)?;
        let handle = session.handle.to_bytes();
        let bytes = encode(session).at(location)?;
        self.file
            .write(move |transaction| {
                let mut sessions = transaction.open_table(SESSIONS)?;
                if sessions.get(&handle)?.is_some() {
                    return Ok(Err(StoreError::conflict()));
                }
                sessions.insert(&handle, bytes.as_slice())?;
                Ok(Ok(()))
            })
            .await
            .at(location)
    }

    async fn end_session(
        &self,
        handle: &SessionHandle,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (location, handle) = (|| self.file.location().session(handle), *handle);
        self.file
            .write(move |transaction| {
                let mut sessions = transaction.open_table(SESSIONS)?;
                let found = sessions.get(&handle.to_bytes())?.map(|bytes| decode(bytes.value()));
                let found = try_inner!(found.unwrap_or(Err(StoreError::not_found())));
                let mut session = try_inner!(check_session(&handle, found));
                if session.ended.is_none() {
                    session.ended = Some(at);
                    let bytes = try_inner!(encode(&session));
                    sessions.insert(&handle.to_bytes(), bytes.as_slice())?;
                }
                Ok(Ok(()))
            })
            .await
            .at(location)
    }

    async fn count_vend(
        &self,
        caller: &CallerKey,
        window: &RateWindow,
        limit: NonZeroU32,
    ) -> Result<Counted, StoreError> {
        let (hash, window) = (caller.hash(), *window);
        self.file
            .write(move |transaction| {
                let mut counts = transaction.open_table(VEND_COUNTS)?;
                let (start, end) = (window.start().timestamp(), window.end().timestamp());
                let key = (end, hash.as_bytes(), start);
                let count = counts.get(key)?.map_or(0, |count| count.value());
                if count >= limit.get() {
                    return Ok(Ok(Counted::AboveLimit));
                }
                counts.insert(key, count.saturating_add(1))?;
                Ok(Ok(Counted::WithinLimit))
            })
            .await
            .at(|| self.file.location().vend_count(caller))
    }

    async fn session(&self, handle: &SessionHandle) -> Result<(Session, Gate), StoreError> {
        let (location, handle) = (|| self.file.location().session(handle), *handle);
        self.file
            .read(move |transaction| {
                let sessions = transaction.open_table(SESSIONS)?;
                let found = sessions.get(&handle.to_bytes())?.map(|bytes| decode(bytes.value()));
                let found = try_inner!(found.unwrap_or(Err(StoreError::not_found())));
                let session = try_inner!(check_session(&handle, found));
                let gate = gate(&transaction.open_table(GATES)?, &session.caller)?;
                Ok(gate.map(|gate| (session, gate)))
            })
            .await
            .at(location)
    }

    async fn sessions(
        &self,
        listing: &Listing,
        cursor: Option<&Cursor>,
    ) -> Result<SessionPage, StoreError> {
        let location = || self.file.location().sessions(listing);
        let (start, end) = range_of(listing, cursor).at(location)?;
        let bounds = (start.map(SessionHandle::to_bytes), end.map(SessionHandle::to_bytes));
        let (of, size) = (listing.clone(), self.page_size.get());
        self.file
            .read(move |transaction| {
                let sessions = transaction.open_table(SESSIONS)?;
                let bounds = (bounds.0.as_ref(), bounds.1.as_ref());
                let mut found = sessions.range::<&[u8; 26]>(bounds)?;
                let mut rows = Vec::new();
                for entry in found.by_ref().take(size) {
                    let (handle, value) = entry?;
                    let handle = SessionHandle::from_bytes(handle.value());
                    let session = decode(value.value());
                    let session = session.and_then(|session| check_listed(&of, &handle, session));
                    rows.push((handle, session));
                }
                let more = found.next().transpose()?.is_some();
                Ok(Ok(page_of(rows, more)))
            })
            .await
            .at(location)
    }
}
