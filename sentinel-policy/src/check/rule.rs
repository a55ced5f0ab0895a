//! The rules.

use std::time::Duration;

use super::Checker;
use super::condition::CONDITIONS;
use super::fields::{Fields, Shape};
use crate::diagnostic::{Finding, Subject};
use crate::document::{Kind, Node};
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

impl<'n> Checker<'n> {
    /// One rule; none when it has no name or effect, which was said.
    pub(super) fn rule(&mut self, node: &'n Node<'n>) -> Option<Rule> {
        let fields = self.fields(Subject::EntryOf("rules"), node, &RULE)?;
        let name = fields.get("name").and_then(|field| self.name(field));
        let effect = fields
            .get("effect")
            .and_then(|f| self.word(f.subject(), f.node, Effect::WORDS, Effect::parse));
        let conditions = fields.get("conditions").and_then(|field| self.conditions(field));
        let unless = self.unless(&fields);
        self.misplaced_conditions(&fields);
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

    /// `unless`, which must say something: with nothing to hold, it would hold
    /// always, and the rule never match.
    fn unless(&mut self, fields: &Fields<'n>) -> Option<Conditions> {
        let field = fields.get("unless")?;
        if matches!(&field.node.kind, Kind::Mapping(mapping) if mapping.entries.is_empty()) {
            self.findings.report(field.span(), Finding::EmptyMapping { key: field.key });
            return None;
        }
        self.conditions(field)
    }

    /// `max_duration`, or its older name, but not both.
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

    /// Reports a `session_table` beside an effect that asks for no session.
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
