//! The backend does what Sentinel requires of a session store.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::path::PathBuf;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use sentinel_store::{
    CallerKey, Gate, Session, SessionHandle, SessionStore, StoreError,
    conformance::{self, Backdoor, FreshSessions},
};
use sqlite_store::SqliteSessions;
use tempfile::TempDir;

/// A file that is deleted with the test, and what the suite does to it.
struct File {
    folder: TempDir,
}

impl File {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("sentinel.sqlite")
    }

    fn write(&self, statement: &str, key: &[u8], record: &str) -> bool {
        Connection::open(self.path()).unwrap().execute(statement, params![key, record]).unwrap() > 0
    }
}

#[async_trait]
impl Backdoor for File {
    async fn plant_gate(&self, caller: &CallerKey, gate: Option<&Gate>) -> bool {
        let record =
            gate.map_or("not a gate".to_owned(), |gate| serde_json::to_string(gate).unwrap());
        let statement = "INSERT OR REPLACE INTO gates (caller, record) VALUES (?1, ?2)";
        self.write(statement, caller.hash().as_bytes(), &record)
    }

    async fn plant_session(&self, handle: &SessionHandle, session: Option<&Session>) -> bool {
        let record = session
            .map_or("not a session".to_owned(), |session| serde_json::to_string(session).unwrap());
        let statement =
            "INSERT OR REPLACE INTO sessions (handle, expires, record) VALUES (?1, 0, ?2)";
        self.write(statement, &handle.to_bytes(), &record)
    }

    async fn purge_expired(&self, before: DateTime<Utc>) -> bool {
        let store = SqliteSessions::open(&self.path()).unwrap();
        store.purge_expired(before).await.is_ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_of_the_conformance_suite_passes() {
    let report = conformance::sessions(&|| async {
        let file = File::new();
        FreshSessions::new(SqliteSessions::open(&file.path()).unwrap()).with_backdoor(file)
    })
    .await;
    assert_eq!(report.not_offered().count(), 0);
    report.result().unwrap();
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_corrupt() {
    let file = File::new();
    std::fs::write(file.path(), "x".repeat(4096)).unwrap();
    let error = SqliteSessions::open(&file.path()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    assert!(error.to_string().contains(&*file.path().to_string_lossy()), "{error}");
}

#[tokio::test]
async fn a_gate_is_kept_when_the_file_is_opened_again() {
    let file = File::new();
    let alice = CallerKey::parse("alice").unwrap();
    let change = revocation();
    let before = SqliteSessions::open(&file.path()).unwrap().change_gate(&alice, &change).await;
    let after = SqliteSessions::open(&file.path()).unwrap().gate(&alice).await;
    assert_eq!(after.unwrap(), before.unwrap());
}

/// A revocation of the caller as a whole.
fn revocation() -> sentinel_store::GateChange {
    use sentinel_store::{Block, GateChange, Scope};
    let at = DateTime::from_timestamp(1_769_342_400, 0).unwrap();
    let block = Block::new("carol", at).with_reason("test");
    GateChange::revoke(Scope::Caller, block)
}
