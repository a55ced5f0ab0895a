//! Tables of requests and grants: records by id, so that the records of a caller follow one
//! another, and the times in the keys of their indexes.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;

use super::{PURGE_BATCH, Purged, encoding::decode, file::RedbFile, writer::Transacted};
use crate::{
    CallerKey, Cursor, RecordPage, StoreError,
    backend::{OwnedId, id_range, owned_page},
};

/// Records by id.
pub(super) type Records = TableDefinition<'static, &'static [u8; 26], &'static [u8]>;

/// A time in the key of an index. Keys of tables are in this order.
pub(super) type IndexTime = (i64, u32);

pub(super) fn index_time(at: DateTime<Utc>) -> IndexTime {
    (at.timestamp(), at.timestamp_subsec_nanos())
}

/// The time of a key. The time of a damaged key is the earliest one.
pub(super) fn time_of((seconds, nanoseconds): IndexTime) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, nanoseconds).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// How a record is checked against the id at which it was found.
pub(super) type Check<I, T> = fn(&I, T) -> Result<T, StoreError>;

/// The record at an id. `NotFound` if there is none.
pub(super) fn get<I: OwnedId, T: DeserializeOwned>(
    records: &impl ReadableTable<&'static [u8; 26], &'static [u8]>,
    id: &I,
    check: Check<I, T>,
) -> Result<Result<T, StoreError>, redb::StorageError> {
    let found = records.get(&id.bytes())?.map(|bytes| decode(bytes.value()));
    let found = found.unwrap_or(Err(StoreError::not_found()));
    Ok(found.and_then(|found| check(id, found)))
}

type Bounds = (Bound<[u8; 26]>, Bound<[u8; 26]>);

fn bounds<I: OwnedId>((start, end): (Bound<I>, Bound<I>)) -> Bounds {
    (start.map(OwnedId::bytes), end.map(OwnedId::bytes))
}

/// The records of a caller for which `selected` is true. An error if one of the caller's records
/// cannot be read, because it may be one of them.
pub(super) fn of_caller<I: OwnedId, T: DeserializeOwned>(
    records: &impl ReadableTable<&'static [u8; 26], &'static [u8]>,
    caller: &CallerKey,
    check: Check<I, T>,
    selected: impl Fn(&T) -> bool,
) -> Transacted<Vec<T>> {
    let (start, end) = match id_range::<I>(caller, None) {
        Ok(range) => bounds(range),
        Err(error) => return Ok(Err(error)),
    };
    let mut found = Vec::new();
    for entry in records.range::<&[u8; 26]>((start.as_ref(), end.as_ref()))? {
        let (id, bytes) = entry?;
        let record = decode(bytes.value());
        match record.and_then(|record| check(&I::of_bytes(id.value()), record)) {
            Ok(record) if selected(&record) => found.push(record),
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(found))
}

/// A page of the records of a caller.
pub(super) fn page_of_caller<I: OwnedId, T: DeserializeOwned>(
    records: &impl ReadableTable<&'static [u8; 26], &'static [u8]>,
    caller: &CallerKey,
    cursor: Option<&Cursor>,
    size: usize,
    check: Check<I, T>,
) -> Transacted<RecordPage<T>> {
    let (start, end) = match id_range::<I>(caller, cursor) {
        Ok(range) => bounds(range),
        Err(error) => return Ok(Err(error)),
    };
    let mut found = records.range::<&[u8; 26]>((start.as_ref(), end.as_ref()))?;
    let mut rows = Vec::new();
    for entry in found.by_ref().take(size) {
        let (id, bytes) = entry?;
        let id = I::of_bytes(id.value());
        rows.push((id, decode(bytes.value()).and_then(|record| check(&id, record))));
    }
    let more = found.next().transpose()?.is_some();
    Ok(Ok(owned_page(rows, more)))
}

/// Removes the records for which `is_over` is true, in batches, so that no other caller waits
/// long. `forget` removes the entry of a record from an index, in the same transaction.
pub(super) async fn purge<T: DeserializeOwned>(
    file: &RedbFile,
    table: Records,
    is_over: impl Fn(&T) -> bool + Clone + Send + 'static,
    forget: impl Fn(&WriteTransaction, &T) -> Result<(), redb::Error> + Clone + Send + 'static,
) -> Result<Purged, StoreError> {
    let mut purged = Purged::default();
    let mut start = Bound::Unbounded;
    loop {
        let over = is_over.clone();
        let seen = file.read(move |transaction| batch(transaction, table, start, &over)).await?;
        purged.unreadable += seen.unreadable;
        if !seen.over.is_empty() {
            let (over, forget) = (is_over.clone(), forget.clone());
            let removal = move |transaction: &WriteTransaction| {
                remove(transaction, table, &seen.over, &over, &forget)
            };
            purged.removed += file.write(removal).await?;
        }
        match seen.last {
            Some(last) => start = Bound::Excluded(last),
            None => return Ok(purged),
        }
    }
}

/// The records of one batch.
#[derive(Default)]
struct Seen {
    over: Vec<[u8; 26]>,
    unreadable: usize,
    last: Option<[u8; 26]>,
}

fn batch<T: DeserializeOwned>(
    transaction: &ReadTransaction,
    table: Records,
    start: Bound<[u8; 26]>,
    is_over: &impl Fn(&T) -> bool,
) -> Transacted<Seen> {
    let records = transaction.open_table(table)?;
    let mut seen = Seen::default();
    let rows = records.range::<&[u8; 26]>((start.as_ref(), Bound::Unbounded))?;
    for entry in rows.take(PURGE_BATCH) {
        let (id, bytes) = entry?;
        match decode::<T>(bytes.value()) {
            Ok(record) if is_over(&record) => seen.over.push(*id.value()),
            Ok(_) => {}
            Err(_) => seen.unreadable += 1,
        }
        seen.last = Some(*id.value());
    }
    Ok(Ok(seen))
}

/// Removes the records that are still over.
fn remove<T: DeserializeOwned>(
    transaction: &WriteTransaction,
    table: Records,
    ids: &[[u8; 26]],
    is_over: &impl Fn(&T) -> bool,
    forget: &impl Fn(&WriteTransaction, &T) -> Result<(), redb::Error>,
) -> Transacted<usize> {
    let mut records = transaction.open_table(table)?;
    let mut removed = 0;
    for id in ids {
        let stored = records.get(id)?.map(|bytes| decode::<T>(bytes.value()));
        if let Some(Ok(record)) = stored
            && is_over(&record)
        {
            records.remove(id)?;
            forget(transaction, &record)?;
            removed += 1;
        }
    }
    Ok(Ok(removed))
}
