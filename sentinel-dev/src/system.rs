//! Assembles the system: the same broker, TVM and authorizer as in Lambda, with a
//! folder of policies, a database file and a local issuer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use sentinel_authorizer::{Authorizer, ResponseFormat};
use sentinel_broker::{
    Broker, CallerRate, Home, Issuer, LocalIssuer, OsRandom, Parts, SessionTable, Settings,
};
use sentinel_store::folder::FolderPolicies;
use sentinel_store::redb::{RedbFile, RedbGrants, RedbRequests, RedbSessions};
use sentinel_store::{
    AccountId, AuditSink, Causes, Clock, GrantStore, PolicyPath, RequestStore, StoreError,
    SystemClock,
};
use sentinel_tvm::Tvm;
use tempfile::TempDir;

use crate::StartError;
use crate::callers::Callers;
use crate::data::{AccessKey, Data, Documents};
use crate::gateway::Gateway;
use crate::identities::{ACCOUNT, Identity};
use crate::notify::{Notices, NotifiedGrants, NotifiedRequests};

/// Half of the second within which a change of a policy must take effect.
const POLICY_CACHE_TTL: Duration = Duration::from_millis(500);

/// Interval between removals of records that expired long ago.
const PURGE_INTERVAL: Duration = Duration::from_secs(3600);
const PURGE_AFTER: TimeDelta = TimeDelta::days(7);

/// The stores in the database file.
#[derive(Clone, Debug)]
pub(crate) struct Stores {
    sessions: RedbSessions,
    requests: RedbRequests,
    grants: RedbGrants,
}

/// The system, ready to serve.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) gateway: Gateway,
    pub(crate) stores: Stores,
    pub(crate) credentials_file: PathBuf,
    pub(crate) keys: Vec<(Identity, AccessKey)>,
    /// The folder of policies.
    pub(crate) folder: PathBuf,
    pub(crate) temporary: Option<TempDir>,
    /// The documents in the folder.
    pub(crate) documents: FolderPolicies,
}

pub(crate) fn build(
    data: &Data,
    identities: Vec<Identity>,
    documents: Documents,
    sink: Arc<dyn AuditSink>,
    real: Option<(Arc<dyn Issuer>, Home)>,
    caller_rate: Option<CallerRate>,
    notices: Option<Notices>,
) -> Result<System, StartError> {
    let (real, home) = match real {
        Some((issuer, home)) => (Some(issuer), home),
        None => {
            let account = AccountId::parse(ACCOUNT)
                .map_err(|error| StartError::because("the account of this server", error))?;
            (None, Home::new("aws", account))
        }
    };
    let account = home.account.clone();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random = Arc::new(OsRandom);
    // With another issuer, /sts still recognizes the credentials that this server
    // issued earlier.
    let local = Arc::new(LocalIssuer::new(data.issuer_key()?, Arc::clone(&clock), random.clone()));
    let issuer: Arc<dyn Issuer> = real.unwrap_or_else(|| local.clone());
    let stores = open_database(&data.database())?;
    let Stores { sessions, requests, grants } = stores.clone();
    let keys = identities
        .into_iter()
        .map(|identity| data.access_key(&identity).map(|key| (identity, key)))
        .collect::<Result<Vec<_>, StartError>>()?;
    let credentials_file = data.write_credentials(&keys)?;
    let callers = Callers::new(data, &keys, local)?;

    let root = PolicyPath::new("/sentinel/policies");
    let mut settings = Settings::new(root.join("main"));
    settings.main_document_required = false;
    settings.policy_cache_ttl = POLICY_CACHE_TTL;
    // A file that cannot be read is read again each time, never cached.
    settings.policy_max_age = Duration::ZERO;
    settings.caller_rate = caller_rate;
    let mut trusted: Vec<AccountId> =
        keys.iter().map(|(identity, _)| identity.account.clone()).chain([account]).collect();
    trusted.sort();
    trusted.dedup();
    settings.trusted_accounts = Some(trusted);
    let generation = settings.generation;

    let Documents { folder, known, temporary } = documents;
    let documents = known.iter().fold(FolderPolicies::new(&folder, root), |store, (name, text)| {
        store.with_known(name, text.as_bytes())
    });
    let (requests, grants): (Arc<dyn RequestStore>, Arc<dyn GrantStore>) = match notices {
        Some(notices) => (
            Arc::new(NotifiedRequests { requests, notices: notices.clone() }),
            Arc::new(NotifiedGrants { grants, notices }),
        ),
        None => (Arc::new(requests), Arc::new(grants)),
    };
    let parts = Parts::new(Arc::new(documents.clone()), issuer, Arc::clone(&sink))
        .with_sessions(SessionTable::new("sentinel-sessions", Arc::new(sessions.clone())))
        .with_requests(requests)
        .with_grants(grants)
        .with_clock(Arc::clone(&clock))
        .with_random(random);
    let broker = Broker::new(settings, parts);
    let authorizer = Authorizer::new(Arc::new(sessions), sink)
        .with_generation(generation)
        .with_format(ResponseFormat::Simple)
        .with_clock(clock);
    Ok(System {
        gateway: Gateway { tvm: Tvm::new(broker, None), authorizer, callers, home },
        stores,
        credentials_file,
        keys,
        folder,
        temporary,
        documents,
    })
}

fn open_database(path: &Path) -> Result<Stores, StartError> {
    let shown = path.display();
    if path.metadata().is_ok_and(|found| found.len() == 0) {
        tracing::warn!(
            "the database `{shown}` is empty: the server starts without sessions or revocations"
        );
    }
    let open = || {
        let file = RedbFile::open(path)?;
        Ok(Stores {
            sessions: RedbSessions::new(file.clone())?,
            requests: RedbRequests::new(file.clone())?,
            grants: RedbGrants::new(file)?,
        })
    };
    open().map_err(|error: StoreError| {
        let hint = match &error {
            StoreError::Corrupt(_) => {
                ": restore a copy of it, or move it away to start without its sessions and revocations"
            }
            StoreError::NotFound(_)
            | StoreError::Conflict(_)
            | StoreError::Throttled(_)
            | StoreError::Unavailable(_)
            | StoreError::Refused(_) => "",
        };
        let cause = error.without_location();
        StartError::other(format!("cannot open the database `{shown}`: {}{hint}", Causes(&cause)))
    })
}

/// Removes records that expired long ago while the server runs, as a table's TTL does in AWS.
pub(crate) async fn purge(stores: Stores) {
    let Stores { sessions, requests, grants } = stores;
    let mut ticks = tokio::time::interval(PURGE_INTERVAL);
    loop {
        ticks.tick().await;
        let before = Utc::now() - PURGE_AFTER;
        let purged = async {
            sessions.purge_expired(before).await?;
            requests.purge(before).await?;
            grants.purge(before).await
        };
        if let Err(error) = purged.await {
            tracing::warn!(cause = %Causes(&error), "failed to remove expired records");
        }
    }
}
