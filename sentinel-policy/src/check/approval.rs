//! The rules under `approvals`.

use std::time::Duration;

use crate::diagnostic::{Finding, Subject};
use crate::document::{Kind, Node};
use crate::read::{Field, Reader, Shape};
use crate::{ApprovalRule, AutoApprove};

const APPROVAL: Shape = Shape {
    place: "an approvals rule",
    keys: &[
        "name",
        "profiles",
        "approvers",
        "approvals",
        "max_duration",
        "deadline",
        "auto_approve",
    ],
    required: 3,
    nested: &[("auto_approve", AUTO_APPROVE.keys)],
};
const AUTO_APPROVE: Shape = Shape {
    place: "`auto_approve`",
    keys: &["users", "time", "max_duration"],
    required: 0,
    nested: &[],
};

/// Duration of an approval or a grant if the rule does not set one.
pub(super) const MAX_DURATION: Duration = Duration::from_secs(3_600);
/// Time that a request waits for approval if the rule does not set one.
const DEADLINE: Duration = Duration::from_secs(24 * 3_600);

impl<'n> Reader<'n> {
    /// Reads one approvals rule. `None` if a required value could not be read.
    pub(super) fn approval(&mut self, node: &'n Node<'n>) -> Option<ApprovalRule> {
        let fields = self.fields(Subject::EntryOf("approvals"), node, &APPROVAL)?;
        let name = fields.get("name").and_then(|f| self.name(f));
        let profiles = fields.get("profiles").and_then(|f| self.profiles(f));
        let approvers = fields.get("approvers").and_then(|f| self.users(f));
        let approvals = fields.get("approvals").and_then(|f| self.count(f));
        let max_duration = fields.get("max_duration").and_then(|f| self.duration(f));
        let deadline = fields.get("deadline").and_then(|f| self.duration(f));
        let auto_approve = fields.get("auto_approve").and_then(|f| self.auto_approve(f));
        Some(ApprovalRule {
            name: name?,
            profiles: profiles?,
            approvers: approvers?,
            approvals: approvals.unwrap_or(1),
            max_duration: max_duration.unwrap_or(MAX_DURATION),
            deadline: deadline.unwrap_or(DEADLINE),
            auto_approve,
        })
    }

    fn auto_approve(&mut self, field: Field<'n>) -> Option<AutoApprove> {
        // An `auto_approve` without conditions would approve every request at any time.
        // The policy author must state that explicitly.
        if matches!(&field.node.kind, Kind::Mapping(mapping) if mapping.entries.is_empty()) {
            self.findings.report(field.span(), Finding::EmptyMapping { key: field.key });
            return None;
        }
        let fields = self.fields(field.subject(), field.node, &AUTO_APPROVE)?;
        Some(AutoApprove {
            users: fields.get("users").and_then(|f| self.users(f)),
            time: fields.get("time").and_then(|f| self.window(f)),
            max_duration: fields.get("max_duration").and_then(|f| self.duration(f)),
        })
    }
}
