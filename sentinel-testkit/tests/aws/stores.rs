//! Stores on emulators, each with its own tables and parameters.

use std::{
    io::Write as _,
    num::{NonZeroU8, NonZeroUsize},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use chrono::{DateTime, Utc};
use sentinel_store::ssm::SsmPolicies;
use sentinel_store::{
    AccessRequest, AccessRequestFields, CallerKey, Gate, Grant, GrantFields, GrantId, Person,
    PolicyPath, PolicyWriter, RequestId, Session, SessionFields, SessionHandle, StoreResultExt,
    aws::Timing,
    conformance::{
        Backdoor, FreshGrants, FreshPolicies, FreshRequests, FreshSessions, FreshWriter,
        GrantBackdoor, GrantsUnderTest, PoliciesUnderTest, PolicyEditor, RequestBackdoor,
        RequestsUnderTest, SessionsUnderTest, WritersUnderTest,
    },
    dynamodb::{DynamoGrants, DynamoPolicies, DynamoRequests, DynamoSessions, TableDefinition},
};
use sentinel_testkit::emulator::{Emulator, Kind};

/// Emulators on a busy machine are not representative of AWS, so the timeouts are long.
pub(crate) const LONG_TIMEOUTS: Timing = Timing::new(Duration::from_secs(90))
    .with_connect(Duration::from_secs(10))
    .with_attempt(Duration::from_secs(30));

/// Small, and not a divisor of the number of items that the suites write, so that pages can end
/// anywhere.
pub(crate) fn page_size() -> NonZeroUsize {
    NonZeroUsize::new(7).unwrap()
}

/// A name that no other test uses.
pub(crate) fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The emulator, shared with the other tests; `None` if it needs Node and is not installed. In that
/// case, one line reports that the test is skipped.
pub(crate) async fn emulator(kind: Kind) -> Option<Arc<Emulator>> {
    if kind == Kind::Dynalite && !kind.is_installed() {
        // Not with the print macros: their output is not shown if the test passes.
        std::io::stderr().write_all(b"skipped: dynalite is not installed\n").unwrap();
        return None;
    }
    Some(Emulator::shared(kind).await.unwrap_or_else(|error| panic!("{error}")))
}

/// Creates a table, and returns its name.
pub(crate) async fn table(config: &SdkConfig, definition: TableDefinition) -> String {
    let client = aws_sdk_dynamodb::Client::new(config);
    let name = unique("table");
    definition.create(&client, &name).unwrap().send().await.unwrap();
    // dynalite creates tables after it has answered.
    loop {
        let table = client.describe_table().table_name(&name).send().await.unwrap().table.unwrap();
        if table.table_status.unwrap().as_str() == "ACTIVE" {
            return name;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sessions in DynamoDB.
pub(crate) struct Sessions {
    pub(crate) config: SdkConfig,
    _emulator: Arc<Emulator>,
}

impl Sessions {
    pub(crate) async fn on(kind: Kind) -> Option<Self> {
        let emulator = emulator(kind).await?;
        Some(Self { config: emulator.config().unwrap(), _emulator: emulator })
    }

    pub(crate) async fn store(&self) -> (DynamoSessions, String) {
        let table = table(&self.config, TableDefinition::SESSIONS).await;
        let store = DynamoSessions::new(&self.config, table.clone())
            .with_timing(LONG_TIMEOUTS)
            .with_page_size(page_size());
        (store, table)
    }
}

#[async_trait]
impl SessionsUnderTest for Sessions {
    async fn fresh(&self) -> FreshSessions {
        let (store, table) = self.store().await;
        let client = aws_sdk_dynamodb::Client::new(&self.config);
        FreshSessions::new(store).with_backdoor(TableBackdoor { client, table })
    }
}

pub(crate) struct TableBackdoor {
    pub(crate) client: aws_sdk_dynamodb::Client,
    pub(crate) table: String,
}

type Item = std::collections::HashMap<String, AttributeValue>;

impl TableBackdoor {
    pub(crate) async fn plant(&self, item: Item) {
        self.client.put_item().table_name(&self.table).set_item(Some(item)).send().await.unwrap();
    }

    /// Every item.
    pub(crate) async fn items(&self) -> Vec<Item> {
        let pages = self.client.scan().table_name(&self.table).into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.unwrap()
    }
}

/// An item with these keys that is not a valid record.
fn nothing(mut item: Item) -> Item {
    item.retain(|name, _| ["pk", "sk", "shard"].contains(&name.as_str()));
    item.insert("record".to_owned(), AttributeValue::S("no record".to_owned()));
    item
}

#[async_trait]
impl Backdoor for TableBackdoor {
    async fn plant_gate(&self, caller: &CallerKey, gate: Option<&Gate>) -> bool {
        let open = Gate::open(caller.clone());
        let item = DynamoSessions::gate_item(caller, gate.unwrap_or(&open)).unwrap();
        self.plant(if gate.is_some() { item } else { nothing(item) }).await;
        true
    }

    async fn plant_session(&self, handle: &SessionHandle, session: Option<&Session>) -> bool {
        let any = any_session(handle);
        let item = DynamoSessions::session_item(handle, session.unwrap_or(&any)).unwrap();
        self.plant(if session.is_some() { item } else { nothing(item) }).await;
        true
    }

    /// Deletes what DynamoDB would delete, a day after the sessions' end.
    async fn purge_expired(&self, before: DateTime<Utc>) -> bool {
        for item in self.items().await {
            // The time that a record is kept after its end: an hour for counts, a day for sessions.
            let is_count = item["sk"].as_s().unwrap().starts_with("rate#");
            let kept = if is_count { 60 * 60 } else { 24 * 60 * 60 };
            let ttl = item.get("ttl").map(|ttl| ttl.as_n().unwrap().parse::<i64>().unwrap());
            if ttl.is_some_and(|ttl| ttl < before.timestamp() + kept) {
                let keys = item.into_iter().filter(|(name, _)| ["pk", "sk"].contains(&&**name));
                let delete = self.client.delete_item().table_name(&self.table);
                delete.set_key(Some(keys.collect())).send().await.unwrap();
            }
        }
        true
    }
}

/// Requests in DynamoDB.
pub(crate) struct Requests {
    pub(crate) config: SdkConfig,
    _emulator: Arc<Emulator>,
}

impl Requests {
    pub(crate) async fn on(kind: Kind) -> Option<Self> {
        let emulator = emulator(kind).await?;
        Some(Self { config: emulator.config().unwrap(), _emulator: emulator })
    }

    pub(crate) async fn store(&self) -> (DynamoRequests, TableBackdoor) {
        let table = table(&self.config, TableDefinition::REQUESTS).await;
        let store = DynamoRequests::new(&self.config, table.clone())
            .with_timing(LONG_TIMEOUTS)
            .with_page_size(page_size());
        let client = aws_sdk_dynamodb::Client::new(&self.config);
        (store, TableBackdoor { client, table })
    }
}

#[async_trait]
impl RequestsUnderTest for Requests {
    async fn fresh(&self) -> FreshRequests {
        let (store, backdoor) = self.store().await;
        FreshRequests::new(store).with_backdoor(backdoor)
    }
}

/// Grants in DynamoDB.
pub(crate) struct Grants {
    pub(crate) config: SdkConfig,
    _emulator: Arc<Emulator>,
}

impl Grants {
    pub(crate) async fn on(kind: Kind) -> Option<Self> {
        let emulator = emulator(kind).await?;
        Some(Self { config: emulator.config().unwrap(), _emulator: emulator })
    }

    pub(crate) async fn store(&self) -> (DynamoGrants, TableBackdoor) {
        let table = table(&self.config, TableDefinition::GRANTS).await;
        let store = DynamoGrants::new(&self.config, table.clone())
            .with_timing(LONG_TIMEOUTS)
            .with_page_size(page_size());
        let client = aws_sdk_dynamodb::Client::new(&self.config);
        (store, TableBackdoor { client, table })
    }
}

#[async_trait]
impl GrantsUnderTest for Grants {
    async fn fresh(&self) -> FreshGrants {
        let (store, backdoor) = self.store().await;
        FreshGrants::new(store).with_backdoor(backdoor)
    }
}

/// Time that requests and grants are kept after they are over, in seconds.
const KEPT: i64 = 90 * 24 * 60 * 60;

impl TableBackdoor {
    /// Deletes what DynamoDB would delete in the second after `now`, and the records that begin with `kind` as if
    /// they were kept no longer.
    async fn purge_records(&self, kind: &str, now: DateTime<Utc>) {
        for item in self.items().await {
            let ttl = item.get("ttl").map(|ttl| ttl.as_n().unwrap().parse::<i64>().unwrap());
            let kept = if item["sk"].as_s().unwrap().starts_with(kind) { KEPT } else { 0 };
            if ttl.is_some_and(|ttl| ttl - kept <= now.timestamp()) {
                let keys = item.into_iter().filter(|(name, _)| ["pk", "sk"].contains(&&**name));
                let delete = self.client.delete_item().table_name(&self.table);
                delete.set_key(Some(keys.collect())).send().await.unwrap();
            }
        }
    }
}

#[async_trait]
impl RequestBackdoor for TableBackdoor {
    async fn plant_request(&self, id: &RequestId, request: Option<&AccessRequest>) -> bool {
        let any = any_request(id);
        let item = DynamoRequests::request_item(id, request.unwrap_or(&any)).unwrap();
        self.plant(if request.is_some() { item } else { nothing(item) }).await;
        true
    }

    async fn purge(&self, before: DateTime<Utc>) -> bool {
        self.purge_records("request#", before).await;
        true
    }
}

#[async_trait]
impl GrantBackdoor for TableBackdoor {
    async fn plant_grant(&self, id: &GrantId, grant: Option<&Grant>) -> bool {
        let any = any_grant(id);
        let item = DynamoGrants::grant_item(id, grant.unwrap_or(&any)).unwrap();
        self.plant(if grant.is_some() { item } else { nothing(item) }).await;
        true
    }

    async fn purge(&self, before: DateTime<Utc>) -> bool {
        self.purge_records("grant#", before).await;
        true
    }
}

fn any_person() -> Person {
    let account = sentinel_store::AccountId::parse("111122223333").unwrap();
    Person::new(caller("alice"), "alice", account, "arn:aws:iam::111122223333:user/alice")
}

/// The time at which the requests and grants of the tests are created.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_342_400 + seconds, 500_000_000).unwrap()
}

pub(crate) fn any_request(id: &RequestId) -> AccessRequest {
    AccessRequest::new(AccessRequestFields {
        id: *id,
        requester: any_person(),
        profile: sentinel_store::ProfileName::parse("production").unwrap(),
        role_arn: "arn:aws:iam::111122223333:role/SentinelProtected-production".to_owned(),
        rule: "deployments".to_owned(),
        reason: "release".to_owned(),
        duration_s: 3600,
        created: at(0),
        deadline: at(600),
    })
}

pub(crate) fn any_grant(id: &GrantId) -> Grant {
    Grant::new(GrantFields {
        id: *id,
        holder: any_person(),
        profile: sentinel_store::ProfileName::parse("production").unwrap(),
        role_arn: "arn:aws:iam::111122223333:role/SentinelProtected-production".to_owned(),
        rule: "emergency".to_owned(),
        policy_sha256: "0f".repeat(32),
        reason_code: "incident".to_owned(),
        justification: "the payment service is down".to_owned(),
        created: at(0),
        expires: at(600),
    })
}

pub(crate) fn caller(key: &str) -> CallerKey {
    CallerKey::parse(key).unwrap()
}

pub(crate) fn any_session(handle: &SessionHandle) -> Session {
    let at = DateTime::from_timestamp(1_769_342_400, 0).unwrap();
    Session::new(SessionFields {
        handle: *handle,
        secret_digest: [7; 32],
        caller: caller("alice"),
        user: "alice".to_owned(),
        profile: sentinel_store::ProfileName::parse("production").unwrap(),
        account: sentinel_store::AccountId::parse("111122223333").unwrap(),
        principal: "arn:aws:iam::111122223333:user/alice".to_owned(),
        source_identity: "sentinel-alice-abcdefgh".to_owned(),
        request_id: "req-1".to_owned(),
        created: at,
        expires: at + chrono::TimeDelta::hours(1),
        epochs: sentinel_store::Epochs::default(),
        generation: sentinel_store::Generation(0),
    })
}

/// The store of documents in the emulator.
#[derive(Clone, Copy)]
pub(crate) enum Backend {
    Ssm,
    Table,
}

/// Documents in SSM or in a table. Each fresh store has a separate root.
pub(crate) struct Documents {
    pub(crate) config: SdkConfig,
    backend: Backend,
    _emulator: Arc<Emulator>,
}

impl Documents {
    pub(crate) async fn on(kind: Kind, backend: Backend) -> Option<Self> {
        let emulator = emulator(kind).await?;
        Some(Self { config: emulator.config().unwrap(), backend, _emulator: emulator })
    }

    pub(crate) async fn writer(&self) -> Arc<dyn PolicyWriter> {
        match self.backend {
            Backend::Ssm => Arc::new(ssm(&self.config)),
            Backend::Table => {
                let table = table(&self.config, TableDefinition::POLICIES).await;
                let store = DynamoPolicies::new(&self.config, table).with_timing(LONG_TIMEOUTS);
                Arc::new(store.with_page_size(page_size()))
            }
        }
    }
}

pub(crate) fn ssm(config: &SdkConfig) -> SsmPolicies {
    SsmPolicies::new(config).with_timing(LONG_TIMEOUTS).with_page_size(NonZeroU8::new(7).unwrap())
}

pub(crate) fn root() -> PolicyPath {
    PolicyPath::new(&format!("/{}/policies", unique("root")))
}

#[async_trait]
impl WritersUnderTest for Documents {
    async fn fresh(&self) -> FreshWriter {
        FreshWriter::new(self.writer().await, root())
    }
}

#[async_trait]
impl PoliciesUnderTest for Documents {
    async fn fresh(&self) -> FreshPolicies {
        let (writer, root) = (self.writer().await, root());
        let editor = WriterEditor { writer: Arc::clone(&writer), root: root.clone() };
        FreshPolicies::new(writer, root, editor)
    }
}

/// Edits with the store's own writer.
pub(crate) struct WriterEditor {
    pub(crate) writer: Arc<dyn PolicyWriter>,
    pub(crate) root: PolicyPath,
}

#[async_trait]
impl PolicyEditor for WriterEditor {
    async fn put(&self, name: &str, text: &[u8]) -> bool {
        let path = self.root.join(name);
        let over = self.writer.policy(&path).await.optional().unwrap();
        let over = over.map(|found| found.version);
        match self.writer.put(&path, text, over.as_deref()).await {
            Ok(_) => true,
            Err(sentinel_store::StoreError::Refused(_)) => false,
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn remove(&self, name: &str) {
        self.writer.remove(&self.root.join(name)).await.unwrap();
    }
}
