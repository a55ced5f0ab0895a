//! Break-glass grants and their ledgers. A grant, its markers and the ledger of its holder are in
//! the partition of the holder.

use std::num::NonZeroUsize;

use async_trait::async_trait;
use aws_types::SdkConfig;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

#[cfg(feature = "conformance")]
use super::table::Item;
use super::{
    definition::TableDefinition,
    item::{FORMAT, decode, encode},
    owned::{
        Marker, Owned, RecordItem, Rows, cleared, index_rows, key_parts, marked, page_of_caller,
        read, read_all, seconds_after,
    },
    table::{Key, Table},
    token::{attempt_token, pause, write_token},
    transaction::{Change, Requirement, Transaction},
};
use crate::{
    CallerKey, Cursor, Grant, GrantId, GrantListing, GrantPage, GrantStore, Ledger, Notice,
    Opening, OpeningLimits, ProfileName, StoreError, StoreResultExt,
    aws::Timing,
    backend::{check_grant, check_new_grant, check_next_grant, open_after, open_cursor, rows_page},
};

const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

/// Maximum number of attempts to open a grant while others open grants with the same ledger. One of
/// the concurrent writers succeeds each time, so that up to this many writers all succeed.
const ATTEMPTS: u32 = 64;

/// The list of open grants in the index.
const OPEN: &str = "open";

/// Break-glass grants in a table as [`TableDefinition::GRANTS`] defines it.
///
/// Every write is one transaction on the grant, its markers and the ledgers. Every read is strongly
/// consistent, except that of the index, which the list of open grants begins with. Readers refuse
/// expired grants, and the table's time to live removes them after 90 days, unless they need a
/// review.
#[derive(Clone, Debug)]
pub struct DynamoGrants {
    table: Table,
    page_size: NonZeroUsize,
}

impl Owned for Grant {
    type Id = GrantId;
    const ID: &'static str = "grant-";
    const KIND: &'static str = "grant#";

    fn revision(&self) -> u64 {
        self.revision
    }

    fn over_from(&self) -> Option<DateTime<Utc>> {
        (!self.needs_review()).then_some(self.expires)
    }

    fn notice(&self) -> Option<Notice> {
        Some(Notice::of_grant(self))
    }

    fn check(id: &GrantId, found: Self) -> Result<Self, StoreError> {
        check_grant(id, found)
    }
}

/// The item of a ledger.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerItem {
    pk: String,
    sk: String,
    ttl: i64,
    format: u32,
    /// Number of changes. Each change is conditional on the number that its writer read.
    revision: u64,
    record: Ledger,
}

/// A ledger as it was read, and where it is.
struct StoredLedger {
    key: Key,
    /// `None` if no ledger is stored.
    revision: Option<u64>,
    ledger: Ledger,
}

impl StoredLedger {
    async fn read(table: &Table, key: Key) -> Result<Self, StoreError> {
        let Some(item) = table.get(key.clone()).await? else {
            return Ok(Self { key, revision: None, ledger: Ledger::default() });
        };
        let LedgerItem { pk, sk, ttl: _, format: _, revision, record } = decode(item)?;
        if key == Key::new(pk, sk) {
            Ok(Self { key, revision: Some(revision), ledger: record })
        } else {
            Err(StoreError::Corrupt("another item is stored at this ledger".into()))
        }
    }

    fn contains(&self, grant: &GrantId) -> bool {
        self.ledger.openings.iter().any(|entry| entry.grant == *grant)
    }

    /// The write of the ledger `next`, if this one did not change.
    fn replace(self, next: Ledger) -> Result<Change, StoreError> {
        let until = next.openings.iter().map(|entry| entry.counts_until.max(entry.at + KEPT));
        let until = until.max().unwrap_or(DateTime::<Utc>::MAX_UTC);
        let item = LedgerItem {
            pk: self.key.pk,
            sk: self.key.sk,
            ttl: seconds_after(until),
            format: FORMAT,
            revision: self.revision.map_or(1, |revision| revision.saturating_add(1)),
            record: next,
        };
        let unchanged = self.revision.map_or(Requirement::Absent, Requirement::Revision);
        Ok(Change::put(encode(&item)?).only_if(unchanged))
    }
}

/// Time that a ledger is kept after its last opening, so that limits that become longer count it.
const KEPT: TimeDelta = TimeDelta::days(90);

const LEDGER: &str = "ledger";

fn caller_ledger(caller: &CallerKey) -> Key {
    Key::new(caller.hash().to_string(), LEDGER)
}

/// No hash of a caller contains `#`.
fn profile_ledger(profile: &ProfileName) -> Key {
    Key::new(format!("profile#{profile}"), LEDGER)
}

fn open_prefix(profile: &ProfileName) -> String {
    format!("open#{profile}#")
}

/// The key of the marker of an open grant.
fn open_key(grant: &Grant) -> Key {
    let (pk, random) = key_parts(&grant.id);
    Key::new(pk, format!("{}{random}", open_prefix(&grant.profile)))
}

/// The key of the marker of a grant whose review is due at a time.
fn review_key(grant: &Grant) -> Key {
    let (pk, random) = key_parts(&grant.id);
    Key::new(pk, format!("review#{random}"))
}

/// The marker of an open grant, with the notice for its end.
fn open_marker(grant: &Grant) -> Result<Change, StoreError> {
    let open = Marker::new(open_key(grant), &grant.id, grant.expires).in_index(OPEN);
    Ok(Change::put(open.with_notice(Notice::of_expired_grant(grant)).item()?))
}

/// The markers of a new grant.
fn new_markers(grant: &Grant) -> Result<Vec<Change>, StoreError> {
    let mut markers = vec![open_marker(grant)?];
    if let Some(due) = grant.review_due {
        let review = Marker::new(review_key(grant), &grant.id, due)
            .with_notice(Notice::of_overdue_review(grant));
        markers.push(Change::put(review.item()?));
    }
    Ok(markers)
}

impl DynamoGrants {
    /// The grants in a table, with the timeouts and retries of [`Timing::DYNAMODB`].
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

    /// The same store, with this number of grants in a page.
    #[must_use]
    pub fn with_page_size(self, page_size: NonZeroUsize) -> Self {
        Self { page_size, ..self }
    }

    /// The item of a grant with the key of the grant `id`, which it may not be. The conformance
    /// suite plants invalid records with it.
    ///
    /// # Errors
    /// If the grant cannot be encoded as an item.
    #[cfg(feature = "conformance")]
    pub fn grant_item(id: &GrantId, grant: &Grant) -> Result<Item, StoreError> {
        encode(&RecordItem::new(id, grant.clone(), "planted".to_owned()))
    }

    async fn open(&self, grant: &Grant, limits: &OpeningLimits) -> Result<Opening, StoreError> {
        check_new_grant(grant)?;
        let write = write_token()?;
        let item = encode(&RecordItem::new(&grant.id, grant.clone(), write.clone()))?;
        for attempt in 0..ATTEMPTS {
            let (of_caller, of_profile) = self.ledgers(grant, limits).await?;
            if of_caller.contains(&grant.id) {
                return self.opened_by(&grant.id, &write).await;
            }
            let mut changes = vec![Change::put(item.clone()).only_if(Requirement::Absent)];
            match of_caller.ledger.open_for_caller(&grant.opening(), limits) {
                Ok(next) => changes.push(of_caller.replace(next)?),
                Err(reached) => return Ok(Opening::Refused(reached)),
            }
            if let Some(of_profile) = of_profile {
                match of_profile.ledger.open_for_profile(&grant.opening(), limits) {
                    Ok(next) => changes.push(of_profile.replace(next)?),
                    Err(reached) => return Ok(Opening::Refused(reached)),
                }
            }
            changes.extend(new_markers(grant)?);
            match self.table.transact(changes, &attempt_token(&write, attempt)).await? {
                Transaction::Written => return Ok(Opening::Opened),
                Transaction::Refused(changes) if changes.contains(&0) => {
                    return self.opened_by(&grant.id, &write).await;
                }
                // Another opening changed a ledger, or is changing it.
                Transaction::Refused(_) | Transaction::Raced => {
                    tokio::time::sleep(pause(attempt)?).await;
                }
            }
        }
        Err(StoreError::conflict())
    }

    /// Reads the ledger of the holder and, if there is a quota for it, that of the profile.
    async fn ledgers(
        &self,
        grant: &Grant,
        limits: &OpeningLimits,
    ) -> Result<(StoredLedger, Option<StoredLedger>), StoreError> {
        let of_caller = StoredLedger::read(&self.table, caller_ledger(&grant.holder.caller));
        if limits.profile_quota.is_none() {
            return Ok((of_caller.await?, None));
        }
        let of_profile = StoredLedger::read(&self.table, profile_ledger(&grant.profile));
        let (of_caller, of_profile) = futures_util::future::join(of_caller, of_profile).await;
        Ok((of_caller?, Some(of_profile?)))
    }

    /// The result if there is a grant with this id. An earlier attempt may have taken effect, and
    /// its response been lost.
    async fn opened_by(&self, id: &GrantId, write: &str) -> Result<Opening, StoreError> {
        let (_, last) = read::<Grant>(&self.table, id).await?;
        if last == write { Ok(Opening::Opened) } else { Err(StoreError::conflict()) }
    }

    async fn replace(&self, next: &Grant) -> Result<(), StoreError> {
        let write = write_token()?;
        let item = encode(&RecordItem::new(&next.id, next.clone(), write.clone()))?;
        for attempt in 0..ATTEMPTS {
            let (stored, last) = read::<Grant>(&self.table, &next.id).await?;
            if last == write {
                return Ok(());
            }
            check_next_grant(&stored, next)?;
            let seen = Requirement::Revision(stored.revision);
            let mut changes = vec![Change::put(item.clone()).only_if(seen)];
            if let (Some(note), None) = (&next.closed, &stored.closed) {
                changes.push(Change::put(cleared(open_key(next), note.at)?));
            }
            if let (Some(note), Some(_)) = (&next.reviewed, stored.review_due) {
                changes.push(Change::put(cleared(review_key(next), note.at)?));
            }
            if next.reviewed.is_some() && next.closed.is_none() {
                // The time to live removes the marker late. Its notice must not request the review.
                let marker = self.table.get(open_key(next)).await?;
                changes.extend(marker.map(|_| open_marker(next)).transpose()?);
            }
            match self.table.transact(changes, &attempt_token(&write, attempt)).await? {
                Transaction::Written => return Ok(()),
                // The next attempt reads what the grant is now.
                Transaction::Refused(_) => {}
                Transaction::Raced => tokio::time::sleep(pause(attempt)?).await,
            }
        }
        Err(StoreError::conflict())
    }

    async fn live(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<Grant>, StoreError> {
        let ids = marked::<Grant>(&self.table, caller, &open_prefix(profile), now).await?;
        let rows: Rows<Grant> = read_all(&self.table, ids).await?;
        let live = rows.into_values().filter(|row| match row {
            Ok(grant) => grant.is_live_on(profile, now),
            Err(_) => true,
        });
        live.collect()
    }

    async fn open_grants(
        &self,
        now: DateTime<Utc>,
        cursor: Option<&Cursor>,
    ) -> Result<GrantPage, StoreError> {
        let after = open_after(cursor)?;
        let Some(index) = TableDefinition::GRANTS.index else { return Ok(GrantPage::default()) };
        let size = self.page_size.get();
        let list = index_rows(&self.table, index, OPEN, now, after, size).await?;
        let last = list.rows.last().filter(|_| list.more);
        let next = last.map(|(expires, id)| open_cursor(*expires, id));
        let ids = || list.rows.iter().map(|(_, id)| *id);
        let mut rows: Rows<Grant> = read_all(&self.table, ids()).await?;
        let rows = ids().filter_map(|id| Some((id, rows.remove(&id)?)));
        // The index may be older than the grants.
        let rows = rows.filter(|(_, row)| match row {
            Ok(grant) => grant.live_until().is_some_and(|until| now < until),
            Err(_) => true,
        });
        Ok(rows_page(rows.collect()).with_next(next))
    }
}

#[async_trait]
impl GrantStore for DynamoGrants {
    async fn open_grant(
        &self,
        grant: &Grant,
        limits: &OpeningLimits,
    ) -> Result<Opening, StoreError> {
        self.open(grant, limits).await.at(|| self.table.location().grant(&grant.id))
    }

    async fn grant(&self, id: &GrantId) -> Result<Grant, StoreError> {
        let found = read::<Grant>(&self.table, id).await;
        found.map(|(grant, _)| grant).at(|| self.table.location().grant(id))
    }

    async fn replace_grant(&self, next: &Grant) -> Result<(), StoreError> {
        self.replace(next).await.at(|| self.table.location().grant(&next.id))
    }

    async fn live_grants(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<Grant>, StoreError> {
        let live = self.live(caller, profile, now).await;
        live.at(|| self.table.location().grant_list(caller, profile))
    }

    async fn grants(
        &self,
        listing: &GrantListing,
        cursor: Option<&Cursor>,
    ) -> Result<GrantPage, StoreError> {
        let page = match listing {
            GrantListing::Caller(caller) => {
                page_of_caller(&self.table, caller, cursor, self.page_size.get()).await
            }
            GrantListing::Open { now } => self.open_grants(*now, cursor).await,
        };
        page.at(|| self.table.location().grants(listing))
    }
}
