//! The second stage: from the tree to rules in which every value is parsed. One
//! pass finds every mistake and reports one finding for each cause. A value that
//! could not be read is omitted from then on without another finding. A misspelled
//! key is read as the key that was meant.

mod approval;
mod break_glass;
mod condition;
mod members;
mod operator;
mod other_policy;
mod profile;
mod profile_pattern;
mod rule;
mod usable;

pub use self::members::GroupMembers;
use crate::diagnostic::{Diagnostics, Finding};
use crate::document::{Kind, PolicyDocument};
use crate::read::{Fields, Reader, Shape};
use crate::{CheckedPolicy, Limits, Spanned};

const POLICY: Shape = Shape {
    place: "a policy",
    keys: &[
        "version",
        "rules",
        "groups",
        "groups_from",
        "profiles",
        "accounts",
        "profile_patterns",
        "approvals",
        "break_glass",
        "operators",
    ],
    required: 2,
    nested: &[],
};

impl PolicyDocument<'_> {
    /// Checks the whole document against the language in one pass.
    ///
    /// # Errors
    /// [`Diagnostics`], one for each cause.
    pub fn check(self) -> Result<CheckedPolicy, Diagnostics> {
        let PolicyDocument { root, limits, findings } = self;
        let mut reader = Reader::new(findings, limits);
        let checked = match &root.kind {
            Kind::Mapping(mapping) => {
                let fields = reader.fields_of(mapping, &POLICY);
                reader.policy(&fields)
            }
            // The parser has reported the alias.
            Kind::Refused => CheckedPolicy::empty(),
            Kind::Scalar(_) | Kind::List(_) => {
                let finding = Finding::NotAPolicy { found: root.describe(), value: root.text() };
                reader.findings.report(root.span, finding);
                CheckedPolicy::empty()
            }
        };
        let warnings = reader.findings.clone();
        reader.findings.into_result().map(|_| CheckedPolicy { warnings, ..checked })
    }
}

impl CheckedPolicy {
    /// Reads and checks a document: [`PolicyDocument::parse`] and [`PolicyDocument::check`]
    /// in one call.
    ///
    /// # Errors
    /// [`Diagnostics`] with every mistake in the document.
    pub fn parse(source: &[u8], limits: &Limits) -> Result<Self, Diagnostics> {
        PolicyDocument::parse(source, limits)?.check()
    }
}

impl<'n> Reader<'n> {
    /// The policy, as far as it can be read.
    fn policy(&mut self, fields: &Fields<'n>) -> CheckedPolicy {
        if let Some(version) = fields.get("version")
            && let Some(text) = self.text(version.subject(), version.node)
            && text != "1"
        {
            self.findings.report(version.node.span, Finding::UnsupportedVersion { value: text });
        }
        let rules = fields.get("rules").filter(|rules| !self.is_other_policy(*rules));
        // Groups are read first, because the other sections can refer to them.
        let groups_from = self.read_groups(fields);
        let mut profiles =
            fields.get("profiles").map(|f| self.profile_definitions(f)).unwrap_or_default();
        self.profile_patterns(fields, &mut profiles);
        CheckedPolicy {
            groups_from,
            profiles,
            main_document_keys: ["accounts", "profile_patterns"]
                .into_iter()
                .filter_map(|key| fields.get(key))
                .map(|field| Spanned::new(field.key, field.key_span))
                .collect(),
            rules: self.rules_of(rules, Self::rule),
            approvals: self.rules_of(fields.get("approvals"), Self::approval),
            break_glass: self.rules_of(fields.get("break_glass"), Self::break_glass),
            operators: self.rules_of(fields.get("operators"), Self::operator),
            ..CheckedPolicy::empty()
        }
    }
}
