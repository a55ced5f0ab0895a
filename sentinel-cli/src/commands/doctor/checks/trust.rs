//! The trust policies of protected roles: only the TVM's role, with every action that it needs, and
//! only with a source identity of Sentinel.

use super::super::finding::{Check, Findings};
use super::super::snapshot::{RoleWithPolicies, Snapshot};
use super::super::statement::{Statement, covers};
use super::{list, seen, unread};

const FIX: &str = "sentinel iam protected-role-trust > trust.json && aws iam update-assume-role-policy \
                   --policy-document file://trust.json --role-name";
const RECREATED: &str = "docs/runbook.md#the-execution-role-was-recreated";

/// The actions that the TVM needs on a protected role.
const NEEDED: [&str; 3] = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"];

pub(super) fn check(snapshot: &Snapshot, findings: &mut Findings) {
    if let Some(error) = &snapshot.unlisted {
        unread(error, findings);
    }
    for role in &snapshot.protected {
        let account = role.arn.split(':').nth(4).unwrap_or_default();
        if account != snapshot.home.account.as_str() {
            findings.add(
                Check::RoleElsewhere,
                &role.arn,
                "the role is in another account, where it was not checked",
                format!(
                    "compare its trust policy with the output of `sentinel iam protected-role-trust \
                     --account {}`",
                    snapshot.home.account
                ),
            );
            continue;
        }
        one(snapshot, role, findings);
    }
}

fn one(snapshot: &Snapshot, role: &RoleWithPolicies, findings: &mut Findings) {
    let name = role.arn.rsplit('/').next().unwrap_or(&role.arn);
    let fix = format!("{FIX} {name}");
    match seen(&role.role, findings) {
        None => {}
        Some(None) => {
            findings.add(
                Check::RoleMissing,
                &role.arn,
                "the policy has a profile with this role, and the role does not exist",
                "create the role (docs/deployment.md#protected-role-trust-policy), or correct \
                 `role_arn` in the policy",
            );
            return;
        }
        Some(Some(found)) => {
            principals(snapshot, name, &found.trust, &fix, findings);
            actions(snapshot, name, &found.trust, &fix, findings);
        }
    }
    match &role.statements {
        Err(error) => unread(error, findings),
        Ok(statements) if !denies_chaining(statements) => findings.add(
            Check::RoleChaining,
            name,
            "its sessions are not denied `sts:AssumeRole`: the session of another role would outlive \
             a revocation",
            format!(
                "sentinel iam protected-role-guard > guard.json && aws iam put-role-policy --policy-name \
                 SentinelNoOnwardRoles --policy-document file://guard.json --role-name {name}"
            ),
        ),
        Ok(_) => {}
    }
}

fn principals(
    snapshot: &Snapshot,
    name: &str,
    trust: &[Statement],
    fix: &str,
    findings: &mut Findings,
) {
    let tvm = ("AWS", snapshot.tvm_role.arn.as_str());
    for statement in trust.iter().filter(|statement| statement.allows) {
        if statement.inverted {
            findings.add(
                Check::TrustPrincipal,
                name,
                "its trust policy allows with `NotPrincipal` or `NotAction`, which includes principals \
                 that it does not name",
                fix,
            );
        }
        let others = statement.principals.iter().filter(|(kind, value)| (&**kind, &**value) != tvm);
        for (kind, value) in others {
            // IAM replaces the ARN of a deleted principal by its id.
            let was_deleted =
                kind == "AWS" && (value.starts_with("AROA") || value.starts_with("AIDA"));
            let (found, fix) = if was_deleted {
                (
                    format!("its trust policy names `{value}`, a principal that was deleted"),
                    RECREATED,
                )
            } else {
                (
                    format!(
                        "its trust policy names `{value}`, not only the TVM's role `{}`",
                        tvm.1
                    ),
                    fix,
                )
            };
            findings.add(Check::TrustPrincipal, name, found, fix);
        }
    }
}

fn actions(
    snapshot: &Snapshot,
    name: &str,
    trust: &[Statement],
    fix: &str,
    findings: &mut Findings,
) {
    let tvm = &snapshot.tvm_role.arn;
    let of_tvm: Vec<&Statement> = trust
        .iter()
        .filter(|statement| statement.allows && !statement.inverted)
        .filter(|statement| statement.principals.iter().any(|(_, value)| value == tvm))
        .collect();
    let allowing = |action: &str| {
        let allows = |statement: &&&Statement| statement.has_action(action);
        of_tvm.iter().filter(allows).copied().collect::<Vec<_>>()
    };
    let lacking = NEEDED.iter().copied().filter(|action| allowing(action).is_empty());
    let lacking: Vec<&str> = lacking.collect();
    if !lacking.is_empty() {
        findings.add(
            Check::TrustAction,
            name,
            format!("its trust policy does not allow the TVM {}", list(lacking.iter().copied())),
            fix,
        );
    }
    let identity = snapshot.deployment.source_identity.of_all_callers();
    let limited = |statement: &&Statement| {
        statement.conditions.iter().any(|((operator, key), values)| {
            key == "sts:sourceidentity"
                && operator == "stringlike"
                && values.iter().all(|value| covers(&identity, value))
        })
    };
    if !allowing("sts:AssumeRole").iter().all(limited) {
        findings.add(
            Check::TrustSourceIdentity,
            name,
            format!("its trust policy does not require the source identity `{identity}`"),
            fix,
        );
    }
    let further = of_tvm.iter().flat_map(|statement| &statement.actions);
    let further = further.filter(|action| !NEEDED.iter().any(|it| it.eq_ignore_ascii_case(action)));
    let further: Vec<&str> = further.map(String::as_str).collect();
    if !further.is_empty() {
        findings.add(
            Check::TrustExcess,
            name,
            format!("its trust policy also allows {}", list(further.iter().copied())),
            fix,
        );
    }
}

fn denies_chaining(statements: &[Statement]) -> bool {
    statements.iter().any(|statement| {
        !statement.allows
            && statement.conditions.is_empty()
            && statement.applies("sts:AssumeRole", "*")
    })
}
