//! What earlier versions wrote to the file of this machine and to the log, and the ids that they
//! issued.

use data_encoding::HEXLOWER;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use sentinel_store::redb::{RedbFile, RedbGrants, RedbRequests, RedbSessions};
use sentinel_store::{
    CallerKey, GrantId, Record, RequestId, SessionHandle, SessionId, SessionKeys, SessionSecret,
};
use serde_json::{Value, json};

use crate::golden_records::{Golden, assert_written, frozen, read, write};
use crate::records::{event, line, refused, vended};

type Id = TableDefinition<'static, &'static [u8; 26], &'static [u8]>;
type Hash = TableDefinition<'static, &'static [u8; 16], &'static [u8]>;

const BY_ID: [Id; 3] = [
    TableDefinition::new("sentinel-sessions"),
    TableDefinition::new("sentinel-requests"),
    TableDefinition::new("sentinel-grants"),
];
const BY_HASH: [Hash; 2] =
    [TableDefinition::new("sentinel-gates"), TableDefinition::new("sentinel-caller-ledgers")];
const BY_PROFILE: TableDefinition<'_, &str, &[u8]> =
    TableDefinition::new("sentinel-profile-ledgers");
const COUNTS: TableDefinition<'_, (i64, &[u8; 16], i64), u32> =
    TableDefinition::new("sentinel-vend-counts");
const PENDING: TableDefinition<'_, (&str, i64, u32, &[u8; 26]), ()> =
    TableDefinition::new("sentinel-pending-requests");
const OPEN: TableDefinition<'_, (i64, u32, &[u8; 26]), ()> =
    TableDefinition::new("sentinel-open-grants");

/// The digest before a record, and the record.
fn stored(bytes: &[u8]) -> Value {
    let (digest, json) = bytes.split_at(8);
    json!([HEXLOWER.encode(digest), std::str::from_utf8(json).unwrap()])
}

fn bytes_of(stored: &Value) -> Vec<u8> {
    let text = |at: usize| stored[at].as_str().unwrap();
    [HEXLOWER.decode(text(0).as_bytes()).unwrap(), text(1).as_bytes().to_vec()].concat()
}

fn hex<const N: usize>(text: &Value) -> [u8; N] {
    let bytes = HEXLOWER.decode(text.as_str().unwrap().as_bytes()).unwrap();
    bytes.try_into().unwrap()
}

/// Every row: its table, its key and its value.
fn rows(database: &Database) -> Vec<(&'static str, Value, Value)> {
    let transaction = database.begin_read().unwrap();
    let mut rows = Vec::new();
    for (name, table) in
        ["sentinel-sessions", "sentinel-requests", "sentinel-grants"].into_iter().zip(BY_ID)
    {
        for row in transaction.open_table(table).unwrap().iter().unwrap() {
            let (key, value) = row.unwrap();
            rows.push((name, json!(HEXLOWER.encode(key.value())), stored(value.value())));
        }
    }
    for (name, table) in ["sentinel-gates", "sentinel-caller-ledgers"].into_iter().zip(BY_HASH) {
        for row in transaction.open_table(table).unwrap().iter().unwrap() {
            let (key, value) = row.unwrap();
            rows.push((name, json!(HEXLOWER.encode(key.value())), stored(value.value())));
        }
    }
    for row in transaction.open_table(BY_PROFILE).unwrap().iter().unwrap() {
        let (key, value) = row.unwrap();
        rows.push(("sentinel-profile-ledgers", json!(key.value()), stored(value.value())));
    }
    for row in transaction.open_table(COUNTS).unwrap().iter().unwrap() {
        let (key, value) = row.unwrap();
        let (end, hash, start) = key.value();
        let key = json!([end, HEXLOWER.encode(hash), start]);
        rows.push(("sentinel-vend-counts", key, json!(value.value())));
    }
    for row in transaction.open_table(PENDING).unwrap().iter().unwrap() {
        let (key, _) = row.unwrap();
        let (profile, seconds, nanoseconds, id) = key.value();
        let key = json!([profile, seconds, nanoseconds, HEXLOWER.encode(id)]);
        rows.push(("sentinel-pending-requests", key, Value::Null));
    }
    for row in transaction.open_table(OPEN).unwrap().iter().unwrap() {
        let (key, _) = row.unwrap();
        let (seconds, nanoseconds, id) = key.value();
        let key = json!([seconds, nanoseconds, HEXLOWER.encode(id)]);
        rows.push(("sentinel-open-grants", key, Value::Null));
    }
    rows
}

/// Writes rows into a new file.
fn put_rows(database: &Database, golden: &Golden) {
    let transaction = database.begin_write().unwrap();
    for row in golden.values() {
        let (table, key, value) = (row["table"].as_str().unwrap(), &row["key"], &row["value"]);
        let number = |at: usize| key[at].as_i64().unwrap();
        match table {
            "sentinel-sessions" | "sentinel-requests" | "sentinel-grants" => {
                let table = TableDefinition::<&[u8; 26], &[u8]>::new(table);
                let mut table = transaction.open_table(table).unwrap();
                table.insert(&hex(key), bytes_of(value).as_slice()).unwrap();
            }
            "sentinel-gates" | "sentinel-caller-ledgers" => {
                let table = TableDefinition::<&[u8; 16], &[u8]>::new(table);
                let mut table = transaction.open_table(table).unwrap();
                table.insert(&hex(key), bytes_of(value).as_slice()).unwrap();
            }
            "sentinel-profile-ledgers" => {
                let mut table = transaction.open_table(BY_PROFILE).unwrap();
                table.insert(key.as_str().unwrap(), bytes_of(value).as_slice()).unwrap();
            }
            "sentinel-vend-counts" => {
                let count = u32::try_from(value.as_u64().unwrap()).unwrap();
                let mut table = transaction.open_table(COUNTS).unwrap();
                table.insert((number(0), &hex(&key[1]), number(2)), count).unwrap();
            }
            "sentinel-pending-requests" => {
                let nanoseconds = u32::try_from(number(2)).unwrap();
                let key = (key[0].as_str().unwrap(), number(1), nanoseconds, &hex(&key[3]));
                transaction.open_table(PENDING).unwrap().insert(key, ()).unwrap();
            }
            "sentinel-open-grants" => {
                let nanoseconds = u32::try_from(number(1)).unwrap();
                let key = (number(0), nanoseconds, &hex(&key[2]));
                transaction.open_table(OPEN).unwrap().insert(key, ()).unwrap();
            }
            other => panic!("{other} is not a table"),
        }
    }
    transaction.commit().unwrap();
}

struct Stores {
    sessions: RedbSessions,
    requests: RedbRequests,
    grants: RedbGrants,
}

impl Stores {
    fn open(path: &std::path::Path) -> Self {
        let file = RedbFile::open(path).unwrap();
        Self {
            sessions: RedbSessions::new(file.clone()).unwrap(),
            requests: RedbRequests::new(file.clone()).unwrap(),
            grants: RedbGrants::new(file).unwrap(),
        }
    }
}

#[tokio::test]
async fn the_file_has_the_rows_that_earlier_versions_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sentinel.redb");
    let Stores { sessions, requests, grants } = Stores::open(&path);
    write(&sessions, &requests, &grants).await;
    drop((sessions, requests, grants));
    let written = rows(&Database::open(&path).unwrap());
    let golden = written.into_iter().map(|(table, key, value)| {
        (format!("{table} {key}"), json!({ "table": table, "key": key, "value": value }))
    });
    assert_written("redb.json", &golden.collect());
}

#[tokio::test]
async fn the_rows_of_every_earlier_version_are_read() {
    let versions = frozen("redb.json");
    assert!(!versions.is_empty());
    for golden in versions {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sentinel.redb");
        put_rows(&Database::create(&path).unwrap(), &golden);
        let Stores { sessions, requests, grants } = Stores::open(&path);
        read(&sessions, &requests, &grants).await;
    }
}

#[test]
fn records_are_written_as_earlier_versions_wrote_them() {
    let records = [
        ("refused", Record::Decision(Box::new(refused()))),
        ("vended", Record::Decision(Box::new(vended()))),
        ("revocation", Record::Event(Box::new(event()))),
    ];
    let golden = records.iter().map(|(name, record)| ((*name).to_owned(), json!(line(record))));
    assert_written("log.json", &golden.collect());
}

/// The texts of ids by name.
fn ids() -> Golden {
    let caller = CallerKey::parse("111122223333/Deploy").unwrap();
    let (handle, secret) =
        (SessionHandle::new(caller.hash(), [1; 10]), SessionSecret::new([7; 16]));
    let keys = SessionKeys::parse("the-first-key-of-32-characters-x").unwrap();
    let texts = [
        ("caller-hash", caller.hash().to_string()),
        ("handle", handle.to_string()),
        ("session", SessionId::new(handle, secret.clone()).reveal()),
        ("session-with-check", keys.issue(handle, secret).reveal()),
        ("request", RequestId::new(caller.hash(), [2; 10]).to_string()),
        ("grant", GrantId::new(caller.hash(), [3; 10]).to_string()),
    ];
    texts.into_iter().map(|(name, text)| (name.to_owned(), json!(text))).collect()
}

#[test]
fn ids_are_written_and_read_as_earlier_versions_wrote_them() {
    assert_written("ids.json", &ids());
    for golden in frozen("ids.json") {
        let text = |name: &str| golden[name].as_str().unwrap();
        let caller = CallerKey::parse("111122223333/Deploy").unwrap();
        let handle = SessionHandle::parse(text("handle")).unwrap();
        assert_eq!(handle, SessionHandle::new(caller.hash(), [1; 10]));
        let session = SessionId::parse(text("session")).unwrap();
        assert_eq!(session.handle, handle);
        assert_eq!(session.secret.digest(), SessionSecret::new([7; 16]).digest());
        let keys = SessionKeys::parse("the-first-key-of-32-characters-x").unwrap();
        assert!(keys.accept(&SessionId::parse(text("session-with-check")).unwrap()));
        let request = RequestId::parse(text("request")).unwrap();
        assert_eq!(request, RequestId::new(caller.hash(), [2; 10]));
        let grant = GrantId::parse(text("grant")).unwrap();
        assert_eq!(grant, GrantId::new(caller.hash(), [3; 10]));
    }
}
