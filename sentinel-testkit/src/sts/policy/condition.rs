//! Conditions: `{"StringLike": {"sts:SourceIdentity": "sentinel-*"}}`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::Value;

use super::matches;

/// The values that conditions can see, by key. A key that is not in the map is absent. Keys are not
/// case-sensitive.
#[derive(Clone, Debug, Default)]
pub(in crate::sts) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Sets the values of a key.
    pub(in crate::sts) fn set<T: Into<String>>(
        &mut self,
        key: &str,
        values: impl IntoIterator<Item = T>,
    ) {
        self.0.insert(key.to_ascii_lowercase(), values.into_iter().map(Into::into).collect());
    }

    fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }
}

/// How a wanted value is compared with a given value.
#[derive(Clone, Copy, Debug)]
enum Compare {
    Equal,
    EqualIgnoringCase,
    Like,
    /// Dates and numbers: the required order of the given value relative to the wanted one.
    Date(Order),
    Number(Order),
    Bool,
    /// Whether the key is absent.
    Null,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn matches<T: PartialOrd>(self, given: &T, wanted: &T) -> bool {
        match self {
            Self::Equal => given == wanted,
            Self::Less => given < wanted,
            Self::LessOrEqual => given <= wanted,
            Self::Greater => given > wanted,
            Self::GreaterOrEqual => given >= wanted,
        }
    }
}

/// For keys with several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// No set operator: one matching value is enough.
    Any,
    /// `ForAllValues:`, which also matches if the key is absent.
    ForAll,
}

#[derive(Clone, Debug)]
struct Condition {
    compare: Compare,
    negated: bool,
    if_exists: bool,
    set: Set,
    key: String,
    wanted: Vec<String>,
}

/// The conditions of a statement. All of them must match.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions(Vec<Condition>);

impl Conditions {
    pub(super) fn read(value: Option<&Value>) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("Syntax errors in policy: {what}"));
        let Some(value) = value else { return Ok(Self::default()) };
        let Value::Object(operators) = value else {
            return wrong("Condition is not an object");
        };
        let mut conditions = Vec::new();
        for (name, keys) in operators {
            let Value::Object(keys) = keys else {
                return wrong("the value of a condition operator is not an object");
            };
            for (key, wanted) in keys {
                let Some(wanted) = values(wanted) else {
                    return wrong("a condition's values are texts, numbers or truth values");
                };
                if ["IpAddress", "NotIpAddress", "BinaryEquals"].contains(&name.as_str()) {
                    return Err(format!("this stand-in does not model the condition {name}"));
                }
                let Some(condition) = Condition::named(name, key, wanted) else {
                    return Err(format!("Invalid Condition type : {name}"));
                };
                conditions.push(condition);
            }
        }
        Ok(Self(conditions))
    }

    pub(super) fn all_match(&self, context: &Context) -> bool {
        self.0.iter().all(|condition| condition.matches(context))
    }
}

impl Condition {
    /// The condition for an operator's name; `None` if IAM does not have this operator.
    fn named(name: &str, key: &str, wanted: Vec<String>) -> Option<Self> {
        let (set, name) = if let Some(name) = name.strip_prefix("ForAllValues:") {
            (Set::ForAll, name)
        } else {
            (Set::Any, name.strip_prefix("ForAnyValue:").unwrap_or(name))
        };
        let (if_exists, name) =
            name.strip_suffix("IfExists").map_or((false, name), |name| (true, name));
        let (compare, negated) = match name {
            "StringEquals" => (Compare::Equal, false),
            "StringNotEquals" => (Compare::Equal, true),
            "StringEqualsIgnoreCase" => (Compare::EqualIgnoringCase, false),
            "StringNotEqualsIgnoreCase" => (Compare::EqualIgnoringCase, true),
            "StringLike" | "ArnLike" | "ArnEquals" => (Compare::Like, false),
            "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (Compare::Like, true),
            "DateEquals" => (Compare::Date(Order::Equal), false),
            "DateNotEquals" => (Compare::Date(Order::Equal), true),
            "DateLessThan" => (Compare::Date(Order::Less), false),
            "DateLessThanEquals" => (Compare::Date(Order::LessOrEqual), false),
            "DateGreaterThan" => (Compare::Date(Order::Greater), false),
            "DateGreaterThanEquals" => (Compare::Date(Order::GreaterOrEqual), false),
            "NumericEquals" => (Compare::Number(Order::Equal), false),
            "NumericNotEquals" => (Compare::Number(Order::Equal), true),
            "NumericLessThan" => (Compare::Number(Order::Less), false),
            "NumericLessThanEquals" => (Compare::Number(Order::LessOrEqual), false),
            "NumericGreaterThan" => (Compare::Number(Order::Greater), false),
            "NumericGreaterThanEquals" => (Compare::Number(Order::GreaterOrEqual), false),
            "Bool" => (Compare::Bool, false),
            "Null" if !if_exists => (Compare::Null, false),
            _ => return None,
        };
        Some(Self { compare, negated, if_exists, set, key: key.to_owned(), wanted })
    }

    fn matches(&self, context: &Context) -> bool {
        let given = context.get(&self.key);
        if let Compare::Null = self.compare {
            let absent = given.is_none().to_string();
            return self.wanted.contains(&absent);
        }
        let Some(given) = given else {
            // The key is absent. A negated operator matches, and so do `…IfExists` and
            // `ForAllValues:`.
            return self.negated || self.if_exists || self.set == Set::ForAll;
        };
        let matches_one = |value: &String| {
            self.wanted.iter().any(|wanted| self.compare.matches(value, wanted)) != self.negated
        };
        match self.set {
            Set::ForAll => given.iter().all(matches_one),
            Set::Any => given.iter().any(matches_one),
        }
    }
}

impl Compare {
    fn matches(self, given: &str, wanted: &str) -> bool {
        match self {
            Self::Equal => given == wanted,
            Self::EqualIgnoringCase => given.to_lowercase() == wanted.to_lowercase(),
            Self::Like => matches(wanted, given),
            Self::Date(order) => {
                let dates =
                    (DateTime::parse_from_rfc3339(given), DateTime::parse_from_rfc3339(wanted));
                matches!(dates, (Ok(given), Ok(wanted)) if order.matches(&given, &wanted))
            }
            Self::Number(order) => {
                let numbers = (given.parse::<f64>(), wanted.parse::<f64>());
                matches!(numbers, (Ok(given), Ok(wanted)) if order.matches(&given, &wanted))
            }
            Self::Bool => given.eq_ignore_ascii_case(wanted),
            Self::Null => false,
        }
    }
}

/// One value or several, as strings.
fn values(value: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Array(items) => items.iter().map(one).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            one(value).map(|value| vec![value])
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn all_match(conditions: &Value, context: &[(&str, &[&str])]) -> bool {
        let mut seen = Context::default();
        for (key, values) in context {
            seen.set(key, values.iter().copied());
        }
        Conditions::read(Some(conditions)).unwrap().all_match(&seen)
    }

    #[test]
    fn an_absent_key_matches_only_operators_that_allow_it() {
        for (operator, expected) in [
            ("StringLike", false),
            ("StringEquals", false),
            ("StringNotLike", true),
            ("StringLikeIfExists", true),
            ("ForAllValues:StringEquals", true),
            ("ForAnyValue:StringEquals", false),
        ] {
            assert_eq!(all_match(&json!({ operator: { "k": "v" } }), &[]), expected, "{operator}");
        }
        assert!(all_match(&json!({ "Null": { "k": "true" } }), &[]));
        assert!(!all_match(&json!({ "Null": { "k": "true" } }), &[("K", &["v"])]));
    }

    #[test]
    fn all_conditions_must_match_and_one_value_is_enough() {
        let both = json!({ "StringLike": { "a": ["x-*", "y-*"] }, "StringEquals": { "b": "1" } });
        assert!(all_match(&both, &[("a", &["y-2"]), ("b", &["1"])]));
        assert!(!all_match(&both, &[("a", &["y-2"]), ("b", &["2"])]));
        assert!(!all_match(&both, &[("a", &["z-2"]), ("b", &["1"])]));
        let all = json!({ "ForAllValues:StringEquals": { "t": ["A", "B"] } });
        assert!(all_match(&all, &[("t", &["A", "B"])]));
        assert!(!all_match(&all, &[("t", &["A", "C"])]));
    }

    #[test]
    fn dates_are_compared_as_instants() {
        let from =
            json!({ "DateGreaterThanEquals": { "aws:CurrentTime": "2026-01-31T12:00:00Z" } });
        assert!(all_match(&from, &[("aws:CurrentTime", &["2026-01-31T12:00:00Z"])]));
        assert!(!all_match(&from, &[("aws:CurrentTime", &["2026-01-31T11:59:59Z"])]));
    }

    #[test]
    fn an_operator_that_iam_does_not_have_is_refused() {
        for wrong in [
            json!({ "StringAlike": { "a": "b" } }),
            json!({ "StringLike": "b" }),
            json!({ "StringLike": { "a": { "b": "c" } } }),
            json!([]),
        ] {
            assert!(Conditions::read(Some(&wrong)).is_err(), "{wrong}");
        }
    }
}
