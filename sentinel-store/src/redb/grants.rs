//! Break-glass grants in the file, with an index of the open ones and the ledgers.

use std::{num::NonZeroUsize, ops::Bound};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::{
    PAGE_SIZE, Purged,
    encoding::{decode, encode},
    file::RedbFile,
    rows::{self, Records, index_time, time_of},
    try_inner,
};
use crate::{
    CallerKey, Cursor, Grant, GrantId, GrantListing, GrantPage, GrantStore, Ledger, Opening,
    OpeningLimits, ProfileName, StoreError, StoreResultExt,
    backend::{check_grant, check_new_grant, check_next_grant, open_after, open_cursor, rows_page},
};

/// Grants by id.
const GRANTS: Records = TableDefinition::new("sentinel-grants");

/// End and id of the grants that were not closed.
type OpenKey<'a> = (i64, u32, &'a [u8; 26]);
const OPEN: TableDefinition<'_, OpenKey<'static>, ()> =
    TableDefinition::new("sentinel-open-grants");

/// The ledgers of callers, by the hash of their caller key.
const CALLERS: TableDefinition<'_, &[u8; 16], &[u8]> =
    TableDefinition::new("sentinel-caller-ledgers");
/// The ledgers of profiles.
const PROFILES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("sentinel-profile-ledgers");

/// Break-glass grants in a file.
///
/// Expired grants are kept until [`purge`](Self::purge) is called.
#[derive(Clone, Debug)]
pub struct RedbGrants {
    file: RedbFile,
    page_size: NonZeroUsize,
}

impl RedbGrants {
    /// The grants in an open file.
    ///
    /// # Errors
    /// If the file cannot be written, or its tables have other types.
    pub fn new(file: RedbFile) -> Result<Self, StoreError> {
        file.prepare(|transaction| {
            transaction.open_table(GRANTS)?;
            transaction.open_table(OPEN)?;
            transaction.open_table(CALLERS)?;
            transaction.open_table(PROFILES)?;
            Ok(())
        })?;
        Ok(Self { file, page_size: PAGE_SIZE })
    }

    /// The same store, with this number of grants in a page.
    #[must_use]
    pub fn with_page_size(self, page_size: NonZeroUsize) -> Self {
        Self { page_size, ..self }
    }

    /// Removes the grants that expired before `before` and [need no
    /// review](Grant::needs_review), in batches. The ledgers stay.
    ///
    /// # Errors
    /// If the file cannot be read or written. Batches before the error stay removed.
    pub async fn purge(&self, before: DateTime<Utc>) -> Result<Purged, StoreError> {
        let is_over = move |grant: &Grant| grant.expires < before && !grant.needs_review();
        let purged = rows::purge(&self.file, GRANTS, is_over, |transaction, grant| {
            set_open(transaction, grant, false)
        });
        purged.await.at(|| self.file.location())
    }

    /// Stores a grant in the place of the grant `id`, which it may not be. `None` stores data that
    /// is not a grant. The conformance suite plants invalid records with it.
    ///
    /// # Errors
    /// If the file cannot be written.
    #[cfg(feature = "conformance")]
    pub async fn plant_grant(&self, id: &GrantId, grant: Option<&Grant>) -> Result<(), StoreError> {
        let id = id.to_bytes();
        let bytes = grant.map_or_else(|| Ok(b"no grant".to_vec()), encode)?;
        self.file
            .write(move |transaction| {
                transaction.open_table(GRANTS)?.insert(&id, bytes.as_slice())?;
                Ok(Ok(()))
            })
            .await
    }
}

/// Adds a grant to the index of the open ones, or removes it.
fn set_open(transaction: &WriteTransaction, grant: &Grant, open: bool) -> Result<(), redb::Error> {
    let mut index = transaction.open_table(OPEN)?;
    let ((seconds, nanoseconds), id) = (index_time(grant.expires), grant.id.to_bytes());
    let key = (seconds, nanoseconds, &id);
    if open {
        index.insert(key, ())?;
    } else {
        index.remove(key)?;
    }
    Ok(())
}

/// A ledger. A missing one is empty.
fn ledger<K: redb::Key + 'static>(
    ledgers: &impl ReadableTable<K, &'static [u8]>,
    of: K::SelfType<'_>,
) -> Result<Result<Ledger, StoreError>, redb::StorageError> {
    let stored = ledgers.get(of)?;
    Ok(stored.map_or_else(|| Ok(Ledger::default()), |bytes| decode(bytes.value())))
}

#[async_trait]
impl GrantStore for RedbGrants {
    async fn open_grant(
        &self,
        grant: &Grant,
        limits: &OpeningLimits,
    ) -> Result<Opening, StoreError> {
        let location = || self.file.location().grant(&grant.id);
        check_new_grant(grant).at(location)?;
        let bytes = encode(grant).at(location)?;
        let (new, limits) = (grant.clone(), *limits);
        self.file
            .write(move |transaction| {
                let mut grants = transaction.open_table(GRANTS)?;
                if grants.get(&new.id.to_bytes())?.is_some() {
                    return Ok(Err(StoreError::conflict()));
                }
                let mut callers = transaction.open_table(CALLERS)?;
                let caller = new.holder.caller.hash();
                let of_caller = try_inner!(ledger(&callers, caller.as_bytes())?);
                let of_caller = match of_caller.open_for_caller(&new.opening(), &limits) {
                    Ok(ledger) => try_inner!(encode(&ledger)),
                    Err(reached) => return Ok(Ok(Opening::Refused(reached))),
                };
                if limits.profile_quota.is_some() {
                    let mut profiles = transaction.open_table(PROFILES)?;
                    let of_profile = try_inner!(ledger(&profiles, new.profile.as_str())?);
                    let of_profile = match of_profile.open_for_profile(&new.opening(), &limits) {
                        Ok(ledger) => try_inner!(encode(&ledger)),
                        Err(reached) => return Ok(Ok(Opening::Refused(reached))),
                    };
                    profiles.insert(new.profile.as_str(), of_profile.as_slice())?;
                }
                callers.insert(caller.as_bytes(), of_caller.as_slice())?;
                grants.insert(&new.id.to_bytes(), bytes.as_slice())?;
                set_open(transaction, &new, true)?;
                Ok(Ok(Opening::Opened))
            })
            .await
            .at(location)
    }

    async fn grant(&self, id: &GrantId) -> Result<Grant, StoreError> {
        let (location, id) = (|| self.file.location().grant(id), *id);
        self.file
            .read(move |transaction| {
                Ok(rows::get(&transaction.open_table(GRANTS)?, &id, check_grant)?)
            })
            .await
            .at(location)
    }

    async fn replace_grant(&self, next: &Grant) -> Result<(), StoreError> {
        let location = || self.file.location().grant(&next.id);
        let bytes = encode(next).at(location)?;
        let next = next.clone();
        let id = next.id;
        self.file
            .write(move |transaction| {
                let mut grants = transaction.open_table(GRANTS)?;
                let stored = try_inner!(rows::get(&grants, &id, check_grant)?);
                try_inner!(check_next_grant(&stored, &next));
                grants.insert(&id.to_bytes(), bytes.as_slice())?;
                set_open(transaction, &next, next.closed.is_none())?;
                Ok(Ok(()))
            })
            .await
            .at(|| self.file.location().grant(&id))
    }

    async fn live_grants(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<Grant>, StoreError> {
        let (of, on) = (caller.clone(), profile.clone());
        self.file
            .read(move |transaction| {
                let live = |grant: &Grant| grant.is_live_on(&on, now);
                rows::of_caller(&transaction.open_table(GRANTS)?, &of, check_grant, live)
            })
            .await
            .at(|| self.file.location().grant_list(caller, profile))
    }

    async fn grants(
        &self,
        listing: &GrantListing,
        cursor: Option<&Cursor>,
    ) -> Result<GrantPage, StoreError> {
        let (of, cursor, size) = (listing.clone(), cursor.cloned(), self.page_size.get());
        let page = self.file.read(move |transaction| {
            let grants = transaction.open_table(GRANTS)?;
            let cursor = cursor.as_ref();
            let now = match &of {
                GrantListing::Caller(caller) => {
                    return rows::page_of_caller(&grants, caller, cursor, size, check_grant);
                }
                GrantListing::Open { now } => *now,
            };
            let open = transaction.open_table(OPEN)?;
            let first = (now, GrantId::from_bytes(&[u8::MAX; 26]));
            let after = try_inner!(open_after(cursor));
            let (expires, id) = after.map_or(first, |after| after.max(first));
            let ((seconds, nanoseconds), id) = (index_time(expires), id.to_bytes());
            let start = Bound::Excluded((seconds, nanoseconds, &id));
            let mut rows = Vec::new();
            for entry in open.range::<OpenKey<'_>>((start, Bound::Unbounded))? {
                let (key, _) = entry?;
                let (seconds, nanoseconds, id) = key.value();
                let id = GrantId::from_bytes(id);
                rows.push((id, rows::get(&grants, &id, check_grant)?));
                if rows.len() >= size {
                    let next = open_cursor(time_of((seconds, nanoseconds)), &id);
                    return Ok(Ok(rows_page(rows).with_next(next)));
                }
            }
            Ok(Ok(rows_page(rows)))
        });
        page.await.at(|| self.file.location().grants(listing))
    }
}
