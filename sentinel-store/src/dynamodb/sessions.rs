//! Sessions and gates. The gate and the sessions of a caller are in one partition.

use std::num::{NonZeroU32, NonZeroUsize};

use async_trait::async_trait;
use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use aws_types::SdkConfig;
use chrono::{DateTime, Utc};
use futures_util::future::join;

use super::{
    definition::{IndexDefinition, TableDefinition},
    item::{
        GateItem, SESSION, SHARDS, SessionItem, decode, encode, encode_value, gate_key, handle_at,
        row_name, session_key, shard, vend_count_key, vend_count_ttl,
    },
    table::{Condition, Item, Put, Table},
    token::{pause, write_token},
};
use crate::{
    CallerKey, Counted, Cursor, Gate, GateAction, GateChange, Listing, RateWindow, SeenCursors,
    Session, SessionHandle, SessionPage, SessionStore, StoreError, StoreResultExt,
    aws::Timing,
    backend::{check_gate, check_listed, check_new_session, check_session, start_after},
};

const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

/// Maximum number of attempts to write a gate that is changed concurrently. One of the
/// concurrent writers succeeds each time, so that up to this many writers all succeed.
const GATE_ATTEMPTS: u32 = 64;

/// Maximum number of attempts to end a session that is changed concurrently. A session
/// only changes when it ends.
const END_ATTEMPTS: usize = 3;

/// Sessions and gates in a table as [`TableDefinition::SESSIONS`] defines it.
///
/// Every read except [`Listing::All`] is strongly consistent and by primary key. Every
/// write is conditional. Readers refuse expired sessions, and the table's time to live
/// removes them. Gates have no time to live.
#[derive(Clone, Debug)]
pub struct DynamoSessions {
    table: Table,
    page_size: NonZeroUsize,
}

impl DynamoSessions {
    /// The sessions and gates in a table, with the timeouts and retries of
    /// [`Timing::DYNAMODB`].
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

    /// The same store, with this number of sessions in a page.
    #[must_use]
    pub fn with_page_size(self, page_size: NonZeroUsize) -> Self {
        Self { page_size, ..self }
    }

    /// The item of a gate with the key of the gate of `caller`, whose gate it may not be. The
    /// conformance suite plants invalid records with it.
    ///
    /// # Errors
    /// If the gate cannot be encoded as an item.
    #[cfg(feature = "conformance")]
    pub fn gate_item(caller: &CallerKey, gate: &Gate) -> Result<Item, StoreError> {
        encode(&GateItem::first(caller.hash(), gate.clone(), "planted".to_owned()))
    }

    /// The item of a session with the key of the session `handle`, which it may not be. The
    /// conformance suite plants invalid records with it.
    ///
    /// # Errors
    /// If the session cannot be encoded as an item.
    #[cfg(feature = "conformance")]
    pub fn session_item(handle: &SessionHandle, session: &Session) -> Result<Item, StoreError> {
        encode(&SessionItem::new(handle, session.clone(), "planted".to_owned()))
    }

    async fn gate_item_of(&self, caller: &CallerKey) -> Result<Option<GateItem>, StoreError> {
        let found = self.table.get(gate_key(caller.hash())).await?;
        found.map(|item| gate_item(caller, item)).transpose()
    }

    async fn session_item_of(&self, handle: &SessionHandle) -> Result<SessionItem, StoreError> {
        let item = self.table.get(session_key(handle)).await?;
        decode(item.ok_or_else(StoreError::not_found)?)
    }

    /// Adds the rows of a query to a page. Returns the key after which the next rows begin,
    /// and the handle of the last row, if it has one.
    async fn find(
        page: &mut SessionPage,
        listing: &Listing,
        query: QueryFluentBuilder,
        limit: usize,
    ) -> Result<(Option<Item>, Option<SessionHandle>), StoreError> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let found = Table::find(query.limit(limit)).await?;
        let mut last = None;
        for item in found.items {
            let name = row_name(&item);
            let handle = handle_at(&item);
            last = handle.as_ref().ok().copied();
            let session = handle.and_then(|handle| {
                check_listed(listing, &handle, decode::<SessionItem>(item)?.into_record()?)
            });
            match session {
                Ok(session) => page.items.push(session),
                Err(_) => page.unreadable.push(name),
            }
        }
        Ok((found.last, last))
    }

    async fn of_caller(
        &self,
        caller: &CallerKey,
        after: Option<SessionHandle>,
    ) -> Result<SessionPage, StoreError> {
        let listing = Listing::Caller(caller.clone());
        let mut page = SessionPage::default();
        let mut seen = SeenCursors::default();
        let mut start = after.map(|handle| session_key(&handle).into_item());
        loop {
            let query = self
                .table
                .query()
                .key_condition_expression("pk = :pk AND begins_with(sk, :session)")
                .expression_attribute_values(":pk", AttributeValue::S(caller.hash().to_string()))
                .expression_attribute_values(":session", AttributeValue::S(SESSION.to_owned()))
                .consistent_read(true)
                .set_exclusive_start_key(start.clone());
            let (rest, _) = Self::find(&mut page, &listing, query, self.page_size.get()).await?;
            match rest {
                None => return Ok(page),
                Some(key) => match handle_at(&key) {
                    Ok(handle) => {
                        page.next = Some(Cursor(handle.to_string()));
                        return Ok(page);
                    }
                    // The next page cannot begin after a row whose key is not one of a session.
                    Err(_) => {
                        seen.visit(&key_text(&key))?;
                        start = Some(key);
                    }
                },
            }
        }
    }

    /// The sessions of all callers, shard after shard, until the page is full.
    async fn of_all(&self, after: Option<SessionHandle>) -> Result<SessionPage, StoreError> {
        let mut page = SessionPage::default();
        let mut seen = SeenCursors::default();
        let Some(index) = TableDefinition::SESSIONS.index else { return Ok(page) };
        let first = after.map(|handle| shard(&handle));
        let mut start = after.map(|handle| index_key(index, &handle));
        let shards = SHARDS.split("").filter(|shard| !shard.is_empty());
        for this in shards.filter(|shard| first.as_deref().is_none_or(|first| first <= *shard)) {
            loop {
                let rows = page.items.len() + page.unreadable.len();
                let left = self.page_size.get().saturating_sub(rows).max(1);
                let query = self.shard(index, this, start.clone());
                let (rest, last) = Self::find(&mut page, &Listing::All, query, left).await?;
                let rows = page.items.len() + page.unreadable.len();
                if rows >= self.page_size.get()
                    && let Some(last) = last
                {
                    page.next = Some(Cursor(last.to_string()));
                    return Ok(page);
                }
                match rest {
                    Some(key) => {
                        seen.visit(&key_text(&key))?;
                        start = Some(key);
                    }
                    None => break,
                }
            }
            start = None;
        }
        Ok(page)
    }

    fn shard(
        &self,
        index: IndexDefinition,
        shard: &str,
        start: Option<Item>,
    ) -> QueryFluentBuilder {
        let shard = AttributeValue::S(shard.to_owned());
        self.table
            .query()
            .index_name(index.name)
            .key_condition_expression("#shard = :shard")
            .expression_attribute_names("#shard", index.partition_key)
            .expression_attribute_values(":shard", shard)
            .set_exclusive_start_key(start)
    }
}

#[async_trait]
impl SessionStore for DynamoSessions {
    async fn gate(&self, caller: &CallerKey) -> Result<Gate, StoreError> {
        let result: Result<Gate, StoreError> = async {
            let item = self.gate_item_of(caller).await?;
            Ok(item.map_or_else(|| Gate::open(caller.clone()), GateItem::into_record))
        }
        .await;
        result.at(|| self.table.location().gate(caller))
    }

    async fn change_gate(
        &self,
        caller: &CallerKey,
        change: &GateChange,
    ) -> Result<Gate, StoreError> {
        let result: Result<Gate, StoreError> = async {
            let write = write_token()?;
            let mut stored = match change.action {
                // A revocation begins with a write on the condition that there is no gate. If
                // there is one, the failed write returns it. Nothing is read, so that an
                // attacker who floods a partition with reads does not prevent the revocation
                // of its caller.
                GateAction::Revoke(_) | GateAction::EndSessions => None,
                GateAction::Reinstate => self.gate_item_of(caller).await?,
            };
            let mut written: Option<Gate> = None;
            for attempt in 0..GATE_ATTEMPTS {
                if let Some(item) = &stored
                    && item.has_seen(&write)
                    && let Some(gate) = written
                {
                    // The last write took effect, and its response was lost.
                    return Ok(gate);
                }
                let mut gate = match &stored {
                    Some(item) => item.record().clone(),
                    None => Gate::open(caller.clone()),
                };
                if !gate.apply(change)? {
                    return Ok(gate);
                }
                let (next, condition) = match stored {
                    None => {
                        let first = GateItem::first(caller.hash(), gate.clone(), write.clone());
                        (first, Condition::Absent)
                    }
                    Some(item) => {
                        let seen = encode_value(&item.revision)?;
                        (item.next(gate.clone(), write.clone()), Condition::Equal("revision", seen))
                    }
                };
                stored = match self.table.put_or_return(encode(&next)?, condition).await? {
                    Put::Written => return Ok(gate),
                    Put::Refused(Some(item)) => Some(gate_item(caller, item)?),
                    // Not every service of this protocol returns the item. A read may be older
                    // than the failed write, so that concurrent writers pause first.
                    Put::Refused(None) => {
                        if attempt > 0 {
                            tokio::time::sleep(pause(attempt - 1)?).await;
                        }
                        self.gate_item_of(caller).await?
                    }
                };
                written = Some(gate);
            }
            Err(StoreError::Throttled("too many callers change this gate concurrently".into()))
        }
        .await;
        result.at(|| self.table.location().gate(caller))
    }

    async fn create_session(&self, session: &Session) -> Result<(), StoreError> {
        let result: Result<(), StoreError> = async {
            check_new_session(session)?;
            let write = write_token()?;
            let item = SessionItem::new(&session.handle, session.clone(), write.clone());
            let stored = match self.table.put_or_return(encode(&item)?, Condition::Absent).await? {
                Put::Written => return Ok(()),
                Put::Refused(Some(stored)) => Some(stored),
                Put::Refused(None) => self.table.get(session_key(&session.handle)).await?,
            };
            // An earlier attempt may have taken effect, and its response been lost.
            if is_of(stored.as_ref(), &write) { Ok(()) } else { Err(StoreError::conflict()) }
        }
        .await;
        result.at(|| self.table.location().session(&session.handle))
    }

    async fn end_session(
        &self,
        handle: &SessionHandle,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let result: Result<(), StoreError> = async {
            let write = write_token()?;
            for _ in 0..END_ATTEMPTS {
                let item = self.session_item_of(handle).await?;
                let seen = item.write.clone();
                let session = check_session(handle, item.into_record()?)?;
                if session.ended.is_some() {
                    return Ok(());
                }
                let ended = ("ended", encode_value(&at)?);
                let written = self.table.set(session_key(handle), ended, &seen, &write).await;
                if let Some(()) = written.unless_conflict()? {
                    return Ok(());
                }
            }
            Err(StoreError::Throttled("the session is changed repeatedly".into()))
        }
        .await;
        result.at(|| self.table.location().session(handle))
    }

    async fn count_vend(
        &self,
        caller: &CallerKey,
        window: &RateWindow,
        limit: NonZeroU32,
    ) -> Result<Counted, StoreError> {
        let (key, ttl) = (vend_count_key(caller.hash(), window), vend_count_ttl(window));
        // A write that is sent again may count twice: fewer vends are within the limit, never more.
        match self.table.count(key, limit, ttl).await.unless_conflict() {
            Ok(Some(())) => Ok(Counted::WithinLimit),
            Ok(None) => Ok(Counted::AboveLimit),
            Err(error) => Err(error.at(|| self.table.location().vend_count(caller))),
        }
    }

    async fn session(&self, handle: &SessionHandle) -> Result<(Session, Gate), StoreError> {
        let result: Result<(Session, Gate), StoreError> = async {
            let session = self.session_item_of(handle);
            let gate = self.table.get(gate_key(handle.caller()));
            let (session, gate) = join(session, gate).await;
            let session = check_session(handle, session?.into_record()?)?;
            let gate = match gate? {
                Some(item) => GateItem::read(item, handle.caller())?.into_record(),
                None => Gate::open(session.caller.clone()),
            };
            let gate = check_gate(&session.caller, gate)?;
            Ok((session, gate))
        }
        .await;
        result.at(|| self.table.location().session(handle))
    }

    async fn sessions(
        &self,
        listing: &Listing,
        cursor: Option<&Cursor>,
    ) -> Result<SessionPage, StoreError> {
        let result: Result<SessionPage, StoreError> = async {
            let after = start_after(listing, cursor)?;
            match listing {
                Listing::Caller(caller) => self.of_caller(caller, after).await,
                Listing::All => self.of_all(after).await,
            }
        }
        .await;
        result.at(|| self.table.location().sessions(listing))
    }
}

/// The gate of `caller`, if the item can be it.
fn gate_item(caller: &CallerKey, item: Item) -> Result<GateItem, StoreError> {
    let item = GateItem::read(item, caller.hash())?;
    check_gate(caller, item.record().clone())?;
    Ok(item)
}

/// The key of a session in the index.
fn index_key(index: IndexDefinition, handle: &SessionHandle) -> Item {
    let mut key = session_key(handle).into_item();
    key.insert(index.partition_key.to_owned(), AttributeValue::S(shard(handle)));
    key
}

/// A key after which a query goes on, as one text.
fn key_text(key: &Item) -> String {
    let part = |name| key.get(name).and_then(|value| value.as_s().ok());
    ["pk", "sk", "shard"].map(|name| part(name).map_or("", String::as_str)).join("\n")
}

/// Whether this write made the item.
fn is_of(item: Option<&Item>, write: &str) -> bool {
    let made = item.and_then(|item| item.get("write")).and_then(|write| write.as_s().ok());
    made.is_some_and(|made| made == write)
}
