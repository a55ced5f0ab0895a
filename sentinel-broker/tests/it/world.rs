//! A broker with all of its parts in memory, and access to each part.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sentinel_broker::{
    AssumeRole, Broker, Call, Caller, Credentials, Denial, DeviceSource, Home, IssueError, Issued,
    Issuer, LocalIdentity, LocalIssuer, OsRandom, Parts, Random, RandomError, SessionTable,
    Settings, Vend, Vended, VerifiedIdentity,
};
use sentinel_store::conformance::{
    Faults, FaultySink, Hook, HookedGrants, HookedPolicies, HookedRequests, HookedSessions, Phase,
    StoreOperation,
};
use sentinel_store::memory::{
    MemoryGrants, MemoryPolicies, MemoryRequests, MemorySessions, MemorySink,
};
use sentinel_store::{
    AccountId, AuditSink, Clock, DecisionRecord, Event, GrantStore, PolicyPath, ProfileName,
    Record, RequestStore, SessionStore, StoreError,
};

pub(crate) const ACCOUNT: &str = "111122223333";
/// Another account, which only some worlds trust.
pub(crate) const OTHER_ACCOUNT: &str = "444455556666";
/// A role whose session name is the user.
pub(crate) const LISTED_ROLE: &str = "AWSReservedSSO_Admins_0123456789abcdef";
pub(crate) const ROOT: &str = "/sentinel/policies";

/// A clock that changes only when a test changes it.
#[derive(Debug)]
pub(crate) struct StillClock(Mutex<DateTime<Utc>>);

impl StillClock {
    pub(crate) fn at(time: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(time.parse().unwrap())))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap() += TimeDelta::seconds(seconds);
    }
}

impl Clock for StillClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// A local issuer that keeps its requests, and whose calls pass through a
/// hook, like those of stores.
#[derive(Debug)]
pub(crate) struct WatchedIssuer {
    inner: LocalIssuer,
    requests: Mutex<Vec<AssumeRole>>,
    hook: Arc<dyn Hook>,
    issues_whole_length: bool,
}

/// The operation by which hooks identify a call of the issuer.
pub(crate) const ASSUME_ROLE: StoreOperation = StoreOperation::Other("assume_role");

impl WatchedIssuer {
    pub(crate) fn requests(&self) -> Vec<AssumeRole> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn identify(&self, credentials: &Credentials) -> Option<LocalIdentity> {
        self.inner.identify(&credentials.access_key_id, credentials.session_token.reveal())
    }
}

#[async_trait]
impl Issuer for WatchedIssuer {
    async fn assume_role(&self, request: &AssumeRole) -> Result<Issued, IssueError> {
        let failed = |error: StoreError| match error {
            StoreError::Throttled(details) => IssueError::Throttled(details.to_string().into()),
            StoreError::Unavailable(details) => IssueError::Unavailable(details.to_string().into()),
            StoreError::NotFound(_)
            | StoreError::Conflict(_)
            | StoreError::Refused(_)
            | StoreError::Corrupt(_) => IssueError::Refused("injected".into()),
        };
        self.requests.lock().unwrap().push(request.clone());
        let call = self.hook.begin(ASSUME_ROLE);
        self.hook.at(call, Phase::Before).await.map_err(failed)?;
        let end = request.end.filter(|_| !self.issues_whole_length);
        let issued = self.inner.assume_role(&request.clone().with_end(end)).await;
        self.hook.at(call, Phase::After).await.map_err(failed)?;
        issued
    }
}

/// Randomness that can fail.
#[derive(Debug, Default)]
pub(crate) struct FaultyRandom {
    pub(crate) dry: AtomicBool,
}

impl Random for FaultyRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        if self.dry.load(Ordering::SeqCst) {
            Err(RandomError::new("injected"))
        } else {
            OsRandom.fill(buffer)
        }
    }
}

/// A broker and its parts.
pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) policies: Arc<MemoryPolicies>,
    pub(crate) sessions: Arc<MemorySessions>,
    pub(crate) requests: Arc<MemoryRequests>,
    pub(crate) grants: Arc<MemoryGrants>,
    pub(crate) issuer: Arc<WatchedIssuer>,
    pub(crate) clock: Arc<StillClock>,
    pub(crate) random: Arc<FaultyRandom>,
    pub(crate) sink: Arc<MemorySink>,
}

/// What differs from the default world.
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<StillClock>,
    pub(crate) tracked: bool,
    /// Several worlds that share them are instances of one service.
    pub(crate) sessions: Arc<MemorySessions>,
    /// Whether approvals can be requested.
    pub(crate) requests: bool,
    /// Whether grants can be opened.
    pub(crate) grants: bool,
    /// Number of requests or grants in a page of a list.
    pub(crate) page_size: NonZeroUsize,
    /// The hook that every call of the stores and of the issuer passes through.
    pub(crate) hook: Arc<dyn Hook>,
    /// The faults that every write of the sink passes through.
    pub(crate) sink_faults: Arc<Faults>,
    /// A sink in place of the one in memory.
    pub(crate) sink: Option<Arc<dyn AuditSink>>,
    /// Stores in place of those in memory.
    pub(crate) other_sessions: Option<Arc<dyn SessionStore>>,
    pub(crate) other_requests: Option<Arc<dyn RequestStore>>,
    pub(crate) other_grants: Option<Arc<dyn GrantStore>>,
    /// Whether the issuer, like STS, returns the expiration that follows from the number of seconds,
    /// and leaves an earlier end to the inline policy.
    pub(crate) issues_whole_length: bool,
    /// The source of device facts.
    pub(crate) devices: Option<Arc<dyn DeviceSource>>,
}

impl Plan {
    /// A plan in which every call of every part passes through these faults.
    pub(crate) fn faulty(faults: &Arc<Faults>) -> Self {
        Self { hook: faults.clone(), sink_faults: faults.clone(), ..Self::default() }
    }
}

impl Default for Plan {
    fn default() -> Self {
        let settings = Settings::new(PolicyPath::new(ROOT).join("main"));
        Self {
            settings,
            // A Monday.
            clock: StillClock::at("2026-03-02T10:00:00Z"),
            tracked: true,
            sessions: Arc::new(MemorySessions::new()),
            requests: true,
            grants: true,
            page_size: NonZeroUsize::new(100).unwrap(),
            hook: Faults::new(),
            sink_faults: Faults::new(),
            sink: None,
            other_sessions: None,
            other_requests: None,
            other_grants: None,
            issues_whole_length: false,
            devices: None,
        }
    }
}

impl World {
    /// A world with that main document.
    pub(crate) fn new(main: &str) -> Self {
        Self::with(main, Plan::default())
    }

    pub(crate) fn with(main: &str, plan: Plan) -> Self {
        let policies = Arc::new(MemoryPolicies::new());
        policies.put(&plan.settings.policy_parameter, main);
        let sessions = plan.sessions;
        let requests = Arc::new(MemoryRequests::with_page_size(plan.page_size));
        let grants = Arc::new(MemoryGrants::with_page_size(plan.page_size));
        let random = Arc::new(FaultyRandom::default());
        let sink = Arc::new(MemorySink::new());
        let clock = plan.clock;
        let issuer = Arc::new(WatchedIssuer {
            inner: LocalIssuer::new([7; 32], clock.clone(), Arc::new(OsRandom)),
            requests: Mutex::default(),
            hook: plan.hook.clone(),
            issues_whole_length: plan.issues_whole_length,
        });
        let parts = Parts::new(
            Arc::new(HookedPolicies::new(policies.clone(), plan.hook.clone())),
            issuer.clone(),
            plan.sink.unwrap_or_else(|| Arc::new(FaultySink::new(sink.clone(), plan.sink_faults))),
        )
        .with_sessions(plan.tracked.then(|| {
            let store = plan.other_sessions.unwrap_or_else(|| sessions.clone());
            let wrapped = HookedSessions::new(store, plan.hook.clone());
            SessionTable::new("sentinel-sessions", Arc::new(wrapped))
        }))
        .with_requests(plan.requests.then(|| {
            let store = plan.other_requests.unwrap_or_else(|| requests.clone());
            let wrapped = HookedRequests::new(store, plan.hook.clone());
            Arc::new(wrapped) as Arc<dyn RequestStore>
        }))
        .with_grants(plan.grants.then(|| {
            let store = plan.other_grants.unwrap_or_else(|| grants.clone());
            let wrapped = HookedGrants::new(store, plan.hook.clone());
            Arc::new(wrapped) as Arc<dyn GrantStore>
        }))
        .with_devices(plan.devices)
        .with_clock(clock.clone())
        .with_random(random.clone());
        let broker = Broker::new(plan.settings, parts);
        Self { broker, policies, sessions, requests, grants, issuer, clock, random, sink }
    }

    /// Stores the document of one profile.
    pub(crate) fn put(&self, name: &str, text: &str) {
        self.policies.put(&PolicyPath::new(ROOT).join(name), text);
    }

    pub(crate) async fn vend(&self, user: &str, profile: &str) -> Result<Vended, Denial> {
        self.vend_for(user, profile, None).await
    }

    pub(crate) async fn vend_for(
        &self,
        user: &str,
        profile: &str,
        seconds: Option<u64>,
    ) -> Result<Vended, Denial> {
        let vend = Vend::new(ProfileName::parse(profile).unwrap())
            .with_duration(seconds.map(Duration::from_secs));
        self.vend_call(&call(), user, &vend).await
    }

    /// Vends for a call that the test describes.
    pub(crate) async fn vend_call(
        &self,
        call: &Call,
        user: &str,
        vend: &Vend,
    ) -> Result<Vended, Denial> {
        self.broker.vend(call, &self.caller(user), vend).await
    }

    /// The caller of an IAM user's name, of `role/session`, or of an ARN.
    pub(crate) fn caller(&self, user: &str) -> Caller {
        let arn = match user.split_once('/') {
            _ if user.starts_with("arn:") => user.to_owned(),
            None => format!("arn:aws:iam::{ACCOUNT}:user/{user}"),
            Some(_) => format!("arn:aws:sts::{ACCOUNT}:assumed-role/{user}"),
        };
        let account = arn.split(':').nth(4).unwrap();
        let verified = VerifiedIdentity::new(&arn, account);
        self.broker.identify(&call(), &verified).unwrap()
    }

    /// The decision records so far.
    pub(crate) fn decisions(&self) -> Vec<DecisionRecord> {
        let records = self.sink.records().into_iter();
        records
            .filter_map(|record| {
                let Record::Decision(decision) = record else { return None };
                Some(*decision)
            })
            .collect()
    }

    /// The events so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        let records = self.sink.records().into_iter();
        records
            .filter_map(|record| {
                let Record::Event(event) = record else { return None };
                Some(*event)
            })
            .collect()
    }
}

pub(crate) fn call() -> Call {
    let home = Home::new("aws", AccountId::parse(ACCOUNT).unwrap());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(25);
    let source_ip: std::net::IpAddr = "192.0.2.7".parse().unwrap();
    Call::new("request-1", home, deadline.into()).with_source_ip(source_ip)
}

/// A main document that allows production to alice.
pub(crate) const ALICE: &str = r#"
version: "1"
rules:
  - name: alice
    effect: allow
    conditions: { profiles: [production], users: [alice] }
    reason: she runs it
operators:
  - { name: ops, users: [carol], may: [list_sessions, revoke, reinstate] }
"#;
