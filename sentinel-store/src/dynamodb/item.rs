//! The items of sessions and gates.
//!
//! A record is only read in the format in which it was written. A change of the meaning or
//! the attributes of an item raises [`FORMAT`], so that an older version of the program
//! refuses the item and does not ignore a part of it.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::table::{Item, Key};
use crate::{CallerHash, Gate, RateWindow, Session, SessionHandle, StoreError};

pub(super) const FORMAT: u32 = 1;

/// Time in seconds that a session is kept after its expiration, for investigations.
const KEPT_AFTER_EXPIRATION: i64 = 24 * 60 * 60;

/// Number of former writes whose names are kept: more than can happen while one of them is
/// retried.
const REMEMBERED: usize = 32;

const GATE: &str = "gate";
pub(super) const SESSION: &str = "session#";
const VEND_COUNT: &str = "rate#";

/// Time in seconds that a count of vends is kept after its window: longer than clocks differ.
const COUNT_KEPT_AFTER_END: i64 = 60 * 60;

/// Lists of all sessions read shard after shard, so that the writes are distributed over
/// the partitions of the index.
pub(super) const SHARDS: &str = "0123456789abcdef";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionItem {
    pk: String,
    sk: String,
    shard: String,
    ttl: i64,
    format: u32,
    /// The name of the last write.
    pub(super) write: String,
    record: Session,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GateItem {
    pk: String,
    sk: String,
    format: u32,
    /// Number of changes. Each change is conditional on the number that its writer read.
    pub(super) revision: u64,
    write: String,
    /// The names of the former writes, the latest first.
    before: Vec<String>,
    record: Gate,
}

/// The key of a caller's gate.
pub(super) fn gate_key(caller: CallerHash) -> Key {
    Key::new(caller.to_string(), GATE)
}

/// The key of a session.
pub(super) fn session_key(handle: &SessionHandle) -> Key {
    let text = handle.to_string();
    let pk = handle.caller().to_string();
    let random = text.strip_prefix(&pk).unwrap_or_default();
    Key::new(pk, format!("{SESSION}{random}"))
}

/// The key of the count of a caller's vends in a window.
pub(super) fn vend_count_key(caller: CallerHash, window: &RateWindow) -> Key {
    let (start, length) = (window.start().timestamp(), window.seconds());
    Key::new(caller.to_string(), format!("{VEND_COUNT}{start}#{length}"))
}

/// When the count of a window may be removed, in seconds since 1970.
pub(super) fn vend_count_ttl(window: &RateWindow) -> i64 {
    window.end().timestamp().saturating_add(COUNT_KEPT_AFTER_END)
}

/// The handle of the session with this key, if the key is one of a session.
pub(super) fn handle_at(key: &Item) -> Result<SessionHandle, StoreError> {
    let text = |name| key.get(name).and_then(|value| value.as_s().ok());
    let random = text("sk").and_then(|sk| sk.strip_prefix(SESSION));
    text("pk")
        .zip(random)
        .and_then(|(pk, random)| SessionHandle::parse(&format!("{pk}{random}")).ok())
        .ok_or_else(|| StoreError::Corrupt("the key is not one of a session".into()))
}

/// The name of a row in the log: its handle, or the beginning of its key if the key is not
/// one of a session.
pub(super) fn row_name(item: &Item) -> String {
    const MAX_LENGTH: usize = 100;
    match handle_at(item) {
        Ok(handle) => handle.to_string(),
        Err(_) => {
            let part = |name| item.get(name).and_then(|value| value.as_s().ok());
            let parts = ["pk", "sk"].map(|name| part(name).map_or("", String::as_str));
            let text = parts.join(" ");
            text.chars().filter(|char| !char.is_control()).take(MAX_LENGTH).collect()
        }
    }
}

/// The shard of a session: the first four of the random bits.
pub(super) fn shard(handle: &SessionHandle) -> String {
    let [first, ..] = handle.random();
    format!("{:x}", first >> 4)
}

impl SessionItem {
    /// The item of `record` with the key of `handle`, which is the record's own handle
    /// except for planted records.
    pub(super) fn new(handle: &SessionHandle, record: Session, write: String) -> Self {
        let Key { pk, sk } = session_key(handle);
        let ttl = record.expires.timestamp().saturating_add(KEPT_AFTER_EXPIRATION);
        Self { pk, sk, shard: shard(handle), ttl, format: FORMAT, write, record }
    }

    /// The session, if the item is complete and has the session's own key.
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

    /// The item that replaces this one.
    pub(super) fn next(self, record: Gate, write: String) -> Self {
        let mut before = self.before;
        before.insert(0, self.write);
        before.truncate(REMEMBERED);
        Self { revision: self.revision.saturating_add(1), write, before, record, ..self }
    }

    /// Whether a write is the last one or one of the kept former ones.
    pub(super) fn has_seen(&self, write: &str) -> bool {
        self.write == write || self.before.iter().any(|before| before == write)
    }

    /// Decodes the gate that was found for a caller.
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

/// The attributes of an item.
pub(super) fn encode(item: &impl Serialize) -> Result<Item, StoreError> {
    serde_dynamo::aws_sdk_dynamodb_1::to_item(item)
        .map_err(|_| StoreError::Refused("the record cannot be written as an item".into()))
}

/// The value of one attribute.
pub(super) fn encode_value(value: &impl Serialize) -> Result<AttributeValue, StoreError> {
    serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(value)
        .map_err(|_| StoreError::Refused("the value cannot be written as an attribute".into()))
}

/// Decodes an item. The cause of an error does not quote the item.
pub(super) fn decode<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    let corrupt = |cause: &str| StoreError::Corrupt(cause.into());
    if !item.values().all(is_readable) {
        return Err(corrupt("not a record: an attribute is of an unknown type"));
    }
    let format = item.get("format").and_then(|format| format.as_n().ok());
    match format.map(|format| *format == FORMAT.to_string()) {
        Some(true) => serde_dynamo::aws_sdk_dynamodb_1::from_item(item)
            .map_err(|_| corrupt("not a record of this kind")),
        Some(false) => Err(corrupt("a record of an unknown format")),
        None => Err(corrupt("not a record")),
    }
}

/// Whether the types of an attribute and of its parts are known. `serde_dynamo` panics on others. The
/// fuzz target `items` has such an item among its regressions.
fn is_readable(value: &AttributeValue) -> bool {
    !value.is_unknown()
        && value.as_m().ok().is_none_or(|map| map.values().all(is_readable))
        && value.as_l().ok().is_none_or(|list| list.iter().all(is_readable))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::{DateTime, Utc};
    use proptest::{option, prelude::*};

    use super::*;
    use crate::{AccountId, Block, CallerKey, Epoch, Epochs, GateState, Generation, ProfileName};

    prop_compose! {
        fn instant()(seconds in -8_000_000_000_000_i64..8_000_000_000_000, nanos in 0..1_000_000_000_u32)
            -> DateTime<Utc> {
            DateTime::from_timestamp(seconds, nanos).unwrap()
        }
    }

    /// The item without each of its attributes in turn, including nested ones. The members
    /// of attributes for which `named` is true are not removed.
    fn lacking(item: &Item, named: &dyn Fn(&[&str]) -> bool) -> Vec<Item> {
        fn walk(item: &Item, path: &mut Vec<String>, named: &dyn Fn(&[&str]) -> bool) -> Vec<Item> {
            let mut all = Vec::new();
            let here: Vec<&str> = path.iter().map(String::as_str).collect();
            let is_map = named(&here);
            for (name, value) in item {
                if !is_map {
                    let mut less = item.clone();
                    less.remove(name);
                    all.push(less);
                }
                if let AttributeValue::M(inner) = value {
                    path.push(name.clone());
                    for inner in walk(inner, path, named) {
                        let mut less = item.clone();
                        less.insert(name.clone(), AttributeValue::M(inner));
                        all.push(less);
                    }
                    path.pop();
                }
            }
            all
        }
        walk(item, &mut Vec::new(), named)
    }

    prop_compose! {
        fn session()(
            caller in "[^\\p{Cc}]{1,64}",
            random: [u8; 10],
            secret_digest: [u8; 32],
            texts in prop::array::uniform4(".*"),
            epochs: (u64, u64),
            generation: u64,
            created in instant(),
            expires in instant(),
            ended in option::of(instant()),
        ) -> Session {
            let caller = CallerKey::parse(&caller).unwrap();
            let [user, principal, source_identity, request_id] = texts;
            Session {
                handle: SessionHandle::new(caller.hash(), random),
                secret_digest,
                caller,
                user,
                profile: ProfileName::parse("production").unwrap(),
                account: AccountId::parse("111122223333").unwrap(),
                principal,
                source_identity,
                request_id,
                created,
                expires,
                epochs: Epochs { caller: Epoch(epochs.0), profile: Epoch(epochs.1) },
                generation: Generation(generation),
                ended,
            }
        }
    }

    prop_compose! {
        fn state()(
            epoch: u64,
            block in option::of((option::of(instant()), ".*", ".*", instant())),
        ) -> GateState {
            let block = block.map(|(until, by, reason, at)| Block { until, by, reason, at });
            GateState { epoch: Epoch(epoch), block }
        }
    }

    prop_compose! {
        fn gate()(
            caller in "[^\\p{Cc}]{1,64}",
            whole in state(),
            profiles in prop::collection::btree_map("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", state(), 0..4),
        ) -> Gate {
            let caller = CallerKey::parse(&caller).unwrap();
            let profiles = profiles.into_iter().map(|(name, state)| {
                (ProfileName::parse(&name).unwrap(), state)
            });
            Gate { caller, whole, profiles: profiles.collect::<BTreeMap<_, _>>() }
        }
    }

    proptest! {
        /// A session is read unchanged from its item, its key contains its handle, and an
        /// item that lacks an attribute is an error.
        #[test]
        fn a_session_is_read_from_its_item(session in session()) {
            let item = SessionItem::new(&session.handle, session.clone(), "w".to_owned());
            let item = encode(&item).unwrap();
            prop_assert_eq!(handle_at(&item).unwrap(), session.handle);
            let found = decode::<SessionItem>(item.clone()).unwrap().into_record().unwrap();
            prop_assert!(found == session);
            for name in item.keys() {
                let mut less = item.clone();
                less.remove(name);
                prop_assert!(decode::<SessionItem>(less).is_err());
            }
        }

        /// A gate is read unchanged from its item after any number of changes. A limited
        /// number of former writes is kept.
        #[test]
        fn a_gate_is_read_from_its_item(gate in gate(), writes in 0..80_usize) {
            let mut item = GateItem::first(gate.caller.hash(), gate.clone(), "0".to_owned());
            for write in 1..=writes {
                item = item.next(gate.clone(), write.to_string());
            }
            let stored = encode(&item).unwrap();
            let found: GateItem = decode(stored).unwrap();
            prop_assert_eq!(found.revision, u64::try_from(writes).unwrap() + 1);
            for write in 0..=writes {
                let remembered = writes - write <= REMEMBERED;
                prop_assert_eq!(found.has_seen(&write.to_string()), remembered);
            }
            prop_assert_eq!(found.into_record(), gate);
        }

        /// A gate's item that lacks an attribute at any depth is an error. Exceptions are a
        /// whole profile and the list of former writes.
        #[test]
        fn a_gate_that_lacks_an_attribute_is_invalid(gate in gate()) {
            let item = encode(&GateItem::first(gate.caller.hash(), gate, "w".to_owned())).unwrap();
            for less in lacking(&item, &|path| path == ["record", "profiles"]) {
                prop_assert!(decode::<GateItem>(less).is_err());
            }
        }

        /// A session's item that lacks an attribute at any depth is an error.
        #[test]
        fn a_session_that_lacks_an_attribute_is_invalid(session in session()) {
            let item = SessionItem::new(&session.handle, session.clone(), "w".to_owned());
            for less in lacking(&encode(&item).unwrap(), &|_| false) {
                prop_assert!(decode::<SessionItem>(less).is_err());
            }
        }

        /// The shard of every session is read by lists.
        #[test]
        fn every_shard_is_listed(random: [u8; 10]) {
            let caller = CallerKey::parse("alice").unwrap();
            let shard = shard(&SessionHandle::new(caller.hash(), random));
            prop_assert!(shard.len() == 1 && SHARDS.contains(&shard));
        }
    }
}
