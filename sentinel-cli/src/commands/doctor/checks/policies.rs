//! The policy documents, as the TVM reads them.

use super::super::finding::{Check, Findings};
use super::super::snapshot::Snapshot;
use super::unread;

pub(super) fn check(snapshot: &Snapshot, findings: &mut Findings) {
    let documents = match &snapshot.documents {
        Ok(documents) => documents,
        Err(error) => return unread(error, findings),
    };
    let main = snapshot.deployment.policy_parameter.as_str();
    if !documents.has_main {
        findings.add(
            Check::PolicyMissing,
            main,
            "the main policy document does not exist: every request gets POLICY_ERROR",
            "sentinel bootstrap, or `sentinel policy push FILE`",
        );
    }
    for parameter in &documents.parameters {
        let name = parameter.path.rsplit('/').next().unwrap_or_default();
        if !["String", "SecureString"].contains(&parameter.kind.as_str()) {
            findings.add(
                Check::PolicyType,
                &parameter.path,
                format!("it is a `{}`, and a policy is a String or a SecureString", parameter.kind),
                format!(
                    "delete the parameter, and store the document again: `sentinel policy push {name}.yaml`"
                ),
            );
        }
        if let Some(problem) = &parameter.problem {
            let fix = if parameter.path.contains("/groups/") {
                format!("sentinel policy group set {name} MEMBER")
            } else {
                format!(
                    "sentinel policy pull {name} | sentinel policy check - (docs/runbook.md#an-invalid-policy)"
                )
            };
            findings.add(
                Check::PolicyInvalid,
                &parameter.path,
                format!("it cannot be used: {problem}"),
                fix,
            );
        }
    }
    for path in &documents.twice {
        let name = path.rsplit('/').next().unwrap_or_default();
        findings.add(
            Check::PolicyTwice,
            path,
            "it is in SSM and in the policy table, so that its profiles get POLICY_ERROR",
            format!("sentinel policy push {name}.yaml --move"),
        );
    }
}
