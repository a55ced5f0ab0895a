//! Both functions, assembled as they are for Lambda, in front of services that can be given faults.
//! Each world has a separate region, which keeps apart its tables, its parameters and the retry
//! budgets of the SDK.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_ssm::Client as Ssm;
use aws_sdk_ssm::types::ParameterType;
use aws_types::SdkConfig;
use sentinel_authorizer::Authorizer;
use sentinel_broker::Home;
use sentinel_store::dynamodb::TableDefinition;
use sentinel_store::dynamodb::{DynamoPolicies, DynamoSessions};
use sentinel_store::memory::MemorySink;
use sentinel_store::{
    AuditSink, Block, CallerKey, GateAction, GateChange, Listing, Pages, PolicyPath, PolicyWriter,
    ProfileName, Scope, Secret, Session, SessionStore, aws,
};
use sentinel_testkit::emulator::{Emulator, Kind, ROOT_KEY};
use sentinel_testkit::proxy::{Proxy, Rule};
use sentinel_testkit::sts::{Setup, StandIn, StsCaller};
use sentinel_tvm::{Invocation, Response, Tvm};
use serde_json::{Value, json};

use super::connection::{ConnectionFault, FaultyConnections};
use crate::roles::{function, role, trust};
use crate::stores::LONG_TIMEOUTS;
use crate::system::assumed;

pub(crate) const SESSIONS: &str = "sentinel-sessions";
pub(crate) const POLICIES: &str = "sentinel-policies";
pub(crate) const MAIN: &str = "/sentinel/policies/main";

/// Governs `production` itself. `billing` has a document in SSM, `ledger` one in the policy table.
const MAIN_DOCUMENT: &str = "
version: \"1\"
rules:
  - { name: all, effect: allow, conditions: { profiles: [production], users: [\"*\"] } }
operators:
  - { name: security, users: [carol], may: [list_sessions, revoke, reinstate] }
";

fn document_of(profile: &str) -> String {
    format!(
        "version: \"1\"\nrules:\n  - {{ name: all, effect: allow, conditions: {{ profiles: [{profile}] }} }}\n"
    )
}

/// What all worlds of a test share: an emulator, and a session of the TVM's role in it.
pub(crate) struct Shared {
    emulator: Emulator,
    credentials: Credentials,
}

impl Shared {
    pub(crate) async fn new() -> Self {
        let emulator = Emulator::start(Kind::Ministack).await.unwrap();
        let actions = [
            "ssm:GetParameter",
            "ssm:GetParametersByPath",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:Query",
        ];
        let credentials = assumed(&emulator, "SentinelTVMExecutionRole", &actions).await;
        Self { emulator, credentials }
    }
}

/// The services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Service {
    Ssm,
    DynamoDb,
    Sts,
}

impl Service {
    pub(crate) const ALL: [Self; 3] = [Self::Ssm, Self::DynamoDb, Self::Sts];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ssm => "ssm",
            Self::DynamoDb => "dynamodb",
            Self::Sts => "sts",
        }
    }

    const fn variable(self) -> &'static str {
        match self {
            Self::Ssm => "AWS_ENDPOINT_URL_SSM",
            Self::DynamoDb => "AWS_ENDPOINT_URL_DYNAMODB",
            Self::Sts => "AWS_ENDPOINT_URL_STS",
        }
    }
}

/// A service as the functions reach it: a line, and a proxy behind it.
struct EndPoint {
    line: FaultyConnections,
    proxy: Proxy,
}

impl EndPoint {
    async fn before(upstream: &str) -> Self {
        let proxy = Proxy::start(upstream).await.unwrap();
        Self { line: FaultyConnections::to(&proxy.url()).await, proxy }
    }
}

/// How a world differs from the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Setting {
    /// There is a policy table.
    pub(crate) policy_table: bool,
    /// Copies of policies are refreshed by every request.
    pub(crate) no_cache: bool,
    /// Copies are used only by the request that read them.
    pub(crate) no_stale: bool,
    /// The name of this service cannot be resolved.
    pub(crate) unnamed: Option<&'static str>,
}

pub(crate) struct World {
    endpoints: [EndPoint; 3],
    stand_in: StandIn,
    variables: HashMap<&'static str, String>,
    tvm: Tvm,
    authorizer: Authorizer,
    sink: Arc<MemorySink>,
    /// The session table without a proxy.
    direct: DynamoSessions,
    config: SdkConfig,
    proxied: SdkConfig,
}

impl World {
    pub(crate) async fn new(shared: &Shared, setting: Setting) -> Self {
        let Shared { emulator, credentials } = shared;
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let region = format!("test-east-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let stand_in = StandIn::start(&sts(&region, credentials)).await.unwrap();
        let endpoints = [
            EndPoint::before(&emulator.url()).await,
            EndPoint::before(&emulator.url()).await,
            EndPoint::before(&stand_in.url()).await,
        ];
        let root = Credentials::new(ROOT_KEY, ROOT_KEY, None, None, "test");
        let config = aws_config(&region, &root, |_| emulator.url());
        let at = |service: Service| {
            if setting.unnamed == Some(service.word()) {
                "http://sentinel.invalid".to_owned()
            } else {
                endpoints[service as usize].line.url()
            }
        };
        let proxied = aws_config(&region, credentials, at);
        create_resources(&config, setting).await;
        let sink = Arc::new(MemorySink::new());
        let mut variables = HashMap::from([
            ("AWS_REGION", region),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key().to_owned()),
            ("AWS_SESSION_TOKEN", credentials.session_token().unwrap_or_default().to_owned()),
            ("SENTINEL_POLICY_PARAMETER", MAIN.to_owned()),
            ("SENTINEL_SESSION_TABLE", SESSIONS.to_owned()),
            ("SENTINEL_AUTHORIZER_RESPONSE", "simple".to_owned()),
            // Some rows vend often.
            ("SENTINEL_CALLER_RATE", "1000000/1m".to_owned()),
        ]);
        variables.extend(Service::ALL.map(|service| (service.variable(), at(service))));
        if setting.policy_table {
            variables.insert("SENTINEL_POLICY_TABLE", POLICIES.to_owned());
        }
        if setting.no_cache {
            variables.insert("SENTINEL_POLICY_CACHE_TTL", "0s".to_owned());
        }
        if setting.no_stale {
            variables.insert("SENTINEL_POLICY_MAX_AGE", "0s".to_owned());
        }
        let (tvm, authorizer) = functions(&variables, &sink);
        let direct = DynamoSessions::new(&config, SESSIONS).with_timing(LONG_TIMEOUTS);
        Self { endpoints, stand_in, variables, tvm, authorizer, sink, direct, config, proxied }
    }

    /// Replaces the functions, as in a cold start.
    pub(crate) fn restart(&mut self) {
        (self.tvm, self.authorizer) = functions(&self.variables, &self.sink);
    }

    fn endpoint(&self, service: Service) -> &EndPoint {
        &self.endpoints[service as usize]
    }

    pub(crate) fn inject(&self, service: Service, rule: Rule) {
        self.endpoint(service).proxy.inject(rule);
    }

    pub(crate) async fn cut(&self, service: Service, cut: ConnectionFault) {
        self.endpoint(service).line.cut(cut).await;
    }

    /// Removes every fault.
    pub(crate) async fn clear_faults(&self) {
        for endpoint in &self.endpoints {
            endpoint.proxy.clear_faults();
            endpoint.line.restore().await;
        }
    }

    /// The number of calls that a fault applied to, since the last call of this method.
    pub(crate) fn faulted_calls(&self) -> usize {
        let mut faulted = 0;
        for EndPoint { proxy, .. } in &self.endpoints {
            faulted += proxy.calls().iter().filter(|call| call.fault.is_some()).count();
            proxy.clear_calls();
        }
        faulted
    }

    pub(crate) fn sink(&self) -> &MemorySink {
        &self.sink
    }

    /// The configuration of clients that reach the services through the proxies.
    pub(crate) fn proxied(&self) -> &SdkConfig {
        &self.proxied
    }

    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// All requests to STS.
    pub(crate) fn issued(&self) -> Vec<sentinel_testkit::sts::JournalEntry> {
        self.stand_in.requests()
    }

    /// The caller's sessions, as they are stored in the table.
    pub(crate) async fn sessions(&self, caller: &str) -> Vec<Session> {
        let listing = Listing::Caller(CallerKey::parse(caller).unwrap());
        let mut sessions = Vec::new();
        let mut pages = Pages::sessions(&self.direct, &listing);
        while let Some(page) = pages.next().await.unwrap() {
            sessions.extend(page.items);
        }
        sessions
    }

    /// The number of the caller's sessions that have not ended.
    pub(crate) async fn active(&self, caller: &str) -> usize {
        let sessions = self.sessions(caller).await;
        sessions.iter().filter(|session| session.ended.is_none()).count()
    }

    /// Revokes or reinstates a caller on `production`, without the functions.
    pub(crate) async fn change(&self, caller: &str, revoke: bool) {
        let block = Block::new("carol", chrono::Utc::now()).with_reason("a test");
        let action = if revoke { GateAction::Revoke(block) } else { GateAction::Reinstate };
        let scope = Scope::Profile(ProfileName::parse("production").unwrap());
        let caller = CallerKey::parse(caller).unwrap();
        self.direct.change_gate(&caller, &GateChange::new(scope, action)).await.unwrap();
    }

    /// Sends a request to the TVM. Lambda ends the function after `left`.
    pub(crate) async fn send(&self, request: &TvmRequest, left: Duration) -> Response {
        let TvmRequest { user, method, path, query, body } = request;
        let event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": { "content-type": "application/json" },
            "body": body.as_ref().map(Value::to_string),
            "requestContext": {
                "stage": "$default",
                "requestId": "JKJaXmPLvHcESHA=",
                "http": { "method": method, "sourceIp": "203.0.113.9" },
                "authorizer": { "iam": {
                    "userArn": format!("arn:aws:iam::111122223333:user/{user}"),
                    "accountId": "111122223333",
                } },
            },
            "isBase64Encoded": false,
        });
        let home = Home::from_arn("arn:aws:lambda:us-east-1:111122223333:function:tvm").unwrap();
        let invocation = Invocation::new("runtime-1", home, Instant::now() + left);
        self.tvm.handle(&event, &invocation).await
    }

    /// The session id of a vend without faults. On a busy machine, it may take more than one
    /// attempt.
    pub(crate) async fn vend(&self, user: &'static str) -> String {
        let request = TvmRequest {
            user,
            method: "GET",
            path: "/",
            query: "profile=production".to_owned(),
            body: None,
        };
        let mut response = self.send(&request, Duration::from_secs(30)).await;
        for _ in 0..3 {
            if response.status_code != 200 {
                response = self.send(&request, Duration::from_secs(30)).await;
            }
        }
        assert_eq!(response.status_code, 200, "{}: {:?}", response.body, self.issued());
        response.headers["x-sentinel-session-id"].clone()
    }

    /// Sends a request to the authorizer; `None` if it answers Unauthorized.
    pub(crate) async fn authorize(&self, id: &str, left: Duration) -> Option<Value> {
        let event = json!({
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": "arn:aws:execute-api:us-east-1:111122223333:abc/$default/GET/sensitive",
            "headers": { "x-sentinel-session-id": id },
            "requestContext": { "requestId": "JKJaXmPLvHcESHA=" },
        });
        let invocation = sentinel_authorizer::Invocation::new("runtime-1", Instant::now() + left);
        self.authorizer.handle(&event, &invocation).await.ok()
    }
}

fn functions(
    variables: &HashMap<&'static str, String>,
    sink: &Arc<MemorySink>,
) -> (Tvm, Authorizer) {
    let variable = |name: &str| variables.get(name).cloned();
    let records: Arc<dyn AuditSink> = Arc::clone(sink) as _;
    (
        sentinel_tvm::lambda::tvm(variable, Arc::clone(&records)),
        sentinel_authorizer::lambda::authorizer(variable, records),
    )
}

/// A request to the TVM.
#[derive(Clone, Debug)]
pub(crate) struct TvmRequest {
    pub(crate) user: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) query: String,
    pub(crate) body: Option<Value>,
}

fn aws_config(
    region: &str,
    credentials: &Credentials,
    url: impl Fn(Service) -> String,
) -> SdkConfig {
    let variable = |name: &str| match name {
        "AWS_REGION" => Some(region.to_owned()),
        "AWS_ACCESS_KEY_ID" => Some(credentials.access_key_id().to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(credentials.secret_access_key().to_owned()),
        "AWS_SESSION_TOKEN" => credentials.session_token().map(str::to_owned),
        _ => {
            let service = Service::ALL.into_iter().find(|service| service.variable() == name)?;
            Some(url(service))
        }
    };
    aws::config(variable, aws::http_client()).unwrap()
}

/// Creates the tables and writes the documents.
async fn create_resources(config: &SdkConfig, setting: Setting) {
    let tables = DynamoDb::new(config);
    let sessions = TableDefinition::SESSIONS.create(&tables, SESSIONS).unwrap();
    let ssm = Ssm::new(config);
    let put = |name: &str, text: String| {
        let put = ssm.put_parameter().name(format!("/sentinel/policies/{name}"));
        put.value(text).r#type(ParameterType::SecureString).send()
    };
    let (table, main, billing) = tokio::join!(
        sessions.send(),
        put("main", MAIN_DOCUMENT.to_owned()),
        put("billing", document_of("billing"))
    );
    table.unwrap();
    main.unwrap();
    billing.unwrap();
    if setting.policy_table {
        let policies = TableDefinition::POLICIES.create(&tables, POLICIES).unwrap();
        policies.send().await.unwrap();
        let documents = DynamoPolicies::new(config, POLICIES).with_timing(LONG_TIMEOUTS);
        for name in ["ledger", "payroll"] {
            let path = PolicyPath::new(&format!("/sentinel/policies/{name}"));
            documents.put(&path, document_of(name).as_bytes(), None).await.unwrap();
        }
    }
}

fn sts(region: &str, credentials: &Credentials) -> Setup {
    let caller = StsCaller {
        access_key_id: credentials.access_key_id().into(),
        secret_access_key: Secret::new(credentials.secret_access_key()),
        session_token: credentials.session_token().map(Secret::new),
        ..function()
    };
    let roles = ["production", "billing", "ledger", "payroll"].map(|profile| {
        role(&format!("arn:aws:iam::111122223333:role/SentinelProtected-{profile}"), trust())
    });
    Setup { region: region.to_owned(), callers: vec![caller], roles: roles.into() }
}
