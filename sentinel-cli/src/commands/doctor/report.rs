//! The findings, for people and for programs.

use std::fmt::Write;

use clap::builder::styling::AnsiColor;
use sentinel_store::AccountId;
use serde_json::{Map, Value, json};

use super::finding::{Finding, Severity};
use crate::output::{paint, printable};

/// The result of a run.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) account: AccountId,
    pub(super) region: String,
    pub(super) caller: String,
    /// The user that the TVM reported for the caller.
    pub(super) user: Option<String>,
    /// The number of resources that were read, by kind.
    pub(super) read: Vec<(&'static str, usize)>,
    pub(super) findings: Vec<Finding>,
}

impl Report {
    /// Whether something needs to be done.
    pub(super) fn is_negative(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity != Severity::Note)
    }

    pub(super) fn json(&self) -> Value {
        let findings = self.findings.iter().map(|finding| {
            let mut object = json!({
                "check": finding.check.as_str(),
                "severity": finding.severity,
                "subject": finding.subject,
                "found": finding.found,
                "fix": finding.fix,
            });
            if let (Some(action), Some(members)) = (finding.action, object.as_object_mut()) {
                members.insert("action".to_owned(), json!(action));
            }
            object
        });
        let read: Map<String, Value> =
            self.read.iter().map(|(kind, count)| ((*kind).to_owned(), json!(count))).collect();
        json!({
            "account": self.account,
            "region": self.region,
            "caller": self.caller,
            "user": self.user,
            "read": read,
            "findings": findings.collect::<Vec<_>>(),
        })
    }

    pub(super) fn human(&self, color: bool) -> String {
        let mut text = String::new();
        for Finding { check, severity, subject, found, fix, .. } in &self.findings {
            let shade = match severity {
                Severity::Error => AnsiColor::Red,
                Severity::Warning => AnsiColor::Yellow,
                Severity::Note => AnsiColor::Cyan,
            };
            let word = paint(color, shade, severity.as_str());
            let (subject, found, fix) = (printable(subject), printable(found), printable(fix));
            // Writing to a String cannot fail.
            let _ =
                writeln!(text, "{word}: {}: {subject}\n  {found}\n  fix: {fix}", check.as_str());
        }
        let read =
            self.read.iter().map(|(kind, count)| format!("{count} {}", kind.replace('_', " ")));
        let _ = writeln!(text, "read: {}", read.collect::<Vec<_>>().join(", "));
        let count = |severity| self.findings.iter().filter(|it| it.severity == severity).count();
        let number = |count: usize, one: &str| match count {
            1 => format!("1 {one}"),
            many => format!("{many} {one}s"),
        };
        let counts = [
            number(count(Severity::Error), "error"),
            number(count(Severity::Warning), "warning"),
            number(count(Severity::Note), "note"),
        ];
        let _ = writeln!(text, "{}", counts.join(", "));
        text
    }
}
