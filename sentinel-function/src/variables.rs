//! Variables of the environment. Every problem is reported, not only the first.

use std::collections::BTreeSet;
use std::fmt;

/// A variable that is missing or invalid. Its value is not quoted: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
#[non_exhaustive]
pub struct ConfigError {
    /// The name of the variable.
    pub variable: &'static str,
    /// What is wrong, and what the value must be.
    pub problem: String,
}

/// A problem with a variable that does not stop the function. Its value is not quoted: it may be a
/// secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigWarning {
    /// The name of the variable.
    pub variable: String,
    /// What is doubtful, and what to do.
    pub problem: String,
}

impl ConfigWarning {
    /// A problem with that variable.
    pub fn new(variable: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { variable: variable.into(), problem: problem.into() }
    }
}

/// `VARIABLE: problem`.
impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.problem)
    }
}

/// Reads variables, and collects what is wrong with them.
pub struct Reader<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    errors: Vec<ConfigError>,
    names: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    /// A reader. `variable` returns the value of a variable, if it is set.
    pub fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { variable, errors: Vec::new(), names: BTreeSet::new() }
    }

    /// The value of a variable, if it is set and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// Adds an error.
    pub fn error(&mut self, variable: &'static str, problem: impl Into<String>) {
        self.errors.push(ConfigError { variable, problem: problem.into() });
    }

    /// Parses a variable, if it is set. If `parse` returns `None`, an error is added.
    pub fn read<T>(
        &mut self,
        name: &'static str,
        must_be: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.names.insert(name);
        let text = self.text(name)?;
        let value = parse(&text);
        if value.is_none() {
            self.error(name, format!("must be {must_be}"));
        }
        value
    }

    /// Parses a list, separated by commas. If `parse` returns `None` for an item, an error is added.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        must_be: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.read(name, must_be, |text| text.split(',').map(|item| parse(item.trim())).collect())
    }

    /// Parses the name or the ARN of a DynamoDB table.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
    pub fn table(&mut self, name: &'static str) -> Option<String> {
        let must_be =
            "a table's name, 3 to 255 of `A-Z`, `a-z`, `0-9`, `_`, `-` and `.`, or its ARN";
        self.read(name, must_be, |text| {
            let good = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
            let named = (3..=255).contains(&text.len()) && text.bytes().all(good);
            let arn = text.starts_with("arn:") && text.contains(":table/");
            (named || arn).then(|| text.to_owned())
        })
    }

    /// The variables that were read, whether they are set or not.
    #[must_use]
    pub const fn names(&self) -> &BTreeSet<&'static str> {
        &self.names
    }

    /// Every error that was found.
    #[must_use]
    pub fn into_errors(self) -> Vec<ConfigError> {
        self.errors
    }
}

/// Without the values.
impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("errors", &self.errors).finish_non_exhaustive()
    }
}
