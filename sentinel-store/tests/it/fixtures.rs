//! Stores and records for tests.

use std::{num::NonZeroUsize, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sentinel_store::folder::FolderPolicies;
use sentinel_store::memory::{MemoryGrants, MemoryPolicies, MemoryRequests, MemorySessions};
use sentinel_store::redb::{RedbFile, RedbGrants, RedbRequests, RedbSessions};
use sentinel_store::{
    AccessRequest, AccountId, Block, CallerKey, Epochs, Gate, GateChange, Generation, Grant,
    GrantId, PolicyPath, ProfileName, RequestId, Scope, Session, SessionFields, SessionHandle,
    SessionId, SessionSecret,
    conformance::{Backdoor, GrantBackdoor, PolicyEditor, RequestBackdoor},
};
use tempfile::TempDir;

/// Small, and not a divisor of the numbers in the suite, so that pages end anywhere.
pub(crate) fn page_size() -> NonZeroUsize {
    NonZeroUsize::new(7).unwrap()
}

pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_342_400 + seconds, 0).unwrap()
}

pub(crate) fn caller(key: &str) -> CallerKey {
    CallerKey::parse(key).unwrap()
}

pub(crate) fn profile(name: &str) -> ProfileName {
    ProfileName::parse(name).unwrap()
}

/// The id of a caller's session with this number.
pub(crate) fn id(caller: &CallerKey, number: u32) -> SessionId {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&number.to_be_bytes());
    let secret = SessionSecret::new([u8::try_from(number % 251).unwrap(); 16]);
    SessionId::new(SessionHandle::new(caller.hash(), random), secret)
}

/// The session of [`id`], on `production`, created under an open gate.
pub(crate) fn session(caller: &CallerKey, number: u32) -> Session {
    let id = id(caller, number);
    Session::new(SessionFields {
        handle: id.handle,
        secret_digest: id.secret.digest(),
        caller: caller.clone(),
        user: "alice".to_owned(),
        profile: profile("production"),
        account: AccountId::parse("111122223333").unwrap(),
        principal: "arn:aws:iam::111122223333:user/alice".to_owned(),
        source_identity: format!("sentinel-alice-{}", id.handle.short()),
        request_id: "req-1".to_owned(),
        created: at(0),
        expires: at(3600),
        epochs: Epochs::default(),
        generation: Generation(0),
    })
}

pub(crate) fn revoke(scope: Scope, until: Option<DateTime<Utc>>) -> GateChange {
    let block = Block::new("carol", at(0)).with_reason("test").with_until(until);
    GateChange::revoke(scope, block)
}

pub(crate) struct MemoryBackdoor(pub(crate) Arc<MemorySessions>);

#[async_trait]
impl Backdoor for MemoryBackdoor {
    async fn plant_gate(&self, caller: &CallerKey, gate: Option<&Gate>) -> bool {
        gate.map(|gate| self.0.plant_gate(caller, gate.clone())).is_some()
    }

    async fn plant_session(&self, handle: &SessionHandle, session: Option<&Session>) -> bool {
        session.map(|session| self.0.plant_session(*handle, session.clone())).is_some()
    }

    async fn purge_expired(&self, before: DateTime<Utc>) -> bool {
        self.0.purge_expired(before);
        true
    }
}

pub(crate) struct MemoryRequestBackdoor(pub(crate) Arc<MemoryRequests>);

#[async_trait]
impl RequestBackdoor for MemoryRequestBackdoor {
    async fn plant_request(&self, id: &RequestId, request: Option<&AccessRequest>) -> bool {
        request.map(|request| self.0.plant_request(*id, request.clone())).is_some()
    }

    async fn purge(&self, before: DateTime<Utc>) -> bool {
        self.0.purge(before);
        true
    }
}

pub(crate) struct MemoryGrantBackdoor(pub(crate) Arc<MemoryGrants>);

#[async_trait]
impl GrantBackdoor for MemoryGrantBackdoor {
    async fn plant_grant(&self, id: &GrantId, grant: Option<&Grant>) -> bool {
        grant.map(|grant| self.0.plant_grant(*id, grant.clone())).is_some()
    }

    async fn purge(&self, before: DateTime<Utc>) -> bool {
        self.0.purge(before);
        true
    }
}

/// Sessions in a file that is deleted with them.
pub(crate) struct RedbBackdoor {
    pub(crate) sessions: RedbSessions,
    pub(crate) folder: TempDir,
}

impl RedbBackdoor {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sessions = RedbSessions::open(&folder.path().join("sentinel.redb")).unwrap();
        Self { sessions: sessions.with_page_size(page_size()), folder }
    }
}

#[async_trait]
impl Backdoor for RedbBackdoor {
    async fn plant_gate(&self, caller: &CallerKey, gate: Option<&Gate>) -> bool {
        self.sessions.plant_gate(caller, gate).await.is_ok()
    }

    async fn plant_session(&self, handle: &SessionHandle, session: Option<&Session>) -> bool {
        self.sessions.plant_session(handle, session).await.is_ok()
    }

    async fn purge_expired(&self, before: DateTime<Utc>) -> bool {
        self.sessions.purge_expired(before).await.is_ok()
    }
}

/// Requests and grants in a file that is deleted with them.
pub(crate) struct RedbPeople {
    pub(crate) requests: RedbRequests,
    pub(crate) grants: RedbGrants,
    _folder: TempDir,
}

impl RedbPeople {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = RedbFile::open(&folder.path().join("sentinel.redb")).unwrap();
        let requests = RedbRequests::new(file.clone()).unwrap().with_page_size(page_size());
        let grants = RedbGrants::new(file).unwrap().with_page_size(page_size());
        Self { requests, grants, _folder: folder }
    }
}

#[async_trait]
impl RequestBackdoor for RedbPeople {
    async fn plant_request(&self, id: &RequestId, request: Option<&AccessRequest>) -> bool {
        self.requests.plant_request(id, request).await.is_ok()
    }

    async fn purge(&self, before: DateTime<Utc>) -> bool {
        self.requests.purge(before).await.is_ok()
    }
}

#[async_trait]
impl GrantBackdoor for RedbPeople {
    async fn plant_grant(&self, id: &GrantId, grant: Option<&Grant>) -> bool {
        self.grants.plant_grant(id, grant).await.is_ok()
    }

    async fn purge(&self, before: DateTime<Utc>) -> bool {
        self.grants.purge(before).await.is_ok()
    }
}

pub(crate) fn root() -> PolicyPath {
    PolicyPath::new("/sentinel/policies")
}

pub(crate) struct MemoryEditor(pub(crate) Arc<MemoryPolicies>);

#[async_trait]
impl PolicyEditor for MemoryEditor {
    async fn put(&self, name: &str, text: &[u8]) -> bool {
        self.0.put(&root().join(name), text);
        true
    }

    async fn remove(&self, name: &str) {
        self.0.remove(&root().join(name));
    }
}

/// Edits files in place.
pub(crate) struct FolderEditor(pub(crate) TempDir);

impl FolderEditor {
    pub(crate) fn new() -> (FolderPolicies, Self) {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderPolicies::new(folder.path(), root())
            .with_page_size(page_size())
            .with_settled(std::time::Duration::from_millis(50));
        (store, Self(folder))
    }
}

#[async_trait]
impl PolicyEditor for FolderEditor {
    async fn put(&self, name: &str, text: &[u8]) -> bool {
        std::fs::write(self.0.path().join(format!("{name}.yaml")), text).unwrap();
        true
    }

    async fn remove(&self, name: &str) {
        std::fs::remove_file(self.0.path().join(format!("{name}.yaml"))).unwrap();
    }
}
