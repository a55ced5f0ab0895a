//! Variables of the environment: every fault is reported, not the first.

use std::collections::BTreeSet;
use std::fmt;

/// A variable that is missing or malformed. Its value is not quoted: it may be
/// a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with it, and what it must be.
    pub problem: String,
}

/// A variable that the function can work with, or without, and that its operator has to look at.
/// Its value is not quoted: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigWarning {
    /// The variable.
    pub variable: String,
    /// What is doubtful about it, and what to do.
    pub problem: String,
}

/// `VARIABLE: problem`.
impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.problem)
    }
}

/// Reads variables and gathers what is wrong with them.
pub struct Reader<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<ConfigError>,
    names: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    /// A reader of what `variable` gives.
    pub fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { variable, faults: Vec::new(), names: BTreeSet::new() }
    }

    /// The value of a variable, if it is set and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// Notes a fault.
    pub fn fault(&mut self, variable: &'static str, problem: impl Into<String>) {
        self.faults.push(ConfigError { variable, problem: problem.into() });
    }

    /// What `parse` makes of a variable, if it is set. That it cannot is a fault.
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
            self.fault(name, format!("must be {must_be}"));
        }
        value
    }

    /// The same for a list, separated by commas.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        must_be: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.read(name, must_be, |text| text.split(',').map(|item| parse(item.trim())).collect())
    }

    /// A DynamoDB table, by name or ARN.
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

    /// Every fault that was found.
    #[must_use]
    pub fn into_faults(self) -> Vec<ConfigError> {
        self.faults
    }
}

/// Without the values.
impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("faults", &self.faults).finish_non_exhaustive()
    }
}
