//! The sections `accounts` and `profile_patterns`: profiles that differ only in their account.
//! Each pattern is replaced by the profiles that it describes, so that no later stage evaluates
//! a pattern.

use std::collections::BTreeMap;

use super::profile::is_profile_name;
use crate::condition::is_account_id;
use crate::diagnostic::{Finding, PLACEHOLDER, Subject, Type, nearest};
use crate::document::Node;
use crate::read::{Field, Fields, Reader, Shape};
use crate::rule::RoleKey;
use crate::{Profile, RoleArn, Span, Spanned};

const PROFILE_PATTERN: Shape = Shape {
    place: "a profile pattern",
    keys: &["profiles", "role_arn", "accounts", "max_duration"],
    required: 2,
    nested: &[],
};

/// Number of account names that are compared with a misspelled one.
const COMPARISONS: usize = 1_000;

/// An account of the section `accounts`.
#[derive(Clone, Copy)]
struct Account<'n> {
    name: &'n str,
    id: &'n str,
}

/// The accounts by name. `None` for an account that could not be read, which was reported.
type Accounts<'n> = BTreeMap<&'n str, Option<Account<'n>>>;

/// The mistakes of one pattern that are reported once, however many profiles have them: the first
/// profile, and the number of others.
#[derive(Default)]
struct Once<T>(Option<T>, usize);

impl<T> Once<T> {
    fn add(&mut self, first: T) {
        match self.0 {
            None => self.0 = Some(first),
            Some(_) => self.1 = self.1.saturating_add(1),
        }
    }
}

impl<'n> Reader<'n> {
    /// Adds the profiles that patterns describe to those that the document describes one by one.
    pub(super) fn profile_patterns(
        &mut self,
        fields: &Fields<'n>,
        profiles: &mut BTreeMap<String, Profile>,
    ) {
        let accounts = fields.get("accounts").map(|field| self.account_table(field));
        let Some(field) = fields.get("profile_patterns") else { return };
        let accounts = match accounts {
            Some(accounts) => accounts,
            None => {
                let place = "a policy with `profile_patterns`";
                self.findings
                    .report(field.key_span, Finding::MissingKey { key: "accounts", place });
                None
            }
        };
        let Some(items) = self.list(field.key, field.node, Type::LIST) else { return };
        let mut roles: BTreeMap<RoleKey, (String, u32)> = profiles
            .iter()
            .filter_map(|(name, profile)| {
                let role = &profile.role_arn.as_ref()?.value;
                Some((role.key(), (name.clone(), profile.span.start.line)))
            })
            .collect();
        let mut described = 0_usize;
        for item in items {
            let Some(pattern) = self.profile_pattern(item, accounts.as_ref()) else { continue };
            described = described.saturating_add(pattern.accounts.len());
            let limit = self.limits.max_profiles;
            if described > limit {
                self.findings.report(item.span, Finding::TooManyProfiles { limit });
                return;
            }
            self.expand(&pattern, profiles, &mut roles);
        }
    }

    /// The section `accounts`: ids by name. `None` if it could not be read as a whole.
    fn account_table(&mut self, field: Field<'n>) -> Option<Accounts<'n>> {
        let mapping = self.mapping(field.subject(), field.node)?;
        if mapping.entries.is_empty() {
            self.findings.report(field.span(), Finding::EmptyMapping { key: field.key });
            return None;
        }
        let mut accounts = Accounts::new();
        let mut names: BTreeMap<&str, (&str, u32)> = BTreeMap::new();
        for entry in &mapping.entries {
            let (name, span): (&'n str, Span) = (&entry.key, entry.key_span);
            accounts.insert(name, None);
            let is_name = is_profile_name(name) && !is_account_id(name);
            if !is_name {
                let swapped = entry.value.text().filter(|value| is_profile_name(value));
                let swapped = swapped.filter(|value| is_account_id(name) && !is_account_id(value));
                self.findings.report(span, Finding::InvalidAccountName { name, swapped });
                if swapped.is_some() {
                    continue;
                }
            }
            if self.is_null(name, &entry.value, span) {
                continue;
            }
            let Some(id) = self.exact_text(Subject::Key(name), &entry.value) else { continue };
            if !is_account_id(id) {
                self.findings.report(entry.value.span, Finding::InvalidAccount { value: id });
                continue;
            }
            if let Some(&(first, line)) = names.get(id) {
                self.findings
                    .report(entry.value.span, Finding::DuplicateAccount { id, first, line });
                continue;
            }
            names.insert(id, (name, span.start.line));
            accounts.insert(name, is_name.then_some(Account { name, id }));
        }
        Some(accounts)
    }

    /// Reads one pattern. `None` if it describes no profile because of a mistake, which was
    /// reported.
    fn profile_pattern(
        &mut self,
        node: &'n Node<'n>,
        accounts: Option<&Accounts<'n>>,
    ) -> Option<ProfilePattern<'n>> {
        let fields = self.fields(Subject::EntryOf("profile_patterns"), node, &PROFILE_PATTERN)?;
        let names = fields.get("profiles").and_then(|field| self.names_template(field));
        let role = fields.get("role_arn").and_then(|field| self.role_template(field));
        let max_duration = fields.get("max_duration").and_then(|field| self.duration(field));
        let accounts = match fields.get("accounts") {
            Some(field) => self.accounts_of(field, accounts),
            None => accounts.map(|all| all.values().copied().flatten().collect()),
        };
        let template =
            Profile { role_arn: None, max_duration, from_pattern: true, span: node.span };
        Some(ProfilePattern { names: names?, role: role?, accounts: accounts?, template })
    }

    /// The names of the profiles: a profile name with the placeholder once.
    fn names_template(&mut self, field: Field<'n>) -> Option<Template<'n>> {
        let value = self.text(field.subject(), field.node)?;
        let template = Template::new(value, field.node.span)
            .filter(|template| is_profile_name(&format!("{}a{}", template.before, template.after)));
        if template.is_none() {
            self.findings.report(field.node.span, Finding::InvalidProfilePattern { value });
        }
        template
    }

    /// The roles of the profiles: the ARN of a role with the placeholder as its account. If the
    /// account were fixed, all profiles would share one role.
    fn role_template(&mut self, field: Field<'n>) -> Option<Template<'n>> {
        let value = self.exact_text(field.subject(), field.node)?;
        let template = Template::new(value, field.node.span).filter(|template| {
            let role = RoleArn::parse(&template.fill("111122223333"));
            role.is_some() && value.split(':').nth(4) == Some(PLACEHOLDER)
        });
        if template.is_none() {
            self.findings.report(field.node.span, Finding::InvalidRolePattern { value });
        }
        template
    }

    /// The accounts that a pattern names.
    fn accounts_of(
        &mut self,
        field: Field<'n>,
        accounts: Option<&Accounts<'n>>,
    ) -> Option<Vec<Account<'n>>> {
        let mut named = BTreeMap::new();
        for item in self.list(field.key, field.node, Type::LIST)? {
            let Some(name) = self.text(Subject::EntryOf(field.key), item) else { continue };
            // No name is unknown if the accounts could not be read.
            let Some(accounts) = accounts else { continue };
            let Some(account) = accounts.get(name) else {
                let known = accounts.keys().take(COMPARISONS).copied();
                let meant = if self.findings.is_full() { None } else { nearest(name, known) };
                self.findings.report(item.span, Finding::UndefinedAccount { name, meant });
                continue;
            };
            named.extend(account.map(|account| (account.name, account)));
        }
        accounts.map(|_| named.into_values().collect())
    }

    /// Adds the profiles of one pattern. Each must have a name and a role that no other profile
    /// has.
    fn expand(
        &mut self,
        pattern: &ProfilePattern<'n>,
        profiles: &mut BTreeMap<String, Profile>,
        roles: &mut BTreeMap<RoleKey, (String, u32)>,
    ) {
        let line = pattern.names.span.start.line;
        let mut too_long = Once::default();
        let mut described = Once::default();
        let mut taken = Once::default();
        for account in &pattern.accounts {
            let name = pattern.names.fill(account.name);
            if !is_profile_name(&name) {
                too_long.add(name);
                continue;
            }
            if let Some(other) = profiles.get(&name) {
                described.add((name, other.span.start.line));
                continue;
            }
            let Some(role) = RoleArn::parse(&pattern.role.fill(account.id)) else { continue };
            if let Some((owner, line)) = roles.get(&role.key()) {
                taken.add((name, owner.clone(), *line));
                continue;
            }
            roles.insert(role.key(), (name.clone(), line));
            let role_arn = Some(Spanned::new(role, pattern.role.span));
            profiles.insert(name, Profile { role_arn, ..pattern.template.clone() });
        }
        if let Once(Some(name), others) = &too_long {
            let finding = Finding::LongProfileName { name, others: *others };
            self.findings.report(pattern.names.span, finding);
        }
        if let Once(Some((name, line)), others) = &described {
            let finding = Finding::DuplicateProfile { name, line: *line, others: *others };
            self.findings.report(pattern.names.span, finding);
        }
        if let Once(Some((name, owner, line)), others) = &taken {
            let finding = Finding::SharedRole { name, owner, line: *line, others: *others };
            self.findings.report(pattern.role.span, finding);
        }
    }
}

/// A pattern that was read.
struct ProfilePattern<'n> {
    names: Template<'n>,
    role: Template<'n>,
    accounts: Vec<Account<'n>>,
    /// The profiles, without their roles.
    template: Profile,
}

/// A text with the placeholder once.
struct Template<'n> {
    before: &'n str,
    after: &'n str,
    span: Span,
}

impl<'n> Template<'n> {
    fn new(text: &'n str, span: Span) -> Option<Self> {
        let (before, after) = text.split_once(PLACEHOLDER)?;
        Some(Self { before, after, span })
    }

    fn fill(&self, value: &str) -> String {
        [self.before, value, self.after].concat()
    }
}
