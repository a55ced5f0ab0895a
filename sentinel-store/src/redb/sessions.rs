//! Sessions and gates in the file. They lie in tables of their own, so that
//! what removes sessions cannot touch a gate.

use std::{num::NonZeroUsize, ops::Bound, path::Path};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use redb::{ReadableTable, TableDefinition};

use super::{
    encoding::{decode, encode},
    file::RedbFile,
};
use crate::{
    CallerKey, Cursor, Gate, GateChange, Listing, Session, SessionHandle, SessionPage,
    SessionStore, StoreError, StoreResultExt,
    backend::{check_gate, check_listed, check_new_session, check_session, page_of, range_of},
};

/// Session by handle; the handles of a caller lie together.
const SESSIONS: TableDefinition<'_, &[u8; 26], &[u8]> = TableDefinition::new("sentinel-sessions");
/// Gate by the hash of its caller's key.
const GATES: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("sentinel-gates");

const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

/// How many sessions are looked at, and how many removed, in one transaction.
const PURGE_BATCH: usize = 256;

/// Sessions and gates in a file.
///
/// Expired sessions stay until [`purge_expired`](Self::purge_expired) is called.
#[derive(Clone, Debug)]
pub struct RedbSessions {
    file: RedbFile,
    page_size: NonZeroUsize,
}

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// The sessions that were removed.
    pub removed: usize,
    /// The sessions that cannot be read, and were left for somebody to look at.
    pub unreadable: usize,
}

impl RedbSessions {
    /// The sessions and gates in the file at `path`, which holds nothing else.
    ///
    /// # Errors
    /// As those of [`RedbFile::open`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::new(RedbFile::open(path)?)
    }

    /// The sessions and gates in an open file.
    ///
    /// # Errors
    /// When the file cannot be written, or its tables are not of this kind.
    pub fn new(file: RedbFile) -> Result<Self, StoreError> {
        file.prepare(|transaction| {
            transaction.open_table(SESSIONS)?;
            transaction.open_table(GATES)?;
            Ok(())
        })?;
        Ok(Self { file, page_size: PAGE_SIZE })
    }

    /// The same, with lists in pages of that size.
    #[must_use]
    pub fn with_page_size(self, page_size: NonZeroUsize) -> Self {
        Self { page_size, ..self }
    }

    /// Removes the sessions that expired before `before`, a batch at a time, so
    /// that no other caller waits long. Gates stay.
    ///
    /// # Errors
    /// When the file cannot be read or written; what was removed till then stays
    /// removed.
    pub async fn purge_expired(&self, before: DateTime<Utc>) -> Result<Purged, StoreError> {
        let mut purged = Purged::default();
        let mut start = Bound::Unbounded;
        loop {
            let seen = self.expired(before, start).await?;
            purged.unreadable += seen.unreadable;
            if !seen.expired.is_empty() {
                purged.removed += self.remove(seen.expired).await?;
            }
            match seen.last {
                Some(last) => start = Bound::Excluded(last),
                None => return Ok(purged),
            }
        }
    }

    /// Puts a gate where the gate of `caller` is stored, whoever's it is; without
    /// one, something that is no gate: how the conformance suite plants a record
    /// that cannot be.
    ///
    /// # Errors
    /// When the file cannot be written.
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

    /// Puts a session where the one of `handle` is stored, whichever it is;
    /// without one, something that is no session: how the conformance suite
    /// plants a record that cannot be.
    ///
    /// # Errors
    /// When the file cannot be written.
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

    /// Looks at the next batch of sessions.
    async fn expired(
        &self,
        before: DateTime<Utc>,
        start: Bound<[u8; 26]>,
    ) -> Result<Seen, StoreError> {
        self.file
            .read(move |transaction| {
                let sessions = transaction.open_table(SESSIONS)?;
                let mut seen = Seen::default();
                let batch = sessions.range::<&[u8; 26]>((start.as_ref(), Bound::Unbounded))?;
                for entry in batch.take(PURGE_BATCH) {
                    let (handle, value) = entry?;
                    match decode::<Session>(value.value()) {
                        Ok(session) if session.expires < before => {
                            seen.expired.push(*handle.value());
                        }
                        Ok(_) => {}
                        Err(_) => seen.unreadable += 1,
                    }
                    seen.last = Some(*handle.value());
                }
                Ok(Ok(seen))
            })
            .await
            .at(|| self.file.location())
    }

    async fn remove(&self, handles: Vec<[u8; 26]>) -> Result<usize, StoreError> {
        self.file
            .write(move |transaction| {
                let mut sessions = transaction.open_table(SESSIONS)?;
                let mut removed = 0;
                for handle in &handles {
                    removed += usize::from(sessions.remove(handle)?.is_some());
                }
                Ok(Ok(removed))
            })
            .await
            .at(|| self.file.location())
    }
}

/// What was seen of the sessions in one batch.
#[derive(Default)]
struct Seen {
    expired: Vec<[u8; 26]>,
    unreadable: usize,
    last: Option<[u8; 26]>,
}

/// The gate of a caller, as it is stored or open.
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

/// Leaves a transaction with an answer when that is an error.
macro_rules! answered {
    ($answer:expr) => {
        match $answer {
            Ok(value) => value,
            Err(error) => return Ok(Err(error)),
        }
    };
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
                let mut gate = answered!(gate(&gates, &key)?);
                if answered!(gate.apply(&change)) {
                    let bytes = answered!(encode(&gate));
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
                let found = answered!(found.unwrap_or(Err(StoreError::not_found())));
                let mut session = answered!(check_session(&handle, found));
                if session.ended.is_none() {
                    session.ended = Some(at);
                    let bytes = answered!(encode(&session));
                    sessions.insert(&handle.to_bytes(), bytes.as_slice())?;
                }
                Ok(Ok(()))
            })
            .await
            .at(location)
    }

    async fn session(&self, handle: &SessionHandle) -> Result<(Session, Gate), StoreError> {
        let (location, handle) = (|| self.file.location().session(handle), *handle);
        self.file
            .read(move |transaction| {
                let sessions = transaction.open_table(SESSIONS)?;
                let found = sessions.get(&handle.to_bytes())?.map(|bytes| decode(bytes.value()));
                let found = answered!(found.unwrap_or(Err(StoreError::not_found())));
                let session = answered!(check_session(&handle, found));
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
