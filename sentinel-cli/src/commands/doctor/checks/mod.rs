//! The checks: from what was read to findings. They send no requests.

mod api;
mod functions;
mod guard;
mod operations;
mod permissions;
mod policies;
mod tables;
mod trust;

#[cfg(test)]
mod tests;

use super::finding::{Check, Finding, Findings, Severity};
use super::snapshot::{Seen, Snapshot, Unread, WhoamiSeen};

pub(super) use operations::ALARMS;

/// The findings of all checks, the most serious first.
pub(super) fn all(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Findings::default();
    trust::check(snapshot, &mut findings);
    permissions::check(snapshot, &mut findings);
    guard::check(snapshot, &mut findings);
    tables::check(snapshot, &mut findings);
    policies::check(snapshot, &mut findings);
    functions::check(snapshot, &mut findings);
    api::check(snapshot, &mut findings);
    operations::check(snapshot, &mut findings);
    whoami(snapshot, &mut findings);
    findings.sorted()
}

fn whoami(snapshot: &Snapshot, findings: &mut Findings) {
    match &snapshot.whoami {
        WhoamiSeen::User(_) => {}
        WhoamiSeen::NotSent => findings.add(
            Check::WhoamiUnknown,
            "whoami",
            "the URL of the TVM is not known, so no request was sent to it",
            "pass `--tvm URL`, or set SENTINEL_TVM_URL",
        ),
        WhoamiSeen::Denied(why) => unread(
            &Unread {
                action: "execute-api:Invoke",
                resource: "GET /whoami".to_owned(),
                error: Some(why.clone()),
            },
            findings,
        ),
        WhoamiSeen::Failed(why) => findings.add(
            Check::WhoamiFailed,
            "whoami",
            format!("the signed request failed: {why}"),
            "docs/deployment.md#troubleshooting",
        ),
    }
}

/// Reports what could not be read.
fn unread(unread: &Unread, findings: &mut Findings) {
    unread_as(unread, Check::NotReadable.severity(), findings);
}

fn unread_as(unread: &Unread, severity: Severity, findings: &mut Findings) {
    let Unread { action, resource, error } = unread;
    let (found, fix) = match error {
        None => (
            format!("not checked: `{action}` is denied"),
            "attach the document that `sentinel iam doctor` prints, and check service control policies"
                .to_owned(),
        ),
        Some(error) => (
            format!("not checked: `{action}` failed: {error}"),
            "run the command again; if it fails again, check the permissions and the network"
                .to_owned(),
        ),
    };
    findings.push(Finding {
        check: Check::NotReadable,
        severity,
        subject: resource.clone(),
        found,
        fix,
        action: Some(action),
    });
}

/// What was read. `None` if it could not be, which is reported, or does not exist.
fn seen<'s, T>(seen: &'s Seen<T>, findings: &mut Findings) -> Option<Option<&'s T>> {
    match seen {
        Ok(found) => Some(found.as_ref()),
        Err(error) => {
            unread(error, findings);
            None
        }
    }
}

/// Names in backticks, separated by commas.
fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
