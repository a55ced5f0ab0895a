//! Both functions, put together as they are for Lambda, before services that
//! can be harmed. Each world has a region of its own: tables and parameters lie
//! apart by it, and so do the SDK's budgets of retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_ssm::Client as Ssm;
use aws_sdk_ssm::types::ParameterType;
use aws_types::SdkConfig;
use sentinel_authorizer::Authorizer;
use sentinel_broker::Home;
use sentinel_store::dynamodb::TableDefinition;
use sentinel_store::{
    AuditSink, Block, CallerKey, DynamoPolicies, DynamoSessions, GateAction, GateChange, Listing,
    MemorySink, PolicyPath, PolicyWriter, ProfileName, Scope, Secret, Session, SessionStore, aws,
};
use sentinel_testkit::emulator::{Emulator, ROOT_KEY};
use sentinel_testkit::proxy::{Call, Proxy, Rule};
use sentinel_testkit::sts::{Caller, Setup, StandIn};
use sentinel_tvm::{Context, Response, Tvm};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::line::{Cut, Line};
use crate::roles::{role, tvm_policy};
use crate::stores::PATIENT;

pub(crate) const SESSIONS: &str = "sentinel-sessions";
pub(crate) const POLICIES: &str = "sentinel-policies";
pub(crate) const MAIN: &str = "/sentinel/policies/main";

/// Governs `production` itself; `billing` has a document in SSM, `ledger` one in
/// the policy table.
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

/// To the stand-in the function is a user: ministack knows its root alone, whose
/// key has no session token.
const TVM_USER: &str = "arn:aws:iam::111122223333:user/sentinel-tvm";

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
    line: Line,
    proxy: Proxy,
}

impl EndPoint {
    async fn before(upstream: &str) -> Self {
        let proxy = Proxy::start(upstream).await.unwrap();
        Self { line: Line::to(&proxy.url()).await, proxy }
    }
}

/// How a world differs from the usual one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Setting {
    /// There is a policy table.
    pub(crate) policy_table: bool,
    /// Copies of policies are refreshed by every request.
    pub(crate) no_cache: bool,
    /// Copies are good for nothing but the request that read them.
    pub(crate) no_stale: bool,
    /// That service's name cannot be resolved.
    pub(crate) unnamed: Option<&'static str>,
}

pub(crate) struct World {
    end_points: [EndPoint; 3],
    stand_in: StandIn,
    tvm: Tvm,
    authorizer: Authorizer,
    sink: Arc<MemorySink>,
    /// The session table as it is, past every proxy.
    direct: DynamoSessions,
    config: SdkConfig,
    proxied: SdkConfig,
}

impl World {
    pub(crate) async fn new(emulator: &Emulator, setting: Setting) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let region = format!("test-east-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let stand_in = StandIn::start(&sts(&region)).await.unwrap();
        let end_points = [
            EndPoint::before(&emulator.url()).await,
            EndPoint::before(&emulator.url()).await,
            EndPoint::before(&stand_in.url()).await,
        ];
        let config = aws_config(&region, |_| Some(emulator.url()));
        let at = |service: Service| {
            if setting.unnamed == Some(service.word()) {
                "http://sentinel.invalid".to_owned()
            } else {
                end_points[service as usize].line.url()
            }
        };
        let proxied = aws_config(&region, |service| Some(at(service)));
        lay(&config, setting).await;
        let sink = Arc::new(MemorySink::new());
        let variable = |name: &str| {
            let text = match name {
                "AWS_REGION" => region.as_str(),
                "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => ROOT_KEY,
                "SENTINEL_POLICY_PARAMETER" => MAIN,
                "SENTINEL_SESSION_TABLE" => SESSIONS,
                "SENTINEL_POLICY_TABLE" if setting.policy_table => POLICIES,
                "SENTINEL_POLICY_CACHE_TTL" if setting.no_cache => "0s",
                "SENTINEL_POLICY_MAX_AGE" if setting.no_stale => "0s",
                "SENTINEL_AUTHORIZER_RESPONSE" => "simple",
                _ => {
                    let service = Service::ALL.into_iter().find(|it| it.variable() == name)?;
                    return Some(at(service));
                }
            };
            Some(text.to_owned())
        };
        let records: Arc<dyn AuditSink> = sink.clone();
        let tvm = sentinel_tvm::lambda::tvm(variable, Arc::clone(&records));
        let authorizer = sentinel_authorizer::lambda::authorizer(variable, records);
        let direct = DynamoSessions::new(&config, SESSIONS).with_timing(PATIENT);
        Self { end_points, stand_in, tvm, authorizer, sink, direct, config, proxied }
    }

    fn end_point(&self, service: Service) -> &EndPoint {
        &self.end_points[service as usize]
    }

    pub(crate) fn harm(&self, service: Service, rule: Rule) {
        self.end_point(service).proxy.harm(rule);
    }

    pub(crate) async fn cut(&self, service: Service, cut: Cut) {
        self.end_point(service).line.cut(cut).await;
    }

    /// Takes every fault away.
    pub(crate) async fn heal(&self) {
        for end_point in &self.end_points {
            end_point.proxy.heal();
            end_point.line.mend().await;
        }
    }

    /// The calls that met a fault.
    pub(crate) fn harmed(&self) -> Vec<Call> {
        let calls = self.end_points.iter().flat_map(|end_point| end_point.proxy.calls());
        calls.filter(|call| call.fault.is_some()).collect()
    }

    pub(crate) fn sink(&self) -> &MemorySink {
        &self.sink
    }

    /// The table, as clients meet it through the proxy.
    pub(crate) fn proxied(&self) -> &SdkConfig {
        &self.proxied
    }

    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    pub(crate) fn direct(&self) -> &DynamoSessions {
        &self.direct
    }

    /// All that STS was asked.
    pub(crate) fn issued(&self) -> Vec<sentinel_testkit::sts::Asked> {
        self.stand_in.asked()
    }

    /// The caller's sessions, as they lie in the table.
    pub(crate) async fn sessions(&self, caller: &str) -> Vec<Session> {
        let listing = Listing::Caller(CallerKey::parse(caller).unwrap());
        self.direct.sessions(&listing, None).await.unwrap().items
    }

    /// Revokes or reinstates a caller on `production`, past the functions.
    pub(crate) async fn change(&self, caller: &str, revoke: bool) {
        let block = Block {
            until: None,
            by: "carol".to_owned(),
            reason: "a test".to_owned(),
            at: chrono::Utc::now(),
        };
        let action = if revoke { GateAction::Revoke(block) } else { GateAction::Reinstate };
        let scope = Scope::Profile(ProfileName::parse("production").unwrap());
        let caller = CallerKey::parse(caller).unwrap();
        self.direct.change_gate(&caller, &GateChange { scope, action }).await.unwrap();
    }

    /// Asks the TVM; the function has `left` until Lambda ends it.
    pub(crate) async fn ask(&self, asked: &Asked, left: Duration) -> Response {
        let Asked { user, method, path, query, body } = asked;
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
        let context = Context {
            home: Home::from_arn("arn:aws:lambda:us-east-1:111122223333:function:tvm").unwrap(),
            deadline: Instant::now() + left,
            function_version: None,
            request_id: "runtime-1".to_owned(),
        };
        self.tvm.handle(&event, &context).await
    }

    /// Asks the authorizer; none where it says Unauthorized.
    pub(crate) async fn authorize(&self, id: &str, left: Duration) -> Option<Value> {
        let event = json!({
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": "arn:aws:execute-api:us-east-1:111122223333:abc/$default/GET/sensitive",
            "headers": { "x-sentinel-session-id": id },
            "requestContext": { "requestId": "JKJaXmPLvHcESHA=" },
        });
        let context = sentinel_authorizer::Context {
            deadline: Instant::now() + left,
            request_id: "runtime-1".to_owned(),
        };
        self.authorizer.handle(&event, &context).await.ok()
    }
}

/// What is asked of the TVM.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) user: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) query: String,
    pub(crate) body: Option<Value>,
}

fn aws_config(region: &str, url: impl Fn(Service) -> Option<String>) -> SdkConfig {
    let variable = |name: &str| match name {
        "AWS_REGION" => Some(region.to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some(ROOT_KEY.to_owned()),
        _ => url(Service::ALL.into_iter().find(|service| service.variable() == name)?),
    };
    aws::config(variable, aws::http_client()).unwrap()
}

/// Makes the tables and writes the documents.
async fn lay(config: &SdkConfig, setting: Setting) {
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
        let documents = DynamoPolicies::new(config, POLICIES).with_timing(PATIENT);
        for name in ["ledger", "payroll"] {
            let path = PolicyPath::new(&format!("/sentinel/policies/{name}"));
            documents.put(&path, document_of(name).as_bytes(), None).await.unwrap();
        }
    }
}

fn sts(region: &str) -> Setup {
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        {
            "Effect": "Allow",
            "Principal": { "AWS": TVM_USER },
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "Condition": { "StringLike": { "sts:SourceIdentity": "sentinel-*" } },
        },
        { "Effect": "Allow", "Principal": { "AWS": TVM_USER }, "Action": "sts:TagSession" },
    ] });
    let caller = Caller {
        arn: TVM_USER.into(),
        access_key_id: ROOT_KEY.into(),
        secret_access_key: Secret::new(ROOT_KEY),
        session_token: None,
        policies: vec![tvm_policy()],
        expires: None,
        source_identity: None,
    };
    let roles = ["production", "billing", "ledger", "payroll"].map(|profile| {
        role(&format!("arn:aws:iam::111122223333:role/SentinelProtected-{profile}"), trust.clone())
    });
    Setup { region: region.to_owned(), callers: vec![caller], roles: roles.into() }
}
