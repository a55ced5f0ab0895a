//! Statements of IAM policies as they are read, and whether one allows at least what another does. It
//! compares documents; it does not evaluate requests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A statement of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sid: String,
    pub(super) allows: bool,
    /// Kind and value, such as `AWS` and an ARN. `*` is the value of every principal.
    pub(super) principals: Vec<(String, String)>,
    /// As they are written. IAM compares them without regard to case.
    pub(super) actions: Vec<String>,
    pub(super) resources: Vec<String>,
    /// Values by operator and key, both in lower case.
    pub(super) conditions: BTreeMap<(String, String), BTreeSet<String>>,
    /// It has `NotPrincipal`, `NotAction` or `NotResource`, and applies to everything else.
    pub(super) inverted: bool,
}

/// The statements of a document. `None` if it is not one.
pub(super) fn statements(document: &Value) -> Option<Vec<Statement>> {
    let statements = document.get("Statement")?;
    let statements = match statements {
        Value::Array(all) => all.iter().collect(),
        Value::Object(_) => vec![statements],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    };
    statements.into_iter().map(statement).collect()
}

/// The statements of a document in JSON.
pub(super) fn parse(text: &str) -> Option<Vec<Statement>> {
    statements(&serde_json::from_str(text).ok()?)
}

fn statement(value: &Value) -> Option<Statement> {
    let texts = |key: &str| value.get(key).map(texts).unwrap_or_default();
    let has = |key: &str| value.get(key).is_some();
    let principals = match value.get("Principal") {
        Some(Value::Object(kinds)) => kinds
            .iter()
            .flat_map(|(kind, values)| {
                self::texts(values).into_iter().map(move |value| (kind.clone(), value))
            })
            .collect(),
        Some(Value::String(all)) => vec![("AWS".to_owned(), all.clone())],
        Some(_) | None => Vec::new(),
    };
    let conditions = value.get("Condition").and_then(Value::as_object).into_iter().flatten();
    let conditions = conditions
        .flat_map(|(operator, keys)| {
            keys.as_object().into_iter().flatten().map(move |(key, values)| {
                let name = (operator.to_ascii_lowercase(), key.to_ascii_lowercase());
                (name, self::texts(values).into_iter().collect())
            })
        })
        .collect();
    Some(Statement {
        sid: value.get("Sid").and_then(Value::as_str).unwrap_or_default().to_owned(),
        allows: match value.get("Effect")?.as_str()? {
            "Allow" => true,
            "Deny" => false,
            _ => return None,
        },
        principals,
        actions: texts("Action"),
        resources: texts("Resource"),
        conditions,
        inverted: has("NotPrincipal") || has("NotAction") || has("NotResource"),
    })
}

/// A text, or a list of texts. Numbers and booleans are their text.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        Value::String(one) => vec![one.clone()],
        Value::Bool(one) => vec![one.to_string()],
        Value::Number(one) => vec![one.to_string()],
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

impl Statement {
    /// Whether it applies to every request for the action on the resource, apart from its conditions.
    pub(super) fn applies(&self, action: &str, resource: &str) -> bool {
        !self.inverted
            && self.has_action(action)
            && self.resources.iter().any(|pattern| covers(pattern, resource))
    }

    /// Whether one of its patterns of actions covers that action or pattern.
    pub(super) fn has_action(&self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        self.actions.iter().any(|pattern| covers(&pattern.to_ascii_lowercase(), &action))
    }

    /// Whether each of its conditions is one of those, with at least their values, so that it applies
    /// at least where a statement with those conditions does.
    pub(super) fn is_at_most_as_strict(&self, other: &Self) -> bool {
        self.conditions
            .iter()
            .all(|(key, values)| other.conditions.get(key).is_some_and(|it| it.is_subset(values)))
    }

    /// Its pairs of an action and a resource.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let resources = move || self.resources.iter().map(String::as_str);
        let pairs = move |action| resources().map(move |resource| (action, resource));
        self.actions.iter().map(String::as_str).flat_map(pairs)
    }
}

/// Whether a pattern matches every text that the other pattern matches. `*` is any run of characters,
/// `?` one character. It can return `false` for patterns with several wildcards, and never a wrong
/// `true`.
pub(super) fn covers(pattern: &str, other: &str) -> bool {
    let (pattern, other) = (pattern.as_bytes(), other.as_bytes());
    let (mut at, mut to) = (0, 0);
    // Where the last `*` is, and how much of `other` it has taken.
    let mut star: Option<(usize, usize)> = None;
    while let Some(&byte) = other.get(to) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, to));
                at += 1;
            }
            Some(&wanted) if wanted == byte || (wanted == b'?' && byte != b'*') => {
                at += 1;
                to += 1;
            }
            Some(_) | None => match star {
                Some((before, taken)) => {
                    star = Some((before, taken + 1));
                    at = before + 1;
                    to = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_matches_and_no_wider_pattern() {
        for (pattern, other) in [
            ("*", "anything"),
            ("*", "*"),
            ("a*", "a*"),
            ("a*", "ab*"),
            ("sts:*", "sts:assumerole"),
            ("a*c", "abcc"),
            ("a?c", "abc"),
            ("a?c", "a?c"),
            ("arn:aws:iam::1:role/S-*", "arn:aws:iam::1:role/S-production"),
        ] {
            assert!(covers(pattern, other), "{pattern} {other}");
        }
        for (pattern, other) in
            [("a", "b"), ("a", "a*"), ("ab*", "a*"), ("a?c", "a*c"), ("", "a"), ("a*c", "abcd")]
        {
            assert!(!covers(pattern, other), "{pattern} {other}");
        }
    }

    #[test]
    fn statements_are_read_in_each_form_that_iam_accepts() {
        let read = parse(
            r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":["a","b"],"Service":"s"},
            "Action":"STS:AssumeRole","Resource":"*",
            "Condition":{"StringLike":{"sts:SourceIdentity":"sentinel-*"},"Bool":{"k":true}}}}"#,
        )
        .unwrap();
        let [one] = read.as_slice() else { panic!("{read:?}") };
        assert_eq!(one.principals.len(), 3);
        assert!(one.has_action("sts:AssumeRole") && !one.has_action("sts:*"));
        assert_eq!(one.conditions.len(), 2);
        let key = ("stringlike".to_owned(), "sts:sourceidentity".to_owned());
        assert!(one.conditions.contains_key(&key));
        let all = parse(r#"{"Statement":[{"Effect":"Deny","NotAction":"x","Principal":"*"}]}"#);
        let all = all.unwrap();
        assert!(all.iter().all(|one| one.inverted && !one.allows && !one.applies("y", "z")));
        assert_eq!(parse("{}"), None);
        assert_eq!(parse(r#"{"Statement":[{"Effect":"Maybe"}]}"#), None);
    }

    #[test]
    fn fewer_conditions_are_less_strict() {
        let of = |conditions: &str| {
            let text = format!(
                r#"{{"Statement":{{"Effect":"Allow","Action":"a","Resource":"*","Condition":{conditions}}}}}"#
            );
            parse(&text).unwrap().remove(0)
        };
        let (free, one) = (of("{}"), of(r#"{"StringLike":{"k":"a"}}"#));
        let two = of(r#"{"StringLike":{"k":["a","b"]}}"#);
        assert!(free.is_at_most_as_strict(&one) && !one.is_at_most_as_strict(&free));
        assert!(two.is_at_most_as_strict(&one) && !one.is_at_most_as_strict(&two));
    }
}
