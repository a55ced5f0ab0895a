//! Both functions as processes, with AWS behind them: parameters and tables in ministack, which
//! restricts each function to the actions of its role, and credentials from the strict stand-in.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_ssm::Client as Ssm;
use aws_sdk_ssm::types::ParameterType;
use sentinel_store::Secret;
use sentinel_store::dynamodb::TableDefinition;
use sentinel_testkit::emulator::{Emulator, Kind, ROOT_KEY};
use sentinel_testkit::runtime_api::{Function, InvocationResult, Start};
use sentinel_testkit::sts::{StandIn, StsCaller};
use serde_json::{Value, json};

use crate::functions::{AUTHORIZER, TVM, authorizer_event, code, records};
use crate::roles::{function, setup};
use sentinel_testkit::signed::send;

const TABLE: &str = "sentinel-sessions";

const POLICY: &str = "
version: \"1\"
rules:
  - name: people
    effect: allow
    conditions: { profiles: [production], users: [alice] }
operators:
  - { name: security, users: [carol], may: [list_sessions, revoke, reinstate] }
";

struct System {
    tvm: Function,
    authorizer: Function,
    stand_in: StandIn,
    _emulator: Emulator,
}

/// A session of a new role that may perform only these actions, like the session of a function in
/// Lambda.
pub(crate) async fn assumed(emulator: &Emulator, role: &str, actions: &[&str]) -> Credentials {
    let root = Credentials::new(ROOT_KEY, ROOT_KEY, None, None, "test");
    let allow = |actions: Value, more: (&str, Value)| {
        let mut statement = json!({ "Effect": "Allow", "Action": actions });
        statement[more.0] = more.1;
        json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
    };
    let trust = allow(json!("sts:AssumeRole"), ("Principal", json!({ "AWS": "*" })));
    let policy = allow(json!(actions), ("Resource", json!("*")));
    let ask = async |service: &str, form: &[(&str, &str)]| {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let form = "application/x-www-form-urlencoded";
        let answer = send(&emulator.url(), &root, form, &[], body, service).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    };
    let iam = ("Version", "2010-05-08");
    let name = ("RoleName", role);
    let document = ("AssumeRolePolicyDocument", trust.as_str());
    let created = ask("iam", &[("Action", "CreateRole"), iam, name, document]).await;
    let (named, document) = (("PolicyName", "it"), ("PolicyDocument", policy.as_str()));
    ask("iam", &[("Action", "PutRolePolicy"), iam, name, named, document]).await;
    let arn = ("RoleArn", created.element("Arn").unwrap());
    let session = ("RoleSessionName", "function");
    let answer =
        ask("sts", &[("Action", "AssumeRole"), ("Version", "2011-06-15"), arn, session]).await;
    let of = |name| answer.element(name).unwrap().to_owned();
    let token = Some(of("SessionToken"));
    Credentials::new(of("AccessKeyId"), of("SecretAccessKey"), token, None, "test")
}

impl System {
    async fn start() -> Self {
        let emulator = Emulator::start(Kind::Ministack).await.unwrap();
        let config = emulator.config().unwrap();
        let tables = DynamoDb::new(&config);
        TableDefinition::SESSIONS.create(&tables, TABLE).unwrap().send().await.unwrap();
        let parameter = Ssm::new(&config).put_parameter().name("/sentinel/policies/main");
        parameter.value(POLICY).r#type(ParameterType::SecureString).send().await.unwrap();

        let tvm_role = assumed(
            &emulator,
            "SentinelTVMExecutionRole",
            &[
                "ssm:GetParameter",
                "ssm:GetParametersByPath",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "dynamodb:Query",
            ],
        )
        .await;
        let authorizer_role =
            assumed(&emulator, "SentinelAuthorizerRole", &["dynamodb:GetItem"]).await;

        // The same session of the TVM's role, as a caller of the stand-in.
        let mut setup = setup();
        setup.callers = vec![StsCaller {
            access_key_id: tvm_role.access_key_id().into(),
            secret_access_key: Secret::new(tvm_role.secret_access_key()),
            session_token: tvm_role.session_token().map(Secret::new),
            ..function()
        }];
        let stand_in = StandIn::start(&setup).await.unwrap();

        let start = |program: &str, role: &Credentials| {
            Start::new(program)
                .with("AWS_REGION", "us-east-1")
                .with("AWS_ACCESS_KEY_ID", role.access_key_id())
                .with("AWS_SECRET_ACCESS_KEY", role.secret_access_key())
                .with("AWS_SESSION_TOKEN", role.session_token().unwrap())
                .with("AWS_ENDPOINT_URL", emulator.url())
                .with("AWS_ENDPOINT_URL_STS", stand_in.url())
                .with("SENTINEL_SESSION_TABLE", TABLE)
        };
        let tvm =
            start(TVM, &tvm_role).with("SENTINEL_POLICY_PARAMETER", "/sentinel/policies/main");
        let authorizer =
            start(AUTHORIZER, &authorizer_role).with("SENTINEL_AUTHORIZER_RESPONSE", "simple");
        Self {
            tvm: Function::start(tvm).await.unwrap(),
            authorizer: Function::start(authorizer).await.unwrap(),
            stand_in,
            _emulator: emulator,
        }
    }

    async fn ask(
        &mut self,
        user: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> InvocationResult {
        let query = if body.is_none() { "profile=production" } else { "" };
        let event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": { "content-type": "application/json" },
            "body": body.map(|body| body.to_string()),
            "requestContext": {
                "stage": "$default",
                "http": { "method": method, "sourceIp": "203.0.113.9" },
                "authorizer": { "iam": {
                    "userArn": format!("arn:aws:iam::111122223333:user/{user}"),
                    "accountId": "111122223333",
                } },
            },
            "isBase64Encoded": false,
        });
        self.tvm.invoke(&event).await.unwrap()
    }

    async fn accepts(&mut self, id: &str) -> bool {
        let outcome = self.authorizer.invoke(&authorizer_event(Some(id))).await.unwrap();
        outcome.response().unwrap()["isAuthorized"].as_bool().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorizer_accepts_a_vended_session_until_an_operator_revokes_it() {
    let mut system = System::start().await;

    let outcome = system.ask("alice", "GET", "/", None).await;
    let answer = outcome.response().unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}; {}", system.tvm.stderr().unwrap());
    let credentials: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert!(credentials["AccessKeyId"].as_str().unwrap().starts_with("ASIA"));
    let id = answer["headers"]["x-sentinel-session-id"].as_str().unwrap().to_owned();

    // The decision is written before the answer is sent.
    let lines = records(&system.tvm);
    let decisions: Vec<_> = lines.iter().filter(|line| line.get("effect").is_some()).collect();
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0]["effect"], "allow");
    assert_eq!(decisions[0]["function_version"], "7");
    assert!(id.contains(decisions[0]["session"].as_str().unwrap()));
    assert_eq!(lines.iter().filter(|line| line["Vends"] == 1).count(), 1);
    let written = system.tvm.stdout().unwrap() + &system.tvm.stderr().unwrap();
    for secret in
        [credentials["SecretAccessKey"].as_str(), credentials["Token"].as_str(), Some(&*id)]
    {
        assert!(!written.contains(secret.unwrap()));
    }

    assert!(system.accepts(&id).await, "{}", system.authorizer.stderr().unwrap());

    let revoke = json!({ "user": "alice", "profile": "production", "reason": "laptop lost" });
    let outcome = system.ask("mallory", "POST", "/sessions/revoke", Some(revoke.clone())).await;
    assert_eq!(code(&outcome), (403, "FORBIDDEN".to_owned()));
    assert!(system.accepts(&id).await);
    let outcome = system.ask("carol", "POST", "/sessions/revoke", Some(revoke)).await;
    assert_eq!(outcome.response().unwrap()["statusCode"], 200, "{outcome:?}");

    assert!(!system.accepts(&id).await);
    let refusals = records(&system.authorizer);
    assert_eq!(refusals[0]["code"], "revoked");
    assert_eq!(refusals[1]["AuthorizerRefusals"], 1);
    let outcome = system.ask("alice", "GET", "/", None).await;
    assert_eq!(code(&outcome), (403, "SESSION_REVOKED".to_owned()));
    let outcome = system.ask("mallory", "GET", "/", None).await;
    assert_eq!(code(&outcome), (403, "POLICY_DENY".to_owned()));
    assert_eq!(system.stand_in.requests().len(), 1, "one vend, one AssumeRole");
}
