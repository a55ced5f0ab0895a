//! The policy files that the page shows.

use async_trait::async_trait;
use serde::Serialize;

/// The source of the policy files.
#[async_trait]
pub trait PolicyFiles: std::fmt::Debug + Send + Sync {
    /// The files as they are now.
    ///
    /// # Errors
    /// A text that states why they cannot be read.
    async fn read(&self) -> Result<Vec<PolicyFile>, String>;
}

/// A policy file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PolicyFile {
    /// The name of the file.
    pub file: String,
    /// The text.
    pub text: String,
    /// Whether it is used. The profiles that an unusable file governs are refused.
    pub usable: bool,
    /// The findings in it.
    pub problems: Vec<PolicyProblem>,
}

impl PolicyFile {
    /// A file without findings.
    #[must_use]
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into(), usable: true, problems: Vec::new() }
    }

    /// The same file with findings. `usable` states whether it is used in spite of them.
    #[must_use]
    pub fn with_problems(self, problems: Vec<PolicyProblem>, usable: bool) -> Self {
        Self { problems, usable, ..self }
    }
}

/// A finding in a policy file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PolicyProblem {
    /// `error` or `warning`.
    pub severity: String,
    /// The description.
    pub message: String,
    /// The suggestion for a correction. `None` if there is none.
    pub help: Option<String>,
    /// The line and the column at which the text in question begins, from 1. `None` if the finding is
    /// about the whole file.
    pub position: Option<(u32, u32)>,
}

impl PolicyProblem {
    /// A finding about the whole file.
    #[must_use]
    pub fn new(severity: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: severity.into(), message: message.into(), help: None, position: None }
    }

    /// The same finding about the text at that line and column.
    #[must_use]
    pub fn at(self, line: u32, column: u32) -> Self {
        Self { position: Some((line, column)), ..self }
    }

    /// The same finding with a suggestion.
    #[must_use]
    pub fn with_help(self, help: impl Into<Option<String>>) -> Self {
        Self { help: help.into(), ..self }
    }
}
