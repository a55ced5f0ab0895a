//! How a command can end, and the exit status of each end.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use sentinel_store::Causes;

/// A command did what it was asked, and its answer is yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Done; exit 0.
    Done,
    /// The answer is no: findings, denied, different; exit 1.
    No,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::No => Self::from(1),
        }
    }
}

/// A command could not give its answer.
#[derive(Debug)]
pub enum Failure {
    /// The TVM refused; exit 1.
    Refused(crate::client::Refused),
    /// The command was given wrongly in a way that the parser of arguments
    /// cannot see; exit 2.
    Usage(String),
    /// It could not be done; exit 3.
    Undone {
        /// What could not be done.
        what: String,
        /// Why.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Whoever read the output has gone; nothing is said about it; exit 3.
    Closed,
}

impl Failure {
    /// It could not be done, and the text says all that there is to say.
    pub(crate) fn undone(what: impl Into<String>) -> Self {
        Self::Undone { what: what.into(), source: None }
    }

    /// It could not be done, because of `source`.
    pub(crate) fn because(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Undone { what: what.into(), source: Some(source.into()) }
    }

    /// The output could not be written.
    pub(crate) fn output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Closed
        } else {
            Self::because("cannot write the output", error)
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Usage(what) => f.write_str(what),
            Self::Undone { what, source } => {
                f.write_str(what)?;
                match source {
                    Some(source) => write!(f, ": {}", Causes(source.as_ref())),
                    None => Ok(()),
                }
            }
            Self::Closed => f.write_str("the output was closed"),
        }
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(_) => Self::from(1),
            Failure::Usage(_) => Self::from(2),
            Failure::Undone { .. } | Failure::Closed => Self::from(3),
        }
    }
}
