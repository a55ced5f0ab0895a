//! The execution roles, compared with their documents: what is missing, and what is in addition.

use std::collections::BTreeSet;

use sentinel_iam::{Deployment, Document, DocumentName};

use super::super::finding::{Check, Findings};
use super::super::snapshot::{Deployed, RoleWithPolicies, Snapshot};
use super::super::statement::{Statement, covers, parse};
use super::{list, seen, unread};

const VPC: &str = include_str!("../../../../../deploy/iam/function-vpc.json");
const TRACES: &str = include_str!("../../../../../deploy/iam/function-traces.json");

pub(super) fn check(snapshot: &Snapshot, findings: &mut Findings) {
    let Snapshot { tvm, authorizer, tvm_role, authorizer_role, .. } = snapshot;
    for (name, role, function) in [
        (DocumentName::TvmFunction, tvm_role, tvm),
        (DocumentName::AuthorizerFunction, authorizer_role, authorizer),
    ] {
        one(snapshot, name, role, function, findings);
    }
}

fn one(
    snapshot: &Snapshot,
    document: DocumentName,
    role: &RoleWithPolicies,
    function: &Deployed,
    findings: &mut Findings,
) {
    let name = role.arn.rsplit('/').next().unwrap_or(&role.arn);
    let word = document.as_str().replace('_', "-");
    match seen(&role.role, findings) {
        None => {}
        Some(None) => {
            findings.add(
                Check::RoleMissing,
                name,
                "the execution role does not exist",
                "docs/deployment.md#create-lambda-function",
            );
            return;
        }
        Some(Some(found)) => trust(name, &found.trust, findings),
    }
    let actual = match &role.statements {
        Ok(statements) => statements,
        Err(error) => return unread(error, findings),
    };
    let documented = documented(snapshot, &snapshot.deployment.document(document));
    let fix = format!(
        "sentinel iam {word} > {word}.json && aws iam put-role-policy --role-name {name} --policy-name \
         Sentinel --policy-document file://{word}.json"
    );
    let required = required(snapshot, function, &documented);
    // Roles that the policy names, and that the document may not contain.
    let named = assumed(snapshot, function, required.as_slice());
    let missing: BTreeSet<String> = required
        .iter()
        .copied()
        .chain(&named)
        .flat_map(|wanted| wanted.pairs().map(move |pair| (wanted, pair)))
        .filter(|(wanted, (action, resource))| !grants(actual, wanted, action, resource))
        .map(|(_, (action, resource))| format!("`{action}` on `{resource}`"))
        .collect();
    if !missing.is_empty() {
        findings.add(
            Check::PermissionMissing,
            name,
            format!("it lacks {}", missing.into_iter().collect::<Vec<_>>().join(", ")),
            &fix,
        );
    }
    let mut allowed = documented;
    allowed.extend(optional(snapshot, function));
    let excess: BTreeSet<String> = actual
        .iter()
        .filter(|statement| statement.allows)
        .flat_map(|found| excess(&allowed, found))
        .collect();
    if !excess.is_empty() {
        findings.add(
            Check::PermissionExcess,
            name,
            format!(
                "it has permissions that the document `{word}` does not have: {}",
                excess.into_iter().collect::<Vec<_>>().join(", ")
            ),
            format!("remove them from the policies of the role; `sentinel iam {word}` prints all that it needs"),
        );
    }
}

fn trust(name: &str, trust: &[Statement], findings: &mut Findings) {
    let lambda = ("Service", "lambda.amazonaws.com");
    let foreign: BTreeSet<&str> = trust
        .iter()
        .filter(|statement| statement.allows)
        .flat_map(|statement| {
            let others = statement.principals.iter();
            let others = others.filter(|(kind, value)| (&**kind, &**value) != lambda);
            others.map(|(_, value)| &**value).chain(statement.inverted.then_some("NotPrincipal"))
        })
        .collect();
    if !foreign.is_empty() {
        findings.add(
            Check::ExecutionTrust,
            name,
            format!("its trust policy names {}, not only Lambda", list(foreign)),
            format!(
                "sentinel iam function-trust > trust.json && aws iam update-assume-role-policy \
                 --role-name {name} --policy-document file://trust.json"
            ),
        );
    }
}

/// The statements of a document of ours, in the form of what is read, for the template of roles that the
/// TVM has.
fn documented(snapshot: &Snapshot, document: &Document) -> Vec<Statement> {
    let Deployment { partition, account, role_prefix, .. } = &snapshot.deployment;
    let usual = format!("arn:{partition}:iam::{account}:role/{role_prefix}*");
    let mut statements = parse(&document.to_string()).unwrap_or_default();
    for resource in statements.iter_mut().flat_map(|statement| &mut statement.resources) {
        if *resource == usual {
            resource.clone_from(&snapshot.role_pattern);
        }
    }
    statements
}

/// The statements that the function needs with its variables: without a table, it needs no permission
/// for it. A function that cannot be read needs everything.
fn required<'d>(
    snapshot: &Snapshot,
    function: &Deployed,
    documented: &'d [Statement],
) -> Vec<&'d Statement> {
    let Deployment { session_table, approval_table, breakglass_table, .. } = &snapshot.deployment;
    let unused: Vec<String> = [
        (session_table, "SENTINEL_SESSION_TABLE"),
        (approval_table, "SENTINEL_APPROVAL_TABLE"),
        (breakglass_table, "SENTINEL_BREAKGLASS_TABLE"),
    ]
    .into_iter()
    .filter(|(_, variable)| function.lacks(variable))
    .map(|(table, _)| format!(":table/{table}"))
    .collect();
    let is_unused = |resource: &String| {
        unused
            .iter()
            .any(|table| resource.ends_with(table) || resource.contains(&format!("{table}/")))
    };
    documented
        .iter()
        .filter(|statement| unused.is_empty() || !statement.resources.iter().any(is_unused))
        .collect()
}

/// The statements of the TVM that assume roles, for the roles of profiles.
fn assumed(snapshot: &Snapshot, function: &Deployed, required: &[&Statement]) -> Vec<Statement> {
    let roles = snapshot.documents.as_ref().map(|documents| documents.roles.keys().cloned());
    let roles: Vec<String> = roles.into_iter().flatten().collect();
    if function.name != snapshot.tvm.name || roles.is_empty() {
        return Vec::new();
    }
    let assumes =
        |statement: &&&Statement| statement.actions.iter().all(|action| action.starts_with("sts:"));
    let with_roles =
        |statement: &Statement| Statement { resources: roles.clone(), ..statement.clone() };
    required.iter().filter(assumes).map(|statement| with_roles(statement)).collect()
}

/// What a role may have without needing it: the documents for a VPC and for traces if the function uses
/// them, keys, and protected roles of other accounts, which parameters of `deploy/` name.
fn optional(snapshot: &Snapshot, function: &Deployed) -> Vec<Statement> {
    let Deployment { partition, account, region, .. } = &snapshot.deployment;
    let mut optional = Vec::new();
    let read = function.function.as_ref().ok().and_then(Option::as_ref);
    for (document, used) in
        [(VPC, read.is_none_or(|it| it.in_vpc)), (TRACES, read.is_none_or(|it| it.traced))]
    {
        if used {
            optional.extend(parse(document).unwrap_or_default());
        }
    }
    let decrypt = |service: &str| Statement {
        allows: true,
        actions: vec!["kms:Decrypt".to_owned()],
        resources: vec![format!("arn:{partition}:kms:{region}:{account}:key/*")],
        conditions: [(
            ("stringequals".to_owned(), "kms:viaservice".to_owned()),
            [format!("{service}.{region}.amazonaws.com")].into(),
        )]
        .into(),
        ..Statement::default()
    };
    optional.extend([decrypt("ssm"), decrypt("dynamodb")]);
    let assume = documented(snapshot, &snapshot.deployment.tvm_function());
    let elsewhere = assume
        .into_iter()
        .filter(|statement| statement.actions.iter().all(|action| action.starts_with("sts:")));
    // `?` is one digit of an account.
    let pattern = snapshot.role_pattern.replacen(account.as_str(), "????????????", 1);
    let named = || {
        let roles = snapshot.documents.as_ref().map(|documents| &documents.roles);
        roles.into_iter().flatten().map(|(arn, _)| arn.clone())
    };
    if function.name == snapshot.tvm.name {
        optional.extend(elsewhere.map(|statement| Statement {
            resources: std::iter::once(pattern.clone()).chain(named()).collect(),
            ..statement
        }));
    }
    optional
}

/// Whether the role has that permission at least where the wanted statement allows it.
fn grants(actual: &[Statement], wanted: &Statement, action: &str, resource: &str) -> bool {
    let applies = |statement: &&Statement| statement.applies(action, resource);
    actual.iter().filter(applies).any(|it| it.allows && it.is_at_most_as_strict(wanted))
        && !actual.iter().filter(applies).any(|it| !it.allows && it.conditions.is_empty())
}

/// What a statement allows and no allowed statement does.
fn excess(allowed: &[Statement], found: &Statement) -> Vec<String> {
    if found.inverted {
        return vec![format!("everything but what the statement `{}` names", found.sid)];
    }
    let is_allowed = |action: &str, resource: &str| {
        allowed.iter().any(|statement| {
            statement.allows
                && statement.has_action(action)
                && statement.resources.iter().any(|pattern| covers(pattern, resource))
                && statement.is_at_most_as_strict(found)
        })
    };
    found
        .pairs()
        .filter(|(action, resource)| !is_allowed(action, resource))
        .map(|(action, resource)| format!("`{action}` on `{resource}`"))
        .collect()
}
