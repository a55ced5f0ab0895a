//! The items of requests and grants, the markers next to them, and the lists from the index.
//!
//! A record is one item in the partition of its caller. While it is pending, approved, open or
//! without its review, it also has a marker: an item with a short key by which it is found, and
//! whose time to live ends when the state ends. Only the markers of pending requests and open
//! grants have the attributes of the index. Both are written in one transaction.
//!
//! A marker whose state ended early is replaced by an empty one, which is in no list, and which the
//! time to live removes. Nothing deletes an item, so that the functions need no permission to.
//!
//! A marker is never evidence: its record is read, strongly consistent, before it is used.
//!
//! An item also has notices for people: `notice` about the last change, `on_removal` when the time
//! to live removes a marker. Both are for the stream of the table, and no decision reads them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use futures_util::future::try_join_all;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

use super::{
    definition::IndexDefinition,
    item::{FORMAT, decode, encode},
    table::{Item, Key, Table},
};
use crate::{
    CallerKey, Cursor, Notice, RecordPage, SeenCursors, StoreError,
    backend::{IndexPosition, OwnedId, id_range},
};

/// Time that a record is kept after it is over, for investigations.
const KEPT: TimeDelta = TimeDelta::days(90);

/// Number of partitions of the index for one list. The id of a record decides which is its own.
const SHARDS: u8 = 4;

/// A request or a grant.
pub(super) trait Owned: Clone + Serialize + DeserializeOwned + Send + Sync {
    type Id: OwnedId + Send + Sync;
    /// The beginning of the text of an id.
    const ID: &'static str;
    /// The beginning of the sort key of the item.
    const KIND: &'static str;

    fn revision(&self) -> u64;
    /// The time from which nothing depends on the record. `None` if that is not known yet.
    fn over_from(&self) -> Option<DateTime<Utc>>;
    /// The notice about the last change.
    fn notice(&self) -> Option<Notice>;
    /// The record, if it is the one that was written at `id`.
    fn check(id: &Self::Id, found: Self) -> Result<Self, StoreError>;
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordItem<T> {
    pk: String,
    sk: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
    format: u32,
    revision: u64,
    /// The name of the last write.
    pub(super) write: String,
    record: T,
    /// For the readers of the stream. It is written, and never read back.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "unread")]
    notice: Option<Notice>,
}

/// Skips a value that only readers of the stream use.
fn unread<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Notice>, D::Error> {
    IgnoredAny::deserialize(deserializer)?;
    Ok(None)
}

impl<T: Owned> RecordItem<T> {
    /// The item of `record` with the key of `id`, which is the record's own id except for planted
    /// records.
    pub(super) fn new(id: &T::Id, record: T, write: String) -> Self {
        let Key { pk, sk } = record_key::<T>(id);
        let (ttl, revision, notice) = (record_ttl(&record), record.revision(), record.notice());
        Self { pk, sk, ttl, format: FORMAT, revision, write, record, notice }
    }

    /// The record, if the item is complete and has the record's own key.
    fn into_record(self, id: &T::Id) -> Result<T, StoreError> {
        let Self { pk, sk, ttl, format: _, revision, write: _, record, notice: _ } = self;
        let record = T::check(id, record)?;
        let own = (record_key::<T>(id), record_ttl(&record), record.revision());
        if own == (Key::new(pk, sk), ttl, revision) {
            Ok(record)
        } else {
            Err(StoreError::Corrupt("the item is not the one of its record".into()))
        }
    }
}

/// The time to live of the item of a record.
fn record_ttl<T: Owned>(record: &T) -> Option<i64> {
    record.over_from().map(|over| seconds_after(over + KEPT))
}

/// The first full second that is not before `at`. DynamoDB removes no item before the second of
/// its time to live has passed.
pub(super) fn seconds_after(at: DateTime<Utc>) -> i64 {
    at.timestamp().saturating_add(i64::from(at.timestamp_subsec_nanos() > 0))
}

/// A time as text of one length, so that the order of the texts is the order of the times. Times
/// outside the years 0 to 9999 are their first or last instant.
pub(super) fn index_text(at: DateTime<Utc>) -> String {
    let day = |year, month, day| {
        let day = NaiveDate::from_ymd_opt(year, month, day)?;
        Some(day.and_hms_nano_opt(0, 0, 0, 0)?.and_utc())
    };
    let first = day(0, 1, 1).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let last = day(10_000, 1, 1).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let at = at.clamp(first, last - TimeDelta::nanoseconds(1));
    at.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// The sort key of the index: an end, and the id of the record.
pub(super) fn ends<I: OwnedId>(at: DateTime<Utc>, id: &I) -> String {
    format!("{} {id}", index_text(at))
}

fn position_at<I: OwnedId>(ends: &str) -> Result<IndexPosition<I>, StoreError> {
    let corrupt = || StoreError::Corrupt("the key is not one of the index".into());
    let (at, id) = ends.split_once(' ').ok_or_else(corrupt)?;
    let at = DateTime::parse_from_rfc3339(at).map_err(|_| corrupt())?.to_utc();
    Ok((at, I::read(id).map_err(|_| corrupt())?))
}

/// The random part of the text of an id, and the partition of its caller.
pub(super) fn key_parts<I: OwnedId>(id: &I) -> (String, String) {
    let (text, pk) = (id.to_string(), id.owner().to_string());
    let after = text.find(&pk).and_then(|at| text.get(at + pk.len()..));
    (pk, after.unwrap_or_default().to_owned())
}

pub(super) fn record_key<T: Owned>(id: &T::Id) -> Key {
    let (pk, random) = key_parts(id);
    Key::new(pk, format!("{}{random}", T::KIND))
}

/// The id of the record whose partition is in a key, and whose random part is the end of its sort
/// key, after `prefix`.
pub(super) fn id_at<T: Owned>(key: &Item, prefix: &str) -> Result<T::Id, StoreError> {
    let text = |name| key.get(name).and_then(|value| value.as_s().ok());
    let random = text("sk").and_then(|sk| sk.strip_prefix(prefix));
    text("pk")
        .zip(random)
        .and_then(|(pk, random)| T::Id::read(&format!("{}{pk}{random}", T::ID)).ok())
        .ok_or_else(|| StoreError::Corrupt("the key is not one of this kind".into()))
}

/// The key of an item for the log, if it is not the key of a record.
fn key_text(item: &Item) -> String {
    const MAX_LENGTH: usize = 100;
    let part = |name| item.get(name).and_then(|value| value.as_s().ok());
    let text = ["pk", "sk"].map(|name| part(name).map_or("", String::as_str)).join(" ");
    text.chars().filter(|char| !char.is_control()).take(MAX_LENGTH).collect()
}

/// A marker of a record.
#[derive(Serialize)]
pub(super) struct Marker {
    pk: String,
    sk: String,
    ttl: i64,
    format: u32,
    /// The partition of the index. `None` if the marker is not in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<String>,
    ends: String,
    /// The last byte of the id, by which the partition of the index is chosen.
    #[serde(skip)]
    last: u8,
    /// The notice for the removal of the marker by the time to live, for the readers of the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_removal: Option<Notice>,
}

impl Marker {
    /// A marker of the record `id` until `until`, which is in no index.
    pub(super) fn new<I: OwnedId>(key: Key, id: &I, until: DateTime<Utc>) -> Self {
        let [.., last] = id.bytes();
        Self {
            pk: key.pk,
            sk: key.sk,
            ttl: seconds_after(until),
            format: FORMAT,
            shard: None,
            ends: ends(until, id),
            last,
            on_removal: None,
        }
    }

    /// The same marker, in that list of the index.
    pub(super) fn in_index(self, list: &str) -> Self {
        Self { shard: Some(shard(list, self.last % SHARDS)), ..self }
    }

    /// The same marker, with a notice for its removal.
    pub(super) fn with_notice(self, on_removal: impl Into<Option<Notice>>) -> Self {
        Self { on_removal: on_removal.into(), ..self }
    }

    pub(super) fn item(&self) -> Result<Item, StoreError> {
        encode(self)
    }
}

/// The empty marker that replaces another one when its state ended.
#[derive(Serialize)]
struct Cleared {
    pk: String,
    sk: String,
    ttl: i64,
    format: u32,
}

/// The item that replaces a marker whose state ended at a time.
pub(super) fn cleared(key: Key, at: DateTime<Utc>) -> Result<Item, StoreError> {
    encode(&Cleared { pk: key.pk, sk: key.sk, ttl: seconds_after(at), format: FORMAT })
}

fn shard(list: &str, number: u8) -> String {
    format!("{list}#{number}")
}

/// Reads a record and the name of its last write. `NotFound` if there is none.
pub(super) async fn read<T: Owned>(table: &Table, id: &T::Id) -> Result<(T, String), StoreError> {
    let item = table.get(record_key::<T>(id)).await?.ok_or_else(StoreError::not_found)?;
    let item: RecordItem<T> = decode(item)?;
    let write = item.write.clone();
    Ok((item.into_record(id)?, write))
}

/// Whether the write named `write` made the stored record.
pub(super) async fn is_of<T: Owned>(
    table: &Table,
    id: &T::Id,
    write: &str,
) -> Result<bool, StoreError> {
    let stored = table.get(record_key::<T>(id)).await?;
    let made = stored.as_ref().and_then(|item| item.get("write")?.as_s().ok());
    Ok(made.is_some_and(|made| made == write))
}

/// The id of the pending request that a marker names. `None` if the marker is empty.
pub(super) fn pending_id<I: OwnedId>(marker: &Item) -> Result<Option<I>, StoreError> {
    let Some(ends) = marker.get("ends") else { return Ok(None) };
    let ends = ends.as_s().map_err(|_| StoreError::Corrupt("not a marker".into()))?;
    Ok(Some(position_at(ends)?.1))
}

/// Records that were found by an id. A missing one is not among them.
pub(super) type Rows<T> = BTreeMap<<T as Owned>::Id, Result<T, StoreError>>;

/// Reads records, strongly consistent.
pub(super) async fn read_all<T: Owned>(
    table: &Table,
    ids: impl IntoIterator<Item = T::Id>,
) -> Result<Rows<T>, StoreError> {
    let ids: BTreeSet<_> = ids.into_iter().collect();
    let items = table.get_all(ids.iter().map(record_key::<T>).collect()).await?;
    let mut rows = Rows::<T>::new();
    for item in items {
        let id = id_at::<T>(&item, T::KIND)?;
        rows.insert(id, decode::<RecordItem<T>>(item).and_then(|item| item.into_record(&id)));
    }
    Ok(rows)
}

/// The ids of the markers in the partition of a caller whose sort keys begin with `prefix`, and
/// which end after `now`.
pub(super) async fn marked<T: Owned>(
    table: &Table,
    caller: &CallerKey,
    prefix: &str,
    now: DateTime<Utc>,
) -> Result<Vec<T::Id>, StoreError> {
    let (mut ids, mut start, mut seen) = (Vec::new(), None, SeenCursors::default());
    loop {
        let query = table
            .query()
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .filter_expression("#ends > :now")
            .expression_attribute_names("#ends", "ends")
            .expression_attribute_values(":pk", AttributeValue::S(caller.hash().to_string()))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .expression_attribute_values(":now", AttributeValue::S(index_text(now)))
            .consistent_read(true)
            .set_exclusive_start_key(start);
        let found = Table::find(query).await?;
        for item in found.items {
            ids.push(id_at::<T>(&item, prefix)?);
        }
        let Some(last) = found.last else { return Ok(ids) };
        seen.visit(&key_text(&last))?;
        start = Some(last);
    }
}

/// A page of the records of a caller.
pub(super) async fn page_of_caller<T: Owned>(
    table: &Table,
    caller: &CallerKey,
    cursor: Option<&Cursor>,
    size: usize,
) -> Result<RecordPage<T>, StoreError> {
    id_range::<T::Id>(caller, cursor)?;
    let after = cursor.map(|Cursor(cursor)| T::Id::read(cursor)).transpose();
    let after = after.map_err(|_| StoreError::not_found())?;
    let mut start = after.map(|id| record_key::<T>(&id).into_item());
    let (mut page, mut seen) = (RecordPage::default(), SeenCursors::default());
    loop {
        let query = table
            .query()
            .key_condition_expression("pk = :pk AND begins_with(sk, :kind)")
            .expression_attribute_values(":pk", AttributeValue::S(caller.hash().to_string()))
            .expression_attribute_values(":kind", AttributeValue::S(T::KIND.to_owned()))
            .consistent_read(true)
            .limit(i32::try_from(size).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start);
        let found = Table::find(query).await?;
        for item in found.items {
            let name = key_text(&item);
            match id_at::<T>(&item, T::KIND) {
                Err(_) => page.unreadable.push(name),
                Ok(id) => {
                    match decode::<RecordItem<T>>(item).and_then(|item| item.into_record(&id)) {
                        Ok(record) => page.items.push(record),
                        Err(_) => page.unreadable.push(id.to_string()),
                    }
                }
            }
        }
        let Some(last) = found.last else { return Ok(page) };
        // The next page cannot begin after a row whose key is not one of a record.
        if let Ok(id) = id_at::<T>(&last, T::KIND) {
            page.next = Some(Cursor(id.to_string()));
            return Ok(page);
        }
        seen.visit(&key_text(&last))?;
        start = Some(last);
    }
}

/// Rows of the index.
pub(super) struct IndexRows<I> {
    /// In order.
    pub(super) rows: Vec<IndexPosition<I>>,
    /// Whether further rows follow.
    pub(super) more: bool,
}

/// The first rows of a list of the index that end after `now`, or after the row `after` if that is
/// later. The shards of a list are read concurrently and merged.
pub(super) async fn index_rows<I: OwnedId + Send>(
    table: &Table,
    index: IndexDefinition,
    list: &str,
    now: DateTime<Utc>,
    after: Option<IndexPosition<I>>,
    size: usize,
) -> Result<IndexRows<I>, StoreError> {
    // A row that ends at `now` has a longer text, and `!` is the character after the space.
    let mut start = format!("{}!", index_text(now));
    if let Some((at, id)) = after {
        start = start.max(ends(at, &id));
    }
    let mut seen = SeenCursors::default();
    loop {
        let shards = (0..SHARDS).map(|number| {
            let query = table
                .query()
                .index_name(index.name)
                .key_condition_expression("#shard = :shard AND #ends > :after")
                .expression_attribute_names("#shard", index.partition_key)
                .expression_attribute_names("#ends", index.sort_key)
                .expression_attribute_values(":shard", AttributeValue::S(shard(list, number)))
                .expression_attribute_values(":after", AttributeValue::S(start.clone()))
                .limit(i32::try_from(size).unwrap_or(i32::MAX));
            Table::find(query)
        });
        let end_of = |item: &Item| item.get(index.sort_key)?.as_s().ok().cloned();
        let corrupt = || StoreError::Corrupt("the key is not one of the index".into());
        let (mut rows, mut bound): (Vec<String>, Option<String>) = (Vec::new(), None);
        for found in try_join_all(shards).await? {
            for item in &found.items {
                rows.push(end_of(item).ok_or_else(corrupt)?);
            }
            // What this shard has after its last row is not known yet.
            if let Some(last) = found.last {
                let last = end_of(&last).ok_or_else(corrupt)?;
                bound = Some(bound.map_or(last.clone(), |bound| bound.min(last)));
            }
        }
        rows.sort_unstable();
        rows.retain(|row| bound.as_ref().is_none_or(|bound| row <= bound));
        let more = bound.is_some() || rows.len() > size;
        rows.truncate(size);
        match bound {
            Some(bound) if rows.is_empty() => {
                seen.visit(&bound)?;
                start = bound;
            }
            Some(_) | None => {
                let rows = rows.iter().map(|row| position_at(row)).collect::<Result<_, _>>()?;
                return Ok(IndexRows { rows, more });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::RequestId;

    prop_compose! {
        fn instant()(seconds in -70_000_000_000_i64..260_000_000_000, nanos in 0..1_000_000_000_u32)
            -> DateTime<Utc> {
            DateTime::from_timestamp(seconds, nanos).unwrap()
        }
    }

    proptest! {
        /// The order of the texts is the order of the times, and a row that ends at `now` is before
        /// the start of a list.
        #[test]
        fn texts_of_the_index_are_in_the_order_of_their_times(
            one in instant(), other in instant(), random: [u8; 26],
        ) {
            let (first, second) = (index_text(one), index_text(other));
            prop_assert_eq!(first.len(), second.len());
            if (0..9999).contains(&chrono::Datelike::year(&one)) {
                prop_assert!(one >= other || first < second || chrono::Datelike::year(&other) < 0);
                let id = RequestId::from_bytes(&random);
                prop_assert_eq!(position_at::<RequestId>(&ends(one, &id)).unwrap(), (one, id));
                let bound = format!("{first}!");
                prop_assert!(ends(one, &id) < bound);
                let later = one + TimeDelta::nanoseconds(1);
                prop_assert!(ends(later, &id) > bound);
            }
        }
    }
}
