//! `users`: patterns over the names of users, and groups of such patterns.

use chrono::{DateTime, Utc};

use super::principals::{self, Principals};
use super::{AnyOf, Condition, Entry, Name, Saw, texts};
use crate::diagnostic::{Finding, Subject, Type, nearest};
use crate::document::{Kind, Node};
use crate::name::{Fault, Misread, meant_caller, meant_user, user_fault};
use crate::read::{Field, Fields, Reader, Shape};
use crate::{Request, Span, Spanned, UserEntry, UserPattern};

/// Marks an entry as the use of a group.
const PREFIX: &str = "group:";
/// Number of group names that are compared with misspelled ones in a document.
/// Each comparison costs the product of the two lengths.
const COMPARISONS: usize = 10_000;
/// A member of a group that is not a name.
const MEMBER: Shape =
    Shape { place: "an entry of a group", keys: &[Principals::KEY], required: 1, nested: &[] };

pub(crate) struct Users;

impl Condition for Users {
    type Given = AnyOf<UserEntry>;
    type Compiled = UserEntry;

    const KEY: &'static str = "users";

    fn read<'n>(reader: &mut Reader<'n>, field: Field<'n>) -> Option<Self::Given> {
        reader.users(field)
    }

    fn matches(user: &UserEntry, request: &Request<'_>, _: DateTime<Utc>) -> bool {
        user.matches(&request.principal)
    }

    fn saw(_: &Self::Given, request: &Request<'_>, _: DateTime<Utc>) -> Saw {
        Saw::text("user", Some(request.principal.user))
    }

    fn wanted(users: &Self::Given, _: &str) -> Vec<String> {
        texts(users, |user| user.as_str().to_owned())
    }
}

impl Name for Users {
    fn of<'a>(request: &Request<'a>) -> Option<&'a str> {
        Some(request.principal.user)
    }

    fn entries(users: &Self::Given) -> Vec<Entry<'_, UserEntry>> {
        users.iter().map(|user| entry(&user.value)).collect()
    }
}

fn entry(user: &UserEntry) -> Entry<'_, UserEntry> {
    match user {
        UserEntry::Name(name) if name.is_literal() => Entry::Written(name.as_str()),
        UserEntry::Name(name) if name.is_everyone() => Entry::Anyone,
        // The column of users has no ARNs, so an ARN without wildcards is a pattern too.
        UserEntry::Name(_) | UserEntry::Principal(_) => Entry::Pattern(user.clone()),
    }
}

/// Whether an entry of a group has the key `principals`, perhaps misspelled.
fn has_principals(entry: &Node<'_>) -> bool {
    match &entry.kind {
        Kind::Mapping(mapping) => mapping
            .entries
            .iter()
            .any(|entry| nearest(&entry.key, MEMBER.keys.iter().copied()).is_some()),
        Kind::Scalar(_) | Kind::List(_) | Kind::Refused => false,
    }
}

impl<'n> Reader<'n> {
    /// Reads the groups that a document defines.
    pub(crate) fn read_groups(&mut self, fields: &Fields<'n>) {
        let before = self.findings.total();
        if let Some(field) = fields.get("groups")
            && let Some(mapping) = self.mapping(field.subject(), field.node)
        {
            // All names are read first, because a member can have the name of any
            // group.
            let names = mapping.entries.iter().map(|entry| (&*entry.key, None));
            self.groups.members = names.collect();
            for entry in &mapping.entries {
                let members = self.members(&entry.key, &entry.value, entry.key_span);
                self.groups.members.insert(&entry.key, members);
            }
        }
        self.groups.unreadable = self.groups.members.is_empty() && self.findings.total() > before;
    }

    /// The members of one group.
    fn members(
        &mut self,
        group: &'n str,
        node: &'n Node<'n>,
        key_span: Span,
    ) -> Option<Vec<UserEntry>> {
        if group.is_empty() {
            self.findings.report(key_span, Finding::EmptyText { what: Subject::Key("groups") });
        }
        if self.is_null(group, node, key_span) {
            return None;
        }
        let mut members = Vec::new();
        for item in self.list(group, node, Type::LIST)? {
            if has_principals(item) {
                members.extend(self.principals(group, item));
                continue;
            }
            let Some(member) = self.text(Subject::EntryOf(group), item) else { continue };
            if member.starts_with(PREFIX) {
                self.findings.report(item.span, Finding::NestedGroup { group, member });
            } else {
                let user = self.user(Subject::EntryOf(group), member, item.span, Some(group));
                members.push(UserEntry::Name(user));
            }
        }
        Some(members)
    }

    /// The patterns over ARNs in an entry of a group.
    fn principals(&mut self, group: &'n str, node: &'n Node<'n>) -> Vec<UserEntry> {
        let fields = self.fields(Subject::EntryOf(group), node, &MEMBER);
        let field = fields.and_then(|fields| fields.get(Principals::KEY));
        let patterns = field.and_then(|field| self.each(field, principals::principal));
        let patterns = patterns.unwrap_or_default().into_iter();
        patterns.map(|pattern| UserEntry::Principal(pattern.value)).collect()
    }

    /// Reads a user pattern. It is reported if it matches no caller, or if a group was
    /// probably meant. `within` is the group that has it as a member.
    fn user(
        &mut self,
        what: Subject<'_>,
        value: &'n str,
        span: Span,
        within: Option<&str>,
    ) -> UserPattern {
        let finding = match user_fault(value) {
            Some(Fault::Character(character)) => {
                Some(Finding::InvalidUser { what, value, character, meant: meant_user })
            }
            Some(Fault::Shape) => Some(Finding::UnmatchedUser { what, value, meant: meant_caller }),
            None => {
                let at = value.strip_prefix('@').filter(|rest| !rest.contains(['@', '*', '?']));
                let group = at.unwrap_or(value);
                let is_name = self.groups.members.contains_key(group) && within != Some(group);
                let nested = within.is_some();
                if at.is_some() || is_name {
                    Some(Finding::GroupWithoutPrefix { what, value, group, nested })
                } else {
                    Misread::of(value).map(|misread| Finding::MisleadingUser {
                        what,
                        value,
                        meaning: misread.describe(),
                        help: misread.help(value),
                    })
                }
            }
        };
        if let Some(finding) = finding {
            self.findings.report(span, finding);
        }
        UserPattern::new(value)
    }

    /// Users by pattern, every group replaced by its members.
    pub(crate) fn users(&mut self, field: Field<'n>) -> Option<AnyOf<UserEntry>> {
        let items = self.list(field.key, field.node, Type::LIST)?;
        let mut users = Vec::with_capacity(items.len());
        for item in items {
            let Some(text) = self.text(Subject::EntryOf(field.key), item) else { continue };
            match text.strip_prefix(PREFIX) {
                None => {
                    let user = self.user(Subject::EntryOf(field.key), text, item.span, None);
                    users.push(Spanned::new(UserEntry::Name(user), item.span));
                }
                Some(group) => self.use_group(field.key, group, item, &mut users),
            }
        }
        Some(users)
    }

    /// Adds the members of a group, each with the place at which it is used.
    fn use_group(
        &mut self,
        key: &'static str,
        name: &'n str,
        item: &'n Node<'n>,
        users: &mut AnyOf<UserEntry>,
    ) {
        let limit = self.limits.max_group_entries;
        let groups = &mut self.groups;
        match groups.members.get(name) {
            Some(Some(members)) => {
                groups.used = groups.used.saturating_add(members.len());
                if groups.used <= limit {
                    users.extend(members.iter().map(|m| Spanned::new(m.clone(), item.span)));
                } else if !std::mem::replace(&mut groups.exhausted, true) {
                    self.findings.report(item.span, Finding::TooManyGroupEntries { name, limit });
                }
            }
            Some(None) => {}
            None if groups.unreadable => {}
            None => {
                groups.compared = groups.compared.saturating_add(groups.members.len());
                let look = !self.findings.is_full() && groups.compared <= COMPARISONS;
                let names = groups.members.keys().copied();
                let meant = look.then(|| nearest(name, names)).flatten();
                self.findings.report(item.span, Finding::UndefinedGroup { key, name, meant });
            }
        }
    }
}
