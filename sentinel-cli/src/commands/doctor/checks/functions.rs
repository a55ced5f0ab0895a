//! The functions: their variables, as the functions read them, the code that APIs call, and the
//! principals that can invoke it.

use std::collections::BTreeSet;

use super::super::finding::{Check, Findings};
use super::super::snapshot::{Called, Deployed, Snapshot};
use super::super::statement::Statement;
use super::{list, seen};

const SESSION_NAME_ROLES: &str = "SENTINEL_SESSION_NAME_ROLES";
const VARIABLES: &str = "docs/deployment.md#environment-variables";

pub(super) fn check(snapshot: &Snapshot, findings: &mut Findings) {
    let Snapshot { tvm, authorizer, .. } = snapshot;
    for deployed in [tvm, authorizer] {
        one(snapshot, deployed, findings);
    }
    variables_of_tvm(tvm, findings);
    variables_of_authorizer(authorizer, findings);
    if matches!((&tvm.function, &authorizer.function), (Ok(Some(_)), Ok(Some(_)))) {
        agreement(tvm, authorizer, findings);
    }
}

fn one(snapshot: &Snapshot, deployed: &Deployed, findings: &mut Findings) {
    let Deployed { name, called, alias, package, .. } = deployed;
    match seen(&deployed.function, findings) {
        None => {}
        Some(None) => {
            findings.add(
                Check::FunctionMissing,
                name,
                "the function does not exist",
                "docs/deployment.md#create-lambda-function, or name the function with `--tvm-function` \
                 or `--authorizer-function`",
            );
            return;
        }
        Some(Some(function)) => {
            if let Some(package) = package.as_ref().filter(|package| **package != function.code) {
                findings.add(
                    Check::FunctionPackage,
                    name,
                    format!(
                        "its code has the SHA-256 `{}`, and the package `{package}`",
                        function.code
                    ),
                    format!(
                        "deploy both packages of one release: `aws lambda update-function-code \
                         --function-name {name} --zip-file fileb://PACKAGE`"
                    ),
                );
            }
        }
    }
    match (called, alias) {
        (Called::Qualified(qualifier), Some(alias)) => match seen(alias, findings) {
            Some(None) => findings.add(
                Check::FunctionAlias,
                name,
                format!("the API calls its alias `{qualifier}`, which does not exist"),
                format!(
                    "aws lambda create-alias --function-name {name} --name {qualifier} \
                     --function-version VERSION"
                ),
            ),
            Some(Some((version, split))) if version == "$LATEST" || *split => findings.add(
                Check::FunctionAlias,
                name,
                if *split {
                    format!("its alias `{qualifier}` sends requests to two versions")
                } else {
                    format!("its alias `{qualifier}` is not a published version, but $LATEST")
                },
                format!(
                    "aws lambda update-alias --function-name {name} --name {qualifier} \
                     --function-version VERSION --routing-config AdditionalVersionWeights={{}}"
                ),
            ),
            Some(Some(_)) | None => {}
        },
        (Called::Qualified(_), None) | (Called::Unknown, _) => {}
        (Called::Itself, _) => findings.add(
            Check::FunctionLatest,
            name,
            "APIs call the function itself, not a published version behind an alias: an update of its \
             code or variables is in effect immediately",
            "docs/upgrading.md",
        ),
    }
    if let Some(Some(policy)) = seen(&deployed.policy, findings) {
        invokers(snapshot, name, policy, findings);
    }
}

/// Only API Gateway can invoke a function, for APIs of this account.
fn invokers(snapshot: &Snapshot, name: &str, policy: &[Statement], findings: &mut Findings) {
    let account = snapshot.home.account.as_str();
    for statement in policy.iter().filter(|statement| statement.allows) {
        let is_api = |(kind, value): &(String, String)| {
            kind == "Service" && value == "apigateway.amazonaws.com"
        };
        let of_account = |value: &String| {
            let parts: Vec<&str> = value.split(':').collect();
            matches!(parts.as_slice(), ["arn", _, "execute-api", _, owner, _] if *owner == account)
        };
        let is_limited = statement.conditions.iter().any(|((_, key), values)| {
            key == "aws:sourcearn" && !values.is_empty() && values.iter().all(of_account)
        });
        if statement.principals.iter().all(is_api) && is_limited && !statement.inverted {
            continue;
        }
        let who = list(statement.principals.iter().map(|(_, value)| value.as_str()));
        let found = if is_limited || !statement.principals.iter().all(is_api) {
            format!("the statement `{}` of its policy lets {who} invoke it", statement.sid)
        } else {
            format!(
                "the statement `{}` of its policy lets {who} invoke it for APIs of every account",
                statement.sid
            )
        };
        findings.add(
            Check::InvokeOpen,
            name,
            found,
            format!(
                "aws lambda remove-permission --function-name {name} --statement-id {}, then \
                 docs/deployment.md#grant-api-gateway-permission-to-invoke-lambda",
                statement.sid
            ),
        );
    }
}

fn variables_of_tvm(deployed: &Deployed, findings: &mut Findings) {
    let Ok(Some(function)) = &deployed.function else { return };
    let variable = |name: &str| function.variables.get(name).cloned();
    if let Err(errors) = sentinel_tvm::Config::read(variable) {
        for error in errors {
            let found = format!("{}: {}", error.variable, error.problem);
            findings.add(Check::FunctionVariable, &deployed.name, found, VARIABLES);
        }
    }
    for warning in sentinel_tvm::Config::warnings(variable, function.variables.keys().cloned()) {
        let found = format!("{}: {}", warning.variable, warning.problem);
        if warning.variable == SESSION_NAME_ROLES {
            let fix = "deploy/README.md#user-names";
            findings.add(Check::SessionNameRoles, &deployed.name, found, fix);
        } else {
            findings.add(Check::FunctionUnread, &deployed.name, found, VARIABLES);
        }
    }
}

fn variables_of_authorizer(deployed: &Deployed, findings: &mut Findings) {
    let Ok(Some(function)) = &deployed.function else { return };
    let variable = |name: &str| function.variables.get(name).cloned();
    if let Err(errors) = sentinel_authorizer::Config::read(variable) {
        for error in errors {
            let found = format!("{}: {}", error.variable, error.problem);
            findings.add(Check::FunctionVariable, &deployed.name, found, VARIABLES);
        }
    }
    let set = function.variables.keys().cloned();
    for warning in sentinel_authorizer::Config::warnings(variable, set) {
        let found = format!("{}: {}", warning.variable, warning.problem);
        findings.add(Check::FunctionUnread, &deployed.name, found, VARIABLES);
    }
}

/// The authorizer finds and accepts the sessions that the TVM writes.
fn agreement(tvm: &Deployed, authorizer: &Deployed, findings: &mut Findings) {
    let keys = |deployed: &Deployed| -> BTreeSet<String> {
        let keys = deployed.variable("SENTINEL_SESSION_KEY").unwrap_or_default();
        keys.split(',').map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()).collect()
    };
    let of_both = |name: &str, default: &str| {
        let value = |deployed: &Deployed| deployed.variable(name).unwrap_or(default).to_owned();
        (value(tvm), value(authorizer))
    };
    let subject = format!("{}, {}", tvm.name, authorizer.name);
    for (name, default) in [("SENTINEL_SESSION_TABLE", ""), ("SENTINEL_GENERATION", "0")] {
        let (one, other) = of_both(name, default);
        // A function without the table is another finding.
        if one != other && !one.is_empty() && !other.is_empty() {
            findings.add(
                Check::FunctionsDisagree,
                &subject,
                format!("{name} is `{one}` in the TVM and `{other}` in the authorizer"),
                "set the same value in both functions, the authorizer first",
            );
        }
    }
    let (of_tvm, of_authorizer) = (keys(tvm), keys(authorizer));
    // The TVM writes with its first key. An authorizer without a key accepts every check value.
    let writes = tvm.variable("SENTINEL_SESSION_KEY").and_then(|keys| keys.split(',').next());
    let is_known = writes.is_none_or(|key| of_authorizer.contains(key.trim()));
    if !of_authorizer.is_empty() && (of_tvm.is_empty() || !is_known) {
        findings.add(
            Check::FunctionsDisagree,
            &subject,
            "the authorizer does not have the session key with which the TVM writes: it refuses every \
             new session",
            "docs/runbook.md#rotate-the-session-key",
        );
    }
}
