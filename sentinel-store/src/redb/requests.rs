//! Approval requests in the file, with an index of the pending ones.

use std::{num::NonZeroUsize, ops::Bound};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::{
    PAGE_SIZE, Purged,
    encoding::encode,
    file::RedbFile,
    rows::{self, Records, index_time, time_of},
    try_inner,
};
use crate::{
    AccessRequest, CallerKey, Cursor, ProfileName, RequestId, RequestListing, RequestPage,
    RequestStatus, RequestStore, StoreError, StoreResultExt,
    backend::{
        check_new_request, check_next_request, check_request, pending_after, pending_cursor,
        rows_page,
    },
};

/// Requests by id.
const REQUESTS: Records = TableDefinition::new("sentinel-requests");

/// Profile, deadline and id of the pending requests.
type PendingKey<'a> = (&'a str, i64, u32, &'a [u8; 26]);
const PENDING: TableDefinition<'_, PendingKey<'static>, ()> =
    TableDefinition::new("sentinel-pending-requests");

/// Approval requests in a file.
///
/// Requests are kept until [`purge`](Self::purge) is called.
#[derive(Clone, Debug)]
pub struct RedbRequests {
    file: RedbFile,
    page_size: NonZeroUsize,
}

impl RedbRequests {
    /// The requests in an open file.
    ///
    /// # Errors
    /// If the file cannot be written, or its tables have other types.
    pub fn new(file: RedbFile) -> Result<Self, StoreError> {
        file.prepare(|transaction| {
            transaction.open_table(REQUESTS)?;
            transaction.open_table(PENDING)?;
            Ok(())
        })?;
        Ok(Self { file, page_size: PAGE_SIZE })
    }

    /// The same store, with this number of requests in a page.
    #[must_use]
    pub fn with_page_size(self, page_size: NonZeroUsize) -> Self {
        Self { page_size, ..self }
    }

    /// Removes the requests that were [over](AccessRequest::over_from) before `before`, in batches.
    ///
    /// # Errors
    /// If the file cannot be read or written. Batches before the error stay removed.
    pub async fn purge(&self, before: DateTime<Utc>) -> Result<Purged, StoreError> {
        let is_over = move |request: &AccessRequest| request.over_from() < before;
        let purged = rows::purge(&self.file, REQUESTS, is_over, |transaction, request| {
            set_pending(transaction, request, false)
        });
        purged.await.at(|| self.file.location())
    }

    /// Stores a request in the place of the request `id`, which it may not be. `None` stores data
    /// that is not a request. The conformance suite plants invalid records with it.
    ///
    /// # Errors
    /// If the file cannot be written.
    #[cfg(feature = "conformance")]
    pub async fn plant_request(
        &self,
        id: &RequestId,
        request: Option<&AccessRequest>,
    ) -> Result<(), StoreError> {
        let id = id.to_bytes();
        let bytes = request.map_or_else(|| Ok(b"no request".to_vec()), encode)?;
        self.file
            .write(move |transaction| {
                transaction.open_table(REQUESTS)?.insert(&id, bytes.as_slice())?;
                Ok(Ok(()))
            })
            .await
    }
}

/// Adds a request to the index of the pending ones, or removes it.
fn set_pending(
    transaction: &WriteTransaction,
    request: &AccessRequest,
    pending: bool,
) -> Result<(), redb::Error> {
    let mut index = transaction.open_table(PENDING)?;
    let ((seconds, nanoseconds), id) = (index_time(request.deadline), request.id.to_bytes());
    let key = (request.profile.as_str(), seconds, nanoseconds, &id);
    if pending {
        index.insert(key, ())?;
    } else {
        index.remove(key)?;
    }
    Ok(())
}

fn is_pending(request: &AccessRequest) -> bool {
    request.status == RequestStatus::Pending
}

#[async_trait]
impl RequestStore for RedbRequests {
    async fn create_request(&self, request: &AccessRequest) -> Result<(), StoreError> {
        let location = || self.file.location().request(&request.id);
        check_new_request(request).at(location)?;
        let bytes = encode(request).at(location)?;
        let new = request.clone();
        self.file
            .write(move |transaction| {
                let mut requests = transaction.open_table(REQUESTS)?;
                if requests.get(&new.id.to_bytes())?.is_some() {
                    return Ok(Err(StoreError::conflict()));
                }
                if is_pending(&new) {
                    let other = |other: &AccessRequest| {
                        is_pending(other) && other.is_live_on(&new.profile, new.created)
                    };
                    let caller = &new.requester.caller;
                    let others = rows::of_caller(&requests, caller, check_request, other)?;
                    if !try_inner!(others).is_empty() {
                        return Ok(Err(StoreError::conflict()));
                    }
                }
                requests.insert(&new.id.to_bytes(), bytes.as_slice())?;
                set_pending(transaction, &new, is_pending(&new))?;
                Ok(Ok(()))
            })
            .await
            .at(location)
    }

    async fn request(&self, id: &RequestId) -> Result<AccessRequest, StoreError> {
        let (location, id) = (|| self.file.location().request(id), *id);
        self.file
            .read(move |transaction| {
                Ok(rows::get(&transaction.open_table(REQUESTS)?, &id, check_request)?)
            })
            .await
            .at(location)
    }

    async fn replace_request(&self, next: &AccessRequest) -> Result<(), StoreError> {
        let location = || self.file.location().request(&next.id);
        let bytes = encode(next).at(location)?;
        let next = next.clone();
        let id = next.id;
        self.file
            .write(move |transaction| {
                let mut requests = transaction.open_table(REQUESTS)?;
                let stored = try_inner!(rows::get(&requests, &id, check_request)?);
                try_inner!(check_next_request(&stored, &next));
                requests.insert(&id.to_bytes(), bytes.as_slice())?;
                set_pending(transaction, &next, is_pending(&next))?;
                Ok(Ok(()))
            })
            .await
            .at(|| self.file.location().request(&id))
    }

    async fn live_requests(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<AccessRequest>, StoreError> {
        let (of, on) = (caller.clone(), profile.clone());
        self.file
            .read(move |transaction| {
                let requests = transaction.open_table(REQUESTS)?;
                let live = |request: &AccessRequest| request.is_live_on(&on, now);
                rows::of_caller(&requests, &of, check_request, live)
            })
            .await
            .at(|| self.file.location().request_list(caller, profile))
    }

    async fn requests(
        &self,
        listing: &RequestListing,
        cursor: Option<&Cursor>,
    ) -> Result<RequestPage, StoreError> {
        let (of, cursor, size) = (listing.clone(), cursor.cloned(), self.page_size.get());
        let page = self.file.read(move |transaction| {
            let requests = transaction.open_table(REQUESTS)?;
            let cursor = cursor.as_ref();
            let (profiles, now) = match &of {
                RequestListing::Caller(caller) => {
                    return rows::page_of_caller(&requests, caller, cursor, size, check_request);
                }
                RequestListing::Pending { profiles, now } => (profiles, *now),
            };
            let pending = transaction.open_table(PENDING)?;
            let mut rows = Vec::new();
            let last = [u8::MAX; 26];
            for (profile, after) in try_inner!(pending_after(profiles, cursor)) {
                let first = (now, RequestId::from_bytes(&last));
                let (deadline, id) = after.map_or(first, |after| after.max(first));
                let ((seconds, nanoseconds), id) = (index_time(deadline), id.to_bytes());
                let start = Bound::Excluded((profile.as_str(), seconds, nanoseconds, &id));
                let end = Bound::Included((profile.as_str(), i64::MAX, u32::MAX, &last));
                for entry in pending.range::<PendingKey<'_>>((start, end))? {
                    let (key, _) = entry?;
                    let (_, seconds, nanoseconds, id) = key.value();
                    let id = RequestId::from_bytes(id);
                    rows.push((id, rows::get(&requests, &id, check_request)?));
                    if rows.len() >= size {
                        let deadline = time_of((seconds, nanoseconds));
                        let next = pending_cursor(profile, deadline, &id);
                        return Ok(Ok(rows_page(rows).with_next(next)));
                    }
                }
            }
            Ok(Ok(rows_page(rows)))
        });
        page.await.at(|| self.file.location().requests(listing))
    }
}
