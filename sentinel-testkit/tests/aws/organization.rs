//! An organization: the TVM in a tooling account vends roles of other accounts, which a pattern of
//! the main document describes. IAM decides whether the roles trust the TVM.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use sentinel_broker::{Broker, Home, Parts, SessionTable, Settings};
use sentinel_iam::{Deployment, DocumentName};
use sentinel_store::memory::{MemoryPolicies, MemorySessions, MemorySink};
use sentinel_store::{AccountId, PolicyPath, Record};
use sentinel_testkit::emulator::{Emulator, Kind, ROOT_KEY};
use sentinel_testkit::signed::{self, send};
use sentinel_testkit::sts::{Setup, StandIn};
use sentinel_tvm::{Invocation, Response, Tvm};
use serde_json::{Value, json};

use crate::issuer::{issuer, issuer_as};
use crate::roles::{function, role};

/// The account of the TVM and of its callers.
const TOOLING: &str = "111122223333";
const PAYMENTS: &str = "444455556666";
const SEARCH: &str = "777788889999";
/// An account whose role trusts the TVM of another tooling account.
const FOREIGN: &str = "222233334444";
/// An account that the permissions of the TVM do not include.
const OUTSIDE: &str = "333344445555";

/// The main document. It describes a profile of each account.
fn policy() -> String {
    format!(
        r#"
version: "1"
accounts:
  payments: "{PAYMENTS}"
  search: "{SEARCH}"
  foreign: "{FOREIGN}"
  outside: "{OUTSIDE}"
  absent: "999900001111"
profile_patterns:
  - profiles: "{{account}}-admin"
    role_arn: arn:aws:iam::{{account}}:role/SentinelProtected-admin
    max_duration: 30m
rules:
  - {{ name: alice, effect: allow, conditions: {{ profiles: ["*-admin"], users: [alice] }} }}
  - {{ name: bob, effect: allow, conditions: {{ profiles: ["search-*"], users: [bob] }} }}
"#
    )
}

/// The TVM with an issuer that signs as its role in the tooling account.
fn tvm(issuer: sentinel_tvm::StsIssuer) -> (Tvm, Arc<MemorySink>) {
    let parameter = PolicyPath::new("/sentinel/policies/main");
    let policies = MemoryPolicies::new();
    policies.put(&parameter, policy());
    let sink = Arc::new(MemorySink::new());
    let sessions = SessionTable::new("sentinel-sessions", Arc::new(MemorySessions::new()));
    let parts =
        Parts::new(Arc::new(policies), Arc::new(issuer), sink.clone()).with_sessions(sessions);
    (Tvm::new(Broker::new(Settings::new(parameter), parts), None), sink)
}

async fn vend(tvm: &Tvm, user: &str, profile: &str) -> Response {
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "rawQueryString": format!("profile={profile}"),
        "headers": {},
        "requestContext": {
            "accountId": TOOLING,
            "authorizer": { "iam": {
                "accessKey": "AKIAEXAMPLE",
                "accountId": TOOLING,
                "callerId": "AIDAEXAMPLE",
                "userArn": format!("arn:aws:iam::{TOOLING}:user/{user}"),
                "userId": "AIDAEXAMPLE",
            } },
            "http": { "method": "GET", "path": "/", "sourceIp": "192.0.2.7" },
            "requestId": "r-1",
            "stage": "$default",
        },
        "isBase64Encoded": false,
    });
    let home = Home::from_arn(&format!("arn:aws:lambda:us-east-1:{TOOLING}:function:tvm")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    tvm.handle(&event, &Invocation::new("runtime-1", home, deadline)).await
}

/// The credentials of a response, which must be a success.
fn credentials(response: &Response) -> Credentials {
    assert_eq!(response.status_code, 200, "{}", response.body);
    let body: Value = serde_json::from_str(&response.body).unwrap();
    let of = |name: &str| body[name].as_str().unwrap().to_owned();
    Credentials::new(of("AccessKeyId"), of("SecretAccessKey"), Some(of("Token")), None, "vended")
}

fn code(response: &Response) -> String {
    let body: Value = serde_json::from_str(&response.body).unwrap();
    body["Code"].as_str().unwrap_or("OK").to_owned()
}

/// The account and the ARN that STS reports for these credentials.
async fn who(url: &str, credentials: &Credentials) -> (String, String) {
    let form = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let answer = signed::post(url, credentials, &form).await.unwrap();
    let of = |name: &str| answer.element(name).unwrap_or_else(|| panic!("{answer:?}")).to_owned();
    (of("Account"), of("Arn"))
}

/// The IAM documents of a deployment in a tooling account, as `sentinel iam` prints them. The TVM's role
/// can also assume the protected roles of these accounts, as with `ProtectedRoleArns`.
fn document(tooling: &str, name: DocumentName, accounts: &[&str]) -> Value {
    let account = AccountId::parse(tooling).unwrap();
    let deployment = Deployment::new("aws", account, "us-east-1");
    let mut document = serde_json::to_value(deployment.document(name)).unwrap();
    if name == DocumentName::TvmFunction {
        let roles: Vec<_> = accounts
            .iter()
            .map(|account| format!("arn:aws:iam::{account}:role/SentinelProtected-*"))
            .collect();
        for statement in document["Statement"].as_array_mut().unwrap() {
            if ["AssumeProtectedRoles", "TagSessions"].contains(&statement["Sid"].as_str().unwrap())
            {
                statement["Resource"] = json!(roles);
            }
        }
    }
    document
}

/// A document without the condition on the source identity, which ministack never meets.
fn without_source_identity(mut document: Value) -> Value {
    let mut removed = 0;
    for statement in document["Statement"].as_array_mut().unwrap() {
        let on = statement.get("Condition").and_then(|it| it.get("StringLike"));
        if on.is_some_and(|on| on.get("sts:SourceIdentity").is_some()) {
            statement.as_object_mut().unwrap().remove("Condition");
            removed += 1;
        }
    }
    assert_eq!(removed, 1, "{document}");
    document
}

/// Calls IAM as the root of an account. In ministack, its access key is the account.
async fn iam(emulator: &Emulator, account: &str, parameters: &[(&str, &str)]) {
    let root = Credentials::new(account, ROOT_KEY, None, None, "test");
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Version", "2010-05-08").extend_pairs(parameters);
    let kind = "application/x-www-form-urlencoded";
    let answer = send(&emulator.url(), &root, kind, &[], form.finish(), "iam").await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn create_role(
    emulator: &Emulator,
    account: &str,
    name: &str,
    trust: &Value,
    policy: &Value,
) {
    let (trust, policy) = (trust.to_string(), policy.to_string());
    let role = ("RoleName", name);
    iam(emulator, account, &[("Action", "CreateRole"), role, ("AssumeRolePolicyDocument", &trust)])
        .await;
    let (named, document) = (("PolicyName", "it"), ("PolicyDocument", policy.as_str()));
    iam(emulator, account, &[("Action", "PutRolePolicy"), role, named, document]).await;
}

#[tokio::test]
async fn the_tvm_of_a_tooling_account_vends_roles_of_two_accounts_and_iam_refuses_the_others() {
    let emulator = Emulator::start(Kind::Ministack).await.unwrap();
    let may_list = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*" } ] });
    let trust =
        |tooling| without_source_identity(document(tooling, DocumentName::ProtectedRoleTrust, &[]));
    for account in [PAYMENTS, SEARCH, OUTSIDE] {
        create_role(&emulator, account, "SentinelProtected-admin", &trust(TOOLING), &may_list)
            .await;
    }
    create_role(&emulator, FOREIGN, "SentinelProtected-admin", &trust(SEARCH), &may_list).await;
    // The role of the same name in the tooling account is not reached by a pattern either.
    create_role(&emulator, TOOLING, "SentinelProtected-admin", &trust(TOOLING), &may_list).await;

    // The session that Lambda has, with the permissions of its role in the deployment.
    let lambda = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "*" } } ] });
    let permissions = without_source_identity(document(
        TOOLING,
        DocumentName::TvmFunction,
        &[PAYMENTS, SEARCH, FOREIGN],
    ));
    create_role(&emulator, TOOLING, "SentinelTVMExecutionRole", &lambda, &permissions).await;
    let root = Credentials::new(TOOLING, ROOT_KEY, None, None, "test");
    let arn = format!("arn:aws:iam::{TOOLING}:role/SentinelTVMExecutionRole");
    let form = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", arn.as_str()),
        ("RoleSessionName", "sentinel-tvm"),
    ];
    let answer = signed::post(&emulator.url(), &root, &form).await.unwrap();
    let of = |name: &str| answer.element(name).unwrap_or_else(|| panic!("{answer:?}")).to_owned();
    let session = Credentials::new(
        of("AccessKeyId"),
        of("SecretAccessKey"),
        Some(of("SessionToken")),
        None,
        "test",
    );
    let (tvm, sink) = tvm(issuer_as(&emulator.url(), session, "us-east-1"));

    for (profile, account) in [("payments-admin", PAYMENTS), ("search-admin", SEARCH)] {
        let vended = credentials(&vend(&tvm, "alice", profile).await);
        let (seen, arn) = who(&emulator.url(), &vended).await;
        assert_eq!(seen, account);
        let prefix =
            format!("arn:aws:sts::{account}:assumed-role/SentinelProtected-admin/sentinel-");
        assert!(arn.starts_with(&prefix), "{arn}");
        // The credentials reach the roles of their account, and of no other.
        let form = "Action=ListRoles&Version=2010-05-08".to_owned();
        let kind = "application/x-www-form-urlencoded";
        let answer = send(&emulator.url(), &vended, kind, &[], form, "iam").await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = answer.body;
        assert!(text.contains(&format!("arn:aws:iam::{account}:role/")), "{text}");
        for other in [TOOLING, PAYMENTS, SEARCH].into_iter().filter(|other| *other != account) {
            assert!(!text.contains(&format!("arn:aws:iam::{other}:role/")), "{text}");
        }
    }
    // The role trusts another TVM; the TVM has no permission for the account; the role does not exist.
    for profile in ["foreign-admin", "outside-admin", "absent-admin"] {
        let response = vend(&tvm, "alice", profile).await;
        assert_eq!((response.status_code, code(&response)), (500, "CREDENTIAL_ERROR".into()));
    }
    // A policy decides as for any other profile.
    assert_eq!(code(&vend(&tvm, "bob", "search-admin").await), "OK");
    assert_eq!(code(&vend(&tvm, "bob", "payments-admin").await), "POLICY_DENY");
    assert_eq!(code(&vend(&tvm, "alice", "tooling-admin").await), "POLICY_DENY");
    let decided: Vec<_> = sink
        .records()
        .iter()
        .map(|record| {
            let Record::Decision(decision) = record else { panic!("{record:?}") };
            serde_json::to_value(&**decision).unwrap()["profile"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(decided.len(), 8, "{decided:?}");
}

/// The strict stand-in evaluates every condition of the documents, as STS does.
#[tokio::test]
async fn the_documents_of_sentinel_iam_allow_the_roles_of_the_named_accounts_only() {
    let trust = |tooling| document(tooling, DocumentName::ProtectedRoleTrust, &[]);
    let admin = |account| format!("arn:aws:iam::{account}:role/SentinelProtected-admin");
    let mut function = function();
    function.policies =
        vec![document(TOOLING, DocumentName::TvmFunction, &[PAYMENTS, SEARCH, FOREIGN])];
    let stand_in = StandIn::start(&Setup {
        region: "us-east-1".into(),
        callers: vec![function],
        roles: vec![
            role(&admin(PAYMENTS), trust(TOOLING)),
            role(&admin(SEARCH), trust(TOOLING)),
            role(&admin(OUTSIDE), trust(TOOLING)),
            role(&admin(FOREIGN), trust(SEARCH)),
        ],
    })
    .await
    .unwrap();
    let (tvm, _) = tvm(issuer(&stand_in.url()));
    for (profile, account) in [("payments-admin", PAYMENTS), ("search-admin", SEARCH)] {
        let vended = credentials(&vend(&tvm, "alice", profile).await);
        let (seen, arn) = who(&stand_in.url(), &vended).await;
        assert_eq!(seen, account, "{arn}");
        let requests = stand_in.requests();
        let sent = &requests.iter().rfind(|it| it.parameters["Action"] == "AssumeRole").unwrap();
        assert_eq!(sent.parameters["RoleArn"], admin(account));
        assert_eq!(sent.parameters["DurationSeconds"], "1800");
    }
    for profile in ["foreign-admin", "outside-admin", "absent-admin"] {
        let response = vend(&tvm, "alice", profile).await;
        assert_eq!((response.status_code, code(&response)), (500, "CREDENTIAL_ERROR".into()));
    }
}
