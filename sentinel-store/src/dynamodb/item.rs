//! How sessions and gates lie in their items.
//!
//! A record is only read in the format that wrote it. Whatever changes the
//! meaning or the attributes of an item raises [`FORMAT`], so that an older
//! version of the program refuses what it does not understand instead of
//! overlooking it.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::table::{Item, Key};
use crate::{CallerHash, Gate, Session, SessionHandle, StoreError};

pub(super) const FORMAT: u32 = 1;

/// How many seconds a session stays after its end: for those who ask what it was.
const KEPT: i64 = 24 * 60 * 60;

/// How many writes before the last one are remembered by name: more than can
/// happen while one of them is tried again.
const REMEMBERED: usize = 32;

const GATE: &str = "gate";
pub(super) const SESSION: &str = "session#";

/// Lists of all sessions go shard by shard, so that no partition of the index
/// meets all writes.
pub(super) const SHARDS: &str = "0123456789abcdef";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionItem {
    pk: String,
    sk: String,
    shard: String,
    ttl: i64,
    format: u32,
    /// The name of the write that made it what it is.
    pub(super) write: String,
    record: Session,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GateItem {
    pk: String,
    sk: String,
    format: u32,
    /// Counts the changes: each is conditional on the one that it saw.
    pub(super) revision: u64,
    write: String,
    /// The names of the writes before, the latest first.
    before: Vec<String>,
    record: Gate,
}

/// Where the gate of a caller lies.
pub(super) fn gate_key(caller: CallerHash) -> Key {
    Key::new(caller.to_string(), GATE)
}

/// Where a session lies.
pub(super) fn session_key(handle: &SessionHandle) -> Key {
    let text = handle.to_string();
    let pk = handle.caller().to_string();
    let random = text.strip_prefix(&pk).unwrap_or_default();
    Key::new(pk, format!("{SESSION}{random}"))
}

/// The session that lies there, if one can.
pub(super) fn handle_at(key: &Item) -> Result<SessionHandle, StoreError> {
    let text = |name| key.get(name).and_then(|value| value.as_s().ok());
    let random = text("sk").and_then(|sk| sk.strip_prefix(SESSION));
    text("pk")
        .zip(random)
        .and_then(|(pk, random)| SessionHandle::parse(&format!("{pk}{random}")).ok())
        .ok_or_else(|| StoreError::Corrupt("a session is stored at no handle".into()))
}

/// The shard of a session: the first four of its random bits.
pub(super) fn shard(handle: &SessionHandle) -> String {
    let [first, ..] = handle.random();
    format!("{:x}", first >> 4)
}

impl SessionItem {
    /// The item of `record`, at the place of `handle`: its own, unless something
    /// is planted.
    pub(super) fn new(handle: &SessionHandle, record: Session, write: String) -> Self {
        let Key { pk, sk } = session_key(handle);
        let ttl = record.expires.timestamp().saturating_add(KEPT);
        Self { pk, sk, shard: shard(handle), ttl, format: FORMAT, write, record }
    }

    /// The session, if it is stored where and as it was written.
    pub(super) fn into_record(self) -> Result<Session, StoreError> {
        let Self { pk, sk, shard, ttl, format: _, write: _, record } = self;
        let handle = record.handle;
        let own = Self::new(&handle, record, String::new());
        if (own.pk, own.sk, own.shard, own.ttl) == (pk, sk, shard, ttl) {
            Ok(own.record)
        } else {
            Err(StoreError::Corrupt("another session is stored at this handle".into()))
        }
    }
}

impl GateItem {
    /// The first item of a caller's gate.
    pub(super) fn first(place: CallerHash, record: Gate, write: String) -> Self {
        let Key { pk, sk } = gate_key(place);
        Self { pk, sk, format: FORMAT, revision: 1, write, before: Vec::new(), record }
    }

    /// The item that comes after this one.
    pub(super) fn next(self, record: Gate, write: String) -> Self {
        let mut before = self.before;
        before.insert(0, self.write);
        before.truncate(REMEMBERED);
        Self { revision: self.revision.saturating_add(1), write, before, record, ..self }
    }

    /// Whether that write happened, lately.
    pub(super) fn has_seen(&self, write: &str) -> bool {
        self.write == write || self.before.iter().any(|before| before == write)
    }

    /// Reads the gate that was found there.
    pub(super) fn read(item: Item, place: CallerHash) -> Result<Self, StoreError> {
        let item: Self = decode(item)?;
        let Key { pk, sk } = gate_key(place);
        if (&item.pk, &item.sk) == (&pk, &sk) {
            Ok(item)
        } else {
            Err(StoreError::Corrupt("another item is stored at this gate".into()))
        }
    }

    pub(super) const fn record(&self) -> &Gate {
        &self.record
    }

    pub(super) fn into_record(self) -> Gate {
        self.record
    }
}

/// The item's attributes.
pub(super) fn encode(item: &impl Serialize) -> Result<Item, StoreError> {
    serde_dynamo::aws_sdk_dynamodb_1::to_item(item)
        .map_err(|_| StoreError::Refused("the record cannot be written as an item".into()))
}

/// The value of one attribute.
pub(super) fn encode_value(value: &impl Serialize) -> Result<AttributeValue, StoreError> {
    serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(value)
        .map_err(|_| StoreError::Refused("the value cannot be written as an attribute".into()))
}

/// What the attributes are an item of. The cause quotes nothing of what is there.
pub(super) fn decode<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    let corrupt = |cause: &str| StoreError::Corrupt(cause.into());
    let format = item.get("format").and_then(|format| format.as_n().ok());
    match format.map(|format| *format == FORMAT.to_string()) {
        Some(true) => serde_dynamo::aws_sdk_dynamodb_1::from_item(item)
            .map_err(|_| corrupt("not the record that is kept here")),
        Some(false) => Err(corrupt("a record of an unknown format")),
        None => Err(corrupt("not a record")),
    }
}
