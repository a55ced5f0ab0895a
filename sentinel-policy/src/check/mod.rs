//! The second stage: from the tree to rules whose every value was parsed. All
//! that is wrong is found in one pass, one finding for each cause: what could
//! not be read is left out silently from there on, and a misspelt key is read as
//! the one that was meant.

mod approval;
mod break_glass;
mod caller_arn;
mod condition;
mod device;
mod fields;
mod group;
mod meant;
mod name;
mod operator;
mod other_policy;
mod principal;
mod profile;
mod rule;
mod usable;
mod value;
mod window;

use std::collections::BTreeMap;

use caller_arn::CallerArns;
pub(crate) use caller_arn::meant_principal;
pub(crate) use fields::LIST;
use fields::{Fields, Shape};
use group::Groups;
pub(crate) use meant::{Misread, meant_caller, meant_profile, meant_user};
pub(crate) use other_policy::OtherPolicy;
pub(crate) use window::{meant_hour, meant_zone};

use crate::diagnostic::{Diagnostics, Finding, Findings};
use crate::document::{Document, Kind};
use crate::{Checked, Limits};

const POLICY: Shape = Shape {
    place: "a policy",
    keys: &["version", "rules", "groups", "profiles", "approvals", "break_glass", "operators"],
    required: 2,
    nested: &[],
};

/// What the check carries along.
struct Checker<'n> {
    findings: Findings,
    limits: Limits,
    groups: Groups<'n>,
    /// The names of the list of rules that is being read, and their lines.
    names: BTreeMap<&'n str, u32>,
    callers: CallerArns,
}

/// Checks a document.
pub(crate) fn check(document: Document<'_>) -> Result<Checked, Diagnostics> {
    let Document { root, limits, findings } = document;
    let mut checker = Checker {
        findings,
        limits,
        groups: Groups::default(),
        names: BTreeMap::new(),
        callers: CallerArns::new(),
    };
    let checked = match &root.kind {
        Kind::Mapping(mapping) => {
            let fields = checker.fields_of(mapping, &POLICY);
            checker.policy(&fields)
        }
        // Of an alias it was said already that it may not stand there.
        Kind::Refused => Checked::nothing(),
        Kind::Scalar(_) | Kind::List(_) => {
            let finding = Finding::NotAPolicy { found: root.describe(), value: root.text() };
            checker.findings.report(root.span, finding);
            Checked::nothing()
        }
    };
    let doubts = checker.findings.clone();
    checker.findings.into_result().map(|_| Checked { doubts, ..checked })
}

impl<'n> Checker<'n> {
    /// The policy, as far as it can be read.
    fn policy(&mut self, fields: &Fields<'n>) -> Checked {
        if let Some(version) = fields.get("version")
            && let Some(text) = self.text(version.subject(), version.node)
            && text != "1"
        {
            self.findings.report(version.node.span, Finding::UnsupportedVersion { value: text });
        }
        let rules = fields.get("rules").filter(|rules| !self.is_other_policy(*rules));
        // Groups first: everything else may use them.
        self.read_groups(fields);
        Checked {
            profiles: fields.get("profiles").map(|f| self.profiles(f)).unwrap_or_default(),
            rules: self.rules_of(rules, Self::rule),
            approvals: self.rules_of(fields.get("approvals"), Self::approval),
            break_glass: self.rules_of(fields.get("break_glass"), Self::break_glass),
            operators: self.rules_of(fields.get("operators"), Self::operator),
            ..Checked::nothing()
        }
    }
}
