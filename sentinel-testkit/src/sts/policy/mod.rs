//! IAM policy documents: their grammar and their evaluation.
//!
//! This implements as much of both as Sentinel's documents and session policies need. Anything else
//! that IAM supports is refused when a document is read, so that nothing is silently assumed to
//! match. It is *not* IAM: no variables in values, no permissions boundaries.
//!
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

mod condition;
mod statement;

use serde_json::Value;

pub(super) use condition::Context;
pub(super) use statement::Effect;
use statement::Statement;

/// The kind of a policy document, which determines its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The permissions of a principal: resources, and no principal.
    Identity,
    /// The principals that may assume a role: principals, and no resource.
    Trust,
    /// The maximum permissions of a session, with the elements of an identity policy.
    Session,
}

/// A document that was read.
#[derive(Clone, Debug)]
pub(super) struct Document(Vec<Statement>);

/// A request that a document is evaluated for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// For example `sts:AssumeRole`.
    pub(super) action: &'a str,
    /// The ARN of the resource.
    pub(super) resource: &'a str,
    /// The names of the caller that a trust policy may contain.
    pub(super) principal: &'a [String],
    /// What conditions can see.
    pub(super) context: &'a Context,
}

impl Document {
    /// Reads a document of this kind.
    pub(super) fn parse(text: &str, kind: Kind) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text)
            .map_err(|_| "This policy contains invalid Json".to_owned())?;
        Self::read(&value, kind)
    }

    /// Reads a document that is JSON already.
    pub(super) fn read(value: &Value, kind: Kind) -> Result<Self, String> {
        let Value::Object(fields) = value else {
            return Err("Syntax errors in policy: it is not an object".to_owned());
        };
        for name in fields.keys() {
            if !["Version", "Id", "Statement"].contains(&name.as_str()) {
                return Err(format!("Syntax errors in policy: unknown element {name}"));
            }
        }
        match fields.get("Version") {
            None => {}
            Some(Value::String(version)) if ["2012-10-17", "2008-10-17"].contains(&&**version) => {}
            Some(_) => return Err("Syntax errors in policy: no such Version".to_owned()),
        }
        let statements = match fields.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(statement @ Value::Object(_)) => vec![statement],
            Some(_) | None => Vec::new(),
        };
        if statements.is_empty() {
            return Err("Syntax errors in policy: there is no Statement".to_owned());
        }
        let read: Result<Vec<_>, _> =
            statements.into_iter().map(|statement| Statement::read(statement, kind)).collect();
        read.map(Self)
    }

    /// The effect of the document. A deny takes precedence over an allow; `None` if no statement
    /// matches.
    pub(super) fn effect(&self, question: Question<'_>) -> Option<Effect> {
        let has_effect = |effect| {
            self.0
                .iter()
                .any(|statement| statement.effect == effect && statement.applies_to(question))
        };
        if has_effect(Effect::Deny) {
            Some(Effect::Deny)
        } else {
            has_effect(Effect::Allow).then_some(Effect::Allow)
        }
    }
}

/// The effect of documents of one kind together. A deny in one of them takes precedence over an allow
/// in another.
pub(super) fn effect(documents: &[Document], question: Question<'_>) -> Option<Effect> {
    let effects: Vec<_> =
        documents.iter().filter_map(|document| document.effect(question)).collect();
    if effects.contains(&Effect::Deny) { Some(Effect::Deny) } else { effects.first().copied() }
}

/// Whether identity policies allow an action on a resource to a principal that has them: a statement
/// allows it, and none denies it. `context` contains the condition keys of the request and their
/// values. A key that it does not contain is absent.
///
/// # Errors
/// If a document is not an identity policy, or contains what this evaluator does not model.
pub fn allows(
    documents: &[Value],
    action: &str,
    resource: &str,
    context: &[(&str, &str)],
) -> Result<bool, String> {
    let documents: Result<Vec<_>, _> =
        documents.iter().map(|document| Document::read(document, Kind::Identity)).collect();
    let mut seen = Context::default();
    for (key, value) in context {
        seen.set(key, [*value]);
    }
    let question = Question { action, resource, principal: &[], context: &seen };
    Ok(effect(&documents?, question) == Some(Effect::Allow))
}

/// One string or a list of strings.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// One element of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    /// `*`: any run of characters.
    Run,
    /// `?`: any character.
    One,
    /// This character. `${*}`, `${?}` and `${$}` are `*`, `?` and `$`.
    Exactly(char),
}

fn elements(pattern: &str) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let literal = ["*", "?", "$"].into_iter().find_map(|literal| {
            let rest = rest.strip_prefix("${")?.strip_prefix(literal)?.strip_prefix('}')?;
            Some((literal.chars().next()?, rest))
        });
        let (element, after) = match (literal, first) {
            (Some((literal, after)), _) => (Element::Exactly(literal), after),
            (None, '*') => (Element::Run, rest.split_at(1).1),
            (None, '?') => (Element::One, rest.split_at(1).1),
            (None, other) => (Element::Exactly(other), rest.split_at(other.len_utf8()).1),
        };
        elements.push(element);
        rest = after;
    }
    elements
}

/// IAM's patterns: `*` matches any run of characters, `?` exactly one.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = elements(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut here, mut star) = (0, 0, None);
    while let Some(given) = text.get(here) {
        match pattern.get(at) {
            Some(Element::Run) => {
                star = Some((at, here));
                at += 1;
            }
            Some(element) if [Element::One, Element::Exactly(*given)].contains(element) => {
                at += 1;
                here += 1;
            }
            Some(_) | None => match star {
                Some((after, taken)) => {
                    at = after + 1;
                    here = taken + 1;
                    star = Some((after, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|element| *element == Element::Run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_as_in_iam() {
        for (pattern, text, expected) in [
            ("sentinel-*", "sentinel-alice-1", true),
            ("sentinel-*", "sentinel-", true),
            ("sentinel-*", "Sentinel-x", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxxab", true),
            ("*a*b", "xaxxabx", false),
            ("*", "", true),
            ("*${?}*", "a?b", true),
            ("*${?}*", "a-b", false),
            ("${*}${$}", "*$", true),
            ("${*}${$}", "a$", false),
            ("$default", "$default", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
