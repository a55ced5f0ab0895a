//! Sessions and gates of Sentinel in a SQLite file: a backend outside Sentinel's
//! repository, which uses only the public API of `sentinel-store`.
//!
//! Its test, `tests/conformance.rs`, runs Sentinel's conformance suite.
//!
//! Not for production as it is: it has one connection, so that reads wait for writes.

use std::{
    fmt,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};
use sentinel_store::{
    CallerKey, Counted, Cursor, Gate, GateChange, Listing, Location, RateWindow, Session,
    SessionHandle, SessionPage, SessionStore, StoreError, StoreResultExt,
    backend::{check_gate, check_listed, check_new_session, check_session, page_of, range_of},
};
use serde::{Serialize, de::DeserializeOwned};

/// A gate by the hash of its caller's key, and a session by its handle. Both are JSON.
/// `expires` is in seconds since 1970, for purges. A count is that of the vends of a caller in a
/// window, from `starts` to `ends`, in seconds since 1970.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS gates (caller BLOB PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sessions (
        handle BLOB PRIMARY KEY, expires INTEGER NOT NULL, record TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS vend_counts (
        caller BLOB, starts INTEGER, ends INTEGER, count INTEGER NOT NULL,
        PRIMARY KEY (caller, starts, ends)
    ) WITHOUT ROWID;
";

/// Maximum number of sessions in a page of a list.
const PAGE_SIZE: usize = 100;

/// Sessions and gates in a SQLite file.
#[derive(Clone)]
pub struct SqliteSessions {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
}

impl SqliteSessions {
    /// Opens the file at `path`, which is created if it does not exist. Blocks.
    ///
    /// # Errors
    /// If the file cannot be opened, or is not a database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let open = || {
            let connection = Connection::open(path)?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        };
        let connection = open().map_err(store_error).at(|| location(path))?;
        Ok(Self { path: path.to_owned(), connection: Arc::new(Mutex::new(connection)) })
    }

    /// Deletes the sessions that expired, and the counts of windows that ended, before `before`. Gates
    /// are kept. Returns the number of deleted sessions.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub async fn purge_expired(&self, before: DateTime<Utc>) -> Result<usize, StoreError> {
        let purged = self.transact(move |transaction| {
            let delete = "DELETE FROM vend_counts WHERE ends < ?1";
            transaction.execute(delete, [before.timestamp()]).map_err(store_error)?;
            let delete = "DELETE FROM sessions WHERE expires < ?1";
            transaction.execute(delete, [before.timestamp()]).map_err(store_error)
        });
        purged.await.at(|| location(&self.path))
    }

    /// Runs `work` in a transaction, on a thread that may block. The transaction is
    /// committed if `work` returns `Ok`, and rolled back otherwise.
    async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.connection);
        let done = tokio::task::spawn_blocking(move || {
            // A panic rolls the transaction back, so that the connection remains usable.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(store_error)?;
            let value = work(&transaction)?;
            transaction.commit().map_err(store_error)?;
            Ok(value)
        });
        done.await.unwrap_or_else(|stopped| Err(StoreError::Unavailable(stopped.into())))
    }
}

impl fmt::Debug for SqliteSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSessions").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for SqliteSessions {
    async fn gate(&self, caller: &CallerKey) -> Result<Gate, StoreError> {
        let key = caller.clone();
        let gate = self.transact(move |transaction| read_gate(transaction, &key));
        gate.await.at(|| location(&self.path).gate(caller))
    }

    async fn change_gate(
        &self,
        caller: &CallerKey,
        change: &GateChange,
    ) -> Result<Gate, StoreError> {
        let (key, change) = (caller.clone(), change.clone());
        let changed = self.transact(move |transaction| {
            let mut gate = read_gate(transaction, &key)?;
            if gate.apply(&change)? {
                let write = "INSERT OR REPLACE INTO gates (caller, record) VALUES (?1, ?2)";
                let (caller, record) = (key.hash(), encode(&gate)?);
                transaction
                    .execute(write, params![caller.as_bytes(), record])
                    .map_err(store_error)?;
            }
            Ok(gate)
        });
        changed.await.at(|| location(&self.path).gate(caller))
    }

    async fn create_session(&self, session: &Session) -> Result<(), StoreError> {
        let new = session.clone();
        let created = self.transact(move |transaction| {
            check_new_session(&new)?;
            let write =
                "INSERT OR IGNORE INTO sessions (handle, expires, record) VALUES (?1, ?2, ?3)";
            let row = params![new.handle.to_bytes(), new.expires.timestamp(), encode(&new)?];
            match transaction.execute(write, row).map_err(store_error)? {
                0 => Err(StoreError::conflict()),
                _ => Ok(()),
            }
        });
        created.await.at(|| location(&self.path).session(&session.handle))
    }

    async fn end_session(
        &self,
        handle: &SessionHandle,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let key = *handle;
        let ended = self.transact(move |transaction| {
            let mut session = read_session(transaction, &key)?;
            if session.ended.is_none() {
                session.ended = Some(at);
                let write = "UPDATE sessions SET record = ?2 WHERE handle = ?1";
                let row = params![key.to_bytes(), encode(&session)?];
                transaction.execute(write, row).map_err(store_error)?;
            }
            Ok(())
        });
        ended.await.at(|| location(&self.path).session(handle))
    }

    async fn count_vend(
        &self,
        caller: &CallerKey,
        window: &RateWindow,
        limit: NonZeroU32,
    ) -> Result<Counted, StoreError> {
        let (hash, window) = (caller.hash(), *window);
        let counted = self.transact(move |transaction| {
            let write = "INSERT INTO vend_counts (caller, starts, ends, count) VALUES (?1, ?2, ?3, 1) \
                         ON CONFLICT DO UPDATE SET count = count + 1 WHERE count < ?4";
            let (starts, ends) = (window.start().timestamp(), window.end().timestamp());
            let row = params![hash.as_bytes(), starts, ends, limit.get()];
            match transaction.execute(write, row).map_err(store_error)? {
                0 => Ok(Counted::AboveLimit),
                _ => Ok(Counted::WithinLimit),
            }
        });
        counted.await.at(|| location(&self.path).vend_count(caller))
    }

    async fn session(&self, handle: &SessionHandle) -> Result<(Session, Gate), StoreError> {
        let key = *handle;
        let found = self.transact(move |transaction| {
            let session = read_session(transaction, &key)?;
            let gate = read_gate(transaction, &session.caller)?;
            Ok((session, gate))
        });
        found.await.at(|| location(&self.path).session(handle))
    }

    async fn sessions(
        &self,
        listing: &Listing,
        cursor: Option<&Cursor>,
    ) -> Result<SessionPage, StoreError> {
        let (of, cursor) = (listing.clone(), cursor.cloned());
        let page = self.transact(move |transaction| read_page(transaction, &of, cursor.as_ref()));
        page.await.at(|| location(&self.path).sessions(listing))
    }
}

/// The gate of a caller, open if none is stored.
fn read_gate(transaction: &Transaction<'_>, caller: &CallerKey) -> Result<Gate, StoreError> {
    let read = "SELECT record FROM gates WHERE caller = ?1";
    let found: Option<String> = transaction
        .query_row(read, [caller.hash().as_bytes()], |row| row.get(0))
        .optional()
        .map_err(store_error)?;
    match found {
        Some(record) => check_gate(caller, decode(&record)?),
        None => Ok(Gate::open(caller.clone())),
    }
}

fn read_session(
    transaction: &Transaction<'_>,
    handle: &SessionHandle,
) -> Result<Session, StoreError> {
    let read = "SELECT record FROM sessions WHERE handle = ?1";
    let found: Option<String> = transaction
        .query_row(read, [handle.to_bytes()], |row| row.get(0))
        .optional()
        .map_err(store_error)?;
    check_session(handle, decode(&found.ok_or_else(StoreError::not_found)?)?)
}

fn read_page(
    transaction: &Transaction<'_>,
    listing: &Listing,
    cursor: Option<&Cursor>,
) -> Result<SessionPage, StoreError> {
    use std::ops::Bound;
    let (start, end) = range_of(listing, cursor)?;
    let (from, first) = match start {
        Bound::Excluded(handle) => (">", handle.to_bytes()),
        Bound::Included(handle) => (">=", handle.to_bytes()),
        Bound::Unbounded => (">=", [u8::MIN; 26]),
    };
    let (to, last) = match end {
        Bound::Excluded(handle) => ("<", handle.to_bytes()),
        Bound::Included(handle) => ("<=", handle.to_bytes()),
        Bound::Unbounded => ("<=", [u8::MAX; 26]),
    };
    let read = format!(
        "SELECT handle, record FROM sessions WHERE handle {from} ?1 AND handle {to} ?2 \
         ORDER BY handle LIMIT ?3"
    );
    let mut statement = transaction.prepare(&read).map_err(store_error)?;
    // One row more than a page, which shows whether there is a next one.
    let limit = i64::try_from(PAGE_SIZE + 1).unwrap_or(i64::MAX);
    let found: Vec<([u8; 26], String)> = statement
        .query_map(params![first, last, limit], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(store_error)?;
    let more = found.len() > PAGE_SIZE;
    let rows = found.into_iter().take(PAGE_SIZE).map(|(handle, record)| {
        let handle = SessionHandle::from_bytes(&handle);
        (handle, decode(&record).and_then(|session| check_listed(listing, &handle, session)))
    });
    Ok(page_of(rows.collect(), more))
}

fn encode(record: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(|error| StoreError::Refused(error.into()))
}

/// Reads a record. The error does not quote the record, which contains names of callers.
fn decode<T: DeserializeOwned>(record: &str) -> Result<T, StoreError> {
    let corrupt = |error: serde_json::Error| {
        StoreError::Corrupt(format!("not a record: error at byte {}", error.column()).into())
    };
    serde_json::from_str(record).map_err(corrupt)
}

fn location(path: &Path) -> Location {
    Location::new(format_args!("the SQLite file `{}`", path.display()))
}

/// The store error for an error of SQLite.
fn store_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Throttled(error.into())
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt(error.into())
        }
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
            StoreError::Refused(error.into())
        }
        // SQLite may add codes. An unknown failure may be temporary.
        Some(_) | None => StoreError::Unavailable(error.into()),
    }
}
