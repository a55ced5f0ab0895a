//! Approval requests. A request and its markers are in the partition of its requester.

use std::num::NonZeroUsize;

use async_trait::async_trait;
use aws_types::SdkConfig;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, future::join, stream};

#[cfg(feature = "conformance")]
use super::table::Item;
use super::{
    definition::TableDefinition,
    item::encode,
    owned::{
        Marker, Owned, RecordItem, Rows, cleared, ends, index_rows, index_text, is_of, key_parts,
        marked, page_of_caller, pending_id, read, read_all,
    },
    table::{Key, Table},
    token::{attempt_token, pause, write_token},
    transaction::{Change, Requirement, Transaction},
};
use crate::{
    AccessRequest, CallerKey, Cursor, Notice, ProfileName, RequestId, RequestListing, RequestPage,
    RequestStatus, RequestStore, StoreError, StoreResultExt,
    aws::Timing,
    backend::{
        PendingPart, check_new_request, check_next_request, check_request, pending_after,
        pending_cursor, rows_page,
    },
};

const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

/// Maximum number of attempts to write a request while others write the same items.
const ATTEMPTS: u32 = 16;

/// Number of profiles whose lists are read concurrently.
const CONCURRENT_PROFILES: usize = 4;

/// Maximum number of profiles that are read for one page, so that a page for a person that can
/// decide for many profiles takes a bounded time. The page may then be short, or empty.
const PROFILES_OF_PAGE: usize = 100;

/// Approval requests in a table as [`TableDefinition::REQUESTS`] defines it.
///
/// Every write is one transaction on the request and its markers. Every read is strongly
/// consistent, except that of the index, which the list of pending requests begins with. Readers
/// refuse requests that are over, and the table's time to live removes them 90 days later.
#[derive(Clone, Debug)]
pub struct DynamoRequests {
    table: Table,
    page_size: NonZeroUsize,
}

impl Owned for AccessRequest {
    type Id = RequestId;
    const ID: &'static str = "request-";
    const KIND: &'static str = "request#";

    fn revision(&self) -> u64 {
        self.revision
    }

    fn over_from(&self) -> Option<DateTime<Utc>> {
        Some(self.over_from())
    }

    fn notice(&self) -> Option<Notice> {
        Notice::of_request(self)
    }

    fn check(id: &RequestId, found: Self) -> Result<Self, StoreError> {
        check_request(id, found)
    }
}

/// The key of the marker of a caller's pending request for a profile. There is one key, so that
/// one request is pending.
fn pending_key(caller: &CallerKey, profile: &ProfileName) -> Key {
    Key::new(caller.hash().to_string(), format!("pending#{profile}"))
}

fn approved_prefix(profile: &ProfileName) -> String {
    format!("approved#{profile}#")
}

/// The key of the marker of an approved request.
fn approved_key(request: &AccessRequest) -> Key {
    let (pk, random) = key_parts(&request.id);
    Key::new(pk, format!("{}{random}", approved_prefix(&request.profile)))
}

fn put_pending(request: &AccessRequest) -> Result<Change, StoreError> {
    let key = pending_key(&request.requester.caller, &request.profile);
    let marker = Marker::new(key, &request.id, request.deadline)
        .in_index(request.profile.as_str())
        .with_notice(Notice::of_expired_request(request));
    Ok(Change::put(marker.item()?))
}

/// The marker of a request that is new or was decided.
fn put_marker(request: &AccessRequest) -> Result<Option<Change>, StoreError> {
    match request.status {
        RequestStatus::Pending => put_pending(request).map(Some),
        RequestStatus::Approved(period) => {
            let marker = Marker::new(approved_key(request), &request.id, period.until);
            Ok(Some(Change::put(marker.item()?)))
        }
        RequestStatus::Denied | RequestStatus::Cancelled | RequestStatus::Revoked(_) => Ok(None),
    }
}

/// The changes that replace `stored` by `next`. The second one is of the marker of the pending
/// request, if `own_marker` and there was one.
fn replacement(
    stored: &AccessRequest,
    next: &AccessRequest,
    write: &str,
    own_marker: bool,
) -> Result<Vec<Change>, StoreError> {
    let item = RecordItem::new(&next.id, next.clone(), write.to_owned());
    let seen = Requirement::Revision(stored.revision);
    let mut changes = vec![Change::put(encode(&item)?).only_if(seen)];
    let over = next.over_from();
    // The marker is of this request, or was removed when the request expired.
    let own = Requirement::NoneOrEndsAt(ends(stored.deadline, &stored.id));
    match (&stored.status, &next.status) {
        (_, RequestStatus::Pending) if own_marker => {
            changes.push(put_pending(next)?.only_if(own));
        }
        (RequestStatus::Pending, _) if own_marker => {
            let key = pending_key(&stored.requester.caller, &stored.profile);
            let at = next.decided.last().map_or(over, |decision| decision.at);
            changes.push(Change::put(cleared(key, at)?).only_if(own));
        }
        (_, _) => {}
    }
    if let RequestStatus::Approved(_) = next.status {
        changes.extend(put_marker(next)?);
    } else if let RequestStatus::Approved(_) = stored.status {
        changes.push(Change::put(cleared(approved_key(stored), over)?));
    }
    Ok(changes)
}

impl DynamoRequests {
    /// The requests in a table, with the timeouts and retries of [`Timing::DYNAMODB`].
    #[must_use]
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        let table = Table::new(config, table.into(), Timing::DYNAMODB);
        Self { table, page_size: PAGE_SIZE }
    }

    /// The same store, with other timeouts and retries.
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        Self { table: self.table.with_timing(timing), ..self }
    }

    /// The same store, with this number of requests in a page.
    #[must_use]
    pub fn with_page_size(self, page_size: NonZeroUsize) -> Self {
        Self { page_size, ..self }
    }

    /// The item of a request with the key of the request `id`, which it may not be. The conformance
    /// suite plants invalid records with it.
    ///
    /// # Errors
    /// If the request cannot be encoded as an item.
    #[cfg(feature = "conformance")]
    pub fn request_item(id: &RequestId, request: &AccessRequest) -> Result<Item, StoreError> {
        encode(&RecordItem::new(id, request.clone(), "planted".to_owned()))
    }

    async fn create(&self, request: &AccessRequest) -> Result<(), StoreError> {
        check_new_request(request)?;
        let write = write_token()?;
        let item = encode(&RecordItem::new(&request.id, request.clone(), write.clone()))?;
        for attempt in 0..ATTEMPTS {
            let mut changes = vec![Change::put(item.clone()).only_if(Requirement::Absent)];
            // A request that expired does not block the next one.
            let expired =
                Requirement::NoneOrEndsBefore(format!("{}!", index_text(request.created)));
            changes.extend(put_marker(request)?.map(|marker| match request.status {
                RequestStatus::Pending => marker.only_if(expired),
                RequestStatus::Approved(_)
                | RequestStatus::Denied
                | RequestStatus::Cancelled
                | RequestStatus::Revoked(_) => marker,
            }));
            match self.table.transact(changes, &attempt_token(&write, attempt)).await? {
                Transaction::Written => return Ok(()),
                // An earlier attempt may have taken effect, and its response been lost.
                Transaction::Refused(_) if self.is_of(&request.id, &write).await? => return Ok(()),
                Transaction::Refused(_) => return Err(StoreError::conflict()),
                Transaction::Raced => tokio::time::sleep(pause(attempt)?).await,
            }
        }
        Err(StoreError::conflict())
    }

    async fn replace(&self, next: &AccessRequest) -> Result<(), StoreError> {
        let write = write_token()?;
        let mut own_marker = true;
        for attempt in 0..ATTEMPTS {
            let (stored, last) = read::<AccessRequest>(&self.table, &next.id).await?;
            if last == write {
                return Ok(());
            }
            check_next_request(&stored, next)?;
            let changes = replacement(&stored, next, &write, own_marker)?;
            match self.table.transact(changes, &attempt_token(&write, attempt)).await? {
                Transaction::Written => return Ok(()),
                // The marker is of a later request, because this one has expired.
                Transaction::Refused(changes) if !changes.contains(&0) => own_marker = false,
                // The next attempt reads what the request is now.
                Transaction::Refused(_) => {}
                Transaction::Raced => tokio::time::sleep(pause(attempt)?).await,
            }
        }
        Err(StoreError::conflict())
    }

    async fn is_of(&self, id: &RequestId, write: &str) -> Result<bool, StoreError> {
        is_of::<AccessRequest>(&self.table, id, write).await
    }

    async fn live(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<AccessRequest>, StoreError> {
        let prefix = approved_prefix(profile);
        let approved = marked::<AccessRequest>(&self.table, caller, &prefix, now);
        let pending = self.table.get(pending_key(caller, profile));
        let (approved, pending) = join(approved, pending).await;
        let mut ids = approved?;
        if let Some(marker) = pending? {
            ids.extend(pending_id::<RequestId>(&marker)?);
        }
        let rows: Rows<AccessRequest> = read_all(&self.table, ids).await?;
        let live = rows.into_values().filter(|row| match row {
            Ok(request) => request.is_live_on(profile, now),
            Err(_) => true,
        });
        live.collect()
    }

    async fn pending(
        &self,
        parts: Vec<PendingPart<'_>>,
        now: DateTime<Utc>,
    ) -> Result<RequestPage, StoreError> {
        let Some(index) = TableDefinition::REQUESTS.index else {
            return Ok(RequestPage::default());
        };
        let size = self.page_size.get();
        let mut parts: Vec<_> =
            parts.into_iter().map(|(profile, after)| (profile.clone(), after)).collect();
        let beyond = parts.get(PROFILES_OF_PAGE).map(|(profile, _)| profile.clone());
        parts.truncate(PROFILES_OF_PAGE);
        let read = parts.into_iter().map(|(profile, after)| async move {
            let list = profile.as_str();
            let rows = index_rows(&self.table, index, list, now, after, size).await;
            rows.map(|rows| (profile, rows))
        });
        let mut lists = stream::iter(read).buffered(CONCURRENT_PROFILES);
        let (mut found, mut next) = (Vec::new(), None);
        'page: while let Some(list) = lists.next().await {
            let (profile, list) = list?;
            let mut last = None;
            for (deadline, id) in list.rows {
                if found.len() >= size {
                    next = Some(last.unwrap_or_else(|| first_of(&profile, now)));
                    break 'page;
                }
                last = Some(pending_cursor(&profile, deadline, &id));
                found.push(id);
            }
            if list.more {
                next = last;
                break;
            }
        }
        if next.is_none() {
            next = beyond.map(|profile| first_of(&profile, now));
        }
        let mut rows: Rows<AccessRequest> = read_all(&self.table, found.iter().copied()).await?;
        let rows = found.into_iter().filter_map(|id| Some((id, rows.remove(&id)?)));
        // The index may be older than the requests.
        let rows = rows.filter(|(_, row)| match row {
            Ok(request) => request.status == RequestStatus::Pending && now < request.deadline,
            Err(_) => true,
        });
        Ok(rows_page(rows.collect()).with_next(next))
    }
}

/// The cursor before the first request of a profile.
fn first_of(profile: &ProfileName, now: DateTime<Utc>) -> Cursor {
    pending_cursor(profile, now, &RequestId::from_bytes(&[u8::MAX; 26]))
}

#[async_trait]
impl RequestStore for DynamoRequests {
    async fn create_request(&self, request: &AccessRequest) -> Result<(), StoreError> {
        self.create(request).await.at(|| self.table.location().request(&request.id))
    }

    async fn request(&self, id: &RequestId) -> Result<AccessRequest, StoreError> {
        let found = read::<AccessRequest>(&self.table, id).await;
        found.map(|(request, _)| request).at(|| self.table.location().request(id))
    }

    async fn replace_request(&self, next: &AccessRequest) -> Result<(), StoreError> {
        self.replace(next).await.at(|| self.table.location().request(&next.id))
    }

    async fn live_requests(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<AccessRequest>, StoreError> {
        let live = self.live(caller, profile, now).await;
        live.at(|| self.table.location().request_list(caller, profile))
    }

    async fn requests(
        &self,
        listing: &RequestListing,
        cursor: Option<&Cursor>,
    ) -> Result<RequestPage, StoreError> {
        let page = match listing {
            RequestListing::Caller(caller) => {
                page_of_caller(&self.table, caller, cursor, self.page_size.get()).await
            }
            RequestListing::Pending { profiles, now } => match pending_after(profiles, cursor) {
                Ok(parts) => self.pending(parts, *now).await,
                Err(error) => Err(error),
            },
        };
        page.at(|| self.table.location().requests(listing))
    }
}
