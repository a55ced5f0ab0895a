//! The rules under `approvals`.

use std::time::Duration;

use crate::diagnostic::{Finding, Subject};
use crate::document::{Kind, Node};
use crate::read::{Field, Fields, Reader, Shape};
use crate::{ApprovalRule, ApprovalStep, AutoApprove, Pattern, Spanned};

const APPROVAL: Shape = Shape {
    place: "an approvals rule",
    keys: &[
        "name",
        "profiles",
        "approvers",
        "approvals",
        "ticket_pattern",
        "max_duration",
        "deadline",
        "auto_approve",
    ],
    required: 3,
    nested: &[("auto_approve", AUTO_APPROVE.keys)],
};
const STEP: Shape = Shape {
    place: "a step of `approvers`",
    keys: &["approvers", "approvals"],
    required: 1,
    nested: &[],
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
        let steps = self.steps(&fields);
        let ticket_pattern = fields.get("ticket_pattern").and_then(|f| self.ticket_pattern(f));
        let max_duration = fields.get("max_duration").and_then(|f| self.duration(f));
        let deadline = fields.get("deadline").and_then(|f| self.duration(f));
        let auto_approve = fields.get("auto_approve").and_then(|f| self.auto_approve(f));
        Some(ApprovalRule {
            name: name?,
            profiles: profiles?,
            steps: steps?,
            ticket_pattern,
            max_duration: max_duration.unwrap_or(MAX_DURATION),
            deadline: deadline.unwrap_or(DEADLINE),
            auto_approve,
        })
    }

    /// Reads `approvers` and `approvals`: users and a number, or a list of steps, each with
    /// its own users and number.
    fn steps(&mut self, fields: &Fields<'n>) -> Option<Vec<ApprovalStep>> {
        let (approvers, approvals) = (fields.get("approvers"), fields.get("approvals"));
        let items = match approvers.map(|field| &field.node.kind) {
            Some(Kind::List(items)) if items.iter().any(is_step) => items,
            Some(Kind::Scalar(_) | Kind::List(_) | Kind::Mapping(_) | Kind::Refused) | None => {
                let approvers = approvers.and_then(|field| self.users(field));
                let approvals = approvals.and_then(|field| self.count(field)).unwrap_or(1);
                return Some(vec![ApprovalStep { approvers: approvers?, approvals }]);
            }
        };
        if let Some(approvals) = approvals {
            self.findings.report(approvals.key_span, Finding::ApprovalsOfSteps);
        }
        // Every step is read, to report what is wrong with each.
        let steps: Vec<_> = items.iter().map(|item| self.step(item)).collect();
        steps.into_iter().collect()
    }

    fn step(&mut self, node: &'n Node<'n>) -> Option<ApprovalStep> {
        let fields = self.fields(Subject::EntryOf("approvers"), node, &STEP)?;
        let approvers = fields.get("approvers").and_then(|f| self.users(f));
        let approvals = fields.get("approvals").and_then(|f| self.count(f)).unwrap_or(1);
        Some(ApprovalStep { approvers: approvers?, approvals })
    }

    fn ticket_pattern(&mut self, field: Field<'n>) -> Option<Spanned<Pattern>> {
        let text = self.exact_text(field.subject(), field.node)?;
        if text.is_empty() {
            self.findings.report(field.node.span, Finding::EmptyText { what: field.subject() });
            return None;
        }
        Some(Spanned::new(Pattern::new(text), field.node.span))
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

/// Whether an entry of `approvers` is a step. `[group: oncall]` is a user without quotes, with
/// a space after the `:`, and `principals` belongs in a group.
fn is_step(entry: &Node<'_>) -> bool {
    match &entry.kind {
        Kind::Mapping(mapping) => {
            !matches!(mapping.entries.as_slice(), [only] if matches!(&*only.key, "group" | "principals"))
        }
        Kind::Scalar(_) | Kind::List(_) | Kind::Refused => false,
    }
}
