//! The outcomes of a command, and the exit status of each.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use sentinel_client::ClientError;
use sentinel_store::Causes;

use super::{Refused, printable};

/// The outcome of a command that completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Outcome {
    /// The command succeeded; exit 0.
    Done,
    /// The result is negative: findings, denied, different; exit 1.
    No,
    /// The exit status of a program that the command ran.
    Status(u8),
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::No => Self::from(1),
            Outcome::Status(status) => Self::from(status),
        }
    }
}

/// The reason why a command did not complete.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The TVM refused; exit 1.
    Refused(Refused),
    /// The arguments are invalid in a way that the argument parser cannot detect;
    /// exit 2.
    Usage(String),
    /// The operation failed; exit 3.
    Other {
        /// The operation that failed.
        what: String,
        /// The cause.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The reader closed the output. No message is written; exit 3.
    Closed,
}

impl Failure {
    /// The operation failed, and the text is the complete message.
    pub(crate) fn other(what: impl Into<String>) -> Self {
        Self::Other { what: what.into(), source: None }
    }

    /// The operation failed because of `source`.
    pub(crate) fn because(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Other { what: what.into(), source: Some(source.into()) }
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

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::from(&error)
    }
}

impl From<&ClientError> for Failure {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other error is one of exit 3, and its text is complete"
    )]
    fn from(error: &ClientError) -> Self {
        match error {
            ClientError::Invalid(response) => Self::Usage(Refused::from(response).to_string()),
            ClientError::Refused(response) => Self::Refused(Refused::from(response)),
            ClientError::Failed(response) => {
                Self::other(format!("the TVM failed: {}", Refused::from(response)))
            }
            // The cause is a failure of this command, whose text is complete.
            ClientError::Credentials(error) if let Some(cause) = error.source() => {
                Self::other(printable(&Causes(cause).to_string()))
            }
            error => Self::other(printable(&Causes(error).to_string())),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Usage(what) => f.write_str(what),
            Self::Other { what, source } => {
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
            Failure::Other { .. } | Failure::Closed => Self::from(3),
        }
    }
}
