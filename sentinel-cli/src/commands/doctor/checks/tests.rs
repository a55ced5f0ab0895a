//! The checks on a snapshot of a deployment that is right, and on the same with one fault. Faults that
//! an emulator can have are planted there too: `tests/it/aws/doctor`.

use std::collections::{BTreeMap, BTreeSet};

use sentinel_broker::Home;
use sentinel_iam::{Deployment, Document, DocumentName};
use sentinel_store::AccountId;

use super::super::finding::{Check, Severity};
use super::super::read::PERMISSIONS;
use super::super::snapshot::{
    Alarm, Api, AuthorizerUse, Called, Deployed, Documents, Function, LogGroup, Organization,
    Parameter, Role, RoleWithPolicies, Route, Snapshot, Table, Unread, WhoamiSeen,
};
use super::super::statement::{Statement, parse};
use super::{ALARMS, all};

const ACCOUNT: &str = "111122223333";
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/k";
const SECRET: &str = "origin-secret-origin-secret-origin-secret";

fn of(document: &Document) -> Vec<Statement> {
    parse(&document.to_string()).unwrap()
}

fn function(
    deployment: &Deployment,
    name: &str,
    role: &str,
    variables: &[(&str, &str)],
) -> Deployed {
    let arn = format!("arn:aws:execute-api:eu-central-1:{ACCOUNT}:abc/*");
    let policy = format!(
        r#"{{"Statement":{{"Sid":"api","Effect":"Allow","Principal":{{"Service":"apigateway.amazonaws.com"}},
        "Action":"lambda:InvokeFunction","Resource":"*","Condition":{{"ArnLike":{{"AWS:SourceArn":"{arn}"}}}}}}}}"#
    );
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Deployed {
        name: name.to_owned(),
        called: Called::Qualified("live".to_owned()),
        function: Ok(Some(Function {
            role: format!("arn:aws:iam::{}:role/{role}", deployment.account),
            variables: variables.collect(),
            log_format: Some("Text".to_owned()),
            code: "code".to_owned(),
            ..Function::default()
        })),
        alias: Some(Ok(Some(("1".to_owned(), false)))),
        policy: Ok(Some(parse(&policy).unwrap())),
        package: None,
    }
}

fn role(name: &str, trust: &Document, permissions: &Document) -> RoleWithPolicies {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    RoleWithPolicies {
        role: Ok(Some(Role { arn: arn.clone(), trust: of(trust) })),
        arn,
        statements: Ok(of(permissions)),
    }
}

/// A deployment without a fault.
fn right() -> Snapshot {
    let account = AccountId::parse(ACCOUNT).unwrap();
    let mut deployment = Deployment::new("aws", account.clone(), "eu-central-1");
    deployment.api_id = Some("abc".to_owned());
    let guards = [
        deployment.vended_credentials_guard().to_string(),
        guard(include_str!("../../../../../deploy/iam/administration-guard.json")),
        guard(include_str!("../../../../../deploy/iam/identity-guard.json")),
    ];
    let tables = ["sentinel-sessions", "sentinel-approvals", "sentinel-breakglass"];
    let table = |name: &str| Table {
        name: name.to_owned(),
        has_ttl: true,
        recovers: true,
        protected: true,
        ..Table::default()
    };
    let routes = ["ANY /", "ANY /{proxy+}"].map(|key| Route {
        key: key.to_owned(),
        authorization: "AWS_IAM".to_owned(),
        target: format!("arn:aws:lambda:eu-central-1:{ACCOUNT}:function:sentinel-tvm:live"),
    });
    let tvm = [
        ("SENTINEL_POLICY_PARAMETER", "/sentinel/policies/main"),
        ("SENTINEL_SESSION_TABLE", "sentinel-sessions"),
        ("SENTINEL_APPROVAL_TABLE", "sentinel-approvals"),
        ("SENTINEL_BREAKGLASS_TABLE", "sentinel-breakglass"),
        ("SENTINEL_ORIGIN_SECRET", SECRET),
        ("SENTINEL_SESSION_NAME_ROLES", "111122223333:Developers"),
    ];
    let authorizer = [
        ("SENTINEL_SESSION_TABLE", "sentinel-sessions"),
        ("SENTINEL_AUTHORIZER_RESPONSE", "simple"),
    ];
    let trust = deployment.function_trust();
    let protected = role(
        "SentinelProtected-production",
        &deployment.protected_role_trust(),
        &deployment.protected_role_guard(),
    );
    Snapshot {
        tvm: function(&deployment, "sentinel-tvm", "SentinelTVMExecutionRole", &tvm),
        authorizer: function(
            &deployment,
            "sentinel-authorizer",
            "SentinelAuthorizerRole",
            &authorizer,
        ),
        tvm_role: role("SentinelTVMExecutionRole", &trust, &deployment.tvm_function()),
        authorizer_role: role("SentinelAuthorizerRole", &trust, &deployment.authorizer_function()),
        documents: Ok(Documents {
            has_main: true,
            parameters: vec![Parameter {
                path: "/sentinel/policies/main".to_owned(),
                kind: "SecureString".to_owned(),
                problem: None,
            }],
            roles: [(protected.arn.clone(), "production".to_owned())].into(),
            ..Documents::default()
        }),
        protected: vec![protected],
        unlisted: None,
        tables: tables.map(|name| (name.to_owned(), Ok(Some(table(name))))).into(),
        apis: vec![(
            "abc".to_owned(),
            Ok(Some(Api {
                id: "abc".to_owned(),
                is_rest: false,
                routes: routes.into(),
                stages: [("$default".to_owned(), Some(SECRET.to_owned()))].into(),
            })),
        )],
        authorizers: vec![Ok(vec![AuthorizerUse {
            api: "downstream".to_owned(),
            id: "x".to_owned(),
            simple: true,
            ..AuthorizerUse::default()
        }])],
        logs: vec![(
            "/aws/lambda/sentinel-tvm".to_owned(),
            Ok(Some(LogGroup { retention_days: Some(1) })),
        )],
        alarms: Ok(ALARMS
            .map(|name| Alarm { name: name.to_owned(), enabled: true, has_action: true })
            .into()),
        organization: Ok(Some(Organization {
            is_management: false,
            policies: guards.iter().flat_map(|text| parse(text).unwrap()).collect(),
        })),
        whoami: WhoamiSeen::User("alice".to_owned()),
        role_pattern: format!("arn:aws:iam::{ACCOUNT}:role/SentinelProtected-*"),
        home: Home::new("aws", account),
        deployment,
    }
}

fn guard(text: &str) -> String {
    let mut text = text.to_owned();
    for (placeholder, value) in [
        ("partition", "aws"),
        ("account", ACCOUNT),
        ("policy_root", "/sentinel/policies"),
        ("api_id", "abc"),
        ("deployer", "SentinelDeployer"),
        ("emergency_operator", "SentinelEmergencyOperator"),
    ] {
        text = text.replace(&format!("${{{placeholder}}}"), value);
    }
    text
}

/// What is found after a change of the deployment that is right.
fn found(change: impl FnOnce(&mut Snapshot)) -> Vec<Check> {
    let mut snapshot = right();
    change(&mut snapshot);
    all(&snapshot).into_iter().map(|finding| finding.check).collect()
}

fn denied(action: &'static str) -> Unread {
    Unread { action, resource: "it".to_owned(), error: None }
}

fn actual(snapshot: &mut Snapshot) -> &mut Function {
    snapshot.tvm.function.as_mut().unwrap().as_mut().unwrap()
}

#[test]
fn a_deployment_that_is_right_has_no_findings() {
    assert_eq!(found(|_| {}), []);
}

#[test]
fn a_deleted_role_in_a_trust_policy_is_found() {
    let checks = found(|snapshot| {
        let role = snapshot.protected[0].role.as_mut().unwrap().as_mut().unwrap();
        for statement in &mut role.trust {
            statement.principals = vec![("AWS".to_owned(), "AROAEXAMPLE".to_owned())];
        }
    });
    assert_eq!(checks, [Check::TrustPrincipal, Check::TrustAction]);
}

#[test]
fn a_table_with_another_key_or_a_key_that_cannot_be_used_is_found() {
    let table = |change: fn(&mut Table)| {
        found(|snapshot| change(snapshot.tables[0].1.as_mut().unwrap().as_mut().unwrap()))
    };
    assert_eq!(table(|table| table.other_key = Some(KEY.to_owned())), [Check::TableEncryption]);
    assert_eq!(table(|table| table.inaccessible = true), [Check::TableEncryption]);
}

#[test]
fn a_document_in_two_places_is_found() {
    let checks = found(|snapshot| {
        snapshot.documents.as_mut().unwrap().twice.push("/sentinel/policies/billing".to_owned());
    });
    assert_eq!(checks, [Check::PolicyTwice]);
}

#[test]
fn an_alias_that_sends_requests_to_two_versions_is_found() {
    let checks = found(|snapshot| snapshot.tvm.alias = Some(Ok(Some(("1".to_owned(), true)))));
    assert_eq!(checks, [Check::FunctionAlias]);
}

#[test]
fn an_account_without_an_organization_and_an_unknown_url_are_notes() {
    assert_eq!(found(|snapshot| snapshot.organization = Ok(None)), [Check::GuardNone]);
    assert_eq!(found(|snapshot| snapshot.whoami = WhoamiSeen::NotSent), [Check::WhoamiUnknown]);
    for check in [Check::GuardNone, Check::WhoamiUnknown] {
        assert_eq!(check.severity(), Severity::Note);
    }
}

#[test]
fn what_is_not_readable_is_a_finding_of_its_own_and_hides_no_other() {
    for plant in [
        (|it| it.tvm.function = Err(denied("a"))) as fn(&mut Snapshot),
        |it| it.tvm.policy = Err(denied("a")),
        |it| it.tvm.alias = Some(Err(denied("a"))),
        |it| it.authorizer.function = Err(denied("a")),
        |it| it.tvm_role.role = Err(denied("a")),
        |it| it.tvm_role.statements = Err(denied("a")),
        |it| it.protected[0].role = Err(denied("a")),
        |it| it.protected[0].statements = Err(denied("a")),
        |it| it.unlisted = Some(denied("a")),
        |it| it.documents = Err(denied("a")),
        |it| it.tables[0].1 = Err(denied("a")),
        |it| it.apis[0].1 = Err(denied("a")),
        |it| it.authorizers[0] = Err(denied("a")),
        |it| it.logs[0].1 = Err(denied("a")),
        |it| it.alarms = Err(denied("a")),
        |it| it.whoami = WhoamiSeen::Denied("it".to_owned()),
    ] {
        assert_eq!(found(plant), [Check::NotReadable]);
    }
    let mut snapshot = right();
    snapshot.organization = Err(denied("organizations:DescribeOrganization"));
    let findings = all(&snapshot);
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].check, findings[0].severity), (Check::NotReadable, Severity::Note));
    assert!(findings[0].found.contains("`organizations:DescribeOrganization` is denied"));
}

#[test]
fn a_function_in_a_vpc_with_traces_may_have_their_permissions_and_no_other_function() {
    let more = |snapshot: &mut Snapshot| {
        let statements = snapshot.tvm_role.statements.as_mut().unwrap();
        for text in [
            include_str!("../../../../../deploy/iam/function-vpc.json"),
            include_str!("../../../../../deploy/iam/function-traces.json"),
        ] {
            statements.extend(parse(text).unwrap());
        }
    };
    assert_eq!(found(more), [Check::PermissionExcess]);
    let checks = found(|snapshot| {
        more(snapshot);
        actual(snapshot).in_vpc = true;
        actual(snapshot).traced = true;
    });
    assert_eq!(checks, []);
}

#[test]
fn a_role_may_decrypt_with_keys_and_assume_protected_roles_of_other_accounts() {
    let with = |resource: &'static str| {
        found(|snapshot| {
            let statements = snapshot.tvm_role.statements.as_mut().unwrap();
            statements[0].resources.push(resource.to_owned());
        })
    };
    assert_eq!(with("arn:aws:iam::444455556666:role/SentinelProtected-*"), []);
    assert_eq!(with("arn:aws:iam::444455556666:role/*"), [Check::PermissionExcess]);
    assert_eq!(with("*"), [Check::PermissionExcess]);
    let checks = found(|snapshot| {
        let mut deployment = snapshot.deployment.clone();
        (deployment.table_key, deployment.policy_key) =
            (Some(KEY.to_owned()), Some(KEY.to_owned()));
        snapshot.tvm_role.statements = Ok(of(&deployment.tvm_function()));
    });
    assert_eq!(checks, []);
}

#[test]
fn the_tvm_must_be_able_to_assume_each_role_that_the_policy_names() {
    let name = |snapshot: &mut Snapshot| {
        let roles = &mut snapshot.documents.as_mut().unwrap().roles;
        let role = "arn:aws:iam::444455556666:role/Other".to_owned();
        roles.insert(role.clone(), "other".to_owned());
        role
    };
    assert_eq!(found(|snapshot| drop(name(snapshot))), [Check::PermissionMissing]);
    let checks = found(|snapshot| {
        let role = name(snapshot);
        let statements = snapshot.tvm_role.statements.as_mut().unwrap();
        for statement in statements.iter_mut().take(2) {
            statement.resources.push(role.clone());
        }
    });
    assert_eq!(checks, []);
}

#[test]
fn another_template_of_roles_needs_permissions_for_its_roles() {
    let pattern = format!("arn:aws:iam::{ACCOUNT}:role/acme/*-x");
    let checks = found(|snapshot| snapshot.role_pattern.clone_from(&pattern));
    // The usual pattern is then in addition.
    let usual = [Check::PermissionMissing, Check::PermissionExcess];
    assert_eq!(checks, usual);
    let checks = found(|snapshot| {
        snapshot.role_pattern.clone_from(&pattern);
        for statement in snapshot.tvm_role.statements.as_mut().unwrap().iter_mut().take(2) {
            statement.resources = vec![pattern.clone()];
        }
        snapshot.documents.as_mut().unwrap().roles.clear();
    });
    assert_eq!(checks, []);
}

#[test]
fn a_function_without_a_table_needs_no_permission_for_it() {
    let without = |snapshot: &mut Snapshot| {
        let statements = snapshot.tvm_role.statements.as_mut().unwrap();
        statements.retain(|it| !it.sid.starts_with("Request"));
    };
    assert_eq!(found(without), [Check::PermissionMissing]);
    let checks = found(|snapshot| {
        without(snapshot);
        let variables = &mut actual(snapshot).variables;
        variables
            .retain(|name, _| !name.ends_with("APPROVAL_TABLE") && !name.ends_with("GLASS_TABLE"));
    });
    assert_eq!(checks, []);
}

#[test]
fn an_inverted_statement_never_counts_as_right() {
    let invert = |statements: &mut Vec<Statement>| {
        statements.push(Statement { allows: true, inverted: true, ..Statement::default() });
    };
    let checks = found(|snapshot| invert(snapshot.tvm_role.statements.as_mut().unwrap()));
    assert_eq!(checks, [Check::PermissionExcess]);
    let checks = found(|snapshot| {
        invert(&mut snapshot.protected[0].role.as_mut().unwrap().as_mut().unwrap().trust);
    });
    assert_eq!(checks, [Check::TrustPrincipal]);
}

#[test]
fn a_guard_that_exempts_everyone_is_not_a_guard() {
    let checks = found(|snapshot| {
        let policies = &mut snapshot.organization.as_mut().unwrap().as_mut().unwrap().policies;
        for statement in policies.iter_mut() {
            // Only for one principal, or only in one region.
            let key = ("stringequals".to_owned(), "aws:requestedregion".to_owned());
            statement.conditions.insert(key, BTreeSet::from(["eu-central-1".to_owned()]));
        }
    });
    let guards = [Check::GuardVended, Check::GuardAdministration, Check::GuardIdentity];
    assert_eq!(checks, guards);
}

#[test]
fn a_rotation_of_the_session_key_is_right_while_the_authorizer_has_both_keys() {
    let (old, new) = ("old-".repeat(10), "new-".repeat(10));
    let keys = |tvm: &str, authorizer: &str| {
        found(|snapshot| {
            let set = |deployed: &mut Deployed, keys: &str| {
                let function = deployed.function.as_mut().unwrap().as_mut().unwrap();
                let variable = ("SENTINEL_SESSION_KEY".to_owned(), keys.to_owned());
                let more = BTreeMap::from([variable]);
                function.variables.extend(more.into_iter().filter(|(_, keys)| !keys.is_empty()));
            };
            set(&mut snapshot.tvm, tvm);
            set(&mut snapshot.authorizer, authorizer);
        })
    };
    let both = format!("{new},{old}");
    assert_eq!(keys(&old, &both), []);
    assert_eq!(keys(&both, &both), []);
    assert_eq!(keys(&old, ""), []);
    assert_eq!(keys(&both, &old), [Check::FunctionsDisagree]);
    assert_eq!(keys("", &old), [Check::FunctionsDisagree]);
}

/// The document allows exactly the actions of the permissions, each of which is reported by its name.
#[test]
fn the_document_allows_exactly_the_actions_that_are_called() {
    let mut deployment = right().deployment;
    deployment.policy_table = Some("sentinel-policies".to_owned());
    let document = deployment.document(DocumentName::Doctor);
    let actions = document.statements().iter().flat_map(|statement| &statement.action);
    let allowed: BTreeSet<&str> = actions.copied().collect();
    assert_eq!(allowed, PERMISSIONS.iter().copied().collect());
    let writes = |action: &&str| {
        let verb = action.split(':').nth(1).unwrap_or_default();
        !["Get", "List", "Describe", "Query", "GET", "Invoke"].iter().any(|it| verb.starts_with(it))
    };
    assert_eq!(allowed.iter().copied().find(writes), None);
}

/// The codes are part of the interface: programs use them.
#[test]
fn each_check_has_its_own_code_in_words() {
    let codes: BTreeSet<&str> = Check::ALL.iter().map(|check| check.as_str()).collect();
    assert_eq!(codes.len(), Check::ALL.len());
    for code in codes {
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
    }
}
