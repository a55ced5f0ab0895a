//! Sentinel as it is deployed, in this process: both functions as they are assembled for Lambda, an
//! emulator for DynamoDB and SSM, and the strict stand-in for STS. Every function has a separate
//! proxy in front of each of them. Everything is called as in the guide, and the functions have the
//! documents that `sentinel bootstrap` prints: ministack and the stand-in refuse what those do not
//! allow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use sentinel_authorizer::Authorizer;
use sentinel_broker::Home;
use sentinel_iam::{Deployment, Document};
use sentinel_store::dynamodb::DynamoPolicies;
use sentinel_store::dynamodb::TableDefinition;
use sentinel_store::memory::MemorySink;
use sentinel_store::{AuditSink, CallerKey, PolicyPath, PolicyWriter, Record, Secret};
use sentinel_testkit::call::RecordedCall;
use sentinel_testkit::emulator::{Emulator, Kind};
use sentinel_testkit::keys::Keys;
use sentinel_testkit::proxy::Proxy;
use sentinel_testkit::recorded::{Holder, KEY, deployment};
use sentinel_testkit::sts::{Role, Setup, StandIn, StsCaller};
use sentinel_tvm::lambda::Timings;
use sentinel_tvm::{Response, Tvm};
use serde_json::{Value, json};

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const SESSIONS: &str = "sentinel-sessions";

/// The main document. It governs `production`. `staging` and `bulky` have their own documents,
/// `bulky`'s in the policy table.
const MAIN: &str = r#"
version: "1"
rules:
  - { name: alice, effect: allow, conditions: { profiles: [production], users: [alice] } }
  - { name: frank, effect: require_approval, conditions: { profiles: [production], users: [frank] } }
approvals:
  - { name: leads, profiles: [production], approvers: [dave] }
break_glass:
  - { name: incidents, profiles: [production], users: [frank], reason_codes: [incident] }
operators:
  - { name: security, users: [carol, dave, erin], may: [list_sessions, revoke, reinstate] }
  - { name: people, users: [carol], may: [revoke_approval, list_break_glass, close_break_glass] }
"#;

fn own(profile: &str) -> String {
    format!(
        "version: \"1\"\nrules:\n  - {{ name: alice, effect: allow, conditions: {{ profiles: \
         [{profile}], users: [alice] }} }}\n"
    )
}

pub(crate) struct World {
    emulator: Emulator,
    stand_in: StandIn,
    tvm: Keys,
    authorizer: Keys,
}

/// One TVM in one Lambda sandbox, with its calls and its records.
pub(crate) struct Sandbox {
    tvm: Tvm,
    sink: Arc<MemorySink>,
    /// DynamoDB and SSM.
    pub(crate) data: Proxy,
    pub(crate) sts: Proxy,
}

/// One authorizer, with its calls.
pub(crate) struct AuthorizerSandbox {
    authorizer: Authorizer,
    pub(crate) data: Proxy,
}

/// A session as it is stored in the table.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) handle: String,
    pub(crate) request_id: String,
    pub(crate) ended: bool,
}

/// An answer of the TVM.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) request_id: String,
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) session: Option<String>,
}

impl Answer {
    /// `OK` for a success, or the code of the refusal.
    pub(crate) fn code(&self) -> &str {
        self.body["Code"].as_str().unwrap_or(if [200, 201].contains(&self.status) {
            "OK"
        } else {
            "?"
        })
    }

    /// The handle in the session id, which is the id without the secret.
    pub(crate) fn handle(&self) -> Option<String> {
        let id = self.session.as_ref()?;
        Some(sentinel_store::SessionId::parse(id).unwrap().handle.to_string())
    }
}

fn value(document: &Document) -> Value {
    serde_json::to_value(document).unwrap()
}

impl World {
    pub(crate) async fn start(kind: Kind) -> Self {
        let emulator = Emulator::start(kind).await.unwrap();
        let deployment = deployment().unwrap();
        let root = emulator.config().unwrap();
        let client = Client::new(&root);
        for (name, definition) in [
            (SESSIONS, TableDefinition::SESSIONS),
            ("sentinel-policies", TableDefinition::POLICIES),
            ("sentinel-approvals", TableDefinition::REQUESTS),
            ("sentinel-breakglass", TableDefinition::GRANTS),
        ] {
            definition.create(&client, name).unwrap().send().await.unwrap();
        }
        put_policies(&root).await;
        let tvm = Keys::of(&emulator, kind, Holder::Tvm).await.unwrap();
        let authorizer = Keys::of(&emulator, kind, Holder::Authorizer).await.unwrap();
        let stand_in = StandIn::start(&setup(&deployment, &tvm)).await.unwrap();
        Self { emulator, stand_in, tvm, authorizer }
    }

    /// A TVM with these variables in addition to the usual ones.
    pub(crate) async fn tvm(&self, more: &[(&str, &str)]) -> Sandbox {
        self.tvm_with_timings(more, Timings::AWS).await
    }

    /// The same TVM with other timeouts and retries.
    pub(crate) async fn tvm_with_timings(
        &self,
        more: &[(&str, &str)],
        timings: Timings,
    ) -> Sandbox {
        let data = Proxy::start_for(Holder::Tvm, &self.emulator.url()).await.unwrap();
        let sts = Proxy::start_for(Holder::Tvm, &self.stand_in.url()).await.unwrap();
        let mut variables = variables(&self.tvm, &data);
        variables.insert("AWS_ENDPOINT_URL_STS".to_owned(), sts.url());
        for (name, value) in [
            ("SENTINEL_POLICY_PARAMETER", "/sentinel/policies/main"),
            ("SENTINEL_POLICY_TABLE", "sentinel-policies"),
            ("SENTINEL_APPROVAL_TABLE", "sentinel-approvals"),
            ("SENTINEL_BREAKGLASS_TABLE", "sentinel-breakglass"),
            // Some tests vend often.
            ("SENTINEL_CALLER_RATE", "1000000/1m"),
        ]
        .iter()
        .chain(more)
        {
            variables.insert((*name).to_owned(), (*value).to_owned());
        }
        let sink = Arc::new(MemorySink::new());
        let tvm = sentinel_tvm::lambda::tvm_with_timings(
            |name| variables.get(name).cloned(),
            sink.clone() as Arc<dyn AuditSink>,
            timings,
        );
        Sandbox { tvm, sink, data, sts }
    }

    pub(crate) async fn authorizer(&self) -> AuthorizerSandbox {
        let data = Proxy::start_for(Holder::Authorizer, &self.emulator.url()).await.unwrap();
        let variables = variables(&self.authorizer, &data);
        let sink = Arc::new(MemorySink::new());
        let authorizer = sentinel_authorizer::lambda::authorizer(
            |name| variables.get(name).cloned(),
            sink as Arc<dyn AuditSink>,
        );
        AuthorizerSandbox { authorizer, data }
    }

    /// Every session of a caller, as it is stored in the table.
    pub(crate) async fn sessions_of(&self, caller: &str) -> Vec<Stored> {
        let hash = CallerKey::parse(caller).unwrap().hash().to_string();
        let client = Client::new(&self.emulator.config().unwrap());
        let mut items = client
            .query()
            .table_name(SESSIONS)
            .key_condition_expression("pk = :pk AND begins_with(sk, :session)")
            .expression_attribute_values(":pk", AttributeValue::S(hash.clone()))
            .expression_attribute_values(":session", AttributeValue::S("session#".to_owned()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut sessions = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.unwrap();
            let record = item["record"].as_m().unwrap();
            let random = item["sk"].as_s().unwrap().strip_prefix("session#").unwrap();
            sessions.push(Stored {
                handle: format!("{hash}{random}"),
                request_id: record["request_id"].as_s().unwrap().clone(),
                ended: record.get("ended").is_some_and(|ended| !ended.is_null()),
            });
        }
        sessions
    }
}

/// Stores the policies before the functions start: more documents than one page of SSM contains,
/// one of them encrypted, and one that SSM cannot store.
async fn put_policies(root: &aws_types::SdkConfig) {
    let ssm = aws_sdk_ssm::Client::new(root);
    let mut documents = vec![
        ("main".to_owned(), MAIN.to_owned(), ParameterType::String),
        ("staging".to_owned(), own("staging"), ParameterType::SecureString),
    ];
    documents.extend((0..12).map(|number| {
        let name = format!("other-{number}");
        (name.clone(), own(&name), ParameterType::String)
    }));
    for (name, text, kind) in documents {
        let secure = kind == ParameterType::SecureString;
        ssm.put_parameter()
            .name(format!("/sentinel/policies/{name}"))
            .value(text)
            .r#type(kind)
            .set_key_id(secure.then(|| KEY.to_owned()))
            .tier(ParameterTier::Standard)
            .send()
            .await
            .unwrap();
    }
    let bulky = format!("{}# {}\n", own("bulky"), "x".repeat(400_000));
    let path = PolicyPath::new("/sentinel/policies/bulky");
    DynamoPolicies::new(root, "sentinel-policies")
        .put(&path, bulky.as_bytes(), None)
        .await
        .unwrap();
}

/// STS as the guide sets it up: protected roles that trust only the TVM.
fn setup(deployment: &Deployment, tvm: &Keys) -> Setup {
    let everything = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
    ] });
    let protected = |profile: &str| Role {
        arn: format!("arn:aws:iam::{ACCOUNT}:role/SentinelProtected-{profile}"),
        trust: value(&deployment.protected_role_trust()),
        policies: vec![everything.clone(), value(&deployment.protected_role_guard())],
        max_session_duration: 3600,
    };
    Setup {
        region: REGION.to_owned(),
        callers: vec![StsCaller {
            arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/{}/function", deployment.tvm_role),
            access_key_id: tvm.id.clone(),
            secret_access_key: Secret::new(tvm.secret.as_str()),
            session_token: Some(Secret::new(tvm.token.as_str())),
            policies: vec![value(&deployment.tvm_function())],
            expires: None,
            source_identity: None,
        }],
        roles: ["production", "staging", "bulky"].map(protected).into(),
    }
}

fn variables(keys: &Keys, data: &Proxy) -> BTreeMap<String, String> {
    [
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", &keys.id),
        ("AWS_SECRET_ACCESS_KEY", &keys.secret),
        ("AWS_SESSION_TOKEN", &keys.token),
        ("AWS_ENDPOINT_URL", &data.url()),
        ("SENTINEL_SESSION_TABLE", SESSIONS),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// An event of API Gateway for a user that IAM has verified.
fn event(user: &str, method: &str, path: &str, body: Option<&Value>, request_id: &str) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/{user}");
    json!({
        "version": "2.0",
        "routeKey": "ANY /{proxy+}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": { "content-type": "application/json" },
        "requestContext": {
            "stage": "$default",
            "requestId": request_id,
            "http": { "method": method, "sourceIp": "203.0.113.9" },
            "authorizer": { "iam": { "userArn": arn, "accountId": ACCOUNT } },
        },
        "body": body.map(Value::to_string),
        "isBase64Encoded": false,
    })
}

impl Sandbox {
    /// Sends a request of this user to the TVM.
    pub(crate) async fn ask(
        &self,
        user: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        static ASKED: AtomicU64 = AtomicU64::new(1);
        let request_id = format!("request-{}", ASKED.fetch_add(1, Ordering::Relaxed));
        let event = event(user, method, path, body.as_ref(), &request_id);
        let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:sentinel-tvm");
        let invocation = sentinel_tvm::Invocation::new(
            "unused",
            Home::from_arn(&arn).unwrap(),
            Instant::now() + Duration::from_secs(30),
        );
        let response = self.tvm.handle(&event, &invocation).await;
        let Response { status_code, headers, body, .. } = response;
        Answer {
            request_id,
            status: status_code,
            body: serde_json::from_str(&body).unwrap(),
            session: headers.get("x-sentinel-session-id").cloned(),
        }
    }

    pub(crate) async fn vend(&self, user: &str, profile: &str) -> Answer {
        self.ask(user, "GET", &format!("/?profile={profile}"), None).await
    }

    /// Its records since this method was last called, without metrics.
    pub(crate) fn records(&self) -> Vec<Value> {
        let records = self.sink.take().into_iter();
        let records = records.filter(|record| !matches!(record, Record::Metrics(_)));
        records.map(|record| serde_json::to_value(record).unwrap()).collect()
    }

    /// Its calls to all services since this method was last called, in order.
    pub(crate) fn calls(&self) -> Vec<RecordedCall> {
        let mut calls = self.data.calls();
        calls.extend(self.sts.calls());
        self.data.clear_calls();
        self.sts.clear_calls();
        calls.sort_by_key(|call| call.start_us);
        calls
    }
}

impl AuthorizerSandbox {
    /// Whether the authorizer admits a caller with these ids in header and query; `None` if the
    /// authorizer returns an error, as it does if both are missing.
    pub(crate) async fn admits(&self, header: Option<&str>, query: Option<&str>) -> Option<bool> {
        let mut headers = json!({ "host": "api.example.com" });
        if let Some(id) = header {
            headers["x-sentinel-session-id"] = id.into();
        }
        let event = json!({
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:abc/$default/GET/x"),
            "headers": headers,
            "queryStringParameters": query.map(|id| json!({ "sentinel_session_id": id })),
            "requestContext": { "requestId": "JKJaXmPLvHcESHA=" },
        });
        let deadline = Instant::now() + Duration::from_secs(5);
        let invocation = sentinel_authorizer::Invocation::new("unused", deadline);
        let answer = self.authorizer.handle(&event, &invocation).await.ok()?;
        Some(answer["policyDocument"]["Statement"][0]["Effect"] == "Allow")
    }
}
