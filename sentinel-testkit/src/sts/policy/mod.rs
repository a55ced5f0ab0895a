//! IAM policy documents: their grammar, and what they say of a request.
//!
//! As much of both as Sentinel's documents and session policies need. What IAM
//! knows and this does not is refused when it is read, so that nothing is
//! silently taken for met. It is *not* IAM: no variables in values, no
//! permissions boundaries, no service control policies.
//!
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

mod condition;
mod statement;

use serde_json::Value;

pub(super) use condition::Context;
pub(super) use statement::Effect;
use statement::Statement;

/// What kind of policy a document is: which elements it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What a principal may do: resources, and no principal.
    Identity,
    /// Who may assume a role: principals, and no resource.
    Trust,
    /// What a session may do at most: as an identity's.
    Session,
}

/// A document that was read.
#[derive(Clone, Debug)]
pub(super) struct Document(Vec<Statement>);

/// What is asked of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// `sts:AssumeRole` and the like.
    pub(super) action: &'a str,
    /// The ARN of the resource.
    pub(super) resource: &'a str,
    /// What principals of a trust policy name the caller.
    pub(super) principal: &'a [String],
    /// What conditions can see.
    pub(super) context: &'a Context,
}

impl Document {
    /// Reads a document of that kind.
    pub(super) fn parse(text: &str, kind: Kind) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text)
            .map_err(|_| "This policy contains invalid Json".to_owned())?;
        Self::read(&value, kind)
    }

    /// Reads a document that is JSON already.
    pub(super) fn read(value: &Value, kind: Kind) -> Result<Self, String> {
        let Value::Object(fields) = value else {
            return Err("Syntax errors in policy: it is no object".to_owned());
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

    /// What the document says: a deny before an allow; none when it says nothing.
    pub(super) fn effect(&self, question: Question<'_>) -> Option<Effect> {
        let says = |effect| {
            self.0.iter().any(|statement| statement.effect == effect && statement.covers(question))
        };
        if says(Effect::Deny) {
            Some(Effect::Deny)
        } else {
            says(Effect::Allow).then_some(Effect::Allow)
        }
    }
}

/// One text or a list of them.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// IAM's patterns: `*` any run of characters, `?` exactly one.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut here, mut star) = (0, 0, None);
    while here < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(c) if *c == '?' || Some(c) == text.get(here) => {
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
    pattern.iter().skip(at).all(|c| *c == '*')
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
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
