//! Records of what was decided and done, and where they go.

mod lines;
mod metered;
mod record;

pub use lines::JsonLines;
pub use metered::Metered;
pub use record::{
    DecisionRecord, Event, EventKind, Metrics, PolicyUsed, Record, Verdict, rfc3339, rfc3339_option,
};

use std::fmt;

/// A record could not be written. Whatever it was about must not happen.
#[derive(Debug, thiserror::Error)]
#[error("the record could not be written")]
pub struct AuditError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Takes records. Synchronous on purpose: when it returns, the record is out,
/// and the answer may leave.
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Writes one record, whole, as one line.
    ///
    /// # Errors
    /// When it could not be written.
    fn write(&self, record: &Record) -> Result<(), AuditError>;
}
