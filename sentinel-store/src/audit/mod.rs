//! The records of decisions and events, and the sinks that write them.

mod decision;
mod event;
mod lines;
mod metered;
mod metrics;
mod record;

pub use decision::{
    DecisionFields, DecisionRecord, PolicyDecision, PolicyUsed, RecordedDevice, RecordedEffect,
};
pub use event::{Event, EventKind};
pub use lines::JsonLines;
pub use metered::Metered;
pub use metrics::Metrics;
pub use record::Record;

use std::fmt;

/// A record could not be written. The recorded action must not happen.
#[derive(Debug, thiserror::Error)]
#[error("the record could not be written")]
pub struct AuditError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl AuditError {
    /// A failed write, with its cause.
    #[must_use]
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Writes records. It is synchronous on purpose: when it returns, the record is written,
/// and the response may be sent.
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Writes one record as one complete line.
    ///
    /// # Errors
    /// If it could not be written.
    fn write(&self, record: &Record) -> Result<(), AuditError>;
}
