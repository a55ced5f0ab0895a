//! The API in front of the TVM, and the use of the authorizer by other APIs.

use super::super::finding::{Check, Findings};
use super::super::snapshot::{Api, AuthorizerUse, Deployed, Snapshot};
use super::{list, seen, unread};

const DEPLOYMENT: &str = "docs/deployment.md#create-http-api-with-iam-authorization";
const ORIGIN: &str = "docs/runbook.md#replace-the-origin-secret";

pub(super) fn check(snapshot: &Snapshot, findings: &mut Findings) {
    origin(&snapshot.tvm, findings);
    // If the permission to invoke could not be read, that is the finding.
    let is_known = matches!((&snapshot.tvm.function, &snapshot.tvm.policy), (Ok(Some(_)), Ok(_)));
    if snapshot.apis.is_empty() && is_known {
        findings.add(
            Check::ApiUnknown,
            &snapshot.tvm.name,
            "no API is permitted to invoke the function, so no API was checked",
            "pass `--api-id ID`; docs/deployment.md#grant-api-gateway-permission-to-invoke-lambda",
        );
    }
    for (id, api) in &snapshot.apis {
        match seen(api, findings) {
            None => {}
            Some(None) => findings.add(
                Check::ApiMissing,
                id,
                "the API does not exist",
                format!("remove its permission to invoke the function, or create it: {DEPLOYMENT}"),
            ),
            Some(Some(api)) => one(snapshot, api, findings),
        }
    }
    let mut used = false;
    for uses in &snapshot.authorizers {
        match uses {
            Err(error) => {
                used = true;
                unread(error, findings);
            }
            Ok(uses) => {
                for one in uses {
                    used = true;
                    authorizer(&snapshot.authorizer, one, findings);
                }
            }
        }
    }
    if !used
        && matches!(
            (&snapshot.authorizer.function, &snapshot.authorizer.policy),
            (Ok(Some(_)), Ok(_))
        )
    {
        findings.add(
            Check::AuthorizerUnused,
            &snapshot.authorizer.name,
            "no API uses the authorizer",
            "docs/deployment.md#attach-authorizer-to-downstream-api",
        );
    }
}

fn origin(tvm: &Deployed, findings: &mut Findings) {
    if tvm.lacks("SENTINEL_ORIGIN_SECRET") {
        findings.add(
            Check::OriginMissing,
            &tvm.name,
            "SENTINEL_ORIGIN_SECRET is not set: a principal that can invoke the function can name any caller",
            ORIGIN,
        );
    }
}

fn one(snapshot: &Snapshot, api: &Api, findings: &mut Findings) {
    let Api { id, is_rest, routes, stages } = api;
    let open: Vec<&str> = routes
        .iter()
        .filter(|route| route.authorization != "AWS_IAM")
        .map(|route| route.key.as_str())
        .collect();
    if !open.is_empty() {
        let fix = if *is_rest {
            format!(
                "aws apigateway update-method --rest-api-id {id} --patch-operations \
                 op=replace,path=/authorizationType,value=AWS_IAM, then create-deployment"
            )
        } else {
            format!(
                "aws apigatewayv2 update-route --api-id {id} --authorization-type AWS_IAM --route-id ID"
            )
        };
        findings.add(
            Check::RouteOpen,
            id,
            format!("these routes do not require IAM authorization: {}", list(open)),
            fix,
        );
    }
    let function = format!(":function:{}", snapshot.tvm.name);
    let calls_tvm = |target: &str| {
        target.split_once(&function).is_some_and(|(_, rest)| {
            !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        })
    };
    let other: Vec<&str> = routes
        .iter()
        .filter(|route| !calls_tvm(&route.target))
        .map(|route| route.key.as_str())
        .collect();
    if !other.is_empty() {
        findings.add(
            Check::ApiTarget,
            id,
            format!("these routes do not call `{}`: {}", snapshot.tvm.name, list(other)),
            DEPLOYMENT,
        );
    }
    let unreachable: Vec<String> = sentinel_iam::ROUTES
        .iter()
        .filter_map(|route| route.split_once('/'))
        .filter(|(method, path)| !routes.iter().any(|route| serves(&route.key, method, path)))
        .map(|(method, path)| format!("{method} /{path}"))
        .collect();
    if !unreachable.is_empty() {
        findings.add(
            Check::RouteMissing,
            id,
            format!("no route reaches {}", list(unreachable.iter().map(String::as_str))),
            DEPLOYMENT,
        );
    }
    // Without the secret in the function, the variable has no effect.
    let Some(secret) = snapshot.tvm.variable("SENTINEL_ORIGIN_SECRET") else { return };
    for (stage, sent) in stages.iter().filter(|(_, sent)| sent.as_deref() != Some(secret)) {
        let found = match sent {
            None => "has no variable `sentinelOrigin`",
            Some(_) => "has another `sentinelOrigin` than the function",
        };
        findings.add(
            Check::OriginDiffers,
            id,
            format!("its stage `{stage}` {found}: the TVM refuses every request of it"),
            ORIGIN,
        );
    }
}

/// Whether a route, such as `ANY /{proxy+}`, is for that method and path. `*` is an id in the path.
fn serves(key: &str, method: &str, path: &str) -> bool {
    let Some((of, pattern)) = key.split_once(" /") else { return key == "$default" };
    let is_path = match pattern {
        "{proxy+}" => !path.is_empty(),
        pattern => {
            let (wanted, parts): (Vec<_>, Vec<_>) =
                (pattern.split('/').collect(), path.split('/').collect());
            wanted.len() == parts.len()
                && wanted.iter().zip(&parts).all(|(wanted, part)| {
                    wanted == part || (*part == "*" && wanted.starts_with('{'))
                })
        }
    };
    (of == "ANY" || of == method) && is_path
}

fn authorizer(deployed: &Deployed, seen: &AuthorizerUse, findings: &mut Findings) {
    let AuthorizerUse { api, id, ttl_s, identity_source, simple } = seen;
    let subject = format!("{api}/authorizers/{id}");
    if *ttl_s > 0 {
        findings.add(
            Check::AuthorizerCached,
            &subject,
            format!("results are cached for {ttl_s} s, in which a revoked session passes"),
            format!(
                "aws apigatewayv2 update-authorizer --api-id {api} --authorizer-id {id} \
                 --authorizer-result-ttl-in-seconds 0 (REST API: apigateway update-authorizer)"
            ),
        );
    }
    if !identity_source.is_empty() {
        findings.add(
            Check::AuthorizerSource,
            &subject,
            format!(
                "its identity source is `{identity_source}`: API Gateway refuses a session id in the \
                 other position"
            ),
            format!(
                "aws apigatewayv2 update-authorizer --api-id {api} --authorizer-id {id} --identity-source '[]'"
            ),
        );
    }
    let configured = deployed.variable("SENTINEL_AUTHORIZER_RESPONSE").unwrap_or("policy");
    let expected = if *simple { "simple" } else { "policy" };
    if matches!(&deployed.function, Ok(Some(_))) && configured != expected {
        findings.add(
            Check::AuthorizerResponse,
            &subject,
            format!(
                "the API expects the response format `{expected}`, and the function returns `{configured}`"
            ),
            format!("set SENTINEL_AUTHORIZER_RESPONSE={expected} in `{}`", deployed.name),
        );
    }
}
