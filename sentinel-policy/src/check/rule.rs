//! The section `rules`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::condition::CONDITIONS;
use crate::diagnostic::{Finding, Subject};
use crate::document::{Kind, Node};
use crate::name::IDENTITY_CENTER;
use crate::read::{Fields, Reader, Shape};
use crate::{Conditions, Effect, Rule};

const RULE: Shape = Shape {
    place: "a rule",
    keys: &[
        "name",
        "effect",
        "conditions",
        "unless",
        "max_duration",
        "max_server_duration",
        "session_table",
        "reason",
    ],
    required: 2,
    nested: &[("conditions", CONDITIONS.keys), ("unless", CONDITIONS.keys)],
};

impl<'n> Reader<'n> {
    /// Reads one rule. `None` if it has no name or effect, which was reported.
    pub(super) fn rule(&mut self, node: &'n Node<'n>) -> Option<Rule> {
        let fields = self.fields(Subject::EntryOf("rules"), node, &RULE)?;
        let name = fields.get("name").and_then(|field| self.name(field));
        let effect = fields.get("effect").and_then(|f| self.word::<Effect>(f.subject(), f.node));
        let conditions = fields.get("conditions").and_then(|field| self.conditions(field));
        let unless = self.unless(&fields);
        self.misplaced_conditions(&fields);
        self.excludes_sessions_too(effect, conditions.as_ref(), unless.as_deref());
        let max_duration = self.rule_cap(&fields);
        let session_table = fields
            .get("session_table")
            .and_then(|field| self.text(field.subject(), field.node))
            .map(str::to_owned);
        self.session_table_has_meaning(&fields, effect);
        let reason = fields
            .get("reason")
            .and_then(|field| self.any_text(field.subject(), field.node))
            .map(str::to_owned);
        Some(Rule {
            name: name?,
            effect: effect?,
            conditions: conditions.unwrap_or_default(),
            unless,
            max_duration,
            session_table,
            reason,
            span: node.span,
        })
    }

    /// Reads `unless`, which must have at least one condition. An empty one would
    /// always hold, and the rule would never match.
    fn unless(&mut self, fields: &Fields<'n>) -> Option<Box<Conditions>> {
        let field = fields.get("unless")?;
        if matches!(&field.node.kind, Kind::Mapping(mapping) if mapping.entries.is_empty()) {
            self.findings.report(field.span(), Finding::EmptyMapping { key: field.key });
            return None;
        }
        self.conditions(field).map(Box::new)
    }

    /// Reports user patterns such as `ci*` if they restrict the users that they match,
    /// but not the sessions of roles with such names. If a pattern grants something, a
    /// session that it does not match is denied, and the caller notices. If a pattern
    /// restricts something, such a session would be allowed.
    fn excludes_sessions_too(
        &mut self,
        effect: Option<Effect>,
        conditions: Option<&Conditions>,
        unless: Option<&Conditions>,
    ) {
        let (place, excluding) = match effect {
            None => return,
            Some(Effect::Deny) => ("conditions", conditions),
            Some(
                Effect::Allow
                | Effect::RequireApproval
                | Effect::RequireServer
                | Effect::RequireServerSession,
            ) => ("unless", unless),
        };
        let Some(users) = excluding.and_then(|excluding| excluding.users.as_ref()) else { return };
        let names = || users.iter().filter_map(|user| Some((user.value.name()?, user.span)));
        let mut doubtful = names().filter(|(name, _)| is_word_and_star(name.as_str()));
        let Some(first) = doubtful.next() else { return };
        if names().any(|(name, _)| name.is_everyone()) {
            return;
        }
        let roles: BTreeSet<&str> = names()
            .filter_map(|(name, _)| name.as_str().split_once('/'))
            .map(|(role, _)| role.trim_end_matches('*'))
            .collect();
        let mut last = None;
        for (name, span) in std::iter::once(first).chain(doubtful) {
            let value = name.as_str();
            // All members of a group have the place at which the group is used.
            if last != Some(span) && !roles.contains(value.trim_end_matches('*')) {
                self.findings.report(span, Finding::StopsAtSlash { value, place });
                last = Some(span);
            }
        }
    }

    /// Reads `max_duration` or its older name. Both together are a mistake.
    fn rule_cap(&mut self, fields: &Fields<'n>) -> Option<Duration> {
        let newer = fields.get("max_duration");
        let older = fields.get("max_server_duration");
        if let (Some(newer), Some(older)) = (newer, older) {
            let second = newer.key_span.max(older.key_span);
            self.findings.report(second, Finding::ConflictingKeys);
        }
        let older = older.and_then(|field| self.duration(field));
        newer.and_then(|field| self.duration(field)).or(older)
    }

    /// Reports a `session_table` if the effect of the rule does not require a session.
    fn session_table_has_meaning(&mut self, fields: &Fields<'n>, effect: Option<Effect>) {
        let (Some(field), Some(effect)) = (fields.get("session_table"), effect) else { return };
        match effect {
            Effect::RequireServerSession => {}
            Effect::Allow | Effect::Deny | Effect::RequireApproval | Effect::RequireServer => {
                let effect = effect.as_str();
                self.findings.report(field.key_span, Finding::MisplacedKey { effect });
            }
        }
    }
}

/// Whether a pattern is a whole word followed by `*`, such as `ci*`: the sessions
/// of a role `ci` would match it if `*` matched `/`. In `ci-*` the word is not
/// complete. Roles of IAM Identity Center have a separate warning.
fn is_word_and_star(pattern: &str) -> bool {
    pattern.strip_suffix('*').is_some_and(|word| {
        !word.contains(['*', '?', '/', '@'])
            && !word.starts_with(IDENTITY_CENTER)
            && word.ends_with(|last: char| last.is_ascii_alphanumeric())
    })
}
