//! Records in memory.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use super::locked;
use crate::{AuditError, AuditSink, Record};

/// Collects records without a limit, for tests.
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

    /// The records so far, in the order of their writes.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        locked(&self.records).clone()
    }

    /// Removes and returns the records so far.
    #[must_use]
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut locked(&self.records))
    }

    /// Makes every write fail from now on, or succeed again.
    pub fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }
}

impl AuditSink for MemorySink {
    fn write(&self, record: &Record) -> Result<(), AuditError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(AuditError::new("injected"));
        }
        locked(&self.records).push(record.clone());
        Ok(())
    }
}
