//! Limits the rate of a log line that is not useful on every occurrence.

use std::time::{Duration, Instant};

/// Minimum time between two lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// When the last line was written.
#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    last: Option<Instant>,
    skipped: u64,
}

impl LogLimit {
    /// Whether to write a line now, and the number of lines omitted since the last
    /// one.
    pub(crate) fn now(&mut self) -> Option<u64> {
        if self.last.is_some_and(|last| last.elapsed() < INTERVAL) {
            self.skipped += 1;
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.skipped))
    }
}
