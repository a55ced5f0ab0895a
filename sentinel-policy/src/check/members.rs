//! Groups whose members are kept outside of the document that uses them.

use crate::diagnostic::{Diagnostics, Finding, Findings, Subject};
use crate::document::{Kind, PolicyDocument};
use crate::read::Reader;
use crate::user_entry::{ExternalGroup, Members};
use crate::{CheckedPolicy, Limits, Spanned, UserEntry};

/// The members of a group that is kept in a document of its own.
///
/// ```
/// use sentinel_policy::{CheckedPolicy, GroupMembers, Limits, Operation, Principal};
///
/// let limits = Limits::default();
/// let main = br#"
/// version: "1"
/// groups_from: [oncall]
/// rules: [{ name: none, effect: deny }]
/// operators: [{ name: oncall, users: ["group:oncall"], may: [revoke] }]
/// "#;
/// let members = GroupMembers::parse(b"[alice, bob]", &limits)?;
/// let policy = CheckedPolicy::parse(main, &limits)?.with_members("oncall", members).compile();
///
/// assert!(policy.may_operate(&Principal::new("alice"), Operation::Revoke));
/// assert!(!policy.may_operate(&Principal::new("mallory"), Operation::Revoke));
/// # Ok::<(), sentinel_policy::Diagnostics>(())
/// ```
#[derive(Clone, Debug)]
pub struct GroupMembers {
    members: Members,
    /// The warnings, without errors.
    warnings: Findings,
}

impl GroupMembers {
    /// Reads and checks a document that is a list of members in YAML or JSON. An entry is a
    /// name or pattern of users, or `{ principals: [ARN patterns] }`, and is checked like an
    /// entry of a group in a policy. `[]` means that the group has no members.
    ///
    /// # Errors
    /// [`Diagnostics`] with every mistake in the document. A document without a list, for
    /// instance an empty one, is a mistake.
    pub fn parse(source: &[u8], limits: &Limits) -> Result<Self, Diagnostics> {
        let PolicyDocument { root, limits, findings } = PolicyDocument::parse(source, limits)?;
        let mut reader = Reader::new(findings, limits);
        let members = match &root.kind {
            Kind::List(items) => reader.members(Subject::Member, None, items),
            // The parser has reported the alias.
            Kind::Refused => Vec::new(),
            Kind::Scalar(_) | Kind::Mapping(_) => {
                let finding = Finding::NotMembers { found: root.describe(), value: root.text() };
                reader.findings.report(root.span, finding);
                Vec::new()
            }
        };
        let warnings = reader.findings.clone();
        let members = Members::new(members);
        reader.findings.into_result().map(|_| Self { members, warnings })
    }

    /// The members, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &UserEntry> {
        self.members.entries().iter()
    }

    /// Whether the group has no members.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.members.entries().is_empty()
    }

    /// The valid but doubtful parts of the document, for instance an entry that matches no
    /// caller. A document with warnings can be used.
    #[must_use]
    pub fn warnings(&self) -> Option<Diagnostics> {
        self.warnings.clone().into_result().ok().flatten()
    }
}

impl CheckedPolicy {
    /// The names of the groups whose members are kept outside of the document, in the order of
    /// the document and without duplicates. A group without members matches no caller.
    pub fn groups_from(&self) -> impl Iterator<Item = &str> {
        self.groups_from.iter().map(|name| name.value.as_str())
    }

    /// The same document with the members of a group that [`CheckedPolicy::groups_from`]
    /// lists. They replace earlier members of that group. Without effect for any other name.
    #[must_use]
    pub fn with_members(mut self, name: &str, members: GroupMembers) -> Self {
        let group = ExternalGroup::new(name, members.members);
        for users in self.lists_of_users() {
            for Spanned { value, .. } in users {
                if matches!(value, UserEntry::Group(used) if used.name() == name) {
                    *value = UserEntry::Group(group.clone());
                }
            }
        }
        self
    }

    /// Every list in which a group can be used.
    fn lists_of_users(&mut self) -> impl Iterator<Item = &mut Vec<Spanned<UserEntry>>> {
        let Self { rules, approvals, break_glass, operators, .. } = self;
        let rules = rules.iter_mut().flat_map(|rule| {
            let unless = rule.unless.as_mut().and_then(|unless| unless.users.as_mut());
            rule.conditions.users.as_mut().into_iter().chain(unless)
        });
        let approvals = approvals.iter_mut().flat_map(|rule| {
            let auto = rule.auto_approve.as_mut().and_then(|auto| auto.users.as_mut());
            rule.steps.iter_mut().map(|step| &mut step.approvers).chain(auto)
        });
        let break_glass = break_glass.iter_mut().map(|rule| &mut rule.users);
        let operators = operators.iter_mut().map(|rule| &mut rule.users);
        rules.chain(approvals).chain(break_glass).chain(operators)
    }
}
