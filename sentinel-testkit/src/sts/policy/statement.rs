//! One statement of a policy document.

use serde_json::{Map, Value};

use super::condition::Conditions;
use super::{Kind, Question, matches, texts};

/// The effect of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sts) enum Effect {
    Allow,
    Deny,
}

/// Patterns, or everything except them (`NotAction`, `NotResource`).
#[derive(Clone, Debug)]
enum Patterns {
    These(Vec<String>),
    AllBut(Vec<String>),
}

impl Patterns {
    fn cover(&self, applies_to: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::These(patterns) => patterns.iter().any(|pattern| applies_to(pattern)),
            Self::AllBut(patterns) => !patterns.iter().any(|pattern| applies_to(pattern)),
        }
    }
}

/// A statement.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    actions: Patterns,
    /// `None` in a trust policy, whose resource is its role.
    resources: Option<Patterns>,
    /// `None` except in a trust policy.
    principals: Option<Vec<String>>,
    conditions: Conditions,
}

impl Statement {
    pub(super) fn read(value: &Value, kind: Kind) -> Result<Self, String> {
        let Value::Object(fields) = value else {
            return Err("Syntax errors in policy: a statement is not an object".to_owned());
        };
        let known: &[&str] = match kind {
            Kind::Identity | Kind::Session => {
                &["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"]
            }
            Kind::Trust => &["Sid", "Effect", "Principal", "Action", "NotAction", "Condition"],
        };
        if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("Syntax errors in policy: a statement has no element {name}"));
        }
        let effect = match fields.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            Some(_) | None => {
                return Err("Syntax errors in policy: Effect is Allow or Deny".to_owned());
            }
        };
        if fields.get("Sid").is_some_and(|sid| !sid.is_string()) {
            return Err("Syntax errors in policy: Sid is a text".to_owned());
        }
        let actions = one_of(fields, "Action", "NotAction", is_action)?;
        let (resources, principals) = match kind {
            Kind::Identity | Kind::Session => {
                (Some(one_of(fields, "Resource", "NotResource", is_resource)?), None)
            }
            Kind::Trust => (None, Some(principals(fields.get("Principal"))?)),
        };
        let conditions = Conditions::read(fields.get("Condition"))?;
        Ok(Self { effect, actions, resources, principals, conditions })
    }

    /// Whether the statement applies to the request.
    pub(super) fn applies_to(&self, question: Question<'_>) -> bool {
        let Question { action, resource, principal, context } = question;
        // Actions are not case-sensitive, resources are.
        let action = action.to_ascii_lowercase();
        self.actions.cover(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
            && self
                .resources
                .as_ref()
                .is_none_or(|resources| resources.cover(|pattern| matches(pattern, resource)))
            && self.principals.as_ref().is_none_or(|trusted| {
                trusted.iter().any(|name| name == "*" || principal.contains(name))
            })
            && self.conditions.all_match(context)
    }
}

/// One of two elements, not both, with at least one pattern.
fn one_of(
    fields: &Map<String, Value>,
    these: &str,
    all_but: &str,
    fits: impl Fn(&str) -> bool,
) -> Result<Patterns, String> {
    let (name, value, make): (_, _, fn(Vec<String>) -> Patterns) =
        match (fields.get(these), fields.get(all_but)) {
            (Some(value), None) => (these, value, Patterns::These),
            (None, Some(value)) => (all_but, value, Patterns::AllBut),
            (Some(_), Some(_)) | (None, None) => {
                return Err(format!("Syntax errors in policy: {these} or {all_but}, one of them"));
            }
        };
    let patterns = texts(value).filter(|patterns| !patterns.is_empty());
    let Some(patterns) = patterns else {
        return Err(format!("Syntax errors in policy: {name} is a text or a list of them"));
    };
    match patterns.iter().find(|pattern| !fits(pattern)) {
        Some(pattern) => Err(format!("{name} cannot be {pattern}")),
        None => Ok(make(patterns)),
    }
}

/// `*`, or `service:Name` with wildcards in the name.
fn is_action(text: &str) -> bool {
    let Some((service, name)) = text.split_once(':') else { return text == "*" };
    let service_like = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let name_like = |b: u8| b.is_ascii_alphanumeric() || b == b'*' || b == b'?';
    !service.is_empty()
        && service.bytes().all(service_like)
        && !name.is_empty()
        && name.bytes().all(name_like)
}

/// `*`, or an ARN: "must be in ARN format or \"*\"".
fn is_resource(text: &str) -> bool {
    text == "*" || (text.starts_with("arn:") && text.split(':').count() >= 6)
}

/// `{"AWS": …}` with ARNs or account ids. `*` alone matches every caller.
fn principals(value: Option<&Value>) -> Result<Vec<String>, String> {
    let invalid = || "Invalid principal in policy".to_owned();
    let value = match value {
        Some(Value::String(all)) if all == "*" => return Ok(vec!["*".to_owned()]),
        Some(Value::Object(kinds)) if !kinds.is_empty() => kinds,
        Some(_) | None => return Err(invalid()),
    };
    let mut named = Vec::new();
    for (kind, names) in value {
        let names = texts(names).filter(|names| !names.is_empty()).ok_or_else(invalid)?;
        match kind.as_str() {
            "AWS" => named.extend(names),
            // These never name a principal that signs with keys.
            "Service" | "Federated" | "CanonicalUser" => {}
            _ => return Err(invalid()),
        }
    }
    // Wildcards within an ARN are not accepted in a principal.
    let fits = |name: &String| {
        let account = name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit());
        name == "*" || account || (name.starts_with("arn:") && !name.contains(['*', '?']))
    };
    if named.iter().all(fits) { Ok(named) } else { Err(invalid()) }
}
