//! The documents of people that call the TVM, evaluated for each of its routes.

use std::collections::BTreeSet;

use sentinel_iam::{Deployment, DocumentName, ROUTES};
use sentinel_store::AccountId;
use sentinel_testkit::sts::allows;
use serde_json::Value;

const INVOKE: &str = "execute-api:Invoke";
const STOP: &str = "lambda:PutFunctionConcurrency";

/// The routes of each document, and whether it requires MFA.
const EXPECTED: [(DocumentName, bool, &[&str]); 4] = [
    (
        DocumentName::Requester,
        false,
        &[
            "GET/",
            "POST/",
            "GET/profiles",
            "GET/whoami",
            "POST/requests",
            "GET/requests",
            "GET/requests/*",
            "POST/requests/*/cancel",
            "POST/requests/*/revoke",
            "GET/sessions",
        ],
    ),
    (
        DocumentName::Approver,
        true,
        &[
            "GET/requests",
            "GET/requests/*",
            "POST/requests/*/approve",
            "POST/requests/*/deny",
            "POST/requests/*/revoke",
        ],
    ),
    (
        DocumentName::BreakGlass,
        true,
        &[
            "GET/",
            "POST/",
            "GET/profiles",
            "GET/whoami",
            "POST/break-glass",
            "GET/break-glass",
            "POST/break-glass/*/close",
        ],
    ),
    (
        DocumentName::Operator,
        true,
        &[
            "GET/sessions",
            "POST/sessions/revoke",
            "POST/sessions/reinstate",
            "GET/requests",
            "GET/requests/*",
            "POST/requests/*/revoke",
            "GET/break-glass",
            "POST/break-glass/*/close",
            "POST/break-glass/*/review",
        ],
    ),
];

/// The condition keys of each kind of principal, and whether it counts as one with MFA. Requests that
/// are signed with the long-term keys of a user do not have the MFA key. Sessions of IAM Identity
/// Center have `false`, or no key.
const PRINCIPALS: [(&[(&str, &str)], bool); 7] = [
    (&[("aws:PrincipalType", "User")], false),
    (&[("aws:PrincipalType", "User"), ("aws:MultiFactorAuthPresent", "false")], false),
    (&[("aws:PrincipalType", "User"), ("aws:MultiFactorAuthPresent", "true")], true),
    (&[("aws:PrincipalType", "FederatedUser")], false),
    (&[], false),
    (&[("aws:PrincipalType", "AssumedRole")], true),
    (&[("aws:PrincipalType", "AssumedRole"), ("aws:MultiFactorAuthPresent", "false")], true),
];

fn document(name: DocumentName) -> Value {
    let account = AccountId::parse("111122223333").unwrap();
    let mut deployment = Deployment::new("aws", account, "eu-central-1");
    deployment.api_id = Some("a1b2c3d4e5".to_owned());
    serde_json::to_value(deployment.document(name)).unwrap()
}

fn arn(api: &str, stage: &str, path: &str) -> String {
    format!("arn:aws:execute-api:eu-central-1:111122223333:{api}/{stage}/{path}")
}

fn invokes(documents: &[Value], path: &str, principal: &[(&str, &str)]) -> bool {
    let answers: BTreeSet<_> = ["$default", "v1"]
        .map(|stage| allows(documents, INVOKE, &arn("a1b2c3d4e5", stage, path), principal).unwrap())
        .into();
    assert_eq!(answers.len(), 1, "{path} differs by stage");
    answers.contains(&true)
}

#[test]
fn each_document_allows_its_routes_and_no_others() {
    for (name, strong, routes) in EXPECTED {
        let document = [document(name)];
        for (principal, with_mfa) in PRINCIPALS {
            for route in ROUTES {
                let expected = routes.contains(&route) && (with_mfa || !strong);
                // The path of a request, and the path of the route in `deploy/`.
                for id in ["0a1b2c3d4e5f6g7h", "{id}"] {
                    let path = route.replace('*', id);
                    let allowed = invokes(&document, &path, principal);
                    assert_eq!(allowed, expected, "{name:?}: {path} for {principal:?}");
                }
            }
        }
    }
}

#[test]
fn no_document_allows_another_method_path_action_or_api() {
    let role = [("aws:PrincipalType", "AssumedRole")];
    for (name, _, routes) in EXPECTED {
        let document = [document(name)];
        for route in routes {
            let path = route.replace('*', "0a1b2c3d4e5f6g7h");
            let (method, rest) = path.split_once('/').unwrap();
            let other = if method == "GET" { "POST" } else { "GET" };
            for other in [other, "DELETE", "PUT", "PATCH", "ANY"] {
                let swapped = format!("{other}/{rest}");
                let pattern = swapped.replace("0a1b2c3d4e5f6g7h", "*");
                let is_read = other == "GET" && swapped.starts_with("GET/requests/");
                if !routes.contains(&pattern.as_str()) && !is_read {
                    assert!(!invokes(&document, &swapped, &role), "{name:?}: {swapped}");
                }
            }
            let elsewhere = arn("zzzzzzzzzz", "$default", &path);
            assert!(!allows(&document, INVOKE, &elsewhere, &role).unwrap(), "{name:?}");
            let own = arn("a1b2c3d4e5", "$default", &path);
            for action in ["execute-api:InvalidateCache", "execute-api:ManageConnections"] {
                assert!(!allows(&document, action, &own, &role).unwrap(), "{name:?}: {action}");
            }
        }
        for path in ["ANY/{proxy+}", "GET/nowhere", "POST/requests/0a1b/close", "POST/sessions"] {
            assert!(!invokes(&document, path, &role), "{name:?}: {path}");
        }
    }
}

/// An HTTP API decodes such paths, so that the TVM may perform another route than IAM evaluated. That
/// is denied also to a principal with the document `client`, which allows every path.
#[test]
fn no_document_allows_a_path_that_can_be_read_as_another() {
    let role = [("aws:PrincipalType", "AssumedRole")];
    for (name, ..) in EXPECTED {
        let documents = [document(name), document(DocumentName::Client)];
        for path in [
            "POST/requests/0a1b/approve%3F/cancel",
            "POST/requests/0a1b/approve?/cancel",
            "POST/requests/0a1b%2Fapprove%3F/cancel",
            "POST/requests/0a1b/%61pprove",
            "POST/requests/0a1b/approve#/cancel",
            "POST/break-glass/0a1b/review?/close",
            "POST/%62reak-glass",
            "GET/?",
        ] {
            assert!(!invokes(&documents, path, &role), "{name:?}: {path}");
        }
        assert!(invokes(&documents, "POST/requests/0a1b/approve", &role));
    }
}

#[test]
fn a_user_without_mfa_is_denied_also_what_another_document_allows() {
    for (name, strong, routes) in EXPECTED {
        let documents = [document(name), document(DocumentName::Client)];
        for (principal, with_mfa) in PRINCIPALS {
            for route in ROUTES {
                let path = route.replace('*', "0a1b2c3d4e5f6g7h");
                let expected = with_mfa || !strong || !routes.contains(&route);
                assert_eq!(invokes(&documents, &path, principal), expected, "{name:?}: {path}");
            }
        }
    }
}

#[test]
fn operators_stop_vending_with_mfa_and_no_other_document_allows_it() {
    let function = "arn:aws:lambda:eu-central-1:111122223333:function:sentinel-tvm";
    for (name, ..) in EXPECTED {
        for (principal, with_mfa) in PRINCIPALS {
            let allowed = allows(&[document(name)], STOP, function, principal).unwrap();
            assert_eq!(allowed, name == DocumentName::Operator && with_mfa, "{name:?}");
        }
    }
}
