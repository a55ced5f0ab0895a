//! Service control policies that deny what no policy inside the account can. They can only be read from
//! the management account or by a delegated administrator, so that what is not readable is a note.

use std::collections::BTreeSet;

use super::super::finding::{Check, Findings, Severity};
use super::super::snapshot::{Snapshot, Unread};
use super::super::statement::{Statement, covers};
use super::unread_as;

const FIX: &str = "deploy/README.md#service-control-policies";

pub(super) fn check(snapshot: &Snapshot, findings: &mut Findings) {
    let organization = match &snapshot.organization {
        Ok(Some(organization)) => organization,
        Ok(None) => {
            return findings.add(
                Check::GuardNone,
                snapshot.home.account.as_str(),
                "the account is not in an organization, so that no service control policy applies",
                "docs/threats.md#who-can-be-any-user",
            );
        }
        Err(Unread { action, resource, error }) => {
            let unread = Unread { action, resource: resource.clone(), error: error.clone() };
            return unread_as(&unread, Severity::Note, findings);
        }
    };
    if organization.is_management {
        return findings.add(
            Check::GuardManagement,
            snapshot.home.account.as_str(),
            "this is the management account of the organization, in which service control policies have \
             no effect",
            "move the deployment to another account (docs/threats.md#who-can-be-any-user)",
        );
    }
    for (check, probes, what, fix) in guards(snapshot) {
        let open = probes.iter().find(|(action, resource)| {
            !organization.policies.iter().any(|it| denies(it, check, snapshot, action, resource))
        });
        if let Some((action, resource)) = open {
            findings.add(
                check,
                snapshot.home.account.as_str(),
                format!(
                    "no service control policy denies {what}, such as `{action}` on `{resource}`"
                ),
                fix,
            );
        }
    }
}

type Guard = (Check, Vec<(&'static str, String)>, &'static str, String);

/// Each guard: what it denies, as actions on resources, and how to print it.
fn guards(snapshot: &Snapshot) -> [Guard; 3] {
    let deployment = &snapshot.deployment;
    let sentinel_iam::Deployment { partition, region, account, .. } = deployment;
    let function =
        format!("arn:{partition}:lambda:{region}:{account}:function:{}", snapshot.tvm.name);
    let api = deployment.api_id.as_deref().unwrap_or("API_ID");
    let role = |name: &str| format!("arn:{partition}:iam::{account}:role/{name}");
    let protected = role(&format!("{}production", deployment.role_prefix));
    let guard = |name: &str| {
        format!("python3 deploy/guard.py {name} --account {account} --api-id {api} ({FIX})")
    };
    let vended =
        format!("sentinel iam vended-credentials-guard --account {account} --api-id {api} ({FIX})");
    [
        (
            Check::GuardVended,
            // Without an API, there is nothing to deny on it.
            deployment
                .api_id
                .iter()
                .map(|api| {
                    let arn =
                        format!("arn:{partition}:execute-api:{region}:{account}:{api}/v1/GET/");
                    ("execute-api:Invoke", arn)
                })
                .chain([("lambda:InvokeFunction", function.clone())])
                .collect(),
            "vended credentials to request more credentials",
            vended,
        ),
        (
            Check::GuardAdministration,
            vec![
                ("lambda:InvokeFunction", function.clone()),
                ("lambda:UpdateFunctionConfiguration", function),
                (
                    "ssm:PutParameter",
                    format!(
                        "arn:{partition}:ssm:{region}:{account}:parameter{}",
                        deployment.policy_parameter
                    ),
                ),
                (
                    "dynamodb:PutItem",
                    format!(
                        "arn:{partition}:dynamodb:{region}:{account}:table/{}",
                        deployment.session_table
                    ),
                ),
            ],
            "other principals than the deployer a change of the deployment",
            guard("administration-guard"),
        ),
        (
            Check::GuardIdentity,
            vec![
                ("iam:UpdateAssumeRolePolicy", protected.clone()),
                ("iam:UpdateAssumeRolePolicy", snapshot.tvm_role.arn.clone()),
                ("sts:AssumeRole", protected),
            ],
            "other principals than the deployer a change of Sentinel's roles",
            format!("python3 deploy/guard.py identity-guard --account {account} ({FIX})"),
        ),
    ]
}

/// Whether a statement denies the action to every principal that the guard is meant for.
fn denies(
    statement: &Statement,
    check: Check,
    snapshot: &Snapshot,
    action: &str,
    resource: &str,
) -> bool {
    let identities = snapshot.deployment.source_identity.of_all_callers();
    let is_meant = |((operator, key), values): (&(String, String), &BTreeSet<String>)| {
        if check == Check::GuardVended {
            key == "aws:sourceidentity"
                && operator == "stringlike"
                && values.iter().any(|value| covers(value, &identities))
        } else {
            // It exempts principals. Which ones is a decision of the organization.
            key == "aws:principalarn" && operator.contains("not")
        }
    };
    !statement.allows
        && statement.applies(action, resource)
        && statement.conditions.iter().all(is_meant)
}
