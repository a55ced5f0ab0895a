//! The records of decisions and events, and the sinks that write them.

mod lines;
mod metered;
mod record;

pub use lines::JsonLines;
pub use metered::Metered;
pub use record::{DecisionRecord, Event, EventKind, Metrics, PolicyUsed, Record, Verdict};

use std::fmt;

/// A record could not be written. The recorded action must not happen.
#[derive(Debug, thiserror::Error)]
#[error("the record could not be written")]
pub struct AuditError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Writes records. It is synchronous on purpose: when it returns, the record is written,
/// and the response may be sent.
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Writes one record as one complete line.
    ///
    /// # Errors
    /// If it could not be written.
    fn write(&self, record: &Record) -> Result<(), AuditError>;
}
