//! `users`: patterns over the names of users, and groups of such patterns.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::principals::{self, Principals};
use super::{AnyOf, Condition, Entry, Name, Saw, texts};
use crate::diagnostic::{Finding, Subject, Type, nearest};
use crate::document::{Kind, Node};
use crate::name::{Fault, Misread, meant_caller, meant_user, profile_fault, user_fault};
use crate::read::{Field, Fields, Reader, Shape};
use crate::user_entry::{ExternalGroup, Members, PREFIX};
use crate::{Request, Span, Spanned, UserEntry, UserPattern};

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
        users.iter().filter_map(|user| entry(&user.value)).collect()
    }
}

/// The entry in the index. `None` if it matches no caller.
fn entry(user: &UserEntry) -> Option<Entry<'_, UserEntry>> {
    Some(match user {
        UserEntry::Name(name) if name.is_literal() => Entry::Written(name.as_str()),
        UserEntry::Name(name) if name.is_everyone() => Entry::Anyone,
        UserEntry::Group(group) if group.members().next().is_none() => return None,
        // The column of users has no ARNs, so an ARN without wildcards is a pattern too. A
        // group whose members are kept elsewhere is one pattern, however many members it has.
        UserEntry::Name(_) | UserEntry::Principal(_) | UserEntry::Group(_) => {
            Entry::Pattern(user.clone())
        }
    })
}

/// The place of a user pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within<'a> {
    /// A list of users, which can also use groups.
    List,
    /// The members of the group with this name. `None` if the name is unknown, because the
    /// members are a document of their own.
    Group(Option<&'a str>),
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
    /// Reads the groups that a document defines, and returns the names of those whose members
    /// are kept elsewhere.
    pub(crate) fn read_groups(&mut self, fields: &Fields<'n>) -> Vec<Spanned<String>> {
        let before = self.findings.total();
        let groups = fields.get("groups");
        let mapping = groups.and_then(|field| self.mapping(field.subject(), field.node));
        let entries = mapping.map_or(&[][..], |mapping| mapping.entries.as_slice());
        // All names are read first, because a member can have the name of any group.
        self.groups.members = entries.iter().map(|entry| (&*entry.key, None)).collect();
        let defined = entries.iter().map(|entry| (&*entry.key, entry.key_span)).collect();
        let kept = fields.get("groups_from").map(|field| self.groups_from(field, defined));
        for entry in entries {
            let members = self.group(&entry.key, &entry.value, entry.key_span);
            self.groups.members.insert(&entry.key, members);
        }
        self.groups.unreadable = groups.is_some() && mapping.is_none()
            || kept == Some(None)
            || self.groups.members.is_empty() && self.findings.total() > before;
        kept.flatten().unwrap_or_default()
    }

    /// The names under `groups_from`. `groups` has the places of the groups that the document
    /// itself defines.
    fn groups_from(
        &mut self,
        field: Field<'n>,
        mut groups: BTreeMap<&'n str, Span>,
    ) -> Option<Vec<Spanned<String>>> {
        let mut kept = Vec::new();
        for item in self.list(field.key, field.node, Type::LIST)? {
            let Some(name) = self.text(Subject::EntryOf(field.key), item) else { continue };
            // The name is also part of the name of the parameter that has the members.
            if profile_fault(name).is_some() || name.contains(['*', '?']) {
                let meant = name.strip_prefix(PREFIX).filter(|name| profile_fault(name).is_none());
                self.findings.report(item.span, Finding::InvalidGroupName { value: name, meant });
            }
            if let Some(other) = groups.insert(name, item.span) {
                let (first, second) = (other.min(item.span), other.max(item.span));
                let line = first.start.line;
                self.findings.report(second, Finding::DuplicateGroup { name, line });
                continue;
            }
            let group = UserEntry::Group(ExternalGroup::new(name, Members::default()));
            self.groups.members.insert(name, Some(vec![group]));
            kept.push(Spanned::new(name.to_owned(), item.span));
        }
        Some(kept)
    }

    /// The members of one group of the document.
    fn group(
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
        let items = self.list(group, node, Type::LIST)?;
        Some(self.members(Subject::EntryOf(group), Some(group), items))
    }

    /// The members in a list of entries, each of which is a `what`. `group` is the name of the
    /// group if the document contains it.
    pub(crate) fn members(
        &mut self,
        what: Subject<'_>,
        group: Option<&str>,
        items: &'n [Node<'n>],
    ) -> Vec<UserEntry> {
        let mut members = Vec::new();
        for item in items {
            if has_principals(item) {
                members.extend(self.principals(what, item));
                continue;
            }
            let Some(member) = self.text(what, item) else { continue };
            if member.starts_with(PREFIX) {
                self.findings.report(item.span, Finding::NestedGroup { group, member });
            } else {
                let user = self.user(what, member, item.span, Within::Group(group));
                members.push(UserEntry::Name(user));
            }
        }
        members
    }

    /// The patterns over ARNs in an entry of a group.
    fn principals(&mut self, what: Subject<'_>, node: &'n Node<'n>) -> Vec<UserEntry> {
        let fields = self.fields(what, node, &MEMBER);
        let field = fields.and_then(|fields| fields.get(Principals::KEY));
        let patterns = field.and_then(|field| self.each(field, principals::principal));
        let patterns = patterns.unwrap_or_default().into_iter();
        patterns.map(|pattern| UserEntry::Principal(pattern.value)).collect()
    }

    /// Reads a user pattern. It is reported if it matches no caller, or if a group was
    /// probably meant.
    fn user(
        &mut self,
        what: Subject<'_>,
        value: &'n str,
        span: Span,
        within: Within<'_>,
    ) -> UserPattern {
        let finding = match user_fault(value) {
            Some(Fault::Character(character)) => {
                Some(Finding::InvalidUser { what, value, character, meant: meant_user })
            }
            Some(Fault::Shape) => Some(Finding::UnmatchedUser { what, value, meant: meant_caller }),
            None => {
                let at = value.strip_prefix('@').filter(|rest| !rest.contains(['@', '*', '?']));
                let group = at.unwrap_or(value);
                let is_name =
                    self.groups.members.contains_key(group) && within != Within::Group(Some(group));
                let nested = within != Within::List;
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
                    let user =
                        self.user(Subject::EntryOf(field.key), text, item.span, Within::List);
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
