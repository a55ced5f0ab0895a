//! An IAM policy document, with its members in the order of IAM's own documents. The
//! other files of the crate have the contents.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

/// An IAM policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

/// A statement of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Statement {
    /// Name of the statement, in letters and digits.
    pub sid: &'static str,
    /// Effect on the actions.
    pub effect: StatementEffect,
    /// The principal. `None` in identity policies, which apply to the identity that has
    /// them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<StatementPrincipal>,
    /// The actions.
    #[serde(serialize_with = "one_or_many")]
    pub action: Vec<&'static str>,
    /// The ARNs. Empty in trust policies, which apply to their own role.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "one_or_many")]
    pub resource: Vec<String>,
    /// Values to compare with, by key, by operator. One of them must match.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "conditions")]
    pub condition: BTreeMap<&'static str, BTreeMap<&'static str, Vec<String>>>,
}

/// The effect of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "IAM has these two effects")]
pub enum StatementEffect {
    /// Allows.
    Allow,
    /// Denies, also what another statement allows.
    Deny,
}

/// The principal of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum StatementPrincipal {
    /// An AWS service.
    Service(&'static str),
    /// A role, by its ARN.
    #[serde(rename = "AWS")]
    Aws(String),
}

impl Document {
    pub(super) const fn new(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }

    /// The statements.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statement
    }
}

impl fmt::Display for Document {
    /// Indented JSON, without a trailing newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?)
    }
}

impl Statement {
    pub(super) fn allow(
        sid: &'static str,
        action: impl IntoIterator<Item = &'static str>,
        resource: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            sid,
            effect: StatementEffect::Allow,
            principal: None,
            action: action.into_iter().collect(),
            resource: resource.into_iter().collect(),
            condition: BTreeMap::new(),
        }
    }

    pub(super) fn deny(
        sid: &'static str,
        action: impl IntoIterator<Item = &'static str>,
        resource: impl IntoIterator<Item = String>,
    ) -> Self {
        Self { effect: StatementEffect::Deny, ..Self::allow(sid, action, resource) }
    }

    pub(super) fn to(self, principal: StatementPrincipal) -> Self {
        Self { principal: Some(principal), ..self }
    }

    pub(super) fn when(
        self,
        operator: &'static str,
        key: &'static str,
        value: impl Into<String>,
    ) -> Self {
        self.when_one_of(operator, key, [value])
    }

    pub(super) fn when_one_of<T: Into<String>>(
        mut self,
        operator: &'static str,
        key: &'static str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.condition.entry(operator).or_default().insert(key, values);
        self
    }
}

/// Writes a list of one item as a text, as IAM's own documents do.
fn one_or_many<S: Serializer, T: Serialize>(items: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    match items {
        [one] => one.serialize(serializer),
        many => many.serialize(serializer),
    }
}

type Conditions = BTreeMap<&'static str, BTreeMap<&'static str, Vec<String>>>;

/// Writes a single value of a condition as a text.
fn conditions<S: Serializer>(conditions: &Conditions, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Values<'a>(#[serde(serialize_with = "one_or_many")] &'a [String]);

    serializer.collect_map(conditions.iter().map(|(operator, keys)| {
        let keys: BTreeMap<_, _> = keys.iter().map(|(key, values)| (key, Values(values))).collect();
        (operator, keys)
    }))
}
