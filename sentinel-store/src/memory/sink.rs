//! Records in memory.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use super::locked;
use crate::{AuditError, AuditSink, Record};

/// Collects records, without bound, so that a test can look at them.
#[derive(Debug, Default)]
pub struct MemorySink {
    records: Mutex<Vec<Record>>,
    failing: AtomicBool,
}

impl MemorySink {
    /// A sink without records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The records so far, in the order in which they were written.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        locked(&self.records).clone()
    }

    /// Takes the records so far out.
    #[must_use]
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut locked(&self.records))
    }

    /// From now on, whether every write fails.
    pub fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }
}

impl AuditSink for MemorySink {
    fn write(&self, record: &Record) -> Result<(), AuditError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(AuditError("the sink was told to fail".into()));
        }
        locked(&self.records).push(record.clone());
        Ok(())
    }
}
